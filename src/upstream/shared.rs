//! What all upstreams share: the table of flights, the set of sockets, the registry of servers, limits and counters.

use super::{
    ForwardError, PORTS, Trust, Upstreams, avoid::Avoided, flight::Flights, lock, own::Own,
    readiness::Poll, server::Server,
};
use arc_swap::ArcSwap;
use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, Weak,
        atomic::{
            AtomicBool, AtomicU32, AtomicU64, AtomicUsize,
            Ordering::{Acquire, Relaxed, Release},
        },
    },
};
use tokio::sync::Notify;

/// How many UDP sockets all upstreams together may hold open.
pub const SOCKETS_MAX: usize = 16_384;

/// How many open files the process asks for: the sockets above, and as many for clients.
const OPEN_FILES_WANTED: u64 = 65_536;

/// How many it has where it may not ask.
const OPEN_FILES_USUAL: u64 = 1024;

/// How many upstreams in all may have [`PORTS`] ports each, while half of the sockets stay free for those being replaced.
const SERVERS_WHOLE: usize = SOCKETS_MAX / 2 / PORTS;

/// How many upstreams may be known at once, those that were replaced and still wait for a reply included.
pub const SERVERS_MAX: usize = 256;

/// What happened since the start, in numbers that only grow.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) queries_udp: AtomicU64,
    pub(super) queries_tcp: AtomicU64,
    pub(super) resent: AtomicU64,
    pub(super) replies: AtomicU64,
    pub(super) late: AtomicU64,
    pub(super) forged: AtomicU64,
    pub(super) unanswered: AtomicU64,
    pub(super) busy: AtomicU64,
    pub(super) panics: AtomicU64,
}

/// What happened since the start, read at one moment; and how much is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Queries sent over UDP, repeats not counted.
    pub queries_udp: u64,
    /// Queries sent over TCP.
    pub queries_tcp: u64,
    /// Queries sent once more because no reply came.
    pub resent: u64,
    /// Replies believed.
    pub replies: u64,
    /// Replies to queries that were answered before, or given up.
    pub late: u64,
    /// Messages that were no reply to anything asked: forged, or junk.
    pub forged: u64,
    /// Queries that never got a reply.
    pub unanswered: u64,
    /// Queries that failed because a limit was reached.
    pub busy: u64,
    /// Panics while replies were received, each of which cost one query at most.
    pub panics: u64,
    /// Queries on their way now.
    pub in_flight: usize,
    /// UDP sockets open now.
    pub sockets: usize,
}

impl Counts {
    /// The numbers that only grow, with their names.
    pub const fn totals(&self) -> [(&'static str, u64); 9] {
        [
            ("queries_udp", self.queries_udp),
            ("queries_tcp", self.queries_tcp),
            ("resent", self.resent),
            ("replies", self.replies),
            ("late", self.late),
            ("forged", self.forged),
            ("unanswered", self.unanswered),
            ("busy", self.busy),
            ("panics", self.panics),
        ]
    }
}

pub(super) struct Shared {
    pub(super) poll: Arc<Poll>,
    pub(super) flights: Flights,
    pub(super) own: Own,
    pub(super) avoided: Avoided,
    /// Whom encrypted upstreams have to be vouched for by.
    pub(super) trust: ArcSwap<Trust>,
    /// Who looks up the names of upstreams.
    pub(super) resolvers: Mutex<Weak<Upstreams>>,
    pub(super) counters: Counters,
    /// Wakes the driver when it sleeps for want of flights.
    pub(super) alarm: Notify,
    pub(super) sockets_max: usize,
    sockets: AtomicUsize,
    warned_full: AtomicBool,
    warned_failed: AtomicBool,
    registry: Mutex<Vec<Option<Arc<Server>>>>,
    generation: AtomicU32,
}

impl Shared {
    pub(super) fn new() -> io::Result<Self> {
        let files = rlimit::increase_nofile_limit(OPEN_FILES_WANTED).unwrap_or(OPEN_FILES_USUAL);
        Self::with(SOCKETS_MAX.min(usize::try_from(files / 2).unwrap_or(usize::MAX)))
    }

