//! Asking others: upstream servers, by which way, which one, and what of their replies is believed.
//!
//! [`Upstreams::forward`] takes a question and gives an answer. On its way a query boards a *flight* (`flight`), whose *journey*
//! (`journey`) decides which server is asked when; the query leaves from one of many random *ports* (`ports`) or over a kept
//! connection (`tcp`), and the *exchange* (`exchange`), one task for all sockets, checks what comes back and posts the news to
//! the flight, whose journey goes on there and then: a query that is answered is nobody's task. [`system`] finds the resolvers that the host itself uses, and [`Names`] the names of clients.
//!
//! A query costs two system calls, a send and a receive; waiting for readiness is shared by all that are in flight.

mod avoid;
mod bootstrap;
mod carrier;
mod clock;
mod connect;
#[cfg(target_os = "linux")]
mod epoll;
mod exchange;
#[cfg(test)]
mod fake;
mod flight;
mod health;
mod hint;
mod http3;
mod https;
mod journey;
mod judge;
mod kernel;
mod line;
mod message;
mod names;
mod own;
#[cfg(any(test, not(target_os = "linux")))]
mod plain;
mod pool;
mod ports;
mod quic;
mod server;
mod shared;
mod streams;
pub mod system;
mod tcp;
#[cfg(test)]
mod tests;
mod trust;
mod url;

#[cfg(target_os = "linux")]
use epoll as readiness;
#[cfg(not(target_os = "linux"))]
use plain as readiness;

pub(crate) use carrier::Carrier;
pub use clock::unix_time;
pub use exchange::Exchange;
pub use names::{LOOKUPS_MAX, NAMES_MAX, Names};
pub use pool::{ServerState, SetError, Strategy, Upstreams};
pub use ports::{AGE_MAX, PORTS, USES_MAX};
pub use shared::{Counts, SERVERS_MAX, SOCKETS_MAX};
pub use trust::{Trust, TrustError};
pub use url::{PORT_HTTPS, PORT_PLAIN, PORT_TLS, Secure, Url, UrlError};

use crate::{
    dns::{Answer, class},
    name::Name,
};
use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a query may be on its way. Leaves a client's response a moment to be out within four seconds.
pub const FORWARD_MAX: Duration = Duration::from_millis(3600);

/// How many queries may be on their way at once, to all upstreams together.
pub const IN_FLIGHT_MAX: usize = 8192;

/// How many servers one set may have.
pub const SET_MAX: usize = 16;

/// A question for an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub qtype: u16,
    /// QCLASS.
    pub qclass: u16,
    /// DO: DNSSEC records wanted.
    pub dnssec_ok: bool,
    /// CD: the upstream shall not validate.
    pub checking_disabled: bool,
    /// The Client Subnet option of the client, where it is to be passed on (RFC 7871).
    pub subnet: Option<Box<[u8]>>,
}

impl Ask {
    /// A question of our own: class IN, no DNSSEC records.
    pub const fn new(name: Name, qtype: u16) -> Self {
        Self {
            name,
            qtype,
            qclass: class::IN,
            dnssec_ok: false,
            checking_disabled: false,
            subnet: None,
        }
    }
}

/// What an upstream said, and which one.
#[derive(Debug, Clone)]
pub struct Forwarded {
    /// The answer.
    pub answer: Answer,
    /// The server's URL.
    pub server: Arc<str>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// The set of upstreams is empty.
    #[error("no upstream is known")]
    NoUpstream,
    /// No upstream answered in time.
    #[error("no upstream answered within {} s", FORWARD_MAX.as_secs_f32())]
    Timeout,
    /// No upstream could be reached.
    #[error("no upstream can be reached: {0}")]
    Network(io::ErrorKind),
    /// What upstreams sent could not be read.
    #[error("the upstream's answer is malformed")]
    Malformed,
    /// Too many queries are on their way, or too many sockets open.
    #[error("too many queries are waiting for upstreams")]
    Busy,
}

/// Locks, also after a panic elsewhere: what these locks guard is whole between any two statements.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
