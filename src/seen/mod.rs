//! "New to this network": which names, registrable domains and tenants were asked here in the last thirty days.
//!
//! ```text
//!  a verdict is missed ──▶ Memory::meet ──▶ ring        known or new: thirty daily Bloom filters, 15 MiB in all
//!                                     ├──▶ carriers    below whom twenty well-known domains were asked within a day
//!                                     └──▶ shorteners  who asked for a URL shortener a moment ago
//!                                              │
//!                                              ▼
//!                                    verdict::Seen, a value that the judge is handed
//! ```
//!
//! The memory says nothing by itself and touches no file: `app` keeps one file a day ([`Memory::day`], [`Memory::add_day`]).
//! In its first days, while fewer than [`LEARNING_DAYS`] earlier days are remembered, nothing is called new.

mod carriers;
mod day;
mod ring;
mod shorteners;

pub use carriers::CARRIED_MIN;
pub use day::{DAY_LEN, DayError, seed_of};
pub use ring::{DAYS, LEARNING_DAYS};
pub use shorteners::AFTER_SHORTENER_SECS;

use crate::{
    lookalike::Engine,
    name::{Class, Host},
    verdict::{Novelty, Seen},
};
use carriers::Carriers;
use ring::{Ring, Window};
use shorteners::Shorteners;
use std::{
    net::IpAddr,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// Entries of a day up to which whole names are noted; registrable domains and tenants go on to twice that, so that a flood
/// of names below one domain cannot push out the others.
pub const NAMES_DAY_MAX: u32 = 200_000;

/// Seconds in a day.
const DAY_SECS: u64 = 86_400;

/// What the network remembers. Shared by all threads; nobody waits for anybody to ask or note a name.
pub struct Memory {
    ring: Ring,
    carriers: Carriers,
    shorteners: Shorteners,
    is_full: AtomicBool,
}

impl Memory {
    /// A memory of nothing. `seed` should be random, or that of the files to be added ([`seed_of`]); `today` is counted in
    /// days since 1970-01-01.
    pub fn new(seed: u64, today: u32) -> Self {
        Self {
            ring: Ring::new(seed, today),
            carriers: Carriers::default(),
            shorteners: Shorteners::new(),
            is_full: AtomicBool::new(false),
        }
    }

    /// Tells what is remembered of a host that a client asks for, and notes it. `now` is Unix time in seconds.
    pub fn meet(&self, engine: &Engine, host: &Host<'_>, client: IpAddr, now: u64) -> Seen {
        let mut seen =
            Seen { valid_until: u64::from(self.today() + 1) * DAY_SECS, ..Seen::UNKNOWN };
        // Names of addresses are nobody's choice.
        if host.name.is_empty() || host.suffix == "arpa" || host.name.ends_with(".arpa") {
            return seen;
        }
        let domain = if host.registrable.is_empty() { host.name } else { host.registrable };
        seen.registrable = self.novelty(domain, 2 * NAMES_DAY_MAX);
        match host.hosting {
            Some(hosting) if hosting.class == Class::Shortener => {
                self.shortener(client, now);
                seen.name = seen.registrable;
            }
            Some(hosting) if !hosting.tenant.is_empty() => {
                seen.tenant = self.novelty(hosting.tenant, 2 * NAMES_DAY_MAX);
                seen.name = seen.tenant;
                if let Some(until) = self.shorteners.until(self.client(client), now) {
                    seen.after_shortener = true;
                    seen.valid_until = seen.valid_until.min(until);
                }
            }
            Some(_) => seen.name = seen.registrable,
            // The names that look-ups, content delivery and great sites make are without number.
            None if engine.is_somebodys(host) => seen.name = seen.registrable,
            None => {
                seen.name = self.novelty(host.name, NAMES_DAY_MAX);
                seen.search_suffix = self.carries(engine, host);
            }
        }
        seen
    }

    /// Notes that a client asked for a URL shortener, for answers that come without [`Memory::meet`].
    pub fn shortener(&self, client: IpAddr, now: u64) {
        self.shorteners.note(self.client(client), now);
    }

    /// The day that names are noted under, counted from 1970-01-01.
    pub fn today(&self) -> u32 {
        self.ring.today()
    }

    /// Makes another day today, and forgets what is older than [`DAYS`]. Takes some milliseconds.
    pub fn turn(&self, today: u32) {
        self.ring.turn(today);
        self.is_full.store(false, Relaxed);
    }

    /// How many entries a day has; `None` where it is not remembered.
    pub fn entries(&self, day: u32) -> Option<u32> {
        self.ring.entries(day)
    }

    /// Whether today has more names than the memory takes.
    pub fn is_full(&self) -> bool {
        self.is_full.load(Relaxed)
    }

    /// Whether enough days are remembered to call anything new.
    pub fn has_learned(&self) -> bool {
        self.ring.has_learned()
    }

    /// A day in the form of its file, [`DAY_LEN`] octets; `None` where it is not remembered.
    pub fn day(&self, day: u32) -> Option<Vec<u8>> {
        day::write(&self.ring, day)
    }

    /// Remembers a day again from the form of its file.
    ///
    /// # Errors
    /// The octets are no such file or damaged, were made with another seed, or the day lies outside the window.
    pub fn add_day(&self, octets: &[u8]) -> Result<(), DayError> {
        day::add(&self.ring, octets)
    }

    fn novelty(&self, text: &str, entries_max: u32) -> Novelty {
        let known = self.ring.has(text.as_bytes(), Window::Earlier);
        if !self.ring.note(text.as_bytes(), entries_max) {
            self.is_full.store(true, Relaxed);
        }
        match (known, self.ring.has_learned()) {
            (true, _) => Novelty::Known,
            (false, true) => Novelty::New,
            (false, false) => Novelty::Unknown,
        }
    }

    /// Whether a host's registrable domain is a search suffix; counts what the host carries.
    fn carries(&self, engine: &Engine, host: &Host<'_>) -> bool {
        let known = |it: &str| engine.is_well_known(it);
        let Some(carried) = carriers::carried(host.name, host.registrable, known) else {
            return false;
        };
        // Two entries, so that a filter that errs in one still tells.
        let entries =
            [b"1 ", b"2 "].map(|it| [it.as_slice(), host.registrable.as_bytes()].concat());
        let hash = |it: &str| self.ring.hash(it.as_bytes());
        if self.carriers.count(self.today(), hash(host.registrable), hash(carried)) {
            for entry in &entries {
                self.ring.note(entry, u32::MAX);
            }
        }
        entries.iter().all(|it| self.ring.has(it, Window::SinceYesterday))
    }

    fn client(&self, address: IpAddr) -> u64 {
        match address.to_canonical() {
            IpAddr::V4(it) => self.ring.hash(&it.octets()),
            IpAddr::V6(it) => self.ring.hash(&it.octets()),
        }
    }
}

#[cfg(test)]
mod tests;
