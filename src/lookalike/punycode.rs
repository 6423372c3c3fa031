//! Punycode (RFC 3492) into a fixed array: the judge meets it in every IDN label and must not allocate for it.

/// Most characters that a label of 63 octets decodes to.
pub(super) const CHARS_MAX: usize = 63;

/// The characters of a decoded label.
pub(super) struct Decoded {
    chars: [char; CHARS_MAX],
    len: usize,
}

impl Decoded {
    /// The characters.
    pub(super) fn chars(&self) -> &[char] {
        &self.chars[..self.len]
    }
}

/// Decodes a label in lower case. `None` when it does not begin with `xn--` or is no Punycode.
pub(super) fn decode(label: &[u8]) -> Option<Decoded> {
    let body = label.strip_prefix(b"xn--")?;
    let mut out = Decoded { chars: ['\0'; CHARS_MAX], len: 0 };
    let (basic, mut rest) = match body.iter().rposition(|&it| it == b'-') {
        Some(0) => return None,
        Some(at) => (&body[..at], &body[at + 1..]),
        None => (&body[..0], body),
    };
    if rest.is_empty() {
        return None;
    }
    for &byte in basic {
        out.insert(out.len, char::from(byte))?;
    }
    let (mut code, mut at, mut bias) = (0x80_u32, 0_u32, 72_u32);
    while !rest.is_empty() {
        let before = at;
        let (mut weight, mut k) = (1_u32, 36_u32);
        loop {
            let (&byte, tail) = rest.split_first()?;
            rest = tail;
            let digit = u32::from(match byte {
                b'a'..=b'z' => byte - b'a',
                b'0'..=b'9' => byte - b'0' + 26,
                _ => return None,
            });
            at = at.checked_add(digit.checked_mul(weight)?)?;
            let threshold = k.saturating_sub(bias).clamp(1, 26);
            if digit < threshold {
                break;
            }
            weight = weight.checked_mul(36 - threshold)?;
            k += 36;
        }
        let len = u32::try_from(out.len).ok()? + 1;
        bias = adapt(at - before, len, before == 0);
        code = code.checked_add(at / len)?;
        at %= len;
        out.insert(at as usize, char::from_u32(code)?)?;
        at += 1;
    }
    Some(out)
}

impl Decoded {
    fn insert(&mut self, at: usize, c: char) -> Option<()> {
        if self.len == CHARS_MAX {
            return None;
        }
        self.chars.copy_within(at..self.len, at + 1);
        self.chars[at] = c;
        self.len += 1;
        Some(())
    }
}

fn adapt(delta: u32, len: u32, first: bool) -> u32 {
    let mut delta = if first { delta / 700 } else { delta / 2 };
    delta += delta / len;
    let mut k = 0;
    while delta > 455 {
        delta /= 35;
        k += 36;
    }
    k + 36 * delta / (delta + 38)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(label: &str) -> Option<String> {
        decode(label.as_bytes()).map(|it| it.chars().iter().collect())
    }

    #[test]
    fn labels_decode() {
        let check = |input: &str, expected: Option<&str>| {
            assert_eq!(text(input).as_deref(), expected, "{input}");
        };
        check("xn--80ak6aa92e", Some("аррӏе"));
        check("xn--bcher-kva", Some("bücher"));
        check("xn--fiqs8s", Some("中国"));
        check("plain", None);
        check("xn--", None);
        check("xn--a-", None);
        check("xn--999999999", None);
        check("xn--\\255", None);
    }

    #[test]
    fn labels_that_are_no_text_do_not_decode() {
        let check = |input: &str| assert_eq!(text(input), None, "{input}");
        // Half of a surrogate pair, before letters, alone, and both halves.
        check("xn--paypal-1i92a");
        check("xn--zy0c");
        check("xn--8c9bk9h");
        // U+110000, one past the last character.
        check("xn--paypal-8v974d");
        check("xn--en32g");
        // Numbers past 32 bits.
        check("xn--ww902716a99");
        check("xn--99999999");
        check(&format!("xn--a-{}", "9".repeat(57)));
        assert_eq!(text("xn--dn32g").as_deref(), Some("\u{10ffff}"));
    }

    #[test]
    fn characters_that_no_name_holds_decode_as_they_are() {
        let check = |input: &str, expected: &str| {
            assert_eq!(text(input).as_deref(), Some(expected), "{input}");
        };
        // NUL, dot and space cannot be encoded; written out they are escapes before they come here.
        check("xn--a", "\u{80}");
        check("xn--\\000-ea", "\\000\u{80}");
        check("xn--paypalcom-bk3h", "paypal。com");
        check("xn--paypalcom-b854c", "paypal．com");
        check("xn--paypal-rga", "pay\u{a0}pal");
        check("xn--paypal-dr3e", "pay\u{3000}pal");
        check("xn--pypal-nqe", "pАypal");
        check("xn--faceook-pv8c", "face\u{212a}ook");
        // Upper case is no digit of Punycode here: names are in lower case long before.
        assert_eq!(text("xn--BCHER-KVA"), None);
    }

    proptest! {
        #[test]
        fn any_label_decodes_or_not(label in "xn--[a-z0-9-]{0,59}") {
            let ours = text(&label);
            let theirs = idna::punycode::decode_to_string(&label[4..]);
            if let Some(ours) = ours {
                prop_assert_eq!(Some(ours), theirs);
            }
        }

        #[test]
        fn what_was_encoded_comes_back(chars in "[a-z0-9а-яα-ω中国-]{0,12}[а-яα-ω]") {
            let label = format!("xn--{}", idna::punycode::encode_str(&chars).unwrap());
            prop_assert_eq!(text(&label), Some(chars));
        }
    }
}
