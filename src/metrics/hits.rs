//! How often lists met queries: counts that come and go with the lists of the configuration.

use super::{Counter, SETS, own_set};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most lists that are counted at once: as many as a configuration may have, twice over, because a reload has both.
const LISTS_MAX: usize = 2000;

/// The counts of one list; every thread bumps its own, as with [`super::Counters`].
#[derive(Debug)]
pub struct Hits {
    sets: Box<[HitsHere; SETS]>,
}

/// One thread's counts of one list.
#[derive(Debug, Default)]
#[repr(align(128))]
struct HitsHere {
    matched: Counter,
    decided: Counter,
}

/// One reading of a list's counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListTotals {
    /// The list's name.
    pub list: String,
    /// Queries for names that it holds.
    pub matched: u64,
    /// Those of them whose action it gave.
    pub decided: u64,
}

impl Hits {
    fn new() -> Self {
        Self { sets: Box::new(std::array::from_fn(|_| HitsHere::default())) }
    }

    /// Counts a query for a name that the list holds; `decided` says whether the list gave the action.
    pub fn count(&self, decided: bool) {
        let here = &self.sets[own_set()];
        here.matched.bump();
        if decided {
            here.decided.bump();
        }
    }

    fn totals(&self, list: &str) -> ListTotals {
        let sum =
            |count: fn(&HitsHere) -> &Counter| self.sets.iter().map(|it| count(it).get()).sum();
        ListTotals {
            list: list.to_owned(),
            matched: sum(|it| &it.matched),
            decided: sum(|it| &it.decided),
        }
    }
}

/// The lists that are counted, by name. A list that is read again goes on with its counts.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<Vec<(String, Arc<Hits>)>>);

impl Lists {
    pub(super) fn hits(&self, list: &str) -> Arc<Hits> {
        let mut held = self.lock();
        if let Some((_, hits)) = held.iter().find(|it| it.0 == list) {
            return Arc::clone(hits);
        }
        if held.len() >= LISTS_MAX {
            // Of those that no policy names any more, nobody asks.
            held.retain(|it| Arc::strong_count(&it.1) > 1);
        }
        let hits = Arc::new(Hits::new());
        held.push((list.to_owned(), Arc::clone(&hits)));
        hits
    }

    pub(super) fn totals(&self) -> Vec<ListTotals> {
        self.lock().iter().map(|(list, hits)| hits.totals(list)).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, Arc<Hits>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[test]
    fn threads_add_up_and_a_list_read_again_goes_on() {
        let lists = Lists::default();
        thread::scope(|scope| {
            for thread in 0..2 * SETS {
                let hits = lists.hits("malware");
                scope.spawn(move || hits.count(thread % 2 == 0));
            }
        });
        lists.hits("ads").count(false);
        let expected =
            |list: &str, matched, decided| ListTotals { list: list.to_owned(), matched, decided };
        let all = 2 * SETS as u64;
        assert_eq!(lists.totals(), [expected("malware", all, all / 2), expected("ads", 1, 0)]);
    }

    #[test]
    fn lists_that_nobody_names_make_room() {
        let lists = Lists::default();
        let held = lists.hits("held");
        (0..LISTS_MAX).for_each(|it| drop(lists.hits(&it.to_string())));
        assert!(lists.totals().len() <= 2);
        held.count(true);
        assert_eq!(lists.totals()[0].decided, 1);
    }

    #[test]
    fn sets_share_no_cache_line() {
        assert_eq!((align_of::<HitsHere>(), size_of::<HitsHere>()), (128, 128));
    }
}
