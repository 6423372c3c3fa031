//! Lists: files of blocked and allowed names, compiled into one index that says who is held, by which list and at which line.
//!
//! ```text
//!  file bytes ──▶ lines ──▶ line::read ──▶ wire form ──▶ keyed 64-bit hash ──▶ Table (12 octets a slot)
//!   (twice: counted first, so that the table is allocated once, at its size)
//! ```
//!
//! An entry stands for its name and everything below it. Names themselves are not kept: a slot is the 64-bit keyed hash
//! of the wire form and the number of the line it came from, which tells list and line. The key is drawn per process,
//! so nobody outside can aim at a collision; by chance a name held by no list meets one of *n* entries with a
//! probability of *n* / 2⁶⁴ (5 × 10⁻¹⁴ for a million entries, so that a thousand million distinct names are judged
//! wrongly once in 20,000 networks).

mod build;
mod distinct;
mod line;
mod lines;
mod pages;
mod report;
mod table;

pub use build::BuildError;
pub use line::JunkReason;
pub use report::{Junk, Report};

use std::{fmt, io};

use crate::{
    name::Name,
    verdict::{Action, Mode},
};
use build::Hashing;
use line::Item;
use table::{Holders, Table};

/// Reads the names of a file in any form that lists take: `each` gets the number of the line, the line, and a name in wire
/// form or why there is none. Names that hosts files carry for their own machine are left out.
///
/// `each` breaks the reading off with an error.
pub fn each_name<E: From<io::Error>>(
    file: impl io::Read,
    mut each: impl FnMut(u32, &[u8], Result<&[u8], JunkReason>) -> Result<(), E>,
) -> Result<(), E> {
    let mut number = 0_u32;
    lines::each_line(file, |text| {
        number = number.saturating_add(1);
        let Some(text) = text else { return each(number, b"", Err(JunkReason::LineTooLong)) };
        let mut result = Ok(());
        line::read(text, |item| {
            let name = match item {
                Item::Entry(wire) => Ok(wire),
                Item::Junk(reason) => Err(reason),
                Item::Own => return,
            };
            if result.is_ok() {
                result = each(number, text, name);
            }
        });
        result
    })
}

/// Most lists in one index.
pub const LISTS_MAX: usize = 1000;

/// Most entries in one index, repeated ones included: 170 MB.
pub const ENTRIES_MAX: usize = 12_000_000;

/// Most lines in one index, comments included.
pub const LINES_MAX: u32 = table::HOLDER_MAX;

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Its names get the list's action.
    Block,
    /// Its names pass.
    Allow,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 2] = [Self::Block, Self::Allow];

    /// The word used in configuration, events and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Allow => "allow",
        }
    }
}

/// A list as the operator describes it; its entries are read when an index is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The word by which findings and events name it.
    pub name: String,
    /// What it is for.
    pub kind: Kind,
    /// What is done with its names; of no account for a list of allowed names.
    pub action: Action,
    /// Whether it acts on what it holds.
    pub mode: Mode,
}

/// The entries of all lists, looked up by name with everything above it, in one pass for both kinds.
pub struct Index {
    lists: Vec<List>,
    /// The number of the last line before each list, in the order of `lists`.
    starts: Vec<u32>,
    table: Table,
    hashing: Hashing,
    /// Labels of the deepest entry: longer suffixes are not looked up.
    labels_max: usize,
}

impl Index {
    /// Reads the lists, in the order of precedence, and builds their index.
    ///
    /// `open` is called twice for each list, by its position in `lists`: the first pass counts, the second fills. Memory is the
    /// finished index plus less than 100 kB. A list whose mode is `off` is never opened.
    pub fn build<R: io::Read>(
        lists: &[List],
        open: impl FnMut(usize) -> io::Result<R>,
    ) -> Result<(Self, Vec<Report>), BuildError> {
        build::build(lists, open)
    }

    /// An index without lists.
    pub fn empty() -> Self {
        Self {
            lists: Vec::new(),
            starts: Vec::new(),
            table: Table::empty(),
            hashing: Hashing::new(),
            labels_max: 0,
        }
    }

