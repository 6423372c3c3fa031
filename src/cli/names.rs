//! Names as people and other programs write them: defanged, inside a URL, one a line.

use crate::name::{self, Name, NameError};
use anyhow::Context as _;
use std::{
    io::{BufRead, Read as _},
    net::IpAddr,
};

/// Longest line that is read, in octets; a longer one is bad input.
pub(super) const LINE_LEN_MAX: usize = 4_096;

/// Why a text names nothing that could be judged.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadName {
    /// An IP address.
    #[error("`{0}` is an address, not a name")]
    Address(IpAddr),
    /// No domain name.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// Reads a name in either form of an IDN, defanged or inside a URL.
pub(super) fn parse(text: &str) -> Result<Name, BadName> {
    let text = text.trim();
    // No early exit, so that the compiler may look at many octets at once: nearly every text is a plain name.
    let plain = text.bytes().fold(true, |all, it| all & !b"[({/:@?#".contains(&it));
    if plain && !text.ends_with(|it: char| it.is_ascii_digit()) {
        return Ok(Name::parse(text)?);
    }
    if let Ok(address) = text.parse() {
        return Err(BadName::Address(address));
    }
    let refanged = name::refang(text);
    if let Ok(address) = refanged.trim_matches(['[', ']']).parse() {
        return Err(BadName::Address(address));
    }
    Ok(Name::parse(&refanged)?)
}

/// Hands on each line's name in presentation form; how many lines hold none. Empty lines and comments are no lines.
pub(super) fn each(mut input: impl BufRead, mut take: impl FnMut(&str)) -> anyhow::Result<u64> {
    let (mut line, mut bad) = (Vec::new(), 0);
    loop {
        line.clear();
        let limit = LINE_LEN_MAX as u64 + 1;
        if input.by_ref().take(limit).read_until(b'\n', &mut line).context("cannot read names")?
            == 0
        {
            return Ok(bad);
        }
        if line.len() > LINE_LEN_MAX {
            bad += 1;
            if !line.ends_with(b"\n") {
                input.skip_until(b'\n').context("cannot read names")?;
            }
            continue;
        }
        match std::str::from_utf8(&line).map(str::trim) {
            Ok(text) if text.is_empty() || text.starts_with('#') => (),
            Ok(text) => match parse(text) {
                Ok(name) => take(&name.text()),
                Err(_) => bad += 1,
            },
            Err(_) => bad += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_read() {
        let check = |input: &str, expected: &str| {
            let got = parse(input).map_or_else(|it| it.to_string(), |it| it.text());
            assert_eq!(got, expected, "{input}");
        };
        check("rnicrosoft.com?login=1", "rnicrosoft.com");
        check("hxxps://paypa1[.]com/a#b", "paypa1.com");
        check("http://192.0.2.1:8080/x", "`192.0.2.1` is an address, not a name");
        check("2001:db8::1", "`2001:db8::1` is an address, not a name");
    }

    #[test]
    fn lines_are_names_or_counted() {
        let mut names = Vec::new();
        let input = b"a.example\n\n# note\nhxxps://B[.]example/x\nno..name\n\xff\nc.example";
        let bad = each(&input[..], |it| names.push(it.to_owned())).unwrap();
        assert_eq!((names.join(" "), bad), ("a.example b.example c.example".to_owned(), 2));
        let long = ["x".repeat(LINE_LEN_MAX + 9).as_str(), "d.example"].join("\n");
        let bad = each(long.as_bytes(), |it| names.push(it.to_owned())).unwrap();
        assert_eq!((names.len(), bad), (4, 1));
    }
}
