//! Tells the program when it was built: no clock that is right shows an earlier time. `SOURCE_DATE_EPOCH` decides, where it is set, so
//! that builds can be repeated octet for octet.
#![expect(clippy::disallowed_methods, reason = "the day of the build is what it reads")]

use std::{
    env,
    time::{SystemTime, UNIX_EPOCH},
};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=SOURCE_DATE_EPOCH");
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
    let given = env::var("SOURCE_DATE_EPOCH").ok().and_then(|it| it.parse().ok());
    println!("cargo::rustc-env=SQUINT_BUILT_UNIX={}", given.unwrap_or_else(now));
}
