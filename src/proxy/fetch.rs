//! Asking upstream: identical queries in flight share one fetch; each waiter is judged under its own policy.

use super::{
    Proxy, STALE_AFTER,
    router::{Caching, Ways},
};
use crate::{
    cache::{Entry, Key, Tick},
    dns::{Answer, Ede, Query, Rcode},
    upstream::{Ask, FORWARD_MAX, ForwardError, Forwarded},
};
use foldhash::HashMap;
use std::{
    collections::hash_map::Entry as Place,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::task::{TaskTracker, task_tracker::TaskTrackerToken};

/// How long a failure is remembered (RFC 9520 section 3.2: between one second and five minutes): short at first, since an upstream is
/// near and soon mended, and twice as long each time that it is met again soon after.
const FAILURE_LIFETIME: Duration = Duration::from_secs(2);
const FAILURE_LIFETIME_MAX: Duration = Duration::from_secs(16);

/// How long a stale answer is served at once after no better one came (RFC 8767 section 5, failure recheck timer). The RFC
/// recommends 30 seconds towards authoritative servers; an upstream is nearer and back sooner.
const RESTING: Duration = Duration::from_secs(5);

/// What everybody gets who waits for a fetch.
type Outcome = Result<Arc<Entry>, ForwardError>;

/// Who waits for a fetch. Called where its answer came in.
type Waiter = Box<dyn FnOnce(&Outcome) + Send>;

/// What came of a fetch.
#[derive(Debug)]
pub enum Fetched {
    /// An upstream's answer.
    Entry(Arc<Entry>),
    /// Nothing yet, and the client has waited long enough for a stale answer.
    Slow,
    /// No upstream gave an answer.
    Failed(ForwardError),
}

impl From<&Outcome> for Fetched {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Ok(entry) => Self::Entry(Arc::clone(entry)),
            Err(error) => Self::Failed(*error),
        }
    }
}

/// The fetches in flight, and what else is under way.
#[derive(Default)]
pub(super) struct Fetches {
    waiting: Mutex<HashMap<Arc<[u8]>, Waiters>>,
    tasks: TaskTracker,
}

/// Those who wait for one fetch: nearly always one, who so needs no place on the heap.
#[derive(Default)]
struct Waiters {
    first: Option<Waiter>,
    more: Vec<Waiter>,
}

impl Fetches {
    /// Waits until nothing is under way.
    pub(super) async fn drained(&self) {
        self.tasks.close();
        self.tasks.wait().await;
    }

    /// Starts what has to be done before the proxy is at rest.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static, on: &Handle) {
        drop(self.tasks.spawn_on(task, on));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Arc<[u8]>, Waiters>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fetch in flight. Those who wait are told whatever happens to it: when it is dropped before its end, somebody panicked.
struct Fetch {
    proxy: Arc<Proxy>,
    route: u16,
    caching: Caching,
    /// Under what others join; none where it is for one query alone.
    octets: Option<Arc<[u8]>>,
    alone: Option<Waiter>,
    _tracked: TaskTrackerToken,
}

impl Fetch {
    /// Ends with what came, or goes on where its aliases lead.
    fn land(
        self,
        ways: Arc<Ways>,
        ask: &Ask,
        until: Instant,
        forwarded: Result<Forwarded, ForwardError>,
    ) {
        let forwarded = forwarded.and_then(|it| ways.within(self.route, it));
        if !forwarded.as_ref().is_ok_and(|it| it.answer.loose_end().is_some()) {
            return self.end(ask, forwarded);
        }
        let (proxy, ask) = (Arc::clone(&self.proxy), ask.clone());
        self.proxy.runtime.clone().spawn(Box::pin(async move {
            let forwarded = proxy.follow(&ways, &ask, until, forwarded).await;
            self.end(&ask, forwarded);
        }));
    }

    /// Remembers what came, and tells those who wait.
    fn end(mut self, ask: &Ask, forwarded: Result<Forwarded, ForwardError>) {
        let (dnssec_ok, cd) = (ask.dnssec_ok, ask.checking_disabled);
        let key = Key::new(self.route, &ask.name, ask.qtype, ask.qclass, dnssec_ok, cd);
        let (proxy, now) = (&self.proxy, self.proxy.now());
        let outcome = match forwarded {
            Ok(mut it) => {
                it.answer = for_clients(it.answer, ask);
                Ok(proxy.fetched(&key, it, self.caching, now))
            }
            Err(error) => {
                proxy.remember_failure(&key, ask, error, self.caching, now);
                Err(error)
            }
        };
        self.tell(&outcome);
    }

