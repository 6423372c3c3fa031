//! The line to one upstream: queries that wait for a connection, the connection, and what becomes of those it leaves.

use super::{
    ForwardError, Url, connect,
    flight::{Flight, News},
    http3, https, lock,
    message::{Case, Fit},
    quic,
    server::Server,
    shared::Shared,
    tcp,
};
use crate::dns::{Answer, Rcode};
use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    task::AbortHandle,
    time,
};

/// How long a plain connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_millis(1500);

/// The same with a name to be looked up and a handshake to be made.
const CONNECT_SECURE_MAX: Duration = Duration::from_secs(4);

/// How many queries wait for a connection.
const JOBS_MAX: usize = 1024;

/// On how many connections a query is tried after its first, where each gave some answer.
const TRIES_MAX: u8 = 16;

/// The same where the last one gave none: what closed it may have been another query on it.
const TRIES_UNANSWERED_MAX: u8 = 1;

/// A query that goes over a connection.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) flight: Arc<Flight>,
    pub(super) sent: Instant,
    pub(super) edns: bool,
    /// On how many connections it was out before.
    pub(super) tries: u8,
}

/// How a connection ended.
pub(super) struct End {
    /// Why, where it broke.
    pub(super) error: Option<io::Error>,
    /// Queries that it leaves without an answer.
    pub(super) left: Vec<Job>,
    /// Whether any answer came.
    pub(super) answered: bool,
}

/// The connection to one upstream, made when it is needed.
#[derive(Debug)]
pub(super) struct Line {
    current: Mutex<Option<Current>>,
    /// How many connections there are: while one ends, the next may be there already.
    connected: AtomicUsize,
}

#[derive(Debug)]
struct Current {
    jobs: mpsc::Sender<Job>,
    task: AbortHandle,
}

impl Line {
    pub(super) const fn new() -> Self {
        Self { current: Mutex::new(None), connected: AtomicUsize::new(0) }
    }

    /// Whether queries leave at once, without a connection to be made first.
    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Relaxed) > 0
    }

    /// Hands a query over. News are posted to its flight.
    pub(super) fn submit(
        &self,
        shared: &Arc<Shared>,
        server: &Arc<Server>,
        job: Job,
    ) -> Result<(), ForwardError> {
        let mut current = lock(&self.current);
        let job = match current.as_ref().map(|it| &it.jobs) {
            None => job,
            Some(jobs) => match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(ForwardError::Busy),
                Err(TrySendError::Closed(job)) => job,
            },
        };
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        jobs.try_send(job).map_err(|_| ForwardError::Busy)?;
        let task = tokio::spawn(run(Arc::clone(shared), Arc::clone(server), queue));
        *current = Some(Current { jobs, task: task.abort_handle() });
        Ok(())
    }

    /// Ends the connection without more ado.
    pub(super) fn abort(&self) {
        if let Some(current) = lock(&self.current).take() {
            current.task.abort();
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Connects, serves until the end, and hands on what is left.
async fn run(shared: Arc<Shared>, server: Arc<Server>, mut jobs: mpsc::Receiver<Job>) {
    let served = connect_and_serve(&shared, &server, &mut jobs).await;
    let (failure, tries_max, mut left) = match served {
        Ok(End { error, left, answered }) => {
            let failure = error.map_or(io::ErrorKind::ConnectionAborted, |it| it.kind());
            (failure, tries_max(answered), left)
        }
        Err(error) => {
            server.unreachable(Some(&error));
            (error.kind(), 0, Vec::new())
        }
    };
    jobs.close();
    while let Ok(job) = jobs.try_recv() {
        left.push(job);
    }
    hand_on(&shared, &server, left, failure, tries_max);
}

/// How often what a connection left may have been tried again before.
pub(super) const fn tries_max(answered: bool) -> u8 {
    if answered { TRIES_MAX } else { TRIES_UNANSWERED_MAX }
}

/// Hands on what a connection left. One that served may have been closed for its age alone, and some servers close after each answer:
/// what such a one left is asked again.
pub(super) fn hand_on(
    shared: &Arc<Shared>,
    server: &Arc<Server>,
    left: Vec<Job>,
    failure: io::ErrorKind,
    tries_max: u8,
) {
    for job in left {
        let flight = Arc::clone(&job.flight);
        let again = job.tries < tries_max && !flight.landed();
        let handed_on = if again {
            server.line.submit(shared, server, Job { tries: job.tries + 1, ..job })
        } else {
            Err(ForwardError::Network(failure))
        };
        if let Err(failure) = handed_on {
            fail(server, &flight, failure);
        }
    }
}

/// Serves until the connection ends; an error where it does not come about.
async fn connect_and_serve(
    shared: &Arc<Shared>,
    server: &Arc<Server>,
    jobs: &mut mpsc::Receiver<Job>,
) -> io::Result<End> {
    match &server.url {
        Url::Udp(address) | Url::Tcp(address) => {
            let link = in_time(server, connect::plain(*address)).await?;
            Ok(tcp::serve(shared, server, link, jobs).await)
        }
        Url::Tls(to) => {
            let link = in_time(server, connect::tls(shared, server, to)).await?;
            Ok(tcp::serve(shared, server, link, jobs).await)
        }
        Url::Https(to, path) => {
            let link = in_time(server, connect::https(shared, server, to)).await?;
            Ok(https::serve(shared, server, link, jobs, (to, path)).await)
        }
        Url::Http3(to, path) => {
            let link = in_time(server, http3::connect(shared, server, to)).await?;
            Ok(http3::serve(shared, server, link, jobs, (to, path)).await)
        }
        Url::Quic(to) => {
            let link = in_time(server, quic::connect(shared, server, to)).await?;
            Ok(quic::serve(shared, server, link, jobs).await)
        }
    }
}

/// A connection, unless it takes too long.
async fn in_time<L>(
    server: &Server,
    connecting: impl Future<Output = io::Result<L>>,
) -> io::Result<L> {
    let within = if server.url.is_secure() { CONNECT_SECURE_MAX } else { CONNECT_MAX };
    let connected = time::timeout(within, connecting).await;
    let link = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    Ok(link)
}

/// A connection that there is, counted until it is dropped.
pub(super) struct Connected<'a>(&'a Line);

impl Connected<'_> {
    pub(super) fn new(line: &Line) -> Connected<'_> {
        line.connected.fetch_add(1, Relaxed);
        Connected(line)
    }
}

