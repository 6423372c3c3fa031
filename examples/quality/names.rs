//! Names from data files, and what a person registers under.

use std::{fs, path::Path};

use squint::{name::Host, platform::Platforms};

/// Days since 1970-01-01 that simulated-phishing entries are measured at.
const TODAY: u32 = 20_740;

/// A host with the platform that it stands under.
pub(crate) fn host(name: &str) -> Host<'_> {
    Host { hosting: Platforms::builtin().find(name, TODAY), ..Host::new(name) }
}

/// The lines of a data file that are names: the given column, lower case, without comments and head.
pub(crate) fn names(path: &Path, column: usize) -> Vec<String> {
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
