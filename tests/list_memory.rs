//! What the list index takes of memory, seen from outside the process. One test, alone in its process.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should stop there")]

use std::{
    fs,
    io::{self, Write as _},
    slice,
};

use squint::{
    list::{Index, Kind, List},
    name::Name,
    verdict::{Action, Mode},
};

const ENTRIES: u32 = 300_000;

/// A list's file without the file: its lines are made when they are read.
struct Lines {
    next: u32,
    line: io::Cursor<Vec<u8>>,
}

impl Lines {
    fn new() -> Self {
        Self { next: 0, line: io::Cursor::new(Vec::new()) }
    }
}

impl io::Read for Lines {
    fn read(&mut self, mut out: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        loop {
            let now = self.line.read(out)?;
            read += now;
            out = &mut out[now..];
            if out.is_empty() || self.next == ENTRIES {
                return Ok(read);
            }
            self.line.get_mut().clear();
            self.line.set_position(0);
            writeln!(self.line.get_mut(), "0.0.0.0 {}", name(self.next))?;
            self.next += 1;
        }
    }
}

fn name(at: u32) -> String {
    format!("host-{at}.ads{}.example", at % 7)
}

/// Resident memory in octets, now and at its highest since the last look.
fn resident() -> (u64, u64) {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let value = |key: &str| {
        let line = status.lines().find_map(|it| it.strip_prefix(key)).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    let values = (value("VmRSS:"), value("VmHWM:"));
    fs::write("/proc/self/clear_refs", "5").unwrap();
    values
}

fn build() -> Index {
    let list = List {
        name: "ads".to_owned(),
        kind: Kind::Block,
        action: Action::Sinkhole,
        mode: Mode::Enforce,
    };
    Index::build(slice::from_ref(&list), |_| Ok::<_, io::Error>(Lines::new())).unwrap().0
}

#[test]
fn an_entry_takes_16_octets_and_a_reload_no_more_than_twice_that() {
    const MB: u64 = 1_000_000;
    let entries = u64::from(ENTRIES) * 16;
    let (before, _) = resident();
    let mut index = build();
    assert_eq!(index.len(), ENTRIES as usize);
    assert!(index.octets() as u64 <= entries, "{} octets", index.octets());
    let (first, highest) = resident();
    assert!(highest - before <= entries + MB, "building takes {} octets", highest - before);

    for _ in 0..3 {
        index = build();
        let (now, highest) = resident();
        assert!(highest - before <= 2 * entries + MB, "a reload takes {} octets", highest - before);
        assert!(now.saturating_sub(first) <= MB, "a reload leaves {} octets", now - first);
    }
    for at in (0..ENTRIES).step_by(9973) {
        let found = index.find(&Name::parse(&format!("www.{}", name(at))).unwrap());
        assert_eq!(found.block.map(|it| it.line), Some(at + 1));
    }
}