    /// Finds the entries that decide about a name: for each kind, one of an enforced list before one of a monitored list, then the
    /// most specific one, then the one of the earlier list.
    #[inline]
    pub fn find(&self, name: &Name) -> Found {
        let mut found = Found::default();
        self.each_entry(name, |holders, octets| {
            self.rank(&mut found, self.matched(holders.first, octets));
            if holders.may_others_decide() {
                holders.others().for_each(|it| self.rank(&mut found, self.matched(it, octets)));
            }
        });
        found
    }

    /// The same among entries that [`Index::each`] gave.
    pub fn first_of(&self, matches: &[Match]) -> Found {
        let mut found = Found::default();
        matches.iter().for_each(|it| self.rank(&mut found, *it));
        found
    }

    /// Calls `hit` for every entry that covers a name, in every list: the most specific entry first, lists in no order.
    pub fn each(&self, name: &Name, mut hit: impl FnMut(Match)) {
        self.each_entry(name, |holders, octets| {
            hit(self.matched(holders.first, octets));
            holders.others().for_each(|it| hit(self.matched(it, octets)));
        });
    }

    /// Calls `hit` for every entry that covers a name, the most specific first, with its octets in wire form.
    #[inline]
    fn each_entry(&self, name: &Name, mut hit: impl FnMut(Holders<'_>, usize)) {
        let wire = name.wire();
        let mut spare = name.labels().count();
        let mut at = 0;
        while wire[at] != 0 {
            if spare <= self.labels_max {
                let suffix = &wire[at..];
                if let Some(holders) = self.table.find(self.hashing.hash(suffix)) {
                    hit(holders, suffix.len());
                }
            }
            spare -= 1;
            at += 1 + usize::from(wire[at]);
        }
    }

    /// Every list, in the order of the configuration.
    pub fn lists(&self) -> &[List] {
        &self.lists
    }

    /// The list that a match names.
    pub fn list(&self, matched: Match) -> &List {
        &self.lists[usize::from(matched.list)]
    }

    /// Distinct entries.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether no list holds any entry.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of memory it takes.
    pub fn octets(&self) -> usize {
        size_of::<Self>() + self.table.octets()
    }

    fn matched(&self, holder: u32, octets: usize) -> Match {
        let list = list_of(&self.starts, holder);
        Match {
            list: u16::try_from(list).expect("there are at most LISTS_MAX lists"),
            line: holder - self.starts[list],
            octets: u8::try_from(octets).expect("a name has at most 255 octets"),
        }
    }

    fn rank(&self, found: &mut Found, matched: Match) {
        let enforced = |it: Match| self.list(it).mode == Mode::Enforce;
        let place = match self.list(matched).kind {
            Kind::Block => &mut found.block,
            Kind::Allow => &mut found.allow,
        };
        let better = place.is_none_or(|held| {
            (enforced(matched), matched.octets, held.list)
                > (enforced(held), held.octets, matched.list)
        });
        if better {
            *place = Some(matched);
        }
    }
}

/// The number of the list that a line belongs to.
#[inline]
fn list_of(starts: &[u32], line: u32) -> usize {
    starts.partition_point(|&start| start < line) - 1
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index")
            .field("lists", &self.lists)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

/// The entries that decide about a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// The deciding entry among the lists of blocked names.
    pub block: Option<Match>,
    /// The deciding entry among the lists of allowed names.
    pub allow: Option<Match>,
}

/// An entry that covers a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The list that holds it, by its position in the configuration.
    pub list: u16,
    /// Its line in the list's file, from 1.
    pub line: u32,
    /// Length of the entry's wire form, root label included: the name's last `octets` octets.
    pub octets: u8,
}

impl Match {
    /// The matched entry in wire form, as it stands at the end of the name that was looked up.
    pub fn suffix(self, name: &Name) -> &[u8] {
        let wire = name.wire();
        &wire[wire.len() - usize::from(self.octets)..]
    }
}

#[cfg(test)]
mod tests;
