//! Every query ends in one event, whole and harmless.

use crate::support::{Knot, Load, Squint, wait_until};
use std::{collections::HashSet, fs};

const FIELDS: [&str; 27] = [
    "id",
    "schema",
    "time",
    "node",
    "client",
    "client_name",
    "group",
    "transport",
    "query",
    "record_type",
    "rcode",
    "action",
    "applied",
    "mode",
    "score",
    "reasons",
    "rule",
    "platform",
    "tenant",
    "answers",
    "ttl",
    "upstream",
    "cached",
    "duration_us",
    "generation",
    "count",
    "last",
];

#[test]
fn an_event_tells_everything() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    squint.dig("ONE.example", "A").with(&["+tcp"]).ask();
    squint.ask(".", "NS");
    let (_, events) = squint.stop();
    assert_eq!(events.len(), 2);
    for event in &events {
        let object = event.as_object().unwrap();
        let mut fields: Vec<&str> = object.keys().map(String::as_str).collect();
        let mut expected = FIELDS.to_vec();
        fields.sort_unstable();
        expected.sort_unstable();
        assert_eq!(fields, expected);
        assert!(object.values().all(|it| !it.is_null()), "{event}");
    }
    let event = &events[0];
    for (field, expected) in [
        ("client", "127.0.0.1"),
        ("transport", "tcp"),
        ("query", "one.example"),
        ("record_type", "A"),
        ("rcode", "NOERROR"),
        ("action", "pass"),
        ("applied", "pass"),
        ("group", "default"),
    ] {
        assert_eq!(event[field], expected, "{event}");
    }
    assert_eq!(event["answers"], serde_json::json!(["two.example", "three.example", "192.0.2.30"]));
    assert!(event["upstream"].as_str().unwrap().contains(&knot.address.to_string()), "{event}");
    assert_eq!((&event["ttl"], &event["count"]), (&300.into(), &1.into()));
    assert_eq!(events[1]["query"], ".");
    assert!(events[0]["id"].as_str() < events[1]["id"].as_str());
}

#[test]
fn every_query_has_one_event() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let load = Load::start(squint.address);
    wait_until("a few thousand queries are answered", || load.answered() > 5_000);
    let outcome = load.finish();
    assert_eq!(outcome.lost, [0; 0]);
    let (_, events) = squint.stop();
    let names: HashSet<&str> = events.iter().map(|it| it["query"].as_str().unwrap()).collect();
    assert_eq!((events.len(), names.len()), (outcome.sent, outcome.sent));
    let ids: HashSet<&str> = events.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), outcome.sent);
}

#[test]
fn events_are_on_disk_while_it_runs() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    squint.ask("www.example", "A");
    let file = squint.data.state().join("events.jsonl");
    wait_until("the event is on disk", || {
        fs::read_to_string(&file).is_ok_and(|it| it.contains("\"query\":\"www.example\""))
    });
}

#[test]
#[cfg(unix)]
fn nobody_else_may_read_them() {
    use std::os::unix::fs::PermissionsExt as _;
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    squint.ask("www.example", "A");
    let state = squint.data.state();
    wait_until("the file is there", || state.join("events.jsonl").exists());
    assert_eq!(fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&state).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn history_may_be_disabled() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "[history]\nenabled = false\n");
    squint.ask("www.example", "A");
    let state = squint.data.state();
    squint.process.signal("TERM");
    assert_eq!(squint.process.wait().code, Some(0));
    assert!(!state.join("events.jsonl").exists());
}
