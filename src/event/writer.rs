//! The writer: a thread that empties the rings and appends lines to the files.

use super::{
    Config, Formatter, Now, RECORDS_MAX, Record, Recorder,
    files::Files,
    formatter,
    merge::{Merge, Row},
    node_name,
    recorder::{Rings, Threads},
};
use std::{
    fmt, io, mem,
    net::IpAddr,
    sync::{
        Arc,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, Release},
        },
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// Lines that a refusing disk leaves behind are kept up to this many bytes; later ones are dropped and counted.
pub const PENDING_BYTES_MAX: usize = 4 << 20;

/// Looks up what a client is called; asked by the writer, away from the answers.
pub type ClientName = Box<dyn Fn(IpAddr) -> Option<Arc<str>> + Send>;

/// Lines are handed to the disk in pieces of about this many bytes.
const CHUNK_BYTES: usize = 64 << 10;

/// How long the writer rests between two looks at the rings.
const REST: Duration = Duration::from_millis(20);

/// The same while a ring fills quickly.
const REST_BUSY: Duration = Duration::from_millis(2);

/// How long a disk that refused is left alone.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often lost events are reported at most.
const REPORT_EVERY: Duration = Duration::from_mins(1);

/// How often files that grew too old are looked for.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// How long a stop waits for the disk at most.
const STOP_MAX: Duration = Duration::from_secs(2);

/// The thread that writes; stops, with everything on disk that was recorded before, when it is dropped.
pub struct Writer {
    thread: Option<Running>,
}

struct Running {
    thread: thread::Thread,
    stopping: Arc<AtomicBool>,
    done: mpsc::Receiver<()>,
}

/// Starts the writer with a ring for each of these threads. When history is disabled, nothing is started and the recorder
/// forgets everything. A disk that refuses is no error here: it is reported and tried again.
pub fn start(
    config: Config,
    threads: Threads,
    client_name: ClientName,
) -> io::Result<(Recorder, Writer)> {
    if !config.enabled {
        return Ok((Recorder::off(), Writer { thread: None }));
    }
    let rings = Arc::new(Rings::new(threads, RECORDS_MAX));
    let stopping = Arc::new(AtomicBool::new(false));
    let (done_tx, done) = mpsc::channel();
    let mut drain = Drain::new(Arc::clone(&rings), config, client_name, rand::random());
    let stop = Arc::clone(&stopping);
    let run = move || {
        drain.run(&stop);
        // Nobody listens when the stop did not wait that long.
        _ = done_tx.send(());
    };
    let handle = thread::Builder::new().name("events".to_owned()).spawn(run)?;
    let thread = handle.thread().clone();
    Ok((Recorder::new(rings), Writer { thread: Some(Running { thread, stopping, done }) }))
}

impl Writer {
    /// Writes what was recorded until now and stops; `false` when the disk takes longer than two seconds for it.
    pub fn stop(mut self) -> bool {
        self.finish()
    }

    fn finish(&mut self) -> bool {
        let Some(running) = self.thread.take() else { return true };
        running.stopping.store(true, Release);
        running.thread.unpark();
        // A closed channel means that the thread is gone, and with it the lines; only a panic does that.
        running.done.recv_timeout(STOP_MAX).is_ok()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("running", &self.thread.is_some()).finish()
    }
}

/// How quickly the rings fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    Idle,
    Busy,
    Flooded,
}

/// All that the thread works with; told what time it is by its caller.
struct Drain {
    rings: Arc<Rings>,
    formatter: Formatter,
    client_name: ClientName,
    files: Files,
    /// Rows of a ring past half, while it is emptied.
    merge: Merge,
    /// Lines not yet on disk.
    lines: String,
    /// For how many queries these stand.
    pending: u64,
    /// Set while the disk refuses.
    retry_at: Option<Instant>,
    prune_at: Option<Instant>,
    report_at: Option<Instant>,
    reported: u64,
}

