//! Look-alikes: names that imitate protected domains, found by technique, weighed on one scale, told in one sentence.
//!
//! ```text
//!  Host ──▶ carried, guard      look-ups, infrastructure, search suffixes, owners, well-known sites: silent, or by part
//!             │
//!             ▼
//!           view                labels read as ASCII (punycode, glyph), cut into tokens, hashed once (hash)
//!             │
//!             ▼
//!           scan                every token, every run of tokens, every place inside a label asks the tables (protect)
//!             │                 homograph mixed-script typo bitsquat hyphen plural combo embedding tld-swap doppelganger
//!             ▼                 subdomain tenant-brand: one file each
//!           context             what stands around a match: keywords, suffix, platform, words
//!             │
//!             ▼
//!           weights, why        points add up to a score of 0 to 100; one sentence a finding
//! ```
//!
//! Nothing walks over the protected domains: each technique turns the name into hashes of its pieces, so that a thousand
//! domains cost what a hundred thousand cost. A name that matches nothing allocates nothing.

mod ask;
mod bitsquat;
mod carried;
mod combo;
mod context;
mod data;
mod doppelganger;
mod embedding;
mod evidence;
mod far_slip;
mod glyph;
mod guard;
mod hash;
mod homograph;
mod hyphen;
mod known;
mod mixed_script;
mod parts;
mod plural;
mod protect;
mod punycode;
mod random;
mod scan;
mod subdomain;
mod tenant_brand;
mod tld_swap;
mod typo;
mod view;
mod weights;
mod why;
mod words;

#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use ask::{known_good, official_domains, words};

use crate::{
    name::{self, Class, Host},
    verdict::{Finding, Technique},
};

pub use random::looks_random;

use carried::Carried;
use evidence::{Feature, List};
use guard::{Guards, Kind};
use hash::Texts;
use known::Known;
use protect::{Builder, Protected};
use scan::Scan;
use view::{Cut, View};
use weights::{Odd, Weights};
use words::Words;

/// Lowest score that is told.
pub const TOLD_MIN: u8 = 40;

/// Most findings told about one name.
const TOLD_MAX: usize = 4;

/// What the engine protects and passes over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The operator's own domains, which look-alikes imitate.
    pub domains: Vec<String>,
    /// Those of them for whose label a slip of the keyboard is looked for although it is short or a word.
    pub typos: Vec<String>,
    /// Other domains of the operator: neither imitated nor imitating.
    pub owned: Vec<String>,
    /// Whether the built-in brands are protected.
    pub brands: bool,
    /// Whether the built-in well-known sites are passed over.
    pub known_good: bool,
    /// Further well-known sites, as registrable domains: never look-alikes, whatever `known_good` says.
    pub sites: Arc<[String]>,
    /// Suffixes that hosts append to names that do not resolve.
    pub search_domains: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            domains: Vec::new(),
            typos: Vec::new(),
            owned: Vec::new(),
            brands: true,
            known_good: true,
            sites: Arc::default(),
            search_domains: Vec::new(),
        }
    }
}

/// The look-alike engine: immutable, shared by all threads.
pub struct Engine {
    know: Knowledge,
    skip_known: bool,
}

/// Everything the techniques know.
struct Knowledge {
    glyphs: glyph::Glyphs,
    words: Words,
    protected: Protected,
    known: Known,
    guards: Guards,
    risky: Texts,
    weights: &'static Weights,
}

impl Knowledge {
    /// How risky a suffix is: 1 to 3, 0 for others.
    fn risk(&self, suffix: &str) -> u32 {
        self.risky.get(suffix).unwrap_or(0)
    }

    /// Whether a registrable domain is a site in wide use, or belongs to an owner of protected domains or to the operator.
    fn is_well_known(&self, registrable: &str) -> bool {
        self.known.has(registrable) || self.protected.owner(registrable).is_some()
    }
}

impl Engine {
    /// Builds the engine from the built-in data and the operator's domains.
    pub fn new(config: &Config) -> Self {
        let (glyphs, words) = (glyph::Glyphs::parse(data::HOMOGLYPHS), Words::builtin());
        let mut builder = Builder::new(&glyphs, &words);
        builder.add_own(&config.domains, &config.typos);
        if config.brands {
            builder.add_builtin();
        }
        let protected = builder.build();
        let own: Vec<String> = config.domains.iter().chain(&config.owned).cloned().collect();
        let risky = data::rows(data::RISKY_TLDS)
            .map(|[suffix, grade]| (suffix, grade.parse().unwrap_or(1)));
        let know = Knowledge {
            glyphs,
            words,
            protected,
            known: Known::new(&config.sites),
            guards: Guards::new(&own, &config.search_domains),
            risky: Texts::new(risky),
            weights: Weights::builtin(),
        };
        Self { know, skip_known: config.known_good }
    }

