//! What is known of zones: a bounded memory of delegations and keys, shared by all validations.

use super::{Fault, key::Key};
use crate::name::Name;
use quick_cache::{
    UnitWeighter,
    sync::{Cache, DefaultLifecycle, PlaceholderGuard},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Most names of which it is remembered what is there.
pub const CUTS_MAX: usize = 8_192;

/// Bounds of how long that is remembered: a TTL of zero would make every answer cost the whole chain.
const LIFETIME_SECS_MIN: u32 = 5;
const LIFETIME_SECS_MAX: u32 = 86_400;

/// How long a broken chain is remembered (RFC 4035 section 4.7, RFC 9520 section 3.2).
const FAULT_LIFETIME_SECS: u32 = 10;

/// What is at a name.
#[derive(Debug, Clone)]
pub(super) enum Cut {
    /// A zone with keys.
    Zone(Zone),
    /// A zone without signatures, or a name under one.
    Insecure,
    /// No zone of its own.
    None,
}

/// A zone whose keys are known.
#[derive(Debug, Clone)]
pub(super) struct Zone {
    pub(super) name: Arc<Name>,
    pub(super) keys: Arc<[Key]>,
}

impl Zone {
    pub(super) fn new(name: &Name, keys: Vec<Key>) -> Self {
        Self { name: Arc::new(name.clone()), keys: keys.into() }
    }
}

#[derive(Debug, Clone)]
struct Held {
    cut: Result<Cut, Fault>,
    until: Instant,
}

type State = foldhash::fast::RandomState;

/// The memory.
#[derive(Debug)]
pub(super) struct Cuts {
    cache: Cache<Vec<u8>, Held, UnitWeighter, State>,
}

/// A place for what is not known yet. Others who ask wait until it is filled or dropped.
pub(super) struct Vacancy<'c> {
    guard:
        PlaceholderGuard<'c, Vec<u8>, Held, UnitWeighter, State, DefaultLifecycle<Vec<u8>, Held>>,
}

impl Cuts {
    pub(super) fn new() -> Self {
        let (state, lifecycle) = (State::default(), DefaultLifecycle::default());
        Self { cache: Cache::with(CUTS_MAX, CUTS_MAX as u64, UnitWeighter, state, lifecycle) }
    }

    /// What is known of a name, or the place to put it.
    pub(super) async fn find(&self, name: &Name) -> Result<Result<Cut, Fault>, Vacancy<'_>> {
        loop {
            match self.cache.get_value_or_guard_async(name.wire()).await {
                Ok(held) if now() < held.until => return Ok(held.cut),
                Ok(_) => drop(self.cache.remove_if(name.wire(), |it| now() >= it.until)),
                Err(guard) => return Err(Vacancy { guard }),
            }
        }
    }
}

impl Vacancy<'_> {
    pub(super) fn fill(self, cut: Result<Cut, Fault>, ttl_secs: u32) {
        let secs = match cut {
            Ok(_) => ttl_secs.clamp(LIFETIME_SECS_MIN, LIFETIME_SECS_MAX),
            Err(_) => FAULT_LIFETIME_SECS,
        };
        let until = now() + Duration::from_secs(u64::from(secs));
        // Where the place has been taken meanwhile, what came first stays.
        let _ = self.guard.insert(Held { cut, until });
    }
}

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_known_is_known_for_a_time() {
        let cuts = Cuts::new();
        let name = Name::parse("example").unwrap();
        let put = async |cut, ttl_secs| match cuts.find(&name).await {
            Ok(held) => panic!("still held: {held:?}"),
            Err(vacancy) => vacancy.fill(cut, ttl_secs),
        };
        let pass = async |secs| tokio::time::advance(Duration::from_secs(secs)).await;
        for (ttl_secs, lifetime) in [(60, 60), (0, 5), (1_000_000, 86_400)] {
            put(Ok(Cut::None), ttl_secs).await;
            pass(lifetime - 1).await;
            assert!(matches!(cuts.find(&name).await, Ok(Ok(Cut::None))), "{ttl_secs}");
            pass(1).await;
        }
        put(Err(Fault::too_much()), 600).await;
        pass(9).await;
        assert!(matches!(cuts.find(&name).await, Ok(Err(_))));
        pass(1).await;
        assert!(cuts.find(&name).await.is_err());
    }

    #[tokio::test]
    async fn those_who_ask_at_once_wait_for_one() {
        let cuts = Arc::new(Cuts::new());
        let name = Name::parse("example").unwrap();
        let Err(vacancy) = cuts.find(&name).await else { panic!("nothing is known yet") };
        let waiting = tokio::spawn({
            let (cuts, name) = (Arc::clone(&cuts), name.clone());
            async move { matches!(cuts.find(&name).await, Ok(Ok(Cut::Insecure))) }
        });
        tokio::task::yield_now().await;
        vacancy.fill(Ok(Cut::Insecure), 60);
        assert!(waiting.await.unwrap());
    }
}
