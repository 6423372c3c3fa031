//! A black-box suite: the real binary between scripted clients and scripted upstreams, on every transport.
//!
//! The cases stand in `cases/`, whose README says how they are written. `BLACKBOX` in the environment picks those whose names contain
//! it. `scripts/blackbox` runs the same cases against other servers and writes `RESULTS.md`.
#![cfg(test)]

#[path = "../running/support/authority.rs"]
mod authority;
mod client;
mod flood;
mod judge;
#[path = "../running/support/knot.rs"]
mod knot;
mod peers;
#[path = "../running/support/ports.rs"]
mod ports;
#[path = "../running/support/process.rs"]
mod process;
mod run;
mod script;
mod server;
mod soak;
mod streams;
mod table;
mod transports;
mod upstream;
mod wire;

use ports::free_port;
use process::Process;
use run::Outcome;
use server::Kind;
use std::{collections::BTreeMap, env, fs, path::Path};
use tokio::task::JoinSet;

/// Case files with their names, in the order of the names.
fn suites() -> Vec<script::Suite> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox/cases");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it == "case"));
    paths.sort();
    paths.iter().map(|it| script::read(&fs::read_to_string(it).unwrap())).collect()
}

/// Runs everything against one server, in the order of the files.
async fn all(kind: Kind, filter: &str) -> Vec<Outcome> {
    let mut tasks = JoinSet::new();
    let (mut place, filter) = (0, filter.to_owned());
    for suite in suites() {
        let filter = filter.clone();
        tasks.spawn(async move { run::suite(&suite, place, kind, &filter).await });
        place += 1_000;
    }
    tasks.spawn(async move { run::streams(place, kind, &filter).await });
    let mut outcomes: Vec<Outcome> = tasks.join_all().await.into_iter().flatten().collect();
    outcomes.sort_by_key(|it| (it.place, it.transport as u8));
    outcomes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn every_case_holds() {
    let filter = env::var("BLACKBOX").unwrap_or_default();
    let outcomes = runtime().block_on(all(Kind::Squint, &filter));
    let mut failed: BTreeMap<usize, Vec<&Outcome>> = BTreeMap::new();
    for it in outcomes.iter().filter(|it| it.result.is_err()) {
        failed.entry(it.place).or_default().push(it);
    }
    let mut told = String::new();
    for some in failed.values() {
        let over: Vec<&str> = some.iter().map(|it| it.transport.as_str()).collect();
        let why = some[0].result.as_ref().unwrap_err();
        told +=
            &format!("\n{}\n  {} (over {})\n  {why}\n", some[0].rule, some[0].case, over.join(" "));
    }
    let count = table::count(&outcomes);
    assert!(filter.is_empty() == (count >= 300), "{count} cases");
    assert!(failed.is_empty(), "{} of {count} cases fail{told}", failed.len());
}
