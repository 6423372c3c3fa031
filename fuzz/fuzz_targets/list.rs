//! Any octets as a list's file: every name that it gives is found, at its line, with what is below it.
#![no_main]

use squint::{
    list::{Index, Kind, List},
    name::Name,
    verdict::{Action, Mode},
};
use std::{io, slice};

/// Names that stand alone on a line in letters, digits and hyphens: however a line is read, these are entries.
fn plain(line: &[u8]) -> Option<Name> {
    let text = str::from_utf8(line).ok()?;
    let is_label = |it: &str| {
        (1..=63).contains(&it.len())
            && it.bytes().all(|it| it.is_ascii_lowercase())
            && it != "localhost"
    };
    let labels: Vec<&str> = text.split('.').collect();
    (labels.len() == 3 && labels.iter().all(|it| is_label(it))).then(|| Name::parse(text).ok())?
}

libfuzzer_sys::fuzz_target!(|octets: &[u8]| {
    let list = List {
        name: "fuzz".to_owned(),
        kind: Kind::Block,
        action: Action::Sinkhole,
        mode: Mode::Enforce,
    };
    let built = Index::build(slice::from_ref(&list), |_| Ok::<_, io::Error>(octets));
    let Ok((index, reports)) = built else { return };
    let [report] = &reports[..] else { panic!("one list, one report") };
    assert_eq!((index.len(), index.is_empty()), (report.entries, report.entries == 0));
    assert!(report.junk_shown.len() <= report.junk);
    assert!(report.junk_shown.iter().all(|it| it.line <= report.lines));
    for line in octets.split(|it| *it == b'\n') {
        let Some(name) = plain(line) else { continue };
        let found = index.find(&name).block.expect("a name of the list");
        assert!(found.line >= 1 && found.line <= report.lines);
        let below = Name::parse(&format!("a.{}", name.text())).expect("it is not long");
        assert!(index.find(&below).block.is_some());
    }
});
