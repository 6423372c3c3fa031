//! `mixed-script`: labels that no honest writer makes. Latin with Greek or Cyrillic letters, digits of two systems,
//! invisible or forbidden characters, a word written in letters that all look Latin.
//!
//! UTS #39 gives the ground (identifier profile, restriction level "highly restrictive"); above it stand the rules by which
//! browsers decline to show a label as text: punctuation-like kana and Han strokes beside Latin, marks that vanish on i, j
//! and l, whole-script look-alikes outside their country, right-to-left rules (RFC 5893). Labels wholly in one other
//! script are honest by themselves.

use unicode_normalization::char::{decompose_canonical, is_combining_mark};
use unicode_script::{Script, UnicodeScript as _};
use unicode_security::GeneralSecurityProfile;

use crate::name;

use super::{
    evidence::{Feature, Features},
    glyph::Glyphs,
    homograph, punycode,
};

/// What the score of an odd label is the sum of.
pub(super) fn features() -> Features {
    Features::of(&[Feature::Script])
}

/// What is wrong with a label's characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Oddity {
    /// The label is no Punycode, or not the way it has to be written.
    Broken,
    /// A character that names do not hold.
    Character(char),
    /// Scripts that no language mixes: that of the label, and the first character of another.
    Mix(Script, char),
    /// The first digit of a second system, or the first letter that passes for a digit among digits.
    Digits(char),
    /// A mark that vanishes or repeats on the letter before it.
    Mark(char),
    /// A character that passes for punctuation beside these neighbours.
    Punctuation(char),
    /// A whole word of one script in letters that look Latin.
    Whole(Script),
    /// Left-to-right and right-to-left text in one label.
    Direction,
}

/// The first label of a name that is odd.
pub(super) fn of_name<'a>(name: &'a str, suffix: &str) -> Option<(&'a str, Oddity)> {
    name.split('.').find_map(|label| Some((label, of_label(label, suffix)?)))
}

/// What is odd about a label in A-label form under a suffix.
pub(super) fn of_label(label: &str, suffix: &str) -> Option<Oddity> {
    if !label.starts_with("xn--") {
        return None;
    }
    let Some(decoded) = punycode::decode(label.as_bytes()) else { return Some(Oddity::Broken) };
    let chars = decoded.chars();
    let top = suffix.rsplit_once('.').map_or(suffix, |(_, top)| top);
    if chars.iter().all(|&it| is_emoji(it)) {
        return None;
    }
    well_formed(chars)
        .or_else(|| digits(chars))
        .or_else(|| chars.iter().copied().find(|&it| !allowed(it)).map(Oddity::Character))
        .or_else(|| mixed(chars))
        .or_else(|| marks(chars))
        .or_else(|| country_letters(chars, top))
        .or_else(|| neighbours(chars))
        .or_else(|| whole(chars, top))
}

/// RFC 5891 section 4.2.3 and RFC 5893 section 2, as far as a resolver needs them.
fn well_formed(chars: &[char]) -> Option<Oddity> {
    let (first, last) = (*chars.first()?, *chars.last()?);
    if chars.iter().all(char::is_ascii)
        || chars.get(2..4) == Some(&['-', '-'])
        || chars.iter().any(|it| it.is_uppercase())
    {
        return Some(Oddity::Broken);
    }
    if is_combining_mark(first) {
        return Some(Oddity::Mark(first));
    }
    if !chars.iter().copied().any(is_rtl) {
        return None;
    }
    let ends = chars.iter().rev().copied().find(|&it| !is_combining_mark(it)).unwrap_or(last);
    let latin = chars.iter().any(|&it| it.script() == Script::Latin);
    let bad = latin
        || !is_rtl(first)
        || is_arabic_digit(first)
        || !(is_rtl(ends) || ends.is_ascii_digit());
    bad.then_some(Oddity::Direction)
}

/// Pictures by themselves imitate no name.
fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{fe0f}' | '\u{200d}')
}

fn is_rtl(c: char) -> bool {
    matches!(
        c.script(),
        Script::Arabic | Script::Hebrew | Script::Syriac | Script::Thaana | Script::Nko
    ) || is_arabic_digit(c)
}

fn is_arabic_digit(c: char) -> bool {
    matches!(c, '\u{660}'..='\u{669}')
}

