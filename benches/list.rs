//! The list index at a million entries: building, looking up, and the memory it takes.

use std::{hint::black_box, io};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use squint::{
    list::{Index, Kind, List},
    name::Name,
    verdict::{Action, Mode},
};

const ENTRIES: u32 = 1_000_000;

/// Names asked in turn: too many for the processor's nearer caches and its predictors.
const ASKED: usize = 100_000;

fn list(name: &str) -> List {
    List { name: name.to_owned(), kind: Kind::Block, action: Action::Sinkhole, mode: Mode::Enforce }
}

/// Names of the lengths and depths that blocklists have.
fn name(at: u32) -> String {
    let x = u64::from(at).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ (u64::from(at) << 7);
    let head = ["", "", "", "www.", "track.", "ads.", "", "cdn7."][(x >> 20) as usize % 8];
    let top = ["com", "net", "com", "co.example", "com", "example", "top"][(x >> 24) as usize % 7];
    format!("{head}{:x}-{at}.{top}", x >> 40)
}

/// Names in wire form one behind the other, as they lie in packets.
fn asked(count: usize, name: impl Fn(u32) -> String) -> Vec<u8> {
    // A step without a common factor, so that neighbours in time are none in the file.
    let at = |it: usize| u32::try_from(it * 7919 % ENTRIES as usize).expect("below ENTRIES");
    let parse = |it| Name::parse(&name(at(it))).expect("names of the bench are sound");
    (0..count).flat_map(|it| parse(it).wire().to_vec()).collect()
}

fn bench(c: &mut Criterion) {
    let plain: String = (0..ENTRIES).map(|it| name(it) + "\n").collect();
    let hosts: String = (0..ENTRIES).map(|it| format!("0.0.0.0 {}\n", name(it))).collect();
    let build = |texts: &[&str]| {
        let lists: Vec<List> = (0..texts.len()).map(|it| list(&it.to_string())).collect();
        Index::build(&lists, |at| Ok::<_, io::Error>(texts[at].as_bytes())).expect("sound lists").0
    };

    let mut group = c.benchmark_group("list/build 1M");
    group.sample_size(10).throughput(Throughput::Elements(ENTRIES.into()));
    group.bench_function("plain", |b| b.iter(|| build(&[&plain])));
    group.bench_function("hosts", |b| b.iter(|| build(&[&hosts])));
    group.bench_function("the same twice", |b| b.iter(|| build(&[&plain, &hosts])));
    group.finish();

    let index = build(&[&plain]);
    let twice = build(&[&plain, &hosts]);
    eprintln_memory(&index, &twice);
    let mut group = c.benchmark_group("list/find in 1M");
    let mut find = |what: &str, index: &Index, names: &[u8]| {
        let mut rest = names;
        group.bench_function(what, |b| {
            b.iter(|| {
                rest = if rest.is_empty() { names } else { rest };
                let (name, used) = Name::read(rest).expect("names of the bench are sound");
                rest = &rest[used..];
                index.find(black_box(&name))
            });
        });
    };
    let hits = asked(ASKED, name);
    let below = asked(ASKED, |it| format!("a.b.{}", name(it)));
    let misses = asked(ASKED, |it| format!("www.not-{}", name(it)));
    find("nothing but reading the name", &Index::empty(), &hits);
    find("hit", &index, &hits);
    find("hit two labels below", &index, &below);
    find("hit in two lists", &twice, &hits);
    find("miss", &index, &misses);
    find("miss, one name", &index, &asked(1, |_| "www.not-held.example".to_owned()));
    let deep = Name::parse(&["a"; 127].join(".")).expect("255 octets");
    find("miss, 127 labels", &index, deep.wire());
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a bench reports to the terminal")]
fn eprintln_memory(index: &Index, twice: &Index) {
    for (what, index) in [("one list", index), ("two equal lists", twice)] {
        eprintln!("memory, {what}: {} entries, {} octets", index.len(), index.octets());
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
