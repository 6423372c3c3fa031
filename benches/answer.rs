//! The answer path without sockets: a parsed query in, octets out, from memory.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up should stop there")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock where a front would")]

use criterion::{Criterion, criterion_group, criterion_main};
use squint::{
    app, config,
    dns::{Client, Query, Transport},
    event::Recorder,
    metrics::Metrics,
    proxy::{Now, Parts, Plan, Proxy, Router},
    upstream::Exchange,
};
use std::{hint::black_box, net::Ipv4Addr, path::Path, sync::Arc, time::Instant};

const CLIENT: Client = Client {
    address: std::net::SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000),
    local: std::net::IpAddr::V4(Ipv4Addr::LOCALHOST),
    transport: Transport::Udp,
    keepalive: 0,
};

fn proxy() -> Arc<Proxy> {
    let text = "[[rule]]\nname = 'blocked.example'\naction = 'sinkhole'\n";
    let config = config::parse(text, Path::new("config.toml")).unwrap();
    let policy = app::offline_with(&config, Vec::new()).unwrap().policy;
    let exchange = Exchange::start().unwrap();
    Proxy::new(Parts {
        policy: Arc::new(policy),
        router: Router::new(exchange, &Plan::default()).unwrap(),
        recorder: Recorder::off(),
        metrics: Arc::new(Metrics::new()),
        cache_octets_max: 1 << 20,
        seen: None,
        clock: (Instant::now(), 1_800_000_000),
    })
}

/// A query for an A record, as a client sends it.
fn packet(name: &str) -> Vec<u8> {
    let name = squint::name::Name::parse(name).unwrap();
    let mut packet = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    packet.extend_from_slice(name.wire());
    packet.extend_from_slice(&[0, 1, 0, 1]);
    packet
}

fn bench(c: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _entered = runtime.enter();
    let proxy = proxy();
    let mut out = Vec::with_capacity(4096);
    for (what, name) in [("cached", "localhost"), ("sinkholed", "blocked.example")] {
        let packet = packet(name);
        let now = Instant::now();
        let query = Query::parse(&packet).unwrap();
        assert!(runtime.block_on(proxy.respond(&query, &CLIENT, now, &mut out)));
        assert_eq!(proxy.respond_now(&query, &CLIENT, now, &mut out), Now::Answered);
        c.bench_function(&format!("answer/{what}, parse included"), |b| {
            b.iter(|| {
                let query = Query::parse(black_box(&packet)).unwrap();
                proxy.respond_now(&query, &CLIENT, now, &mut out)
            });
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
