//! The false positives that everybody meets: what an operator writes about them, and what comes of it.
#![cfg(test)]

use squint::{
    app::{self, Offline},
    config,
    name::Name,
    policy::{self, PolicyId},
};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::Path,
};

const FILE: &str = "tests/data/false-positives.tsv";

/// Names of each kind at least.
const NAMES_MIN: usize = 20;

#[test]
fn the_operator_gets_what_was_asked_for() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE)).unwrap();
    let mut policies: HashMap<String, Offline> = HashMap::new();
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|it| !it.1.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, name, snippet, action, applied, _note] = fields[..] else {
            panic!("{FILE}:{}: six fields", number + 1);
        };
        let snippet = snippet.replace("\\n", "\n");
        let offline = policies.entry(snippet.clone()).or_insert_with(|| {
            let config = config::parse(&snippet, Path::new(FILE)).unwrap();
            app::offline_with(&config, Vec::new()).unwrap()
        });
        let verdict =
            policy::judge(&offline.policy, PolicyId(0), &Name::parse(name).unwrap(), offline.now);
        if (verdict.action.as_str(), verdict.applied.as_str()) != (action, applied) {
            wrong.push(format!("{FILE}:{}: {name} with {snippet:?}: {verdict:?}", number + 1));
        }
        let held = names.entry(kind.to_owned()).or_default();
        if !held.iter().any(|it| it == name) {
            held.push(name.to_owned());
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert_eq!(names.len(), 5, "{:?}", names.keys());
    for (kind, names) in names {
        assert!(names.len() >= NAMES_MIN, "{kind} has {} names", names.len());
    }
}
