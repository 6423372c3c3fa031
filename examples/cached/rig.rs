//! A proxy whose upstream gives every name an address but for those on a list, and the queries for it.

use squint::{
    app, config,
    event::Recorder,
    list::{Index, Kind, List},
    metrics::Metrics,
    name::Name,
    platform::Allow,
    policy::{OwnRules, Policy, Rules},
    proxy::{Parts, Plan, Proxy, Router},
    upstream::Exchange,
    verdict::{Action, Mode},
};
use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    sync::Arc,
    thread,
    time::Instant,
};

/// Names of either kind.
pub(crate) const NAMES: usize = 1000;

/// A proxy with the default policy and a list, whose upstream is a thread that gives every name an address.
pub(crate) fn proxy(now: Instant, recorder: Recorder) -> anyhow::Result<Arc<Proxy>> {
    let upstream = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    let servers = vec![format!("udp://{}", upstream.local_addr()?).parse()?];
    thread::spawn(move || -> std::io::Result<()> {
        let mut packet = [0; 600];
        loop {
            let (len, from) = upstream.recv_from(&mut packet)?;
            let len = answer(&mut packet, len);
            upstream.send_to(&packet[..len], from)?;
        }
    });
    let config = config::parse("", Path::new("config.toml"))?;
    let metrics = Arc::new(Metrics::new());
    let policy = app::offline_with(&config, Vec::new())?.policy;
    let policy = Policy { rules: Arc::new(rules(&metrics)?), ..policy };
    let plan = Plan { servers, ..Plan::default() };
    Ok(Proxy::new(Parts {
        policy: Arc::new(policy),
        router: Router::new(Exchange::start()?, &plan)?,
        recorder,
        metrics,
        cache_octets_max: 16 << 20,
        seen: None,
        clock: (now, 1_800_000_000),
    }))
}

/// Rules with a list of names to block.
fn rules(metrics: &Metrics) -> anyhow::Result<Rules> {
    let list = List {
        name: "ads".to_owned(),
        kind: Kind::Block,
        action: Action::Sinkhole,
        mode: Mode::Enforce,
    };
    let names: String = (0..NAMES).map(|it| blocked(it) + "\n").collect();
    let (index, _) = Index::build(&[list], |_| Ok(names.as_bytes()))?;
    Ok(Rules::new(index, OwnRules::default(), Allow::default(), metrics))
}

fn blocked(number: usize) -> String {
    format!("ads-{number}.some-site.example")
}

/// A query for an A record with RD.
pub(crate) fn packet(number: usize) -> anyhow::Result<Vec<u8>> {
    query(&format!("host-{number}.some-site.example"))
}

/// The same for a name on the list, which says that it reads Extended DNS Errors.
pub(crate) fn blocked_packet(number: usize) -> anyhow::Result<Vec<u8>> {
    let mut packet = query(&blocked(number))?;
    packet[11] = 1;
    packet.extend_from_slice(b"\0\0\x29\x04\xd0\0\0\0\0\0\0");
    Ok(packet)
}

fn query(name: &str) -> anyhow::Result<Vec<u8>> {
    let name = Name::parse(name)?;
    Ok([b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0", name.wire(), b"\0\x01\0\x01"].concat())
}

/// Turns a query that ends with an OPT record into its answer: one address in that record's place.
fn answer(packet: &mut [u8], len: usize) -> usize {
    const OPT_LEN: usize = 11;
    let record = [0xc0, 12, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1];
    packet[2] |= 0x80;
    packet[3] = 0x80;
    packet[7] = 1;
    packet[11] = 0;
    packet[len - OPT_LEN..len - OPT_LEN + record.len()].copy_from_slice(&record);
    len - OPT_LEN + record.len()
}
