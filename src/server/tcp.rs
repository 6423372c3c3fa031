//! Accepting TCP connections, for DNS as it is, over TLS and over HTTPS, and how many there may be.

use super::{
    carried, clock, connection, front::Front, https, quota::client_key, stream::Stream, tls,
};
use crate::dns::{Client, Transport};
use rustls::ServerConfig;
use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Notify, watch},
    task::JoinSet,
};

/// Connections in all; some 8 KiB each while idle, and 30 KiB more with TLS.
const CONNECTIONS_MAX: usize = 1000;
/// Connections of one client.
const CLIENT_CONNECTIONS_MAX: usize = 250;
/// How long a connection may idle while there is plenty of room (RFC 7766 section 6.2.3).
const IDLE_MAX: Duration = Duration::from_secs(10);
/// How long it may idle when there is none.
const IDLE_MIN: Duration = Duration::from_millis(200);
/// How long to rest when accepting fails, out of file descriptors for one.
const PAUSE: Duration = Duration::from_millis(100);

/// What is spoken on the connections of a listener.
#[derive(Debug, Clone)]
pub(super) enum Speech {
    /// DNS as it is.
    Dns,
    /// DNS over TLS.
    Dot(Arc<ServerConfig>),
    /// DNS over HTTPS, and the port at which HTTP/3 is spoken.
    Doh(Arc<ServerConfig>, Option<u16>),
}

impl Speech {
    pub(super) const fn transport(&self) -> Transport {
        match self {
            Self::Dns => Transport::Tcp,
            Self::Dot(_) => Transport::Dot,
            Self::Doh(..) => Transport::Doh,
        }
    }
}

/// Accepts connections until told to stop; then those that wait to be accepted; then waits for all to end.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    speech: Speech,
    front: Arc<Front>,
    table: Arc<Table>,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match TcpListener::from_std(listener) {
        Ok(it) => it,
        Err(error) => return tracing::error!(%error, "cannot accept TCP connections"),
    };
    let acceptor = Acceptor { speech, front, table };
    let mut connections = JoinSet::new();
    let mut failing = false;
    loop {
        tokio::select! {
            Ok(()) = stop.changed() => break,
            Some(_) = connections.join_next() => (),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    failing = false;
                    acceptor.open(&mut connections, stream, peer);
                }
                Err(error) => {
                    acceptor.front.metrics.here().accept_errors.bump();
                    if is_of_one_connection(&error) {
                        continue;
                    }
                    if !failing {
                        tracing::warn!(%error, "cannot accept TCP connections; trying again");
                        failing = true;
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            },
        }
    }
    acceptor.open_waiting(&mut connections, &listener);
    drop(listener);
    acceptor.table.close_all();
    while connections.join_next().await.is_some() {}
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

#[derive(Clone)]
struct Acceptor {
    speech: Speech,
    front: Arc<Front>,
    table: Arc<Table>,
}

impl Acceptor {
    fn open(&self, connections: &mut JoinSet<()>, stream: TcpStream, peer: SocketAddr) {
        let counters = self.front.metrics.here();
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let now = clock::now();
        let transport = self.speech.transport();
        let is_proxy = self.front.access.load().is_proxy(peer.ip());
        // For whom a proxy speaks it has yet to say.
        let shakes_hands = transport != Transport::Tcp && !is_proxy;
        if shakes_hands && !self.front.may_shake_hands(peer.ip(), now) {
            return;
        }
        let Some((seat, evicted)) = self.table.open(peer.ip(), now) else {
            counters.tcp_turned_away.bump();
            return;
        };
        counters.tcp_opened.bump();
        counters.tcp_evicted.add(evicted.into());
        // Without it, a pipelined answer may wait for the acknowledgement of the one before.
        let _ = stream.set_nodelay(true);
        let client = Client { address: peer, local: local.ip(), transport, keepalive: 0 };
        // Header and handshake are part of the connection's own task: one that drags on keeps nobody else waiting.
        connections.spawn(self.clone().serve(stream, client, (seat, now), is_proxy));
    }

