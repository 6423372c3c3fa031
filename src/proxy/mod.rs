//! The proxy: what happens to a query between its front and its response.
//!
//! Two entrances, one judgement. [`Proxy::respond_now`] serves what is remembered, without waiting; what it cannot serve goes to
//! [`Proxy::respond`], which judges, forwards and remembers, or to its three steps for one who does not wait:
//! [`Proxy::begin`], [`Proxy::ask`], [`Proxy::finish`]. All leave by the same exit, where the event is recorded.

mod designated;
mod dns64;
mod exit;
mod fetch;
mod follow;
mod made;
mod router;
mod ruled;
mod rules;
mod special;
mod suffixes;
mod vouched;

use crate::{
    cache::{Answers, Entry, Key, Slot, Tick, Verdicts},
    dns::{Answer, Client, Ede, Made, Query, Rcode, rtype},
    event::Recorder,
    metrics::Metrics,
    name::{Class, Host, Name},
    policy::{self, Findings, Policy, PolicyId},
    seen::Memory,
    upstream::Ask,
    verdict::{Seen, Verdict},
};
pub use designated::Designated;
pub use dns64::{Dns64, Prefix6, Prefix64, PrefixError};
pub use router::{Caching, Plan, PlanError, Route, Router};
pub use special::{Bypass, private_reverse_zones};
pub use vouched::Dnssec;

use arc_swap::ArcSwap;
use exit::Exit;
use fetch::Fetches;
pub use fetch::{BUSY, Fetched};
use router::{Way, Ways};
use special::{Kind, Special};
use std::{
    fmt,
    pin::pin,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Semaphore};

/// How long a client waits before it gets a stale answer (RFC 8767 section 5, client response timer).
const STALE_AFTER: Duration = Duration::from_millis(1_800);

/// TTL in seconds of the answer to ANY.
const ANY_TTL_SECS: u32 = 3_600;

/// TTL in seconds of a stale answer (RFC 8767 section 4).
const STALE_TTL_SECS: u32 = 30;

/// What [`Proxy::respond_now`] did with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The response stands in `out`.
    Answered,
    /// Policy drops this query: send nothing.
    Silent,
    /// Nothing remembered answers it: hand it to [`Proxy::respond`] or [`Proxy::begin`].
    Later,
}

/// What [`Proxy::begin`] did with a query.
#[expect(
    clippy::large_enum_variant,
    reason = "a box would cost each forwarded query an allocation"
)]
pub enum Begun {
    /// The response stands in `out`.
    Answered,
    /// Policy drops this query: send nothing.
    Silent,
    /// The answer is made here, yet not at once: leave it to [`Proxy::respond`].
    Here,
    /// Somebody has to be asked, and this.
    Asks(Asks, Ask),
}

/// A query that is judged, and whose answer has to be asked for.
pub struct Asks {
    policy: Arc<Policy>,
    id: PolicyId,
    ways: Arc<Ways>,
    route: u16,
    judged: Judged,
    stale: Option<Arc<Entry>>,
    /// When the query came in.
    received: Instant,
}

/// What a proxy is built from.
pub struct Parts {
    /// The first policy.
    pub policy: Arc<Policy>,
    /// Whom it forwards to.
    pub router: Arc<Router>,
    /// Where events go.
    pub recorder: Recorder,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Octets that the answer cache may hold.
    pub cache_octets_max: u64,
    /// What was asked here lately; `None` where that is not remembered.
    pub seen: Option<Arc<Memory>>,
    /// A moment on the monotonic clock, and the same moment in Unix seconds.
    pub clock: (Instant, u64),
}

/// Answers queries. Shared by every front.
pub struct Proxy {
    /// For tasks that outlive the call that starts them.
    me: Weak<Self>,
    runtime: Handle,
    policy: ArcSwap<Policy>,
    answers: Answers,
    verdicts: Verdicts<Findings>,
    router: Arc<Router>,
    fetches: Fetches,
    special: Special,
    seen: Option<Arc<Memory>>,
    recorder: Recorder,
    metrics: Arc<Metrics>,
    clock: (Instant, u64),
    /// The verdict on names about which nothing is known.
    clean: Arc<Verdict>,
    /// What knowledge says of them.
    no_findings: Arc<Findings>,
    /// Places for those whose names are judged after they have their answer.
    unjudged: Arc<Semaphore>,
    /// Whether a forwarding loop has been reported.
    loop_told: AtomicBool,
    /// Whether a clock that cannot be right has been reported.
    clock_told: AtomicBool,
}

