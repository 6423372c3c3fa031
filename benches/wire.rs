//! What the wire words cost: a query parsed, an upstream's reply taken in, a cached answer written.

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use squint::{
    dns::{Answer, Ede, Query, Reply, Way, class, rtype},
    name::Name,
};
use std::hint::black_box;

const QNAME: &[u8] = b"\x03www\x07Example\x03com\x00";

/// An A query with RD, and with OPT as `dig` sends it when `edns` says so.
fn query(edns: bool) -> Vec<u8> {
    let mut packet = vec![0x12, 0x34, 0x01, 0x20, 0, 1, 0, 0, 0, 0, 0, u8::from(edns)];
    packet.extend_from_slice(QNAME);
    packet.extend_from_slice(&[0, 1, 0, 1]);
    if edns {
        let opt: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\x0c\0\x0a\0\x08cookie01";
        packet.extend_from_slice(opt);
    }
    packet
}

/// A reply with a CNAME and so many addresses, and OPT.
fn reply(addresses: u16) -> Vec<u8> {
    let [high, low] = (addresses + 1).to_be_bytes();
    let mut packet = vec![0x12, 0x34, 0x81, 0x80, 0, 1, high, low, 0, 0, 0, 1];
    packet.extend_from_slice(QNAME);
    packet.extend_from_slice(&[0, 1, 0, 1]);
    packet.extend_from_slice(b"\xc0\x0c\0\x05\0\x01\0\0\x01\x2c\0\x06\x03cdn\xc0\x10");
    for index in 0..addresses {
        packet.extend_from_slice(b"\xc0\x2d\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0");
        packet.extend_from_slice(&index.to_be_bytes());
    }
    packet.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    packet
}

fn answer(reply: &[u8]) -> Answer {
    let (name, _) = Name::read(QNAME).expect("a name");
    Answer::from_reply(reply, 0x1234, &name, rtype::A, class::IN).expect("a good reply")
}

fn parse(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse");
    group.bench_function("name", |b| b.iter(|| Name::read(black_box(QNAME)).is_some()));
    for (id, packet) in [("plain", query(false)), ("edns", query(true))] {
        group.bench_function(id, |b| b.iter(|| Query::parse(black_box(&packet)).is_ok()));
        // What a caller keeps of it, so that the name is really built.
        group.bench_function(format!("{id}/kept"), |b| {
            b.iter(|| black_box(Query::parse(black_box(&packet))));
        });
    }
    group.finish();
}

fn from_reply(c: &mut Criterion) {
    let mut group = c.benchmark_group("from_reply");
    for addresses in [1, 4, 100] {
        let reply = reply(addresses);
        group.bench_function(format!("cname-a{addresses}"), |b| {
            b.iter_batched(|| (), |()| answer(black_box(&reply)), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("write");
    let mut out = Vec::with_capacity(65_535);
    for addresses in [1, 4, 100] {
        let answer = answer(&reply(addresses));
        for (id, packet) in [("plain", query(false)), ("edns", query(true))] {
            let query = &Query::parse(&packet).expect("a good query");
            let reply = Reply {
                answer: &answer,
                query,
                age_secs: 7,
                ttl_secs_override: None,
                ede: None,
                way: Way::STREAM,
            };
            group.bench_function(format!("{id}/cname-a{addresses}"), |b| {
                b.iter(|| black_box(&reply).write(black_box(&mut out)));
            });
        }
    }
    let answer = answer(&reply(1));
    let packet = query(true);
    let query = &Query::parse(&packet).expect("a good query");
    let ede =
        Some(Ede { code: Ede::FORGED_ANSWER, text: "`rnicrosoft.com` reads as `microsoft.com`" });
    let reply = Reply {
        answer: &answer,
        query,
        age_secs: 0,
        ttl_secs_override: None,
        ede,
        way: Way::plain(1_232),
    };
    group.bench_function("edns/ede", |b| b.iter(|| black_box(&reply).write(black_box(&mut out))));
    group.finish();
}

criterion_group!(benches, parse, from_reply, write);
criterion_main!(benches);
