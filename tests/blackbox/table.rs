//! One row per rule: how many of its cases hold, ours beside those of others.

use crate::{
    all, failed,
    rows::{self, Held, Row},
    run::{Outcome, Picked},
    runtime,
    server::Kind,
    turn,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
};

/// How many cases there are, each counted once however many transports carry it.
pub(crate) fn count(outcomes: &[Outcome]) -> usize {
    outcomes.iter().map(|it| it.place).collect::<BTreeSet<_>>().len()
}

/// Which cases hold, on all transports that were tried; by place.
fn by_place(outcomes: &[Outcome]) -> BTreeMap<usize, bool> {
    let mut held = BTreeMap::new();
    for it in outcomes {
        *held.entry(it.place).or_insert(true) &= it.result.is_ok();
    }
    held
}

/// A report, which `scripts/blackbox` writes in some minutes; what it says of Squint, `every_case_holds` asserts.
#[test]
#[ignore = "reports on other servers and asserts nothing of this one; scripts/blackbox runs it"]
fn compared_with_others() {
    let _turn = turn();
    let results: Vec<Vec<Outcome>> = Kind::ALL.map(tried).into();
    let compared = Compared::of(&results);
    let text = [
        compared.by_rule(),
        compared.by_row("What a forwarder has to keep", &["of", "rule"], "rules.tsv"),
        compared.by_row("Attacks", &["attack", "known from", "what is done"], "attacks.tsv"),
        failures(&results),
    ]
    .join("\n");
    let path = env::var("BLACKBOX_TABLE").expect("BLACKBOX_TABLE says where the table goes");
    fs::write(path, text).unwrap();
}

/// What became of every case; of those that failed, when they were tried once more, with little beside them: each has its time limits.
fn tried(kind: Kind) -> Vec<Outcome> {
    let mut outcomes = runtime().block_on(all(kind, &Picked::default()));
    let places: BTreeSet<usize> = failed(&outcomes).into_keys().collect();
    if !places.is_empty() {
        outcomes.retain(|it| !places.contains(&it.place));
        outcomes.extend(runtime().block_on(all(kind, &Picked::only(places))));
        outcomes.sort_by_key(|it| (it.place, it.transport as u8));
    }
    outcomes
}

/// What became of every case, server by server.
struct Compared<'o> {
    ours: &'o [Outcome],
    /// Our own choices.
    own: BTreeSet<usize>,
    held: Vec<BTreeMap<usize, bool>>,
    names: String,
}

impl<'o> Compared<'o> {
    fn of(results: &'o [Vec<Outcome>]) -> Self {
        let ours = &results[0];
        let own = ours.iter().filter(|it| it.ours).map(|it| it.place).collect();
        let held = results.iter().map(|it| by_place(it)).collect();
        let names = Kind::ALL.map(|it| format!("{} {}", it.as_str(), it.version())).join(" | ");
        Self { ours, own, held, names }
    }

    /// How many of these cases there are, and how many of them hold for each server.
    fn cells(&self, places: &BTreeSet<usize>) -> String {
        let cell = |server: &BTreeMap<usize, bool>| {
            let count = places.iter().filter(|it| server.get(it) == Some(&true)).count();
            let tried = places.iter().any(|it| server.contains_key(it));
            if tried { count.to_string() } else { "-".to_owned() }
        };
        let cells: Vec<String> = self.held.iter().map(cell).collect();
        let count = if places.is_empty() { "-".to_owned() } else { places.len().to_string() };
        format!("{count} | {}", cells.join(" | "))
    }

    /// One row a rule of the cases.
    fn by_rule(&self) -> String {
        let mut rules: Vec<(&str, BTreeSet<usize>)> = Vec::new();
        for it in self.ours {
            match rules.last_mut().filter(|last| last.0 == it.rule) {
                Some((_, places)) => _ = places.insert(it.place),
                None => rules.push((&it.rule, BTreeSet::from([it.place]))),
            }
        }
        let mut text = format!("| rule | cases | {} |\n|---|---|---|---|---|---|\n", self.names);
        let mut all_counted = BTreeSet::new();
        for (rule, places) in &rules {
            let mark = if places.is_subset(&self.own) { " (our choice)" } else { "" };
            writeln!(text, "| {rule}{mark} | {} |", self.cells(places)).unwrap();
            all_counted.extend(places.difference(&self.own).copied());
        }
        writeln!(text, "| **all but our own choices** | {} |", self.cells(&all_counted)).unwrap();
        text
    }

    /// Where a row is held, in words that can be looked for.
    fn name_of(&self, held: &Held) -> String {
        let rule = |start: &str| self.ours.iter().find(|it| it.rule.starts_with(start));
        match held {
            Held::Rule(start) => rule(start).map_or_else(|| held.text(), |it| it.rule.clone()),
            Held::Case(_) | Held::Test(..) => held.text(),
        }
    }

    /// One row a line of a file: what the cases among what holds it say of each server. Our own choices do not count.
    fn by_row(&self, title: &str, heads: &[&str], file: &str) -> String {
        let mut text = format!(
            "## {title}\n\n| {} | held by | cases | {} |\n|",
            heads.join(" | "),
            self.names
        );
        text += &"---|".repeat(heads.len() + 6);
        text.push('\n');
        for Row { cells, held } in rows::read(file) {
            let is_meant = |it: &&Outcome| held.iter().any(|held| held.means(&it.rule, &it.case));
            let places = self.ours.iter().filter(is_meant).map(|it| it.place);
            let places: BTreeSet<usize> = places.filter(|it| !self.own.contains(it)).collect();
            let by: Vec<String> = held.iter().map(|it| self.name_of(it)).collect();
            let by = if by.is_empty() { "-".to_owned() } else { by.join("; ") };
            writeln!(text, "| {} | {by} | {} |", cells.join(" | "), self.cells(&places)).unwrap();
        }
        text
    }
}

fn failures(results: &[Vec<Outcome>]) -> String {
    let mut text = "## What others fail\n\n".to_owned();
    for (kind, outcomes) in Kind::ALL.iter().zip(results) {
        for it in outcomes.iter().filter(|it| it.result.is_err()) {
            let why = it.result.as_ref().unwrap_err().lines().next().unwrap_or_default();
            let (server, over) = (kind.as_str(), it.transport.as_str());
            let why: String = why.escape_debug().take(160).collect();
            writeln!(text, "- {server}, {}, over {over}: `{}`", it.case, why.replace('`', "'"))
                .unwrap();
        }
    }
    text
}