impl Proxy {
    /// A proxy with empty caches.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn new(parts: Parts) -> Arc<Self> {
        Arc::new_cyclic(|me| Self {
            me: Weak::clone(me),
            runtime: Handle::current(),
            policy: ArcSwap::new(parts.policy),
            answers: Answers::new(parts.cache_octets_max),
            verdicts: Verdicts::new(Findings::octets),
            router: parts.router,
            fetches: Fetches::default(),
            special: Special::new(),
            seen: parts.seen,
            recorder: parts.recorder,
            metrics: parts.metrics,
            clock: parts.clock,
            clean: Arc::new(Verdict::PASS),
            unjudged: Arc::new(Semaphore::new(ruled::UNJUDGED_MAX)),
            loop_told: AtomicBool::new(false),
            clock_told: AtomicBool::new(false),
            no_findings: Arc::new(Findings { valid_until: u64::MAX, ..Findings::default() }),
        })
    }

    /// The policy in force.
    pub fn policy(&self) -> Arc<Policy> {
        self.policy.load_full()
    }

    /// Puts a policy in force; the next query is judged under it, whatever is remembered.
    pub fn set_policy(&self, policy: Arc<Policy>) {
        self.policy.store(policy);
    }

    /// Says how this server is reached encrypted, the first way preferred.
    pub fn designate(&self, ways: Vec<Designated>) {
        self.special.designated.store(Arc::new(ways));
    }

    /// How many answers the cache holds.
    pub fn answers_held(&self) -> usize {
        self.answers.len()
    }

    /// Counters, shared with the fronts.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Waits until no query is on its way to an upstream.
    pub async fn drained(&self) {
        self.fetches.drained().await;
    }

    /// Serves a query from memory alone, if that is possible. Never waits, never judges a look-alike.
    pub fn respond_now(
        &self,
        query: &Query<'_>,
        client: &Client,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Now {
        match self.respond_remembered(query, client, now, out) {
            Now::Later => self.respond_here_now(query, client, now, out),
            done => done,
        }
    }

    #[inline]
    fn respond_remembered(
        &self,
        query: &Query<'_>,
        client: &Client,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Now {
        let policy = self.policy.load();
        let id = policy::policy_of(&policy, client);
        let ways = self.router.load();
        let way = ways.find(query);
        let received = Received { query, client, at: now, tick: self.tick(now) };
        if let Some(ede) = rules::refusal(query, way) {
            Exit::new(self, &policy, received, &self.clean).refused(ede, out);
            return Now::Answered;
        }
        if ways.subnet(query).is_some() && way.special.is_none() {
            return Now::Later;
        }
        let key = key(query, way);
        let now = received.tick;
        self.answers.with(&key, |entry| {
            let entry = entry.filter(|it| it.is_fresh(now) || it.is_resting(now));
            let (served, given) = self.serve(received, (&policy, id), entry, out);
            let may_prefetch = ways.caching.prefetch && way.special.is_none();
            if may_prefetch && given.is_some_and(|it| it.is_due(now)) {
                self.prefetch(query, (&ways, way.route, received.at));
            }
            served
        })
    }

    /// Answers a query that nothing remembered answers, where its answer is made here and nobody else is needed for it.
    #[cold]
    fn respond_here_now(
        &self,
        query: &Query<'_>,
        client: &Client,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Now {
        let Some(special) = self.router.load().find(query).special else {
            let received = Received { query, client, at: now, tick: self.tick(now) };
            return self.respond_by_rules(received, out);
        };
        let Some(proxy) = self.me.upgrade().filter(|_| special.0 != Kind::Reverse64) else {
            return Now::Later;
        };
        let answering = pin!(proxy.respond_here(query, client, now, out));
        // What stands in memory is there at the first look.
        match answering.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(true) => Now::Answered,
            Poll::Ready(false) => Now::Silent,
            Poll::Pending => Now::Later,
        }
    }

    /// Answers from a remembered entry, or without it where the verdict alone decides; tells whether it is the entry that the
    /// client was given.
    #[inline]
    fn serve<'e>(
        &self,
        received: Received<'_>,
        (policy, id): (&Policy, PolicyId),
        entry: Option<&'e Entry>,
        out: &mut Vec<u8>,
    ) -> (Now, Option<&'e Entry>) {
        let Received { query, client, tick: now, .. } = received;
        let slot = entry.map_or(Slot::Found, |it| it.slot(id.0, policy.generation));
        let held;
        let verdict = match slot {
            // Lent, not shared: a count of its holders would be written by all workers.
            Slot::Clean => &self.clean,
            Slot::Found => {
                match self.verdicts.verdict(&query.name, id.0, policy.generation, self.unix(now)) {
                    Some(verdict) => {
                        held = verdict;
                        &held
                    }
                    None => return (Now::Later, None),
                }
            }
            // Only the rules have moved: looking them up again is cheap enough to do here.
            Slot::Empty => {
                match entry.filter(|it| it.is_clean_under(policy.knowledge.generation)) {
                    Some(entry) => {
                        let judged =
                            self.judged(policy, id, &query.name, now, true, &Seen::UNKNOWN);
                        self.mark(entry, policy, id, &judged);
                        held = judged.verdict;
                        &held
                    }
                    None => return (Now::Later, None),
                }
            }
        };
        if verdict.class == Some(Class::Shortener)
            && !verdict.applied.changes_answer()
            && let Some(memory) = &self.seen
        {
            memory.shortener(client.address.ip(), self.unix(now));
        }
        let exit = Exit::new(self, policy, received, verdict);
        if verdict.applied.changes_answer() {
            let made = if exit.made(now, out) { Now::Answered } else { Now::Silent };
            return (made, None);
        }
        let Some(entry) = entry else { return (Now::Later, None) };
        exit.held(entry, now, out);
        (Now::Answered, Some(entry))
    }

    /// Judges, forwards and remembers. `false` when policy drops the query: send nothing.
    pub async fn respond(
        self: &Arc<Self>,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        match self.begin(query, client, received, out) {
            Begun::Answered => true,
            Begun::Silent => false,
            Begun::Here => self.respond_here(query, client, received, out).await,
            Begun::Asks(asks, ask) => {
                let ways = (&asks.ways, asks.route, received);
                let fetched = self.fetch(ask, ways, asks.stale.as_deref()).await;
                self.finish(&asks, fetched, query, client, out);
                true
            }
        }
    }

    /// Does what [`Proxy::respond`] does before it has to wait.
    pub fn begin(
        &self,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> Begun {
        let policy = self.policy.load_full();
        let id = policy::policy_of(&policy, client);
        let now = self.tick(received);
        let received = Received { query, client, at: received, tick: now };
        let unjudged = Exit::new(self, &policy, received, &self.clean);
        if self.router.is_own(client) {
            self.report_loop(client);
            unjudged.failed(Ede { code: Ede::OTHER, text: "forwarding loop" }, now, out);
            return Begun::Answered;
        }
        let ways = self.router.load_full();
        let way = ways.find(query);
        if let Some(ede) = rules::refusal(query, way) {
            unjudged.refused(ede, out);
            return Begun::Answered;
        }
        if way.special.is_some() {
            return Begun::Here;
        }
        let key = key(query, way);
        let held = self.held(&key, now).filter(|_| ways.subnet(query).is_none());
        let known_clean =
            held.as_ref().is_some_and(|it| it.is_clean_under(policy.knowledge.generation));
        let seen = self.meet(&policy, &query.name, client, now);
        let judged = self.judged(&policy, id, &query.name, now, known_clean, &seen);
        let exit = Exit { verdict: &judged.verdict, ..unjudged };
        if judged.verdict.applied.changes_answer() {
            return if exit.made(now, out) { Begun::Answered } else { Begun::Silent };
        }
        let serves = |it: &&Arc<Entry>| it.is_fresh(now) || it.is_resting(now);
        if let Some(entry) = held.as_ref().filter(serves) {
            self.mark(entry, &policy, id, &judged);
            exit.held(entry, now, out);
            return Begun::Answered;
        }
        if query.qtype == rtype::ANY {
            let entry = made_here(&key, Made::Any(ANY_TTL_SECS).answer(query), now);
            self.mark(&entry, &policy, id, &judged);
            exit.fetched(&entry, now, out);
            self.answers.insert(entry);
            return Begun::Answered;
        }
        let stale = held.filter(|it| {
            ways.caching.stale && it.may_be_stale(now) && it.answer.rcode().is_useful()
        });
        let (ask, received) = (fetch::asked(query, &ways), received.at);
        Begun::Asks(Asks { policy, id, ways, route: way.route, judged, stale, received }, ask)
    }

    /// Asks for what [`Proxy::begin`] said has to be asked for. `then` is told what came of it, where it came in, and so has to be
    /// quick; it is handed to [`Proxy::finish`].
    pub fn ask(
        self: &Arc<Self>,
        asks: Asks,
        ask: Ask,
        then: impl FnOnce(&Asks, Fetched) + Send + 'static,
    ) {
        let (ways, route, received) = (Arc::clone(&asks.ways), asks.route, asks.received);
        let Some(stale) = asks.stale.clone() else {
            let waiter = Box::new(move |it: &Result<_, _>| then(&asks, it.into()));
            return self.fetch_then(ask, (&ways, route, received), Some(waiter));
        };
        // The stale answer is due before the fetch is given up.
        let proxy = Arc::clone(self);
        let outcome = self.fetch_soon(ask, (&ways, route, received));
        self.runtime.spawn(async move {
            let fetched = proxy.wait(outcome, Some(&stale)).await;
            then(&asks, fetched);
        });
    }

    /// Writes the response once that is here.
    pub fn finish(
        &self,
        asks: &Asks,
        fetched: Fetched,
        query: &Query<'_>,
        client: &Client,
        out: &mut Vec<u8>,
    ) {
        let Asks { policy, id, judged, stale, received, .. } = asks;
        if let Fetched::Entry(entry) = &fetched {
            self.mark(entry, policy, *id, judged);
        }
        let received = Received { query, client, at: *received, tick: self.tick(*received) };
        let exit = Exit::new(self, policy, received, &judged.verdict);
        exit.forwarded(fetched, stale.as_deref(), self.now(), out);
    }

    /// What is remembered for a key, fresh or stale. Where that is nothing that may be served, a name error of another type is as good,
    /// unless this type has been there: some servers deny names for types that they do not know (RFC 4074 section 4.2).
    fn held(&self, key: &Key<'_>, now: Tick) -> Option<Arc<Entry>> {
        let held = self.answers.get(key);
        let settles = |it: &Arc<Entry>| {
            it.is_fresh(now) || it.is_resting(now) || it.answer.rcode() == Rcode::NOERROR
        };
        if held.as_ref().is_some_and(settles) {
            return held;
        }
        self.answers.name_error(key, now).or(held)
    }

    /// Answers a query for a name that has its answer here.
    async fn respond_here(
        self: &Arc<Self>,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        let ways = self.router.load_full();
        let way = ways.find(query);
        let Some(special) = way.special else {
            // The plan has changed in between.
            return Box::pin(self.respond(query, client, received, out)).await;
        };
        let policy = self.policy.load_full();
        let now = self.tick(received);
        let answer = self.special((&ways, received), query, special).await;
        let entry = made_here(&key(query, way), answer, now);
        entry.set_slot(policy::policy_of(&policy, client).0, policy.generation, Slot::Clean);
        let received = Received { query, client, at: received, tick: now };
        let exit = Exit::new(self, &policy, received, &self.clean);
        exit.remembered(&entry, now, out);
        if entry.is_fresh(now) {
            self.answers.insert(entry);
        }
        true
    }

    /// Says once that a query of ours came back.
    fn report_loop(&self, client: &Client) {
        self.metrics.here().forwarding_loops.bump();
        if !self.loop_told.swap(true, Ordering::Relaxed) {
            tracing::error!(
                "forwarding loop: a query of ours came back from {}; one of the upstreams is Squint itself",
                client.address
            );
        }
    }

    /// What is remembered of a name on this network; from now on it is.
    fn meet(&self, policy: &Policy, name: &Name, client: &Client, now: Tick) -> Seen {
        let Some(memory) = &self.seen else { return Seen::UNKNOWN };
        let (text, unix) = (name.text(), self.unix(now));
        let host = policy::host(&policy.knowledge, &text, unix);
        memory.meet(&policy.knowledge.engine, &host, client.address.ip(), unix)
    }

    /// The verdict on a name, remembered or made now.
    ///
    /// `known_clean` says that nothing was found about the name under this generation of knowledge: only rules are looked up.
    fn judged(
        &self,
        policy: &Policy,
        id: PolicyId,
        name: &Name,
        now: Tick,
        known_clean: bool,
        seen: &Seen,
    ) -> Judged {
        let unix = self.unix(now);
        if let Some(verdict) = self.verdicts.verdict(name, id.0, policy.generation, unix) {
            return Judged { verdict, clean: known_clean };
        }
        let text = name.text();
        let host = policy::host(&policy.knowledge, &text, unix);
        let findings = if known_clean {
            Arc::clone(&self.no_findings)
        } else {
            self.findings(policy, name, &host, unix, seen)
        };
        let verdict = policy::decide(policy, id, name, &host, &findings);
        let clean = findings.is_clean();
        if verdict == *self.clean {
            return Judged { verdict: Arc::clone(&self.clean), clean };
        }
        let verdict = Arc::new(verdict);
        self.verdicts.insert_verdict(name, id.0, policy.generation, Arc::clone(&verdict));
        Judged { verdict, clean }
    }

    /// What knowledge says of a name, remembered or asked now.
    fn findings(
        &self,
        policy: &Policy,
        name: &Name,
        host: &Host<'_>,
        unix: u64,
        seen: &Seen,
    ) -> Arc<Findings> {
        let generation = policy.knowledge.generation;
        if let Some(findings) =
            self.verdicts.findings(name, generation).filter(|it| unix < it.valid_until)
        {
            return findings;
        }
        let findings = policy::examine(&policy.knowledge, host, unix, seen);
        if findings.is_clean() && findings.valid_until == self.no_findings.valid_until {
            return Arc::clone(&self.no_findings);
        }
        let findings = Arc::new(findings);
        if !findings.is_clean() {
            self.verdicts.insert_findings(name, generation, Arc::clone(&findings));
        }
        findings
    }

    /// Leaves a verdict in an answer's slots.
    fn mark(&self, entry: &Entry, policy: &Policy, id: PolicyId, judged: &Judged) {
        let slot =
            if Arc::ptr_eq(&judged.verdict, &self.clean) { Slot::Clean } else { Slot::Found };
        entry.set_slot(id.0, policy.generation, slot);
        if judged.clean {
            entry.set_clean_under(policy.knowledge.generation);
        }
    }

    /// A moment as entries know it.
    #[inline]
    fn tick(&self, at: Instant) -> Tick {
        Tick::since(self.clock.0, at)
    }

    /// This moment.
    fn now(&self) -> Tick {
        self.tick(tokio::time::Instant::now().into_std())
    }

    const fn unix(&self, now: Tick) -> u64 {
        self.clock.1 + now.secs()
    }
}

/// A query, from whom and when it came.
#[derive(Clone, Copy)]
struct Received<'a> {
    query: &'a Query<'a>,
    client: &'a Client,
    at: Instant,
    tick: Tick,
}

/// A verdict, and whether knowledge has nothing on the name.
struct Judged {
    verdict: Arc<Verdict>,
    clean: bool,
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("generation", &self.policy.load().generation)
            .finish_non_exhaustive()
    }
}

/// An answer of our own, for the cache.
fn made_here(key: &Key<'_>, answer: Answer, now: Tick) -> Arc<Entry> {
    let lifetime = Duration::from_secs(u64::from(answer.lifetime_secs().unwrap_or(0)));
    Arc::new(Entry::new(key, answer, Arc::default(), now, lifetime))
}

#[inline]
fn key<'n>(query: &'n Query<'_>, way: Way) -> Key<'n> {
    Key::new(way.route, &query.name, query.qtype, query.qclass, query.dnssec_ok(), query.cd)
}

#[cfg(test)]
mod tests;
