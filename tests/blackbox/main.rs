//! A black-box suite: the real binary between scripted clients and scripted upstreams, on every transport.
//!
//! The cases stand in `cases/`, whose README says how they are written. `BLACKBOX` in the environment picks those whose names contain
//! it. `scripts/blackbox` runs the same cases against other servers and writes `RESULTS.md`.
#![cfg(test)]

#[path = "../running/support/authority.rs"]
mod authority;
#[path = "../../src/upstream/carrier.rs"]
mod carrier;
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
mod rows;
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
use run::{Outcome, Picked};
use server::Kind;
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Case files with their names, in the order of the names.
fn suites() -> Vec<script::Suite> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/blackbox/cases");
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    paths.retain(|it| it.extension().is_some_and(|it| it == "case"));
    paths.sort();
    paths.iter().map(|it| script::read(&fs::read_to_string(it).unwrap())).collect()
}

/// Suites under way at once: the machine that tests has little to spare.
const SUITES_AT_ONCE: usize = 4;

/// The tests of this binary run one after another, so that none of them waits for a machine that another one keeps busy.
static TURN: Mutex<()> = Mutex::new(());

/// Waits for this test's turn, which lasts until what is returned is dropped.
fn turn() -> MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs what is picked against one server, in the order of the files.
async fn all(kind: Kind, picked: &Picked) -> Vec<Outcome> {
    let mut tasks = JoinSet::new();
    let tickets = Arc::new(Semaphore::new(SUITES_AT_ONCE));
    let mut place = 0;
    for suite in suites() {
        let (picked, tickets) = (picked.clone(), Arc::clone(&tickets));
        tasks.spawn(async move {
            let _ticket = tickets.acquire_owned().await;
            run::suite(&suite, place, kind, &picked).await
        });
        place += 1_000;
    }
    let picked = picked.clone();
    tasks.spawn(async move {
        let _ticket = tickets.acquire_owned().await;
        run::streams(place, kind, &picked).await
    });
    let mut outcomes: Vec<Outcome> = tasks.join_all().await.into_iter().flatten().collect();
    outcomes.sort_by_key(|it| (it.place, it.transport as u8));
    outcomes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Cases by place, with what became of those that failed.
fn failed(outcomes: &[Outcome]) -> BTreeMap<usize, Vec<&Outcome>> {
    let mut failed: BTreeMap<usize, Vec<&Outcome>> = BTreeMap::new();
    for it in outcomes.iter().filter(|it| it.result.is_err()) {
        failed.entry(it.place).or_default().push(it);
    }
    failed
}

#[test]
fn every_case_holds() {
    let _turn = turn();
    let name = env::var("BLACKBOX").unwrap_or_default();
    let outcomes = runtime().block_on(all(Kind::Squint, &Picked::named(&name)));
    let count = table::count(&outcomes);
    assert!(name.is_empty() == (count >= 300), "{count} cases");
    let places: BTreeSet<usize> = failed(&outcomes).into_keys().collect();
    if places.is_empty() {
        return;
    }
    // Each case has its time limits. On a machine that was busy for a while they are tried once more, with little beside them.
    let again = runtime().block_on(all(Kind::Squint, &Picked::only(places)));
    let failed = failed(&again);
    let mut told = String::new();
    for some in failed.values() {
        let over: Vec<&str> = some.iter().map(|it| it.transport.as_str()).collect();
        let why = some[0].result.as_ref().unwrap_err();
        told +=
            &format!("\n{}\n  {} (over {})\n  {why}\n", some[0].rule, some[0].case, over.join(" "));
    }
    assert!(failed.is_empty(), "{} of {count} cases fail{told}", failed.len());
}
