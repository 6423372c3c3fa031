//! The exchange: one task that receives for every upstream socket, checks what arrives, and goes on with the journeys that wait.

use super::{
    Counts, ForwardError, Trust, Upstreams, clock,
    flight::News,
    line::rejects_edns,
    lock,
    message::{self, Fit},
    ports::{self, Out, Ports, Taken},
    readiness::{self, Ready, Watched},
    server::Server,
    shared::Shared,
};
use crate::dns::{Answer, BadReply, Client, Transport};
use std::{
    fmt, io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::{
    task::{self, AbortHandle},
    time,
};

/// How often flights whose moment has come are woken.
const TICK: Duration = Duration::from_millis(10);

/// How often overdue replies are given up and old sockets closed.
const SWEEP: Duration = Duration::from_millis(250);

/// How often that happens while no query is on its way.
const SWEEP_RESTING: Duration = Duration::from_secs(5);

/// How long the clock is watched after the last query.
const REST_AFTER: Duration = Duration::from_secs(1);

/// Rounds of receiving before other tasks get their turn.
const ROUNDS_MAX: usize = 4;

/// The machinery that all upstreams share. Ends when dropped.
pub struct Exchange {
    pub(super) shared: Arc<Shared>,
    driver: AbortHandle,
}

impl Exchange {
    /// Starts the receiving task on the current tokio runtime.
    ///
    /// Opens no socket yet. Raises the soft limit of open files where the hard one allows it.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start() -> io::Result<Arc<Self>> {
        Self::with(Shared::new()?)
    }

    pub(super) fn with(shared: Shared) -> io::Result<Arc<Self>> {
        let shared = Arc::new(shared);
        let poll = readiness::watch(Arc::clone(&shared.poll))?;
        let driver = Driver {
            shared: Arc::clone(&shared),
            ready: Ready::new(),
            buffer: vec![0; usize::from(u16::MAX)],
            servers: Vec::new(),
            generation: 0,
            swept: clock::now(),
            busy: clock::now(),
        };
        let driver = tokio::spawn(driver.run(poll)).abort_handle();
        Ok(Arc::new(Self { shared, driver }))
    }

    /// Whether a query came from one of the sockets from which upstreams are asked: a forwarding loop.
    pub fn is_own(&self, client: &Client) -> bool {
        match client.transport {
            Transport::Udp | Transport::Doq | Transport::Doh3 => {
                self.shared.own.has_udp(client.address)
            }
            Transport::Tcp | Transport::Dot | Transport::Doh => {
                self.shared.own.has_tcp(client.address)
            }
        }
    }

    /// Trusts these authorities from the next connection on.
    pub fn set_trust(&self, trust: Trust) {
        self.shared.trust.store(Arc::new(trust));
    }

    /// Looks up the names of upstreams with these from now on, for as long as somebody else holds them. They should have no names
    /// themselves.
    pub fn set_resolvers(&self, resolvers: &Arc<Upstreams>) {
        *lock(&self.shared.resolvers) = Arc::downgrade(resolvers);
    }

    /// What happened since the start.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.driver.abort();
        self.shared.flights.give_up();
        for server in self.shared.servers().into_iter().flatten() {
            server.line.abort();
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

struct Driver {
    shared: Arc<Shared>,
    ready: Ready,
    buffer: Vec<u8>,
    /// The registry as of `generation`.
    servers: Vec<Option<Arc<Server>>>,
    generation: u32,
    swept: Instant,
    busy: Instant,
}

impl Driver {
    async fn run(mut self, poll: Watched) {
        let shared = Arc::clone(&self.shared);
        let mut tick = pin!(time::sleep(TICK));
        let mut resting = false;
        loop {
            tokio::select! {
                guard = poll.readable() => {
                    let Ok(mut guard) = guard else { return };
                    if self.receive_all() {
                        guard.clear_ready();
                    } else {
                        task::yield_now().await;
                    }
                }
                () = shared.alarm.notified(), if resting => {
                    resting = false;
                    tick.as_mut().reset(time::Instant::now() + TICK);
                }
                () = tick.as_mut() => {
                    let next = self.tick();
                    resting = next == SWEEP_RESTING;
                    tick.as_mut().reset(time::Instant::now() + next);
                }
            }
        }
    }

    /// Wakes and clears what is due; tells when to look at the clock again.
    fn tick(&mut self) -> Duration {
        let ticked = catch_unwind(AssertUnwindSafe(|| self.clear(clock::now())));
        ticked.unwrap_or_else(|_| {
            self.shared.counters.panics.fetch_add(1, Relaxed);
            TICK
        })
    }

    fn clear(&mut self, now: Instant) -> Duration {
        if self.shared.flights.ring(now) {
            return Duration::ZERO;
        }
        if now.saturating_duration_since(self.swept) >= SWEEP {
            self.swept = now;
            self.refresh();
            let servers = self.servers.iter().flatten();
            let leaving = servers.filter(|it| it.sweep(&self.shared, now)).map(|it| it.key);
            let leaving: Vec<u16> = leaving.collect();
            if !leaving.is_empty() {
                self.shared.leave(&leaving);
            }
        }
        if self.shared.flights.len() > 0 {
            self.busy = now;
        }
        let rests = now.saturating_duration_since(self.busy) >= REST_AFTER;
        if rests && self.shared.flights.rest() { SWEEP_RESTING } else { TICK }
    }

    fn refresh(&mut self) {
        let generation = self.shared.generation();
        if self.generation != generation {
            self.generation = generation;
            self.servers = self.shared.servers();
        }
    }

    /// Receives what is there; false when there may be more.
    fn receive_all(&mut self) -> bool {
        self.refresh();
        for _ in 0..ROUNDS_MAX {
            if self.shared.poll.wait(&mut self.ready).is_err() || self.ready.is_empty() {
                return true;
            }
            let now = clock::now();
            for at in 0..self.ready.len() {
                let key = self.ready.key(at);
                // A panic is a bug of ours; it costs one reply, never the receiver of all of them.
                if catch_unwind(AssertUnwindSafe(|| self.receive(key, now))).is_err() {
                    self.shared.counters.panics.fetch_add(1, Relaxed);
                }
            }
        }
        false
    }

    fn receive(&mut self, key: u64, now: Instant) {
        let (server, index) = ports::from_key(key);
        let Some(Some(server)) = self.servers.get(usize::from(server)) else { return };
        let Some(ports) = &server.ports else { return };
        let Some(socket) = ports.socket(index) else { return };
        match socket.recv(&mut self.buffer) {
            Ok(len) => {
                Inbound { shared: &self.shared, server, ports, index, now }
                    .datagram(&self.buffer[..len]);
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            Err(error) => {
                // An ICMP error. Other servers are asked at once, yet a reply that comes all the same still counts.
                let failure = ForwardError::Network(error.kind());
                for flight in ports.waiting(index) {
                    server.unreachable(Some(&error));
                    flight.post(server.key, News::Failed { failure, over_tcp: false });
                }
            }
        }
    }
}

/// A datagram's way in.
struct Inbound<'a> {
    shared: &'a Shared,
    server: &'a Server,
    ports: &'a Ports,
    index: u16,
    now: Instant,
}

impl Inbound<'_> {
    /// Checks a datagram in full (RFC 5452 section 9.1); whatever is no reply leaves its query waiting.
    fn datagram(&self, message: &[u8]) {
        let Some(id) = message::id(message) else { return self.junk() };
        let (out, last) = match self.ports.take(self.index, id) {
            Taken::Out { out, last } => (out, last),
            Taken::Late => {
                self.shared.counters.late.fetch_add(1, Relaxed);
                return;
            }
            Taken::Never => return self.junk(),
        };
        match self.reply(message, &out) {
            Read::News(news) => out.flight.post(self.server.key, news),
            Read::Late => drop(self.shared.counters.late.fetch_add(1, Relaxed)),
            Read::AskPlain => {
                let flight = Arc::clone(&out.flight);
                self.ports.put_back(self.index, Out { asked_plain: true, ..out });
                return flight.post(self.server.key, News::NoEdns);
            }
            Read::Junk => {
                self.ports.put_back(self.index, out);
                return self.junk();
            }
            Read::CaseLost(answer) => {
                out.flight.post(self.server.key, News::Doubtful { answer, case_lost: true });
                self.ports.put_back(self.index, out);
                return self.junk();
            }
        }
        if last {
            self.ports.settle(self.shared, self.index);
        }
    }

    fn reply(&self, message: &[u8], out: &Out) -> Read {
        let health = &self.server.health;
        let ask = &out.flight.ask;
        let fit = message::fit(message, ask, out.case);
        if fit == Fit::Header && out.edns && !out.asked_plain {
            return Read::AskPlain;
        }
        if matches!(fit, Fit::Foreign | Fit::Header | Fit::Failure) {
            return Read::Junk;
        }
        let case_lost = !health.case_fits(fit);
        let landed = out.flight.landed();
        let read = match Answer::from_reply(message, out.id, &ask.name, ask.qtype, ask.qclass) {
            _ if landed => Read::Late,
            Ok(answer) if case_lost => return Read::CaseLost(answer),
            Err(_) if case_lost => return Read::Junk,
            Ok(answer) if out.edns && rejects_edns(answer.rcode()) => {
                health.learn_edns(message);
                Read::News(News::NoEdns)
            }
            Ok(answer) => {
                if out.edns {
                    health.learn_edns(message);
                }
                if !out.edns && !rejects_edns(answer.rcode()) && health.edns(self.now) {
                    health.edns_off(self.now);
                }
                self.shared.counters.replies.fetch_add(1, Relaxed);
                Read::News(if out.doubtful {
                    News::Doubtful { answer, case_lost: false }
                } else {
                    News::Answer(answer)
                })
            }
            Err(BadReply::Truncated) => Read::News(News::Truncated),
            Err(BadReply::Foreign | BadReply::Malformed) => return Read::Junk,
        };
        self.server.answered(self.now.saturating_duration_since(out.sent));
        read
    }

    /// Something came from the upstream's address that it would not send: perhaps somebody guesses IDs. Every query on this port
    /// is asked over TCP as well, where guessing does not help, and goes on waiting.
    fn junk(&self) {
        self.shared.counters.forged.fetch_add(1, Relaxed);
        for flight in self.ports.doubt(self.index) {
            flight.post(self.server.key, News::Forged);
        }
    }
}

/// What a datagram with a known ID turned out to be.
enum Read {
    News(News),
    /// A reply that nobody waits for any more.
    Late,
    /// A bare FORMERR: the query is asked without EDNS, and goes on waiting.
    AskPlain,
    /// A reply in all but the case of its question: forged, or the server does not keep the case any more.
    CaseLost(Answer),
    Junk,
}