    fn tell(&mut self, outcome: &Outcome) {
        let joined = self.octets.take().and_then(|it| self.proxy.fetches.lock().remove(&it));
        let Waiters { first, more } = joined.unwrap_or_default();
        let waiters = self.alone.take().into_iter().chain(first).chain(more);
        waiters.for_each(|waiter| waiter(outcome));
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.tell(&Err(ForwardError::Malformed));
    }
}

impl Proxy {
    /// Asks an upstream for what a query wants that came at the moment told with its route, or waits with those who have asked already.
    /// Gives up early when a stale answer is at hand.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        ask: Ask,
        ways: (&Arc<Ways>, u16, Instant),
        stale: Option<&Entry>,
    ) -> Fetched {
        let receiver = self.fetch_soon(ask, ways);
        self.wait(receiver, stale).await
    }

    /// Where the outcome will be.
    pub(super) fn fetch_soon(
        self: &Arc<Self>,
        ask: Ask,
        ways: (&Arc<Ways>, u16, Instant),
    ) -> oneshot::Receiver<Fetched> {
        let (sender, receiver) = oneshot::channel();
        // Whoever waits may have left.
        self.fetch_then(ask, ways, Some(Box::new(move |it| drop(sender.send(it.into())))));
        receiver
    }

    pub(super) async fn wait(
        &self,
        receiver: oneshot::Receiver<Fetched>,
        stale: Option<&Entry>,
    ) -> Fetched {
        let done = match stale {
            Some(stale) => match tokio::time::timeout(STALE_AFTER, receiver).await {
                Ok(done) => done,
                Err(_elapsed) => {
                    stale.rest(self.now(), RESTING);
                    return Fetched::Slow;
                }
            },
            None => receiver.await,
        };
        done.unwrap_or(Fetched::Failed(ForwardError::Malformed))
    }

    /// Asks again for an answer that is about to expire, and waits for nothing; on the asynchronous side, for it sends.
    #[cold]
    pub(super) fn prefetch(
        &self,
        query: &Query<'_>,
        (ways, route, received): (&Arc<Ways>, u16, Instant),
    ) {
        if let Some(proxy) = self.me.upgrade() {
            self.metrics.here().prefetches.bump();
            let (ask, ways) = (asked(query, ways), Arc::clone(ways));
            self.runtime
                .spawn(async move { proxy.fetch_then(ask, (&ways, route, received), None) });
        }
    }

    /// The same for one who does not wait, but is told.
    pub(super) fn fetch_then(
        self: &Arc<Self>,
        ask: Ask,
        (ways, route, received): (&Arc<Ways>, u16, Instant),
        waiter: Option<Waiter>,
    ) {
        let Some(upstreams) = ways.set(route) else {
            waiter.into_iter().for_each(|it| it(&Err(ForwardError::NoUpstream)));
            return;
        };
        let Some(fetch) = self.join(&ask, (route, ways.caching), waiter) else { return };
        // What it waited before it was taken up counts.
        let until = received + FORWARD_MAX;
        if ways.passes_on(route, &ask) {
            let (metrics, ways) = (Arc::clone(&self.metrics), Arc::clone(ways));
            upstreams.ask(ask, until, move |ask, forwarded| {
                // A panic is a bug of ours; it costs one query, never all that are on their way.
                let landed = AssertUnwindSafe(|| fetch.land(ways, ask, until, forwarded));
                if catch_unwind(landed).is_err() {
                    metrics.here().panics.bump();
                }
            });
            return;
        }
        let (ways, upstreams) = (Arc::clone(ways), Arc::clone(upstreams));
        let task = async move {
            let proxy = Arc::clone(&fetch.proxy);
            let forwarded =
                proxy.forward_or_translate((&ways, route), &upstreams, &ask, until).await;
            let forwarded = proxy.follow(&ways, &ask, until, forwarded).await;
            fetch.end(&ask, forwarded);
        };
        // Boxed, because a task is moved about before it stands where it stays.
        self.runtime.spawn(Box::pin(task));
    }

    /// Joins those who wait for the same; the fetch to be made where there is none.
    fn join(
        self: &Arc<Self>,
        ask: &Ask,
        (route, caching): (u16, Caching),
        waiter: Option<Waiter>,
    ) -> Option<Fetch> {
        let fetch = |octets, alone| Fetch {
            proxy: Arc::clone(self),
            route,
            caching,
            octets,
            alone,
            _tracked: self.fetches.tasks.token(),
        };
        // What is asked for one network is not merged.
        if ask.subnet.is_some() {
            return Some(fetch(None, waiter));
        }
        let (dnssec_ok, cd) = (ask.dnssec_ok, ask.checking_disabled);
        let key = Key::new(route, &ask.name, ask.qtype, ask.qclass, dnssec_ok, cd);
        let octets = key.octets();
        match self.fetches.lock().entry(Arc::clone(&octets)) {
            Place::Occupied(mut waiters) => {
                self.metrics.here().merged.bump();
                waiters.get_mut().more.extend(waiter);
                return None;
            }
            Place::Vacant(place) => {
                place.insert(Waiters { first: waiter, more: Vec::new() });
            }
        }
        Some(fetch(Some(octets), None))
    }