impl Drop for Connected<'_> {
    fn drop(&mut self) {
        self.0.connected.fetch_sub(1, Relaxed);
    }
}

fn fail(server: &Server, flight: &Flight, failure: ForwardError) {
    flight.post(server.key, News::Failed { failure, over_tcp: true });
}

/// Takes a reply in and tells its flight. `fit` says how the reply stands to the query that was sent with `id` and `case`.
pub(super) fn deliver(
    shared: &Shared,
    server: &Server,
    job: &Job,
    reply: &[u8],
    (id, fit): (u16, Fit),
    now: Instant,
) {
    let health = &server.health;
    if fit == Fit::OtherCase {
        health.case_lost(now);
    }
    if server.ports.is_none() {
        server.answered(now.saturating_duration_since(job.sent));
    } else {
        server.heard();
    }
    let ask = &job.flight.ask;
    let read = match fit {
        Fit::Foreign => None,
        Fit::Whole | Fit::OtherCase | Fit::Header | Fit::Failure => {
            Answer::from_reply(reply, id, &ask.name, ask.qtype, ask.qclass).ok()
        }
    };
    if job.edns && read.is_some() {
        health.learn_edns(reply);
    }
    let rejects = read.as_ref().is_none_or(|it| rejects_edns(it.rcode()));
    let news = match read {
        _ if job.edns && rejects && fit == Fit::Header => News::NoEdns,
        Some(_) if job.edns && rejects => News::NoEdns,
        Some(answer) => {
            if !job.edns && !rejects && health.edns(now) {
                health.edns_off(now);
            }
            shared.counters.replies.fetch_add(1, Relaxed);
            News::Answer(answer)
        }
        None => News::Failed { failure: ForwardError::Malformed, over_tcp: true },
    };
    job.flight.post(server.key, news);
}

/// Whether a server that says so may not understand EDNS (RFC 6891 section 7).
pub(super) const fn rejects_edns(rcode: Rcode) -> bool {
    matches!(rcode, Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS)
}

/// Which case the letters of a query's name are sent in: nobody can forge what a secure connection carries.
pub(super) fn case(server: &Server) -> Case {
    if server.url.is_secure() { Case::LOWER } else { server.health.case() }
}

/// How long a connection without queries is kept.
pub(super) fn idle_max(server: &Server) -> Duration {
    // A handshake costs three round trips, so that what took one is kept longer.
    Duration::from_secs(if server.url.is_secure() { 60 } else { 10 })
}

/// When a connection with queries counts as dead unless news come.
pub(super) const STALL_MAX: Duration = Duration::from_secs(4);
