//! A proxy whose upstream gives every name an address, and the queries for it.

use squint::{
    app, config,
    event::Recorder,
    metrics::Metrics,
    name::Name,
    proxy::{Parts, Plan, Proxy, Router},
    upstream::Exchange,
};
use std::{
    net::{Ipv4Addr, UdpSocket},
    path::Path,
    sync::Arc,
    thread,
    time::Instant,
};

/// A proxy with the default policy, whose upstream is a thread that gives every name an address.
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
    let policy = app::offline_with(&config, Vec::new())?.policy;
    let plan = Plan { servers, ..Plan::default() };
    Ok(Proxy::new(Parts {
        policy: Arc::new(policy),
        router: Router::new(Exchange::start()?, &plan)?,
        recorder,
        metrics: Arc::new(Metrics::new()),
        cache_octets_max: 16 << 20,
        seen: None,
        clock: (now, 1_800_000_000),
    }))
}

/// A query for an A record with RD.
pub(crate) fn packet(number: usize) -> anyhow::Result<Vec<u8>> {
    let name = Name::parse(&format!("host-{number}.some-site.example"))?;
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
