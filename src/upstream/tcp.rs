//! Asking an upstream over TCP: one connection, kept, with queries in a row and answers in any order (RFC 7766).

use super::{
    ForwardError, clock,
    flight::{Flight, News},
    lock,
    message::{self, Case, Fit},
    server::Server,
    shared::Shared,
};
use crate::dns::{Answer, Rcode};
use rand::RngExt as _;
use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    pin::pin,
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::{
    io::Interest,
    net::TcpStream,
    sync::mpsc::{self, error::TrySendError},
    task::AbortHandle,
    time,
};

/// How long a connection may take to be made.
const CONNECT_MAX: Duration = Duration::from_millis(1500);

/// How long a connection without queries is kept.
const IDLE_MAX: Duration = Duration::from_secs(10);

/// How long a connection with queries may be silent before it counts as dead.
const STALL_MAX: Duration = Duration::from_secs(4);

/// How many queries wait for a connection.
const JOBS_MAX: usize = 1024;

/// How many queries are out on a connection.
const PIPELINE_MAX: usize = 1024;

/// On how many connections a query is tried after its first.
const TRIES_MAX: u8 = 16;

/// How much is read at once.
const READ_LEN: usize = 16 * 1024;

/// A query that goes over TCP.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) flight: Arc<Flight>,
    pub(super) sent: Instant,
    pub(super) edns: bool,
    /// On how many connections it was out before.
    pub(super) tries: u8,
}

/// The connection to one upstream, made when it is needed.
#[derive(Debug)]
pub(super) struct Tcp {
    target: SocketAddr,
    line: Mutex<Option<Line>>,
}

#[derive(Debug)]
struct Line {
    jobs: mpsc::Sender<Job>,
    task: AbortHandle,
}

impl Tcp {
    pub(super) const fn new(target: SocketAddr) -> Self {
        Self { target, line: Mutex::new(None) }
    }

    /// Hands a query over. News arrive in its flight's mailbox.
    pub(super) fn submit(
        &self,
        shared: &Arc<Shared>,
        server: &Arc<Server>,
        job: Job,
    ) -> Result<(), ForwardError> {
        let mut line = lock(&self.line);
        let job = match line.as_ref().map(|it| &it.jobs) {
            None => job,
            Some(jobs) => match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(ForwardError::Busy),
                Err(TrySendError::Closed(job)) => job,
            },
        };
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        jobs.try_send(job).map_err(|_| ForwardError::Busy)?;
        let task = tokio::spawn(run(Arc::clone(shared), Arc::clone(server), self.target, queue));
        *line = Some(Line { jobs, task: task.abort_handle() });
        Ok(())
    }

    /// Ends the connection without more ado.
    pub(super) fn abort(&self) {
        if let Some(line) = lock(&self.line).take() {
            line.task.abort();
        }
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.abort();
    }
}

/// Connects, serves until the end, and hands on what is left.
async fn run(
    shared: Arc<Shared>,
    server: Arc<Server>,
    target: SocketAddr,
    mut jobs: mpsc::Receiver<Job>,
) {
    let connected = time::timeout(CONNECT_MAX, TcpStream::connect(target)).await;
    let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    let mut left = Vec::new();
    let (failure, retry) = match connected.and_then(|it| Connection::new(&shared, &server, it)) {
        Ok(mut connection) => {
            let error = connection.serve(&mut jobs).await.err();
            left.extend(connection.out.drain().map(|(_, it)| it.job));
            let kind = error.map_or(io::ErrorKind::ConnectionAborted, |it| it.kind());
            (kind, connection.answered)
        }
        Err(error) => {
            server.unreachable();
            (error.kind(), false)
        }
    };
    jobs.close();
    // A connection that served may have been closed for its age alone, and some servers close after each answer: what such a
    // one left is asked again.
    let mut again = Vec::new();
    while let Ok(job) = jobs.try_recv() {
        left.push(job);
    }
    for job in left {
        if retry && job.tries < TRIES_MAX && !job.flight.landed() {
            again.push(Job { tries: job.tries + 1, ..job });
        } else {
            fail(&server, &job.flight, ForwardError::Network(failure));
        }
    }
    for job in again {
        let flight = Arc::clone(&job.flight);
        if let Err(failure) = server.tcp.submit(&shared, &server, job) {
            fail(&server, &flight, failure);
        }
    }
}

fn fail(server: &Server, flight: &Flight, failure: ForwardError) {
    flight.post(server.key, News::Failed { failure, over_tcp: true });
}

struct Connection<'a> {
    shared: &'a Shared,
    server: &'a Server,
    stream: TcpStream,
    local: SocketAddr,
    out: HashMap<u16, Out>,
    input: Vec<u8>,
    output: Vec<u8>,
    last_news: Instant,
    /// Whether any answer came.
    answered: bool,
}

struct Out {
    job: Job,
    case: Case,
}

impl<'a> Connection<'a> {
    fn new(shared: &'a Shared, server: &'a Server, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let local = stream.local_addr()?;
        shared.own.open_tcp(local);
        Ok(Self {
            shared,
            server,
            stream,
            local,
            out: HashMap::new(),
            input: Vec::new(),
            output: Vec::new(),
            last_news: clock::now(),
            answered: false,
        })
    }