impl Drain {
    fn new(rings: Arc<Rings>, config: Config, client_name: ClientName, run: u64) -> Self {
        Self {
            rings,
            formatter: Formatter::new(&node_name(), run),
            client_name,
            files: Files::new(config),
            merge: Merge::new(),
            lines: String::with_capacity(2 * CHUNK_BYTES),
            pending: 0,
            retry_at: None,
            prune_at: None,
            report_at: None,
            reported: 0,
        }
    }

    fn run(&mut self, stopping: &AtomicBool) {
        while !stopping.load(Acquire) {
            match self.turn(&Now::read()) {
                Pace::Idle => thread::park_timeout(REST),
                Pace::Busy => thread::park_timeout(REST_BUSY),
                Pace::Flooded => (),
            }
        }
        // Whatever the disk said a moment ago, it is asked once more.
        self.retry_at = None;
        self.turn(&Now::read());
    }

    /// Empties the rings as they stand and hands the lines to the disk.
    fn turn(&mut self, now: &Now) -> Pace {
        let mut pace = Pace::Idle;
        let rings = Arc::clone(&self.rings);
        for ring in &rings.rings {
            // Bounded by the ring's size, so that one busy worker does not keep the others' records waiting.
            let mut taken = 0;
            let is_past_half = ring.len() > ring.capacity() / 2;
            while taken < ring.capacity()
                && let Some(record) = ring.pop()
            {
                taken += 1;
                if is_past_half {
                    self.merge(record, now);
                } else {
                    self.write((&record, 1, record.received), now);
                }
            }
            self.write_merged(now);
            pace = pace.max(match taken {
                _ if taken > ring.capacity() / 2 => Pace::Flooded,
                _ if taken > ring.capacity() / 16 => Pace::Busy,
                _ => Pace::Idle,
            });
        }
        self.flush(now);
        self.prune(now);
        self.report(now);
        pace
    }

    fn merge(&mut self, record: Record, now: &Now) {
        self.merge.add(record);
        if self.merge.is_full() {
            self.write_merged(now);
        }
    }

    fn write_merged(&mut self, now: &Now) {
        let mut merge = mem::replace(&mut self.merge, Merge::new());
        for Row { record, count, last } in merge.take() {
            self.write((&record, count, last), now);
        }
        // With the room that it has.
        self.merge = merge;
    }

    fn write(&mut self, (record, count, last): (&Record, u64, Instant), now: &Now) {
        if self.lines.len() >= PENDING_BYTES_MAX {
            self.rings.unwritten.fetch_add(count, Relaxed);
            return;
        }
        let name = (self.client_name)(record.client.address.ip().to_canonical());
        let name = name.as_deref().unwrap_or("");
        self.formatter.write_merged((record, count, last), name, now, &mut self.lines);
        self.pending += count;
        if self.lines.len() >= CHUNK_BYTES {
            self.flush(now);
        }
    }

    fn flush(&mut self, now: &Now) {
        if self.lines.is_empty() || self.retry_at.is_some_and(|it| now.instant < it) {
            return;
        }
        let result = self.files.append(&mut self.lines, now);
        let left = formatter::queries(&self.lines);
        self.rings.written.fetch_add(self.pending - left, Relaxed);
        self.pending = left;
        let path = self.files.path();
        match (result, self.retry_at) {
            (Ok(()), None) => (),
            (Ok(()), Some(_)) => {
                tracing::info!("events are written to `{}` again", path.display());
                self.retry_at = None;
            }
            (Err(error), before) => {
                if before.is_none() {
                    tracing::error!(
                        "cannot write events to `{}`: {error}; queries are answered all the same, and the file is tried every second",
                        path.display()
                    );
                }
                self.retry_at = Some(now.instant + RETRY_AFTER);
            }
        }
    }

