//! Prints how well the look-alike engine does on public names: detection and false positives by source, technique and rank, on
//! platforms and off, with the known-good list and without, and what of the bar is met.
#![expect(clippy::print_stdout, reason = "a table for people is what this program is for")]

mod bar;
mod benign;
mod folder;
mod list;
mod measure;
mod names;
mod phishing;
mod platforms;
mod site;
mod vectors;

use std::{
    env,
    path::{Path, PathBuf},
};

use bar::Bar;
use measure::{BLOCK, ByTechnique, Count, LOG};
use squint::lookalike::{Config, Engine};

/// The engine as it is by default, and without the known-good list.
struct Engines {
    usual: Engine,
    strict: Engine,
}

fn main() {
    let mut args = env::args().skip(1);
    let data = args.next().map_or_else(folder::usual, PathBuf::from);
    let strict = || Engine::new(&Config { known_good: false, ..Config::default() });
    if let Some(source) = args.next() {
        let mode = args.next();
        let engine = if mode.as_deref() == Some("strict") {
            strict()
        } else {
            Engine::new(&Config::default())
        };
        return list::print(&engine, &data.join(source), mode.as_deref());
    }
    println!("Names: {}. Block: score >= {BLOCK}. Log: score >= {LOG}.", data.display());
    let engines = Engines { usual: Engine::new(&Config::default()), strict: strict() };
    let mut bar = Bar::default();
    let detected = phishing::print(&data, &engines, &mut bar);
    let flagged = benign::print(&data, &engines, &mut bar);
    print_found(&detected);
    print_flagged(&flagged);
    bar.typo_rules(&flagged);
    vectors::print(&data, &engines.usual, &mut bar);
    platforms::print(&data, &mut bar);
    bar.print();
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

/// The share of sites in phishing that each technique finds, as the strongest finding.
fn print_found(detected: &[ByTechnique]) {
    print_by_technique("strongest finding, block % / log % of sites", detected, |set, it| {
        format!("{:.2} / {:.2}", set.percent(it.blocked), set.percent(it.logged))
    });
}

/// How many real names each technique flags, as the strongest finding.
fn print_flagged(flagged: &[ByTechnique]) {
    print_by_technique("strongest finding, real names blocked / logged", flagged, |_, it| {
        format!("{} / {}", it.blocked, it.logged)
    });
}

/// Prints a row for each set and a column for each technique that found anything in one of them.
fn print_by_technique(
    head: &str,
    sets: &[ByTechnique],
    cell: impl Fn(&ByTechnique, &Count) -> String,
) {
    let mut techniques: Vec<_> = sets.iter().flat_map(|it| it.counts.keys().copied()).collect();
    techniques.sort();
    techniques.dedup();
    let heads: Vec<&str> = techniques.iter().map(|it| it.as_str()).collect();
    println!("\n| {head} | all | {} |", heads.join(" | "));
    println!("|---|---|{}", "---|".repeat(heads.len()));
    for set in sets {
        let cell = |it| set.counts.get(it).map_or(String::new(), |count| cell(set, count));
        let cells: Vec<String> = techniques.iter().map(cell).collect();
        println!("| {} | {} | {} |", set.set, set.all, cells.join(" | "));
    }
}
