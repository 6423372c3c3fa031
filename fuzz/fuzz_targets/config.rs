//! Any text as a configuration file: read, or told what is wrong with it and where.
#![no_main]

use squint::config;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let path = Path::new("config.toml");
    let Err(errors) = config::parse(text, path) else {
        assert!(config::parse(text, path).is_ok(), "what was read once is read again");
        return;
    };
    assert!(!errors.problems.is_empty() && !errors.to_string().is_empty());
    for place in errors.problems.iter().filter_map(|it| it.place.as_ref()) {
        let line = text.split('\n').nth(place.line - 1).expect("a line of the file");
        assert_eq!(line.trim_end_matches('\r'), place.text);
        assert!(place.column <= line.chars().count() + 1 && place.width > 0);
    }
});
