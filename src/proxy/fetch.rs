//! Asking upstream: identical queries in flight share one fetch; each waiter is judged under its own policy.

use super::{
    Proxy, STALE_AFTER,
    router::{Caching, Ways},
};
use crate::{
    cache::{Entry, Key, Tick},
    dns::{Answer, Ede, Query, Rcode},
    upstream::{Ask, ForwardError, Forwarded},
};
use foldhash::HashMap;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Longest that a negative answer is kept (RFC 2308 section 5).
const NEGATIVE_LIFETIME_MAX: Duration = Duration::from_secs(10_800);

/// How long an upstream's SERVFAIL or refusal is kept (RFC 9520 section 3.2: between one second and five minutes).
const FAILURE_LIFETIME: Duration = Duration::from_secs(5);

/// How long it is remembered that no upstream gave an answer: short, since what is broken is near and soon mended.
const UNREACHABLE_LIFETIME: Duration = Duration::from_secs(2);

/// How long a stale answer is served at once after no better one came (RFC 8767 section 5, failure recheck timer). The RFC
/// recommends 30 seconds towards authoritative servers; an upstream is nearer and back sooner.
const RESTING: Duration = Duration::from_secs(5);

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

    fn forget(&self, key: &[u8]) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Takes a fetch off the list whatever happens to its task.
struct Forget<'p>(&'p Fetches, &'p [u8]);

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
        (ways, route): (&Arc<Ways>, u16),
        key: Key<'_>,
        stale: Option<&Entry>,
    ) -> Fetched {
        let Some(mut outcome) = self.join_fetch(query, (ways, route), key) else {
            return Fetched::Failed(ForwardError::NoUpstream);
        };
        let wait = outcome.wait_for(Option::is_some);
        let done = match stale {
            Some(stale) => match tokio::time::timeout(STALE_AFTER, wait).await {
                Ok(done) => done,
                Err(_elapsed) => {
                    stale.rest(self.now(), RESTING);
                    return Fetched::Slow;
                }
            },
            None => wait.await,
        };
        match done.as_deref() {
            Ok(Some(Ok(entry))) => Fetched::Entry(Arc::clone(entry)),
            Ok(Some(Err(error))) => Fetched::Failed(*error),
            // The task ended without a word: it panicked.
            Ok(None) | Err(_) => Fetched::Failed(ForwardError::Malformed),
        }
    }

    /// Asks again for an answer that is about to expire, and waits for nothing.
    #[cold]
    pub(super) fn prefetch(&self, query: &Query<'_>, ways: (&Arc<Ways>, u16), key: Key<'_>) {
        if let Some(proxy) = self.me.upgrade() {
            self.metrics.here().prefetches.bump();
            let _outcome = proxy.join_fetch(query, ways, key);
        }
    }

    /// Where the outcome will be; `None` where there is nobody to ask.
    fn join_fetch(
        self: &Arc<Self>,
        query: &Query<'_>,
        (ways, route): (&Arc<Ways>, u16),
        key: Key<'_>,
    ) -> Option<watch::Receiver<Outcome>> {
        let upstreams = Arc::clone(ways.set(route)?);
        let (ways, caching) = (Arc::clone(ways), ways.caching);
        let subnet = ways.subnet(query).map(Box::from);
        let (sender, receiver) = watch::channel(None);
        let octets = key.octets();
        // What is asked for one network is not merged.
        if subnet.is_none() {
            let mut waiting = self.fetches.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(outcome) = waiting.get(&octets) {
                self.metrics.here().merged.bump();
                return Some(outcome.clone());
            }
            waiting.insert(octets.clone(), receiver.clone());
        }
        let ask = Ask {
            name: query.name.clone(),
            qtype: query.qtype,
            qclass: query.qclass,
            dnssec_ok: query.dnssec_ok(),
            checking_disabled: query.cd,
            subnet,
        };
        let proxy = Arc::clone(self);
        let task = async move {
            let forget = ask.subnet.is_none().then(|| Forget(&proxy.fetches, &octets));
            let (dnssec_ok, cd) = (ask.dnssec_ok, ask.checking_disabled);
            let key = Key::new(route, &ask.name, ask.qtype, ask.qclass, dnssec_ok, cd);
            let forwarded = proxy.forward_or_translate(&ways, route, &upstreams, &ask).await;
            let now = proxy.now();
            let outcome = match forwarded {
                Ok(it) => Ok(proxy.fetched(&key, it, caching, now)),
                Err(error) => {
                    proxy.remember_failure(&key, &ask, error, caching, now);
                    Err(error)
                }
            };
            drop(forget);
            // Waiters may all have left; then nobody wants to know.
            sender.send_replace(Some(outcome));
        };
        // Boxed, because a task is moved about before it stands where it stays.
        self.fetches.tasks.spawn_on(Box::pin(task), &self.runtime);
        Some(receiver)
    }

    /// Makes an entry of an answer, and remembers it where that is of use.
    fn fetched(&self, key: &Key<'_>, from: Forwarded, caching: Caching, now: Tick) -> Arc<Entry> {
        let Forwarded { mut answer, server } = from;
        answer.clamp_ttls(caching.ttl_min_secs..=caching.ttl_max_secs);
        let lifetime = lifetime(&answer);
        let kept_for = lifetime.unwrap_or(Duration::ZERO);
        let entry = Arc::new(Entry::new(key, answer, server, now, kept_for));
        if lifetime.is_some() && (!gives_way(&entry.answer) || !self.rests(key, caching, now)) {
            self.answers.insert(Arc::clone(&entry));
        }
        entry
    }

    /// Remembers that no upstream gave an answer (RFC 9520 section 3.2). What was wrong here alone, and costs nothing to find
    /// out again, is not worth it.
    fn remember_failure(
        &self,
        key: &Key<'_>,
        ask: &Ask,
        error: ForwardError,
        caching: Caching,
        now: Tick,
    ) {
        if ask.subnet.is_some()
            || matches!(error, ForwardError::Busy | ForwardError::NoUpstream)
            || self.rests(key, caching, now)
        {
            return;
        }
        self.metrics.here().failures_remembered.bump();
        let text = error.to_string();
        let answer = Answer::failure(&ask.name, ask.qtype, ask.qclass, ede(error, &text));
        let entry = Entry::new(key, answer, Arc::default(), now, UNREACHABLE_LIFETIME);
        self.answers.insert(Arc::new(entry));
    }

    /// Keeps a useful answer that may yet be served where nothing better is to be had, and lets it rest.
    fn rests(&self, key: &Key<'_>, caching: Caching, now: Tick) -> bool {
        let held = self.answers.get(key).filter(|it| is_useful(&it.answer));
        let held = held.filter(|it| it.is_fresh(now) || (caching.stale && it.may_be_stale(now)));
        held.inspect(|it| it.rest(now, RESTING)).is_some()
    }
}

