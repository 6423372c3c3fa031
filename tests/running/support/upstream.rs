//! An upstream that holds its replies back until it is told to let them go.

use super::Message;
use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

/// Queries that wait for their reply.
pub(crate) struct Gate {
    socket: UdpSocket,
    held: Vec<(Vec<u8>, SocketAddr)>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { socket, held: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// Waits for one query about `name` and holds it back.
    pub(crate) fn hold(&mut self, name: &str) {
        let wanted = super::query(0, name, 1)[12..].to_vec();
        let mut buffer = [0; 1_500];
        loop {
            let (len, from) = self.socket.recv_from(&mut buffer).expect("a query comes");
            let packet = &buffer[..len];
            let asked = packet.get(12..12 + wanted.len()).map(<[u8]>::to_ascii_lowercase);
            if asked.as_deref() == Some(&wanted) {
                self.held.push((packet.to_vec(), from));
                return;
            }
            // Whatever else is asked (a probe) gets its reply at once.
            self.socket.send_to(&Message(packet).reply(), from).unwrap();
        }
    }

    pub(crate) fn open(&mut self) {
        for (packet, from) in self.held.drain(..) {
            self.socket.send_to(&Message(&packet).reply(), from).unwrap();
        }
    }
}
