//! The platform tables: their lines, and a hashed trie over labels that a name walks from the right.

use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::FixedState;
use jiff::civil::Date;

use super::SIMULATED_DAYS_MAX;
use crate::name::{Class, Scope};

/// What the table says of one suffix.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// `None`: the name is run by the platform's company itself and is nobody's tenant.
    pub(super) class: Option<Class>,
    pub(super) scope: Scope,
    pub(super) owner: Option<&'static str>,
    /// Days since 1970-01-01.
    pub(super) seen: u32,
}

impl Entry {
    fn has_lapsed(&self, today: u32) -> bool {
        self.class == Some(Class::SimulatedPhishing) && today > self.seen + SIMULATED_DAYS_MAX
    }
}

/// The deepest entry above a name, and where its suffix starts in the name.
#[derive(Clone, Copy)]
pub(super) struct Found<'t> {
    pub(super) entry: &'t Entry,
    pub(super) start: usize,
}

/// Why a table does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` line {line}: {problem}")]
pub struct TableError {
    /// The file's name.
    pub file: &'static str,
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

const NONE: u32 = u32::MAX;

/// One label of a suffix, reached from the label to its right.
struct Node {
    label: &'static str,
    parent: u32,
    entry: u32,
    /// The `*` below this node.
    any: u32,
}

/// Suffixes by their labels. A slot holds a node or [`NONE`]; neighbours take collisions.
pub(super) struct Table {
    nodes: Vec<Node>,
    entries: Vec<Entry>,
    slots: Vec<u32>,
    /// The keys are compiled in and a name only reads, so that a fixed seed gives nothing away.
    hasher: FixedState,
}

const ROOT: u32 = 0;

impl Table {
    /// Reads `(class, file name, text)` triples; the class is `None` for the companies' own hosts.
    pub(super) fn parse(
        files: &[(Option<Class>, &'static str, &'static str)],
    ) -> Result<Self, TableError> {
        let root = Node { label: "", parent: NONE, entry: NONE, any: NONE };
        let mut table = Self {
            nodes: vec![root],
            entries: Vec::new(),
            slots: vec![NONE; 1024],
            hasher: FixedState::default(),
        };
        for &(class, file, text) in files {
            for (index, line) in text.lines().enumerate() {
                if line.is_empty() || line.starts_with('#') {
                    continue;
                }
                let fail = |problem| TableError { file, line: index + 1, problem };
                let (suffix, entry) = parse_line(class, line).map_err(fail)?;
                table.insert(suffix, entry).map_err(fail)?;
            }
        }
        Ok(table)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The deepest entry at or above `name`; an exact label wins over `*` of the same depth.
    #[inline]
    pub(super) fn find(&self, name: &str, today: u32) -> Option<Found<'_>> {
        let mut best = (0, None);
        self.descend(ROOT, name, name.len() + 1, 0, today, &mut best);
        best.1
    }

    /// Follows the labels of `name` that end before `end`, one past the dot to their right. Bounded by the depth of the
    /// tables: each step goes one label down in them.
    fn descend<'t>(
        &'t self,
        node: u32,
        name: &str,
        end: usize,
        depth: u32,
        today: u32,
        best: &mut (u32, Option<Found<'t>>),
    ) {
        // `*.dweb.link` says where tenants are; what the `*` stands for is none of them, with or without a `www`.
        let is_apex = self.nodes[node as usize].label == "*" && matches!(&name[..end], "" | "www.");
        if let Some(entry) = self.entry(node)
            && depth > best.0
            && !is_apex
            && !entry.has_lapsed(today)
        {
            *best = (depth, Some(Found { entry, start: end }));
        }
        let Some(stop) = end.checked_sub(1) else { return };
        let start = label_start(name, stop);
        if let Some(child) = self.child(node, &name[start..stop]) {
            self.descend(child, name, start, depth + 1, today, best);
        }
        let any = self.nodes[node as usize].any;
        if any != NONE {
            self.descend(any, name, start, depth + 1, today, best);
        }
    }

    #[inline]
    fn hash(&self, parent: u32, label: &str) -> usize {
        let mut hasher = self.hasher.build_hasher();
        hasher.write_u32(parent);
        hasher.write(label.as_bytes());
        // Only the low bits pick a slot.
        (hasher.finish() >> 1) as usize
    }

    fn entry(&self, node: u32) -> Option<&Entry> {
        self.entries.get(self.nodes[node as usize].entry as usize)
    }

    #[inline]
    fn child(&self, parent: u32, label: &str) -> Option<u32> {
        let mut slot = self.hash(parent, label);
        loop {
            let node = self.slots[slot & (self.slots.len() - 1)];
            if node == NONE {
                return None;
            }
            let it = &self.nodes[node as usize];
            if it.parent == parent && it.label == label {
                return Some(node);
            }
            slot += 1;
        }
    }

