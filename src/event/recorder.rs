//! `Recorder`: the single exit of every query; hands records to the writer and never waits.

use super::Record;
use crossbeam_queue::ArrayQueue;
use std::sync::{
    Arc,
    atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
};

/// How many records wait for the writer at most, in all rings (some 17 MB). The writer looks every 20 ms, and sooner when
/// they are many.
pub const RECORDS_MAX: usize = 32_768;

/// How many rings there are at most, whatever the number of workers.
const RINGS_MAX: usize = 64;

/// The writer's entrance, cheap to clone and to share.
#[derive(Debug, Clone)]
pub struct Recorder {
    rings: Option<Arc<Rings>>,
}

/// How many events there were since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to the disk.
    pub written: u64,
    /// Lost because the rings were full.
    pub overflowed: u64,
    /// Lost because the disk refused for too long.
    pub unwritten: u64,
}

impl Counts {
    /// All that were lost.
    pub const fn lost(&self) -> u64 {
        self.overflowed + self.unwritten
    }
}

/// One ring for each worker, so that workers do not write to each other's cache lines.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) rings: Box<[ArrayQueue<Record>]>,
    pub(super) written: AtomicU64,
    pub(super) unwritten: AtomicU64,
    overflowed: AtomicU64,
}

impl Recorder {
    /// A recorder that forgets everything, for when history is disabled.
    pub const fn off() -> Self {
        Self { rings: None }
    }

    pub(super) const fn new(rings: Arc<Rings>) -> Self {
        Self { rings: Some(rings) }
    }

    /// Whether records go anywhere; when not, there is no need to make them.
    #[inline]
    pub const fn is_on(&self) -> bool {
        self.rings.is_some()
    }

    /// Leaves a record for the writer. Never waits: where the rings are full, the record is dropped and counted.
    #[inline]
    pub fn record(&self, record: Record) {
        if let Some(rings) = &self.rings {
            rings.push(record);
        }
    }

    /// How many events were written and lost since the start.
    pub fn counts(&self) -> Counts {
        self.rings.as_ref().map(|it| it.counts()).unwrap_or_default()
    }
}

impl Rings {
    /// One ring for each worker, which share `records_max` evenly.
    pub(super) fn new(workers: usize, records_max: usize) -> Self {
        let count = workers.clamp(1, RINGS_MAX);
        let rings = (0..count).map(|_| ArrayQueue::new((records_max / count).max(1)));
        Self {
            rings: rings.collect(),
            written: AtomicU64::new(0),
            unwritten: AtomicU64::new(0),
            overflowed: AtomicU64::new(0),
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            written: self.written.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
            unwritten: self.unwritten.load(Relaxed),
        }
    }

    /// A record goes to the thread's own ring, and where that is full to the next one that is not.
    fn push(&self, mut record: Record) {
        let count = self.rings.len();
        let own = thread_number() % count;
        for at in 0..count {
            match self.rings[(own + at) % count].push(record) {
                Ok(()) => return,
                Err(back) => record = back,
            }
        }
        self.overflowed.fetch_add(1, Relaxed);
    }
}

/// Threads are numbered in the order of their first record, so that each has a ring of its own while there are enough.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }
    NUMBER.with(|it| *it)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::writer::tests::record;
    use std::thread;

    #[test]
    fn nothing_is_kept_when_off() {
        let recorder = Recorder::off();
        recorder.record(record("www.example"));
        assert!(!recorder.is_on());
        assert_eq!(recorder.counts(), Counts::default());
    }

    #[test]
    fn full_rings_drop_and_count() {
        let rings = Arc::new(Rings::new(2, 4));
        let recorder = Recorder::new(Arc::clone(&rings));
        for _ in 0..7 {
            recorder.record(record("www.example"));
        }
        assert_eq!((rings.rings[0].len(), rings.rings[1].len()), (2, 2));
        assert_eq!(recorder.counts(), Counts { overflowed: 3, ..Counts::default() });
    }

    #[test]
    fn threads_share_a_recorder() {
        let rings = Arc::new(Rings::new(3, 3_000));
        let recorder = Recorder::new(Arc::clone(&rings));
        thread::scope(|scope| {
            for _ in 0..4 {
                let recorder = recorder.clone();
                scope.spawn(move || {
                    (0..100).for_each(|_| recorder.record(record("www.example")));
                });
            }
        });
        assert_eq!(rings.rings.iter().map(ArrayQueue::len).sum::<usize>(), 400);
        assert_eq!(recorder.counts().lost(), 0);
    }
}
