//! Any octets as a name to judge, in wire form and as text.
#![no_main]

use squint::{
    lookalike::{Config, Engine},
    name::{Host, Name},
    platform::Platforms,
};
use std::sync::LazyLock;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| Engine::new(&Config::default()));

fn judge(name: &Name) {
    let text = name.text();
    let host = Host { hosting: Platforms::builtin().find(&text, 20_000), ..Host::new(&text) };
    let mut found = Vec::new();
    let score = ENGINE.judge(&host, &mut found);
    assert!(score <= 100);
    assert!(found.iter().all(|it| !it.why.is_empty() && it.score <= 100));
}

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    if let Some((name, _)) = Name::read(octets) {
        judge(&name);
    }
    if let Ok(name) =
        std::str::from_utf8(octets).map_err(drop).and_then(|it| Name::parse(it).map_err(drop))
    {
        judge(&name);
    }
});
