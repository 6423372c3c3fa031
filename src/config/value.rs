//! Values that parse themselves: words, addresses, domains and numbers within bounds.
//!
//! What goes wrong is told in the words of whoever reads the file; a line that starts with `hint:` is kept apart by
//! [`super::problem`].

use std::{
    fmt,
    marker::PhantomData,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops, str,
};

use serde::{
    Deserialize as _, Deserializer, Serializer,
    de::{DeserializeSeed, Error, SeqAccess, Visitor},
};

use crate::{
    list::Kind,
    name::Name,
    proxy::{Prefix6, Prefix64},
    server::Prefix,
    upstream::{Strategy, Url},
    verdict::{Action, Mode},
};

/// A value with a fixed set of words.
pub(super) trait Word: Copy + 'static {
    /// What it is called in an error.
    const WHAT: &'static str;
    /// Every value.
    const ALL: &'static [Self];
    /// The word for it.
    fn word(self) -> &'static str;
}

impl Word for Action {
    const WHAT: &'static str = "action";
    const ALL: &'static [Self] = &Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Mode {
    const WHAT: &'static str = "mode";
    const ALL: &'static [Self] = &Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Kind {
    const WHAT: &'static str = "kind";
    const ALL: &'static [Self] = &Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

impl Word for Strategy {
    const WHAT: &'static str = "strategy";
    const ALL: &'static [Self] = &Self::ALL;
    fn word(self) -> &'static str {
        self.as_str()
    }
}

/// A [`Word`] in the file.
pub(super) mod word {
    use super::*;

    pub(in crate::config) fn deserialize<'de, W: Word, D: Deserializer<'de>>(
        from: D,
    ) -> Result<W, D::Error> {
        let text = String::deserialize(from)?;
        W::ALL.iter().copied().find(|it| it.word() == text).ok_or_else(|| {
            let words: Vec<&str> = W::ALL.iter().map(|it| it.word()).collect();
            let hint = choices(&text, &words);
            D::Error::custom(format_args!("unknown {} `{}`\nhint: {hint}", W::WHAT, shown(&text)))
        })
    }

    pub(in crate::config) fn serialize<W: Word, S: Serializer>(
        word: &W,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(word.word())
    }
}

/// A value that parses itself from a string.
pub(super) mod text {
    use super::*;

    pub(in crate::config) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        from.deserialize_str(Reader(PhantomData))
    }

    pub(in crate::config) fn serialize<T: fmt::Display, S: Serializer>(
        value: &T,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }
}

/// An array of values that parse themselves.
pub(super) mod texts {
    use super::*;

    pub(in crate::config) fn deserialize<'de, T: Text, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<T>, D::Error> {
        from.deserialize_seq(ArrayReader(PhantomData))
    }

    pub(in crate::config) fn serialize<T: fmt::Display, S: Serializer>(
        values: &[T],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(T::to_string))
    }
}

/// Reads a value while it is visited: an error raised only there gets the place of an array's element.
struct Reader<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for Reader<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).map_err(E::custom)
    }
}

impl<'de, T: Text> DeserializeSeed<'de> for Reader<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<T, D::Error> {
        from.deserialize_str(self)
    }
}

struct ArrayReader<T>(PhantomData<T>);

impl<'de, T: Text> Visitor<'de> for ArrayReader<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<T>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = from.next_element_seed(Reader(PhantomData))? {
            values.push(value);
        }
        Ok(values)
    }
}

/// Reads a whole number from `MIN` to `MAX`.
pub(super) fn whole<'de, const MIN: i64, const MAX: i64, T, D>(from: D) -> Result<T, D::Error>
where
    T: TryFrom<i64>,
    D: Deserializer<'de>,
{
    let number = i64::deserialize(from)?;
    if !(MIN..=MAX).contains(&number) {
        let told =
            format_args!("{number} is out of bounds\nhint: a whole number from {MIN} to {MAX}");
        return Err(D::Error::custom(told));
    }
    T::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is out of bounds")))
}

/// A value that parses itself, with the hint that helps where it does not.
pub(super) trait Text: Sized {
    /// Reads the value; an error may hold a `hint:` line.
    fn read(text: &str) -> Result<Self, String>;
}

impl Text for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| match text.parse::<IpAddr>() {
            Ok(it) => {
                let with_port = Self::from((it, 53));
                format!("`{}` has no port\nhint: write `{with_port}`", shown(text))
            }
            Err(_) => format!(
                "`{}` is no address with a port\nhint: write `192.0.2.1:53` or `[2001:db8::1]:53`",
                shown(text)
            ),
        })
    }
}

