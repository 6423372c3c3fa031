//! New policy while queries run: in effect on the next query, none lost, and never a broken one.

use crate::support::{Data, Knot, Load, Squint, run, wait_until};
use std::{fmt::Write as _, process::Command};

fn config(data: &Data, mode: &str) -> String {
    let path = data.path().join("list.txt");
    format!(
        "[lookalike]\nmode = \"{mode}\"\n[[list]]\nname = \"own\"\npath = {path:?}\nkind = \"block\"\naction = \"nxdomain\"\n"
    )
}

fn start(knot: &Knot) -> Squint {
    let data = Data::new();
    data.write("list.txt", "listed.example\n");
    data.write_config(&config(&data, "monitor"));
    Squint::start_in(data, knot.address)
}

fn status(squint: &Squint, name: &str) -> String {
    squint.ask(name, "A").status
}

fn is_enforced(squint: &Squint) -> bool {
    squint.ask("rnicrosoft.com", "A").data() != ["192.0.2.99"]
}

#[test]
fn a_changed_config_takes_effect_at_once() {
    let knot = Knot::start();
    let squint = start(&knot);
    assert!(!is_enforced(&squint));
    squint.data.write_config(&config(&squint.data, "enforce"));
    wait_until("the new config is in effect", || is_enforced(&squint));
    squint.data.write_config(&config(&squint.data, "monitor"));
    wait_until("the old config is in effect again", || !is_enforced(&squint));
}

#[test]
fn a_changed_list_takes_effect_on_cached_answers() {
    let knot = Knot::start();
    let squint = start(&knot);
    assert_eq!(status(&squint, "later.example"), "NOERROR");
    assert_eq!(status(&squint, "listed.example"), "NXDOMAIN");
    squint.data.write("list.txt", "later.example\n");
    wait_until("the new list is in effect", || status(&squint, "later.example") == "NXDOMAIN");
    assert_eq!(status(&squint, "listed.example"), "NOERROR");
}

#[test]
fn a_changed_file_of_well_known_sites_takes_effect() {
    let knot = Knot::start();
    let data = Data::new();
    data.write("good.txt", "partner.example\n");
    data.write_config("[lookalike]\nmode = \"enforce\"\nknown_good_files = [\"good.txt\"]\n");
    let squint = Squint::start_in(data, knot.address);
    assert!(is_enforced(&squint));
    squint.data.write("good.txt", "partner.example\nrnicrosoft.com\nno site\n");
    wait_until("the new file is in effect", || !is_enforced(&squint));
    wait_until("the bad line is told", || squint.process.stderr().contains("good.txt:3:1"));
}

#[test]
fn a_hangup_reloads() {
    let knot = Knot::start();
    let squint = start(&knot);
    squint.process.signal("HUP");
    wait_until("the reload is told of", || squint.process.stderr().contains("SIGHUP: policy 2"));
    assert_eq!(status(&squint, "listed.example"), "NXDOMAIN");
    assert_eq!(squint.stop().0.code, Some(0));
}

#[test]
fn a_broken_config_leaves_the_old_one_serving() {
    let knot = Knot::start();
    let squint = start(&knot);
    let broken = format!("{}\n[sinkhole]\nipv4 = \"192.0.2.\"\n", config(&squint.data, "enforce"));
    let line = broken.lines().position(|it| it.starts_with("ipv4")).unwrap() + 1;
    squint.data.write_config(&broken);
    wait_until("the error is told", || {
        let told = squint.process.stderr();
        told.contains("config.toml") && told.contains(&line.to_string()) && told.contains("ipv4")
    });
    assert!(!is_enforced(&squint));
    assert_eq!(status(&squint, "listed.example"), "NXDOMAIN");
    squint.data.write_config(&config(&squint.data, "enforce"));
    wait_until("the mended config is in effect", || is_enforced(&squint));
}

#[test]
fn a_list_that_is_gone_leaves_the_old_one_serving() {
    let knot = Knot::start();
    let squint = start(&knot);
    std::fs::remove_file(squint.data.path().join("list.txt")).unwrap();
    squint.process.signal("HUP");
    wait_until("the error is told", || squint.process.stderr().contains("list.txt"));
    assert_eq!(status(&squint, "listed.example"), "NXDOMAIN");
}

#[test]
fn no_query_is_lost_while_reloading() {
    let knot = Knot::start();
    let squint = start(&knot);
    let load = Load::start(squint.address);
    for mode in ["enforce", "monitor", "enforce"] {
        wait_until("the load runs", || load.answered() > 500);
        squint.data.write_config(&config(&squint.data, mode));
        wait_until("the reload is done", || is_enforced(&squint) == (mode == "enforce"));
    }
    let before = load.answered();
    wait_until("the load runs on", || load.answered() > before + 500);
    let outcome = load.finish();
    assert_eq!(outcome.lost, [0; 0], "of {}", outcome.sent);
    assert_eq!(outcome.rcodes[0], outcome.sent, "{:?}", outcome.rcodes);
}

#[test]
fn dnsperf_loses_nothing_while_reloading() {
    let knot = Knot::start();
    let squint = start(&knot);
    let mut names = String::new();
    for number in 0..2_000 {
        writeln!(names, "n{number}.perf.example A").unwrap();
    }
    squint.data.write("names.txt", &names);
    let (server, port) = (squint.address.ip().to_string(), squint.address.port().to_string());
    let file = squint.data.path().join("names.txt");
    let mut dnsperf = Command::new("dnsperf");
    dnsperf.args(["-s", &server, "-p", &port, "-l", "6", "-Q", "5000", "-c", "4", "-d"]).arg(&file);
    let done = std::thread::scope(|scope| {
        let load = scope.spawn(|| run(&mut dnsperf, ""));
        let mut reloads = 0;
        while !load.is_finished() {
            let mode = if is_enforced(&squint) { "monitor" } else { "enforce" };
            squint.data.write_config(&config(&squint.data, mode));
            wait_until("the reload is done", || is_enforced(&squint) == (mode == "enforce"));
            reloads += 1;
        }
        assert!(reloads >= 1, "{reloads} reloads");
        load.join().unwrap()
    });
    assert_eq!(done.code, Some(0), "{done:?}");
    let lost = done.stdout.lines().find(|it| it.trim_start().starts_with("Queries lost:")).unwrap();
    assert!(lost.split_whitespace().nth(2) == Some("0"), "{}", done.stdout);
}
