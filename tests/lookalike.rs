//! The look-alike engine on the names in `tests/data`, with floors at what was reached.

#[path = "../examples/quality/measure.rs"]
mod measure;
#[path = "../examples/quality/names.rs"]
mod names;
#[path = "../examples/quality/site.rs"]
mod site;

use std::{path::PathBuf, sync::LazyLock};

use measure::{
    ByTechnique, Count, browser, detection, distinctive, false_positives, real, sites, split,
};
use names::{host, names, ranked};
use squint::{
    lookalike::{Config, Engine, official_domains},
    name::to_ascii,
    verdict::Technique,
};

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::default()));

static STRICT: LazyLock<Engine> =
    LazyLock::new(|| Engine::new(&Config { known_good: false, ..Config::default() }));

fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file)
}

#[test]
fn detection_holds() {
    let check = |file: &str, least: (f64, f64), least_on: (f64, f64)| {
        let (off, on) = detection(&ENGINE, &names(&data(file)));
        for (count, (block, log), size) in [(off, least, 500), (on, least_on, 20)] {
            let (blocked, logged) = (count.blocked(), count.logged());
            assert!(count.all > size, "{file} holds {} sites", count.all);
            assert!(blocked >= block && logged >= log, "{file}: {blocked:.1} / {logged:.1} %");
        }
    };
    check("phishing/discord_nikolaischunk_2024.tsv", (34.7, 52.5), (46.6, 53.3));
    check("phishing/durablenapkin_2026.tsv", (2.7, 5.8), (8.0, 9.0));
}

/// What each technique finds as the strongest finding: at least so many sites blocked and logged.
#[test]
fn each_technique_finds_what_it_found() {
    let mut found = ByTechnique::default();
    for file in ["discord_nikolaischunk_2024.tsv", "durablenapkin_2026.tsv"] {
        let names = names(&data(&format!("phishing/{file}")));
        let by = ByTechnique::new(file, sites(&ENGINE, &names).values());
        for (technique, count) in by.counts {
            let sum = found.counts.entry(technique).or_default();
            sum.blocked += count.blocked;
            sum.logged += count.logged;
        }
    }
    let floors = [
        (Technique::Homograph, 72, 77),
        (Technique::Typo, 613, 713),
        (Technique::Bitsquat, 2, 7),
        (Technique::Hyphen, 30, 37),
        (Technique::Plural, 11, 35),
        (Technique::Combo, 245, 603),
        (Technique::Embedding, 17, 17),
        (Technique::TldSwap, 3, 22),
        (Technique::Doppelganger, 1, 1),
        (Technique::TenantBrand, 18, 18),
        (Technique::Subdomain, 3, 13),
    ];
    for (technique, blocked, logged) in floors {
        let count = found.counts.get(&technique).copied().unwrap_or_default();
        assert!(
            count.blocked >= blocked && count.logged >= logged,
            "{technique:?}: {:?}",
            found.counts
        );
    }
}

#[test]
fn names_with_a_distinctive_brand_are_flagged() {
    let count = distinctive(&ENGINE, &names(&data("phishing/discord_nikolaischunk_2024.tsv")));
    let (blocked, logged) = (count.blocked(), count.logged());
    assert!(
        count.all > 200 && blocked >= 46.4 && logged >= 93.3,
        "{}: {blocked:.1} / {logged:.1} %",
        count.all
    );
}

#[test]
fn false_positives_hold() {
    let check = |what: &str, names: &[String], block: usize, log: usize| {
        assert!(names.len() > 1_000, "{what} holds {} names", names.len());
        for engine in [&*ENGINE, &*STRICT] {
            let count = false_positives(engine, names);
            let within = count.blocked <= block && count.logged <= log;
            assert!(within, "{what}: {} blocked, {} logged", count.blocked, count.logged);
        }
    };
    let file = |it: &str| names(&data(it));
    check("top 10,000", &file("benign/opendns_top10k_2014.txt"), 0, 3);
    check("random", &file("benign/opendns_random10k_2014.txt"), 2, 20);
    check("China", &file("benign/china_accelerated_2026.txt"), 2, 11);
    check("governments", &file("benign/usgov_2026.txt"), 0, 0);
    check("hosts", &file("benign/hosts.txt"), 1, 6);
    let sites = ranked(&data("benign/sites.tsv"));
    let up_to = |rank| -> Vec<String> {
        sites.iter().filter(|it| it.0 <= rank).map(|it| it.1.clone()).collect()
    };
    check("ranks to 1,000", &up_to(1_000), 0, 0);
    check("ranks to 10,000", &up_to(10_000), 2, 4);
    check("all sites", &up_to(100_000), 3, 21);
}

