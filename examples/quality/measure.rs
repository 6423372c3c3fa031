//! Measuring: names judged, counted by site.

use std::collections::BTreeMap;

use squint::{lookalike::Engine, name::Scope};

use crate::{names::host, site::site};

/// Score from which a name is blocked, and from which it is logged.
pub(crate) const BLOCK: u8 = 80;
/// See [`BLOCK`].
pub(crate) const LOG: u8 = 50;

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Count {
    /// All sites or names.
    pub(crate) all: usize,
    /// Those at [`LOG`] or above.
    pub(crate) logged: usize,
    /// Those at [`BLOCK`] or above.
    pub(crate) blocked: usize,
}

impl Count {
    fn add(&mut self, score: u8) {
        self.all += 1;
        self.logged += usize::from(score >= LOG);
        self.blocked += usize::from(score >= BLOCK);
    }

    /// Share in percent.
    pub(crate) fn percent(self, part: usize) -> f64 {
        100.0 * part as f64 / self.all.max(1) as f64
    }
}

/// Detection among phishing hosts, by site: off platforms, on platforms. Sites of the brands' own do not count.
pub(crate) fn detection(engine: &Engine, names: &[String]) -> (Count, Count) {
    let mut sites: BTreeMap<&str, (bool, u8)> = BTreeMap::new();
    let mut found = Vec::new();
    for name in names {
        let host = host(name);
        let on_platform =
            host.hosting.is_some_and(|it| it.scope == Scope::Host || !it.tenant.is_empty());
        if !on_platform && (engine.owner_of(&host).is_some() || host.registrable.is_empty()) {
            continue;
        }
        found.clear();
        let score = engine.judge(&host, &mut found);
        let best = sites.entry(site(&host)).or_insert((on_platform, 0));
        best.1 = best.1.max(score);
    }
    let (mut off, mut on) = (Count::default(), Count::default());
    for (on_platform, score) in sites.values() {
        if *on_platform { on.add(*score) } else { off.add(*score) }
    }
    (off, on)
}

/// Sites whose name carries a distinctive brand or what looks like it, on platforms and off; a brand's bare name under the
/// suffix of a country does not count, for that is where brands register it themselves.
pub(crate) fn distinctive(engine: &Engine, names: &[String]) -> Count {
    let mut sites: BTreeMap<&str, u8> = BTreeMap::new();
    let mut found = Vec::new();
    for name in names {
        let host = host(name);
        let own = host.hosting.is_none() && engine.owner_of(&host).is_some();
        let Some(brand) = engine.distinctive_brand(&host).filter(|_| !own) else { continue };
        let bare = host.registrable.strip_suffix(host.suffix).map(|it| it.trim_end_matches('.'));
        let country = host.suffix.rsplit('.').next().is_some_and(|it| it.len() == 2);
        if host.hosting.is_none() && country && bare == Some(brand) {
            continue;
        }
        found.clear();
        let score = engine.judge(&host, &mut found);
        let best = sites.entry(site(&host)).or_insert(0);
        *best = (*best).max(score);
    }
    let mut count = Count::default();
    for score in sites.into_values() {
        count.add(score);
    }
    count
}

/// False positives among real names.
pub(crate) fn false_positives<'a>(
    engine: &Engine,
    names: impl IntoIterator<Item = &'a String>,
) -> Count {
    let (mut count, mut found) = (Count::default(), Vec::new());
    for name in names {
        found.clear();
        count.add(engine.judge(&host(name), &mut found));
    }
    count
}
