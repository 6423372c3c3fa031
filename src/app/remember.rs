//! The files of what was asked here lately: one a day in the data directory, read at start, written every few minutes and at
//! stop.

use super::clock;
use crate::{
    event::private,
    seen::{self, DAYS, Memory},
};
use anyhow::Context as _;
use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// The folder in the data directory; its files are named by their day, counted from 1970-01-01.
const FOLDER: &str = "seen";

/// How often today's file is written, where something was added: half a megabyte.
const SAVE_EVERY: Duration = Duration::from_secs(600);

/// How often the clock is looked at for a new day.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Seconds in a day.
const DAY_SECS: u64 = 86_400;

/// A thread that keeps the files of a memory until it is told to stop.
pub(super) struct Keeper {
    thread: JoinHandle<()>,
    stop: mpsc::Sender<()>,
}

impl Keeper {
    /// Reads what was kept, and keeps it from now on.
    ///
    /// # Errors
    /// The folder or the thread cannot be made. A file that cannot be used is told in the log and left out.
    pub(super) fn start(data_dir: &Path) -> anyhow::Result<(Self, Arc<Memory>)> {
        let mut files = Files::open(&data_dir.join(FOLDER), today(), clock::monotonic())
            .context("cannot keep what was asked here lately")?;
        let memory = Arc::clone(&files.memory);
        let (stop, stopped) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("seen".to_owned())
            .spawn(move || {
                while stopped.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                    files.look(today(), clock::monotonic());
                }
                files.save();
            })
            .context("cannot start the thread that keeps what was asked here lately")?;
        Ok((Self { thread, stop }, memory))
    }

    /// Writes what was not written yet, and ends.
    pub(super) fn stop(self) {
        drop(self.stop);
        if self.thread.join().is_err() {
            tracing::error!("what was asked here lately could not be kept");
        }
    }
}

fn today() -> u32 {
    u32::try_from(clock::unix() / DAY_SECS).unwrap_or(u32::MAX)
}

/// A memory and its folder.
struct Files {
    memory: Arc<Memory>,
    folder: PathBuf,
    /// Entries of today that stand in its file.
    saved: u32,
    save_at: Instant,
    /// A failure has been told, and nothing has been written since.
    failed: bool,
    full_told: bool,
}

impl Files {
    fn open(folder: &Path, today: u32, now: Instant) -> io::Result<Self> {
        private::make_folder(folder)?;
        let seed =
            days(folder)?.into_iter().rev().find_map(|day| seed(&folder.join(day.to_string())));
        let memory = Arc::new(Memory::new(seed.unwrap_or_else(rand::random), today));
        let mut files = Self {
            memory,
            folder: folder.to_owned(),
            saved: 0,
            save_at: now + SAVE_EVERY,
            failed: false,
            full_told: false,
        };
        files.load();
        Ok(files)
    }

    /// Follows the clock: a new day, or the time to write.
    fn look(&mut self, today: u32, now: Instant) {
        let before = self.memory.today();
        if today != before {
            self.save();
            self.memory.turn(today);
            self.full_told = false;
            self.saved = 0;
            // A clock that was wrong at start may have hidden what is kept.
            if today != before.wrapping_add(1) {
                self.load();
            }
            self.prune();
        }
        if now >= self.save_at {
            self.save_at = now + SAVE_EVERY;
            self.save();
        }
        if self.memory.is_full() && !self.full_told {
            self.full_told = true;
            tracing::warn!(
                "more names were asked today than are remembered; some of them will count as new again"
            );
        }
    }

    /// Reads every kept day of the window.
    fn load(&mut self) {
        let today = self.memory.today();
        let oldest = today.saturating_sub(DAYS as u32 - 1);
        let kept = days(&self.folder).unwrap_or_default();
        for day in kept.into_iter().filter(|it| (oldest..=today).contains(it)) {
            let path = self.folder.join(day.to_string());
            let read = read(&path).map_err(|it| it.to_string());
            if let Err(error) =
                read.and_then(|it| self.memory.add_day(&it).map_err(|it| it.to_string()))
            {
                tracing::warn!("`{}` is left out: {error}", path.display());
            }
        }
        self.saved = self.memory.entries(today).unwrap_or(0);
    }

    /// Writes today's file where something was added.
    fn save(&mut self) {
        let today = self.memory.today();
        let entries = self.memory.entries(today).unwrap_or(0);
        if entries == self.saved {
            return;
        }
        let Some(octets) = self.memory.day(today) else { return };
        match write(&self.folder, today, &octets) {
            Ok(()) => (self.saved, self.failed) = (entries, false),
            Err(error) if !self.failed => {
                self.failed = true;
                tracing::warn!("cannot write to `{}`: {error}", self.folder.display());
            }
            Err(_) => (),
        }
    }

