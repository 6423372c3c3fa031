//! Any octets as a name to judge, in wire form and as text.
#![no_main]

use squint::{
    lookalike::{Config, Engine},
    name::{Host, Name},
    platform::Platforms,
};
use std::sync::LazyLock;

/// As it comes, and with an operator's own domains.
static ENGINES: LazyLock<[Engine; 2]> = LazyLock::new(|| {
    let own = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect();
    let domains = own(&["contoso-widgets.com", "nova.com", "qzx.com", "harborlightbank.com"]);
    let search_domains = own(&["corp.example"]);
    let strict = Config { domains, search_domains, known_good: false, ..Config::default() };
    [Engine::new(&Config::default()), Engine::new(&strict)]
});

fn judge(name: &Name) {
    let text = name.text();
    let host = Host { hosting: Platforms::builtin().find(&text, 20_000), ..Host::new(&text) };
    for engine in &*ENGINES {
        let mut found = Vec::new();
        let score = engine.judge(&host, &mut found);
        assert!(score <= 100);
        assert!(found.iter().all(|it| !it.why.is_empty() && it.score <= 100));
    }
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
