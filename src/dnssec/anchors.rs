//! Trust anchors: whose keys are believed without anybody vouching for them.

use super::key::Ds;
use crate::name::Name;
use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};
use std::{fs, io, path::Path};

/// Most anchors of one file.
const ANCHORS_MAX: usize = 64;

/// Octets of a file of anchors.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The keys of the root zone, as IANA publishes them in <https://data.iana.org/root-anchors/root-anchors.xml>: KSK-2017 and KSK-2024.
const ROOT: &str = "\
. IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D
. IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16
";

/// Zones, and what vouches for their keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Anchors {
    anchors: Vec<(Box<[u8]>, Ds)>,
}

/// Why a file of anchors cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AnchorsError {
    /// It cannot be read.
    #[error("`{0}` cannot be read: {1}")]
    Read(String, io::Error),
    /// A line is no anchor.
    #[error(
        "`{0}`, line {1}: no DS or DNSKEY record\nhint: one record a line, `. IN DS 20326 8 2 E06D…`; what follows a `;` is not read"
    )]
    Line(String, usize),
    /// There is nothing in it.
    #[error("`{0}` holds no trust anchor")]
    Empty(String),
    /// There is too much in it.
    #[error("`{0}` holds more than {ANCHORS_MAX} trust anchors")]
    TooMany(String),
}

impl Anchors {
    /// The root zone's.
    ///
    /// # Panics
    /// Never: what is written here is known to be right.
    pub fn root() -> Self {
        Self::parse(ROOT, "").expect("the root's anchors are well written")
    }

    /// Those of a file with DS and DNSKEY records, one a line, in place of the root zone's.
    ///
    /// # Errors
    /// See [`AnchorsError`].
    pub fn of_file(path: &Path) -> Result<Self, AnchorsError> {
        let shown = path.display().to_string();
        let len = fs::metadata(path).map_or(0, |it| it.len());
        if len > FILE_LEN_MAX {
            return Err(AnchorsError::TooMany(shown));
        }
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, &shown),
            Err(error) => Err(AnchorsError::Read(shown, error)),
        }
    }

    #[cfg(test)]
    pub(super) fn of(zone: &Name, ds: Ds) -> Self {
        Self { anchors: vec![(Box::from(zone.wire()), ds)] }
    }

    fn parse(text: &str, file: &str) -> Result<Self, AnchorsError> {
        let mut anchors = Vec::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.split(';').next().unwrap_or_default();
            if line.trim().is_empty() {
                continue;
            }
            let (zone, ds) =
                record(line).ok_or_else(|| AnchorsError::Line(file.to_owned(), at + 1))?;
            anchors.push((Box::from(zone.wire()), ds));
        }
        match anchors.len() {
            0 => Err(AnchorsError::Empty(file.to_owned())),
            1..=ANCHORS_MAX => Ok(Self { anchors }),
            _ => Err(AnchorsError::TooMany(file.to_owned())),
        }
    }

    /// What vouches for a zone's keys; nothing for nearly every one.
    pub(super) fn at(&self, zone: &Name) -> Vec<Ds> {
        let same = self.anchors.iter().filter(|it| *it.0 == *zone.wire());
        same.map(|it| it.1.clone()).collect()
    }

    /// How many labels the deepest anchored zone at or above a name has; `None` where there is none.
    pub(super) fn above(&self, name: &Name) -> Option<usize> {
        let labels = name.label_count();
        (0..=labels).rev().find(|&it| {
            let suffix = name.without(labels - it);
            self.anchors.iter().any(|anchor| *anchor.0 == *suffix)
        })
    }
}

