//! What the tests share: servers and clients as processes that never outlive their test.

mod authority;
mod broken;
mod clients;
mod dig;
mod encrypted;
mod judges;
mod kdig;
mod knot;
mod load;
mod network;
mod packet;
mod ports;
mod process;
mod scripted;
mod squint;
mod tree;
mod upstream;

pub(crate) use authority::Authority;
pub(crate) use broken::{Broken, Fault};
pub(crate) use clients::{ask_by_others, ask_on, dnsperf};
pub(crate) use dig::{Dig, Response};
pub(crate) use encrypted::{Encrypted, NAME};
pub(crate) use judges::{Judgement, Judges, Worth, meddler};
pub(crate) use kdig::Kdig;
pub(crate) use knot::{Knot, LARGE_STRINGS};
pub(crate) use load::{Load, ask_all};
pub(crate) use network::Network;
pub(crate) use packet::{Message, query};
pub(crate) use ports::free_port;
pub(crate) use process::{Finished, Process, run, wait_until};
pub(crate) use scripted::Scripted;
pub(crate) use squint::{Data, Squint, binary, squint};
pub(crate) use tree::Tree;
pub(crate) use upstream::Gate;
