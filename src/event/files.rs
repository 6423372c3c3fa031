//! `events.jsonl` and the files set aside before it: opened, appended to, rotated by size and age, mended after a crash.

use super::{Config, Now, formatter::received_millis, private};
use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

const FILE_NAME: &str = "events.jsonl";

/// A line cut short by a crash is looked for in this many bytes at the end of a file.
const TAIL_BYTES_MAX: u64 = 256 << 10;

const DAY: Duration = Duration::from_hours(24);

/// The files of one folder.
#[derive(Debug)]
pub(super) struct Files {
    config: Config,
    open: Option<Open>,
}

/// The current file.
#[derive(Debug)]
struct Open {
    file: File,
    len: u64,
    /// When its first event was received, since 1970.
    since: Duration,
}

impl Files {
    pub(super) const fn new(config: Config) -> Self {
        Self { config, open: None }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.config.dir.join(FILE_NAME)
    }

    /// Appends `lines`, whole lines only, and takes from them what is safely in the file: all of it, or on an error the
    /// lines before the one that failed. After an error the next call opens the file again.
    pub(super) fn append(&mut self, lines: &mut String, now: &Now) -> io::Result<()> {
        let bytes_wanted = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        if self.open.as_ref().is_none_or(|it| !it.is_still_at(&self.path())) {
            self.open = Some(Open::new(&self.config.dir, &self.path(), now)?);
            self.prune(now)?;
        }
        if self.open.as_ref().is_some_and(|it| self.is_full(it, bytes_wanted, now)) {
            self.open = None;
            self.rotate()?;
            self.prune(now)?;
            self.open = Some(Open::new(&self.config.dir, &self.path(), now)?);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let (done, result) = write_some(&mut open.file, lines.as_bytes());
        let whole =
            lines.as_bytes()[..done].iter().rposition(|&it| it == b'\n').map_or(0, |at| at + 1);
        lines.drain(..whole);
        open.len += u64::try_from(done).unwrap_or(u64::MAX);
        if result.is_err() {
            self.open = None;
        }
        result
    }

    /// Removes files that are too old and those past the number to keep.
    pub(super) fn prune(&self, now: &Now) -> io::Result<()> {
        let age_max = DAY * self.config.age_days_max.max(1);
        let oldest = SystemTime::UNIX_EPOCH + now.unix.saturating_sub(age_max);
        for entry in fs::read_dir(&self.config.dir)? {
            let entry = entry?;
            let Some(number) = entry.file_name().to_str().and_then(rotated_number) else {
                continue;
            };
            let is_old = || entry.metadata()?.modified().map(|it| it < oldest);
            if number > self.config.files_max || is_old()? {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    fn is_full(&self, open: &Open, bytes_wanted: u64, now: &Now) -> bool {
        let age_max = DAY * (self.config.age_days_max / self.config.files_max.max(1)).max(1);
        open.len > 0
            && (open.len + bytes_wanted > self.config.file_bytes_max
                || now.unix.saturating_sub(open.since) > age_max)
    }

    /// Counts every file up by one: `events.jsonl` becomes `events.jsonl.1`; the last one gives way.
    fn rotate(&self) -> io::Result<()> {
        let last = self.config.files_max;
        remove(&self.rotated(last))?;
        for number in (0..last).rev() {
            match fs::rename(self.rotated(number), self.rotated(number + 1)) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => (),
            }
        }
        Ok(())
    }

    fn rotated(&self, number: u32) -> PathBuf {
        match number {
            0 => self.path(),
            _ => self.config.dir.join(format!("{FILE_NAME}.{number}")),
        }
    }
}

impl Open {
    fn new(dir: &Path, path: &Path, now: &Now) -> io::Result<Self> {
        private::make_folder(dir)?;
        let mut file = private::options().read(true).append(true).create(true).open(path)?;
        let len = mend(&mut file)?;
        let mut head = [0; 32];
        file.seek(SeekFrom::Start(0))?;
        let read = file.read(&mut head)?;
        let since = received_millis(&head[..read]).map_or(now.unix, Duration::from_millis);
        Ok(Self { file, len, since })
    }

    /// Whether the path still leads to this file, and not to another one or to nothing.
    fn is_still_at(&self, path: &Path) -> bool {
        match (fs::metadata(path), self.file.metadata()) {
            (Ok(there), Ok(here)) => private::identity(&there) == private::identity(&here),
            _ => false,
        }
    }
}

/// The number of a file that was set aside: 3 for `events.jsonl.3`.
fn rotated_number(name: &str) -> Option<u32> {
    let number = name.strip_prefix(FILE_NAME)?.strip_prefix('.')?;
    number.parse().ok().filter(|it: &u32| it.to_string() == number)
}

/// Cuts off a last line that was written in part only, and tells how long the file is then.
fn mend(file: &mut File) -> io::Result<u64> {
    let len = file.metadata()?.len();
    let start = len.saturating_sub(TAIL_BYTES_MAX);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.take(TAIL_BYTES_MAX).read_to_end(&mut tail)?;
    let whole = match tail.iter().rposition(|&it| it == b'\n') {
        Some(at) => start + u64::try_from(at).unwrap_or(0) + 1,
        None => start,
    };
    if whole < len {
        file.set_len(whole)?;
    }
    Ok(whole)
}

/// Writes as much as the file takes, and tells how much that was.
fn write_some(file: &mut File, bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut done = 0;
    while done < bytes.len() {
        match file.write(&bytes[done..]) {
            Ok(0) => return (done, Err(ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => (),
            Err(error) => return (done, Err(error)),
        }
    }
    (done, Ok(()))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    const START: Duration = Duration::from_secs(1_750_000_000);

    fn at(unix: Duration) -> Now {
        Now { unix, ..Now::read() }
    }

    fn files(dir: &TempDir) -> Files {
        let config = Config::new(dir.path().to_owned());
        Files::new(Config { file_bytes_max: 20, files_max: 3, age_days_max: 9, ..config })
    }

    fn append(files: &mut Files, text: &str, unix: Duration) {
        let mut lines = text.to_owned();
        files.append(&mut lines, &at(unix)).unwrap();
        assert_eq!(lines, "");
    }

    /// Names and contents of the folder, sorted by name.
    fn listing(dir: &TempDir) -> Vec<String> {
        let mut paths: Vec<PathBuf> =
            fs::read_dir(dir.path()).unwrap().map(|it| it.unwrap().path()).collect();
        paths.sort();
        let show = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            format!("{name}={}", fs::read_to_string(path).unwrap().replace('\n', ";"))
        };
        paths.iter().map(show).collect()
    }

    #[test]
    fn files_rotate_by_size() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = files(&dir);
        for text in
            ["one one\n", "two two\n", "three\nthree\n", "four is long, too long\n", "five\n"]
        {
            append(&mut files, text, START);
        }
        let expected = [
            "events.jsonl=five;",
            "events.jsonl.1=four is long, too long;",
            "events.jsonl.2=three;three;",
            "events.jsonl.3=one one;two two;",
        ];
        assert_eq!(listing(&dir), expected);
        append(&mut files, "six is quite long\n", START);
        let expected = [
            "events.jsonl=six is quite long;",
            "events.jsonl.1=five;",
            "events.jsonl.2=four is long, too long;",
            "events.jsonl.3=three;three;",
        ];
        assert_eq!(listing(&dir), expected);
    }

    #[test]
    fn files_rotate_by_age_across_restarts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        fs::write(&path, "{\"id\":\"01JXQKEX00\"}\n").unwrap();
        let since = received_millis(&fs::read(&path).unwrap()).map(Duration::from_millis).unwrap();
        let config = Config { file_bytes_max: 1_000, ..files(&dir).config };
        append(&mut Files::new(config.clone()), "young\n", since + DAY * 3);
        assert_eq!(listing(&dir).len(), 1);
        append(&mut Files::new(config), "old\n", since + DAY * 3 + Duration::from_secs(1));
        assert_eq!(listing(&dir)[0], "events.jsonl=old;");
        assert_eq!(listing(&dir).len(), 2);
    }

    #[test]
    fn old_and_surplus_files_go() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, age: Duration| {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + (START - age)).unwrap();
        };
        put("events.jsonl.1", DAY);
        put("events.jsonl.2", DAY * 10);
        put("events.jsonl.4", DAY);
        put("events.jsonl.old", DAY * 10);
        put("events.jsonl.01", DAY * 10);
        put("other", DAY * 10);
        files(&dir).prune(&at(START)).unwrap();
        let expected = ["events.jsonl.01=", "events.jsonl.1=", "events.jsonl.old=", "other="];
        assert_eq!(listing(&dir), expected);
    }