    /// Serves one connection, opened at `now`, to its end.
    async fn serve(
        self,
        mut stream: TcpStream,
        mut client: Client,
        (mut seat, now): (Seat, Instant),
        mut is_proxy: bool,
    ) {
        let (front, by) = (&self.front, (&*self.front, &self.table));
        let is_plain = matches!(self.speech, Speech::Dns);
        if is_proxy && (is_plain || carried::is_outside(&stream).await) {
            // On the heap, as all that only some connections need.
            let taken = carried::take_over(&mut stream, client, seat, by, clock::now());
            let Some(taken) = Box::pin(taken).await else { return };
            (client, seat) = taken;
            is_proxy = false;
        }
        let (config, http3) = match &self.speech {
            Speech::Dns => {
                let stream = Stream::Plain(stream);
                return connection::serve(stream, client, now, front, &seat).await;
            }
            Speech::Dot(config) => (config, None),
            Speech::Doh(config, http3) => (config, *http3),
        };
        let Some(mut stream) = tls::accept(stream, config, front, &seat).await else { return };
        if is_proxy {
            let taken = carried::take_over(&mut stream, client, seat, by, clock::now());
            let Some(taken) = Box::pin(taken).await else { return };
            (client, seat) = taken;
        }
        match self.speech {
            Speech::Doh(..) => Box::pin(https::serve(stream, client, front, seat, http3)).await,
            _ => {
                let stream = Stream::Tls(stream);
                connection::serve(stream, client, clock::now(), front, &seat).await;
            }
        }
    }

    /// Takes in the connections whose handshake is done. Asks the kernel itself: what the runtime knows may be a moment old.
    fn open_waiting(&self, connections: &mut JoinSet<()>, listener: &TcpListener) {
        let listener = socket2::SockRef::from(listener);
        while let Ok((stream, peer)) = listener.accept() {
            let stream = std::net::TcpStream::from(stream);
            if stream.set_nonblocking(true).is_err() {
                continue;
            }
            if let (Ok(stream), Some(peer)) = (TcpStream::from_std(stream), peer.as_socket()) {
                self.open(connections, stream, peer);
            }
        }
    }
}

/// All open connections.
#[derive(Debug)]
pub(super) struct Table {
    since: Instant,
    slots: Mutex<Slots>,
    /// How many are open, to be read without the lock.
    open: AtomicUsize,
}

#[derive(Debug, Default)]
struct Slots {
    open: Vec<Arc<Slot>>,
    stopping: bool,
}

/// One connection, as seen by those who look for room.
#[derive(Debug)]
struct Slot {
    client: IpAddr,
    /// Nanoseconds since [`Table::since`]; [`BUSY`] while answers are due.
    idle_since: AtomicU64,
    close: Notify,
}

const BUSY: u64 = u64::MAX;

impl Table {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { since: clock::now(), slots: Mutex::default(), open: AtomicUsize::new(0) })
    }

    /// A seat for a connection of `client`, and whether another had to leave for it: the one that idles longest, of the client
    /// itself where it has its share. `None` when there is no room and nobody idles.
    pub(super) fn open(self: &Arc<Self>, client: IpAddr, now: Instant) -> Option<(Seat, bool)> {
        let client = client_key(client);
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        let own = slots.open.iter().filter(|it| it.client == client).count();
        let evicted = if own >= CLIENT_CONNECTIONS_MAX {
            slots.evict(|it| it.client == client)?;
            true
        } else if slots.open.len() >= CONNECTIONS_MAX {
            slots.evict(|_| true)?;
            true
        } else {
            false
        };
        let idle_since = AtomicU64::new(self.nanos(now));
        let slot = Arc::new(Slot { client, idle_since, close: Notify::new() });
        if slots.stopping {
            slot.close.notify_one();
        }
        slots.open.push(Arc::clone(&slot));
        self.open.store(slots.open.len(), Ordering::Relaxed);
        Some((Seat { table: Arc::clone(self), slot }, evicted))
    }

    /// Tells every connection to answer what it has and end.
    pub(super) fn close_all(&self) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.stopping = true;
        for slot in &slots.open {
            slot.close.notify_one();
        }
    }

    fn nanos(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.since).as_nanos() as u64
    }
}

impl Slots {
    fn evict(&mut self, from: impl Fn(&Slot) -> bool) -> Option<()> {
        let idle = |it: &Slot| it.idle_since.load(Ordering::Relaxed);
        let (at, _) = self
            .open
            .iter()
            .enumerate()
            .filter(|(_, it)| from(it) && idle(it) != BUSY)
            .min_by_key(|(_, it)| idle(it))?;
        // It gives up its place at once; the connection itself ends in a moment.
        self.open.swap_remove(at).close.notify_one();
        Some(())
    }
}

/// A connection's place in the table, given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    table: Arc<Table>,
    slot: Arc<Slot>,
}

