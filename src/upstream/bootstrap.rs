//! Looking up the names of upstreams, with servers that need no looking up themselves.

use super::{Ask, clock, lock, shared::Shared};
use crate::{dns::rtype, name::Name};
use std::{
    io,
    net::IpAddr,
    sync::Mutex,
    time::{Duration, Instant},
};

/// How long addresses are used at least and at most before they are looked up again.
const KEPT_MIN: Duration = Duration::from_mins(1);
const KEPT_MAX: Duration = Duration::from_hours(1);

/// How many addresses of one name are used.
const ADDRESSES_MAX: usize = 8;

/// The addresses of one upstream's name, as last looked up.
#[derive(Debug)]
pub(super) struct Addresses {
    known: Mutex<Option<Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    addresses: Vec<IpAddr>,
    until: Instant,
}

impl Addresses {
    pub(super) const fn new() -> Self {
        Self { known: Mutex::new(None) }
    }

    /// The addresses of `name`: those that are known, looked up again once they are old. When that fails, the old ones are used on.
    pub(super) async fn find(&self, shared: &Shared, name: &str) -> io::Result<Vec<IpAddr>> {
        let known = lock(&self.known).clone();
        if let Some(known) = known.as_ref().filter(|it| clock::now() < it.until) {
            return Ok(known.addresses.clone());
        }
        match look_up(shared, name).await {
            Ok((addresses, kept)) => {
                let until = clock::now() + kept.clamp(KEPT_MIN, KEPT_MAX);
                *lock(&self.known) = Some(Known { addresses: addresses.clone(), until });
                Ok(addresses)
            }
            Err(error) => known.map(|it| it.addresses).ok_or(error),
        }
    }

    /// Says that nobody answers at the known addresses: they are looked up again before they are used next.
    pub(super) fn doubt(&self) {
        if let Some(known) = lock(&self.known).as_mut() {
            known.until = clock::now();
        }
    }
}

/// Asks for both kinds of addresses at once.
async fn look_up(shared: &Shared, name: &str) -> io::Result<(Vec<IpAddr>, Duration)> {
    let failed =
        |why: &dyn std::fmt::Display| io::Error::other(format!("cannot look up `{name}`: {why}"));
    let Some(resolvers) = lock(&shared.resolvers).upgrade() else {
        return Err(failed(&"no resolver is known"));
    };
    let qname = Name::parse(name).map_err(|it| failed(&it))?;
    let (v4, v6) = (Ask::new(qname.clone(), rtype::A), Ask::new(qname, rtype::AAAA));
    // On the heap, because asking an upstream may in turn need a connection to it.
    let (v4, v6) = tokio::join!(Box::pin(resolvers.forward(&v4)), Box::pin(resolvers.forward(&v6)));
    let mut kept = KEPT_MAX;
    let mut found: [Vec<IpAddr>; 2] = [Vec::new(), Vec::new()];
    for (answer, found) in [&v4, &v6].into_iter().zip(&mut found) {
        if let Ok(it) = answer {
            found.extend(it.answer.addresses());
            let lifetime = it.answer.lifetime_secs().map(|it| Duration::from_secs(it.into()));
            kept = kept.min(lifetime.unwrap_or(KEPT_MAX));
        }
    }
    let addresses = alternating(&found[0], &found[1]);
    match (addresses.is_empty(), v4.and(v6)) {
        (false, _) => Ok((addresses, kept)),
        (true, Err(error)) => Err(failed(&error)),
        (true, Ok(_)) => Err(failed(&"it has no address")),
    }
}

/// One of the first, one of the second, and so on: neither kind keeps the other waiting long where it does not work.
fn alternating(first: &[IpAddr], second: &[IpAddr]) -> Vec<IpAddr> {
    let pairs = (0..first.len().max(second.len())).flat_map(|at| [first.get(at), second.get(at)]);
    pairs.flatten().copied().take(ADDRESSES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_of_addresses_take_turns() {
        let check = |first: &[&str], second: &[&str], expected: &[&str]| {
            let read = |it: &[&str]| it.iter().map(|it| it.parse().unwrap()).collect::<Vec<_>>();
            assert_eq!(alternating(&read(first), &read(second)), read(expected));
        };
        check(&[], &[], &[]);
        check(&["192.0.2.1", "192.0.2.2"], &[], &["192.0.2.1", "192.0.2.2"]);
        check(
            &["192.0.2.1", "192.0.2.2"],
            &["2001:db8::1"],
            &["192.0.2.1", "2001:db8::1", "192.0.2.2"],
        );
        check(&["192.0.2.1"; 20], &[], &["192.0.2.1"; 8]);
    }
}
