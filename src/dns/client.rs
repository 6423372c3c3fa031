//! Who asks, and by which way.

use std::net::{IpAddr, SocketAddr};

/// A client as its front saw it. `policy::policy_of` turns it into a policy id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Where the query came from, and where its response goes.
    pub address: SocketAddr,
    /// The address that was asked.
    pub local: IpAddr,
    /// By which way.
    pub transport: Transport,
}

/// How a query arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain DNS over UDP (RFC 1035).
    Udp,
    /// Plain DNS over TCP (RFC 7766).
    Tcp,
}

impl Transport {
    /// The word used in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        }
    }
}
