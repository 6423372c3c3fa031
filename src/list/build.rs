//! Building an index in two passes: count, allocate once, fill.

use std::{
    hash::{BuildHasher as _, Hasher as _},
    io,
};

use super::{
    ENTRIES_MAX, Index, JunkReason, LINES_MAX, LISTS_MAX, List, Report,
    distinct::Distinct,
    line::{self, Item},
    lines, list_of,
    table::{Filling, Full},
};
use crate::{name, verdict::Mode};

/// Why an index cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A list cannot be read.
    #[error("list `{list}` cannot be read: {source}")]
    Read {
        /// The list's name.
        list: String,
        /// What the system says.
        source: io::Error,
    },
    /// More lists than [`LISTS_MAX`].
    #[error("there are {0} lists, {LISTS_MAX} are allowed")]
    TooManyLists(usize),
    /// More entries than [`ENTRIES_MAX`] or more lines than [`LINES_MAX`].
    #[error("list `{list}` goes over the limit of {ENTRIES_MAX} entries")]
    TooManyEntries {
        /// The list that crosses the limit.
        list: String,
    },
    /// Files kept growing between the two passes.
    #[error("the lists changed while they were read")]
    Changed,
}

/// How often a build starts again because a file grew between the passes.
const ATTEMPTS_MAX: u32 = 3;

pub(super) fn build<R: io::Read>(
    lists: &[List],
    mut open: impl FnMut(usize) -> io::Result<R>,
) -> Result<(Index, Vec<Report>), BuildError> {
    if lists.len() > LISTS_MAX {
        return Err(BuildError::TooManyLists(lists.len()));
    }
    for _ in 0..ATTEMPTS_MAX {
        // A new key each time, so that an estimate that is far off is not off again.
        let hashing = Hashing::new();
        let count = count(lists, &hashing, &mut open)?;
        // The estimate is seldom off by 2 %, and the table bears more.
        let distinct = (count.distinct.estimate() * 102 / 100).min(count.entries);
        let shared = count.entries - distinct * 96 / 100;
        let filling = Filling::new(distinct, shared);
        if let Some(built) = fill(lists, filling, hashing, &mut open)? {
            return Ok(built);
        }
    }
    Err(BuildError::Changed)
}

/// The keyed hash of wire forms.
pub(super) struct Hashing(foldhash::quality::RandomState);

impl Hashing {
    /// Draws a key.
    pub(super) fn new() -> Self {
        Self(foldhash::quality::RandomState::default())
    }

    /// The hash of a name in wire form; never zero.
    #[inline]
    pub(super) fn hash(&self, wire: &[u8]) -> u64 {
        let mut hasher = self.0.build_hasher();
        hasher.write(wire);
        hasher.finish().max(1)
    }
}

/// What the first pass tells.
struct Count {
    entries: usize,
    distinct: Distinct,
}

fn count<R: io::Read>(
    lists: &[List],
    hashing: &Hashing,
    open: &mut impl FnMut(usize) -> io::Result<R>,
) -> Result<Count, BuildError> {
    let mut count = Count { entries: 0, distinct: Distinct::new() };
    for (at, list) in lists.iter().enumerate() {
        let read = each_item(
            list,
            || open(at),
            |_, _, item| {
                if let Item::Entry(wire) = item {
                    count.entries += 1;
                    count.distinct.add(hashing.hash(wire));
                }
                if count.entries > ENTRIES_MAX { Err(Stop::TooMany) } else { Ok(()) }
            },
        );
        read.map_err(|it| it.error(list))?;
    }
    Ok(count)
}

/// Fills the index; `None` when it turns out too small.
fn fill<R: io::Read>(
    lists: &[List],
    mut filling: Filling,
    hashing: Hashing,
    open: &mut impl FnMut(usize) -> io::Result<R>,
) -> Result<Option<(Index, Vec<Report>)>, BuildError> {
    let (mut starts, mut labels_max) = (Vec::with_capacity(lists.len()), 0);
    let mut reports = Vec::with_capacity(lists.len());
    let mut waiting = Vec::with_capacity(AT_ONCE);
    let mut lines_before = 0_u32;
    for (at, list) in lists.iter().enumerate() {
        let mut report = Report::default();
        let insert_all = |waiting: &mut Vec<_>, filling: &mut Filling, report: &mut Report| {
            let inserted = filling.insert_all(waiting, lines_before + 1, |it| report.count(it));
            waiting.clear();
            inserted.map_err(|Full| Stop::Full)
        };
        let read = each_item(
            list,
            || open(at),
            |line, text, item| match item {
                Item::Own => {
                    report.own += 1;
                    Ok(())
                }
                Item::Junk(reason) => {
                    report.add_junk(line, reason, text);
                    Ok(())
                }
                Item::Entry(wire) => {
                    let holder = lines_before.checked_add(line).filter(|&it| it <= LINES_MAX);
                    waiting.push((hashing.hash(wire), holder.ok_or(Stop::TooMany)?));
                    labels_max = labels_max.max(name::labels(wire).count());
                    if waiting.len() < AT_ONCE {
                        return Ok(());
                    }
                    insert_all(&mut waiting, &mut filling, &mut report)
                }
            },
        );
        let read =
            read.and_then(|it| insert_all(&mut waiting, &mut filling, &mut report).map(|()| it));
        report.lines = match read {
            Ok(lines) => lines,
            Err(Stop::Full) => return Ok(None),
            Err(stop) => return Err(stop.error(list)),
        };
        starts.push(lines_before);
        lines_before = lines_before.saturating_add(report.lines);
        reports.push(report);
    }
    let list = |line: u32| &lists[list_of(&starts, line)];
    // Where all are of one kind, the first list decides, unless another is enforced and it is not.
    let table = filling.settle(|first, other| {
        let (first, other) = (list(first), list(other));
        first.kind != other.kind || first.mode != other.mode
    });
    Ok(Some((Index { lists: lists.to_vec(), starts, table, hashing, labels_max }, reports)))
}

/// Entries inserted together: as many fetches from memory as a processor keeps going side by side, and some more.
const AT_ONCE: usize = 32;

/// What breaks off the reading of a list.
enum Stop {
    Read(io::Error),
    TooMany,
    Full,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Read(error)
    }
}

impl Stop {
    fn error(self, list: &List) -> BuildError {
        let list = list.name.clone();
        match self {
            Self::Read(source) => BuildError::Read { list, source },
            Self::TooMany => BuildError::TooManyEntries { list },
            Self::Full => BuildError::Changed,
        }
    }
}

/// Calls `each` with line number, line and item for all that a list holds, and tells how many lines it has.
fn each_item<R: io::Read>(
    list: &List,
    open: impl FnOnce() -> io::Result<R>,
    mut each: impl FnMut(u32, &[u8], Item<'_>) -> Result<(), Stop>,
) -> Result<u32, Stop> {
    let mut number = 0_u32;
    if list.mode == Mode::Off {
        return Ok(number);
    }
    lines::each_line(open()?, |text| {
        number = number.checked_add(1).ok_or(Stop::TooMany)?;
        let Some(text) = text else {
            return each(number, b"", Item::Junk(JunkReason::LineTooLong));
        };
        let mut result = Ok(());
        line::read(text, |item| {
            if result.is_ok() {
                result = each(number, text, item);
            }
        });
        result
    })?;
    Ok(number)
}
