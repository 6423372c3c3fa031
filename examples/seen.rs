//! How many names the two rules for what is new here would flag, had none been asked here before: registrable domains that look
//! random, and tenants of platforms, each as if a URL shortener had just been asked for.
//!
//! Reads the files named on the command line, the first field with a dot of each line being a name (`cargo run --release
//! --example seen -- FILE…`). One line a file: registrable domains, those flagged and their share; sites (domains and tenants),
//! new tenants that would be flagged and their share, names of shorteners and their share; some of the flagged domains. A tenant
//! is flagged only within ten seconds after a shortener, so that what is flagged is a small part of the share shown.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write as _},
};

use squint::{
    lookalike::{Config, Engine},
    name::{Class, Host, Name},
    platform::Platforms,
    policy,
};

/// Domains shown of each file.
const SHOWN: usize = 4;

fn main() -> io::Result<()> {
    let (engine, platforms) = (Engine::new(&Config::default()), Platforms::builtin());
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{:>9} {:>8} {:>8} {:>9} {:>8} {:>8} {:>10} {:>8}  file",
        "domains", "flagged", "%", "sites", "tenants", "%", "shorteners", "%"
    )?;
    for path in env::args().skip(1) {
        let (mut domains, mut flagged) = (BTreeSet::new(), BTreeSet::new());
        let (mut tenants, mut shorteners) = (BTreeSet::new(), BTreeSet::new());
        for line in fs::read_to_string(&path)?.lines().filter(|it| !it.starts_with('#')) {
            let field = line.split('\t').find(|it| it.contains('.')).unwrap_or("");
            let Ok(name) = Name::parse(field) else { continue };
            let text = name.text();
            let host = Host { hosting: platforms.find(&text, 0), ..Host::new(&text) };
            if host.registrable.is_empty() {
                continue;
            }
            if let Some(hosting) = host.hosting {
                if hosting.class == Class::Shortener {
                    shorteners.insert(hosting.platform.to_owned());
                } else if !hosting.tenant.is_empty() {
                    tenants.insert(hosting.tenant.to_owned());
                }
            }
            if domains.insert(host.registrable.to_owned()) && policy::is_random(&engine, &host) {
                flagged.insert(host.registrable.to_owned());
            }
        }
        let share = |part: usize, all: usize| 100.0 * part as f64 / all.max(1) as f64;
        let file = path.rsplit('/').next().unwrap_or(&path);
        let step = (flagged.len() / SHOWN).max(1);
        let shown: Vec<&str> = flagged.iter().step_by(step).take(SHOWN).map(|it| &**it).collect();
        let (all, some) = (domains.len(), flagged.len());
        let sites = domains.len() + tenants.len();
        let (new, short) = (tenants.len(), shorteners.len());
        writeln!(
            out,
            "{all:>9} {some:>8} {:>8.3} {sites:>9} {new:>8} {:>8.3} {short:>10} {:>8.3}  {file} ({})",
            share(some, all),
            share(new, sites),
            share(short, sites),
            shown.join(" ")
        )?;
    }
    Ok(())
}
