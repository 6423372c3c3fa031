//! The answer cache: upstream answers in wire form, whatever the policy.
//!
//! ```text
//!  a thread's own table (near) ── miss ─▶ one of the shards (table), behind a lock ─▶ entries: one look-up yields the answer
//!                                                                                     and whether it may be served
//! ```
//!
//! An entry without a current verdict slot is judged again from the bytes held, never fetched again.

use super::{
    Entry, Key, Tick,
    name_errors::{self, NameErrors},
    near::Near,
    table::{Step, Table},
};
use foldhash::fast::RandomState;
use std::{
    cell::RefCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// Most shards; each holds at least [`SHARD_OCTETS_MIN`], so that the longest answer fits.
const SHARDS_MAX: usize = 64;
const SHARD_OCTETS_MIN: u64 = 256 << 10;

thread_local! {
    static NEAR: RefCell<Near> = const { RefCell::new(Near::new()) };
}

/// The cache itself: bounded in octets, and a scan of names asked once does not wash it out.
pub struct Answers {
    /// Sets this cache apart from others in the process.
    number: u64,
    shards: Box<[Mutex<Table>]>,
    name_errors: NameErrors,
    keyed: RandomState,
}

impl Answers {
    /// An empty cache that holds at most `octets_max` octets. Each thread that asks it may hold on to 32,768 small answers more.
    pub fn new(octets_max: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let fit = usize::try_from(octets_max / SHARD_OCTETS_MIN).unwrap_or(usize::MAX);
        let shards = fit.clamp(1, SHARDS_MAX);
        let each = usize::try_from(octets_max).unwrap_or(usize::MAX) / shards;
        let keyed = RandomState::default();
        Self {
            number: NEXT.fetch_add(1, Ordering::Relaxed),
            shards: (0..shards).map(|_| Mutex::new(Table::new(each))).collect(),
            name_errors: NameErrors::new(octets_max),
            keyed,
        }
    }

    /// The entry for a key, fresh or stale.
    pub fn get(&self, key: &Key<'_>) -> Option<Arc<Entry>> {
        self.get_hashed(key, key.hash(&self.keyed))
    }

    /// Shows the entry for a key, fresh or stale, to `then`, without taking a share in it: on the way of a cached answer nothing is
    /// written that another thread writes as well.
    #[inline]
    pub fn with<T>(&self, key: &Key<'_>, then: impl FnOnce(Option<&Entry>) -> T) -> T {
        let hash = key.hash(&self.keyed);
        NEAR.with(|near| {
            if let Ok(near) = near.try_borrow()
                && let Some(entry) = near.get(self.number, key, hash)
            {
                entry.like();
                return then(Some(entry));
            }
            let found = self.get_hashed(key, hash);
            // Where this is asked from within `then`, the table is lent and stays as it is.
            if let (Some(entry), Ok(mut near)) = (&found, near.try_borrow_mut()) {
                near.keep_some(self.number, hash, entry);
            }
            then(found.as_deref())
        })
    }

    /// What a name error that came for another type of the same name says of this one, from now on remembered for it as well (RFC
    /// 2308 section 5). `None` where the name may exist.
    pub fn name_error(&self, key: &Key<'_>, now: Tick) -> Option<Arc<Entry>> {
        let qtype = self.name_errors.get(self.hash_of_name(key))?;
        let told = self.get(&key.of_type(qtype)).filter(|it| it.is_fresh(now))?;
        if !name_errors::denies_name(&told) || !name_errors::is_of_the_name(key.qtype()) {
            return None;
        }
        let entry = Arc::new(told.for_type(key.qtype())?);
        self.insert(Arc::clone(&entry));
        Some(entry)
    }

    /// Remembers an entry in place of what was held under its key.
    pub fn insert(&self, entry: Arc<Entry>) {
        let key = Key::of(&entry);
        let hash = key.hash(&self.keyed);
        self.name_errors.learn(self.hash_of_name(&key), key.qtype(), &entry.answer);
        loop {
            // The lock is held for a step, and what leaves is freed behind it.
            let step = self.shard(hash).insert(hash, &entry);
            match step {
                Step::Done(left) => return drop(left),
                Step::Again(left) => drop(left),
            }
        }
    }

    /// How many answers are held.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|it| lock(it).len()).sum()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The hash of a key without its type.
    fn hash_of_name(&self, key: &Key<'_>) -> u64 {
        key.of_type(0).hash(&self.keyed)
    }

    fn get_hashed(&self, key: &Key<'_>, hash: u64) -> Option<Arc<Entry>> {
        let found = self.shard(hash).get(key, hash).map(Arc::clone);
        found.inspect(|it| it.like())
    }

    fn shard(&self, hash: u64) -> MutexGuard<'_, Table> {
        lock(&self.shards[hash as usize % self.shards.len()])
    }
}

fn lock(shard: &Mutex<Table>) -> MutexGuard<'_, Table> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}
