//! Prints how well the look-alike engine does on public names: detection by source, false positives by source and rank.
#![expect(clippy::print_stdout, reason = "a table for people is what this program is for")]

mod measure;
mod names;
mod site;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use measure::{BLOCK, Count, LOG, detection, distinctive, false_positives};
use names::{host, names};
use squint::lookalike::{Config, Engine};

fn main() {
    let mut args = std::env::args().skip(1);
    let data = args.next().map_or_else(default_data, PathBuf::from);
    let show = args.next();
    if let Some(source) = show {
        return list(&data.join(source), args.next().as_deref());
    }
    println!("Names: {}. Block: score >= {BLOCK}. Log: score >= {LOG}.\n", data.display());
    let (engine, strict) = (Engine::new(&Config::default()), strict());
    phishing(&data, &engine, &strict);
    benign(&data, &engine, &strict);
    techniques(&data, &engine);
    vectors(&data);
    homographs(&data, &engine);
    platforms(&data);
}

/// Hosts of the phishing sources by the class of the platform under which they stand.
fn platforms(data: &Path) {
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let mut all = 0_usize;
    for file in files(&data.join("phishing")) {
        for name in names(&file, 1) {
            all += 1;
            let class = host(&name).hosting.map_or("none", |it| it.class.as_str());
            *classes.entry(class).or_default() += 1;
        }
    }
    println!("\n| class of platform | phishing hosts of {all} | % |\n|---|---|---|");
    for (class, count) in classes {
        println!("| {class} | {count} | {:.1} |", count as f64 * 100.0 / all as f64);
    }
}

fn default_data() -> PathBuf {
    let shipped = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    std::env::var_os("SQUINT_DATA").map_or_else(shipped, PathBuf::from)
}

fn strict() -> Engine {
    Engine::new(&Config { known_good: false, ..Config::default() })
}

/// Files of a folder, in order.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.filter_map(|it| Some(it.ok()?.path())).collect();
    files.sort();
    files
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default()
}

fn phishing(data: &Path, engine: &Engine, strict: &Engine) {
    println!(
        "| phishing, sites | off platforms | block % | log % | without known-good | on platforms | block % | log % \
         | with a distinctive brand | block % | log % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for file in files(&data.join("phishing")) {
        let names = names(&file, 1);
        let (off, on) = detection(engine, &names);
        let (off_strict, _) = detection(strict, &names);
        let brand = distinctive(engine, &names);
        println!(
            "| {} | {} | {:.2} | {:.2} | {:.2} / {:.2} | {} | {:.2} | {:.2} | {} | {:.1} | {:.1} |",
            stem(&file),
            off.all,
            off.percent(off.blocked),
            off.percent(off.logged),
            off_strict.percent(off_strict.blocked),
            off_strict.percent(off_strict.logged),
            on.all,
            on.percent(on.blocked),
            on.percent(on.logged),
            brand.all,
            brand.percent(brand.blocked),
            brand.percent(brand.logged)
        );
    }
    println!();
}

/// Real names by source, in rank buckets where the source has ranks.
fn benign_sets(data: &Path) -> Vec<(String, Vec<String>)> {
    let mut sets = Vec::new();
    for file in files(&data.join("benign")) {
        let stem = stem(&file);
        let ranked = stem.starts_with("cloudflare_radar") || stem.starts_with("alexa_100k");
        if ranked {
            let (ranks, sites) = (numbers(&file), names(&file, 1));
            for top in [1_000, 10_000, 100_000] {
                let part = ranks.iter().zip(&sites).filter(|(rank, _)| **rank <= top);
                sets.push((format!("{stem} top {top}"), part.map(|(_, it)| it.clone()).collect()));
            }
        } else if !stem.starts_with("idn_") {
            let column = usize::from(stem.starts_with("pdd_"));
            sets.push((stem, names(&file, column)));
        }
    }
    sets
}

/// The first column as numbers, of the lines that [`names`] keeps.
fn numbers(path: &Path) -> Vec<usize> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let lines = text.lines().filter_map(|it| it.split_once('\t'));
    lines
        .filter(|(_, site)| {
            site.contains('.') && !site.bytes().all(|it| it.is_ascii_digit() || it == b'.')
        })
        .filter_map(|(rank, _)| rank.parse().ok())
        .collect()
}

