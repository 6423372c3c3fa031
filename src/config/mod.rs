//! Configuration: the only reader of `config.toml`.
//!
//! [`find`] says which file counts, [`load`] reads it, and [`Config`] holds what it says with a default for everything
//! that it leaves out. All that is wrong with a file is told at once, each with file, line, column and key, the text
//! underlined and a hint; nothing is ever written back.

mod differences;
mod document;
mod keys;
mod locate;
mod meaning;
mod problem;
mod sites;
mod value;
mod wording;

pub use differences::differences;
pub use keys::{
    Cache, Config, History, List, Lookalike, Platform, Protect, Route, Rule, Seen, Server,
    Sinkhole, Tls, Upstream,
};
pub use locate::{CONFIG_NAME, CONFIG_SYSTEM, Found, data_dir, find};
pub use problem::{ConfigErrors, Place, Problem, Severity};
pub use value::Domain;

use std::{fs, path::Path};

use crate::hunt::FLAGGED_MAX;
use document::Document;

/// Largest configuration file, in octets.
pub const FILE_LEN_MAX: u64 = 4 << 20;

/// Reads a configuration file and the lists of well-known sites that it names, and looks whether other files it names can be
/// read.
///
/// Their paths are taken from the file's own folder.
pub fn load(path: &Path) -> Result<Config, ConfigErrors> {
    let text = read(path).map_err(|message| ConfigErrors::of_file(path, message))?;
    let (mut config, mut problems) = understand(&text, path, meaning::unreadable_files);
    problems.extend(sites::read(&mut config));
    finish(config, problems)
}

/// Reads a configuration file as [`load`] does, and warns of protected domains that resemble many sites in wide use.
pub fn check(path: &Path) -> Result<Config, ConfigErrors> {
    let text = read(path).map_err(|message| ConfigErrors::of_file(path, message))?;
    let (mut config, mut problems) = understand(&text, path, |config, document| {
        let mut told = meaning::unreadable_files(config, document);
        told.extend(meaning::wide_domains(config, document, FLAGGED_MAX));
        told
    });
    problems.extend(sites::read(&mut config));
    finish(config, problems)
}

/// Reads a configuration from its text; `path` says where it came from. No other file is looked for.
pub fn parse(text: &str, path: &Path) -> Result<Config, ConfigErrors> {
    let (config, problems) = understand(text, path, |_, _| Vec::new());
    finish(config, problems)
}

fn read(path: &Path) -> Result<String, String> {
    let is_too_long = fs::metadata(path).is_ok_and(|it| it.len() > FILE_LEN_MAX);
    if is_too_long {
        return Err(format!("the file is longer than {FILE_LEN_MAX} octets"));
    }
    let bytes = fs::read(path).map_err(|it| format!("cannot be read: {it}"))?;
    String::from_utf8(bytes).map_err(|it| {
        let line = it.as_bytes()[..it.utf8_error().valid_up_to()].split(|&b| b == b'\n').count();
        format!("line {line} is not UTF-8 text")
    })
}

fn understand(
    text: &str,
    path: &Path,
    look: impl FnOnce(&Config, &Document<'_>) -> Vec<Problem>,
) -> (Config, Vec<Problem>) {
    let (document, mut config, mut problems) = Document::read(text, path);
    meaning::take_paths_from(&mut config, path.parent().unwrap_or(Path::new("")));
    problems.extend(meaning::problems(&config, &document));
    problems.extend(look(&config, &document));
    (config, problems)
}

fn finish(mut config: Config, mut problems: Vec<Problem>) -> Result<Config, ConfigErrors> {
    problems.sort_by_key(Problem::position);
    if problems.iter().any(|it| it.severity == Severity::Error) {
        return Err(ConfigErrors { problems });
    }
    config.warnings = problems;
    Ok(config)
}

#[cfg(test)]
mod tests;
