//! Registrable domains below which well-known domains are asked: a search suffix carries many of them, a deceiver few.

use crate::name;
use foldhash::HashMap;
use std::sync::{Mutex, PoisonError};

/// Different well-known domains within a day that make a search suffix.
pub const CARRIED_MIN: usize = 20;

/// Registrable domains that are counted at once; the one with the fewest makes room.
const CARRIERS_MAX: usize = 1_024;

/// What today's names carry, by the hash of the registrable domain that carries.
#[derive(Default)]
pub(super) struct Carriers {
    counted: Mutex<Counted>,
}

#[derive(Default)]
struct Counted {
    day: u32,
    carried: HashMap<u64, Vec<u32>>,
}

impl Carriers {
    /// Counts one carried domain, both given by their hashes; whether the carrier now has enough for a search suffix.
    pub(super) fn count(&self, day: u32, carrier: u64, carried: u64) -> bool {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.day != day {
            counted.day = day;
            counted.carried.clear();
        }
        let map = &mut counted.carried;
        if map.len() >= CARRIERS_MAX
            && !map.contains_key(&carrier)
            && let Some(least) = map.iter().min_by_key(|it| it.1.len()).map(|it| *it.0)
        {
            map.remove(&least);
        }
        let domains = map.entry(carrier).or_default();
        let short = (carried >> 32) as u32;
        if domains.len() < CARRIED_MIN && !domains.contains(&short) {
            domains.push(short);
        }
        domains.len() >= CARRIED_MIN
    }
}

/// The well-known domain that a name carries before its own registrable domain: `microsoft.com` in
/// `login.microsoft.com.branch.corp.example`. `known` says which domains are well known.
pub(super) fn carried<'a>(
    name: &'a str,
    registrable: &str,
    known: impl Fn(&str) -> bool,
) -> Option<&'a str> {
    let mut inner = name.strip_suffix(registrable)?.strip_suffix('.')?;
    loop {
        // A single label carries no domain.
        let (head, _) = inner.rsplit_once('.')?;
        let domain = name::registrable(inner);
        if !domain.is_empty() && known(domain) {
            return Some(domain);
        }
        inner = head;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_carried_domain_is_found() {
        let known = |it: &str| ["microsoft.com", "bbc.co.uk"].contains(&it);
        let check = |name: &str, expected: Option<&str>| {
            assert_eq!(carried(name, "corp.example", known), expected, "{name}");
        };
        check("microsoft.com.corp.example", Some("microsoft.com"));
        check("login.microsoft.com.corp.example", Some("microsoft.com"));
        check("www.bbc.co.uk.branch.office.corp.example", Some("bbc.co.uk"));
        check("nobody.com.corp.example", None);
        check("microsoft.corp.example", None);
        check("com.corp.example", None);
        check("corp.example", None);
    }

    #[test]
    fn twenty_different_ones_a_day_are_enough() {
        let carriers = Carriers::default();
        for turn in 0..3 {
            for domain in 0..CARRIED_MIN as u64 - 1 {
                assert!(!carriers.count(1, 77, domain << 32), "{turn} {domain}");
            }
        }
        assert!(!carriers.count(1, 78, 99 << 32), "another carrier");
        assert!(carriers.count(1, 77, 99 << 32));
        assert!(carriers.count(1, 77, 1 << 32), "from then on");
        assert!(!carriers.count(2, 77, 99 << 32), "the next day counts anew");
    }

    #[test]
    fn many_carriers_do_not_push_out_the_ones_that_count() {
        let carriers = Carriers::default();
        for domain in 0..10_u64 {
            carriers.count(1, 77, domain << 32);
        }
        for carrier in 1_000..5_000 {
            carriers.count(1, carrier, 0);
        }
        for domain in 10..CARRIED_MIN as u64 - 1 {
            assert!(!carriers.count(1, 77, domain << 32));
        }
        assert!(carriers.count(1, 77, 99 << 32));
        assert!(carriers.counted.lock().unwrap().carried.len() <= CARRIERS_MAX);
    }
}
