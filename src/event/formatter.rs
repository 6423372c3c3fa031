//! `Formatter`: a record as one line of JSON.

use super::{Now, Record};
use crate::{
    dns::rtype,
    name::Name,
    verdict::json::{write_number, write_reasons, write_str},
};
use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

/// Crockford's base 32, whose order is that of ASCII.
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What stands before the number that ends a line.
const COUNT: &str = "\",\"count\":";

/// Where an event's id begins in its line.
const ID_AT: usize = "{\"id\":\"".len();

/// Writes lines into the caller's buffer. Version 1 of the schema: every field in every line, never null.
#[derive(Debug)]
pub struct Formatter {
    /// Host name as a JSON string.
    node: String,
    /// Sets the ids of this run apart from those of others.
    run: u64,
    events: u64,
    /// The second that `date` tells.
    second: u64,
    /// `2026-08-01T12:00:00`.
    date: String,
}

impl Formatter {
    /// A formatter for the machine called `node`; `run` sets ids apart from those of other runs and machines.
    pub fn new(node: &str, run: u64) -> Self {
        let mut quoted = String::new();
        write_str(node, &mut quoted);
        Self { node: quoted, run, events: 0, second: u64::MAX, date: String::new() }
    }

    /// Appends the line of `record`, line end included. `client_name` is empty when it is not known.
    pub fn write(&mut self, record: &Record, client_name: &str, now: &Now, out: &mut String) {
        self.write_merged((record, 1, record.received), client_name, now, out);
    }

    /// The same for a record that stands for `count` queries, the last of which was received at `last`.
    pub(super) fn write_merged(
        &mut self,
        (record, count, last): (&Record, u64, Instant),
        client_name: &str,
        now: &Now,
        out: &mut String,
    ) {
        let received = now.unix_of(record.received);
        self.write_head(received, out);
        out.push_str(",\"client\":\"");
        write_address(record.client.address.ip().to_canonical(), out);
        out.push_str("\",\"client_name\":");
        write_str(client_name, out);
        out.push_str(",\"group\":\"default\",\"transport\":\"");
        out.push_str(record.client.transport.as_str());
        out.push_str("\",\"query\":\"");
        write_name(&record.name, out);
        out.push_str("\",\"record_type\":\"");
        out.push_str(&rtype::name(record.qtype));
        out.push_str("\",\"rcode\":\"");
        out.push_str(&record.rcode.name());
        write_verdict(record, out);
        write_facts(record, out);
        out.push_str(if record.cached { ",\"cached\":true" } else { ",\"cached\":false" });
        out.push_str(",\"duration_us\":");
        write_number(u64::try_from(record.duration.as_micros()).unwrap_or(u64::MAX), out);
        out.push_str(",\"generation\":");
        write_number(record.generation, out);
        out.push_str(",\"last\":\"");
        self.write_time(now.unix_of(last), out);
        out.push_str(COUNT);
        write_number(count, out);
        out.push_str("}\n");
    }

    /// Id, schema, time and node. The id is a ULID: milliseconds since 1970 (48 bits), then the number of the event in
    /// this run (40 bits) and the run (40 bits), so that ids sort as the queries came.
    fn write_head(&mut self, received: Duration, out: &mut String) {
        let millis = u64::try_from(received.as_millis()).unwrap_or(u64::MAX);
        out.push_str("{\"id\":\"");
        write_base32(millis, 10, out);
        write_base32(self.events, 8, out);
        write_base32(self.run, 8, out);
        self.events += 1;
        out.push_str("\",\"schema\":1,\"time\":\"");
        self.write_time(received, out);
        out.push_str("\",\"node\":");
        out.push_str(&self.node);
    }

    fn write_time(&mut self, received: Duration, out: &mut String) {
        if self.second != received.as_secs() {
            self.second = received.as_secs();
            self.date.clear();
            write_date(self.second, &mut self.date);
        }
        out.push_str(&self.date);
        let millis = received.subsec_millis();
        let digit = |it: u32| char::from_digit(it % 10, 10).expect("a digit");
        out.extend(['.', digit(millis / 100), digit(millis / 10), digit(millis), 'Z']);
    }
}

/// For how many queries the lines in `text` stand.
pub(super) fn queries(text: &str) -> u64 {
    let count = |line: &str| -> Option<u64> {
        let at = line.rfind(COUNT)? + COUNT.len();
        line[at..].trim_end_matches('}').parse().ok()
    };
    text.lines().map(|it| count(it).unwrap_or(1)).sum()
}

/// When the first event of a file was received, in milliseconds since 1970; `None` when `line` does not begin as ours do.
pub(super) fn received_millis(line: &[u8]) -> Option<u64> {
    let time = line.get(ID_AT..ID_AT + 10)?;
    time.iter().try_fold(0, |sum, octet| {
        let digit = BASE32.iter().position(|it| it == octet)?;
        Some(sum << 5 | u64::try_from(digit).ok()?)
    })
}

fn write_verdict(record: &Record, out: &mut String) {
    let verdict = record.verdict();
    out.push_str("\",\"action\":\"");
    out.push_str(verdict.action.as_str());
    out.push_str("\",\"applied\":\"");
    out.push_str(verdict.applied.as_str());
    out.push_str("\",\"mode\":\"");
    out.push_str(verdict.mode.as_str());
    out.push_str("\",\"score\":");
    write_number(verdict.score.into(), out);
    out.push_str(",\"reasons\":");
    write_reasons(&verdict.reasons, out);
    out.push_str(",\"rule\":");
    write_str(&verdict.rule, out);
    out.push_str(",\"platform\":");
    write_str(&verdict.platform, out);
    out.push_str(",\"tenant\":");
    write_str(&verdict.tenant, out);
}

fn write_facts(record: &Record, out: &mut String) {
    out.push_str(",\"answers\":[");
    for (index, answer) in record.facts.answers().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_str(&answer.to_string(), out);
    }
    out.push_str("],\"ttl\":");
    write_number(record.facts.ttl.into(), out);
    out.push_str(",\"upstream\":");
    write_str(record.facts.upstream(), out);
}

/// A name in presentation form has one character that JSON escapes: the backslash of `\DDD`.
fn write_name(name: &Name, out: &mut String) {
    let start = out.len();
    name.write_text(out);
    if out.len() == start {
        out.push('.');
    } else if out.as_bytes()[start..].contains(&b'\\') {
        let text = out.split_off(start);
        out.push_str(&text.replace('\\', "\\\\"));
    }
}

fn write_address(address: IpAddr, out: &mut String) {
    match address {
        IpAddr::V4(address) => write_ipv4(address, out),
        IpAddr::V6(address) => write!(out, "{address}").expect("writing to a String"),
    }
}

fn write_ipv4(address: Ipv4Addr, out: &mut String) {
    for (index, octet) in address.octets().into_iter().enumerate() {
        if index > 0 {
            out.push('.');
        }
        write_number(octet.into(), out);
    }
}

fn write_base32(number: u64, digits: u32, out: &mut String) {
    for place in (0..digits).rev() {
        let digit = usize::try_from(number >> (5 * place) & 31).expect("five bits");
        out.push(char::from(BASE32[digit]));
    }
}

/// Date and time of day without fraction and zone. A clock past the year 9999 is shown as 1970.
fn write_date(second: u64, out: &mut String) {
    let second = i64::try_from(second).unwrap_or(0);
    let date = jiff::Timestamp::from_second(second).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    write!(out, "{date}").expect("writing to a String");
    out.truncate(out.len() - 1);
}

#[cfg(test)]
mod tests;
