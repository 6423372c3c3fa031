//! Squint: a policy-implementing resolver (RFC 9499) that looks twice at every name.

pub mod config;
pub mod dns;
pub mod list;
pub mod metrics;
pub mod name;
pub mod platform;
pub mod proxy;
pub mod server;
pub mod upstream;
pub mod verdict;
