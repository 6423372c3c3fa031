//! JSON of verdicts, written into a buffer that the caller reuses: the same words in events and in `squint check --json`.

use super::{Reason, Verdict};
use std::fmt::Write as _;

/// Appends `text` as a JSON string, quotes included.
///
/// Besides what JSON asks for, characters that would disturb a terminal, break a line or reorder the text around them
/// are written `\uXXXX`.
pub fn write_str(text: &str, out: &mut String) {
    out.push('"');
    // No early exit, so that the compiler may look at many octets at once: nearly every text is plain.
    if text.bytes().fold(true, |all, it| all & is_plain(it)) {
        out.push_str(text);
    } else {
        text.chars().for_each(|it| write_char(it, out));
    }
    out.push('"');
}

/// Appends a number in decimal digits.
pub fn write_number(mut number: u64, out: &mut String) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).expect("a digit");
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(str::from_utf8(&digits[at..]).expect("digits are ASCII"));
}

/// Appends the reasons of a verdict as a JSON array of objects with the fields `source`, `technique`, `target`,
/// `matched`, `score`, `shares`, `why`, `overridden` and `attack`.
pub fn write_reasons(reasons: &[Reason], out: &mut String) {
    out.push('[');
    for (index, reason) in reasons.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_reason(reason, out);
    }
    out.push(']');
}

/// Appends what `squint check --json` says of one name: an object without a line end, no field ever missing or null.
///
/// `query` is the name in presentation form, `unicode` the same with its labels decoded for people.
pub fn write_check(
    query: &str,
    unicode: &str,
    registrable: &str,
    verdict: &Verdict,
    out: &mut String,
) {
    for (key, value) in [
        ("{\"query\":", query),
        (",\"unicode\":", unicode),
        (",\"registrable\":", registrable),
        (",\"action\":", verdict.action.as_str()),
        (",\"applied\":", verdict.applied.as_str()),
        (",\"mode\":", verdict.mode.as_str()),
    ] {
        out.push_str(key);
        write_str(value, out);
    }
    out.push_str(",\"score\":");
    write_number(verdict.score.into(), out);
    out.push_str(",\"platform\":");
    write_str(&verdict.platform, out);
    out.push_str(",\"tenant\":");
    write_str(&verdict.tenant, out);
    out.push_str(",\"reasons\":");
    write_reasons(&verdict.reasons, out);
    out.push('}');
}

fn write_reason(reason: &Reason, out: &mut String) {
    let finding = &reason.finding;
    for (key, value) in [
        ("{\"source\":", reason.source.as_str()),
        (",\"technique\":", finding.technique.as_str()),
        (",\"target\":", &finding.target),
        (",\"matched\":", &finding.matched),
    ] {
        out.push_str(key);
        write_str(value, out);
    }
    out.push_str(",\"score\":");
    write_number(finding.score.into(), out);
    out.push_str(",\"shares\":{");
    for (index, share) in finding.shares().enumerate() {
        out.push_str(if index > 0 { ",\"" } else { "\"" });
        out.push_str(share.name);
        out.push_str(if share.points < 0 { "\":-" } else { "\":" });
        write_number(share.points.unsigned_abs().into(), out);
    }
    out.push_str("},\"why\":");
    write_str(&finding.why, out);
    out.push_str(if reason.overridden { ",\"overridden\":true" } else { ",\"overridden\":false" });
    out.push_str(",\"attack\":[");
    for (index, id) in finding.attack.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_str(id, out);
    }
    out.push_str("]}");
}

const fn is_plain(octet: u8) -> bool {
    octet >= b' ' && octet < 0x7f && octet != b'"' && octet != b'\\'
}

fn write_char(c: char, out: &mut String) {
    match c {
        '"' => out.push_str("\\\""),
        '\\' => out.push_str("\\\\"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        _ if c.is_control() || disturbs(c) => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}").expect("writing to a String");
            }
        }
        _ => out.push(c),
    }
}

/// Line separators, and characters that show nothing or reorder their neighbours.
const fn disturbs(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::{Action, Finding, Mode, Share, Shares, Source, Technique};
    use proptest::prelude::*;

    #[test]
    fn texts_are_escaped() {
        let check = |input: &str, expected: &str| {
            let mut out = String::new();
            write_str(input, &mut out);
            assert_eq!(out, expected);
        };
        check("", r#""""#);
        check("plain.example", r#""plain.example""#);
        check("аррӏе", "\"аррӏе\"");
        check("a\"b\\c", r#""a\"b\\c""#);
        check("line\nend\ttab\u{0}\u{7f}\u{9b}", r#""line\nend\ttab\u0000\u007f\u009b""#);
        check("\u{202e}moc\u{2028}\u{e0041}", r#""\u202emoc\u2028\udb40\udc41""#);
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 255, 1_000_000, u64::MAX] {
            let mut out = String::new();
            write_number(number, &mut out);
            assert_eq!(out, number.to_string());
        }
    }

    #[test]
    fn a_check_is_one_whole_object() {
        let verdict = Verdict {
            action: Action::Sinkhole,
            applied: Action::Log,
            mode: Mode::Monitor,
            score: 91,
            reasons: vec![Reason {
                source: Source::Lookalike,
                finding: Finding {
                    technique: Technique::Homograph,
                    target: "microsoft.com".to_owned(),
                    matched: "rnicrosoft".to_owned(),
                    score: 91,
                    shares: Shares::new(
                        &[
                            Share { name: "start", points: 28 },
                            Share { name: "fold-whole", points: 69 },
                        ],
                        0b11,
                    ),
                    why: "`rnicrosoft.com` reads as `microsoft.com`: `rn` for m".to_owned(),
                    attack: &["T1583.001", "T1566.002"],
                },
                overridden: false,
            }],
            ..Verdict::PASS
        };
        let mut out = String::new();
        write_check("rnicrosoft.com", "rnicrosoft.com", "rnicrosoft.com", &verdict, &mut out);
        assert_eq!(
            out,
            concat!(
                r#"{"query":"rnicrosoft.com","unicode":"rnicrosoft.com","registrable":"rnicrosoft.com","#,
                r#""action":"sinkhole","applied":"log","mode":"monitor","score":91,"platform":"","tenant":"","#,
                r#""reasons":[{"source":"lookalike","technique":"homograph","target":"microsoft.com","#,
                r#""matched":"rnicrosoft","score":91,"shares":{"start":28,"fold-whole":69,"limit":-6},"why":"`rnicrosoft.com` reads as `microsoft.com`: `rn` for m","#,
                r#""overridden":false,"attack":["T1583.001","T1566.002"]}]}"#,
            )
        );
    }

    proptest! {
        #[test]
        fn every_text_reads_back(text in any::<String>()) {
            let mut out = String::new();
            write_str(&text, &mut out);
            prop_assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
            prop_assert!(!out.contains(char::is_control));
        }
    }
}
