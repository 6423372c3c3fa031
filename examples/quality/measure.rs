//! Measuring: names from public sources, judged, counted by site.

use std::{collections::HashMap, fs, path::Path};

use squint::{
    lookalike::Engine,
    name::{Host, Scope},
    platform::Platforms,
};

/// Days since 1970-01-01 that simulated-phishing entries are measured at.
const TODAY: u32 = 20_740;

/// Score from which a name is blocked, and from which it is logged.
pub const BLOCK: u8 = 80;
/// See [`BLOCK`].
pub const LOG: u8 = 50;

/// How many of how many.
#[derive(Debug, Clone, Copy, Default)]
pub struct Count {
    /// All sites or names.
    pub all: usize,
    /// Those at [`LOG`] or above.
    pub logged: usize,
    /// Those at [`BLOCK`] or above.
    pub blocked: usize,
}

impl Count {
    fn add(&mut self, score: u8) {
        self.all += 1;
        self.logged += usize::from(score >= LOG);
        self.blocked += usize::from(score >= BLOCK);
    }

    /// Share in percent.
    pub fn percent(self, part: usize) -> f64 {
        100.0 * part as f64 / self.all.max(1) as f64
    }
}

/// A host with the platform that it stands under.
pub fn host(name: &str) -> Host<'_> {
    Host { hosting: Platforms::builtin().find(name, TODAY), ..Host::new(name) }
}

/// The lines of a data file that are names: the given column, lower case, without comments and head.
pub fn names(path: &Path, column: usize) -> Vec<String> {
    let Ok(text) = fs::read(path) else { return Vec::new() };
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|it| !it.starts_with('#'))
        .filter_map(|line| line.split('\t').nth(column))
        .map(|it| it.trim().trim_matches('.').to_lowercase())
        .filter(|it| it.contains('.') && it.is_ascii() && !is_address(it))
        .collect()
}

fn is_address(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_digit() || it == b'.')
}

/// What a person registers: the tenant on a platform, else the registrable domain.
pub fn site<'a>(host: &Host<'a>) -> &'a str {
    match host.hosting {
        Some(hosting) if !hosting.tenant.is_empty() => hosting.tenant,
        Some(_) => host.name,
        None if host.registrable.is_empty() => host.name,
        None => host.registrable,
    }
}

/// Detection among phishing hosts, by site: off platforms, on platforms. Sites of the brands' own do not count.
pub fn detection(engine: &Engine, names: &[String]) -> (Count, Count) {
    let mut sites: HashMap<&str, (bool, u8)> = HashMap::new();
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

/// False positives among real names.
pub fn false_positives<'a>(engine: &Engine, names: impl IntoIterator<Item = &'a String>) -> Count {
    let (mut count, mut found) = (Count::default(), Vec::new());
    for name in names {
        found.clear();
        count.add(engine.judge(&host(name), &mut found));
    }
    count
}