    /// Makes an entry of an answer, and remembers it where that is of use.
    fn fetched(&self, key: &Key<'_>, from: Forwarded, caching: Caching, now: Tick) -> Arc<Entry> {
        let Forwarded { mut answer, server } = from;
        answer.clamp_ttls(caching.ttl_min_secs..=caching.ttl_max_secs);
        let lifetime = self.lifetime(&answer, key, now);
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
        let entry = Entry::new(key, answer, Arc::default(), now, self.failure_lifetime(key, now));
        self.answers.insert(Arc::new(entry));
    }

    /// How long an answer may be kept; `None` for not at all.
    fn lifetime(&self, answer: &Answer, key: &Key<'_>, now: Tick) -> Option<Duration> {
        if answer.scope().is_some_and(|it| it > 0) {
            return None;
        }
        if !answer.rcode().is_useful() {
            return Some(self.failure_lifetime(key, now));
        }
        let secs = answer.lifetime_secs().filter(|it| *it > 0)?;
        Some(Duration::from_secs(u64::from(secs)))
    }

    fn failure_lifetime(&self, key: &Key<'_>, now: Tick) -> Duration {
        let before = self.answers.get(key).filter(|it| !it.answer.rcode().is_useful());
        let longer = before.and_then(|it| it.twice_as_long(now, FAILURE_LIFETIME_MAX));
        longer.unwrap_or(FAILURE_LIFETIME)
    }

    /// Keeps a useful answer that may yet be served where nothing better is to be had, and lets it rest.
    fn rests(&self, key: &Key<'_>, caching: Caching, now: Tick) -> bool {
        let held = self.answers.get(key).filter(|it| it.answer.rcode().is_useful());
        let held = held.filter(|it| it.is_fresh(now) || (caching.stale && it.may_be_stale(now)));
        held.inspect(|it| it.rest(now, RESTING)).is_some()
    }
}

/// What an upstream is asked for a query.
pub(super) fn asked(query: &Query<'_>, ways: &Ways) -> Ask {
    Ask {
        name: query.name.clone(),
        qtype: query.qtype,
        qclass: query.qclass,
        dnssec_ok: query.dnssec_ok(),
        checking_disabled: query.cd,
        subnet: ways.subnet(query).map(Box::from),
    }
}

/// What clients are told of an upstream's answer: signatures where they asked for them, and no failure but SERVFAIL, without records,
/// since the others speak of what we asked (FORMERR) or of us (REFUSED).
fn for_clients(mut answer: Answer, ask: &Ask) -> Answer {
    let is_bare = answer.rcode() == Rcode::SERVFAIL && answer.records().next().is_none();
    if !is_bare && !answer.speaks_of_the_name() {
        let own = format!("the upstream answered {}", answer.rcode().name());
        return answer.failed(Ede { code: Ede::OTHER, text: &own });
    }
    if !ask.dnssec_ok {
        answer.strip_dnssec();
    }
    answer
}

/// The Extended DNS Error for a failure, in one place (RFC 8914).
pub(super) fn ede(error: ForwardError, text: &str) -> Ede<'_> {
    let code = match error {
        ForwardError::Timeout | ForwardError::NoUpstream => Ede::NO_REACHABLE_AUTHORITY,
        ForwardError::Network(_) => Ede::NETWORK_ERROR,
        ForwardError::Malformed => Ede::INVALID_DATA,
        ForwardError::Busy => BUSY.code,
    };
    Ede { code, text }
}

/// What is said of a query for which there is no place: too many wait, because upstreams are slow.
pub const BUSY: Ede<'static> =
    Ede { code: Ede::NETWORK_ERROR, text: "too many queries are waiting for upstreams" };

/// Whether a stale answer is better than this one. Any is but for a failure that says that what the zone has now is bogus.
pub(super) fn gives_way(answer: &Answer) -> bool {
    !answer.rcode().is_useful() && !is_bogus(answer)
}

/// Whether an answer is a failure because signatures are missing or wrong.
pub(super) fn is_bogus(answer: &Answer) -> bool {
    let says_so = |code: u16| (Ede::DNSSEC_BOGUS..=Ede::NSEC_MISSING).contains(&code);
    !answer.rcode().is_useful() && answer.edes().any(|it| says_so(it.code))
}