/// Identifier characters of UTS #39, without those that look like punctuation or are hardly ever honest in names.
fn allowed(c: char) -> bool {
    if matches!(c, 'a'..='z' | '0'..='9' | '-' | 'ß' | 'ς' | '\u{5f4}' | '\u{5f3}' | '·' | '゠')
    {
        return c != '゠';
    }
    let rare = matches!(c,
        '\u{138}' | '\u{1cd}'..='\u{1dc}' | '\u{2bb}' | '\u{2bc}' | '\u{2ec}' | '\u{338}' | '\u{58a}'
        | '\u{620}' | '\u{f8c}'..='\u{f8f}' | '\u{200b}'..='\u{200f}' | '\u{2010}' | '\u{2019}' | '\u{2027}' | '\u{30a0}'
        | '\u{1100}'..='\u{11ff}' | '\u{1c80}'..='\u{1c8f}' | '\u{1e00}'..='\u{1e9b}' | '\u{1f00}'..='\u{1fff}'
        | '\u{a640}'..='\u{a69f}' | '\u{a720}'..='\u{a7ff}' | '\u{2e80}'..='\u{2fdf}' | '\u{31a0}'..='\u{31bf}');
    // Han is open-ended, and what browsers take for honest moves on with Unicode.
    let later =
        matches!(c, 'ㄅ'..='ㄭ' | '\u{1090}'..='\u{1099}' | '\u{309a}' | 'ჽ' | 'ჿ' | '\u{259}');
    later || (!rare && (c.script() == Script::Han || GeneralSecurityProfile::identifier_allowed(c)))
}

/// UTS #39 restriction level "highly restrictive": one script, or Latin with those that Japanese, Chinese and Korean mix;
/// and no marked Latin letters beside another script.
fn mixed(chars: &[char]) -> Option<Oddity> {
    let fits = |allowed: &[Script]| {
        chars.iter().all(|it| {
            let scripts = it.script_extension();
            scripts.is_common()
                || scripts.is_inherited()
                || allowed.iter().any(|&it| scripts.contains_script(it))
        })
    };
    let (first, second) = two_scripts(chars);
    let latin = Script::Latin;
    let honest = fits(&[first])
        || fits(&[latin, Script::Han, Script::Hiragana, Script::Katakana])
        || fits(&[latin, Script::Han, Script::Bopomofo])
        || fits(&[latin, Script::Han, Script::Hangul]);
    let marked = chars.iter().any(|&it| !it.is_ascii() && it.script() == latin);
    if honest && !(marked && second.is_some()) {
        return None;
    }
    let base = if chars.iter().any(|it| it.script() == latin) { latin } else { first };
    let alone = |it: &char| {
        let scripts = it.script_extension();
        !(scripts.is_common() || scripts.is_inherited() || scripts.contains_script(base))
    };
    chars.iter().copied().find(alone).map(|it| Oddity::Mix(base, it))
}

/// The first two scripts of a label; Latin for one without any.
fn two_scripts(chars: &[char]) -> (Script, Option<Script>) {
    let named = |it: &Script| !matches!(it, Script::Common | Script::Inherited | Script::Unknown);
    let mut scripts = chars.iter().map(|it| it.script()).filter(named);
    let first = scripts.next().unwrap_or(Script::Latin);
    (first, scripts.find(|&it| it != first))
}

/// The zeros of the digit systems in identifier scripts.
const ZEROS: &[u32] = &[
    0x30, 0x660, 0x6f0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0,
];

/// Letters and digits of other scripts that pass for ASCII digits.
const DIGIT_LOOKALIKES: &str = "θ२২੨૨೩೭շзҙӡउওਤ੩૩౩ဒვპੜკ੫丩ㄐճ৪੪୫૭୨౨৭୦੦౦೦০०૦០០໐๐੧૧೧౧ଠഠꓳ௦ȣбᒿᏎꓲ";

/// The zero of a digit's system.
fn zero_of(c: char) -> Option<u32> {
    ZEROS.iter().copied().find(|&it| (it..it + 10).contains(&u32::from(c)))
}

