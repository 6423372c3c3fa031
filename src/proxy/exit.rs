//! The single exit: every response is written here, and every query becomes an event here.

use super::{
    Proxy, Received, STALE_TTL_SECS,
    fetch::{self, Fetched},
    made,
};
use crate::{
    cache::{Entry, Tick},
    dns::{Answer, Client, Ede, Facts, Made, Query, Rcode, Reply},
    event::Record,
    policy::Policy,
    upstream::ForwardError,
    verdict::{Action, Verdict},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// A query about to be answered.
pub(super) struct Exit<'a> {
    pub(super) proxy: &'a Proxy,
    pub(super) policy: &'a Policy,
    pub(super) received: Received<'a>,
    pub(super) verdict: &'a Arc<Verdict>,
    /// Whether the name is still to be judged: rules alone have decided, and its event waits for the reasons of all sources.
    pub(super) is_unjudged: bool,
}

/// How an answer leaves, beside its octets.
struct Manner<'a> {
    now: Tick,
    age_secs: u32,
    ttl_secs_override: Option<u32>,
    ede: Option<Ede<'a>>,
    cached: bool,
}

impl<'a> Exit<'a> {
    /// The exit of a query that is judged, or is not to be.
    pub(super) const fn new(
        proxy: &'a Proxy,
        policy: &'a Policy,
        received: Received<'a>,
        verdict: &'a Arc<Verdict>,
    ) -> Self {
        Self { proxy, policy, received, verdict, is_unjudged: false }
    }

    /// Sends what came of a fetch, or a stale answer where nothing better came.
    pub(super) fn forwarded(
        &self,
        fetched: Fetched,
        stale: Option<&Entry>,
        now: Tick,
        out: &mut Vec<u8>,
    ) {
        match (fetched, stale) {
            (Fetched::Entry(entry), Some(stale)) if fetch::gives_way(&entry.answer) => {
                self.stale(stale, now, out)
            }
            (Fetched::Entry(entry), _) => self.fetched(&entry, now, out),
            (Fetched::Slow | Fetched::Failed(_), Some(stale)) => self.stale(stale, now, out),
            (Fetched::Slow, None) => self.failed(
                fetch::ede(ForwardError::Timeout, "no upstream answered in time"),
                now,
                out,
            ),
            (Fetched::Failed(error), None) => {
                self.failed(fetch::ede(error, &error.to_string()), now, out)
            }
        }
    }

    /// Sends an answer from the cache.
    pub(super) fn remembered(&self, entry: &Entry, now: Tick, out: &mut Vec<u8>) {
        let manner = Manner {
            now,
            age_secs: entry.age_secs(now),
            ttl_secs_override: None,
            ede: cached_error(&entry.answer),
            cached: true,
        };
        self.send(&entry.answer, &entry.upstream, &manner, out);
    }

    /// Sends an answer that has just come.
    pub(super) fn fetched(&self, entry: &Entry, now: Tick, out: &mut Vec<u8>) {
        let manner = Manner {
            now,
            age_secs: entry.age_secs(now),
            ttl_secs_override: None,
            ede: None,
            cached: false,
        };
        self.send(&entry.answer, &entry.upstream, &manner, out);
    }

    /// Sends an answer past its lifetime, because no upstream gave a better one.
    pub(super) fn stale(&self, entry: &Entry, now: Tick, out: &mut Vec<u8>) {
        self.proxy.metrics.here().stale_answers.bump();
        let missing = entry.answer.rcode() == Rcode::NXDOMAIN;
        let code = if missing { Ede::STALE_NXDOMAIN_ANSWER } else { Ede::STALE_ANSWER };
        let ede = Ede { code, text: "no upstream answered: this answer is past its time to live" };
        let manner = Manner {
            now,
            age_secs: 0,
            ttl_secs_override: Some(STALE_TTL_SECS),
            ede: Some(ede),
            cached: true,
        };
        self.send(&entry.answer, &entry.upstream, &manner, out);
    }

    /// Sends REFUSED and says why.
    pub(super) fn refused(&self, ede: Ede<'_>, out: &mut Vec<u8>) {
        self.make(Made::Empty(Rcode::REFUSED), ede, self.received.tick, out);
    }

