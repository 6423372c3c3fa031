//! Wire words: queries parsed in place, answers kept in wire form, replies written into the caller's buffer.

mod answer;
mod client;
mod query;
mod reply;
mod wire;

pub use answer::{Answer, BadReply, Record};
pub use client::{Client, Transport};
pub use query::{Edns, Query, Rejected};
pub use reply::{Ede, Reply};
pub use wire::{Rcode, class, rtype};
