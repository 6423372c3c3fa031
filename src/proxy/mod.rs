//! A stand-in: answers every query NODATA.

use crate::dns::{Answer, Client, Query, Rcode, Reply, Transport};
use std::time::Instant;

/// Whether a query could be answered at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The response stands in the buffer.
    Answered,
    /// The policy wants no answer.
    Silent,
    /// It has to wait.
    Later,
}

/// Answers every query NODATA.
#[derive(Debug, Default)]
pub struct Proxy;

impl Proxy {
    /// Answers.
    pub fn respond_now(
        &self,
        query: &Query<'_>,
        client: &Client,
        _: Instant,
        out: &mut Vec<u8>,
    ) -> Now {
        if query.name.wire().starts_with(b"\x05later") {
            return Now::Later;
        }
        write(query, client, out);
        Now::Answered
    }

    /// Answers.
    pub async fn respond(
        &self,
        query: &Query<'_>,
        client: &Client,
        _: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        write(query, client, out);
        true
    }
}

fn write(query: &Query<'_>, client: &Client, out: &mut Vec<u8>) {
    let answer = Answer::empty(query, Rcode::NOERROR);
    let limit = if client.transport == Transport::Udp { 512 } else { 65_535 };
    Reply { answer: &answer, query, age_secs: 0, ttl_secs_override: None, ede: None, limit }
        .write(out);
}
