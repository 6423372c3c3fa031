//! DNS over UDP: one thread per core and address, each with a socket of its own, in batches.
//!
//! A turn of the loop is one receive, one reading of the clock, an answer for each datagram, one send. What cannot be answered at
//! once is copied and goes to [`dispatch`], on the asynchronous side.

use super::{
    carried::Header,
    clock,
    front::{Front, Open, Outcome, Received, Then},
    quota::Permit,
};
use crate::{
    dns::{Client, Transport},
    event,
};
use std::{
    io,
    net::{IpAddr, Shutdown, SocketAddr, UdpSocket},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::sync::mpsc::{self, error::TrySendError};

#[cfg(target_os = "linux")]
pub(super) use super::mmsg as kernel;
#[cfg(not(target_os = "linux"))]
pub(super) use super::plain as kernel;

/// Octets of the longest query over UDP that is read whole, longer ones are answered FORMERR, and of nearly every one over streams.
pub(super) const PACKET_LEN_MAX: usize = 4096;
/// Octets that a response buffer has to begin with.
pub(super) const RESPONSE_LEN_USUAL: usize = 1232;
/// How long a worker waits for a datagram, or for room to send, before it looks whether it should stop.
pub(super) const WAIT: Duration = Duration::from_secs(1);
/// How long a worker rests when its socket fails.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the asynchronous side looks whether there is room to send.
const ROOM_EVERY: Duration = Duration::from_millis(2);
/// How many queries and responses the asynchronous side takes at once, or up to twice as many where they are handed over together.
pub(super) const BATCH_MAX: usize = 64;

/// A datagram as the kernel handed it over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) received: Received<'a>,
    pub(super) peer: SocketAddr,
    /// The address that was asked.
    pub(super) local: IpAddr,
    /// From where to send the response, when the socket is bound to the wildcard.
    pub(super) source: Option<Source>,
}

/// Where a response leaves from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) address: IpAddr,
    /// Interface index; 0 where routing picks one.
    pub(super) interface: u32,
}

/// What became of a batch of responses.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) taken: u64,
    pub(super) failed: u64,
}

/// A listening socket.
#[derive(Debug)]
pub(super) struct Socket {
    inner: UdpSocket,
    local: SocketAddr,
}

impl Socket {
    /// Makes a bound socket ready to serve.
    pub(super) fn new(inner: UdpSocket) -> io::Result<Self> {
        let local = inner.local_addr()?;
        kernel::prepare(&inner, local.ip())?;
        inner.set_read_timeout(Some(WAIT))?;
        inner.set_write_timeout(Some(WAIT))?;
        Ok(Self { inner, local })
    }

    pub(super) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Wakes the worker that waits on this socket, where the system can; elsewhere it wakes within [`WAIT`].
    pub(super) fn wake(&self) {
        // "Not connected" is the answer even where it worked.
        let _ = socket2::SockRef::from(&self.inner).shutdown(Shutdown::Read);
    }
}

/// A query on its way to the asynchronous side.
#[derive(Debug)]
pub(super) struct Deferred {
    packet: Arc<[u8]>,
    client: Client,
    /// Where the response goes: to the client, or to the proxy that speaks for it.
    peer: SocketAddr,
    source: Option<Source>,
    received: Instant,
    socket: Arc<Socket>,
    permit: Permit,
}

/// What a worker needs.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Among all workers of this server, from 0.
    pub(super) number: usize,
    pub(super) front: Arc<Front>,
    pub(super) socket: Arc<Socket>,
    /// What the queries of a turn are handed over by, all at once: one wakes the asynchronous side as well as many.
    pub(super) deferred: mpsc::Sender<Vec<Deferred>>,
    pub(super) stop: Arc<AtomicBool>,
}

impl Worker {
    /// Serves until told to stop, and then until the socket is empty.
    pub(super) fn run(self) {
        event::work_as(self.number);
        // What `Front` does is guarded query by query; this guards the loop around it. A worker that ended would leave its share
        // of the clients without answers, for the kernel goes on handing its socket their queries.
        while catch_unwind(AssertUnwindSafe(|| self.serve())).is_err() {
            self.front.metrics.here().panics.bump();
        }
    }

