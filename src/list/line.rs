//! One line of a list: hosts format, plain domains, `*.name`, `.name` and the `||name^` form of ad blockers.

use std::{net::IpAddr, str};

use crate::name::{self, WIRE_LEN_MAX};

/// What a line holds, handed over piece by piece: a line in hosts format may hold several names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// A name in wire form, in lower case.
    Entry(&'a [u8]),
    /// A name that hosts files carry for their own machine (`localhost`).
    Own,
    /// Something else.
    Junk(JunkReason),
}

/// Why a line of a list is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum JunkReason {
    /// Characters outside letters, digits, `-` and `_`.
    #[error("not a domain name")]
    Character,
    /// An empty label, a label over 63 octets or a name over 255.
    #[error("a label or the name is too long or empty")]
    Length,
    /// An IP address where a name should stand.
    #[error("an IP address, not a name")]
    Address,
    /// Hosts format with an address that names a real host.
    #[error("a hosts entry with an address other than 0.0.0.0, 127.0.0.1, :: or ::1")]
    OtherAddress,
    /// Several words of which the first is no address.
    #[error("more than one word on a line that does not start with an address")]
    Words,
    /// An exception of an ad blocker's list.
    #[error("an exception (`@@`); put such names into a list of kind `allow`")]
    Exception,
    /// A rule of an ad blocker's list that a name alone cannot answer.
    #[error("a rule about more than a name; of ad blockers' rules only `||name^` is read")]
    Rule,
    /// More octets than a line may have.
    #[error("the line is too long")]
    LineTooLong,
}

/// Reads one line without its line feed and hands over what it holds; nothing for a blank line or a comment.
pub(super) fn read(line: &[u8], mut each: impl FnMut(Item<'_>)) {
    let line = line.trim_ascii();
    let mut wire = [0; WIRE_LEN_MAX];
    match line {
        [] | [b'#' | b'!' | b'[', ..] => (),
        [b'@', b'@', ..] => each(Item::Junk(JunkReason::Exception)),
        [b'|', b'|', rule @ ..] => each(rule_name(rule, &mut wire)),
        [b'|' | b'/', ..] => each(Item::Junk(JunkReason::Rule)),
        _ => words(line, &mut wire, each),
    }
}

/// `name^`, with none but the options that change nothing for DNS.
fn rule_name<'a>(rule: &[u8], wire: &'a mut [u8; WIRE_LEN_MAX]) -> Item<'a> {
    let end = rule.iter().position(|&it| it == b'^').unwrap_or(rule.len());
    match &rule[end..] {
        b"^" | b"^|" | b"^$important" | b"^$all" => plain_name(&rule[..end], wire),
        _ => Item::Junk(JunkReason::Rule),
    }
}

fn words(line: &[u8], wire: &mut [u8; WIRE_LEN_MAX], mut each: impl FnMut(Item<'_>)) {
    let (first, rest) = split_word(line);
    let rest = uncommented(rest);
    if rest.is_empty() {
        return each(plain_name(first, wire));
    }
    let Some(address) = address(first) else {
        return each(Item::Junk(JunkReason::Words));
    };
    let mut rest = rest;
    while !rest.is_empty() {
        let (word, after) = split_word(rest);
        rest = uncommented(after);
        let item = match host_name(word, wire) {
            Item::Entry(_) if !address.is_unspecified() && !address.is_loopback() => {
                Item::Junk(JunkReason::OtherAddress)
            }
            item => item,
        };
        each(item);
    }
}

/// The first word and what follows it, blanks at its start left out.
fn split_word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

fn uncommented(rest: &[u8]) -> &[u8] {
    if rest.starts_with(b"#") { &[] } else { rest }
}

fn address(word: &[u8]) -> Option<IpAddr> {
    if word == b"0.0.0.0" {
        return Some(IpAddr::from([0; 4]));
    }
    if !word.iter().all(|it| it.is_ascii_hexdigit() || b".:%lo".contains(it)) {
        return None;
    }
    let text = str::from_utf8(word).ok()?;
    text.split('%').next()?.parse().ok()
}

/// A name in hosts format: single labels and `localdomain` are the machine's own.
fn host_name<'a>(word: &[u8], wire: &'a mut [u8; WIRE_LEN_MAX]) -> Item<'a> {
    match domain(word, wire) {
        Ok(it) if name::labels(it).count() == 1 => Item::Own,
        Err(JunkReason::Address) => Item::Own,
        other => item(other),
    }
}

fn plain_name<'a>(word: &[u8], wire: &'a mut [u8; WIRE_LEN_MAX]) -> Item<'a> {
    let word = word.strip_prefix(b"*").filter(|it| it.starts_with(b".")).unwrap_or(word);
    item(domain(word.strip_prefix(b".").unwrap_or(word), wire))
}

fn item(domain: Result<&[u8], JunkReason>) -> Item<'_> {
    match domain {
        Ok(b"\x09localhost\0") => Item::Own,
        Ok(wire) if wire.ends_with(b"\x0blocaldomain\0") => Item::Own,
        Ok(wire) => Item::Entry(wire),
        Err(reason) => Item::Junk(reason),
    }
}

/// Writes a host name in wire form.
fn domain<'a>(word: &[u8], wire: &'a mut [u8; WIRE_LEN_MAX]) -> Result<&'a [u8], JunkReason> {
    if word.is_ascii() {
        return ascii(word, wire);
    }
    let text = str::from_utf8(word).map_err(|_| JunkReason::Character)?;
    let mapped = name::to_ascii(text).ok_or(JunkReason::Character)?;
    ascii(mapped.as_bytes(), wire)
}

