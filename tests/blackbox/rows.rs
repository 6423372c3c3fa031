//! Rules and attacks, with where each is held: by cases, which are measured against others, or by tests of ours.

use crate::{script::Suite, streams::STREAMS, suites};
use std::{collections::BTreeSet, fs, path::Path};

/// A row of a table.
#[derive(Debug)]
pub(crate) struct Row {
    /// What stands before where it is held.
    pub(crate) cells: Vec<String>,
    pub(crate) held: Vec<Held>,
}

/// Where something is held.
#[derive(Debug)]
pub(crate) enum Held {
    /// The beginning of a rule.
    Rule(String),
    /// Part of the names of cases.
    Case(String),
    /// A file, and the name of a test in it.
    Test(String, String),
}

/// A case as a row may mean it.
struct Told {
    rule: String,
    name: String,
}

impl Held {
    fn read(text: &str) -> Self {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        match first {
            "rule" => Self::Rule(rest.to_owned()),
            "case" => Self::Case(rest.to_owned()),
            file => Self::Test(file.to_owned(), rest.to_owned()),
        }
    }

    /// Whether a case is one of those meant.
    pub(crate) fn means(&self, rule: &str, case: &str) -> bool {
        match self {
            Self::Rule(start) => rule.starts_with(start),
            Self::Case(part) => case.contains(part),
            Self::Test(..) => false,
        }
    }

    pub(crate) fn text(&self) -> String {
        match self {
            Self::Rule(start) => start.trim_end_matches(':').to_owned(),
            Self::Case(part) => format!("\u{201c}{part}\u{201d}"),
            Self::Test(file, name) => format!("`{file}` `{name}`"),
        }
    }
}

/// The rows of a file beside this one.
pub(crate) fn read(file: &str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox").join(file);
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|it| !it.starts_with('#') && !it.is_empty());
    let row = |line: &str| {
        let mut cells: Vec<String> = line.split('\t').map(str::to_owned).collect();
        let held = cells.pop().unwrap_or_default();
        let held = held.split("; ").filter(|it| *it != "-").map(Held::read).collect();
        Row { cells, held }
    };
    lines.map(row).collect()
}

/// Every case that there is.
fn told() -> Vec<Told> {
    let of_suite = |it: Suite| it.cases.into_iter().map(|it| (it.rule, it.name));
    let streams = STREAMS.iter().map(|it| (it.rule.to_owned(), it.name.to_owned()));
    let all = suites().into_iter().flat_map(of_suite).chain(streams);
    all.map(|(rule, name)| Told { rule, name }).collect()
}

/// Whether a file has a test of this name.
fn has_test(file: &str, name: &str) -> bool {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let is_it = |line: &str| {
        line.trim_start_matches("async ")
            .strip_prefix("fn ")
            .is_some_and(|it| it.strip_prefix(name).is_some_and(|rest| rest.starts_with('(')))
    };
    let in_property = text.contains("proptest!");
    lines.iter().enumerate().filter(|it| is_it(it.1)).any(|(at, _)| {
        let attributes = lines[..at].iter().rev().take_while(|it| it.starts_with('#'));
        attributes.into_iter().any(|it| it.contains("test")) || in_property
    })
}

#[test]
fn every_row_is_held() {
    let told = told();
    let mut missing = Vec::new();
    for (file, cells) in [("rules.tsv", 2), ("attacks.tsv", 3)] {
        let rows = read(file);
        assert!(rows.len() > 20, "{file}");
        for row in rows {
            assert!(row.cells.len() == cells && !row.cells.iter().any(String::is_empty), "{row:?}");
            for held in &row.held {
                let there = match held {
                    Held::Rule(start) => {
                        let rules = told.iter().filter(|it| it.rule.starts_with(start));
                        rules.map(|it| &it.rule).collect::<BTreeSet<_>>().len() == 1
                    }
                    Held::Case(_) => told.iter().any(|it| held.means(&it.rule, &it.name)),
                    Held::Test(file, name) => has_test(file, name),
                };
                if !there {
                    missing.push(format!("{file}: {}: {}", row.cells[0], held.text()));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not there, or not one alone:\n{}", missing.join("\n"));
}

#[test]
fn every_rule_has_a_row() {
    let rows: Vec<Row> = [read("rules.tsv"), read("attacks.tsv")].into_iter().flatten().collect();
    let held: Vec<&Held> = rows.iter().flat_map(|it| &it.held).collect();
    let unnamed: BTreeSet<String> = told()
        .into_iter()
        .filter(|it| !held.iter().any(|held| held.means(&it.rule, &it.name)))
        .map(|it| it.rule)
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}
