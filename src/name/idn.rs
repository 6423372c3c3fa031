//! A-labels and U-labels (RFC 5890), by way of UTS #46.

use std::borrow::Cow;

/// Maps a name with U-labels to A-labels. `None` where UTS #46 does not allow it.
pub fn to_ascii(text: &str) -> Option<String> {
    idna::domain_to_ascii(text).ok()
}

/// Shows a name in presentation form with its A-labels decoded, for people.
///
/// A label that does not decode, or whose decoded form holds characters that would disturb a terminal or reorder text
/// around it (controls, bidirectional marks, unassigned space), stays an A-label.
pub fn to_unicode(text: &str) -> Cow<'_, str> {
    if !text.contains("xn--") {
        return Cow::Borrowed(text);
    }
    let shown: Vec<Cow<'_, str>> = text
        .split('.')
        .map(|label| decode(label).map_or(Cow::Borrowed(label), Cow::Owned))
        .collect();
    Cow::Owned(shown.join("."))
}

fn decode(label: &str) -> Option<String> {
    let body = label.strip_prefix("xn--")?;
    let decoded = idna::punycode::decode_to_string(body)?;
    let harmless = |c: char| !c.is_control() && !c.is_whitespace() && c != '.' && !is_invisible(c);
    (!decoded.is_empty() && decoded.chars().all(harmless)).then_some(decoded)
}

/// Format and bidirectional characters that show nothing or reorder their neighbours.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_decode_for_people() {
        let check = |input: &str, expected: &str| assert_eq!(to_unicode(input), expected);
        check("xn--80ak6aa92e.com", "аррӏе.com");
        check("www.xn--bcher-kva.example", "www.bücher.example");
        check("plain.example", "plain.example");
        check("xn--.example", "xn--.example");
        check("xn--999999999.example", "xn--999999999.example");
    }

    #[test]
    fn characters_that_disturb_text_stay_encoded() {
        let label = format!("xn--{}", idna::punycode::encode_str("pay\u{202e}pal").unwrap());
        assert_eq!(to_unicode(&label), label);
    }
}
