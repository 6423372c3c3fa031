//! Asking upstream: identical queries in flight share one fetch; each waiter is judged under its own policy.

use super::{Proxy, STALE_AFTER};
use crate::{
    cache::{Entry, Key},
    dns::{Answer, Ede, Facts, Query, Rcode},
    upstream::{Ask, ForwardError, Upstreams},
};
use foldhash::HashMap;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Longest that any answer is kept, whatever its TTL.
const LIFETIME_MAX: Duration = Duration::from_secs(86_400);

/// Longest that a negative answer is kept (RFC 2308 section 5).
const NEGATIVE_LIFETIME_MAX: Duration = Duration::from_secs(10_800);

/// How long an upstream's SERVFAIL is kept (RFC 9520 section 3.2: between one second and five minutes).
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

type Outcome = Option<Result<Arc<Entry>, ForwardError>>;

/// What came of a fetch.
pub(super) enum Fetched {
    /// An upstream's answer.
    Entry(Arc<Entry>),
    /// Nothing yet, and the client has waited long enough for a stale answer.
    Slow,
    /// No upstream gave an answer.
    Failed(ForwardError),
}

/// The fetches in flight.
#[derive(Default)]
pub(super) struct Fetches {
    waiting: Mutex<HashMap<Box<[u8]>, watch::Receiver<Outcome>>>,
    tasks: TaskTracker,
}

impl Fetches {
    /// Waits until no fetch is in flight.
    pub(super) async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn forget(&self, key: &Key) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(key.as_slice());
    }
}

/// Takes a fetch off the list whatever happens to its task.
struct Forget<'p>(&'p Fetches, &'p Key);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.forget(self.1);
    }
}

impl Proxy {
    /// Asks an upstream, or waits with those who have asked already. Gives up early when a stale answer is at hand.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        query: &Query<'_>,
        upstreams: &Arc<Upstreams>,
        key: Key,
        has_stale: bool,
    ) -> Fetched {
        let mut outcome = self.join_fetch(query, upstreams, key);
        let wait = outcome.wait_for(Option::is_some);
        let done = if has_stale {
            match tokio::time::timeout(STALE_AFTER, wait).await {
                Ok(done) => done,
                Err(_elapsed) => return Fetched::Slow,
            }
        } else {
            wait.await
        };
        match done.as_deref() {
            Ok(Some(Ok(entry))) => Fetched::Entry(Arc::clone(entry)),
            Ok(Some(Err(error))) => Fetched::Failed(*error),
            // The task ended without a word: it panicked.
            Ok(None) | Err(_) => Fetched::Failed(ForwardError::Malformed),
        }
    }

    fn join_fetch(
        self: &Arc<Self>,
        query: &Query<'_>,
        upstreams: &Arc<Upstreams>,
        key: Key,
    ) -> watch::Receiver<Outcome> {
        let mut waiting = self.fetches.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = waiting.get(key.as_slice()) {
            self.metrics.here().merged.bump();
            return outcome.clone();
        }
        let (sender, receiver) = watch::channel(None);
        waiting.insert(Box::from(key.as_slice()), receiver.clone());
        drop(waiting);
        let ask = Ask {
            name: query.name.clone(),
            qtype: query.qtype,
            qclass: query.qclass,
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.cd,
        };
        let (proxy, upstreams) = (Arc::clone(self), Arc::clone(upstreams));
        self.fetches.tasks.spawn(async move {
            let forget = Forget(&proxy.fetches, &key);
            let forwarded = upstreams.forward(&ask).await;
            let now = tokio::time::Instant::now().into_std();
            let outcome = forwarded.map(|it| {
                let lifetime = lifetime(&it.answer);
                let facts = Arc::new(Facts::of(&it.answer, it.server));
                let entry =
                    Arc::new(Entry::new(it.answer, facts, now, lifetime.unwrap_or(Duration::ZERO)));
                if lifetime.is_some() {
                    proxy.remember(&key, &entry);
                }
                entry
            });
            drop(forget);
            // Waiters may all have left; then nobody wants to know.
            sender.send_replace(Some(outcome));
        });
        receiver
    }

    /// Remembers an answer, but never a failure in place of a useful answer that may yet be served stale.
    fn remember(&self, key: &Key, entry: &Arc<Entry>) {
        let held = self.answers.get(key);
        if is_useful(&entry.answer) || held.is_none_or(|it| !is_useful(&it.answer)) {
            self.answers.insert(key, Arc::clone(entry));
        }
    }
}

/// How long an answer may be kept; `None` for not at all.
fn lifetime(answer: &Answer) -> Option<Duration> {
    if answer.rcode() == Rcode::SERVFAIL {
        return Some(FAILURE_LIFETIME);
    }
    let max = if answer.records().next().is_none() { NEGATIVE_LIFETIME_MAX } else { LIFETIME_MAX };
    let secs = answer.lifetime_secs().filter(|it| *it > 0)?;
    Some(Duration::from_secs(u64::from(secs)).min(max))
}

/// The Extended DNS Error for a failure, in one place (RFC 8914).
pub(super) fn ede(error: ForwardError, text: &str) -> Ede<'_> {
    let code = match error {
        ForwardError::Timeout | ForwardError::NoUpstream => Ede::NO_REACHABLE_AUTHORITY,
        ForwardError::Network(_) | ForwardError::Malformed => Ede::NETWORK_ERROR,
        ForwardError::Busy => Ede::OTHER,
    };
    Ede { code, text }
}

/// Whether an answer tells the client something about the name, be it that it does not exist.
pub(super) fn is_useful(answer: &Answer) -> bool {
    matches!(answer.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN)
}