    /// Sends an answer from the cache, past its lifetime or not.
    pub(super) fn held(&self, entry: &Entry, now: Tick, out: &mut Vec<u8>) {
        self.proxy.metrics.here().cache_hits.bump();
        if entry.is_fresh(now) {
            self.remembered(entry, now, out);
        } else {
            self.stale(entry, now, out);
        }
    }

    /// Sends SERVFAIL and says why.
    pub(super) fn failed(&self, ede: Ede<'_>, now: Tick, out: &mut Vec<u8>) {
        self.make(Made::Empty(Rcode::SERVFAIL), ede, now, out);
    }

    /// Sends what the verdict makes up in place of an answer; `false` when the verdict is to stay silent.
    pub(super) fn made(&self, now: Tick, out: &mut Vec<u8>) -> bool {
        self.proxy.metrics.here().changed.bump();
        let Verdict { applied, matched_len, .. } = **self.verdict;
        let (sinkhole, query) = (&self.policy.sinkhole, self.received.query);
        let Some(made) = made::answer(applied, matched_len, sinkhole, query) else {
            out.clear();
            self.record(Rcode::NOERROR, Facts::default, now, false);
            return false;
        };
        self.make(made, made::ede(applied, self.verdict.why()), now, out);
        true
    }

    fn make(&self, made: Made<'_>, ede: Ede<'_>, now: Tick, out: &mut Vec<u8>) {
        let Received { query, client, .. } = self.received;
        made.write(query, Some(ede), client.way(query), out);
        self.record(made.rcode(), || made.facts(), now, false);
    }

    fn send(&self, answer: &Answer, upstream: &str, manner: &Manner<'_>, out: &mut Vec<u8>) {
        let Received { query, client, .. } = self.received;
        let way = client.way(query);
        let Manner { age_secs, ttl_secs_override, ede, .. } = *manner;
        Reply { answer, query, age_secs, ttl_secs_override, ede, way }.write(out);
        let facts = || Facts::of(answer, upstream);
        self.record(answer.rcode(), facts, manner.now, manner.cached);
    }

    fn record(&self, rcode: Rcode, facts: impl FnOnce() -> Facts, now: Tick, cached: bool) {
        self.policy.rules.count(self.verdict);
        if !self.proxy.recorder.is_on() {
            return;
        }
        let Received { query, client, at, tick } = self.received;
        let record = Record {
            received: at,
            duration: Duration::from_nanos(now.nanos_since(tick)),
            client: *client,
            name: query.name.clone(),
            qtype: query.qtype,
            rcode,
            // A count of its holders would be written by all workers.
            verdict: (!Arc::ptr_eq(self.verdict, &self.proxy.clean))
                .then(|| Arc::clone(self.verdict)),
            facts: facts(),
            cached,
            generation: u64::from(self.policy.generation),
        };
        if self.is_unjudged {
            self.proxy.record_judged(record);
        } else {
            self.proxy.recorder.record(record);
        }
    }
}

impl Proxy {
    /// Records a query that a front answered or dropped before it was judged: a stranger's, one too many, or one that met a
    /// fault. `done` says what the client got, `rcode` what was said, or would have been.
    pub fn record_unjudged(
        &self,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        rcode: Rcode,
        done: Action,
    ) {
        let verdict = Arc::new(Verdict { action: done, applied: done, ..Verdict::PASS });
        let policy = self.policy();
        let tick = self.tick(received);
        let received = Received { query, client, at: received, tick };
        let exit = Exit::new(self, &policy, received, &verdict);
        exit.record(rcode, Facts::default, tick, false);
    }
}

/// What is said of a failure that is remembered, where nobody has said more (RFC 8914 section 4.14).
fn cached_error(answer: &Answer) -> Option<Ede<'static>> {
    let is_bare = answer.rcode() == Rcode::SERVFAIL && answer.edes().next().is_none();
    is_bare.then_some(Ede {
        code: Ede::CACHED_ERROR,
        text: "an upstream failed a moment ago, and is asked again in a few seconds",
    })
}
