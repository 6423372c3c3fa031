//! What a running server tells of itself on SIGUSR1, and again at its end.

use crate::support::{Data, Knot, Squint, wait_until};

/// Lines that `told` has since the last status began, their spaces drawn together.
fn last_status(told: &str) -> Vec<String> {
    let Some(at) = told.rfind(" status ") else { return Vec::new() };
    told[at..].lines().map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn check(status: &[String], expected: &[&str]) {
    for line in expected {
        assert!(status.iter().any(|it| it.starts_with(line)), "{line}\n{}", status.join("\n"));
    }
}

#[test]
fn all_that_is_counted_is_told_while_it_runs() {
    let knot = Knot::start();
    let data = Data::new();
    data.write("one.txt", "bad.example\nboth.example\nwatched.example\n");
    data.write("two.txt", "both.example\nsub.both.example\n");
    data.write("watch.txt", "watched.example\n");
    let list = |name: &str, rest: &str| {
        format!("[[list]]\nname = \"{name}\"\npath = \"{name}.txt\"\n{rest}\n")
    };
    let rule = "[[rule]]\nname = \"watched.example\"\naction = \"pass\"\n";
    data.write_config(&format!(
        "{}{}{}{rule}",
        list("one", "action = \"nxdomain\""),
        list("two", "action = \"refused\""),
        list("watch", "mode = \"monitor\""),
    ));
    let squint = Squint::start_in(data, knot.address);
    let status = |name: &str| squint.ask(name, "A").status;
    for (name, expected) in [
        ("bad.example", "NXDOMAIN"),
        ("bad.example", "NXDOMAIN"),
        ("www.bad.example", "NXDOMAIN"),
        ("both.example", "NXDOMAIN"),
        ("sub.both.example", "REFUSED"),
        ("watched.example", "NOERROR"),
        ("www.example", "NOERROR"),
        ("www.example", "NOERROR"),
    ] {
        assert_eq!(status(name), expected, "{name}");
    }
    squint.process.signal("USR1");
    let told = || last_status(&squint.process.stderr());
    wait_until("the status is told", || told().iter().any(|it| it.starts_with("clock: set")));
    let lists = [
        "list one: holds the names of 6 queries, decided 4",
        "list two: holds the names of 2 queries, decided 1",
        "list watch: holds the names of 1 queries, decided 0",
    ];
    check(&told(), &lists);
    let upstream = format!("upstream udp://{}: answers within", knot.address);
    check(
        &told(),
        &[
            "queries_udp 8 ",
            "responses 8 ",
            "cache_hits 1 ",
            "changed 5 ",
            "answers in the cache 2, queries waiting 0",
            &upstream,
            "to upstreams: queries_udp ",
            "events: written ",
        ],
    );

    // Lists that are read again go on with their counts.
    squint.data.write("two.txt", "both.example\nsub.both.example\nlater.example\n");
    wait_until("the list is read again", || status("later.example") == "REFUSED");
    let (finished, events) = squint.stop();
    check(&last_status(&finished.stderr), &["list one: holds the names of 6 queries, decided 4"]);
    let both = events.iter().find(|it| it["query"] == "both.example").unwrap();
    assert_eq!(
        both["reasons"][0]["why"],
        "list `one` blocks `both.example` (line 2); also in `two` (line 1)"
    );
}
