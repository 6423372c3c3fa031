//! A name that matches nothing costs no allocation.
#![cfg(target_os = "linux")]

mod counting;

use squint::{
    lookalike::{Config, Engine},
    name::Host,
};

/// Names of a file in `tests/data/benign`, at even distances.
fn names(file: &str, count: usize) -> Vec<String> {
    let path = format!("{}/tests/data/benign/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the file is part of the project");
    let names = text.lines().filter(|it| !it.starts_with('#'));
    let names: Vec<&str> =
        names.filter_map(|it| it.split('\t').find(|it| it.contains('.'))).collect();
    names.iter().step_by(names.len() / count).map(|&it| it.to_owned()).collect()
}

#[test]
fn a_name_that_matches_nothing_allocates_nothing() {
    let engine = Engine::new(&Config { known_good: false, ..Config::default() });
    let mut out = Vec::with_capacity(8);
    // The first names of a thread set aside the room that all later ones are read in; one that is carried takes it twice.
    for first in ["www.example.com.lan", "www.example.com.fritz.box"] {
        engine.judge(&Host::new(first), &mut out);
    }
    let made_up = [
        "www.example.com",
        "cdn-7.static.some-quiet-garden.example",
        "a1b2c3d4.cloudfront.net",
        "xn--bcher-kva.example",
        "_dmarc.some-quiet-garden.example",
        "printer.lan",
        "www.wikipedia.org",
        "very-long-label-with-many-words-in-it-and-no-brand-at-all.example.org",
    ];
    let mut all: Vec<String> = made_up.map(str::to_owned).into();
    for file in ["hosts.txt", "opendns_random10k_2014.txt", "sites.tsv", "idn_real.txt"] {
        all.extend(names(file, 150));
    }
    let mut silent = 0;
    for name in &all {
        let host = Host::new(name);
        let mut score = 0;
        let judge = || score = engine.judge(&host, &mut out);
        let allocations = counting::allocations_of(counting::this_thread(), judge);
        // What reads like a brand and stays below the least score that is told may have cost something.
        if engine.explain(&host).is_empty() {
            assert_eq!((score, allocations), (0, 0), "{name}: {out:?}");
            silent += 1;
        }
        out.clear();
    }
    assert!(silent >= 550 && silent * 10 >= all.len() * 9, "{silent} of {}", all.len());
}
