//! Measuring: names judged, counted by site.

use std::{collections::BTreeMap, fs, path::Path};

use squint::{
    lookalike::{Config, Engine},
    name::{Class, Host, Scope},
    verdict::Technique,
};

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
    /// Counts a name or site with its score.
    pub(crate) fn add(&mut self, score: u8) {
        self.all += 1;
        self.logged += usize::from(score >= LOG);
        self.blocked += usize::from(score >= BLOCK);
    }

    /// Share in percent.
    pub(crate) fn percent(self, part: usize) -> f64 {
        100.0 * part as f64 / self.all.max(1) as f64
    }

    /// Share of the blocked in percent.
    pub(crate) fn blocked(self) -> f64 {
        self.percent(self.blocked)
    }

    /// Share of the logged in percent.
    pub(crate) fn logged(self) -> f64 {
        self.percent(self.logged)
    }
}

impl FromIterator<u8> for Count {
    fn from_iter<T: IntoIterator<Item = u8>>(scores: T) -> Self {
        let mut count = Self::default();
        scores.into_iter().for_each(|it| count.add(it));
        count
    }
}

/// What was found of a name or site.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    /// Whether it stands on a platform.
    pub(crate) on_platform: bool,
    /// Whether that is a business platform.
    pub(crate) is_business: bool,
    /// The highest score of its names.
    pub(crate) score: u8,
    /// The strongest finding behind that.
    pub(crate) technique: Option<Technique>,
}

/// Judges one name.
pub(crate) fn judged(engine: &Engine, host: &Host<'_>) -> Judged {
    let mut found = Vec::new();
    let score = engine.judge(host, &mut found);
    Judged {
        on_platform: is_on_platform(host),
        is_business: host.hosting.is_some_and(|it| it.class == Class::SaasTenant),
        score,
        technique: found.first().map(|it| it.technique),
    }
}

fn is_on_platform(host: &Host<'_>) -> bool {
    host.hosting.is_some_and(|it| it.scope == Scope::Host || !it.tenant.is_empty())
}

/// Phishing hosts by site, each with its best score; sites of the brands' own do not count.
pub(crate) fn sites<'a>(engine: &Engine, names: &'a [String]) -> BTreeMap<&'a str, Judged> {
    let mut sites: BTreeMap<&str, Judged> = BTreeMap::new();
    for name in names {
        let host = host(name);
        let is_own = engine.owner_of(&host).is_some() || host.registrable.is_empty();
        if is_own && !is_on_platform(&host) {
            continue;
        }
        let judged = judged(engine, &host);
        let best = sites.entry(site(&host)).or_insert(judged);
        if judged.score > best.score {
            *best = judged;
        }
    }
    sites
}

/// Detection among phishing hosts, by site: off platforms, on platforms.
pub(crate) fn detection(engine: &Engine, names: &[String]) -> (Count, Count) {
    split(sites(engine, names).values())
}

/// Counts what is off platforms, and what is on them.
pub(crate) fn split<'a>(judged: impl IntoIterator<Item = &'a Judged>) -> (Count, Count) {
    let (mut off, mut on) = (Count::default(), Count::default());
    for it in judged {
        if it.on_platform { on.add(it.score) } else { off.add(it.score) }
    }
    (off, on)
}

/// Sites whose name carries a distinctive brand or what looks like it, on platforms and off; a brand's bare name under the
/// suffix of a country does not count, for that is where brands register it themselves.
pub(crate) fn distinctive(engine: &Engine, names: &[String]) -> Count {
    let mut sites: BTreeMap<&str, u8> = BTreeMap::new();
    for name in names {
        let host = host(name);
        let own = host.hosting.is_none() && engine.owner_of(&host).is_some();
        let Some(brand) = engine.distinctive_brand(&host).filter(|_| !own) else { continue };
        let bare = host.registrable.strip_suffix(host.suffix).map(|it| it.trim_end_matches('.'));
        let country = host.suffix.rsplit('.').next().is_some_and(|it| it.len() == 2);
        if host.hosting.is_none() && country && bare == Some(brand) {
            continue;
        }
        let best = sites.entry(site(&host)).or_insert(0);
        *best = (*best).max(judged(engine, &host).score);
    }
    sites.into_values().collect()
}

/// Real names, each judged by itself.
pub(crate) fn real(engine: &Engine, names: &[String]) -> Vec<Judged> {
    names.iter().map(|it| judged(engine, &host(it))).collect()
}

/// False positives among real names.
pub(crate) fn false_positives(engine: &Engine, names: &[String]) -> Count {
    real(engine, names).iter().map(|it| it.score).collect()
}

/// What each technique found in a set of names, as the strongest finding.
#[derive(Debug, Default)]
pub(crate) struct ByTechnique {
    /// The set.
    pub(crate) set: String,
    /// Sites or names in it.
    pub(crate) all: usize,
    /// Those flagged.
    pub(crate) counts: BTreeMap<Technique, Count>,
}

impl ByTechnique {
    /// Sorts what was judged by technique.
    pub(crate) fn new<'a>(set: &str, judged: impl IntoIterator<Item = &'a Judged>) -> Self {
        let mut it = Self { set: set.to_owned(), ..Self::default() };
        for judged in judged {
            it.all += 1;
            if let Some(technique) = judged.technique.filter(|_| judged.score >= LOG) {
                it.counts.entry(technique).or_default().add(judged.score);
            }
        }
        it
    }

    /// Share of the set in percent.
    pub(crate) fn percent(&self, part: usize) -> f64 {
        100.0 * part as f64 / self.all.max(1) as f64
    }

    /// How many the rules for slips flag together, alone or not.
    pub(crate) fn slips(&self) -> usize {
        use Technique::{Bitsquat, Hyphen, Plural, Typo};
        [Typo, Bitsquat, Hyphen, Plural]
            .iter()
            .filter_map(|it| self.counts.get(it))
            .map(|it| it.logged)
            .sum()
    }
}

/// How many of the vectors are judged as the browser does, with the test's own protected domains; those that are not.
pub(crate) fn browser(data: &Path) -> (usize, usize, Vec<String>) {
    let read = |it: &str| fs::read_to_string(data.join("vectors").join(it)).unwrap_or_default();
    let domains = read("chromium_idn_test_domains.list");
    let domains = domains.lines().filter(|it| it.contains('.') && !it.starts_with('#'));
    let domains = domains.map(str::to_owned).collect();
    let engine = Engine::new(&Config { domains, ..Config::default() });
    let (mut alike, mut all, mut others) = (0, 0, Vec::new());
    for line in read("chromium_idn_display_cases.tsv").lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(name), Some(unicode), Some(expected)) =
            (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let score = engine.judge(&host(name.trim_matches('.')), &mut Vec::new());
        all += 1;
        if (score >= LOG) == (expected != "safe") {
            alike += 1;
        } else {
            others.push(format!("{unicode} ({name}, {expected}, {score})"));
        }
    }
    (alike, all, others)
}
