//! Events: one record for every query, and the thread that turns records into lines of JSON on disk.
//!
//! ```text
//!  worker ─ Recorder::record ─▶ ring ─┐
//!  worker ─ Recorder::record ─▶ ring ─┼─▶ writer thread ─▶ Formatter ─▶ events.jsonl, events.jsonl.1, …
//!  worker ─ Recorder::record ─▶ ring ─┘
//! ```
//!
//! Recording never waits: a record that finds the rings full is dropped and counted. A ring past half is emptied with repeats
//! merged into one line, so that a client that asks the same again and again fills neither ring nor disk. The clock, the disk and the names of
//! clients are the writer's business alone.

mod clock;
mod files;
mod formatter;
mod merge;
mod node;
pub(crate) mod private;
mod record;
mod recorder;
mod writer;

pub use clock::Now;
pub use formatter::Formatter;
pub use node::node_name;
pub use record::Record;
pub use recorder::{Counts, RECORDS_MAX, Recorder, Threads, work_as};
pub use writer::{ClientName, PENDING_BYTES_MAX, Writer, start};

use std::path::PathBuf;

/// Where events go and how much of them is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Whether anything is recorded at all.
    pub enabled: bool,
    /// The folder that holds `events.jsonl`; made with mode 0700 when missing.
    pub dir: PathBuf,
    /// A file that would grow past this many bytes is set aside.
    pub file_bytes_max: u64,
    /// How many files are kept beside the current one (`events.jsonl.1` is the newest).
    pub files_max: u32,
    /// Files last written longer ago than this many days are removed.
    pub age_days_max: u32,
}

impl Config {
    /// The default for a folder: about 270 MB and 30 days at most.
    pub const fn new(dir: PathBuf) -> Self {
        Self { enabled: true, dir, file_bytes_max: 16 << 20, files_max: 16, age_days_max: 30 }
    }
}
