//! The folder with names to measure on.

use std::{
    env,
    path::{Path, PathBuf},
};

/// Where names are: `$SQUINT_DATA`, else the collections beside the project, else those that may be shipped.
pub(crate) fn usual() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = root.join("../shared/data");
    let usual = if beside.is_dir() { beside } else { root.join("tests/data") };
    env::var_os("SQUINT_DATA").map_or(usual, PathBuf::from)
}
