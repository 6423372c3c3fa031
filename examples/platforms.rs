//! Classes names from standard input by the platform under which they stand.
//!
//! One line each: class, platform and tenant, `-` where there is none, and the name. With `--count` a line per class instead.

use std::{
    collections::BTreeMap,
    env,
    io::{self, BufRead as _, Write as _},
};

use squint::platform::Platforms;

fn main() -> io::Result<()> {
    let platforms = Platforms::builtin();
    let names: Vec<String> = io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    if env::args().any(|it| it == "--count") {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &names {
            let class = platforms.find(name, 0).map_or("-", |it| it.class.as_str());
            *counts.entry(class).or_default() += 1;
        }
        for (class, count) in counts {
            writeln!(
                out,
                "{class:20} {count:>8} {:5.2} %",
                100.0 * count as f64 / names.len() as f64
            )?;
        }
        return out.flush();
    }
    for name in &names {
        let found = platforms.find(name, 0);
        let class = found.map_or("-", |it| it.class.as_str());
        let platform = found.map_or("-", |it| it.platform);
        let tenant = found.map_or("-", |it| if it.tenant.is_empty() { "-" } else { it.tenant });
        writeln!(out, "{class}\t{platform}\t{tenant}\t{name}")?;
    }
    out.flush()
}
