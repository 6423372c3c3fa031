//! `squint serve`: start in order, run until told to stop, stop in order.

use super::{
    banner, build, clock,
    designated::designated,
    files::Watched,
    forwarding::{bootstrap, forwarding, trust},
    lock::DataDir,
    pages,
    reload::{self, Live, Reloader},
    remember::Keeper,
    signals::{Asked, Signals},
    status::Status,
    system::HostSystem,
};
use crate::{
    config::{self, Config},
    event,
    metrics::Metrics,
    policy::Knowledge,
    proxy::{Parts, Proxy, Router},
    seen::Memory,
    server::{self, Access, Certificate, Server},
    upstream::{Exchange, Names, Strategy, Upstreams, Url},
};
use anyhow::Context as _;
use std::{
    env, io::IsTerminal as _, net::SocketAddr, path::PathBuf, sync::Arc, thread, time::Duration,
};
use tokio::{runtime::Runtime, time::MissedTickBehavior};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// How long a stop may take, from the signal to the last answer.
const STOP_WITHIN: Duration = Duration::from_secs(5);

/// Names that the host itself gives to addresses.
const HOSTS: &str = "/etc/hosts";

/// How long a stop waits for fetches that no client waits for any more.
const DRAIN_WITHIN: Duration = Duration::from_millis(500);

/// How often files and the system's resolvers are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What `serve` was told on the command line; wins over the file.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Configuration file.
    pub config: Option<PathBuf>,
    /// Where to listen.
    pub listen: Vec<SocketAddr>,
    /// Whom to forward to.
    pub upstream: Vec<Url>,
    /// Where state is kept.
    pub data_dir: Option<PathBuf>,
}

