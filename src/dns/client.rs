//! Who asks, and by which way.

use super::{Edns, Query, udp_limit};
use std::net::{IpAddr, SocketAddr};

/// A client as its front saw it. `policy::policy_of` turns it into a policy id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client {
    /// Where the query came from; where a proxy speaks for the client, what that says.
    pub address: SocketAddr,
    /// The address that was asked.
    pub local: IpAddr,
    /// By which way.
    pub transport: Transport,
    /// For how long the connection may idle, in tenths of a second, as a client is told that asks (RFC 7828). Of no account over
    /// transports whose clients are not told.
    pub keepalive: u16,
}

impl Client {
    /// What the way back takes.
    #[inline]
    pub fn way(&self, query: &Query<'_>) -> Way {
        self.way_with(query.edns.as_ref())
    }

    /// The same for what said no more than this, and may be no whole query.
    #[inline]
    pub fn way_with(&self, edns: Option<&Edns>) -> Way {
        match self.transport {
            Transport::Udp => Way::plain(udp_limit(edns)),
            Transport::Tcp => Way { keepalive: Some(self.keepalive), ..Way::STREAM },
            Transport::Dot => Way { keepalive: Some(self.keepalive), padded: true, ..Way::STREAM },
            // HTTP and QUIC have means of their own to say how long a connection lasts (RFC 9250 section 5.5.2).
            Transport::Doh | Transport::Doh3 | Transport::Doq => {
                Way { padded: true, ..Way::STREAM }
            }
        }
    }
}

/// What a response may be on its way to a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// Largest message in octets.
    pub limit: usize,
    /// Whether the length is hidden where the client asks for it (RFC 7830 section 4: never where the rest can be read).
    pub padded: bool,
    /// What a client is told that asks how long its connection may idle, in tenths of a second (RFC 7828).
    pub keepalive: Option<u16>,
}

impl Way {
    /// A stream: nothing is too long for it that a message can be (RFC 7766 section 8).
    pub const STREAM: Self = Self::plain(65_535);

    /// A way that takes so many octets, in the clear.
    pub const fn plain(limit: usize) -> Self {
        Self { limit, padded: false, keepalive: None }
    }
}

/// How a query arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Plain DNS over UDP (RFC 1035).
    Udp,
    /// Plain DNS over TCP (RFC 7766).
    Tcp,
    /// DNS over TLS (RFC 7858).
    Dot,
    /// DNS over HTTPS (RFC 8484), HTTP/2 and HTTP/1.1.
    Doh,
    /// DNS over HTTPS, HTTP/3 (RFC 9114).
    Doh3,
    /// DNS over QUIC (RFC 9250).
    Doq,
}

impl Transport {
    /// The word used in events and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Dot => "dot",
            Self::Doh => "doh",
            Self::Doh3 => "doh3",
            Self::Doq => "doq",
        }
    }
}