impl Text for Ipv4Addr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{}` is no IPv4 address", shown(text)))
    }
}

impl Text for Ipv6Addr {
    fn read(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| format!("`{}` is no IPv6 address", shown(text)))
    }
}

impl Text for Prefix {
    fn read(text: &str) -> Result<Self, String> {
        text.parse::<Self>().map_err(|it| it.to_string())
    }
}

impl Text for Prefix64 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse::<Self>().map_err(|it| format!("`{}`: {it}", shown(text)))
    }
}

impl Text for Prefix6 {
    fn read(text: &str) -> Result<Self, String> {
        text.parse::<Self>().map_err(|it| format!("`{}`: {it}", shown(text)))
    }
}

/// A value that may be left out: the empty text is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Optional<T>(pub Option<T>);

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<T: Text> Text for Optional<T> {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(None)) } else { T::read(text).map(|it| Self(Some(it))) }
    }
}

impl<T: fmt::Display> fmt::Display for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |it| it.fmt(f))
    }
}

impl Text for Url {
    fn read(text: &str) -> Result<Self, String> {
        text.parse::<Self>().map_err(|it| it.to_string())
    }
}

/// A domain name in presentation form, in lower case with A-labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Domain(String);

impl Text for Domain {
    fn read(text: &str) -> Result<Self, String> {
        if text.contains("://") || text.contains('/') {
            return Err(format!(
                "`{}` is no domain name\nhint: leave out scheme and path",
                shown(text)
            ));
        }
        if text.contains('*') {
            let hint = "leave out `*.`: a domain stands for its subdomains as well";
            return Err(format!("`{}` is no domain name\nhint: {hint}", shown(text)));
        }
        let name = Name::parse(text).map_err(|it| it.to_string())?.text();
        match name.as_str() {
            "" => Err("the root is no domain to name here".to_owned()),
            _ => Ok(Self(name)),
        }
    }
}

impl ops::Deref for Domain {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl str::FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text)
    }
}

/// Text of the file as an error repeats it: cut, and with controls escaped.
pub(super) fn shown(text: &str) -> String {
    let escape = |it: char| match it {
        '"' | '\'' | '\\' => it.to_string(),
        _ => it.escape_debug().to_string(),
    };
    text.chars().take(80).map(escape).collect()
}

/// A hint about a word that is none of `words`: which one may be meant, and which there are.
pub(super) fn choices(text: &str, words: &[&str]) -> String {
    let all = words.join(", ");
    // Two edits where a third of the letters allow it.
    let distance_max = (text.chars().count() / 3).clamp(1, 2);
    match closest(text, words, distance_max) {
        Some(word) => format!("did you mean `{word}`? one of {all}"),
        None => format!("one of {all}"),
    }
}

/// The word that is the fewest edits away from a text, at most `distance_max`; case and the kind of dash do not count.
pub(super) fn closest<'w>(text: &str, words: &[&'w str], distance_max: usize) -> Option<&'w str> {
    let folded = text.to_lowercase().replace('_', "-");
    words
        .iter()
        .map(|word| (distance(&folded, &word.replace('_', "-")), *word))
        .filter(|&(distance, _)| distance <= distance_max)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, word)| word)
}

/// Edits between two texts, where exchanging two neighbours is one.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut row = vec![i + 1; b.len() + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            row[j + 1] = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_guessed_within_reason() {
        let check = |text: &str, expected: &str| {
            let words = ["listen", "known_good", "ipfs-gateway", "log", "block"];
            let all = "one of listen, known_good, ipfs-gateway, log, block";
            let hint = choices(text, &words);
            assert_eq!(hint, format!("{expected}{all}"), "{text}");
        };
        check("lissten", "did you mean `listen`? ");
        check("Listen", "did you mean `listen`? ");
        check("lisetn", "did you mean `listen`? ");
        check("known-good", "did you mean `known_good`? ");
        check("ipfs_gatway", "did you mean `ipfs-gateway`? ");
        check("lgo", "did you mean `log`? ");
        check("blok", "did you mean `block`? ");
        check("bind", "");
        check("", "");
    }

    #[test]
    fn domains_are_read_as_names() {
        let check = |text: &str, expected: Result<&str, &str>| match (Domain::read(text), expected)
        {
            (Ok(got), Ok(expected)) => assert_eq!(&*got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{text}: {got}"),
            (got, _) => panic!("{text}: {got:?}"),
        };
        check("Example.COM.", Ok("example.com"));
        check("bücher.example", Ok("xn--bcher-kva.example"));
        check("*.example.com", Err("leave out `*.`"));
        check("https://example.com/x", Err("leave out scheme"));
        check("a b", Err("no domain name holds"));
        check("a\\046b.example", Ok("a\\046b.example"));
        check("", Err("empty"));
        check(".", Err("root"));
    }
}