#[test]
fn rules_for_slips_flag_hardly_any_real_site() {
    let files = ["opendns_top10k_2014.txt", "opendns_random10k_2014.txt", "sites.tsv"];
    let names: Vec<String> =
        files.iter().flat_map(|it| names(&data(&format!("benign/{it}")))).collect();
    let flagged = ByTechnique::new("real names", &real(&ENGINE, &names));
    // Seven of 29,929.
    let share = flagged.percent(flagged.slips());
    assert!(share <= 0.02339, "{}: {share:.5} %", flagged.set);
}

#[test]
fn real_hosts_on_platforms_stay_silent() {
    let names: Vec<String> = ["opendns_top10k_2014.txt", "sites.tsv", "hosts.txt"]
        .iter()
        .flat_map(|it| names(&data(&format!("benign/{it}"))))
        .collect();
    let judged = real(&STRICT, &names);
    let (_, on) = split(&judged);
    assert!(on.all > 100 && on.logged == 0, "{} of {}", on.logged, on.all);
    let business: Count = judged.iter().filter(|it| it.is_business).map(|it| it.score).collect();
    assert!(business.all > 100 && business.logged == 0, "{} of {}", business.logged, business.all);
}

#[test]
fn names_in_other_scripts_are_judged_like_a_browser_does() {
    let (alike, all, others) = browser(&data(""));
    assert!(all == 484 && alike >= 481, "{alike} alike of {all}, not {others:?}");
}

#[test]
fn real_names_in_other_scripts_stay_silent() {
    let names = names(&data("benign/idn_real.txt"));
    let count = false_positives(&ENGINE, &names);
    assert!(count.all > 300 && count.logged == 0, "{} of {}", count.logged, count.all);
}

/// Letters that pass for ASCII ones, each from another place: Cyrillic, Greek, a diacritic, a hook, a bar, full width.
const LOOKALIKES: [(char, &[char]); 12] = [
    ('a', &['а', 'α', 'ä', 'ạ', 'ａ']),
    ('b', &['ɓ', 'ƀ', 'ḅ']),
    ('c', &['с', 'ϲ', 'ç', 'ƈ']),
    ('d', &['ɗ', 'đ', 'ḍ']),
    ('e', &['е', 'ẹ', 'ė', 'ë']),
    ('g', &['ɠ', 'ǥ', 'ğ']),
    ('i', &['і', 'ı', 'í', 'ɨ']),
    ('l', &['ł', 'ḷ', 'ľ']),
    ('n', &['ո', 'ñ', 'ṇ']),
    ('o', &['о', 'ο', 'ö', 'ø', 'ɵ']),
    ('p', &['р', 'ƥ', 'ṗ']),
    ('t', &['ţ', 'ŧ', 'ƭ']),
];

#[test]
fn homographs_of_protected_domains_are_flagged() {
    let (mut count, mut missed) = (Count::default(), Vec::new());
    // What stands below a registered name is its owner's.
    let registered = |it: &&str| it.ends_with(".com") && it.matches('.').count() == 1;
    for domain in official_domains().filter(registered) {
        for (letter, others) in LOOKALIKES {
            for other in others {
                let unicode =
                    domain.trim_end_matches(".com").replacen(letter, &other.to_string(), 1);
                let Some(name) = to_ascii(&format!("{unicode}.com")).filter(|it| it != domain)
                else {
                    continue;
                };
                let score = ENGINE.judge(&host(&name), &mut Vec::new());
                count.add(score);
                if score < measure::LOG {
                    missed.push(format!("{unicode} ({score})"));
                }
            }
        }
    }
    let some: Vec<_> = missed.iter().step_by(missed.len() / 20 + 1).collect();
    assert!(
        count.all > 10_000 && count.logged() >= 100.0,
        "{:.2} % of {}: {some:?}",
        count.logged(),
        count.all
    );
}

#[test]
fn embedded_targets_are_found_as_a_browser_finds_them() {
    let text = std::fs::read_to_string(data("vectors/embedding.tsv")).unwrap();
    let rows = text.lines().filter(|it| !it.starts_with('#')).map(|it| {
        let mut fields = it.split('\t');
        (to_ascii(fields.next().unwrap()).unwrap(), fields.next().unwrap().to_owned())
    });
    let rows: Vec<(String, String)> = rows.filter(|it| !it.1.is_empty()).collect();
    let domains = rows.iter().map(|it| it.1.clone()).collect();
    let engine = Engine::new(&Config { domains, ..Config::default() });
    let missed: Vec<&str> = rows
        .iter()
        .map(|it| it.0.as_str())
        .filter(|it| engine.judge(&host(it), &mut Vec::new()) < measure::LOG)
        .collect();
    assert!(rows.len() > 20 && missed.is_empty(), "{} of {}: {missed:?}", missed.len(), rows.len());
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