    pub(super) fn with(sockets_max: usize) -> io::Result<Self> {
        Ok(Self {
            poll: Arc::new(Poll::new()?),
            flights: Flights::default(),
            own: Own::new(),
            avoided: Avoided::read(),
            trust: ArcSwap::from_pointee(Trust::public().map_err(io::Error::other)?),
            resolvers: Mutex::default(),
            counters: Counters::default(),
            alarm: Notify::new(),
            sockets_max,
            sockets: AtomicUsize::new(0),
            warned_full: AtomicBool::new(false),
            warned_failed: AtomicBool::new(false),
            registry: Mutex::default(),
            generation: AtomicU32::new(0),
        })
    }

    /// From how many sockets each of `servers` servers may draw, so that half of all stay free for those being replaced.
    pub(super) fn ports(&self, servers: usize) -> usize {
        let ports = PORTS.min(self.sockets_max / 2 / servers.max(1)).max(1);
        if ports < PORTS {
            tracing::warn!(
                "queries to each upstream leave from {ports} random ports instead of {PORTS}, so replies are easier to forge\nhint: raise the limit of open files: `ulimit -n {OPEN_FILES_WANTED}`, or `LimitNOFILE={OPEN_FILES_WANTED}` in the unit; {SERVERS_WHOLE} upstreams in all may have {PORTS} each"
            );
        }
        ports
    }

    /// Enters the server that `make` builds for its key; `None` when [`SERVERS_MAX`] are known.
    pub(super) fn enter(&self, make: impl FnOnce(u16) -> Server) -> Option<Arc<Server>> {
        let mut registry = lock(&self.registry);
        let at = match registry.iter().position(Option::is_none) {
            Some(at) => at,
            None if registry.len() < SERVERS_MAX => {
                registry.push(None);
                registry.len() - 1
            }
            None => return None,
        };
        let server = Arc::new(make(u16::try_from(at).ok()?));
        registry[at] = Some(Arc::clone(&server));
        self.generation.fetch_add(1, Release);
        Some(server)
    }

    /// Takes servers out that are no longer used and wait for nothing. Called by the driver only.
    pub(super) fn leave(&self, keys: &[u16]) {
        let mut registry = lock(&self.registry);
        for &key in keys {
            registry[usize::from(key)] = None;
        }
        self.generation.fetch_add(1, Release);
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Acquire)
    }

    pub(super) fn servers(&self) -> Vec<Option<Arc<Server>>> {
        lock(&self.registry).clone()
    }

    /// Reserves the place of one UDP socket; given back by [`Shared::closed`].
    pub(super) fn may_open(&self) -> bool {
        if self.sockets.fetch_add(1, Relaxed) < self.sockets_max {
            return true;
        }
        self.sockets.fetch_sub(1, Relaxed);
        if !self.warned_full.swap(true, Relaxed) {
            tracing::warn!("all {} upstream sockets are in use; queries fail", self.sockets_max);
        }
        false
    }

    pub(super) fn closed(&self, local: Option<SocketAddr>) {
        self.sockets.fetch_sub(1, Relaxed);
        if let Some(local) = local {
            self.own.close_udp(local);
        }
    }

    pub(super) fn socket_failed(&self, target: SocketAddr, error: &io::Error) -> ForwardError {
        if !self.warned_failed.swap(true, Relaxed) {
            tracing::warn!("cannot open a socket towards {target}: {error}");
        }
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => ForwardError::Busy,
            _ => ForwardError::Network(error.kind()),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let it = &self.counters;
        Counts {
            queries_udp: it.queries_udp.load(Relaxed),
            queries_tcp: it.queries_tcp.load(Relaxed),
            resent: it.resent.load(Relaxed),
            replies: it.replies.load(Relaxed),
            late: it.late.load(Relaxed),
            forged: it.forged.load(Relaxed),
            unanswered: it.unanswered.load(Relaxed),
            busy: it.busy.load(Relaxed),
            panics: it.panics.load(Relaxed),
            in_flight: self.flights.len(),
            sockets: self.sockets.load(Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_fewer_only_where_sockets_run_out() {
        let check = |sockets_max, servers, expected| {
            assert_eq!(Shared::with(sockets_max).unwrap().ports(servers), expected);
        };
        check(SOCKETS_MAX, 1, PORTS);
        check(SOCKETS_MAX, SERVERS_WHOLE, PORTS);
        check(SOCKETS_MAX, 2 * SERVERS_WHOLE, PORTS / 2);
        check(512, 2, PORTS / 2);
        check(2, SERVERS_MAX, 1);
    }
}
