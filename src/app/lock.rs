//! The data directory: made with tight permissions, held by one process at a time.

use crate::event::private;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    path::{Path, PathBuf},
    process,
};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum LockError {
    /// It cannot be made or entered.
    #[error("cannot use data directory `{}`: {source}\nhint: choose another with `--data-dir DIR`", path.display())]
    Unusable {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another Squint works there.
    #[error("data directory `{}` is in use by another Squint{}\nhint: stop it, or choose another directory with `--data-dir DIR`", path.display(), pid_note(*pid))]
    Held {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, where it says so.
        pid: Option<u32>,
    },
}

fn pid_note(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |it| format!(" (process {it})"))
}

/// The file that is locked.
const LOCK: &str = "lock";

/// A data directory held by this process until dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    /// Where it is.
    pub(super) path: PathBuf,
    /// The lock is released when this closes.
    _lock: File,
}

impl DataDir {
    /// Makes the directory (0700) where it is missing, and locks it.
    pub(super) fn hold(path: &Path) -> Result<Self, LockError> {
        let unusable = |source| LockError::Unusable { path: path.to_owned(), source };
        if !path.is_dir() {
            private::make_folder(path).map_err(unusable)?;
        }
        // A directory that others use as well, `/tmp` say, keeps its mode; the files in it are 0600 all the same.
        let is_own =
            path.join(LOCK).exists() || fs::read_dir(path).map_err(unusable)?.next().is_none();
        if is_own {
            private::close_folder(path).map_err(unusable)?;
        }
        let mut lock = private::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path.join(LOCK))
            .map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => (),
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let pid =
                    lock.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
                return Err(LockError::Held { path: path.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        lock.set_len(0)
            .and_then(|()| lock.rewind())
            .and_then(|()| writeln!(lock, "{}", process::id()))
            .map_err(unusable)?;
        Ok(Self { path: path.to_owned(), _lock: lock })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn one_process_holds_a_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let held = DataDir::hold(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::metadata(path.join("lock")).unwrap().permissions().mode() & 0o777, 0o600);
        let error = DataDir::hold(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("process {}", process::id())), "{error}");
        drop(held);
        DataDir::hold(&path).unwrap();
    }
}
