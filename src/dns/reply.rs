//! `Reply`: how an answer leaves for one client: ID, flags, question case, TTLs, size, OPT.

use super::{
    Answer, Query, Rcode, opt,
    wire::{HEADER_LEN, flag},
};

/// An answer on its way to one client.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// What is sent.
    pub answer: &'a Answer,
    /// The query it answers: the same name, type and class.
    pub query: &'a Query<'a>,
    /// How many seconds ago the answer was stored; taken off every TTL.
    pub age_secs: u32,
    /// When set, every TTL becomes this: for stale answers (RFC 8767 section 5).
    pub ttl_secs_override: Option<u32>,
    /// An Extended DNS Error to add, when the client sent EDNS. It precedes the one that the upstream gave.
    pub ede: Option<Ede<'a>>,
    /// Largest message in octets that this transport takes: 65,535 over streams; over UDP [`super::udp_limit`].
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
    pub const DNSSEC_BOGUS: u16 = 6;
    pub const CACHED_ERROR: u16 = 13;
    pub const NOT_READY: u16 = 14;
    pub const BLOCKED: u16 = 15;
    pub const CENSORED: u16 = 16;
    pub const FILTERED: u16 = 17;
    pub const PROHIBITED: u16 = 18;
    pub const STALE_NXDOMAIN_ANSWER: u16 = 19;
    pub const NOT_SUPPORTED: u16 = 21;
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub const NETWORK_ERROR: u16 = 23;
    pub const INVALID_DATA: u16 = 24;
    pub const INVALID_QUERY_TYPE: u16 = 30;
}

impl Reply<'_> {
    /// Writes the response into `out`, cleared first; sets TC and drops records where it does not fit.
    ///
    /// An answer that does not fit leaves as header, question and OPT with TC=1, never with part of its records
    /// (RFC 2181 section 9). EDE text is cut before that happens, and EDE is left out where not even its code fits, which sets
    /// TC as well (RFC 8914 section 3). The limit is taken to hold header, question and OPT, as 512 octets do.
    ///
    /// Flags: RD and CD as asked; RA, because recursion is on offer; AA never, because an answer from a forwarder's cache is
    /// not the authority's own word; AD when the upstream set it and the client can read it (AD or DO in the query,
    /// RFC 6840 section 5.8). An extended rcode goes to a client without EDNS as SERVFAIL: its lower bits would say something else.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let (answer, query) = (self.answer, self.query);
        let opt_len = if query.edns.is_some() { opt::OPT_LEN } else { 0 };
        let (message, head) = (answer.message(), answer.head());
        assert_eq!(head.len(), HEADER_LEN + query.sent.len() + 4, "an answer to another question");
        let fits = message.len() + opt_len <= self.limit;
        out.clear();
        out.extend_from_slice(if fits { message } else { head });

        let Some(header) = out.first_chunk_mut::<HEADER_LEN>() else { return };
        [header[0], header[1]] = query.id.to_be_bytes();
        let mut flags = u16::from_be_bytes([header[2], header[3]]);
        if !(query.ad || query.dnssec_ok()) {
            flags &= !flag::AD;
        }
        flags |= if query.rd { flag::RD } else { 0 } | if query.cd { flag::CD } else { 0 };
        if query.edns.is_none() && answer.rcode().high() != 0 {
            flags = flags & !flag::RCODE | Rcode::SERVFAIL.low();
        }
        if !fits {
            flags |= flag::TC;
            header[6..].fill(0);
        }
        [header[2], header[3]] = flags.to_be_bytes();
        if query.edns.is_some() {
            let additionals = u16::from_be_bytes([header[10], header[11]]) + 1;
            [header[10], header[11]] = additionals.to_be_bytes();
        }
        out[HEADER_LEN..HEADER_LEN + query.sent.len()].copy_from_slice(query.sent);
        if fits {
            self.write_ttls(out);
        }
        if let Some(edns) = query.edns {
            let own = answer.ede().map(|(code, text)| Ede { code, text });
            let errors = self.ede.into_iter().chain(own);
            if !opt::write(out, answer.rcode(), edns.dnssec_ok, errors, self.limit) {
                out[2] |= (flag::TC >> 8) as u8;
            }
        }
    }

    #[inline]
    fn write_ttls(&self, out: &mut [u8]) {
        if self.age_secs == 0 && self.ttl_secs_override.is_none() {
            return;
        }
        for at in self.answer.ttl_offsets() {
            let Some(octets) = out[at..].first_chunk_mut::<4>() else { continue };
            let left = u32::from_be_bytes(*octets).saturating_sub(self.age_secs);
            *octets = self.ttl_secs_override.unwrap_or(left).to_be_bytes();
        }
    }
}
