//! The UDP ports from which one upstream is asked: many, random, short-lived.
//!
//! An off-path attacker has to guess the port and the ID of a query (RFC 5452). A fresh socket for each query costs three times
//! what the query itself does, so queries draw at random from [`PORTS`] sockets, each bound to a random port and replaced after
//! [`USES_MAX`] queries or [`AGE_MAX`]. A socket is opened when it is first drawn and closed when its last reply is in or given up.

use super::{
    ForwardError,
    avoid::Avoided,
    flight::Flight,
    lock,
    message::{self, Case},
    shared::Shared,
};
use rand::RngExt as _;
use socket2::{Domain, Protocol, Socket, Type};
use std::{
    cell::RefCell,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::{Arc, Mutex, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How many sockets an upstream's queries draw from.
pub const PORTS: usize = 256;

/// After how many queries a socket is replaced.
pub const USES_MAX: usize = 64;

/// At which age a socket is replaced.
pub const AGE_MAX: Duration = Duration::from_secs(30);

/// How many sockets of one upstream may be open, those replaced that still wait for a reply included.
const OPEN_MAX: usize = PORTS * 4;

/// How long a reply that nobody waits for any more is still expected.
const LATE_MAX: Duration = Duration::from_secs(1);

/// Random ports tried before the kernel picks one.
const BIND_TRIES: usize = 16;

const NONE: u16 = u16::MAX;

thread_local! {
    /// Where queries are written before they are sent.
    static PACKET: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// The sockets of one upstream.
#[derive(Debug)]
pub(super) struct Ports {
    target: SocketAddr,
    server: u16,
    count: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// What may be drawn: indices into `open`, or [`NONE`].
    drawn: Box<[u16]>,
    open: Vec<Option<Port>>,
    free: Vec<u16>,
}

#[derive(Debug)]
struct Port {
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    opened: Instant,
    /// Every ID sent from here, so that a late reply is told from a forged one and no ID serves twice.
    ids: Vec<u16>,
    out: Vec<Out>,
    replaced: bool,
}

/// A query that waits for its reply.
#[derive(Debug)]
pub(super) struct Out {
    pub(super) flight: Arc<Flight>,
    pub(super) sent: Instant,
    pub(super) case: Case,
    pub(super) id: u16,
    pub(super) edns: bool,
    /// Junk arrived on its port: a later reply is only believed when TCP gives none.
    pub(super) doubtful: bool,
    /// A bare FORMERR arrived and a second query without EDNS is on its way.
    pub(super) asked_plain: bool,
}

/// Where a query leaves from.
struct Drawn {
    socket: Arc<UdpSocket>,
    /// Which port it is, see [`Ports::socket`].
    index: u16,
    id: u16,
}

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Swept {
    /// Whether any port is still open.
    pub(super) open: bool,
    /// Whether a reply was given up.
    pub(super) lost: bool,
}

/// What an ID stands for on a port.
#[derive(Debug)]
pub(super) enum Taken {
    /// A query that waits; no longer in the table. `last` when its port is replaced and waits for nothing else.
    Out { out: Out, last: bool },
    /// A query that was answered or given up.
    Late,
    /// No query from this port had it.
    Never,
}

impl Ports {
    pub(super) fn new(target: SocketAddr, server: u16, count: usize) -> Self {
        let count = count.clamp(1, PORTS);
        let state = State { drawn: vec![NONE; count].into(), open: Vec::new(), free: Vec::new() };
        Self { target, server, count, state: Mutex::new(state) }
    }

    /// Sends a flight's query from a port drawn at random, and tells which.
    pub(super) fn send(
        &self,
        shared: &Shared,
        flight: &Arc<Flight>,
        edns: bool,
        case: Case,
        now: Instant,
    ) -> Result<u16, ForwardError> {
        let out = |id| Out {
            flight: Arc::clone(flight),
            sent: now,
            case,
            id,
            edns,
            doubtful: false,
            asked_plain: false,
        };
        let Drawn { socket, index, id } = self.draw(shared, now, out)?;
        shared.counters.queries_udp.fetch_add(1, Relaxed);
        let sent = transmit(&socket, flight, id, case, edns);
        if sent.is_err() {
            // Perhaps the host has another address by now, which only a new socket takes.
            lock(&self.state).retire(|it| Arc::ptr_eq(&it.socket, &socket));
        }
        sent.map(|()| index)
    }

    fn draw(
        &self,
        shared: &Shared,
        now: Instant,
        out: impl Fn(u16) -> Out,
    ) -> Result<Drawn, ForwardError> {
        let slot = rand::rng().random_range(0..self.count);
        let drawn = lock(&self.state).draw(slot, now, &out);
        if let Some(drawn) = drawn {
            return Ok(drawn);
        }
        let opened = self.open(shared, slot, now);
        let mut state = lock(&self.state);
        match opened {
            // No more sockets are to be had, so those that are open serve, on their way to their last use.
            Err(ForwardError::Busy) => {
                (0..self.count).find_map(|it| state.draw((slot + it) % self.count, now, &out))
            }
            Err(failure) => return Err(failure),
            Ok(()) => state.draw(slot, now, &out),
        }
        .ok_or(ForwardError::Busy)
    }

    /// Draws from no socket any more that is open now.
    pub(super) fn renew(&self) {
        lock(&self.state).retire(|_| true);
    }

    /// Sends a flight's query once more, the same from the same port; false where it is not out there.
    pub(super) fn send_again(&self, flight: &Arc<Flight>, index: u16) -> bool {
        let found = lock(&self.state).find(flight, index);
        let Some((socket, id, case, edns)) = found else { return false };
        transmit(&socket, flight, id, case, edns).is_ok()
    }

    /// The socket with this index.
    pub(super) fn socket(&self, index: u16) -> Option<Arc<UdpSocket>> {
        let state = lock(&self.state);
        state.open.get(usize::from(index))?.as_ref().map(|it| Arc::clone(&it.socket))
    }

    /// Takes the query that a reply with `id` belongs to.
    pub(super) fn take(&self, index: u16, id: u16) -> Taken {
        let mut state = lock(&self.state);
        let Some(port) = state.port(index) else { return Taken::Late };
        match port.out.iter().position(|it| it.id == id) {
            Some(at) => {
                let out = port.out.swap_remove(at);
                Taken::Out { out, last: port.replaced && port.out.is_empty() }
            }
            None if port.ids.contains(&id) => Taken::Late,
            None => Taken::Never,
        }
    }

    /// Puts a query back that goes on waiting.
    pub(super) fn put_back(&self, index: u16, out: Out) {
        if let Some(port) = lock(&self.state).port(index) {
            port.out.push(out);
        }
    }

    /// Marks every query that waits on a port as doubtful and gives the flights that were not yet.
    pub(super) fn doubt(&self, index: u16) -> Vec<Arc<Flight>> {
        let mut state = lock(&self.state);
        let Some(port) = state.port(index) else { return Vec::new() };
        let sound = port.out.iter_mut().filter(|it| !it.doubtful);
        sound
            .map(|it| {
                it.doubtful = true;
                Arc::clone(&it.flight)
            })
            .collect()
    }

    /// The flights that wait on a port.
    pub(super) fn waiting(&self, index: u16) -> Vec<Arc<Flight>> {
        let mut state = lock(&self.state);
        state
            .port(index)
            .map_or_else(Vec::new, |it| it.out.iter().map(|it| Arc::clone(&it.flight)).collect())
    }

    /// Closes a replaced port whose last reply is in. Called by the driver only, which so never meets a closed socket.
    pub(super) fn settle(&self, shared: &Shared, index: u16) {
        let mut state = lock(&self.state);
        if state.port(index).is_some_and(|it| it.replaced && it.out.is_empty()) {
            let port = state.close(index);
            drop(state);
            shared.closed(port.map(|it| it.local));
        }
    }

    /// Gives up replies that are overdue and closes ports that are old and idle; all of them when `leaving`.
    /// Called by the driver only.
    pub(super) fn sweep(&self, shared: &Shared, now: Instant, leaving: bool) -> Swept {
        let mut closed = Vec::new();
        let mut lost = 0;
        let mut state = lock(&self.state);
        for index in 0..state.open.len() {
            let Some(port) = &mut state.open[index] else { continue };
            let before = port.out.len();
            port.out.retain(|it| !it.flight.landed() || now - it.sent < LATE_MAX);
            lost += before - port.out.len();
            let old = now - port.opened >= AGE_MAX || leaving;
            if port.out.is_empty() && (port.replaced || old) {
                let index = u16::try_from(index).expect("under the maximum");
                state.drawn.iter_mut().filter(|it| **it == index).for_each(|it| *it = NONE);
                closed.push(state.close(index));
            }
        }
        let open = state.open.len() > state.free.len();
        drop(state);
        shared.counters.unanswered.fetch_add(lost as u64, Relaxed);
        for port in closed {
            shared.closed(port.map(|it| it.local));
        }
        Swept { open, lost: lost > 0 }
    }

    /// Opens a socket and puts it in place of the one at `slot`, which closes when its last reply is in.
    fn open(&self, shared: &Shared, slot: usize, now: Instant) -> Result<(), ForwardError> {
        if !shared.may_open() {
            return Err(ForwardError::Busy);
        }
        let opened = bind(self.target, &shared.avoided).and_then(|it| Ok((it.local_addr()?, it)));
        let (local, socket) = match opened {
            Ok(it) => it,
            Err(error) => {
                shared.closed(None);
                return Err(shared.socket_failed(self.target, &error));
            }
        };
        shared.own.open_udp(local);
        let socket = Arc::new(socket);
        let port = Port {
            socket: Arc::clone(&socket),
            local,
            opened: now,
            ids: Vec::new(),
            out: Vec::new(),
            replaced: false,
        };
        let Some(index) = lock(&self.state).install(slot, port, now) else {
            shared.closed(Some(local));
            return Ok(());
        };
        shared.poll.add(&socket, key(self.server, index)).map_err(|error| {
            let mut state = lock(&self.state);
            state.drawn[slot] = NONE;
            if let Some(port) = state.port(index) {
                port.replaced = true;
            }
            drop(state);
            shared.socket_failed(self.target, &error)
        })
    }
}

impl State {
    fn port(&mut self, index: u16) -> Option<&mut Port> {
        self.open.get_mut(usize::from(index))?.as_mut()
    }

    /// Registers a query at the port in `slot`; `None` when a port has to be opened there first.
    fn draw(&mut self, slot: usize, now: Instant, out: impl FnOnce(u16) -> Out) -> Option<Drawn> {
        let index = self.drawn[slot];
        let port = self.port(index)?;
        if !port.may_serve(now) {
            return None;
        }
        let mut rng = rand::rng();
        let id = loop {
            let id = rng.random();
            if !port.ids.contains(&id) {
                break id;
            }
        };
        port.ids.push(id);
        port.out.push(out(id));
        port.replaced = port.ids.len() == USES_MAX;
        let drawn = Drawn { socket: Arc::clone(&port.socket), index, id };
        if port.replaced {
            self.drawn[slot] = NONE;
        }
        Some(drawn)
    }

    /// Takes ports out of the draw; the driver closes them when their last reply is in.
    fn retire(&mut self, which: impl Fn(&Port) -> bool) {
        for slot in &mut self.drawn {
            let port = self.open.get_mut(usize::from(*slot)).and_then(Option::as_mut);
            if let Some(port) = port.filter(|it| which(it)) {
                port.replaced = true;
                *slot = NONE;
            }
        }
    }

    fn find(
        &mut self,
        flight: &Arc<Flight>,
        index: u16,
    ) -> Option<(Arc<UdpSocket>, u16, Case, bool)> {
        let port = self.port(index)?;
        let out = port.out.iter().find(|it| Arc::ptr_eq(&it.flight, flight))?;
        Some((Arc::clone(&port.socket), out.id, out.case, out.edns))
    }

    /// Puts a new port into `slot`; `None` when another thread was faster or too many are open.
    fn install(&mut self, slot: usize, port: Port, now: Instant) -> Option<u16> {
        if let Some(current) = self.port(self.drawn[slot]) {
            if current.may_serve(now) {
                return None;
            }
            // The driver closes it, at its last reply or at the next sweep.
            current.replaced = true;
        }
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.open.len() < OPEN_MAX => {
                self.open.push(None);
                u16::try_from(self.open.len() - 1).expect("under the maximum")
            }
            None => {
                self.drawn[slot] = NONE;
                return None;
            }
        };
        self.open[usize::from(index)] = Some(port);
        self.drawn[slot] = index;
        Some(index)
    }

    fn close(&mut self, index: u16) -> Option<Port> {
        let port = self.open[usize::from(index)].take();
        self.free.push(index);
        port
    }
}

impl Port {
    fn may_serve(&self, now: Instant) -> bool {
        self.ids.len() < USES_MAX && now.saturating_duration_since(self.opened) < AGE_MAX
    }
}

/// How the driver is told of a readable port.
const fn key(server: u16, index: u16) -> u64 {
    (server as u64) << 16 | index as u64
}

/// The inverse of [`key`].
pub(super) const fn from_key(key: u64) -> (u16, u16) {
    ((key >> 16) as u16, key as u16)
}

/// A socket on a random port that talks with `target` only: the kernel drops datagrams from elsewhere.
fn bind(target: SocketAddr, avoided: &Avoided) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(target), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    let any: IpAddr = match target {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => {
            socket.set_only_v6(true)?;
            Ipv6Addr::UNSPECIFIED.into()
        }
    };
    let mut rng = rand::rng();
    let mut tries = 0;
    loop {
        let port = if tries < BIND_TRIES { rng.random_range(1024..=u16::MAX) } else { 0 };
        tries += 1;
        if avoided.has(port) {
            continue;
        }
        match socket.bind(&SocketAddr::new(any, port).into()) {
            Ok(()) => break,
            Err(error) if port == 0 => return Err(error),
            Err(_) => (),
        }
    }
    socket.connect(&target.into())?;
    Ok(socket.into())
}

/// Sends one query. What the network does not take now counts as lost: it is sent again when no reply comes.
fn transmit(
    socket: &UdpSocket,
    flight: &Flight,
    id: u16,
    case: Case,
    edns: bool,
) -> Result<(), ForwardError> {
    PACKET.with_borrow_mut(|packet| {
        message::write_query(&flight.ask, id, case, edns, packet);
        send(socket, packet)
    })
}

fn send(socket: &UdpSocket, packet: &[u8]) -> Result<(), ForwardError> {
    for _ in 0..2 {
        match socket.send(packet) {
            Ok(_) => return Ok(()),
            // An ICMP error that belongs to an earlier datagram; this one was not sent.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => (),
            Err(error) if lost(&error) => return Ok(()),
            Err(error) => return Err(ForwardError::Network(error.kind())),
        }
    }
    Err(ForwardError::Network(io::ErrorKind::ConnectionRefused))
}

fn lost(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, OutOfMemory, WouldBlock};
    matches!(error.kind(), WouldBlock | Interrupted | OutOfMemory)
        || error.raw_os_error() == Some(libc::ENOBUFS)
}
