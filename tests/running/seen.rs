//! What is new to this network, over days that were kept and a restart.

use crate::support::{Data, Knot, Squint};
use squint::{
    lookalike::{Config, Engine, known_good},
    name::Host,
    seen::Memory,
};
use std::{fs, net::Ipv4Addr, time::SystemTime};

const ON: &str = "[seen]\nenabled = true\n[lookalike]\nmode = \"enforce\"\n";

/// A random-looking domain under a suffix that deceivers favour.
const RANDOM: &str = "www.qx7zkvbn.top";

#[expect(clippy::disallowed_methods, reason = "the running program reads the clock as well")]
fn today() -> u32 {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u32::try_from(unix.as_secs() / 86_400).unwrap()
}

/// Files of the last four days, on which one name was asked.
fn keep_four_days(data: &Data, name: &str) {
    let folder = data.state().join("seen");
    fs::create_dir_all(&folder).unwrap();
    let engine = Engine::new(&Config::default());
    let memory = Memory::new(7, today() - 4);
    for day in today() - 4..today() {
        memory.turn(day);
        let now = u64::from(day) * 86_400;
        memory.meet(&engine, &Host::new(name), Ipv4Addr::LOCALHOST.into(), now);
        fs::write(folder.join(day.to_string()), memory.day(day).unwrap()).unwrap();
    }
}

#[test]
fn a_new_random_domain_is_logged_and_known_after_a_day() {
    let knot = Knot::start();
    let ask = |known: &str| {
        let data = Data::new();
        data.write_config(ON);
        keep_four_days(&data, known);
        let squint = Squint::start_in(data, knot.address);
        assert_eq!(squint.ask(RANDOM, "A").data(), ["192.0.2.99"]);
        squint
    };
    let squint = ask("www.daily.example");
    let folder = squint.data.state().join("seen");
    squint.process.signal("TERM");
    let finished = squint.process.wait();
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 5, "four days and today");
    let events = squint.data.events();
    let event = events.iter().find(|it| it["query"] == RANDOM).unwrap();
    for (field, expected) in [("action", "log"), ("applied", "log"), ("mode", "monitor")] {
        assert_eq!(event[field], expected, "{event}");
    }
    let reason = &event["reasons"][0];
    assert_eq!((&reason["source"], &reason["technique"]), (&"seen".into(), &"new".into()));
    assert!(reason["why"].as_str().unwrap().contains("first asked here today"), "{reason}");
    assert_eq!(ask(RANDOM).stop_and_find(RANDOM, "A")["action"], "pass");
}

#[test]
fn a_tenant_right_after_a_shortener_is_logged() {
    let knot = Knot::start();
    let data = Data::new();
    data.write_config(ON);
    keep_four_days(&data, "www.daily.example");
    let squint = Squint::start_in(data, knot.address);
    squint.ask("bit.ly", "A");
    squint.ask("fresh-offer.sharepoint.com", "A");
    let event = squint.stop_and_find("fresh-offer.sharepoint.com", "A");
    assert_eq!((&event["action"], &event["reasons"][0]["source"]), (&"log".into(), &"seen".into()));
}

#[test]
fn what_a_search_suffix_carries_is_no_longer_sinkholed() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, ON);
    let carried = "paypal.com.corp-suffix.net";
    let sinkholed = squint.ask(carried, "A");
    assert_eq!(sinkholed.data(), ["0.0.0.0"], "{sinkholed:?}");
    for site in known_good().step_by(700).take(20) {
        squint.ask(&format!("www.{site}.corp-suffix.net"), "A");
    }
    let event = {
        let other = "login.microsoft.com.corp-suffix.net";
        assert_eq!(squint.ask(other, "A").data(), ["192.0.2.99"]);
        squint.stop_and_find(other, "A")
    };
    assert_eq!(event["applied"], "log", "{event}");
    assert!(event["reasons"].as_array().unwrap().iter().any(|it| it["technique"] == "carried"));
}

#[test]
fn nothing_is_kept_unless_it_is_asked_for() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    squint.ask(RANDOM, "A");
    let kept = squint.data.state().join("seen");
    let event = squint.stop_and_find(RANDOM, "A");
    assert_eq!(event["action"], "pass", "{event}");
    assert!(!kept.exists());
}