fn digits(chars: &[char]) -> Option<Oddity> {
    let mut system = None;
    for &c in chars {
        let Some(zero) = zero_of(c) else { continue };
        if system.is_some_and(|it| it != zero) {
            // The everyday one of two systems is not to blame.
            return chars
                .iter()
                .copied()
                .find(|&it| zero_of(it).is_some() && !it.is_ascii())
                .map(Oddity::Digits);
        }
        system = Some(zero);
    }
    let all = chars.iter().all(|&it| it.is_ascii_digit() || DIGIT_LOOKALIKES.contains(it));
    chars.iter().copied().find(|it| all && !it.is_ascii()).map(Oddity::Digits)
}

/// Marks that nobody sees: the same twice, on letters of scripts that have none, dots on i, j and l.
fn marks(chars: &[char]) -> Option<Oddity> {
    let (mut before, mut last_mark) = (None::<char>, None::<char>);
    for &c in chars {
        if !is_combining_mark(c) {
            last_mark = None;
            decompose_canonical(c, |it| {
                last_mark = is_combining_mark(it).then_some(it).or(last_mark)
            });
            before = Some(c);
            continue;
        }
        let base = before.unwrap_or(c);
        let diacritic = matches!(c, '\u{300}'..='\u{339}');
        let script = base.script();
        let foreign = diacritic
            && !matches!(script, Script::Latin | Script::Greek | Script::Cyrillic | Script::Common);
        let dotless = matches!(base, 'ı' | 'ȷ') && diacritic;
        let dot = matches!(base, 'i' | 'j' | 'l') && c == '\u{307}';
        let latin = script == Script::Latin && !diacritic && !matches!(c, '\u{33a}'..='\u{36f}');
        if last_mark == Some(c) || foreign || dotless || dot || latin {
            return Some(Oddity::Mark(c));
        }
        last_mark = Some(c);
    }
    None
}

/// Letters that are honest in few countries only.
fn country_letters(chars: &[char], top: &str) -> Option<Oddity> {
    for (at, &c) in chars.iter().enumerate() {
        let honest = match c {
            'þ' | 'ð' => matches!(top, "is" | "fo"),
            'ə' => top == "az",
            '·' => {
                let near = |it: Option<&char>| it == Some(&'l');
                top == "cat" && near(chars.get(at + 1)) && at > 0 && near(chars.get(at - 1))
            }
            _ => true,
        };
        if !honest {
            return Some(Oddity::Punctuation(c));
        }
    }
    None
}

/// Han and Bopomofo characters of few strokes, which pass for punctuation or Latin letters beside other scripts.
const STROKES: &str = "一ㄧ丨丶乀乁丿丩七丅丆丁丫乂乛十〇工讠二亠冖宀巛亅ㄒㄚㄟㄨㄩㄈㆺㆳ";

/// Characters that pass for something else beside these neighbours; only labels of more than one script are looked at.
fn neighbours(chars: &[char]) -> Option<Oddity> {
    let (_, second) = two_scripts(chars);
    let kana = |it: char| matches!(it.script(), Script::Hiragana | Script::Katakana) || it == 'ー';
    let cjk = |it: char| kana(it) || matches!(it.script(), Script::Han | Script::Bopomofo);
    let single = second.is_none();
    for (at, &c) in chars.iter().enumerate() {
        let before = at.checked_sub(1).map(|it| chars[it]);
        let after = chars.get(at + 1).copied();
        let latin = |it: Option<char>| it.is_some_and(|it| it.is_ascii_alphanumeric());
        let outside = |it: Option<char>| it.is_some_and(|it| !cjk(it));
        let bad = match c {
            'ー' => !before.is_some_and(kana),
            '・' => latin(before) || latin(after),
            'ヽ' | 'ヾ' => before.is_none_or(|it| it.script() != Script::Katakana),
            'ノ' | 'ン' | 'ソ' | 'ゾ' => outside(before) && outside(after),
            '\u{3099}' | '\u{309a}' => !before.is_some_and(kana),
            _ if !single && STROKES.contains(c) => outside(before) || outside(after),
            _ => false,
        };
        if bad {
            return Some(Oddity::Punctuation(c));
        }
    }
    twins(chars)
}

