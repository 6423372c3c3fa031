//! Asking an upstream over TCP or TLS: one connection, kept, with queries in a row and answers in any order (RFC 7766).

use super::{
    clock,
    connect::Link,
    line::{self, Connected, End, Job, STALL_MAX},
    message::{self, Case, Fit},
    server::Server,
    shared::Shared,
};
use rand::RngExt as _;
use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    pin::{Pin, pin},
    sync::atomic::Ordering::Relaxed,
    task::{Poll, ready},
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWrite},
    sync::mpsc,
    time,
};

/// How many queries are out on a connection.
const PIPELINE_MAX: usize = 1024;

/// How much is read at once.
const READ_LEN: usize = 16 * 1024;

/// Works until the connection idles or breaks.
pub(super) async fn serve(
    shared: &Shared,
    server: &Server,
    link: Link,
    jobs: &mut mpsc::Receiver<Job>,
) -> End {
    let mut connection = Connection {
        shared,
        server,
        out: HashMap::new(),
        input: Vec::new(),
        output: Vec::new(),
        unflushed: false,
        last_news: clock::now(),
        answered: false,
    };
    let _connected = Connected::new(&server.line);
    let _own = shared.own.tcp_guard(link.local);
    let error = connection.serve(link, jobs).await.err();
    let left = connection.out.drain().map(|(_, it)| it.job).collect();
    End { error, left, answered: connection.answered }
}

struct Connection<'a> {
    shared: &'a Shared,
    server: &'a Server,
    out: HashMap<u16, Out>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// The stream may hold octets that have not left.
    unflushed: bool,
    last_news: Instant,
    /// Whether any answer came.
    answered: bool,
}

struct Out {
    job: Job,
    case: Case,
}

impl Connection<'_> {
    async fn serve(&mut self, link: Link, jobs: &mut mpsc::Receiver<Job>) -> io::Result<()> {
        let idle_max = line::idle_max(self.server);
        let (mut reader, mut writer) = tokio::io::split(link.stream);
        let mut timer = pin!(time::sleep(STALL_MAX));
        loop {
            self.input.reserve(READ_LEN);
            tokio::select! {
                job = jobs.recv(), if self.out.len() < PIPELINE_MAX => {
                    let Some(job) = job else { return Ok(()) };
                    self.take(job);
                    while self.out.len() < PIPELINE_MAX && let Ok(job) = jobs.try_recv() {
                        self.take(job);
                    }
                }
                read = reader.read_buf(&mut self.input) => match read? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    _ => self.frames(),
                },
                written = write_or_flush(&mut writer, &self.output), if self.unflushed => {
                    let len = written?;
                    self.unflushed = !self.output.is_empty();
                    self.output.drain(..len);
                }
                () = timer.as_mut() => {
                    let now = clock::now();
                    self.out.retain(|_, it| !it.job.flight.landed());
                    let limit = if self.out.is_empty() { idle_max } else { STALL_MAX };
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
        let case = line::case(self.server);
        let packet = if self.server.url.is_secure() {
            message::secure_query(&job.flight.ask, id, job.edns)
        } else {
            message::query(&job.flight.ask, id, case, job.edns)
        };
        let len = u16::try_from(packet.len()).expect("a query is short");
        self.output.extend(len.to_be_bytes());
        self.output.extend_from_slice(&packet);
        self.unflushed = true;
        self.shared.counters.queries_tcp.fetch_add(1, Relaxed);
        self.out.insert(id, Out { job, case });
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
        if self.input.is_empty() {
            self.input.shrink_to(READ_LEN);
        }
    }

    fn frame(&mut self, frame: &[u8], now: Instant) {
        let found = message::id(frame).and_then(|id| Some((id, self.out.get(&id)?)));
        let fitting = found
            .map(|(id, out)| (id, message::fit(frame, &out.job.flight.ask, out.case)))
            .filter(|(_, fit)| *fit != Fit::Foreign);
        let Some((id, fit)) = fitting else {
            self.shared.counters.forged.fetch_add(1, Relaxed);
            return;
        };
        let Some(Out { job, .. }) = self.out.remove(&id) else { return };
        self.last_news = now;
        self.answered = true;
        line::deliver(self.shared, self.server, &job, frame, (id, fit), now);
    }
}

/// Writes some of `output`, or passes on what the stream holds where there is nothing more to write; how many octets were taken.
async fn write_or_flush(
    writer: &mut (impl AsyncWrite + Unpin),
    output: &[u8],
) -> io::Result<usize> {
    poll_fn(|cx| {
        if output.is_empty() {
            ready!(Pin::new(&mut *writer).poll_flush(cx))?;
            return Poll::Ready(Ok(0));
        }
        match ready!(Pin::new(&mut *writer).poll_write(cx, output))? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            len => Poll::Ready(Ok(len)),
        }
    })
    .await
}
