//! Wire words: queries parsed in place, answers kept in wire form, replies written into the caller's buffer.
//!
//! A packet from a client becomes a [`Query`] or is [`Rejected`]; an [`Outgoing`] asks an upstream, whose reply becomes an
//! [`Answer`]; a [`Reply`] joins answer and query again. What Squint makes up is [`Made`]. Nothing on the way from packet to cached or
//! made reply allocates.

mod answer;
mod chain;
mod client;
mod compress;
mod cookie;
mod dname;
mod ede;
mod facts;
mod freshness;
mod intake;
mod made;
mod names;
mod opt;
mod outgoing;
mod query;
mod rdata;
mod remake;
mod reply;
mod rrset;
#[cfg(test)]
mod sample;
mod wire;

pub use answer::{Answer, BadReply, LooseEnd, Record};
pub use client::{Client, Transport, Way};
pub use cookie::{Cookie, CookieSecrets, ServerCookie};
pub use ede::Ede;
pub use facts::{ANSWERS_MAX, Facts, Told};
pub use freshness::{freshness_secs, grow_old};
pub use intake::RECORDS_MAX;
pub use made::Made;
pub use opt::{UDP_SIZE_MAX, UDP_SIZE_MIN, has_opt, is_for_subnet};
pub use outgoing::Outgoing;
pub use query::{Edns, Query, Rejected, udp_limit};
pub use reply::Reply;
pub use rrset::{RRSETS_MAX, RrSet, RrSets, Signature};
pub use wire::{Rcode, class, rtype};
