//! `Record`: what is known of one query when its response leaves.

use crate::{
    dns::{Client, Rcode},
    name::Name,
    verdict::Verdict,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// How many addresses and CNAME targets of an answer an event shows at most.
pub const ANSWERS_MAX: usize = 16;

/// One query and what became of it. Stands by itself: nothing in it borrows from a cache or a packet.
#[derive(Debug, Clone)]
pub struct Record {
    /// When the query arrived.
    pub received: Instant,
    /// From its arrival to its response.
    pub duration: Duration,
    /// Who asked.
    pub client: Client,
    /// QNAME.
    pub name: Name,
    /// QTYPE.
    pub qtype: u16,
    /// The rcode that the client got.
    pub rcode: Rcode,
    /// What was decided and why.
    pub verdict: Arc<Verdict>,
    /// What the answer says; shared by all clients of a cached answer.
    pub facts: Arc<Facts>,
    /// Whether the answer came from the cache.
    pub cached: bool,
    /// The generation of the policy that judged.
    pub generation: u64,
}

/// What an answer says, made once and kept beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Addresses and CNAME targets; at most [`ANSWERS_MAX`] of them are shown.
    pub answers: Vec<String>,
    /// Lowest TTL of the answer, in seconds.
    pub ttl: u32,
    /// The upstream that gave it; empty for answers that were made here.
    pub upstream: Arc<str>,
}