/// Hiragana and katakana he, be, pe look exactly alike: odd where all the rest is the other kana.
fn twins(chars: &[char]) -> Option<Oddity> {
    let hiragana = |it: &char| matches!(it, 'へ' | 'べ' | 'ぺ');
    let katakana = |it: &char| matches!(it, 'ヘ' | 'ベ' | 'ペ');
    let rest = |twin: fn(&char) -> bool, script| {
        chars.iter().any(twin)
            && chars.len() > 1
            && chars.iter().filter(|it| !twin(it)).all(|it| it.script() == script || *it == 'ー')
    };
    if rest(hiragana, Script::Katakana) {
        return chars.iter().copied().find(hiragana).map(Oddity::Punctuation);
    }
    if rest(katakana, Script::Hiragana) {
        return chars.iter().copied().find(katakana).map(Oddity::Punctuation);
    }
    None
}

/// A script, its letters that look Latin, and the top-level domains where words in it are at home.
const WHOLE: &[(Script, &str, &[&str])] = &[
    (
        Script::Cyrillic,
        "аысԁеԍһіюјӏорԗԛѕԝхуъьҽпгѵѡтк",
        &["bg", "by", "kg", "kz", "mk", "mn", "ru", "rs", "su", "tj", "ua", "uz", "pyc"],
    ),
    (Script::Armenian, "ագզէլհյոսւօ", &["am"]),
    (Script::Ethiopic, "ሀሠሰስበነከዐዕዘጠፐ", &["er", "et"]),
    (Script::Georgian, "იოყძხჽჿ", &["ge"]),
    (Script::Greek, "αικνρυωηοτϼχ", &["gr"]),
    (Script::Hebrew, "דוחיןסװ", &["il"]),
    (Script::Myanmar, "ခဂငထပဝ၀၂ၔၜ႐႑႕႖႗ၔဌ", &["mm"]),
    (Script::Thai, "ทนบพรหเแ๐ดลปฟมก", &["th"]),
    (Script::Lao, "ພຟຣຮບ໐", &["la"]),
    (Script::Bengali, "০৭", &["bd"]),
    (Script::Devanagari, "ऽ०", &["in"]),
    (Script::Gujarati, "ડટ૦૧", &["in"]),
    (Script::Gurmukhi, "੦੧੨", &["in"]),
    (Script::Kannada, "ಽ೦೧", &["in"]),
    (Script::Malayalam, "ടഠധനറ൦", &["in"]),
    (Script::Oriya, "ଠ୦୮", &["in"]),
    (Script::Tamil, "டப௦", &["in"]),
    (Script::Telugu, "౦౧", &["in"]),
];

/// Everyday words all of whose letters look Latin.
const HONEST: &[&[char]] =
    &[&['к', 'у', 'р', 'с'], &['с', 'е', 'к', 'с'], &['у', 'х', 'о'], &['с', 'у', 'п']];

fn whole(chars: &[char], top: &str) -> Option<Oddity> {
    let (script, second) = two_scripts(chars);
    // A country's own name for itself (`рф`, `ไทย`) is home to its script.
    if chars.len() < 2 || second.is_some() || top.starts_with("xn--") || HONEST.contains(&chars) {
        return None;
    }
    let (_, letters, home) = WHOLE.iter().find(|(it, ..)| *it == script)?;
    let looks = |it: &char| it.is_ascii() || letters.contains(*it);
    (chars.iter().all(looks) && !home.contains(&top)).then_some(Oddity::Whole(script))
}

impl Oddity {
    /// What is odd about a label, in words that follow the name.
    pub(super) fn words(self, label: &str, glyphs: &Glyphs) -> String {
        let code = |c: char| format!("U+{:04X}", u32::from(c));
        let said = |c: char| homograph::foreign_char(c, glyphs);
        match self {
            Self::Broken => "is no valid internationalised label".to_owned(),
            Self::Character(c) if turns(c) => {
                format!(
                    "holds an invisible character that turns the direction of text ({})",
                    code(c)
                )
            }
            Self::Character(c) if name::is_invisible(c) => {
                format!("holds an invisible character ({})", code(c))
            }
            Self::Character(c) if c.is_control() => {
                format!("holds a control character ({})", code(c))
            }
            Self::Character(c) => {
                format!("holds {} ({}), which no honest name holds", said(c), code(c))
            }
            Self::Mix(base, c) => format!("holds {} among {} letters", said(c), script_name(base)),
            Self::Digits(c) => format!("passes {} off as an everyday digit", said(c)),
            Self::Mark(c) => format!("has a mark that hardly shows ({})", code(c)),
            Self::Punctuation(c) => {
                format!("has `{c}` ({}) where it passes for something else", code(c))
            }
            Self::Whole(script) => {
                let script = script_name(script);
                format!("is made of {script} letters that all look Latin: {}", read(label, glyphs))
            }
            Self::Direction => "runs in two directions".to_owned(),
        }
    }
}

