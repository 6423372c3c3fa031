//! Policy: findings become a verdict. One pure function judges; every front and every command calls it.
//!
//! A [`Policy`] is an immutable snapshot, swapped whole. It has two halves that move at their own pace: [`Knowledge`]
//! (who deceives, who hosts) and [`Rules`] (lists and the operator's own rules). Findings depend on knowledge alone, so
//! when only rules moved, stored findings stay and only the rule look-up is repeated.

mod decide;
mod listed;
mod newness;
mod rules;
mod silence;

pub use decide::{decide, decided_by_rules};
pub use listed::{Blocked, Listed};
pub use newness::is_random;
pub use rules::{OwnRules, Rules};
pub use silence::silence;

use crate::{
    dns::Client,
    lookalike::Engine,
    name::{Class, Host, Name},
    platform::{self, Platforms},
    verdict::{Action, Finding, Mode, Seen, Verdict},
};
use std::{
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

/// A compiled policy: what is known, what is ruled, and what each group does about it.
pub struct Policy {
    /// Counts every swap; verdicts of another generation are decided again.
    pub generation: u32,
    /// Who deceives and who hosts.
    pub knowledge: Arc<Knowledge>,
    /// Lists and own rules.
    pub rules: Arc<Rules>,
    /// What each group does; a [`PolicyId`] is an index here.
    pub groups: Vec<Group>,
    /// Where sinkholed names lead.
    pub sinkhole: Sinkhole,
}

/// Where sinkholed names lead, and how long made-up answers may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sinkhole {
    /// For A queries.
    pub ipv4: Ipv4Addr,
    /// For AAAA queries.
    pub ipv6: Ipv6Addr,
    /// TTL of made-up answers, in seconds.
    pub ttl_secs: u32,
}

/// The slow-moving half of a policy. Findings made under one generation stay true until it changes.
pub struct Knowledge {
    /// Counts every change of this half.
    pub generation: u32,
    /// The look-alike engine.
    pub engine: Engine,
    /// The platform table.
    pub platforms: &'static Platforms,
}

/// What a group of clients does about findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The group's name in events.
    pub name: String,
    /// Look-alikes: whether they act.
    pub lookalike: Mode,
    /// Score from which a look-alike is logged.
    pub log: u8,
    /// Score from which a look-alike is sinkholed.
    pub block: u8,
    /// Platforms: whether they act.
    pub platform: Mode,
    /// The action for each class, in the order of [`Class::ALL`].
    pub classes: [Action; Class::ALL.len()],
}

impl Group {
    /// The action for a class.
    pub fn class(&self, class: Class) -> Action {
        self.classes[class as usize]
    }
}

/// Which group's policy applies: groups with equal policy share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PolicyId(pub u16);

/// The policy under which a client is judged.
pub fn policy_of(_policy: &Policy, _client: &Client) -> PolicyId {
    PolicyId(0)
}

/// What knowledge says of a name, whatever the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The look-alike score after combination, 0 to 100.
    pub score: u8,
    /// Look-alike findings, strongest first.
    pub lookalike: Vec<Finding>,
    /// The platform finding.
    pub platform: Option<Finding>,
    /// What a name alone does not tell: it is new here, and of a suspicious make.
    pub new: Option<Finding>,
    /// The registrable domain that this network uses as a search suffix; empty where it does not.
    pub carrier: String,
    /// Unix time in seconds at which time alone may change these findings.
    pub valid_until: u64,
}

impl Findings {
    /// Octets on the heap, for weighing the store's entries.
    pub fn octets(&self) -> usize {
        self.lookalike.iter().chain(&self.platform).map(Finding::octets).sum()
    }

    /// Whether nothing was found, for good.
    pub fn is_clean(&self) -> bool {
        self.lookalike.is_empty()
            && self.platform.is_none()
            && self.new.is_none()
            && self.valid_until == u64::MAX
    }
}

/// Seconds in a day.
const DAY_SECS: u64 = 86_400;

/// Fills in where a name is hosted. `now` is Unix time in seconds.
pub fn host<'a>(knowledge: &Knowledge, text: &'a str, now: u64) -> Host<'a> {
    Host { hosting: knowledge.platforms.find(text, today(now)), ..Host::new(text) }
}

/// The day, counted from 1970-01-01.
fn today(now: u64) -> u32 {
    u32::try_from(now / DAY_SECS).unwrap_or(u32::MAX)
}

/// Asks the knowledge about a name; `seen` is what the network remembers of it, [`Seen::UNKNOWN`] where nobody remembers.
pub fn examine(knowledge: &Knowledge, host: &Host<'_>, now: u64, seen: &Seen) -> Findings {
    let mut lookalike = Vec::new();
    let score = knowledge.engine.judge(host, &mut lookalike);
    let mut findings = Findings { score, lookalike, ..of_platform(host, now) };
    newness::add(&knowledge.engine, host, now, seen, &mut findings);
    findings
}

/// What the platform tables alone say.
fn of_platform(host: &Host<'_>, now: u64) -> Findings {
    // An entry of simulated phishing ages by the day.
    let ages = host.hosting.is_some_and(|it| it.class == Class::SimulatedPhishing);
    let valid_until = if ages { (now / DAY_SECS + 1) * DAY_SECS } else { u64::MAX };
    Findings { platform: platform::finding(host), valid_until, ..Findings::default() }
}

/// Judges a name under a policy, as a network without memory does. `now` is Unix time in seconds.
pub fn judge(policy: &Policy, id: PolicyId, name: &Name, now: u64) -> Verdict {
    let text = name.text();
    let host = host(&policy.knowledge, &text, now);
    let findings = examine(&policy.knowledge, &host, now, &Seen::UNKNOWN);
    decide(policy, id, name, &host, &findings)
}

#[cfg(test)]
mod tests;