    fn insert(&mut self, suffix: &'static str, entry: Entry) -> Result<(), &'static str> {
        let mut node = ROOT;
        for label in suffix.rsplit('.') {
            node = match label {
                "*" => self.any_below(node),
                _ => self.child(node, label).unwrap_or_else(|| self.grow(node, label)),
            };
        }
        let node = &mut self.nodes[node as usize];
        if node.entry != NONE {
            return Err("the suffix is listed already");
        }
        node.entry = index(self.entries.len());
        self.entries.push(entry);
        Ok(())
    }

    fn any_below(&mut self, parent: u32) -> u32 {
        if self.nodes[parent as usize].any == NONE {
            self.nodes[parent as usize].any = index(self.nodes.len());
            self.nodes.push(Node { label: "*", parent, entry: NONE, any: NONE });
        }
        self.nodes[parent as usize].any
    }

    fn grow(&mut self, parent: u32, label: &'static str) -> u32 {
        let node = index(self.nodes.len());
        self.nodes.push(Node { label, parent, entry: NONE, any: NONE });
        if self.nodes.len() * 2 > self.slots.len() {
            self.slots = vec![NONE; self.slots.len() * 2];
            for old in 1..node {
                self.place(old);
            }
        }
        self.place(node);
        node
    }

    fn place(&mut self, node: u32) {
        let Node { label, parent, .. } = self.nodes[node as usize];
        if label == "*" {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut slot = self.hash(parent, label);
        while self.slots[slot & mask] != NONE {
            slot += 1;
        }
        self.slots[slot & mask] = node;
    }
}

/// Where the label that ends at `stop` starts; labels are short, so that a plain loop is the fastest search.
#[inline]
fn label_start(name: &str, stop: usize) -> usize {
    name.as_bytes()[..stop].iter().rposition(|&it| it == b'.').map_or(0, |at| at + 1)
}

fn index(len: usize) -> u32 {
    u32::try_from(len).expect("the tables hold far fewer than four thousand million labels")
}

fn parse_line(
    class: Option<Class>,
    line: &'static str,
) -> Result<(&'static str, Entry), &'static str> {
    let mut fields = line.split('\t');
    let mut next = || fields.next().filter(|it| !it.is_empty()).ok_or("five fields are needed");
    let (suffix, scope, owner, _source, date) = (next()?, next()?, next()?, next()?, next()?);
    if fields.next().is_some() {
        return Err("there are more than five fields");
    }
    let label = |it: &str| {
        it == "*"
            || !it.is_empty()
                && it.bytes().all(|c| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    if !suffix.contains('.') || !suffix.split('.').all(label) {
        return Err("the suffix is no domain name in lower case");
    }
    let scope = match scope {
        "tenant" => Scope::Tenant,
        "host" => Scope::Host,
        _ => return Err("the scope is neither `tenant` nor `host`"),
    };
    let seen = days(date).ok_or("the date is not of the form YYYY-MM-DD")?;
    Ok((suffix, Entry { class, scope, owner: Some(owner).filter(|it| *it != "-"), seen }))
}

/// Days since 1970-01-01.
fn days(date: &str) -> Option<u32> {
    let date: Date = date.parse().ok()?;
    let since = date.since(Date::constant(1970, 1, 1)).ok()?;
    u32::try_from(since.get_days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> Result<Table, TableError> {
        Table::parse(&[(Some(Class::Paas), "test.tsv", text)])
    }

    #[test]
    fn the_deepest_suffix_wins() {
        let table = parse(
            "example.com\ttenant\tA\tx\t2026-01-01\n\
             s3.*.example.com\ttenant\tB\tx\t2026-01-01\n\
             s3.eu.example.com\ttenant\tC\tx\t2026-01-01\n\
             *.deep.eu.example.com\thost\tD\tx\t2026-01-01\n",
        )
        .unwrap();
        let check = |name: &str, expected: Option<(&str, &str)>| {
            let found = table.find(name, 0).map(|it| (&name[it.start..], it.entry.owner.unwrap()));
            assert_eq!(found, expected, "{name}");
        };
        check("a.example.com", Some(("example.com", "A")));
        check("example.com", Some(("example.com", "A")));
        check("b.s3.us.example.com", Some(("s3.us.example.com", "B")));
        check("b.s3.eu.example.com", Some(("s3.eu.example.com", "C")));
        check("a.b.deep.eu.example.com", Some(("b.deep.eu.example.com", "D")));
        check("b.deep.eu.example.com", Some(("example.com", "A")));
        check("www.b.deep.eu.example.com", Some(("example.com", "A")));
        check("deep.eu.example.com", Some(("example.com", "A")));
        check("anexample.com", None);
        check("com", None);
        check("", None);
    }

    #[test]
    fn broken_lines_are_named() {
        let check = |text: &'static str, problem: &'static str| {
            let error = parse(text).err().unwrap();
            assert_eq!((error.line, error.problem), (text.lines().count(), problem));
        };
        check("# head\na.b\ttenant\tA\tx", "five fields are needed");
        check("a.b\ttenant\tA\tx\t2026-01-01\tmore", "there are more than five fields");
        check("A.b\ttenant\tA\tx\t2026-01-01", "the suffix is no domain name in lower case");
        check("com\ttenant\tA\tx\t2026-01-01", "the suffix is no domain name in lower case");
        check("a.b\tboth\tA\tx\t2026-01-01", "the scope is neither `tenant` nor `host`");
        check("a.b\thost\tA\tx\t2026-13-01", "the date is not of the form YYYY-MM-DD");
        check(
            "a.b\thost\tA\tx\t2026-01-01\na.b\ttenant\tA\tx\t2026-01-01",
            "the suffix is listed already",
        );
    }

    #[test]
    fn dates_are_days() {
        assert_eq!(days("1970-01-01"), Some(0));
        assert_eq!(days("2026-08-10"), Some(20_675));
        assert_eq!(days("1969-12-31"), None);
    }
}
