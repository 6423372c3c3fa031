//! What it costs to tell a new name from a known one, on a verdict miss: the memory holds a month of 100,000 entries a day.
//! Each turn asks for and notes a name, its registrable domain, and counts what it carries. A user would otherwise keep the
//! names in a hash set, which is measured beside it and takes some fifty times the memory.

use criterion::{Criterion, criterion_group, criterion_main};
use squint::{
    lookalike::{Config, Engine},
    name::Host,
    seen::{DAYS, Memory},
};
use std::{collections::HashSet, hint::black_box, net::Ipv4Addr};

/// Names asked on every day.
const NAMES: u32 = 50_000;

/// The last day.
const TODAY: u32 = 20_029;

fn name(number: u32) -> String {
    format!("www.site-{number}.example")
}

fn bench(c: &mut Criterion) {
    let engine = Engine::new(&Config::default());
    let (client, now) = (Ipv4Addr::LOCALHOST.into(), u64::from(TODAY) * 86_400);
    let memory = Memory::new(7, TODAY);
    let names: Vec<String> = (0..NAMES).map(name).collect();
    for day in (0..DAYS as u32).rev() {
        memory.turn(TODAY - day);
        for name in &names {
            memory.meet(&engine, &Host::new(name), client, now);
        }
    }
    let mut at = 0;
    let mut next = |from: u32| {
        at = (at + 7_919) % NAMES;
        name(from + at)
    };
    c.bench_function("a known name", |b| {
        b.iter_batched_ref(
            || next(0),
            |it| memory.meet(&engine, &Host::new(it), client, now),
            criterion::BatchSize::SmallInput,
        );
    });
    c.bench_function("a new name", |b| {
        b.iter_batched_ref(
            || next(NAMES),
            |it| memory.meet(&engine, &Host::new(it), client, now),
            criterion::BatchSize::SmallInput,
        );
    });
    let set: HashSet<&str> = names.iter().map(String::as_str).collect();
    c.bench_function("a known name in a hash set of one day", |b| {
        b.iter_batched_ref(
            || next(0),
            |it| set.contains(black_box(it.as_str())),
            criterion::BatchSize::SmallInput,
        );
    });
    c.bench_function("a new day", |b| {
        let mut day = TODAY;
        b.iter(|| {
            day += 1;
            memory.turn(day);
        });
    });
    c.bench_function("a day as a file", |b| b.iter(|| memory.day(memory.today())));
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = bench
}
criterion_main!(benches);
