//! Which file is read and which folder holds what Squint keeps.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{Config, ConfigErrors, check, load};

/// The file looked for in the working folder.
pub const CONFIG_NAME: &str = "config.toml";

/// The file looked for after that.
pub const CONFIG_SYSTEM: &str = "/etc/squint/config.toml";

/// Which configuration counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This file.
    File(PathBuf),
    /// None is there: the defaults.
    Defaults,
}

impl Found {
    /// Reads it, and tries what its protected domains would flag besides.
    pub fn check(&self) -> Result<Config, ConfigErrors> {
        match self {
            Self::File(path) => check(path),
            Self::Defaults => Ok(Config::default()),
        }
    }

    /// Reads it.
    pub fn load(&self) -> Result<Config, ConfigErrors> {
        match self {
            Self::File(path) => load(path),
            Self::Defaults => Ok(Config::default()),
        }
    }
}

/// The file named, else `./config.toml`, else `/etc/squint/config.toml`, else none.
///
/// A file that is there counts even when it cannot be read, so that a mistake in its permissions is told.
pub fn find(explicit: Option<&Path>) -> Found {
    find_in(explicit, &[Path::new(CONFIG_NAME), Path::new(CONFIG_SYSTEM)])
}

fn find_in(explicit: Option<&Path>, places: &[&Path]) -> Found {
    let there = || places.iter().copied().find(|it| it.symlink_metadata().is_ok());
    explicit.or_else(there).map_or(Found::Defaults, |it| Found::File(it.to_owned()))
}

/// The folder named, else `$STATE_DIRECTORY`, else `$XDG_STATE_HOME/squint`, else `~/.local/state/squint`; nothing when
/// there is no home either.
pub fn data_dir(explicit: Option<&Path>) -> Option<PathBuf> {
    data_dir_of(explicit, |it| env::var_os(it))
}

fn data_dir_of(
    explicit: Option<&Path>,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Option<PathBuf> {
    // The XDG specification has relative paths ignored; a service manager gives absolute ones.
    let folder = |it| variable(it).map(PathBuf::from).filter(|it| it.is_absolute());
    // systemd gives several folders separated by colons where a unit asks for several.
    let state = || {
        let all = variable("STATE_DIRECTORY")?;
        env::split_paths(&all).next().filter(|it| it.is_absolute())
    };
    explicit
        .map(Path::to_owned)
        .or_else(state)
        .or_else(|| folder("XDG_STATE_HOME").map(|it| it.join("squint")))
        .or_else(|| folder("HOME").map(|it| it.join(".local/state/squint")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_file_that_is_there_counts() {
        let dir = tempfile::tempdir().unwrap();
        let (near, far) = (dir.path().join("near"), dir.path().join("far"));
        let places = [near.as_path(), far.as_path()];
        assert_eq!(find_in(None, &places), Found::Defaults);
        std::fs::write(&far, "").unwrap();
        assert_eq!(find_in(None, &places), Found::File(far.clone()));
        std::fs::write(&near, "").unwrap();
        assert_eq!(find_in(None, &places), Found::File(near.clone()));
        assert_eq!(find_in(Some(&far), &places), Found::File(far.clone()));
        let gone = dir.path().join("gone");
        assert_eq!(find_in(Some(&gone), &places), Found::File(gone.clone()));
    }

    #[test]
    fn the_data_folder_follows_the_environment() {
        let check = |explicit: Option<&str>, vars: &[(&str, &str)], expected: Option<&str>| {
            let variable =
                |name: &str| vars.iter().find(|it| it.0 == name).map(|it| OsString::from(it.1));
            let got = data_dir_of(explicit.map(Path::new), variable);
            assert_eq!(got, expected.map(PathBuf::from), "{vars:?}");
        };
        let home = ("HOME", "/home/a");
        check(None, &[], None);
        check(None, &[home], Some("/home/a/.local/state/squint"));
        check(None, &[home, ("XDG_STATE_HOME", "/s")], Some("/s/squint"));
        check(None, &[home, ("XDG_STATE_HOME", "")], Some("/home/a/.local/state/squint"));
        check(None, &[home, ("STATE_DIRECTORY", "/var/lib/squint:/x")], Some("/var/lib/squint"));
        check(Some("here"), &[home, ("STATE_DIRECTORY", "/var/lib/squint")], Some("here"));
    }
}
