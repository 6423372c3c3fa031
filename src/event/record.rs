//! `Record`: what is known of one query when its response leaves.

use crate::{
    dns::{Client, Facts, Rcode},
    name::Name,
    verdict::Verdict,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// One query and what became of it. Stands by itself, but for the verdict, which it shares: nothing in it borrows from a packet.
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
    /// What was decided and why; `None` where nothing is to be said ([`Verdict::PASS`]), as of most names.
    pub verdict: Option<Arc<Verdict>>,
    /// What the answer says.
    pub facts: Facts,
    /// Whether the answer came from the cache.
    pub cached: bool,
    /// The generation of the policy that judged.
    pub generation: u64,
}

impl Record {
    /// What was decided and why.
    pub fn verdict(&self) -> &Verdict {
        static PASS: Verdict = Verdict::PASS;
        self.verdict.as_deref().unwrap_or(&PASS)
    }
}

/// Small enough to be handed over by the ring.
const _: () = assert!(size_of::<Record>() <= 520, "a record has grown");
