//! The verdict store: findings per name, verdicts per name and policy. Names without findings live in the answer cache's
//! slots alone, so this stays small.

use super::{
    known::Known,
    lately::{Lately, Wanted},
};
use crate::{name::Name, verdict::Verdict};
use foldhash::quality::RandomState;
use moka::sync::Cache;
use std::{
    cell::RefCell,
    hash::BuildHasher as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Octets that verdicts take at most, and findings as well.
const OCTETS_MAX: u64 = 12 << 20;

/// What an entry takes beside its texts: key, pointers, the store's own accounts. Measured, rounded up.
const ENTRY_OVERHEAD: usize = 400;

/// A name in wire form, after its policy id where the entry has one.
type Key = Box<[u8]>;

thread_local! {
    static LATELY: RefCell<Lately> = const { RefCell::new(Lately::new()) };
}

/// Verdicts and findings of names about which something was found. `F` is what policy calls findings.
pub struct Verdicts<F> {
    /// Sets this store apart from others in the process.
    number: u64,
    keyed: RandomState,
    /// Names that have any. Most names have none, and are looked for three times before they are asked for.
    known: Known,
    findings: Cache<Key, (u32, Arc<F>), foldhash::fast::RandomState>,
    verdicts: Cache<Key, (u32, Arc<Verdict>), foldhash::fast::RandomState>,
}

impl<F: Send + Sync + 'static> Verdicts<F> {
    /// An empty store.
    ///
    /// `octets` tells what findings take on the heap.
    pub fn new(octets: fn(&F) -> usize) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let weight = |key: usize, value: usize| {
            u32::try_from(key + value + ENTRY_OVERHEAD).unwrap_or(u32::MAX)
        };
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            keyed: RandomState::default(),
            known: Known::new(),
            findings: Cache::builder()
                .max_capacity(OCTETS_MAX)
                .weigher(move |key: &Key, held: &(u32, Arc<F>)| weight(key.len(), octets(&held.1)))
                .build_with_hasher(foldhash::fast::RandomState::default()),
            verdicts: Cache::builder()
                .max_capacity(OCTETS_MAX)
                .weigher(move |key: &Key, held: &(u32, Arc<Verdict>)| {
                    weight(key.len(), held.1.octets())
                })
                .build_with_hasher(foldhash::fast::RandomState::default()),
        }
    }

    /// The verdict on a name under a policy id, if it was decided under this generation and time has not overtaken it. Of names
    /// that the thread meets often it is a copy of its own: a count of holders would else be written by all threads.
    ///
    /// `now` is Unix time in seconds.
    pub fn verdict(
        &self,
        name: &Name,
        policy: u16,
        generation: u32,
        now: u64,
    ) -> Option<Arc<Verdict>> {
        let hash = self.hash(name);
        let wanted = self.wanted(hash, name, policy, generation);
        LATELY.with_borrow_mut(|near| {
            if let Some(verdict) = near.get(&wanted).filter(|it| now < it.valid_until) {
                return Some(Arc::clone(verdict));
            }
            if !self.known.has(hash) {
                return None;
            }
            let mut key = [0; 257];
            let (held, verdict) = self.verdicts.get(verdict_key(&mut key, name, policy))?;
            if held != generation || now >= verdict.valid_until {
                return None;
            }
            Some(near.keep_some(&wanted, &verdict).unwrap_or(verdict))
        })
    }

    /// Remembers a verdict for the thread that calls, if there is room, and for as long as that meets few other names.
    pub fn keep_near(&self, name: &Name, policy: u16, generation: u32, verdict: &Verdict) {
        let wanted = self.wanted(self.hash(name), name, policy, generation);
        LATELY.with_borrow_mut(|near| drop(near.keep_some(&wanted, verdict)));
    }

    /// Remembers a verdict.
    pub fn insert_verdict(&self, name: &Name, policy: u16, generation: u32, verdict: Arc<Verdict>) {
        let mut key = [0; 257];
        self.known.put(self.hash(name));
        self.verdicts.insert(Box::from(verdict_key(&mut key, name, policy)), (generation, verdict));
    }

    /// The findings about a name, if they were made under this generation of knowledge.
    pub fn findings(&self, name: &Name, knowledge: u32) -> Option<Arc<F>> {
        if !self.known.has(self.hash(name)) {
            return None;
        }
        let (held, findings) = self.findings.get(name.wire())?;
        (held == knowledge).then_some(findings)
    }

    /// Remembers findings.
    pub fn insert_findings(&self, name: &Name, knowledge: u32, findings: Arc<F>) {
        self.known.put(self.hash(name));
        self.findings.insert(Box::from(name.wire()), (knowledge, findings));
    }

    fn wanted<'n>(&self, hash: u64, name: &'n Name, policy: u16, generation: u32) -> Wanted<'n> {
        Wanted { store: self.number, hash, name: name.wire(), policy, generation }
    }

    fn hash(&self, name: &Name) -> u64 {
        self.keyed.hash_one(name.wire())
    }
}

fn verdict_key<'k>(key: &'k mut [u8; 257], name: &Name, policy: u16) -> &'k [u8] {
    let wire = name.wire();
    key[..2].copy_from_slice(&policy.to_ne_bytes());
    key[2..2 + wire.len()].copy_from_slice(wire);
    &key[..2 + wire.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_belongs_to_its_policy_generation_and_time() {
        let store: Verdicts<()> = Verdicts::new(|_| 0);
        let name = Name::parse("paypal-login.example").unwrap();
        let verdict = Arc::new(Verdict { score: 90, valid_until: 100, ..Verdict::PASS });
        store.insert_verdict(&name, 0, 7, Arc::clone(&verdict));
        assert_eq!(store.verdict(&name, 0, 7, 99), Some(verdict));
        assert_eq!(store.verdict(&name, 0, 7, 100), None);
        assert_eq!(store.verdict(&name, 0, 8, 0), None);
        assert_eq!(store.verdict(&name, 1, 7, 0), None);
    }

    #[test]
    fn findings_outlive_the_rules() {
        let store: Verdicts<u8> = Verdicts::new(|_| 0);
        let name = Name::parse("bit.ly").unwrap();
        store.insert_findings(&name, 3, Arc::new(9));
        assert_eq!(store.findings(&name, 3).as_deref(), Some(&9));
        assert_eq!(store.findings(&name, 4), None);
    }
}