/// A script's name for people.
pub(super) fn script_name(script: Script) -> String {
    script.full_name().replace('_', " ")
}

/// What a label reads as, in words.
fn read(label: &str, glyphs: &Glyphs) -> String {
    let decoded = punycode::decode(label.as_bytes());
    let chars = decoded.as_ref().map_or(&[][..], |it| it.chars());
    let (mut written, mut text) = (String::new(), String::new());
    for &c in chars {
        written.push(c);
        match glyphs.read(c) {
            Some(reading) => text.push_str(&String::from_utf8_lossy(reading.bytes())),
            None => text.push('…'),
        }
    }
    format!("{written} reads as `{text}`")
}

/// Characters that nobody sees and that order what follows (UAX #9).
const fn turns(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lookalike::tests::ENGINE, verdict::Technique};

    fn oddity(unicode: &str) -> Option<Oddity> {
        let (label, top) = unicode.split_once('.').unwrap();
        let label = format!("xn--{}", idna::punycode::encode_str(label).unwrap());
        of_label(&label, top)
    }

    #[test]
    fn honest_labels_are_silent() {
        for name in [
            "bücher.de",
            "café.fr",
            "торты.ru",
            "музей.com",
            "курс.com",
            "北京大學.cn",
            "eコマース.jp",
            "한글han.kr",
            "עברית.il",
            "हिन्दी.in",
            "ουτοπία.gr",
            "ѕсоре.ru",
            "fuß.de",
            "日本・野球.jp",
        ] {
            assert_eq!(oddity(name), None, "{name}");
        }
    }

    #[test]
    fn odd_labels_are_told() {
        let check =
            |name: &str, expected: Oddity| assert_eq!(oddity(name), Some(expected), "{name}");
        check("bÜcher.de", Oddity::Broken);
        check("paypαl.com", Oddity::Mix(Script::Latin, 'α'));
        check("gооgle.com", Oddity::Mix(Script::Latin, 'о'));
        check("ѕсоре.com", Oddity::Whole(Script::Cyrillic));
        check("аpple.com", Oddity::Mix(Script::Latin, 'а'));
        check("p১ypal.com", Oddity::Mix(Script::Latin, '১'));
        check("ουтία.gr", Oddity::Mix(Script::Greek, 'т'));
        check("੨੨੨.com", Oddity::Digits('੨'));
        check("1౩2.com", Oddity::Digits('౩'));
        check("१२3.com", Oddity::Digits('१'));
        check("ベあい.com", Oddity::Punctuation('ベ'));
        check("a\u{9d}bc.com", Oddity::Character('\u{9d}'));
        check("pi\u{307}xel.com", Oddity::Mark('\u{307}'));
        check("google一com.com", Oddity::Punctuation('一'));
        check("aþc.com", Oddity::Punctuation('þ'));
        check("pay\u{200d}pal.com", Oddity::Character('\u{200d}'));
    }

    #[test]
    fn sentences_name_the_characters() {
        let check = |unicode: &str, expected: &str| {
            let name = name::to_ascii(unicode).unwrap();
            let mut found = Vec::new();
            ENGINE.judge(&name::Host::new(&name), &mut found);
            let odd = found.iter().find(|it| it.technique == Technique::MixedScript).unwrap();
            assert_eq!(odd.why, format!("`{name}` ({unicode}) {expected}"));
        };
        check("pаypal.com", "holds Cyrillic а for a among Latin letters");
        check("p১ypal.com", "holds Bengali ১ among Latin letters");
        check(
            "ѕсоре.com",
            "is made of Cyrillic letters that all look Latin: ѕсоре reads as `scope`",
        );
    }

    #[test]
    fn broken_labels_are_told() {
        assert_eq!(of_label("xn--999999999", "com"), Some(Oddity::Broken));
        assert_eq!(of_label("xn--abc-", "com"), Some(Oddity::Broken));
        assert_eq!(of_label("plain", "com"), None);
    }
}
