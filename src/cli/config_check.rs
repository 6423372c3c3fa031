//! `squint config check`: errors with their place, or what differs from the default.

use crate::{app, config};
use std::{io::Write as _, path::Path, process::ExitCode};

pub(super) fn run(file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let found = config::find(file);
    let config = found.check()?;
    let place = app::describe(&found);
    let mut out = anstream::stdout().lock();
    for warning in &config.warnings {
        writeln!(out, "{warning}")?;
    }
    let differences = config::differences(&config);
    if differences.is_empty() {
        writeln!(out, "{place}: good; every setting is the default")?;
        return Ok(ExitCode::SUCCESS);
    }
    writeln!(out, "{place}: good; these settings differ from the default:")?;
    for line in differences {
        writeln!(out, "{line}")?;
    }
    Ok(ExitCode::SUCCESS)
}