    #[test]
    fn a_torn_line_is_cut_off() {
        let check = |before: &str, after: &str| {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(FILE_NAME), before).unwrap();
            append(&mut files(&dir), "new\n", START);
            assert_eq!(listing(&dir), [format!("events.jsonl={after}")]);
        };
        check("", "new;");
        check("whole\n", "whole;new;");
        check("whole\n{\"id", "whole;new;");
        check("{\"id", "new;");
    }

    #[test]
    fn a_file_taken_away_is_made_again() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = files(&dir);
        append(&mut files, "one\n", START);
        fs::rename(files.path(), dir.path().join("taken")).unwrap();
        append(&mut files, "two\n", START);
        assert_eq!(listing(&dir), ["events.jsonl=two;", "taken=one;"]);
    }

    #[test]
    #[cfg(unix)]
    fn nobody_else_may_read() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        let mut files = Files::new(Config::new(inner.clone()));
        append(&mut files, "one\n", START);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&inner), mode(&files.path())), (0o700, 0o600));
    }

    #[test]
    fn lines_that_cannot_be_written_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        let mut files = Files::new(Config::new(dir.path().join("file/below")));
        let mut lines = "one\n".to_owned();
        assert!(files.append(&mut lines, &at(START)).is_err());
        assert_eq!(lines, "one\n");
    }
}
