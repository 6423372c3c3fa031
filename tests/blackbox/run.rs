//! Runs suites: every case on each of its transports, all at the same time, each under a name of its own.

use crate::{
    client::{Connection, Places, Transport},
    judge,
    script::{self, Ask, Case, Step, Suite, Want},
    server::{Kind, Server},
    streams::{self, STREAMS},
    upstream::{Upstreams, Zone},
    wire,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, task::JoinSet};

/// Cases under way at once. Peers get fewer, so that their own bounds on connections are not what is measured.
const AT_ONCE: usize = 40;
const AT_ONCE_PEERS: usize = 6;

/// How long is waited for a response that should not come.
const SILENCE: Duration = Duration::from_millis(600);

/// Which cases are run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Picked {
    /// Those whose names contain it.
    name: String,
    /// Those at these places only.
    places: Option<BTreeSet<usize>>,
}

impl Picked {
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.to_owned(), places: None }
    }

    pub(crate) const fn only(places: BTreeSet<usize>) -> Self {
        Self { name: String::new(), places: Some(places) }
    }

    fn has(&self, place: usize, name: &str) -> bool {
        name.contains(&self.name) && self.places.as_ref().is_none_or(|it| it.contains(&place))
    }
}

/// What became of one case on one transport.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Where it stands among all cases.
    pub(crate) place: usize,
    pub(crate) rule: String,
    pub(crate) case: String,
    pub(crate) ours: bool,
    pub(crate) transport: Transport,
    pub(crate) result: Result<(), String>,
}

/// Runs a suite against a server of its own; peers on plain transports and without our own choices.
pub(crate) async fn suite(
    suite: &Suite,
    place: usize,
    kind: Kind,
    picked: &Picked,
) -> Vec<Outcome> {
    let cases = suite.cases.iter().enumerate().map(|(number, case)| (place + number, case));
    let is_run = |(place, case): &(usize, &Case)| {
        picked.has(*place, &case.name) && (kind == Kind::Squint || !case.ours)
    };
    let cases: Vec<(usize, &Case)> = cases.filter(is_run).collect();
    if cases.is_empty() {
        return Vec::new();
    }
    let upstreams = Upstreams::start(suite.upstreams).await;
    let server = started(kind, &upstreams, &suite.config).await;
    let at_once = if kind == Kind::Squint { AT_ONCE } else { AT_ONCE_PEERS };
    let tickets = Arc::new(Semaphore::new(at_once));
    let mut tasks = JoinSet::new();
    let mut planned = Vec::new();
    for (place, case) in cases {
        for &transport in &case.over {
            if kind != Kind::Squint && !transport.is_plain() {
                continue;
            }
            let at = planned.len();
            planned.push((place, case, transport));
            let label = format!("k{place}{}", transport.as_str());
            let zone = upstreams.enter(&label, &case.ups, &elsewhere(case));
            let (case, places) = (case.clone(), server.places.clone());
            let tickets = Arc::clone(&tickets);
            tasks.spawn(async move {
                let _ticket = tickets.acquire_owned().await;
                // A case that panics has failed, and the others go on.
                let done = tokio::spawn(async move { run(&case, transport, &places, &zone).await });
                (at, done.await.unwrap_or_else(|error| Err(error.to_string())))
            });
        }
    }
    let mut results: Vec<Option<Result<(), String>>> = vec![None; planned.len()];
    while let Some(done) = tasks.join_next().await {
        let (at, result) = done.unwrap();
        results[at] = Some(result);
    }
    let outcome =
        |((place, case, transport), result): ((usize, &Case, Transport), Option<_>)| Outcome {
            place,
            rule: case.rule.clone(),
            case: case.name.clone(),
            ours: case.ours,
            transport,
            result: result.expect("every task ends"),
        };
    planned.into_iter().zip(results).map(outcome).collect()
}

