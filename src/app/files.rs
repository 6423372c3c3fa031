//! Watching files by what the file system says of them: works across renames, editors, symlinks and mounted volumes.

use crate::event::private;
use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// Device and inode, length, and time of change; `None` while the file is missing.
type Mark = Option<((u64, u64), u64, Option<SystemTime>)>;

/// Files and what they looked like when last seen.
#[derive(Debug, Default)]
pub(super) struct Watched {
    files: Vec<(PathBuf, Mark)>,
}

impl Watched {
    /// Watches these files from now on.
    pub(super) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            files: paths
                .into_iter()
                .map(|path| (mark(&path), path))
                .map(|(mark, path)| (path, mark))
                .collect(),
        }
    }

    /// Watches more files from now on.
    pub(super) fn add(&mut self, paths: impl IntoIterator<Item = PathBuf>) {
        self.files.append(&mut Self::new(paths).files);
    }

    /// Whether any file has changed since it was last seen.
    ///
    /// A file that is missing has not changed: whoever replaces a file may take it away first.
    pub(super) fn changed(&mut self) -> bool {
        let mut changed = false;
        for (path, held) in &mut self.files {
            let seen = mark(path);
            if seen.is_some() && seen != *held {
                *held = seen;
                changed = true;
            }
        }
        changed
    }
}

fn mark(path: &Path) -> Mark {
    let it = fs::metadata(path).ok()?;
    Some((private::identity(&it), it.len(), it.modified().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list");
        fs::write(&path, "a").unwrap();
        let mut watched = Watched::new([path.clone()]);
        assert!(!watched.changed());
        fs::write(&path, "ab").unwrap();
        assert!(watched.changed());
        assert!(!watched.changed());
        fs::remove_file(&path).unwrap();
        assert!(!watched.changed());
        fs::write(dir.path().join("new"), "abc").unwrap();
        fs::rename(dir.path().join("new"), &path).unwrap();
        assert!(watched.changed());
    }
}
