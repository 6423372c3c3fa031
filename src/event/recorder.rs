//! `Recorder`: the single exit of every query; hands records to the writer and never waits.

use super::Record;
use crossbeam_queue::ArrayQueue;
use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
};

/// How many records wait for the writer at most, in all rings (some 17 MB). The writer looks every 20 ms, and sooner when
/// they are many.
pub const RECORDS_MAX: usize = 32_768;

/// How many rings there are at most, whatever the number of threads.
const RINGS_MAX: usize = 1024;

/// The threads that record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threads {
    /// Those that said by [`work_as`] who they are, and have a ring each.
    pub workers: usize,
    /// All others, which have a ring each while they are no more than this, and then share.
    pub others: usize,
}

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

/// One ring for each worker, so that workers do not write to each other's cache lines, and then those of the other threads.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) rings: Box<[ArrayQueue<Record>]>,
    workers: usize,
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
    /// Rings that share `records_max` evenly.
    pub(super) fn new(threads: Threads, records_max: usize) -> Self {
        let others = threads.others.clamp(1, RINGS_MAX / 2);
        let workers = threads.workers.min(RINGS_MAX - others);
        let count = workers + others;
        let rings = (0..count).map(|_| ArrayQueue::new((records_max / count).max(1)));
        Self {
            rings: rings.collect(),
            workers,
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
        let own = self.own();
        for at in 0..count {
            match self.rings[(own + at) % count].push(record) {
                Ok(()) => return,
                Err(back) => record = back,
            }
        }
        self.overflowed.fetch_add(1, Relaxed);
    }

    fn own(&self) -> usize {
        match thread() {
            Thread::Worker(number) if number < self.workers => number,
            Thread::Worker(number) | Thread::Other(number) => {
                self.workers + number % (self.rings.len() - self.workers)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Thread {
    Worker(usize),
    Other(usize),
}

thread_local! {
    static THREAD: Cell<Option<Thread>> = const { Cell::new(None) };
}

/// Says that the thread that calls is the worker of this number, counted from 0: the one that writes to its ring.
pub fn work_as(number: usize) {
    THREAD.set(Some(Thread::Worker(number)));
}

/// Who calls. Threads that did not say are numbered in the order of their first record.
fn thread() -> Thread {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    THREAD.get().unwrap_or_else(|| {
        let other = Thread::Other(NEXT.fetch_add(1, Relaxed));
        THREAD.set(Some(other));
        other
    })
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
        let rings = Arc::new(Rings::new(Threads { workers: 1, others: 1 }, 4));
        let recorder = Recorder::new(Arc::clone(&rings));
        for _ in 0..7 {
            recorder.record(record("www.example"));
        }
        assert_eq!((rings.rings[0].len(), rings.rings[1].len()), (2, 2));
        assert_eq!(recorder.counts(), Counts { overflowed: 3, ..Counts::default() });
    }

    #[test]
    fn each_worker_has_a_ring_whoever_comes_first() {
        let rings = Rings::new(Threads { workers: 3, others: 2 }, 5_000);
        let record_as = |worker: Option<usize>, records| {
            worker.into_iter().for_each(work_as);
            (0..records).for_each(|_| rings.push(record("www.example")));
        };
        thread::scope(|scope| {
            for _ in 0..5 {
                scope.spawn(|| record_as(None, 10));
            }
            for (worker, records) in [(2, 300), (0, 100), (1, 200)] {
                scope.spawn(move || record_as(Some(worker), records));
            }
        });
        let held: Vec<usize> = rings.rings.iter().map(ArrayQueue::len).collect();
        assert_eq!((&held[..3], held[3] + held[4]), (&[100, 200, 300][..], 50));
    }

    #[test]
    fn rings_are_bounded_in_number_and_in_all() {
        let check = |workers, others, count: usize| {
            let rings = Rings::new(Threads { workers, others }, RECORDS_MAX);
            let room: usize = rings.rings.iter().map(ArrayQueue::capacity).sum();
            assert_eq!(rings.rings.len(), count, "{workers} and {others}");
            assert!(room <= RECORDS_MAX && room > RECORDS_MAX - count);
        };
        check(4, 2, 6);
        check(0, 0, 1);
        check(1_000_000, 100, RINGS_MAX);
        check(100, 1_000_000, 100 + RINGS_MAX / 2);
    }
}
