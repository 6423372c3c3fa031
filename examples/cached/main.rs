//! Answers a number of queries from the cache, without sockets: for counting the instructions that one takes.
//!
//! `scripts/instructions` runs it under callgrind with two numbers; the difference divided by theirs is what a query costs.
//! `cargo run --release --example cached -- 1000000`, and with `blocked` behind it for names that a list blocks.

mod rig;

use anyhow::Context as _;
use rig::{NAMES, blocked_packet, packet, proxy};
use squint::{
    dns::{Client, Query, Transport},
    event::Recorder,
    proxy::Now,
};
use std::{net::Ipv4Addr, time::Instant};

#[expect(clippy::disallowed_methods, reason = "takes the place of a front")]
fn received() -> Instant {
    Instant::now()
}

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let queries: usize = args.next().context("usage: cached QUERIES [blocked]")?.parse()?;
    let is_blocked = args.next().is_some_and(|it| it == "blocked");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _entered = runtime.enter();
    let proxy = proxy(received(), Recorder::off())?;
    let client = Client {
        address: (Ipv4Addr::LOCALHOST, 40_000).into(),
        local: Ipv4Addr::LOCALHOST.into(),
        transport: Transport::Udp,
        keepalive: 0,
    };
    let mut out = Vec::with_capacity(4096);
    let kind = if is_blocked { blocked_packet } else { packet };
    let packets: Vec<Vec<u8>> = (0..NAMES).map(kind).collect::<Result<_, _>>()?;
    for packet in &packets {
        let query = Query::parse(packet).ok().context("no query")?;
        // As `server` does: what is not answered at once is asked for.
        let at_once = proxy.respond_now(&query, &client, received(), &mut out);
        if at_once == Now::Later {
            anyhow::ensure!(runtime.block_on(proxy.respond(&query, &client, received(), &mut out)));
        }
    }
    let now = received();
    for number in 0..queries {
        let packet = &packets[number * 7 % NAMES];
        // Parsed and answered as `server` does it.
        let read = Query::parse(packet);
        let Ok(query) = &read else { anyhow::bail!("no query") };
        let done = proxy.respond_now(query, &client, now, &mut out);
        anyhow::ensure!(done == Now::Answered && out.len() > packet.len(), "not at once");
    }
    Ok(())
}