    /// How many domains are protected.
    pub fn protected_count(&self) -> usize {
        self.know.protected.count()
    }

    /// Who owns a host's registrable domain, where the owner is one of those behind the protected domains.
    pub fn owner_of(&self, host: &Host<'_>) -> Option<&str> {
        self.know.protected.owner(host.registrable)
    }

    /// Judges a host: appends what was found, strongest first, and returns the combined score of 0 to 100.
    ///
    /// 80 means safe to sinkhole, 50 worth a look. Nothing is allocated for a host that matches nothing.
    pub fn judge(&self, host: &Host<'_>, out: &mut Vec<Finding>) -> u8 {
        let mut short = None;
        let host = view::within(host, &mut short);
        view::lend(|view| {
            view.hashes.fill(host.name.as_bytes());
            match carried::carried(&self.know, host, &view.hashes) {
                Carried::Silent => 0,
                Carried::No => self.judge_whole(host, view, out),
                Carried::By(suffix, kind) => self.judge_inner(host, suffix, kind, out),
                Carried::Doubtful => {
                    let first = out.len();
                    let score = self.judge_whole(host, view, out).min(carried::PROXY_MAX);
                    out[first..].iter_mut().for_each(|it| it.score = it.score.min(score));
                    score
                }
            }
        })
    }

