//! Squint: a policy-implementing resolver (RFC 9499) that looks twice at every name.

pub mod dns;
pub mod lookalike;
pub mod metrics;
pub mod name;
pub mod platform;
pub mod verdict;