/// How long an answer may be kept; `None` for not at all.
fn lifetime(answer: &Answer) -> Option<Duration> {
    if answer.scope().is_some_and(|it| it > 0) {
        return None;
    }
    if !is_useful(answer) {
        return Some(FAILURE_LIFETIME);
    }
    let secs = answer.lifetime_secs().filter(|it| *it > 0)?;
    let lifetime = Duration::from_secs(u64::from(secs));
    let is_negative = answer.records().next().is_none();
    Some(if is_negative { lifetime.min(NEGATIVE_LIFETIME_MAX) } else { lifetime })
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

/// Whether a stale answer is better than this one. Any is but for a failure that says that what the zone has now is bogus.
pub(super) fn gives_way(answer: &Answer) -> bool {
    !is_useful(answer) && !is_bogus(answer)
}

/// Whether an answer is a failure because signatures are missing or wrong.
pub(super) fn is_bogus(answer: &Answer) -> bool {
    let says_so = |code: u16| (Ede::DNSSEC_BOGUS..=Ede::NSEC_MISSING).contains(&code);
    !is_useful(answer) && answer.ede().is_some_and(|it| says_so(it.0))
}

/// Whether an answer tells the client something about the name, be it that it does not exist.
pub(super) fn is_useful(answer: &Answer) -> bool {
    matches!(answer.rcode(), Rcode::NOERROR | Rcode::NXDOMAIN)
}
