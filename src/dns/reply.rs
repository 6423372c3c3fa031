//! `Reply`: how an answer leaves for one client: ID, flags, question case, TTLs, size, OPT.

use super::{Answer, Query};

/// An answer on its way to one client.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// What is sent.
    pub answer: &'a Answer,
    /// The query it answers.
    pub query: &'a Query<'a>,
    /// How many seconds ago the answer was stored; taken off every TTL.
    pub age_secs: u32,
    /// When set, every TTL becomes this: for stale answers (RFC 8767 section 5).
    pub ttl_secs_override: Option<u32>,
    /// An Extended DNS Error to add, when the client sent EDNS.
    pub ede: Option<Ede<'a>>,
    /// Largest message in octets that this transport takes: 65,535 over streams; over UDP what EDNS allows.
    pub limit: usize,
}

/// An Extended DNS Error (RFC 8914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ede<'a> {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT: one sentence for a person, UTF-8.
    pub text: &'a str,
}

impl Ede<'_> {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    pub const OTHER: u16 = 0;
    pub const STALE_ANSWER: u16 = 3;
    pub const FORGED_ANSWER: u16 = 4;
    pub const BLOCKED: u16 = 15;
    pub const CENSORED: u16 = 16;
    pub const FILTERED: u16 = 17;
    pub const PROHIBITED: u16 = 18;
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub const NETWORK_ERROR: u16 = 23;
}

impl Reply<'_> {
    /// Writes the response into `out`, cleared first; sets TC and drops records where it does not fit.
    ///
    /// An answer that does not fit leaves as header, question and OPT with TC=1; EDE text is cut before that happens.
    pub fn write(&self, out: &mut Vec<u8>) {
        todo!()
    }
}