    fn serve(&self) {
        let mut batch = kernel::Batch::new(self.socket.local.ip());
        let mut retired = false;
        loop {
            let stopping = self.stop.load(Ordering::Acquire);
            if stopping && !retired {
                if let Err(error) = kernel::retire(&self.socket.inner, self.socket.local) {
                    tracing::debug!(%error, "cannot retire the socket; queries of this moment may be lost");
                }
                retired = true;
            }
            match batch.receive(&self.socket.inner, !stopping) {
                Ok(0) if stopping => break,
                Ok(0) => (),
                Ok(_) => {
                    self.turn(&mut batch);
                    self.give_way();
                }
                Err(error) if stopping => {
                    tracing::debug!(%error, "cannot receive");
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, address = %self.socket.local, "cannot receive");
                    thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Lets the asynchronous side go on where it is behind. Where both share a core, a worker that wakes for every few datagrams
    /// would interrupt it all the time; elsewhere this is done at once.
    fn give_way(&self) {
        if self.deferred.capacity() < self.deferred.max_capacity() {
            thread::yield_now();
        }
    }

    fn turn(&self, batch: &mut kernel::Batch) {
        let now = clock::now();
        let served = self.front.access.load();
        let mut queries = 0;
        let mut deferred = Vec::new();
        batch.respond(|datagram, out| {
            queries += 1;
            let mut client = Client {
                address: datagram.peer,
                local: datagram.local,
                transport: Transport::Udp,
                keepalive: 0,
            };
            if datagram.peer.port() == 0 {
                self.front.metrics.here().dropped_silent.bump();
                return false;
            }
            let mut received = datagram.received;
            if served.is_proxy(datagram.peer.ip()) {
                let Some(header) = Header::read(received.packet) else {
                    self.front.metrics.here().dropped_proxy.bump();
                    return false;
                };
                header.apply(&mut client);
                received.packet = &received.packet[header.len..];
            }
            match self.front.answer(&served, received, &client, now, out) {
                Outcome::Answered | Outcome::Refused => true,
                Outcome::Dropped => false,
                Outcome::Later => match self.front.admit(client.address.ip()) {
                    Some(permit) => {
                        let datagram = Datagram { received, ..datagram };
                        deferred.push(self.deferred(&datagram, client, now, permit));
                        false
                    }
                    None => {
                        let outcome = self.front.overflow(received.packet, &client, out);
                        outcome == Outcome::Answered
                    }
                },
            }
        });
        let sent = batch.send(&self.socket.inner);
        let counters = self.front.metrics.here();
        counters.queries_udp.add(queries);
        counters.responses.add(sent.taken);
        if sent.failed > 0 {
            counters.send_failed.add(sent.failed);
        }
        if !deferred.is_empty() {
            self.defer(deferred);
        }
    }

    /// A query as it goes to the asynchronous side.
    fn deferred(
        &self,
        datagram: &Datagram<'_>,
        client: Client,
        received: Instant,
        permit: Permit,
    ) -> Deferred {
        Deferred {
            packet: datagram.received.packet.into(),
            client,
            peer: datagram.peer,
            source: datagram.source,
            received,
            socket: Arc::clone(&self.socket),
            permit,
        }
    }

    fn defer(&self, deferred: Vec<Deferred>) {
        let count = deferred.len() as u64;
        match self.deferred.try_send(deferred) {
            Ok(()) => self.front.metrics.here().deferred.add(count),
            Err(TrySendError::Full(left) | TrySendError::Closed(left)) => {
                left.iter().for_each(|it| self.front.abandon(&it.packet, &it.client, it.received));
            }
        }
    }
}

/// A response, where it goes and where it leaves from.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) octets: Vec<u8>,
    pub(super) peer: SocketAddr,
    #[cfg_attr(
        not(target_os = "linux"),
        expect(dead_code, reason = "plain.rs sends from where the socket is bound")
    )]
    pub(super) source: Option<Source>,
}

/// A response from the asynchronous side.
#[derive(Debug)]
pub(super) struct Finished {
    response: Response,
    socket: Arc<Socket>,
    _permit: Permit,
}

