//! One row per rule: how many of its cases hold, ours beside those of others.

use crate::{
    all,
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
    let results: Vec<Vec<Outcome>> = Kind::ALL
        .map(|kind| runtime().block_on(all(kind, &Picked::default())))
        .into_iter()
        .collect();
    let ours = &results[0];
    let mut rules: Vec<(&str, Vec<usize>)> = Vec::new();
    let own: BTreeSet<usize> = ours.iter().filter(|it| it.ours).map(|it| it.place).collect();
    for it in ours {
        match rules.last_mut().filter(|last| last.0 == it.rule) {
            Some((_, places)) => places.push(it.place),
            None => rules.push((&it.rule, vec![it.place])),
        }
    }
    let held: Vec<BTreeMap<usize, bool>> = results.iter().map(|it| by_place(it)).collect();
    let names = Kind::ALL.map(|it| format!("{} {}", it.as_str(), it.version()));
    let mut text = format!("| rule | cases | {} |\n|---|---|---|---|---|---|\n", names.join(" | "));
    let cell = |server: &BTreeMap<usize, bool>, places: &BTreeSet<usize>| {
        let count = places.iter().filter(|it| server.get(it) == Some(&true)).count();
        let tried = places.iter().filter(|it| server.contains_key(it)).count();
        if tried == 0 { "-".to_owned() } else { count.to_string() }
    };
    let mut all_counted = BTreeSet::new();
    for (rule, places) in &rules {
        let places: BTreeSet<usize> = places.iter().copied().collect();
        let cells: Vec<String> = held.iter().map(|it| cell(it, &places)).collect();
        let mark = if places.is_subset(&own) { " (our choice)" } else { "" };
        writeln!(text, "| {rule}{mark} | {} | {} |", places.len(), cells.join(" | ")).unwrap();
        all_counted.extend(places.difference(&own).copied());
    }
    let cells: Vec<String> = held.iter().map(|it| cell(it, &all_counted)).collect();
    writeln!(
        text,
        "| **all but our own choices** | {} | {} |",
        all_counted.len(),
        cells.join(" | ")
    )
    .unwrap();
    writeln!(text, "\nWhat others fail:\n").unwrap();
    for (kind, outcomes) in Kind::ALL.iter().zip(&results) {
        for it in outcomes.iter().filter(|it| it.result.is_err()) {
            let why = it.result.as_ref().unwrap_err().lines().next().unwrap_or_default();
            let (server, over) = (kind.as_str(), it.transport.as_str());
            let why: String = why.escape_debug().take(160).collect();
            writeln!(text, "- {server}, {}, over {over}: `{}`", it.case, why.replace('`', "'"))
                .unwrap();
        }
    }
    let path = env::var("BLACKBOX_TABLE").expect("BLACKBOX_TABLE says where the table goes");
    fs::write(path, text).unwrap();
}