fn ascii<'a>(word: &[u8], wire: &'a mut [u8; WIRE_LEN_MAX]) -> Result<&'a [u8], JunkReason> {
    let word = word.strip_suffix(b".").unwrap_or(word);
    // One octet for the first label's length, one for the root.
    if word.is_empty() || word.len() + 2 > WIRE_LEN_MAX {
        return Err(JunkReason::Length);
    }
    let mut start = 0;
    for (at, &byte) in word.iter().enumerate() {
        let octet = FOLD[usize::from(byte)];
        wire[at + 1] = octet;
        match octet {
            0 => return Err(JunkReason::Character),
            b'.' => {
                wire[start] = label_len(at - start)?;
                start = at + 1;
            }
            _ => (),
        }
    }
    let end = word.len() + 1;
    wire[start] = label_len(word.len() - start)?;
    if wire[start + 1..end].iter().all(u8::is_ascii_digit) {
        return Err(JunkReason::Address);
    }
    wire[end] = 0;
    Ok(&wire[..=end])
}

fn label_len(len: usize) -> Result<u8, JunkReason> {
    match u8::try_from(len) {
        Ok(len @ 1..=63) => Ok(len),
        _ => Err(JunkReason::Length),
    }
}

/// Lower case for what a host name may hold, zero for the rest.
const FOLD: [u8; 256] = {
    let mut fold = [0; 256];
    let mut byte = 0_u8;
    loop {
        fold[byte as usize] = match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' => byte,
            b'A'..=b'Z' => byte + 32,
            _ => 0,
        };
        if byte == u8::MAX {
            break fold;
        }
        byte += 1;
    }
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::name::Name;

    /// Names as text, `(own)` for the machine's own and `(reason)` for junk.
    fn shown(line: &[u8]) -> String {
        let mut out = Vec::new();
        read(line, |item| {
            out.push(match item {
                Item::Entry(wire) => {
                    let (name, used) = Name::read(wire).expect("wire form is sound");
                    assert_eq!(used, wire.len());
                    name.text()
                }
                Item::Own => "(own)".to_owned(),
                Item::Junk(reason) => format!("({reason:?})"),
            });
        });
        out.join(" ")
    }

    #[test]
    fn lines_are_read_in_every_form() {
        let check = |line: &str, expected: &str| {
            assert_eq!(shown(line.as_bytes()), expected, "{line:?}");
        };
        check("", "");
        check("  \t\r", "");
        check("# comment", "");
        check("! comment", "");
        check("[Adblock Plus 2.0]", "");
        check("Ads.Example\r", "ads.example");
        check("  ads.example.  # why", "ads.example");
        check("*.ads.example", "ads.example");
        check(".ads.example", "ads.example");
        check("||ads.example^", "ads.example");
        check("||*.ads.example^$important", "ads.example");
        check("zip", "zip");
        check("_tcp.example", "_tcp.example");
        check("bücher.example", "xn--bcher-kva.example");
        check("0.0.0.0 a.example B.example #c d", "a.example b.example");
        check("0.0.0.0\ta.example", "a.example");
        check("127.0.0.1 a.example", "a.example");
        check("::1 a.example", "a.example");
        check(":: a.example", "a.example");
        check("1.example", "1.example");
    }

    #[test]
    fn own_names_of_hosts_files_are_left_out() {
        let check = |line: &str, expected: &str| {
            assert_eq!(shown(line.as_bytes()), expected, "{line:?}");
        };
        check("127.0.0.1 localhost", "(own)");
        check("127.0.0.1 localhost.localdomain box", "(own) (own)");
        check("255.255.255.255 broadcasthost", "(own)");
        check("fe80::1%lo0 localhost", "(own)");
        check("ff02::1 ip6-allnodes", "(own)");
        check("0.0.0.0 0.0.0.0", "(own)");
        check("localhost", "(own)");
    }

    #[test]
    fn junk_says_why() {
        let check = |line: &str, expected: JunkReason| {
            assert_eq!(shown(line.as_bytes()), format!("({expected:?})"), "{line:?}");
        };
        check("<html>", JunkReason::Character);
        check("a..b", JunkReason::Length);
        check(".", JunkReason::Length);
        check("*.", JunkReason::Length);
        check(&"x".repeat(64), JunkReason::Length);
        check(&["x".repeat(63).as_str(); 4].join("."), JunkReason::Length);
        check("192.0.2.1", JunkReason::Address);
        check("192.0.2.1 nas.example", JunkReason::OtherAddress);
        check("Not Found", JunkReason::Words);
        check("@@||ads.example^", JunkReason::Exception);
        check("||ads.example^$third-party", JunkReason::Rule);
        check("||ads.example/banner", JunkReason::Rule);
        check("/banner[0-9]/", JunkReason::Rule);
        check("ads.example##.banner", JunkReason::Character);
        check("a*.example", JunkReason::Character);
    }

    proptest! {
        #[test]
        fn any_line_is_read(line in proptest::collection::vec(any::<u8>(), 0..300)) {
            shown(&line);
        }

        #[test]
        fn likely_lines_are_read(line in "[|@*.#!^ a-z0-9:%-]{0,80}") {
            shown(line.as_bytes());
        }

        #[test]
        fn a_name_reads_like_a_name(line in "([a-zA-Z0-9_-]{1,20}\\.){1,5}[a-z]{1,10}") {
            prop_assume!(!line.ends_with(".localdomain"));
            prop_assert_eq!(shown(line.as_bytes()), Name::parse(&line).unwrap().text());
        }
    }
}