    /// The features of the strongest evidence and the score, for fitting and explaining: feature and its points.
    pub fn explain(&self, host: &Host<'_>) -> Vec<(Technique, Vec<(&'static str, i16)>)> {
        let mut short = None;
        let host = view::within(host, &mut short);
        view::lend(|view| {
            view.hashes.fill(host.name.as_bytes());
            if carried::carried(&self.know, host, &view.hashes) != Carried::No {
                return Vec::new();
            }
            let mut found = List::new();
            let Some(cut) = self.collect(host, view, &mut found) else { return Vec::new() };
            let scan = Scan { know: &self.know, cut, view, known_good: false };
            found.retain(|it| tenant_brand::counts(&scan, it));
            let points = |it: Feature| (it.as_str(), self.know.weights.points(it));
            found
                .as_slice()
                .iter()
                .map(|it| (it.technique, it.features.iter().map(points).collect()))
                .collect()
        })
    }

    fn judge_inner(&self, host: &Host<'_>, suffix: &str, kind: Kind, out: &mut Vec<Finding>) -> u8 {
        let decoded;
        let inner = match carried::inner(host.name, suffix) {
            Some(inner) => inner,
            None if kind == Kind::Proxy => {
                let before = host.name.strip_suffix(suffix).unwrap_or("").trim_end_matches('.');
                decoded = carried::unhyphenated(before);
                &decoded
            }
            None => return 0,
        };
        // A region of the carrier's own (`netflix.com.us.mcas.ms`) reads like a country's suffix, and so may a label of the operator's
        // (`paypal.com.office.corp.example`): `office` is a top-level domain.
        let regional = |last: &str| kind != Kind::Proxy || last.len() == 2;
        let mut rest = inner;
        while let Some((head, _)) = rest.rsplit_once('.').filter(|it| regional(it.1)) {
            if self.know.is_well_known(name::registrable(head)) {
                return 0;
            }
            rest = head;
        }
        let inner = Host::new(inner);
        let first = out.len();
        let mut score = view::lend(|view| {
            view.hashes.fill(inner.name.as_bytes());
            match carried::carried(&self.know, &inner, &view.hashes) {
                Carried::No => self.judge_whole(&inner, view, out),
                Carried::Silent | Carried::By(..) | Carried::Doubtful => 0,
            }
        });
        if kind == Kind::Proxy {
            score = score.min(carried::PROXY_MAX);
        }
        for finding in &mut out[first..] {
            finding.score = finding.score.min(score);
            finding.why = format!("{} (carried by `{suffix}`)", finding.why);
        }
        score
    }

    /// Collects the evidence about a host; `None` when it is passed over.
    fn collect<'a>(&self, host: &Host<'a>, view: &mut View, found: &mut List) -> Option<Cut<'a>> {
        let whole = carried::stands_before_underscore(&self.know, host);
        let name = if whole { host.name } else { self.know.guards.behind_underscore(host.name) };
        let cut = if name.len() == host.name.len() {
            Cut::of(host)?
        } else {
            let hosting = host.hosting.filter(|it| it.tenant.len() <= name.len());
            Cut::of(&Host { hosting, ..Host::new(name) })?
        };
        if cut.platform == Some(Class::SimulatedPhishing) {
            return None;
        }
        let owned =
            self.know.protected.owner(cut.site).is_some() || self.know.known.is_own(cut.site);
        if cut.platform.is_none() && owned {
            return None;
        }
        let is_ascii = !host.name.contains("xn--");
        let known_good = self.skip_known && cut.platform.is_none() && self.know.known.has(cut.site);
        if known_good && is_ascii {
            return None;
        }
        view.fill(cut.own, &self.know.glyphs);
        Scan { know: &self.know, cut, view, known_good }.run(found);
        if view.has_second_reading() && found.is_empty() {
            view.fill_again(cut.own, &self.know.glyphs);
            Scan { know: &self.know, cut, view, known_good }.run(found);
        }
        Some(cut)
    }

    fn judge_whole(&self, host: &Host<'_>, view: &mut View, out: &mut Vec<Finding>) -> u8 {
        let mut found = List::new();
        let odd = if host.name.contains("xn--") { self.odd(host) } else { None };
        let cut = self.collect(host, view, &mut found);
        if found.is_empty() && odd.is_none() {
            return 0;
        }
        if odd.is_none() && carried::is_undelegated(host) {
            let (_, top) = host.name.rsplit_once('.').unwrap_or(("", host.name));
            return self.judge_inner(host, top, Kind::Search, out);
        }
        let first = out.len();
        let odd_score = odd.map_or(0, |_| self.know.weights.score(mixed_script::features()));
        let score = match cut {
            Some(cut) => self.tell(host, cut, view, &mut found, odd_score, out),
            None => odd_score,
        };
        if let Some(odd) = odd {
            // What independent evidence adds is told with the strongest.
            let strongest = out[first..].iter().all(|it| it.score <= odd_score);
            let whole = if strongest { score } else { odd_score };
            out.push(why::oddity(&self.know, host, odd, whole));
            out[first..].sort_by_key(|it| std::cmp::Reverse(it.score));
        }
        score
    }

    /// A label whose characters are odd, unless the name is the owner's or well known.
    fn odd<'a>(&self, host: &Host<'a>) -> Option<(&'a str, mixed_script::Oddity)> {
        let odd = mixed_script::of_name(host.name, host.suffix)?;
        let known = self.know.protected.owner(host.registrable).is_some()
            || self.know.known.is_own(host.registrable)
            || (self.skip_known && self.know.known.has(host.registrable));
        (!known).then_some(odd)
    }

    /// Scores evidence, appends its findings and returns the score of all, that of odd characters included.
    fn tell(
        &self,
        host: &Host<'_>,
        cut: Cut<'_>,
        view: &View,
        found: &mut List,
        odd: u8,
        out: &mut Vec<Finding>,
    ) -> u8 {
        let scan = Scan { know: &self.know, cut, view, known_good: false };
        for evidence in found.as_mut_slice() {
            evidence.score = self.know.weights.score(evidence.features);
        }
        found.retain(|it| it.score >= TOLD_MIN && tenant_brand::counts(&scan, it));
        found.as_mut_slice().sort_unstable_by_key(|it| std::cmp::Reverse(it.score));
        // Odd characters are another finding than a name that stands beside them, and the same as one that they write.
        let beside = found.as_slice().first().is_some_and(|it| view.foreign(it.span) == 0);
        let mut score = self.know.weights.combine(found.as_slice(), Odd { score: odd, beside });
        if tenant_brand::is_business(&scan) {
            score = score.min(tenant_brand::BUSINESS_MAX);
        }
        if found.as_slice().iter().all(subdomain::is_honest_too) {
            score = score.min(subdomain::HONEST_MAX);
        }
        let told = why::Told { know: &self.know, host, cut, view };
        let mut seen: Vec<(Technique, u32)> = Vec::new();
        for (at, evidence) in found.as_slice().iter().enumerate() {
            let key = (evidence.technique, evidence.label);
            if seen.len() < TOLD_MAX && !seen.contains(&key) {
                seen.push(key);
                // What independent evidence adds is told with the strongest.
                let strongest = at == 0 && evidence.score > odd;
                let whole = if strongest { score } else { evidence.score.min(score) };
                let finding = told.finding(evidence, whole);
                // A protected domain may be a well-known site as well: said once.
                if out.iter().all(|it| it.why != finding.why) {
                    out.push(finding);
                }
            }
        }
        score
    }
}
