//! Files and folders that are nobody else's business: 0600 and 0700 where the system has modes.

use std::{
    fs::{self, DirBuilder, Metadata, OpenOptions},
    io,
    path::Path,
};

/// Makes a folder and those above it, where they are missing.
pub(crate) fn make_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Shuts others out of a folder that is there.
pub(crate) fn close_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        fs::set_permissions(path, mode)
    }
    #[cfg(not(unix))]
    fs::metadata(path).map(drop)
}

/// Ways to open a file; where it is made, only its owner reads it.
pub(crate) fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "nothing to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// What sets a file apart from others of its name, before it and after: device and inode, where the system has them.
pub(crate) fn identity(it: &Metadata) -> (u64, u64) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        (it.dev(), it.ino())
    }
    #[cfg(not(unix))]
    {
        let _ = it;
        (0, 0)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn only_the_owner_reads() {
        let dir = tempfile::tempdir().unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let folder = dir.path().join("a/b");
        make_folder(&folder).unwrap();
        options().write(true).create(true).open(folder.join("file")).unwrap();
        assert_eq!((mode(&folder), mode(&folder.join("file"))), (0o700, 0o600));
        close_folder(dir.path()).unwrap();
        assert_eq!(mode(dir.path()), 0o700);
        assert!(close_folder(&dir.path().join("none")).is_err());
    }
}
