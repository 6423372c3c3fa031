//! The look-alike engine on the names in `tests/data`, with floors at what was reached.

#[path = "../examples/quality/measure.rs"]
mod measure;
#[path = "../examples/quality/names.rs"]
mod names;
#[path = "../examples/quality/site.rs"]
mod site;

use std::{path::PathBuf, sync::LazyLock};

use measure::{detection, distinctive, false_positives};
use names::{host, names};
use squint::{
    lookalike::{Config, Engine},
    name::Host,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::default()));

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

#[test]
fn detection_holds() {
    let check = |file: &str, block: f64, log: f64| {
        let (off, _) = detection(&ENGINE, &names(&data(file), 1));
        let (blocked, logged) = (off.percent(off.blocked), off.percent(off.logged));
        assert!(off.all > 500, "{file} holds {} sites", off.all);
        assert!(blocked >= block && logged >= log, "{file}: {blocked:.1} / {logged:.1} %");
    };
    check("phishing/discord_nikolaischunk_2024.tsv", 18.0, 45.0);
    check("phishing/durablenapkin_2026.tsv", 2.5, 5.0);
}

#[test]
fn names_with_a_distinctive_brand_are_flagged() {
    let count = distinctive(&ENGINE, &names(&data("phishing/discord_nikolaischunk_2024.tsv"), 1));
    let (blocked, logged) = (count.percent(count.blocked), count.percent(count.logged));
    assert!(
        count.all > 200 && blocked >= 42.0 && logged >= 90.0,
        "{}: {blocked:.1} / {logged:.1} %",
        count.all
    );
}

#[test]
fn false_positives_hold() {
    let strict = Engine::new(&Config { known_good: false, ..Config::default() });
    let check = |file: &str, block: usize, log: usize| {
        let names = names(&data(file), 0);
        assert!(names.len() > 1_000, "{file} holds {} names", names.len());
        for engine in [&*ENGINE, &strict] {
            let count = false_positives(engine, &names);
            let within = count.blocked <= block && count.logged <= log;
            assert!(within, "{file}: {} blocked, {} logged", count.blocked, count.logged);
        }
    };
    check("benign/opendns_top10k_2014.txt", 0, 16);
    check("benign/opendns_random10k_2014.txt", 4, 24);
    check("benign/china_accelerated_2026.txt", 2, 26);
    check("benign/usgov_2026.txt", 0, 0);
}

#[test]
fn names_in_other_scripts_are_judged_like_a_browser_does() {
    let text = std::fs::read_to_string(data("vectors/chromium_idn_display_cases.tsv")).unwrap();
    let domains = std::fs::read_to_string(data("vectors/chromium_idn_test_domains.list")).unwrap();
    let domains: Vec<String> = domains
        .lines()
        .filter(|it| it.contains('.') && !it.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let engine = Engine::new(&Config { domains, ..Config::default() });
    let (mut alike, mut others) = (0, Vec::new());
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap().trim_matches('.');
        let expected = fields.nth(1).unwrap();
        let score = engine.judge(&Host::new(name), &mut Vec::new());
        if (score >= measure::LOG) == (expected != "safe") {
            alike += 1;
        } else {
            others.push(name.to_owned());
        }
    }
    assert!(alike >= 480, "{alike} alike, not {others:?}");
}

#[test]
fn carried_names_stay_silent_and_imitations_of_carrying_do_not() {
    let search_domains = vec!["corp.example".to_owned()];
    let engine = Engine::new(&Config { search_domains, ..Config::default() });
    let text = std::fs::read_to_string(data("carried.txt")).unwrap();
    let (mut carried, mut wrong) = (0, Vec::new());
    for line in text.lines().filter(|it| !it.starts_with('#')) {
        let (kind, name) = line.split_once('\t').unwrap();
        let mut found = Vec::new();
        let score = engine.judge(&host(name), &mut found);
        let as_expected = match kind {
            "evil" => score >= measure::BLOCK,
            "doubtful" => (measure::LOG..measure::BLOCK).contains(&score),
            _ => found.is_empty(),
        };
        carried += usize::from(!matches!(kind, "evil" | "doubtful"));
        if !as_expected {
            wrong.push(format!("{kind} {name}: {score}"));
        }
    }
    assert!(carried >= 200 && wrong.is_empty(), "{carried}: {wrong:#?}");
}