impl Options {
    /// Reads the configuration file and lets the flags win.
    pub(super) fn config(&self) -> anyhow::Result<Config> {
        let mut config = config::find(self.config.as_deref()).load()?;
        if !self.listen.is_empty() {
            config.server.listen.clone_from(&self.listen);
        }
        if !self.upstream.is_empty() {
            config.upstream.servers.clone_from(&self.upstream);
        }
        Ok(config)
    }
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// Whatever keeps it from starting: a bad file, a held address or directory, no upstream.
pub fn serve(options: &Options) -> anyhow::Result<()> {
    pages::usual();
    log_to_stderr();
    let mut watched = reload::watch_config(options);
    let config = options.config()?;
    reload::watch_files(&mut watched, &config);
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    let dir = data_dir(options, &config)?;
    let runtime = runtime()?;
    let _entered = runtime.enter();
    let signals = Signals::listen()?;
    let (running, reloader) = Running::start(options, &config, dir.as_ref(), &runtime, watched)?;
    runtime.block_on(running.until_stopped(reloader, signals))?;
    runtime.shutdown_timeout(Duration::from_secs(1));
    drop(dir);
    Ok(())
}

/// The data directory; none where there is nothing to keep, so that it need not be there.
fn data_dir(options: &Options, config: &Config) -> anyhow::Result<Option<DataDir>> {
    if !config.history.enabled && !config.seen.enabled {
        return Ok(None);
    }
    let path = config::data_dir(options.data_dir.as_deref()).context(
        "there is no home directory to keep state in\nhint: name one with `--data-dir DIR`",
    )?;
    Ok(Some(DataDir::hold(&path)?))
}

fn runtime() -> anyhow::Result<Runtime> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder
        .worker_threads(threads)
        .thread_name("async")
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn log_to_stderr() {
    let usual = || Targets::new().with_target("squint", Level::INFO).with_default(Level::WARN);
    let wanted = env::var_os("SQUINT_LOG").filter(|it| !it.is_empty());
    let targets = wanted.as_deref().and_then(|it| log_targets(it.to_str()?));
    let is_misread = wanted.is_some() && targets.is_none();
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .with_filter(targets.unwrap_or_else(usual));
    // Only a second call fails, and then the first one's choice stands.
    let _set = tracing_subscriber::registry().with(layer).try_init();
    if is_misread {
        tracing::warn!(
            "`SQUINT_LOG` is not understood\nhint: a level (`debug`), or levels of targets (`squint=debug,warn`)"
        );
    }
}

/// Levels, alone or of targets. A word by itself that is no level would be taken for a target, and nothing else be told.
fn log_targets(text: &str) -> Option<Targets> {
    let is_plain = |it: &str| it.contains('=') || it.parse::<LevelFilter>().is_ok();
    text.split(',').all(is_plain).then(|| text.parse().ok()).flatten()
}

/// How upstreams are asked, and who looks up their names.
fn exchange(
    config: &Config,
    system: &HostSystem,
) -> anyhow::Result<(Arc<Exchange>, Arc<Upstreams>)> {
    let exchange = Exchange::start().context("cannot open sockets towards upstreams")?;
    exchange.set_trust(trust(config)?);
    let resolvers = bootstrap(config, system);
    let resolvers =
        Arc::new(Upstreams::new(Arc::clone(&exchange), &resolvers, Strategy::default())?);
    exchange.set_resolvers(&resolvers);
    Ok((exchange, resolvers))
}

/// Everything that runs.
struct Running {
    server: Server,
    status: Status,
    writer: event::Writer,
    /// Where what was asked here lately is remembered.
    keeper: Option<Keeper>,
}

impl Running {
    fn start(
        options: &Options,
        config: &Config,
        dir: Option<&DataDir>,
        runtime: &Runtime,
        watched: Watched,
    ) -> anyhow::Result<(Self, Reloader)> {
        let _sparing = pages::Sparing::begin();
        let mut system = HostSystem::read(&config.server.listen);
        let forwarding = forwarding(config, &system)?;
        let lookalike = build::lookalike(config, system.search_domains());
        let knowledge = Arc::new(Knowledge {
            generation: 1,
            engine: crate::lookalike::Engine::new(&lookalike),
            platforms: crate::platform::Platforms::builtin(),
        });
        let metrics = Arc::new(Metrics::new());
        let (rules, reports) = build::rules(config, &metrics)?;
        let policy = Arc::new(build::policy(config, Arc::clone(&knowledge), Arc::new(rules), 1));
        let (exchange, resolvers) = exchange(config, &system)?;
        let router = Router::new(Arc::clone(&exchange), &forwarding.plan)?;
        let asked = Arc::clone(&router);
        let names = Names::start(move |name| asked.upstreams(name), HOSTS.into());
        let access = Arc::new(Access::new(&config.server.allow));
        access.set_rate(config.server.rate());
        access.set_proxies(&config.server.proxy_protocol);
        let certificate = config.tls.source().map(|it| Certificate::load(&it)).transpose()?;
        let fronts = fronts(config, &access, certificate.clone(), Arc::clone(&metrics));
        let threads = event::Threads {
            workers: fronts.udp_workers(),
            others: runtime.metrics().num_workers(),
        };
        let (recorder, writer) =
            event::start(history(config, dir), threads, Box::new(move |address| names.of(address)))
                .context("cannot start the writer of events")?;
        let (keeper, seen) = remembering(config, dir)?;
        let started = clock::monotonic();
        let proxy = Proxy::new(Parts {
            policy,
            router: Arc::clone(&router),
            recorder: recorder.clone(),
            metrics,
            cache_octets_max: config.cache.size_mb << 20,
            seen,
            clock: (started, clock::unix()),
        });
        let server = server::start(&fronts, Arc::clone(&proxy), runtime.handle())?;
        system.set_own(server.addresses());
        let listening = (server.addresses().to_vec(), server.encrypted().to_vec());
        proxy.designate(designated(&listening, certificate.as_deref()));
        banner::print(&banner::Facts {
            listening: server.addresses(),
            encrypted: server.encrypted(),
            forwarding: &forwarding.plan.servers,
            explicit: &forwarding.explicit,
            of_system: config.upstream.servers.is_empty(),
            policy: &proxy.policy(),
            reports: &reports,
            file: &build::describe(&config::find(options.config.as_deref())),
            history: dir.filter(|_| config.history.enabled).map(|it| it.path.as_path()),
        });
        forwarding.warnings.iter().for_each(|it| tracing::warn!("{it}"));
        let status = Status {
            proxy: Arc::clone(&proxy),
            router: Arc::clone(&router),
            exchange: Arc::clone(&exchange),
            recorder,
            started,
        };
        let live = Live { proxy, router, exchange, resolvers, access, certificate, listening };
        Ok((
            Self { server, status, writer, keeper },
            Reloader::new(options.clone(), config.clone(), live, system, watched),
        ))
    }

