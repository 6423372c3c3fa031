//! Names from data files, and what a person registers under.

use std::{fs, path::Path};

use squint::{name::Host, platform::Platforms};

/// Days since 1970-01-01 that simulated-phishing entries are measured at.
const TODAY: u32 = 20_740;

/// A host with the platform that it stands under.
pub(crate) fn host(name: &str) -> Host<'_> {
    Host { hosting: Platforms::builtin().find(name, TODAY), ..Host::new(name) }
}

/// The names of a data file with their ranks: of each line the first field with a dot, and 0 where no number stands before it.
/// Comments, heads, addresses and names in Unicode are left out.
pub(crate) fn ranked(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let fields = text.lines().filter(|it| !it.starts_with('#')).filter_map(|line| {
        let (head, name) = match line.split_once('\t') {
            Some((head, rest)) if !head.contains('.') => (head, rest.split('\t').next()?),
            _ => ("", line.split('\t').next()?),
        };
        Some((head.parse().unwrap_or(0), name.trim().trim_matches('.').to_lowercase()))
    });
    fields.filter(|(_, it)| it.contains('.') && it.is_ascii() && !is_address(it)).collect()
}

/// The names of a data file.
pub(crate) fn names(path: &Path) -> Vec<String> {
    ranked(path).into_iter().map(|it| it.1).collect()
}

fn is_address(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_digit() || it == b'.')
}
