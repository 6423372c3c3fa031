//! The fronts with the stand-in proxy, to measure them alone: `stand_in ADDRESS:PORT [WORKERS]`.

use squint::{
    metrics::Metrics,
    proxy::Proxy,
    server::{self, Access, Config},
};
use std::{sync::Arc, time::Duration};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let listen = vec![args.next().unwrap_or_default().parse()?];
    let workers = args.next().unwrap_or_default().parse().unwrap_or(1);
    let (access, metrics) = (Arc::new(Access::new(&[])), Arc::new(Metrics::new()));
    let config = Config { listen, workers, access, metrics: Arc::clone(&metrics) };
    let server = server::start(&config, Arc::new(Proxy), &tokio::runtime::Handle::current())?;
    tokio::signal::ctrl_c().await?;
    server.stop(Duration::from_secs(5)).await;
    for (name, _, value) in metrics.totals().iter().filter(|it| it.2 > 0) {
        anstream::println!("{name} {value}");
    }
    Ok(())
}
