//! The lines printed at start: where it listens, whom it asks, what it knows, and what to try.

use crate::{dns::Transport, list::Report, policy::Policy, server, upstream::Url, verdict::Mode};
use std::{
    fmt::Write as _,
    io::{self, Write as _},
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// What the lines tell.
pub(super) struct Facts<'a> {
    pub(super) listening: &'a [SocketAddr],
    pub(super) encrypted: &'a [(Transport, SocketAddr)],
    pub(super) forwarding: &'a [Url],
    pub(super) of_system: bool,
    pub(super) explicit: &'a [String],
    pub(super) policy: &'a Policy,
    pub(super) reports: &'a [Report],
    pub(super) file: &'a str,
    pub(super) history: Option<&'a Path>,
}

pub(super) fn print(facts: &Facts<'_>) {
    let mut out = io::stdout().lock();
    // A server serves whether or not anybody reads its first words.
    let _gone = out
        .write_all(lines(facts, &server::reachable_addresses()).as_bytes())
        .and_then(|()| out.flush());
}

/// URLs in one line.
pub(super) fn urls(urls: &[Url]) -> String {
    let texts: Vec<String> = urls.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

fn lines(facts: &Facts<'_>, reachable: &[IpAddr]) -> String {
    let mut text = format!("squint {} looks twice at every name\n", env!("CARGO_PKG_VERSION"));
    let mut line = |head: &str, body: &str| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {head:<11} {body}");
    };
    let listening: Vec<String> = facts.listening.iter().map(ToString::to_string).collect();
    let encrypted: Vec<String> = facts
        .encrypted
        .iter()
        .map(|(transport, it)| format!("; {it} ({})", spoken(*transport)))
        .collect();
    line("listening", &format!("{} (UDP and TCP){}", listening.join(" "), encrypted.concat()));
    let whose = if facts.of_system { " (the system's resolvers)" } else { "" };
    line("forwarding", &format!("{}{whose}", urls(facts.forwarding)));
    for it in facts.explicit {
        line("as if", &it.replace('\n', "\n              "));
    }
    let group = &facts.policy.groups[0];
    let protected = facts.policy.knowledge.engine.protected_count();
    line(
        "protecting",
        &format!(
            "{} domains; look-alikes: {}, platforms: {}",
            number(protected),
            mode(group.lookalike),
            mode(group.platform)
        ),
    );
    line("lists", &lists(facts));
    line("config", facts.file);
    line(
        "history",
        &facts
            .history
            .map_or_else(|| "off".to_owned(), |it| it.join("events.jsonl").display().to_string()),
    );
    line("for DHCP", &dhcp(facts.listening, reachable));
    text.push_str(&try_line(facts.listening));
    text
}

/// A transport as people call it.
fn spoken(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "UDP",
        Transport::Tcp => "TCP",
        Transport::Dot => "DoT",
        Transport::Doh => "DoH",
        Transport::Doh3 => "DoH3",
        Transport::Doq => "DoQ",
    }
}

fn mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Off => "off",
        Mode::Monitor => "logged, not blocked",
        Mode::Enforce => "acted on",
    }
}

fn lists(facts: &Facts<'_>) -> String {
    let held = format!(
        "{} lists, {} entries",
        facts.reports.len(),
        number(facts.policy.rules.index.len())
    );
    let junk: usize = facts.reports.iter().map(|it| it.junk).sum();
    if junk > 0 {
        format!("{held}; {} words that are no names were left out", number(junk))
    } else {
        held
    }
}

/// What DHCP can hand out, or what is missing for that.
fn dhcp(listening: &[SocketAddr], reachable: &[IpAddr]) -> String {
    let covers = |own: &SocketAddr, it: &IpAddr| {
        own.port() == 53
            && (own.ip() == *it || (own.ip().is_unspecified() && own.is_ipv4() == it.is_ipv4()))
    };
    let served: Vec<String> = reachable
        .iter()
        .filter(|it| listening.iter().any(|own| covers(own, it)))
        .map(ToString::to_string)
        .collect();
    if !served.is_empty() {
        return format!("hand out {} as the DNS server", served.join(" "));
    }
    let example = reachable.iter().find(|it| it.is_ipv4()).or_else(|| reachable.first());
    let address = example
        .map_or_else(|| "192.168.1.2:53".to_owned(), |it| SocketAddr::new(*it, 53).to_string());
    format!(
        "clients cannot reach this yet: add `--listen {address}`; port 53 needs root or `setcap cap_net_bind_service=+ep` on \
         the binary,\n              and `DNSStubListener=no` where systemd-resolved holds it"
    )
}

fn try_line(listening: &[SocketAddr]) -> String {
    let Some(first) = listening.first() else { return String::new() };
    let address = match first.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => "127.0.0.1".to_owned(),
        IpAddr::V6(ip) if ip.is_unspecified() => "::1".to_owned(),
        ip => ip.to_string(),
    };
    format!("try: dig @{address} -p {} rnicrosoft.com\n", first.port())
}

/// A number with a comma every three digits.
fn number(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dhcp_is_offered_only_where_clients_reach_port_53() {
        let reachable: [IpAddr; 1] = ["192.168.1.2".parse().unwrap()];
        let check = |listen: &str, expected: &str| {
            let got = dhcp(&[listen.parse().unwrap()], &reachable);
            assert!(got.starts_with(expected), "{listen}: {got}");
        };
        check("192.168.1.2:53", "hand out 192.168.1.2");
        check("0.0.0.0:53", "hand out 192.168.1.2");
        check("127.0.0.1:53", "clients cannot reach this yet: add `--listen 192.168.1.2:53`");
        check("192.168.1.2:5300", "clients cannot reach this yet");
        check("[::]:53", "clients cannot reach this yet");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            (number(7).as_str(), number(1_234_567).as_str(), number(1_000).as_str()),
            ("7", "1,234,567", "1,000")
        );
    }
}
