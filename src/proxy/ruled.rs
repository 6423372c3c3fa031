//! Names that rules and lists decide about are answered at once; what else is to be said of them is found out afterwards.

use super::{Now, Proxy, Received, exit::Exit, made};
use crate::{
    event::Record,
    policy::{self, Listed, Policy},
    verdict::{Seen, Verdict},
};
use std::{
    cell::RefCell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

/// How many queries at once may have their answer while their names are not judged yet. Events beyond have the reasons of rules alone.
pub(super) const UNJUDGED_MAX: usize = 1024;

thread_local! {
    /// Where the texts of a decision are written.
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

impl Proxy {
    /// Answers a query for a name that is not remembered, where an enforced rule or list has the answer.
    pub(super) fn respond_by_rules(&self, received: Received<'_>, out: &mut Vec<u8>) -> Now {
        let Received { query, client, tick, .. } = received;
        let policy = self.policy.load();
        let id = policy::policy_of(&policy, client);
        let unix = self.unix(tick);
        let is_recorded = self.recorder.is_on();
        if !is_recorded && let Some(done) = self.respond_by_list(received, &policy, out) {
            return done;
        }
        let Some(verdict) = policy::decided_by_rules(&policy, id, &query.name, unix) else {
            return Now::Later;
        };
        let verdict = Arc::new(verdict);
        // What else is to be said of the name is said in its event alone.
        if !is_recorded {
            self.verdicts.keep_near(&query.name, id.0, policy.generation, &verdict);
        }
        let exit = Exit { is_unjudged: true, ..Exit::new(self, &policy, received, &verdict) };
        if exit.made(tick, out) { Now::Answered } else { Now::Silent }
    }

    /// The same where a list alone decides, or neither list nor rule does, and nobody wants to know more. Nothing is remembered of it,
    /// which would take more memory than the list. `None` where it takes a closer look.
    fn respond_by_list(
        &self,
        received: Received<'_>,
        policy: &Policy,
        out: &mut Vec<u8>,
    ) -> Option<Now> {
        let Received { query, client, tick, .. } = received;
        TEXT.with_borrow_mut(|text| {
            let blocked = match Listed::find(policy, &query.name, self.unix(tick), text) {
                Listed::Blocked(blocked) => blocked,
                Listed::No => return Some(Now::Later),
                Listed::Perhaps => return None,
            };
            self.metrics.here().changed.bump();
            policy.rules.count_lists(blocked.lists());
            let (action, matched_len) = (blocked.action(), blocked.matched_len());
            let Some(made) = made::answer(action, matched_len, &policy.sinkhole, query) else {
                out.clear();
                return Some(Now::Silent);
            };
            // Others cannot be told why.
            let ede = query.edns.is_some().then(|| {
                blocked.write_why(&query.name, text);
                made::ede(action, text)
            });
            made.write(query, ede, client.way(query), out);
            Some(Now::Answered)
        })
    }

    /// Judges the name of a query that has its answer, and records it with the reasons of all sources. From then on the verdict is
    /// remembered.
    pub(super) fn record_judged(&self, mut record: Record) {
        let place = Arc::clone(&self.unjudged).try_acquire_owned();
        let (Ok(place), Some(proxy)) = (place, self.me.upgrade()) else {
            return self.recorder.record(record);
        };
        let judging = async move {
            // A panic is a bug of ours; it costs the reasons, never the event.
            match catch_unwind(AssertUnwindSafe(|| proxy.whole_verdict(&record))) {
                Ok(verdict) => record.verdict = verdict.or(record.verdict),
                Err(_) => proxy.metrics.here().panics.bump(),
            }
            proxy.recorder.record(record);
            drop(place);
        };
        self.fetches.spawn(judging, &self.runtime);
    }

    /// The verdict on a record's name by all sources; `None` where another policy is in force by now.
    fn whole_verdict(&self, record: &Record) -> Option<Arc<Verdict>> {
        let policy = self.policy();
        if u64::from(policy.generation) != record.generation {
            return None;
        }
        let id = policy::policy_of(&policy, &record.client);
        let now = self.tick(record.received);
        // Nobody reached the name: it is not noted as seen.
        Some(self.judged(&policy, id, &record.name, now, false, &Seen::UNKNOWN).verdict)
    }
}