/// Takes up deferred queries until every worker has gone; their responses go to `outbox`. The permits bound how many there are, and
/// [`super::quota::Quota::emptied`] waits for the last.
pub(super) async fn dispatch(
    front: Arc<Front>,
    mut queue: mpsc::Receiver<Vec<Deferred>>,
    outbox: mpsc::Sender<Finished>,
) {
    let mut left = Vec::with_capacity(BATCH_MAX);
    while let Some(mut deferred) = queue.recv().await {
        while deferred.len() < BATCH_MAX
            && let Ok(more) = queue.try_recv()
        {
            deferred.extend(more);
        }
        let open = deferred.into_iter().map(|it| open(it, outbox.clone()));
        left.extend(open.filter_map(|it| front.begin(it)));
        left.drain(..).for_each(|it| front.ask(it));
        // Replies to these are not to wait until the queue is empty.
        tokio::task::yield_now().await;
    }
}

fn open(deferred: Deferred, outbox: mpsc::Sender<Finished>) -> Open<impl Then> {
    let Deferred { packet, client, peer, source, received, socket, permit } = deferred;
    let then = move |outcome, octets| {
        if matches!(outcome, Outcome::Answered | Outcome::Refused) {
            let response = Response { octets, peer, source };
            // There is room for as many as there are permits; and without a receiver this server has stopped.
            let _sent = outbox.try_send(Finished { response, socket, _permit: permit });
        }
    };
    Open { packet, client, received, then }
}

/// Sends what the asynchronous side answers, until nothing is on its way there. Answers that come in together leave together.
pub(super) async fn deliver(front: Arc<Front>, mut outbox: mpsc::Receiver<Finished>) {
    let mut batch = Vec::with_capacity(BATCH_MAX);
    while outbox.recv_many(&mut batch, BATCH_MAX).await > 0 {
        batch.sort_by_key(|it| Arc::as_ptr(&it.socket));
        for finished in batch.chunk_by(|one, other| Arc::ptr_eq(&one.socket, &other.socket)) {
            let socket = &finished[0].socket.inner;
            let send = |it: &[Finished]| kernel::send_all(socket, it.iter().map(|it| &it.response));
            let sent = send_with_patience(finished, send).await;
            let counters = front.metrics.here();
            counters.responses.add(sent.taken);
            counters.send_failed.add(sent.failed);
        }
        batch.clear();
    }
}

/// Sends all of these; where the kernel has no room for one, waits until it has, for [`WAIT`] at most. `send` does not wait: it goes as
/// far as it can.
async fn send_with_patience<T>(mut left: &[T], mut send: impl FnMut(&[T]) -> Sent) -> Sent {
    let (mut all, mut waited) = (Sent::default(), Duration::ZERO);
    loop {
        let Sent { taken, failed } = send(left);
        all.taken += taken;
        all.failed += failed;
        left = &left[(taken + failed) as usize..];
        if left.is_empty() || waited >= WAIT {
            all.failed += left.len() as u64;
            return all;
        }
        tokio::time::sleep(ROOM_EVERY).await;
        waited += ROOM_EVERY;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_for_want_of_room() {
        let mut rooms = [3, 0, 0, 2, 0, 9].into_iter();
        let mut got = Vec::new();
        let sent = send_with_patience(&[1, 2, 3, 4, 5, 6, 7, 8], |left| {
            let taken = left.len().min(rooms.next().unwrap());
            got.extend_from_slice(&left[..taken]);
            Sent { taken: taken as u64, failed: 0 }
        });
        assert_eq!(sent.await, Sent { taken: 8, failed: 0 });
        assert_eq!(got, [1, 2, 3, 4, 5, 6, 7, 8]);
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_never_room_it_ends() {
        let before = tokio::time::Instant::now();
        let sent =
            send_with_patience(&[1, 2, 3], |left| Sent { taken: left.len() as u64 / 3, failed: 0 });
        assert_eq!(sent.await, Sent { taken: 1, failed: 2 });
        assert_eq!(before.elapsed(), WAIT);
    }
}
