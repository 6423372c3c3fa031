//! What recording a query costs: leaving the record, and making its line.
#![expect(clippy::unwrap_used, reason = "a bench that cannot set itself up should stop there")]

use criterion::{Criterion, criterion_group, criterion_main};
use squint::{
    dns::{Client, Facts, Rcode, Told, Transport},
    event::{Config, Formatter, Now, Record, Threads, start},
    name::Name,
    verdict::{Action, Finding, Mode, Reason, Shares, Source, Technique, Verdict},
};
use std::{hint::black_box, net::Ipv4Addr, sync::Arc, time::Duration};

fn record(verdict: Verdict, now: &Now) -> Record {
    Record {
        received: now.instant,
        duration: Duration::from_micros(42),
        client: Client {
            address: (Ipv4Addr::new(192, 0, 2, 77), 40_000).into(),
            local: Ipv4Addr::LOCALHOST.into(),
            transport: Transport::Udp,
            keepalive: 0,
        },
        name: Name::parse("www.some-ordinary-site.example").unwrap(),
        qtype: 1,
        rcode: Rcode::NOERROR,
        verdict: Some(Arc::new(verdict)),
        facts: Facts::new(
            [12, 13].map(|it| Told::Address([198, 51, 100, it].into())),
            300,
            "udp://192.0.2.53:53",
        ),
        cached: true,
        generation: 7,
    }
}

fn lookalike() -> Verdict {
    Verdict {
        action: Action::Sinkhole,
        applied: Action::Sinkhole,
        mode: Mode::Enforce,
        score: 91,
        reasons: vec![Reason {
            source: Source::Lookalike,
            finding: Finding {
                technique: Technique::Homograph,
                target: "microsoft.com".to_owned(),
                matched: "rnicrosoft".to_owned(),
                score: 91,
                shares: Shares::NONE,
                why: "`rnicrosoft.com` reads as `microsoft.com`: `rn` for m".to_owned(),
                attack: &["T1583.001", "T1566.002"],
            },
            overridden: false,
        }],
        ..Verdict::PASS
    }
}

fn lines(criterion: &mut Criterion) {
    let now = Now::read();
    for (name, verdict) in
        [("event/line_pass", Verdict::PASS), ("event/line_lookalike", lookalike())]
    {
        let record = record(verdict, &now);
        let mut formatter = Formatter::new("host", 1);
        let mut out = String::with_capacity(1 << 20);
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                if out.len() > 60_000 {
                    out.clear();
                }
                formatter.write(black_box(&record), "", &now, &mut out);
            });
        });
    }
}

/// The writer empties the ring meanwhile; records that find it full cost less, not more, and are not what is measured.
fn recording(criterion: &mut Criterion) {
    let dir = tempfile::tempdir().unwrap();
    let config = Config { files_max: 1, ..Config::new(dir.path().to_owned()) };
    let threads = Threads { workers: 0, others: 1 };
    let (recorder, writer) = start(config, threads, Box::new(|_| None)).unwrap();
    let record = record(Verdict::PASS, &Now::read());
    criterion.bench_function("event/record", |bencher| {
        bencher.iter(|| recorder.record(black_box(record.clone())));
    });
    assert!(writer.stop());
}

criterion_group!(benches, lines, recording);
criterion_main!(benches);
