//! Names: the wire form that keys every table, the text form that is judged, and what the Public Suffix List says of it.

mod host;
mod idn;
mod suffix;
mod text;

pub use host::{Class, Host, Hosting, Scope};
pub(crate) use idn::is_invisible;
pub use idn::{to_ascii, to_unicode};
pub use suffix::{is_delegated, public_suffix, registrable};
pub use text::{NameError, refang};

use std::{cmp::Ordering, fmt, hash};

/// Longest wire form of a name, in octets (RFC 1035 section 2.3.4).
pub const WIRE_LEN_MAX: usize = 255;

/// A domain name in uncompressed wire form with ASCII letters in lower case, root label included; at most 255 octets.
///
/// Equal names are equal octet for octet, so this is the key of the cache, the lists and the verdict store.
#[derive(Clone)]
pub struct Name {
    len: u8,
    octets: [u8; WIRE_LEN_MAX],
}

impl Name {
    /// The root: a single empty label.
    pub const ROOT: Self = Self { len: 1, octets: [0; WIRE_LEN_MAX] };

    /// Reads an uncompressed name at the start of `wire`, folds it to lower case and tells how many octets it took.
    ///
    /// `None` when the name runs past the end, past 255 octets, or holds a compression pointer or another label type.
    #[inline]
    pub fn read(wire: &[u8]) -> Option<(Self, usize)> {
        let mut at = 0;
        loop {
            let len = usize::from(*wire.get(at)?);
            if len > 63 {
                return None;
            }
            at += 1 + len;
            if at > WIRE_LEN_MAX {
                return None;
            }
            if len == 0 {
                break;
            }
        }
        let mut octets = [0; WIRE_LEN_MAX];
        let name = wire.get(..at)?;
        octets[..at].copy_from_slice(name);
        // Length octets are at most 63 and so never look like an upper-case letter.
        octets[..at].make_ascii_lowercase();
        Some((Self { len: u8::try_from(at).ok()?, octets }, at))
    }

    /// Parses presentation form, absolute or not: A-labels, U-labels (mapped by UTS #46) and `\DDD` escapes.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        text::parse(text)
    }

    /// The wire form, root label included.
    #[inline]
    pub fn wire(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// The labels from left to right, without the root label.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        labels(self.wire())
    }

    /// How many labels it has, without the root label.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// The wire form without the first `labels` labels; that of the root where there are no more.
    pub fn without(&self, labels: usize) -> &[u8] {
        let skipped: usize = self.labels().take(labels).map(|it| 1 + it.len()).sum();
        &self.wire()[skipped..]
    }

    /// The ancestor with so many labels; the name itself where it has no more.
    pub fn ancestor(&self, labels: usize) -> Self {
        let skipped = self.label_count().saturating_sub(labels);
        Self::read(self.without(skipped)).map_or(Self::ROOT, |it| it.0)
    }

    /// Whether it is `zone` or stands under it.
    pub fn is_within(&self, zone: &Self) -> bool {
        let skipped = self.label_count().checked_sub(zone.label_count());
        skipped.is_some_and(|it| self.without(it) == zone.wire())
    }

    /// The name of the wildcard right under it; `None` where that is too long.
    pub fn wildcard(&self) -> Option<Self> {
        let wire = [b"\x01*", self.wire()].concat();
        Self::read(&wire).map(|it| it.0)
    }

    /// The canonical order (RFC 4034 section 6.1): label by label from the right.
    pub fn canonical_cmp(&self, other: &Self) -> Ordering {
        let labels = |it: &Self| it.labels().map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (ours, others) = (labels(self), labels(other));
        ours.iter().rev().cmp(others.iter().rev())
    }

    /// Presentation form in lower case without the trailing dot; every octet outside `a-z 0-9 - _` is written `\DDD`,
    /// so that splitting at `.` yields the labels. The root is the empty string.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(usize::from(self.len));
        text::write(self.wire(), &mut text);
        text
    }

    /// Appends [`Name::text`] to `out`, for callers that reuse their buffer.
    pub fn write_text(&self, out: &mut String) {
        text::write(self.wire(), out);
    }
}

/// The presentation form of an uncompressed wire-form name; see [`Name::text`].
pub fn wire_text(wire: &[u8]) -> String {
    let mut text = String::with_capacity(wire.len());
    write_wire_text(wire, &mut text);
    text
}

/// Appends [`wire_text`] to `out`, for callers that reuse their buffer.
pub fn write_wire_text(wire: &[u8], out: &mut String) {
    text::write(wire, out);
}

/// The labels of an uncompressed wire-form name from left to right, without the root label.
pub fn labels(mut wire: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&len, rest) = wire.split_first()?;
        if len == 0 || rest.len() < usize::from(len) {
            return None;
        }
        let (label, rest) = rest.split_at(usize::from(len));
        wire = rest;
        Some(label)
    })
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }
}

impl Eq for Name {}

impl hash::Hash for Name {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.wire().hash(state);
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.len == 1 { "." } else { "" })?;
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_is_folded_and_measured() {
        let (name, used) = Name::read(b"\x03WWW\x07eXample\x00rest").unwrap();
        assert_eq!((name.text().as_str(), used), ("www.example", 13));
        assert_eq!(name, Name::parse("www.EXAMPLE.").unwrap());
        assert_eq!(name.labels().collect::<Vec<_>>(), [b"www".as_slice(), b"example"]);
    }

    #[test]
    fn broken_wire_is_refused() {
        assert!(Name::read(b"\x03ww").is_none());
        assert!(Name::read(b"\xc0\x0c").is_none());
        assert!(Name::read(b"\x40").is_none());
        let long: Vec<u8> = std::iter::repeat_n(
            b"\x3fxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            4,
        )
        .flatten()
        .copied()
        .chain([0])
        .collect();
        assert!(Name::read(&long).is_none());
    }

    #[test]
    fn names_know_their_place_in_the_tree() {
        let name = |text: &str| Name::parse(text).unwrap();
        let www = name("www.example.com");
        assert_eq!((www.label_count(), Name::ROOT.label_count()), (3, 0));
        assert_eq!(www.ancestor(2), name("example.com"));
        assert_eq!((www.ancestor(0), www.ancestor(9)), (Name::ROOT, www.clone()));
        assert_eq!(www.without(9), b"\0");
        for (zone, expected) in
            [("example.com", true), ("www.example.com", true), ("ample.com", false), ("", true)]
        {
            let zone = if zone.is_empty() { Name::ROOT } else { name(zone) };
            assert_eq!(www.is_within(&zone), expected, "{zone}");
        }
        assert!(!name("com").is_within(&www));
        assert_eq!(name("com").wildcard().unwrap().text(), "\\042.com");
    }

    #[test]
    fn names_sort_as_rfc_4034_says() {
        let order: Vec<Name> = [
            b"\x07example\0".as_slice(),
            b"\x01a\x07example\0",
            b"\x08yljkjljk\x01a\x07example\0",
            b"\x01Z\x01a\x07example\0",
            b"\x04zABC\x01a\x07EXAMPLE\0",
            b"\x01z\x07example\0",
            b"\x01\x01\x01z\x07example\0",
            b"\x01*\x01z\x07example\0",
            b"\x01\xc8\x01z\x07example\0",
        ]
        .map(|it| Name::read(it).unwrap().0)
        .into();
        assert!(order.is_sorted_by(|a, b| a.canonical_cmp(b).is_lt()));
    }

    #[test]
    fn the_root_is_a_dot() {
        assert_eq!(Name::ROOT.to_string(), ".");
        assert_eq!(Name::ROOT.text(), "");
    }
}
