//! `Facts`: what an event says of an answer, taken once when the answer is stored.

use super::Answer;
use std::sync::Arc;

/// Addresses and CNAME targets that an event names at most.
pub const ANSWERS_MAX: usize = 16;

/// What events say of an answer: small, and independent of the answer's octets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Addresses and CNAME targets, at most 16.
    pub answers: Vec<String>,
    /// Seconds for which the answer may be kept; 0 when nothing says so.
    pub ttl: u32,
    /// The upstream that gave it; empty for answers made here.
    pub upstream: Arc<str>,
}

impl Facts {
    /// Takes the facts from an answer.
    pub fn of(answer: &Answer, upstream: Arc<str>) -> Self {
        let targets = answer.targets().map(|it| it.text());
        let addresses = answer.addresses().map(|it| it.to_string());
        let answers = targets.chain(addresses).take(ANSWERS_MAX).collect();
        Self { answers, ttl: answer.lifetime_secs().unwrap_or(0), upstream }
    }
}
