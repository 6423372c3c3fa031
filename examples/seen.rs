//! How many registrable domains the rule for new, random-looking ones would flag, had none been asked here before.
//!
//! Reads the files named on the command line, the first field with a dot of each line being a name (`cargo run --release
//! --example seen -- FILE…`). One line a file: registrable domains, those flagged, their share, and some of them.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write as _},
};

use squint::{
    lookalike::{Config, Engine},
    name::{Host, Name},
    platform::Platforms,
    policy,
};

/// Domains shown of each file.
const SHOWN: usize = 4;

fn main() -> io::Result<()> {
    let (engine, platforms) = (Engine::new(&Config::default()), Platforms::builtin());
    let mut out = io::stdout().lock();
    writeln!(out, "{:>9} {:>8} {:>8}  file", "domains", "flagged", "%")?;
    for path in env::args().skip(1) {
        let (mut domains, mut flagged) = (BTreeSet::new(), BTreeSet::new());
        for line in fs::read_to_string(&path)?.lines().filter(|it| !it.starts_with('#')) {
            let field = line.split('\t').find(|it| it.contains('.')).unwrap_or("");
            let Ok(name) = Name::parse(field) else { continue };
            let text = name.text();
            let host = Host { hosting: platforms.find(&text, 0), ..Host::new(&text) };
            if host.registrable.is_empty() {
                continue;
            }
            if domains.insert(host.registrable.to_owned()) && policy::is_random(&engine, &host) {
                flagged.insert(host.registrable.to_owned());
            }
        }
        let share = 100.0 * flagged.len() as f64 / domains.len().max(1) as f64;
        let file = path.rsplit('/').next().unwrap_or(&path);
        let step = (flagged.len() / SHOWN).max(1);
        let shown: Vec<&str> = flagged.iter().step_by(step).take(SHOWN).map(|it| &**it).collect();
        let (all, some) = (domains.len(), flagged.len());
        writeln!(out, "{all:>9} {some:>8} {share:>8.3}  {file} ({})", shown.join(" "))?;
    }
    Ok(())
}