/// Reads `zone [TTL] [IN] DS tag algorithm digest-type digest` or `zone [TTL] [IN] DNSKEY flags protocol algorithm key`.
fn record(line: &str) -> Option<(Name, Ds)> {
    let mut words = line.split_whitespace().filter(|it| !matches!(*it, "(" | ")"));
    let zone = words.next()?;
    let zone = if zone == "." { Name::ROOT } else { Name::parse(zone).ok()? };
    let is_record = |it: &&str| it.eq_ignore_ascii_case("DS") || it.eq_ignore_ascii_case("DNSKEY");
    let is_before =
        |it: &&str| it.eq_ignore_ascii_case("IN") || it.bytes().all(|it| it.is_ascii_digit());
    let mut words = words.skip_while(is_before);
    let rtype = words.next().filter(is_record)?;
    let (first, second, third) = (words.next()?, words.next()?, words.next()?);
    let data: String = words.collect();
    let head = |it: u16| it.to_be_bytes();
    if rtype.eq_ignore_ascii_case("DS") {
        let digest = HEXLOWER_PERMISSIVE.decode(data.as_bytes()).ok()?;
        let numbers = [second.parse::<u8>().ok()?, third.parse().ok()?];
        let rdata = [&head(first.parse().ok()?)[..], &numbers, &digest].concat();
        return Some((zone, Ds::read(&rdata).filter(Ds::is_supported)?));
    }
    let key = BASE64.decode(data.as_bytes()).ok()?;
    let numbers = [second.parse::<u8>().ok()?, third.parse().ok()?];
    let rdata = [&head(first.parse().ok()?)[..], &numbers, &key].concat();
    let ds = Ds::of(&zone, &rdata).filter(Ds::is_supported)?;
    Some((zone, ds))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// KSK-2017 as the root zone has it.
    const KSK: &str = "AwEAAaz/tAm8yTn4Mfeh5eyI96WSVexTBAvkMgJzkKTOiW1vkIbzxeF3+/4RgWOq7HrxRixHlFlExOLAJr5emLvN7SWXgnLh4+B5xQlNVz8Og8kvArMtNROxVQuCaSnIDdD5LKyWbRd2n9WGe2R8PzgCmr3EgVLrjyBxWezF0jLHwVN8efS3rCj/EWgvIWgb9tarpVUDK/b58Da+sqqls3eNbuv7pr+eoZG+SrDK6nWeL3c6H5Apxz7LjVc1uTIdsIXxuOLYA4/ilBmSVIzuDWfdRUfhHdY6+cn8HFRm+2hM8AnXGXws9555KrUB5qihylGa8subX2Nn6UwNR1AkUTV74bU=";

    #[test]
    fn a_key_and_its_digest_are_the_same_anchor() {
        let key =
            Anchors::parse(&format!(". 172800 IN DNSKEY 257 3 8 {KSK} ; alg = RSASHA256"), "");
        assert_eq!(key.unwrap().anchors[0], Anchors::root().anchors[0]);
    }

    #[test]
    fn anchors_stand_at_their_zone() {
        let anchors = Anchors::parse(
            &format!("corp.example. DS 1 13 2 {}\n; none\n\n{ROOT}", "ab".repeat(32)),
            "",
        );
        let anchors = anchors.unwrap();
        let name = |text: &str| Name::parse(text).unwrap();
        assert_eq!(anchors.above(&name("a.corp.example")), Some(2));
        assert_eq!(anchors.above(&name("www.example")), Some(0));
        assert_eq!((anchors.at(&Name::ROOT).len(), anchors.at(&name("example")).len()), (2, 0));
        assert_eq!(anchors.at(&name("corp.example"))[0].tag, 1);
    }

    #[test]
    fn broken_files_are_told_by_line() {
        for line in [
            ". IN DS 20326 8 2 E06",
            ". IN A 192.0.2.1",
            "example. DS 1 13",
            ". DS x 8 2 ab",
            ". DNSKEY 257 3 8 !",
            ". DS 1 99 2 ab",
        ] {
            let error = Anchors::parse(&format!("; head\n{line}"), "anchors").unwrap_err();
            assert!(matches!(error, AnchorsError::Line(_, 2)), "{line}: {error}");
        }
        assert!(matches!(Anchors::parse("; nothing", "a").unwrap_err(), AnchorsError::Empty(_)));
        let many = ROOT.repeat(ANCHORS_MAX);
        assert!(matches!(Anchors::parse(&many, "a").unwrap_err(), AnchorsError::TooMany(_)));
    }
}