    /// Works until the connection idles (`Ok`) or breaks.
    async fn serve(&mut self, jobs: &mut mpsc::Receiver<Job>) -> io::Result<()> {
        let mut timer = pin!(time::sleep(IDLE_MAX));
        loop {
            let interest = if self.output.is_empty() {
                Interest::READABLE
            } else {
                Interest::READABLE | Interest::WRITABLE
            };
            tokio::select! {
                job = jobs.recv(), if self.out.len() < PIPELINE_MAX => {
                    let Some(job) = job else { return Ok(()) };
                    self.take(job);
                    while self.out.len() < PIPELINE_MAX && let Ok(job) = jobs.try_recv() {
                        self.take(job);
                    }
                    self.write()?;
                }
                ready = self.stream.ready(interest) => {
                    let ready = ready?;
                    if ready.is_readable() {
                        self.read()?;
                    }
                    if ready.is_writable() {
                        self.write()?;
                    }
                }
                () = timer.as_mut() => {
                    let now = clock::now();
                    self.out.retain(|_, it| !it.job.flight.landed());
                    let limit = if self.out.is_empty() { IDLE_MAX } else { STALL_MAX };
                    let end = self.last_news + limit;
                    if now >= end {
                        return if self.out.is_empty() { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) };
                    }
                    timer.as_mut().reset((now + (end - now).min(STALL_MAX)).into());
                }
            }
        }
    }

    fn take(&mut self, job: Job) {
        if job.flight.landed() {
            return;
        }
        if self.out.is_empty() {
            self.last_news = clock::now();
        }
        let id = loop {
            let id = rand::rng().random();
            if !self.out.contains_key(&id) {
                break id;
            }
        };
        let case = self.server.health.case();
        let packet = message::query(&job.flight.ask, id, case, job.edns);
        let len = u16::try_from(packet.len()).expect("a query is short");
        self.output.extend(len.to_be_bytes());
        self.output.extend_from_slice(&packet);
        self.shared.counters.queries_tcp.fetch_add(1, Relaxed);
        self.out.insert(id, Out { job, case });
    }

    fn write(&mut self) -> io::Result<()> {
        while !self.output.is_empty() {
            match self.stream.try_write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => drop(self.output.drain(..len)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read(&mut self) -> io::Result<()> {
        loop {
            self.input.reserve(READ_LEN);
            match self.stream.try_read_buf(&mut self.input) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => self.frames(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.input.is_empty() {
            self.input.shrink_to(READ_LEN);
        }
        Ok(())
    }

    /// Takes every whole message off the input; what stays is less than one, so at most 65,537 octets and one read.
    fn frames(&mut self) {
        let now = clock::now();
        let input = std::mem::take(&mut self.input);
        let mut rest = input.as_slice();
        while let Some((len, after)) = rest.split_first_chunk::<2>()
            && let Some((frame, after)) =
                after.split_at_checked(usize::from(u16::from_be_bytes(*len)))
        {
            self.frame(frame, now);
            rest = after;
        }
        let used = input.len() - rest.len();
        self.input = input;
        self.input.drain(..used);
    }

    fn frame(&mut self, frame: &[u8], now: Instant) {
        let found = message::id(frame).and_then(|id| Some((id, self.out.get(&id)?)));
        let fitting = found.filter(|(_, out)| {
            matches!(
                message::fit(frame, &out.job.flight.ask, out.case),
                Fit::Whole | Fit::OtherCase | Fit::Header
            )
        });
        let Some((id, _)) = fitting else {
            self.shared.counters.forged.fetch_add(1, Relaxed);
            return;
        };
        let Some(Out { job, case }) = self.out.remove(&id) else { return };
        self.last_news = now;
        self.answered = true;
        let health = &self.server.health;
        let fit = message::fit(frame, &job.flight.ask, case);
        if fit == Fit::OtherCase {
            health.case_lost();
        }
        if self.server.ports.is_none() {
            self.server.answered(now.saturating_duration_since(job.sent));
        }
        let ask = &job.flight.ask;
        let read = match fit {
            Fit::Header => None,
            _ => Answer::from_reply(frame, id, &ask.name, ask.qtype, ask.qclass).ok(),
        };
        let rejects = read.as_ref().is_none_or(|it| rejects_edns(it.rcode()));
        let news = match read {
            _ if job.edns && rejects && fit == Fit::Header => News::NoEdns,
            Some(_) if job.edns && rejects => News::NoEdns,
            Some(answer) => {
                if !job.edns && !rejects && health.edns(now) {
                    health.edns_off(now);
                }
                self.shared.counters.replies.fetch_add(1, Relaxed);
                News::Answer(answer)
            }
            None => News::Failed { failure: ForwardError::Malformed, over_tcp: true },
        };
        job.flight.post(self.server.key, news);
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.shared.own.close_tcp(self.local);
    }
}

/// Whether a server that says so may not understand EDNS (RFC 6891 section 7).
pub(super) const fn rejects_edns(rcode: Rcode) -> bool {
    matches!(rcode, Rcode::FORMERR | Rcode::NOTIMP | Rcode::BADVERS)
}
