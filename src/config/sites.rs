//! The operator's own lists of well-known sites: files of registrable domains, read with the configuration that names them.

use std::{fs::File, io, path::Path};

use super::{Config, Problem, Severity, problem::Place};
use crate::{
    list,
    name::{registrable, wire_text},
};

/// Most sites in all such lists together.
const SITES_MAX: usize = 200_000;

/// Most lines of one file that are told to be of no use.
const TOLD_MAX: usize = 20;

const KEY: &str = "lookalike.known_good_files";

/// What breaks off the reading of a file.
enum Stop {
    Read(io::Error),
    TooMany,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

/// Reads the files of `[lookalike] known_good_files` into the configuration; what is wrong with them.
///
/// A file that cannot be opened is left to those who look whether files can be.
pub(super) fn read(config: &mut Config) -> Vec<Problem> {
    let (mut sites, mut told) = (Vec::new(), Vec::new());
    for path in &config.lookalike.known_good_files {
        let Ok(file) = File::open(path) else { continue };
        if let Err(stop) = read_file(path, file, &mut sites, &mut told) {
            let message = match stop {
                Stop::Read(error) => format!("cannot be read: {error}"),
                Stop::TooMany => format!("goes over the limit of {SITES_MAX} sites"),
            };
            told.push(problem(Severity::Error, path, None, message, ""));
        }
    }
    config.lookalike.known_good_sites = sites.into();
    told
}

fn read_file(
    path: &Path,
    file: File,
    sites: &mut Vec<String>,
    told: &mut Vec<Problem>,
) -> Result<(), Stop> {
    let mut bad = 0_usize;
    list::each_name(file, |number, text, name| {
        let (message, hint) = match name.map(wire_text) {
            Ok(name) if registrable(&name) == name => {
                sites.push(name);
                return if sites.len() > SITES_MAX { Err(Stop::TooMany) } else { Ok(()) };
            }
            Ok(name) => below_or_above_a_site(&name),
            Err(reason) => (reason.to_string(), String::new()),
        };
        bad += 1;
        if bad <= TOLD_MAX {
            told.push(problem(Severity::Warning, path, Some((number, text)), message, &hint));
        }
        Ok(())
    })?;
    if bad > TOLD_MAX {
        let message = format!("{} more lines name no site", bad - TOLD_MAX);
        told.push(problem(Severity::Warning, path, None, message, ""));
    }
    Ok(())
}

/// Message and hint about a name that is no registrable domain.
fn below_or_above_a_site(name: &str) -> (String, String) {
    match registrable(name) {
        "" => (format!("`{name}` is a public suffix that nobody owns as a whole"), String::new()),
        site => {
            let hint = format!("sites are named by what their owner registered: `{site}`");
            (format!("`{name}` is a name below a site"), hint)
        }
    }
}

fn problem(
    severity: Severity,
    path: &Path,
    line: Option<(u32, &[u8])>,
    message: String,
    hint: &str,
) -> Problem {
    let place = line.map(|(number, text)| Place::of_line(number, &String::from_utf8_lossy(text)));
    let (path, key, hint) = (path.to_owned(), KEY.to_owned(), hint.to_owned());
    Problem { severity, path, place, key, message, hint }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn sites_are_read_and_other_lines_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.txt");
        let text = "# ours\n\nnova-login.com\nBücher-Shop.de\nwww.partner.co.uk\nco.uk\nnot a name\n192.0.2.1\n";
        fs::write(&path, text).unwrap();
        let mut config = Config::default();
        config.lookalike.known_good_files = vec![path, dir.path().join("missing.txt")];
        let told: Vec<String> = read(&mut config).iter().map(ToString::to_string).collect();
        let sites = ["nova-login.com", "xn--bcher-shop-9db.de"];
        assert_eq!(*config.lookalike.known_good_sites, sites);
        let expected = [
            ("mine.txt:5:1: ", "`partner.co.uk`"),
            ("mine.txt:6:1: ", "public suffix"),
            ("mine.txt:7:1: ", "more than one word"),
            ("mine.txt:8:1: ", "address"),
        ];
        assert_eq!(told.len(), expected.len(), "{told:?}");
        for ((place, words), told) in expected.iter().zip(told) {
            assert!(told.contains(place) && told.contains(words), "{told}");
            assert!(told.contains("lookalike.known_good_files"), "{told}");
        }
    }

    #[test]
    fn a_file_of_junk_is_told_in_few_words() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.txt");
        fs::write(&path, "<html>\n".repeat(100)).unwrap();
        let mut config = Config::default();
        config.lookalike.known_good_files = vec![path];
        let told = read(&mut config);
        assert_eq!(told.len(), TOLD_MAX + 1);
        assert!(told[TOLD_MAX].message.contains("80 more lines"), "{}", told[TOLD_MAX].message);
    }
}