/// Runs what cannot be said in a case file: how streams are cut, joined and kept.
pub(crate) async fn streams(place: usize, kind: Kind, picked: &Picked) -> Vec<Outcome> {
    let cases = STREAMS.iter().enumerate().map(|(number, stream)| (place + number, stream));
    let cases: Vec<_> = cases.filter(|it| picked.has(it.0, it.1.name)).collect();
    if cases.is_empty() {
        return Vec::new();
    }
    let upstreams = Upstreams::start(1).await;
    let server = started(kind, &upstreams, "").await;
    let ups = script::read(streams::UPS).cases.remove(0).ups;
    let mut outcomes = Vec::new();
    for (place, stream) in cases {
        for transport in [Transport::Tcp, Transport::Dot] {
            if kind != Kind::Squint && !transport.is_plain() {
                continue;
            }
            let zone = upstreams.enter(&format!("s{place}{}", transport.as_str()), &ups, &[]);
            let (play, places) = (stream.play, server.places.clone());
            let done =
                tokio::spawn(async move { streams::run(play, &places, transport, &zone).await });
            outcomes.push(Outcome {
                place,
                rule: stream.rule.to_owned(),
                case: stream.name.to_owned(),
                ours: false,
                transport,
                result: done.await.unwrap_or_else(|error| Err(error.to_string())),
            });
        }
    }
    stopped(server).await;
    outcomes
}

/// Starts and ends are waited for elsewhere, so that upstreams reply meanwhile.
async fn started(kind: Kind, upstreams: &Upstreams, config: &str) -> Server {
    let (addresses, config) = (upstreams.addresses.clone(), config.to_owned());
    let start = move || Server::start(kind, &addresses, &config);
    tokio::task::spawn_blocking(start).await.unwrap()
}

async fn stopped(server: Server) {
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
}

/// Names that a case asks for outside its zone.
fn elsewhere(case: &Case) -> Vec<(Vec<u8>, u16)> {
    let asks = case.steps.iter().filter_map(|it| match it {
        Step::Ask { ask, .. } if ask.name.ends_with('.') => {
            Some((wire::name(&ask.name, ""), ask.qtype))
        }
        _ => None,
    });
    asks.collect()
}

async fn run(
    case: &Case,
    transport: Transport,
    places: &Places,
    zone: &Arc<Zone>,
) -> Result<(), String> {
    for step in &case.steps {
        let (ask, wants) = match step {
            Step::Wait(ms) => {
                tokio::time::sleep(Duration::from_millis(*ms)).await;
                continue;
            }
            Step::Ask { ask, wants } => (ask, wants),
        };
        let mut opening = JoinSet::new();
        for _ in 0..ask.times {
            let places = places.clone();
            opening.spawn(async move { Connection::open(&places, transport).await });
        }
        // All are there before the first query leaves, so that they are asked at once however long a handshake takes.
        let connections = opening.join_all().await;
        let mut tasks = JoinSet::new();
        for (number, connection) in connections.into_iter().enumerate() {
            let (mut ask, wants, connection) = (ask.clone(), wants.clone(), connection?);
            ask.name = ask.name.replace('%', &number.to_string());
            let zone = zone.name.clone();
            tasks.spawn(async move { one(&ask, &wants, transport, connection, &zone).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.map_err(|it| it.to_string())??;
        }
    }
    judge::heard(&zone.heard(), &case.heard)
}

async fn one(
    ask: &Ask,
    wants: &[Want],
    transport: Transport,
    mut connection: Connection,
    zone: &str,
) -> Result<(), String> {
    let id = if transport == Transport::Doq { 0 } else { rand::random() };
    let packet = judge::packet(ask, zone, id);
    let wants_silence = wants.iter().any(|it| matches!(it, Want::Silence));
    let patience = if wants_silence { SILENCE } else { Duration::from_millis(ask.within_ms) };
    let response = connection.exchange(&packet, patience).await;
    judge::judge(&packet, ask.raw.is_some(), response.as_deref(), wants, zone)
}
