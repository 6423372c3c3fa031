//! What lines look like, for every field, and that they are JSON whatever the name.

use super::*;
use crate::{
    dns::{ANSWERS_MAX, Client, Facts, Rcode, Told, Transport},
    verdict::{Action, Finding, Mode, Reason, Shares, Source, Technique, Verdict},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::{net::SocketAddr, sync::Arc};

fn now() -> Now {
    Now { unix: Duration::from_millis(1_750_000_000_042), ..Now::read() }
}

fn record(now: &Now, name: Name) -> Record {
    Record {
        received: now.instant,
        duration: Duration::from_micros(1_234),
        client: Client {
            address: "[::ffff:192.0.2.7]:5000".parse::<SocketAddr>().unwrap(),
            local: Ipv4Addr::LOCALHOST.into(),
            transport: Transport::Tcp,
            keepalive: 0,
        },
        name,
        qtype: rtype::A,
        rcode: Rcode::NOERROR,
        verdict: None,
        facts: Facts::default(),
        cached: true,
        generation: 3,
    }
}

fn line(record: &Record, now: &Now) -> Value {
    let mut out = String::new();
    Formatter::new("host \"1\"", 1).write(record, "", now, &mut out);
    assert!(out.ends_with("}\n") && out.matches('\n').count() == 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

#[test]
fn a_plain_pass_has_every_field() {
    let now = now();
    let found = line(&record(&now, Name::parse("WWW.example").unwrap()), &now);
    let expected = json!({
        "id": "01JXT21Q1A0000000000000001", "schema": 1, "time": "2025-06-15T15:06:40.042Z", "node": "host \"1\"",
        "client": "192.0.2.7", "client_name": "", "group": "default", "transport": "tcp",
        "query": "www.example", "record_type": "A", "rcode": "NOERROR",
        "action": "pass", "applied": "pass", "mode": "enforce", "score": 0, "reasons": [], "rule": "",
        "platform": "", "tenant": "", "answers": [], "ttl": 0, "upstream": "", "cached": true,
        "duration_us": 1_234, "generation": 3, "last": "2025-06-15T15:06:40.042Z", "count": 1,
    });
    assert_eq!(found, expected);
}

#[test]
fn a_verdict_and_its_answer_are_told_whole() {
    let now = now();
    let reason = Reason {
        source: Source::Platform,
        finding: Finding {
            technique: Technique::Platform,
            target: "netlify.app".to_owned(),
            matched: "paypal-login.netlify.app".to_owned(),
            score: 0,
            shares: Shares::NONE,
            why: "a tenant of `netlify.app`".to_owned(),
            attack: &["T1583.006"],
        },
        overridden: true,
    };
    let verdict = Verdict {
        action: Action::Sinkhole,
        applied: Action::Log,
        mode: Mode::Monitor,
        score: 77,
        reasons: vec![reason],
        platform: "netlify.app".to_owned(),
        tenant: "paypal-login.netlify.app".to_owned(),
        rule: "own:12".to_owned(),
        ..Verdict::PASS
    };
    let told = (0..=ANSWERS_MAX).map(|it| Told::Address([192, 0, 2, it as u8].into()));
    let facts = Facts::new(told, 300, "udp://192.0.2.53:53");
    let record = Record {
        verdict: Some(Arc::new(verdict)),
        facts,
        cached: false,
        ..record(&now, Name::parse("paypal-login.netlify.app").unwrap())
    };
    let found = line(&record, &now);
    assert_eq!(found["answers"].as_array().unwrap().len(), ANSWERS_MAX);
    assert_eq!(found["reasons"][0]["why"], "a tenant of `netlify.app`");
    assert_eq!(found["reasons"][0]["overridden"], true);
    for (field, expected) in [
        ("action", "sinkhole"),
        ("applied", "log"),
        ("mode", "monitor"),
        ("rule", "own:12"),
        ("platform", "netlify.app"),
        ("tenant", "paypal-login.netlify.app"),
        ("upstream", "udp://192.0.2.53:53"),
    ] {
        assert_eq!(found[field], expected, "{field}");
    }
    assert_eq!(
        (&found["ttl"], &found["cached"], &found["score"]),
        (&json!(300), &json!(false), &json!(77))
    );
}

#[test]
fn names_are_shown_harmlessly() {
    let now = now();
    let check = |wire: &[u8], expected: &str| {
        let name = Name::read(wire).unwrap().0;
        assert_eq!(line(&record(&now, name), &now)["query"], expected);
    };
    check(b"\0", ".");
    check(b"\x03a.b\x07example\0", "a\\046b.example");
    check(b"\x04\"\\\n\x1b\0", "\\034\\092\\010\\027");
}

#[test]
fn clients_are_shown_as_people_write_them() {
    let now = now();
    let check = |address: &str, expected: &str| {
        let mut record = record(&now, Name::ROOT);
        record.client.address = address.parse().unwrap();
        assert_eq!(line(&record, &now)["client"], expected);
    };
    check("203.0.113.255:53", "203.0.113.255");
    check("[2001:db8::1]:53", "2001:db8::1");
    check("[fe80::1%3]:53", "fe80::1");
}

#[test]
fn ids_sort_as_the_queries_came() {
    let now = now();
    let mut formatter = Formatter::new("host", u64::MAX);
    let mut ids = Vec::new();
    for millis in [0, 0, 1, 1, 1_000] {
        let received = now.instant + Duration::from_millis(millis);
        let record = Record { received, ..record(&now, Name::ROOT) };
        let mut out = String::new();
        formatter.write(&record, "", &now, &mut out);
        let id = out[ID_AT..ID_AT + 26].to_owned();
        assert_eq!(received_millis(out.as_bytes()), Some(1_750_000_000_042 + millis));
        ids.push(id);
    }
    assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
}

#[test]
fn dates_are_told_in_utc() {
    let check = |second: u64, expected: &str| {
        let mut out = String::new();
        write_date(second, &mut out);
        assert_eq!(out, expected);
    };
    check(0, "1970-01-01T00:00:00");
    check(951_782_400, "2000-02-29T00:00:00");
    check(1_785_585_599, "2026-08-01T11:59:59");
    check(u64::MAX, "1970-01-01T00:00:00");
}

proptest! {
    #[test]
    fn every_line_is_json(
        labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..60), 0..4),
        text in any::<String>(),
        numbers in any::<(u16, u16, u32, u64)>(),
    ) {
        let now = now();
        let mut wire: Vec<u8> = labels.iter().flat_map(|it| [&[it.len() as u8], it.as_slice()].concat()).collect();
        wire.push(0);
        let mut record = record(&now, Name::read(&wire).unwrap().0);
        record.qtype = numbers.0;
        record.rcode = Rcode(numbers.1);
        record.duration = Duration::from_micros(numbers.3);
        record.facts = Facts::new(vec![Told::Target(record.name.clone()); 2], numbers.2, &text);
        record.verdict = Some(Arc::new(Verdict { rule: text.clone(), tenant: text.clone(), ..Verdict::PASS }));
        let mut out = String::new();
        Formatter::new(&text, numbers.3).write(&record, &text, &now, &mut out);
        let found: Value = serde_json::from_str(&out).unwrap();
        for field in ["rule", "tenant", "upstream", "node", "client_name"] {
            prop_assert_eq!(&found[field], text.as_str());
        }
        let name = record.name.text();
        prop_assert_eq!(&found["answers"], &json!([name, name]));
        prop_assert_eq!(&found["query"], if name.is_empty() { "." } else { &name });
        prop_assert_eq!(found.as_object().unwrap().len(), 27);
        prop_assert!(found.as_object().unwrap().values().all(|it| !it.is_null()));
    }
}
