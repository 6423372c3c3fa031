//! The fast-moving half of a policy: lists and the operator's own rules.

use crate::{
    list::Index,
    metrics::{Hits, Metrics},
    name::Name,
    platform::Allow,
    verdict::{Action, Verdict},
};
use foldhash::{HashMap, HashMapExt as _};
use std::sync::Arc;

/// Lists, own rules and the platform tenants that may pass.
pub struct Rules {
    /// The compiled lists.
    pub index: Index,
    /// The operator's own rules.
    pub own: OwnRules,
    /// `[platform] allow`.
    pub allow: Allow,
    /// How often each list met a query, in the order of the lists.
    hits: Vec<Arc<Hits>>,
}

impl Rules {
    /// Puts rules together; how often lists meet queries is counted in `metrics`.
    pub fn new(index: Index, own: OwnRules, allow: Allow, metrics: &Metrics) -> Self {
        let hits = index.lists().iter().map(|it| metrics.hits(&it.name)).collect();
        Self { index, own, allow, hits }
    }

    /// Counts a query for the lists that hold its name. The verdict is one that was made by these rules.
    #[inline]
    pub fn count(&self, verdict: &Verdict) {
        if !verdict.lists.is_empty() {
            let decided = !verdict.rule.is_empty();
            let lists = verdict.lists.iter().enumerate();
            self.count_lists(lists.map(|(at, list)| (*list, decided && at == 0)));
        }
    }

    /// The same by the numbers of the lists, each with whether it was the one that decided.
    pub fn count_lists(&self, lists: impl Iterator<Item = (u16, bool)>) {
        for (list, decided) in lists {
            if let Some(hits) = self.hits.get(usize::from(list)) {
                hits.count(decided);
            }
        }
    }
}

/// The operator's own rules: a domain with everything below it, and what is done with it. The longest rule wins.
#[derive(Debug, Default)]
pub struct OwnRules {
    by_wire: HashMap<Box<[u8]>, Action>,
}

impl OwnRules {
    /// Compiles rules; a later rule for the same domain replaces an earlier one.
    pub fn new(rules: impl IntoIterator<Item = (Name, Action)>) -> Self {
        let mut by_wire = HashMap::new();
        by_wire.extend(rules.into_iter().map(|(name, action)| (Box::from(name.wire()), action)));
        Self { by_wire }
    }

    /// The longest rule that covers a name: the wire form of its domain, and the action.
    pub fn find<'n>(&self, name: &'n Name) -> Option<(&'n [u8], Action)> {
        if self.by_wire.is_empty() {
            return None;
        }
        let mut rest = name.wire();
        loop {
            if let Some(&action) = self.by_wire.get(rest) {
                return Some((rest, action));
            }
            let len = usize::from(*rest.first()?);
            if len == 0 {
                return None;
            }
            rest = &rest[1 + len..];
        }
    }

    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.by_wire.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_wire.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_rule_wins() {
        let name = |text: &str| Name::parse(text).unwrap();
        let rules = OwnRules::new([
            (name("example.com"), Action::Sinkhole),
            (name("good.example.com"), Action::Pass),
        ]);
        let check = |input: &str, expected: Option<Action>| {
            assert_eq!(rules.find(&name(input)).map(|(_, action)| action), expected, "{input}");
        };
        check("example.com", Some(Action::Sinkhole));
        check("a.b.example.com", Some(Action::Sinkhole));
        check("www.good.example.com", Some(Action::Pass));
        check("notexample.com", None);
        check("com", None);
    }
}