    fn prune(&mut self, now: &Now) {
        if self.prune_at.is_some_and(|it| now.instant < it) {
            return;
        }
        self.prune_at = Some(now.instant + PRUNE_EVERY);
        // A folder that cannot be read is reported as soon as there is something to write.
        _ = self.files.prune(now);
    }

    fn report(&mut self, now: &Now) {
        let lost = self.rings.counts().lost();
        if lost == self.reported || self.report_at.is_some_and(|it| now.instant < it) {
            return;
        }
        tracing::warn!("{} events lost, {lost} since the start", lost - self.reported);
        self.reported = lost;
        self.report_at = Some(now.instant + REPORT_EVERY);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{
        dns::{Client, Facts, Rcode, Transport},
        event::{Counts, Record},
        name::Name,
    };
    use std::{fs, net::Ipv4Addr, path::Path};

    pub(in crate::event) fn record(name: &str) -> Record {
        Record {
            received: Now::read().instant,
            duration: Duration::from_micros(120),
            client: Client {
                address: (Ipv4Addr::new(192, 0, 2, 7), 5_000).into(),
                local: Ipv4Addr::LOCALHOST.into(),
                transport: Transport::Udp,
                keepalive: 0,
            },
            name: Name::parse(name).unwrap(),
            qtype: 1,
            rcode: Rcode::NOERROR,
            verdict: None,
            facts: Facts::default(),
            cached: true,
            generation: 1,
        }
    }

    fn nobody() -> ClientName {
        Box::new(|_| None)
    }

    fn drain(dir: &Path, records_max: usize) -> (Recorder, Drain) {
        let rings = Arc::new(Rings::new(Threads { workers: 0, others: 1 }, records_max));
        let drain = Drain::new(Arc::clone(&rings), Config::new(dir.to_owned()), nobody(), 1);
        (Recorder::new(rings), drain)
    }

    fn lines(dir: &Path) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(dir.join("events.jsonl")).unwrap();
        text.lines().map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    #[test]
    fn records_become_lines() {
        let dir = tempfile::tempdir().unwrap();
        let (recorder, mut drain) = drain(dir.path(), 8);
        drain.client_name = Box::new(|it| (it == Ipv4Addr::new(192, 0, 2, 7)).then(|| "tv".into()));
        recorder.record(record("a.example"));
        recorder.record(record("b.example"));
        drain.turn(&Now::read());
        let found = lines(dir.path());
        assert_eq!(found.len(), 2);
        assert_eq!(
            (&found[0]["query"], &found[1]["query"]),
            (&"a.example".into(), &"b.example".into())
        );
        assert_eq!(found[0]["client_name"], "tv");
        assert!(found[0]["id"].as_str() < found[1]["id"].as_str());
        assert_eq!(recorder.counts(), Counts { written: 2, ..Counts::default() });
    }

    #[test]
    fn a_disk_that_refuses_is_tried_again_later() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::write(&inner, "in the way").unwrap();
        let (recorder, mut drain) = drain(&inner, 8);
        let now = Now::read();
        recorder.record(record("a.example"));
        drain.turn(&now);
        assert_eq!(recorder.counts(), Counts::default());
        fs::remove_file(&inner).unwrap();
        let soon = Now { instant: now.instant + RETRY_AFTER / 2, ..now };
        recorder.record(record("b.example"));
        drain.turn(&soon);
        assert!(!inner.exists());
        let later = Now { instant: now.instant + RETRY_AFTER, ..now };
        drain.turn(&later);
        assert_eq!(lines(&inner).len(), 2);
        assert_eq!(recorder.counts(), Counts { written: 2, ..Counts::default() });
    }