    /// Writes what was counted to the log.
    fn tell(&self) {
        tracing::info!("{}", self.status.text(self.server.waiting()));
    }

    async fn until_stopped(
        self,
        mut reloader: Reloader,
        mut signals: Signals,
    ) -> anyhow::Result<()> {
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let by = loop {
            tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Stop(by) => break by,
                    Asked::Tell => self.tell(),
                    Asked::Reload => reloader = reloader.reload("SIGHUP").await,
                },
                _ = look.tick() => reloader = reloader.look().await,
            }
        };
        tracing::info!("{by}: stopping");
        let stopped = self.server.stop(STOP_WITHIN).await;
        if stopped.unanswered > 0 {
            tracing::warn!("{} queries were still without an answer", stopped.unanswered);
        }
        if tokio::time::timeout(DRAIN_WITHIN, self.status.proxy.drained()).await.is_err() {
            tracing::warn!("some upstreams were still being asked");
        }
        let is_written = self.writer.stop();
        tracing::info!("{}", self.status.text(stopped.unanswered));
        drop(self.status);
        if !is_written {
            tracing::warn!("the disk is too slow: the last events are lost");
        }
        if let Some(keeper) = self.keeper {
            keeper.stop();
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// What was asked here lately, and who keeps it; nothing where that is off.
fn remembering(
    config: &Config,
    dir: Option<&DataDir>,
) -> anyhow::Result<(Option<Keeper>, Option<Arc<Memory>>)> {
    let Some(dir) = dir.filter(|_| config.seen.enabled) else { return Ok((None, None)) };
    let (keeper, memory) = Keeper::start(&dir.path)?;
    Ok((Some(keeper), Some(memory)))
}

/// What the fronts are told.
fn fronts(
    config: &Config,
    access: &Arc<Access>,
    certificate: Option<Arc<Certificate>>,
    metrics: Arc<Metrics>,
) -> server::Config {
    let it = &config.server;
    server::Config {
        listen: it.listen.clone(),
        listen_tls: it.listen_tls.clone(),
        listen_https: it.listen_https.clone(),
        listen_quic: it.listen_quic.clone(),
        listen_h3: it.listen_h3.clone(),
        certificate,
        workers: it.workers,
        access: Arc::clone(access),
        metrics,
    }
}

fn history(config: &Config, dir: Option<&DataDir>) -> event::Config {
    event::Config {
        enabled: config.history.enabled,
        dir: dir.map_or_else(PathBuf::new, |it| it.path.clone()),
        file_bytes_max: config.history.file_bytes_max,
        files_max: config.history.files_max,
        age_days_max: config.history.age_days_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_levels_are_read_or_refused() {
        let check = |text: &str, expected: [bool; 3]| {
            let targets = log_targets(text).unwrap();
            let told = [("squint", Level::DEBUG), ("squint", Level::INFO), ("h2", Level::WARN)]
                .map(|(target, level)| targets.would_enable(target, &level));
            assert_eq!(told, expected, "{text}");
        };
        check("squint=debug", [true, true, false]);
        check("squint=info,warn", [false, true, true]);
        check("DEBUG", [true, true, true]);
        check("off", [false, false, false]);
        for wrong in ["debgu", "squint=loud", "squint=info,debgu", "squint=info, warn"] {
            assert!(log_targets(wrong).is_none(), "{wrong}");
        }
    }
}
