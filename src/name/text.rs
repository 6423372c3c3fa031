//! Presentation form: reading what people type and writing octets that cannot harm a terminal, a log or a page.

use super::{Name, WIRE_LEN_MAX, idn};

/// Why a text is not a domain name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing is there, or nothing but dots.
    #[error("the name is empty")]
    Empty,
    /// Two dots in a row or a leading dot.
    #[error("`{0}` has an empty label")]
    EmptyLabel(String),
    /// A label over 63 octets (RFC 1035 section 2.3.4).
    #[error("`{0}` has a label longer than 63 octets")]
    LabelTooLong(String),
    /// Over 255 octets in wire form (RFC 1035 section 2.3.4).
    #[error("`{0}` is longer than 255 octets")]
    TooLong(String),
    /// Characters that UTS #46 does not allow.
    #[error("`{0}` is not a valid internationalised name")]
    Idn(String),
    /// A backslash that three digits up to 255 do not follow.
    #[error("`{0}` has a broken `\\DDD` escape")]
    Escape(String),
    /// Spaces, control characters or others that no host name holds.
    #[error("`{0}` has a character that no domain name holds")]
    Character(String),
}

pub(super) fn parse(text: &str) -> Result<Name, NameError> {
    let shown = || text.escape_debug().take(80).collect::<String>();
    let body = text.strip_suffix('.').unwrap_or(text);
    if body.is_empty() {
        return if text == "." { Ok(Name::ROOT) } else { Err(NameError::Empty) };
    }
    let ascii;
    let body = if body.is_ascii() {
        body
    } else {
        ascii = idn::to_ascii(body).ok_or_else(|| NameError::Idn(shown()))?;
        ascii.strip_suffix('.').unwrap_or(&ascii)
    };
    let mut octets = [0; WIRE_LEN_MAX];
    let mut at = 0;
    for label in body.as_bytes().split(|it| *it == b'.') {
        let start = at;
        at += 1;
        let mut bytes = label.iter().copied();
        while let Some(byte) = bytes.next() {
            let octet = match byte {
                b'\\' => {
                    let mut digit =
                        || bytes.next().filter(u8::is_ascii_digit).map(|it| u16::from(it - b'0'));
                    let (Some(a), Some(b), Some(c)) = (digit(), digit(), digit()) else {
                        return Err(NameError::Escape(shown()));
                    };
                    u8::try_from(a * 100 + b * 10 + c).map_err(|_| NameError::Escape(shown()))?
                }
                0..=b' ' | 0x7f.. => return Err(NameError::Character(shown())),
                _ => byte,
            };
            *octets.get_mut(at).ok_or_else(|| NameError::TooLong(shown()))? =
                octet.to_ascii_lowercase();
            at += 1;
        }
        octets[start] = match at - start - 1 {
            0 => return Err(NameError::EmptyLabel(shown())),
            len @ 1..=63 => u8::try_from(len).expect("at most 63"),
            _ => return Err(NameError::LabelTooLong(shown())),
        };
        if at >= WIRE_LEN_MAX {
            return Err(NameError::TooLong(shown()));
        }
    }
    let len = u8::try_from(at + 1).expect("the loop keeps it under 255");
    Ok(Name { len, octets })
}

pub(super) fn write(wire: &[u8], out: &mut String) {
    // Nearly every name stands for itself, its lengths written as dots.
    let mut plain = [0; WIRE_LEN_MAX];
    let len = wire.len().saturating_sub(2);
    if let (Some(text), Some(octets)) = (plain.get_mut(..len), wire.get(1..=len)) {
        text.copy_from_slice(octets);
        let (mut at, mut all_plain) = (0, true);
        for label in super::labels(wire) {
            all_plain &= label.iter().fold(true, |all, it| all & is_plain(*it));
            at += label.len() + 1;
            if let Some(dot) = text.get_mut(at - 1) {
                *dot = b'.';
            }
        }
        if all_plain
            && at == len + 1
            && let Ok(text) = str::from_utf8(text)
        {
            return out.push_str(text);
        }
    }
    for (index, label) in super::labels(wire).enumerate() {
        if index > 0 {
            out.push('.');
        }
        label.iter().for_each(|it| write_octet(*it, out));
    }
}

/// Whether an octet stands for itself, looked up: a name is written for every query that is judged.
const fn is_plain(octet: u8) -> bool {
    const PLAIN: [bool; 256] = {
        let (mut plain, mut at) = ([false; 256], 0);
        while at < 256 {
            plain[at] = matches!(at as u8, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
            at += 1;
        }
        plain
    };
    PLAIN[octet as usize]
}

fn write_octet(octet: u8, out: &mut String) {
    if is_plain(octet) {
        return out.push(char::from(octet));
    }
    out.push('\\');
    for digit in [octet / 100, octet / 10 % 10, octet % 10] {
        out.push(char::from(b'0' + digit));
    }
}

/// Undoes defanging and takes the host out of a URL: `hxxps://paypa1[.]com/login` gives `paypa1.com`.
///
/// Scheme, user, port, path, query and fragment are left out; brackets and `(dot)` become dots.
pub fn refang(text: &str) -> String {
    let mut text = text.trim().to_owned();
    for (from, to) in [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
    ] {
        if text.contains(from) {
            text = text.replace(from, to);
        }
    }
    let rest = text.find("://").map_or(text.as_str(), |at| &text[at + 3..]);
    let rest = &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())];
    let host = rest.rsplit('@').next().unwrap_or(rest);
    let host = match host.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|it| it.is_ascii_digit()) => {
            host
        }
        _ => host,
    };
    host.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_form() {
        let check =
            |input: &str, expected: &str| assert_eq!(Name::parse(input).unwrap().text(), expected);
        check("PayPal.COM.", "paypal.com");
        check("раypal.com", "xn--ypal-43d9g.com");
        check("bücher.example", "xn--bcher-kva.example");
        check("a\\046b.example", "a\\046b.example");
        check("_dmarc.example", "_dmarc.example");
        check("*.example", "\\042.example");
    }

    #[test]
    fn bad_names_say_why() {
        let check =
            |input: &str, expected: NameError| assert_eq!(Name::parse(input), Err(expected));
        check("", NameError::Empty);
        check("a..b", NameError::EmptyLabel("a..b".to_owned()));
        check("a b", NameError::Character("a b".to_owned()));
        check("a\\9", NameError::Escape("a\\\\9".to_owned()));
        check("a\\999", NameError::Escape("a\\\\999".to_owned()));
        let label = "x".repeat(64);
        check(&label, NameError::LabelTooLong(label.clone()));
        let long = ["x".repeat(63).as_str(); 4].join(".");
        assert!(matches!(Name::parse(&long), Err(NameError::TooLong(_))));
    }

    #[test]
    fn defanged_input_is_refanged() {
        let check = |input: &str, expected: &str| assert_eq!(refang(input), expected);
        check("paypa1[.]com", "paypa1.com");
        check("hxxps://user@paypa1[.]com:8443/login?x#y", "paypa1.com");
        check("hxxp[:]//evil(dot)example/path", "evil.example");
        check("  plain.example ", "plain.example");
    }
}
