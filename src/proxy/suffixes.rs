//! `Suffixes`: values by the suffix of a name; the longest one counts. Asked for every query, so it allocates nothing.

use crate::name::Name;
use foldhash::{HashMap, HashMapExt as _};

/// Most labels of a name: 254 octets of one letter each.
const LABELS_MAX: usize = 127;

/// A tree of labels from the right, kept as one map of suffixes in wire form. What stands above an entry is in it as well,
/// without a value: a name under none of them is done with after one look-up.
#[derive(Debug)]
pub(super) struct Suffixes<T> {
    nodes: HashMap<Box<[u8]>, Option<T>>,
}

impl<T: Copy> Suffixes<T> {
    pub(super) fn new() -> Self {
        Self { nodes: HashMap::new() }
    }

    /// Sets the value of a suffix, in place of the one it had.
    pub(super) fn insert(&mut self, suffix: &Name, value: T) {
        for tail in Tails::of(suffix) {
            self.nodes.entry(Box::from(tail)).or_insert(None);
        }
        self.nodes.insert(Box::from(suffix.wire()), Some(value));
    }

    /// The value of the longest suffix, and that suffix's octets in wire form.
    #[inline]
    pub(super) fn find(&self, name: &Name) -> Option<(T, u8)> {
        let wire = name.wire();
        let (mut top, mut at) = (0, 0);
        while wire[at] != 0 {
            top = at;
            at += 1 + usize::from(wire[at]);
        }
        self.nodes.get(&wire[top..])?;
        self.find_below_top(name)
    }

    /// The same for a name under a top-level label that something is known of; most are under others.
    fn find_below_top(&self, name: &Name) -> Option<(T, u8)> {
        let mut found = None;
        for tail in Tails::of(name) {
            match self.nodes.get(tail) {
                None => break,
                Some(None) => (),
                // A name is never longer than 255 octets.
                Some(&Some(value)) => found = Some((value, tail.len() as u8)),
            }
        }
        found
    }
}

/// The suffixes of a name from the shortest to the whole, the root left out.
struct Tails<'n> {
    wire: &'n [u8],
    starts: [u8; LABELS_MAX],
    left: usize,
}

impl<'n> Tails<'n> {
    fn of(name: &'n Name) -> Self {
        let wire = name.wire();
        let (mut starts, mut left, mut at) = ([0; LABELS_MAX], 0, 0);
        while wire[at] != 0 {
            starts[left] = at as u8;
            left += 1;
            at += 1 + usize::from(wire[at]);
        }
        Self { wire, starts, left }
    }
}

impl<'n> Iterator for Tails<'n> {
    type Item = &'n [u8];

    fn next(&mut self) -> Option<&'n [u8]> {
        self.left = self.left.checked_sub(1)?;
        Some(&self.wire[usize::from(self.starts[self.left])..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(suffixes: &[&str]) -> Suffixes<usize> {
        let mut table = Suffixes::new();
        for (at, suffix) in suffixes.iter().enumerate() {
            table.insert(&Name::parse(suffix).unwrap(), at);
        }
        table
    }

    #[test]
    fn the_longest_suffix_counts() {
        let table = table(&["corp.example", "lab.corp.example", "local", "10.in-addr.arpa"]);
        let check = |name: &str, expected: Option<(usize, u8)>| {
            assert_eq!(table.find(&Name::parse(name).unwrap()), expected, "{name}");
        };
        check("corp.example", Some((0, 14)));
        check("WWW.Corp.example", Some((0, 14)));
        check("lab.corp.example", Some((1, 18)));
        check("a.b.lab.corp.example", Some((1, 18)));
        check("ab.corp.example", Some((0, 14)));
        check("xcorp.example", None);
        check("example", None);
        check("local", Some((2, 7)));
        check("1.2.3.10.in-addr.arpa", Some((3, 17)));
        check("1.2.3.11.in-addr.arpa", None);
        check("www.example.com", None);
        check(".", None);
    }

    #[test]
    fn the_last_value_of_a_suffix_counts() {
        let table = table(&["a.example", "example", "a.example"]);
        assert_eq!(table.find(&Name::parse("x.a.example").unwrap()), Some((2, 11)));
    }

    proptest! {
        #[test]
        fn it_finds_what_a_walk_over_all_finds(
            suffixes in proptest::collection::vec("[ab](\\.[ab]){0,3}", 1..6),
            name in "[ab](\\.[ab]){0,125}",
        ) {
            let texts: Vec<&str> = suffixes.iter().map(String::as_str).collect();
            let covers = |it: &str| name == it || name.ends_with(&format!(".{it}"));
            let longest = texts.iter().filter(|it| covers(it)).map(|it| it.len()).max();
            let found = table(&texts).find(&Name::parse(&name).unwrap());
            prop_assert_eq!(found.map(|it| texts[it.0].len()), longest);
            prop_assert_eq!(found.map(|it| usize::from(it.1)), longest.map(|it| it + 2));
        }
    }
}