    /// Removes the files of days before the window. Days to come stay: the clock may be the one that is wrong.
    fn prune(&self) {
        let oldest = self.memory.today().saturating_sub(DAYS as u32 - 1);
        for day in days(&self.folder).unwrap_or_default().into_iter().filter(|it| *it < oldest) {
            // What cannot be removed now is tried again tomorrow.
            let _kept = fs::remove_file(self.folder.join(day.to_string()));
        }
    }
}

/// The days that a folder has files of, in order.
fn days(folder: &Path) -> io::Result<Vec<u32>> {
    let mut days = Vec::new();
    for entry in fs::read_dir(folder)? {
        days.extend(entry?.file_name().to_str().and_then(|it| it.parse::<u32>().ok()));
    }
    days.sort_unstable();
    Ok(days)
}

fn seed(path: &Path) -> Option<u64> {
    seen::seed_of(&read(path).ok()?)
}

/// Reads a file, but no more of it than a day has.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(seen::DAY_LEN as u64 + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// Writes a day's file beside the old one, then puts it in its place.
fn write(folder: &Path, day: u32, octets: &[u8]) -> io::Result<()> {
    let new = folder.join("new");
    let mut file = private::options().write(true).create(true).truncate(true).open(&new)?;
    file.write_all(octets)?;
    file.sync_all()?;
    fs::rename(new, folder.join(day.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        lookalike::{self, Engine},
        name::Host,
        verdict::Novelty,
    };
    use std::{net::Ipv4Addr, sync::LazyLock};

    const FIRST: u32 = 20_000;

    static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&lookalike::Config::default()));

    fn novelty(files: &Files, name: &str) -> Novelty {
        let now = u64::from(files.memory.today()) * DAY_SECS;
        let host = Host::new(name);
        files.memory.meet(&ENGINE, &host, Ipv4Addr::LOCALHOST.into(), now).registrable
    }

    fn open(folder: &Path, today: u32) -> Files {
        Files::open(folder, today, clock::monotonic()).unwrap()
    }

    /// Four days of one name, each saved when the next one comes.
    fn four_days(folder: &Path) -> Files {
        let mut files = open(folder, FIRST);
        for day in 0..4 {
            files.look(FIRST + day, clock::monotonic());
            novelty(&files, "daily.example");
        }
        files
    }

    #[test]
    fn a_restart_forgets_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = four_days(dir.path());
        files.save();
        drop(files);
        assert_eq!(days(dir.path()).unwrap(), [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]);
        let again = open(dir.path(), FIRST + 4);
        assert_eq!(novelty(&again, "daily.example"), Novelty::Known);
        assert_eq!(novelty(&again, "fresh.example"), Novelty::New);
    }

    #[test]
    fn today_is_written_every_few_minutes() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = open(dir.path(), FIRST);
        novelty(&files, "a.example");
        let now = clock::monotonic();
        files.look(FIRST, now);
        assert_eq!(days(dir.path()).unwrap(), [0; 0]);
        files.look(FIRST, now + SAVE_EVERY);
        assert_eq!(days(dir.path()).unwrap(), [FIRST]);
        fs::remove_file(dir.path().join(FIRST.to_string())).unwrap();
        files.look(FIRST, now + 2 * SAVE_EVERY + SAVE_EVERY);
        assert_eq!(days(dir.path()).unwrap(), [0; 0], "nothing was added");
    }

    #[test]
    fn broken_files_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        four_days(dir.path()).save();
        fs::write(dir.path().join((FIRST + 3).to_string()), "broken").unwrap();
        fs::write(dir.path().join("notes"), "none of ours").unwrap();
        let again = open(dir.path(), FIRST + 4);
        assert_eq!(novelty(&again, "daily.example"), Novelty::Known);
        assert_eq!(again.memory.entries(FIRST + 3), None);
    }

    #[test]
    fn old_days_go_and_a_clock_set_right_brings_the_others_back() {
        let dir = tempfile::tempdir().unwrap();
        four_days(dir.path()).save();
        // A board without a clock wakes up in 1970.
        let mut files = open(dir.path(), 0);
        assert_eq!(novelty(&files, "daily.example"), Novelty::Unknown);
        files.look(FIRST + 5, clock::monotonic());
        assert_eq!(novelty(&files, "daily.example"), Novelty::Known);
        assert_eq!(days(dir.path()).unwrap(), [FIRST, FIRST + 1, FIRST + 2, FIRST + 3]);
        files.look(FIRST + 32, clock::monotonic());
        assert_eq!(days(dir.path()).unwrap(), [FIRST + 3, FIRST + 5]);
    }
}