    #[test]
    fn what_waits_for_the_disk_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::write(&inner, "in the way").unwrap();
        let (recorder, mut drain) = drain(&inner, 8);
        let now = Now::read();
        let records = 20_000;
        for _ in 0..records {
            recorder.record(record("www.a-rather-long-name-that-fills-the-buffer.example"));
            drain.turn(&now);
        }
        assert!(drain.lines.len() < PENDING_BYTES_MAX + 1_000);
        let lost = recorder.counts().unwritten;
        assert_eq!(lost + drain.pending, records);
        fs::remove_file(&inner).unwrap();
        drain.turn(&Now { instant: now.instant + RETRY_AFTER, ..now });
        let expected = Counts { written: records - lost, overflowed: 0, unwritten: lost };
        assert_eq!(recorder.counts(), expected);
        assert_eq!(lines(&inner).len() as u64, records - lost);
    }

    #[test]
    fn repeats_are_merged_when_the_ring_is_past_half() {
        let check = |records: u64, expected: &[u64]| {
            let dir = tempfile::tempdir().unwrap();
            let (recorder, mut drain) = drain(dir.path(), 64);
            let first = record("a.example");
            for number in 0..records {
                let name = Name::parse(["a.example", "b.example"][number as usize % 2]).unwrap();
                let received = first.received + Duration::from_millis(number);
                recorder.record(Record { name, received, ..first.clone() });
            }
            drain.turn(&Now::read());
            let found = lines(dir.path());
            let counts: Vec<u64> = found.iter().map(|it| it["count"].as_u64().unwrap()).collect();
            assert_eq!(counts, expected, "{records} records");
            assert_eq!(recorder.counts(), Counts { written: records, ..Counts::default() });
            let time = |of: &str| found[0][of].as_str().unwrap().to_owned();
            assert_eq!(time("time") < time("last"), expected[0] > 1);
        };
        check(3, &[1; 3]);
        check(32, &[1; 32]);
        check(33, &[17, 16]);
        check(64, &[32, 32]);
    }

    #[test]
    fn merged_rows_that_the_disk_refuses_are_lost_by_their_counts() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("inner");
        fs::write(&inner, "in the way").unwrap();
        let (recorder, mut drain) = drain(&inner, 64);
        let repeat = |recorder: &Recorder| {
            let first = record("a.example");
            (0..64).for_each(|_| recorder.record(first.clone()));
        };
        repeat(&recorder);
        let now = Now::read();
        drain.turn(&now);
        assert_eq!((recorder.counts(), drain.pending), (Counts::default(), 64));
        fs::remove_file(&inner).unwrap();
        repeat(&recorder);
        drain.turn(&Now { instant: now.instant + RETRY_AFTER, ..now });
        assert_eq!(recorder.counts(), Counts { written: 128, ..Counts::default() });
        assert_eq!(lines(&inner).len(), 2);
    }

    #[test]
    fn the_pace_follows_the_rings() {
        let dir = tempfile::tempdir().unwrap();
        let (recorder, mut drain) = drain(dir.path(), 64);
        let mut check = |records: usize, expected: Pace| {
            (0..records).for_each(|_| recorder.record(record("www.example")));
            assert_eq!(drain.turn(&Now::read()), expected, "{records} records");
        };
        check(0, Pace::Idle);
        check(4, Pace::Idle);
        check(5, Pace::Busy);
        check(32, Pace::Busy);
        check(33, Pace::Flooded);
        check(64, Pace::Flooded);
        check(0, Pace::Idle);
    }

    #[test]
    fn a_stop_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config::new(dir.path().to_owned());
        let (recorder, writer) =
            start(config, Threads { workers: 1, others: 1 }, nobody()).unwrap();
        for _ in 0..5_000 {
            recorder.record(record("www.example"));
        }
        assert!(writer.stop());
        assert_eq!(lines(dir.path()).len(), 5_000);
        assert_eq!(recorder.counts(), Counts { written: 5_000, ..Counts::default() });
    }

    #[test]
    fn nothing_is_written_when_history_is_disabled() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { enabled: false, ..Config::new(dir.path().to_owned()) };
        let (recorder, writer) =
            start(config, Threads { workers: 1, others: 1 }, nobody()).unwrap();
        recorder.record(record("www.example"));
        assert!(!recorder.is_on() && writer.stop());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