fn benign(data: &Path, engine: &Engine, strict: &Engine) {
    println!(
        "| real names | names | block | log | block % | log % | without known-good: block % | log % |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (set, names) in benign_sets(data) {
        let (with, without) = (false_positives(engine, &names), false_positives(strict, &names));
        println!(
            "| {set} | {} | {} | {} | {:.3} | {:.3} | {:.3} | {:.3} |",
            with.all,
            with.blocked,
            with.logged,
            with.percent(with.blocked),
            with.percent(with.logged),
            without.percent(without.blocked),
            without.percent(without.logged)
        );
    }
    println!();
}

/// False positives by the technique of the strongest finding, over the ranked lists.
fn techniques(data: &Path, engine: &Engine) {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    let (mut all, mut found) = (0, Vec::new());
    for (_, names) in benign_sets(data).iter().filter(|(it, _)| it.ends_with("top 100000")) {
        for name in names {
            all += 1;
            found.clear();
            let score = engine.judge(&host(name), &mut found);
            if let Some(first) = found.first() {
                let count = counts.entry(first.technique.as_str()).or_default();
                count.logged += usize::from(score >= LOG);
                count.blocked += usize::from(score >= BLOCK);
            }
        }
    }
    println!("| technique | block | log | of {all} ranked sites: log % |\n|---|---|---|---|");
    for (technique, count) in counts {
        let share = 100.0 * count.logged as f64 / f64::from(all.max(1));
        println!("| {technique} | {} | {} | {share:.3} |", count.blocked, count.logged);
    }
    println!();
}

/// Browser test vectors for names in other scripts, judged with the test's own protected domains.
fn vectors(data: &Path) {
    let folder = data.join("vectors");
    let text =
        std::fs::read_to_string(folder.join("chromium_idn_display_cases.tsv")).unwrap_or_default();
    let domains =
        std::fs::read_to_string(folder.join("chromium_idn_test_domains.list")).unwrap_or_default();
    let domains: Vec<String> = domains
        .lines()
        .filter(|it| it.contains('.') && !it.starts_with('#'))
        .map(str::to_owned)
        .collect();
    let engine = Engine::new(&Config { domains, ..Config::default() });
    let (mut all, mut same, mut wrong) = (0, 0, Vec::new());
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(name), Some(unicode), Some(expected)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let score = engine.judge(&host(name.trim_matches('.')), &mut Vec::new());
        all += 1;
        if (score >= LOG) == (expected != "safe") {
            same += 1;
        } else {
            wrong.push(format!("{unicode} ({name}, {expected}, {score})"));
        }
    }
    println!(
        "Browser vectors for names in other scripts: {same} of {all} judged alike; others: {}\n",
        wrong.join(", ")
    );
}

/// Homographs that were registered, and real names in other scripts.
fn homographs(data: &Path, engine: &Engine) {
    let path = data.join("vectors/shamfinder_imc2019_registered_homographs_dev.tsv");
    let (names, targets) = (names(&path, 0), names(&path, 2));
    let protecting = Engine::new(&Config { domains: targets, ..Config::default() });
    for (what, engine) in [("built-in data", engine), ("their targets protected", &protecting)] {
        let count = false_positives(engine, &names);
        println!(
            "Registered homographs, {what}: {:.2} % logged, {:.2} % blocked of {}",
            count.percent(count.logged),
            count.percent(count.blocked),
            count.all
        );
    }
    let real = names::names(&data.join("benign/idn_benign_dev.tsv"), 0);
    let count = false_positives(engine, &real);
    println!(
        "Real names in other scripts: {} logged, {} blocked of {}",
        count.logged, count.blocked, count.all
    );
}

/// Lists what a source's names are found for: score, technique, name, sentence. With a third argument `miss`, what is not.
fn list(path: &Path, mode: Option<&str>) {
    let engine = if mode == Some("strict") { strict() } else { Engine::new(&Config::default()) };
    let column = usize::from(
        ["phishing/", "alexa_100k", "radar", "pdd_"]
            .iter()
            .any(|it| path.to_string_lossy().contains(it)),
    );
    for name in names(path, column) {
        let mut found = Vec::new();
        let host = host(&name);
        let score = engine.judge(&host, &mut found);
        let wanted = match mode {
            Some("miss") => {
                score < LOG && host.hosting.is_none() && engine.owner_of(&host).is_none()
            }
            Some("block") => score >= BLOCK,
            Some(_) | None => score >= LOG,
        };
        if wanted {
            let first = found.first().map(|it| (it.technique.as_str(), it.why.as_str()));
            let (technique, why) = first.unwrap_or_default();
            let features: Vec<String> = engine
                .explain(&host)
                .into_iter()
                .map(|(it, features)| format!("{}:{features:?}", it.as_str()))
                .collect();
            println!("{score}\t{technique}\t{name}\t{why}\t{}", features.join(" "));
        }
    }
}