impl Seat {
    /// Says since when the connection idles; `None` while answers are due.
    pub(super) fn set_idle(&self, since: Option<Instant>) {
        let since = since.map_or(BUSY, |it| self.table.nanos(it));
        self.slot.idle_since.store(since, Ordering::Relaxed);
    }

    /// Waits until the connection is told to end.
    pub(super) async fn closed(&self) {
        self.slot.close.notified().await;
    }

    /// How long a connection may idle as things stand.
    pub(super) fn idle_timeout(&self) -> Duration {
        idle_timeout(self.table.open.load(Ordering::Relaxed))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut slots = self.table.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // One that was evicted is no longer there.
        if let Some(at) = slots.open.iter().position(|it| Arc::ptr_eq(it, &self.slot)) {
            slots.open.swap_remove(at);
            self.table.open.store(slots.open.len(), Ordering::Relaxed);
        }
    }
}

/// A time in the unit of RFC 7828.
pub(super) fn tenths(time: Duration) -> u16 {
    u16::try_from(time.as_millis() / 100).unwrap_or(u16::MAX)
}

/// The whole time while the table is less than half full, then less in step with the room that is left.
fn idle_timeout(open: usize) -> Duration {
    let left = CONNECTIONS_MAX.saturating_sub(open) as u32;
    (IDLE_MAX * left / (CONNECTIONS_MAX as u32 / 2)).clamp(IDLE_MIN, IDLE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn client(number: u16) -> IpAddr {
        Ipv4Addr::from_bits(0xc000_0200 + u32::from(number)).into()
    }

    #[test]
    fn idle_time_shrinks_as_the_table_fills() {
        for (open, expected_ms) in [
            (0, 10_000),
            (500, 10_000),
            (501, 9_980),
            (750, 5_000),
            (990, 200),
            (1000, 200),
            (2000, 200),
        ] {
            assert_eq!(idle_timeout(open), Duration::from_millis(expected_ms), "{open}");
        }
    }

    #[test]
    fn a_full_table_makes_room_by_whoever_idles_longest() {
        let table = Table::new();
        let at = |ms| table.since + Duration::from_millis(ms);
        let mut seats: Vec<Seat> =
            (0..1000).map(|it| table.open(client(it / 10), at(it.into())).unwrap().0).collect();
        seats[0].set_idle(None);
        seats[1].set_idle(Some(at(5000)));
        let (seat, evicted) = table.open(client(500), at(2000)).unwrap();
        assert!(evicted);
        let open = |seat: &Seat| {
            table.slots.lock().unwrap().open.iter().any(|it| Arc::ptr_eq(it, &seat.slot))
        };
        assert!(
            open(&seats[0])
                && open(&seats[1])
                && !open(&seats[2])
                && open(&seats[3])
                && open(&seat)
        );
        // The evicted one leaves without taking anybody's place with it.
        drop(seats.remove(2));
        assert_eq!(table.slots.lock().unwrap().open.len(), 1000);
        drop(seats);
        drop(seat);
        assert_eq!(table.slots.lock().unwrap().open.len(), 0);
    }

    #[test]
    fn a_client_with_its_share_displaces_only_itself() {
        let table = Table::new();
        let at = |ms| table.since + Duration::from_millis(ms);
        let (other, _) = table.open(client(1), at(0)).unwrap();
        let own: Vec<Seat> =
            (0..250).map(|it| table.open(client(2), at(1 + it)).unwrap().0).collect();
        let (_seat, evicted) = table.open(client(2), at(1000)).unwrap();
        assert!(evicted);
        let slots = table.slots.lock().unwrap();
        assert!(slots.open.iter().any(|it| Arc::ptr_eq(it, &other.slot)));
        assert!(!slots.open.iter().any(|it| Arc::ptr_eq(it, &own[0].slot)));
    }

    #[test]
    fn nobody_leaves_while_answers_are_due() {
        let table = Table::new();
        let seats: Vec<Seat> =
            (0..1000).map(|it| table.open(client(it), table.since).unwrap().0).collect();
        for seat in &seats {
            seat.set_idle(None);
        }
        assert!(table.open(client(2000), table.since).is_none());
    }

    #[tokio::test]
    async fn late_comers_to_a_stop_are_told() {
        let table = Table::new();
        let (early, _) = table.open(client(1), table.since).unwrap();
        table.close_all();
        let (late, _) = table.open(client(2), table.since).unwrap();
        early.closed().await;
        late.closed().await;
    }
}
