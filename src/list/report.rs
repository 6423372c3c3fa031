//! What was found in a list's file while it was read.

use super::{JunkReason, table::Inserted};

/// Most lines of junk that are kept for a report.
pub(super) const JUNK_SHOWN_MAX: usize = 5;

/// What a list's file held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Lines, comments and blank ones included.
    pub lines: u32,
    /// Names that the list holds, each counted once.
    pub entries: usize,
    /// Those of them that an earlier list holds as well.
    pub shared: usize,
    /// Names that stand in the file more than once, counted from the second time on.
    pub repeated: usize,
    /// Names that hosts files carry for their own machine (`localhost`).
    pub own: usize,
    /// Words and lines that are neither names nor comments.
    pub junk: usize,
    /// The first of them, at most five.
    pub junk_shown: Vec<Junk>,
}

/// A line that is neither a name nor a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Junk {
    /// The line, from 1.
    pub line: u32,
    /// Why it is not taken.
    pub reason: JunkReason,
    /// The start of the line, escaped.
    pub text: String,
}

impl Report {
    pub(super) fn count(&mut self, inserted: Inserted) {
        match inserted {
            Inserted::New => self.entries += 1,
            Inserted::Shared => {
                self.entries += 1;
                self.shared += 1;
            }
            Inserted::Repeated => self.repeated += 1,
        }
    }

    pub(super) fn add_junk(&mut self, line: u32, reason: JunkReason, text: &[u8]) {
        self.junk += 1;
        if self.junk_shown.len() < JUNK_SHOWN_MAX {
            let text = String::from_utf8_lossy(text).escape_debug().take(60).collect();
            self.junk_shown.push(Junk { line, reason, text });
        }
    }
}
