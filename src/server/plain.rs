//! Datagrams one at a time, for systems without `recvmmsg`: the same job as `mmsg.rs`.
//!
//! What it cannot do is to tell which address was asked: on a host with several addresses, listen on each instead of on the
//! wildcard.

use super::{
    front::Received,
    udp::{Datagram, PACKET_LEN_MAX, RESPONSE_LEN_USUAL, Response, Sent},
};
use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
};

/// The buffers of one worker: one datagram received and its response.
pub(super) struct Batch {
    /// One octet more than the longest query, so that a longer one is noticed.
    packet: Box<[u8]>,
    len: usize,
    peer: Option<SocketAddr>,
    response: Vec<u8>,
    queued: Option<SocketAddr>,
    bound: IpAddr,
}

impl Batch {
    /// Buffers for a socket bound to `bound`.
    pub(super) fn new(bound: IpAddr) -> Self {
        Self {
            packet: vec![0; PACKET_LEN_MAX + 1].into(),
            len: 0,
            peer: None,
            response: Vec::with_capacity(RESPONSE_LEN_USUAL),
            queued: None,
            bound,
        }
    }

    /// Receives one datagram. With `wait`, waits for it, as long as the socket's time-out; otherwise, and past that, there may be
    /// none.
    pub(super) fn receive(&mut self, socket: &UdpSocket, wait: bool) -> io::Result<usize> {
        self.peer = None;
        if !wait {
            socket.set_nonblocking(true)?;
        }
        match socket.recv_from(&mut self.packet) {
            Ok((len, peer)) => {
                self.len = len;
                self.peer = Some(peer);
                Ok(1)
            }
            Err(error) => match error.kind() {
                // A reset is another system's way to say that an earlier response found nobody.
                io::ErrorKind::WouldBlock
                | io::ErrorKind::TimedOut
                | io::ErrorKind::Interrupted
                | io::ErrorKind::ConnectionReset => Ok(0),
                _ => Err(error),
            },
        }
    }

    /// Shows the datagram to `respond`; where that returns `true`, the buffer holds a response to send.
    pub(super) fn respond(&mut self, mut respond: impl FnMut(Datagram<'_>, &mut Vec<u8>) -> bool) {
        let Some(peer) = self.peer.take() else {
            return;
        };
        let len = self.len.min(PACKET_LEN_MAX);
        let datagram = Datagram {
            received: Received { packet: &self.packet[..len], cut: self.len > PACKET_LEN_MAX },
            peer,
            local: self.bound,
            source: None,
        };
        self.queued = respond(datagram, &mut self.response).then_some(peer);
    }

    /// Sends the response of the last [`Batch::respond`].
    pub(super) fn send(&mut self, socket: &UdpSocket) -> Sent {
        match self.queued.take().map(|peer| socket.send_to(&self.response, peer)) {
            None => Sent::default(),
            Some(Ok(_)) => Sent { taken: 1, failed: 0 },
            Some(Err(_)) => Sent { taken: 0, failed: 1 },
        }
    }
}

/// Nothing to set.
pub(super) fn prepare(_: &UdpSocket, _: IpAddr) -> io::Result<()> {
    Ok(())
}

/// Sends responses up to the first for which there is no room, and does not wait until there is; their `source` is never known here.
pub(super) fn send_all<'r>(
    socket: &UdpSocket,
    responses: impl Iterator<Item = &'r Response>,
) -> Sent {
    let mut sent = Sent::default();
    for it in responses {
        match send_now(socket, &it.octets, it.peer) {
            Ok(_) => sent.taken += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(_) => sent.failed += 1,
        }
    }
    sent
}

/// The socket itself waits, for the worker that receives from it.
#[cfg(unix)]
fn send_now(socket: &UdpSocket, octets: &[u8], peer: SocketAddr) -> io::Result<usize> {
    socket2::SockRef::from(socket).send_to_with_flags(octets, &peer.into(), libc::MSG_DONTWAIT)
}

/// Windows knows no such flag, and takes a datagram at once.
#[cfg(not(unix))]
fn send_now(socket: &UdpSocket, octets: &[u8], peer: SocketAddr) -> io::Result<usize> {
    socket.send_to(octets, peer)
}

/// Nothing keeps datagrams away here: the worker reads until there is none.
pub(super) fn retire(_: &UdpSocket, _: SocketAddr) -> io::Result<()> {
    Ok(())
}
