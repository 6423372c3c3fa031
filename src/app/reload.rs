//! Reload: a new policy swapped whole, or the old one kept with a reason in the log.

use super::{
    build,
    designated::designated,
    files::Watched,
    forwarding::{bootstrap, forwarding, trust},
    pages,
    priority::at_leisure,
    run::Options,
    system::HostSystem,
};
use crate::{
    config::{self, Config, Found},
    dns::Transport,
    lookalike,
    policy::{Knowledge, Policy},
    proxy::{Proxy, Router},
    server::{Access, Certificate, CertificateSource},
    upstream::{Exchange, Upstreams},
};
use std::{
    net::SocketAddr,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    sync::Arc,
};

/// What a reload reaches into.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) proxy: Arc<Proxy>,
    pub(super) router: Arc<Router>,
    pub(super) exchange: Arc<Exchange>,
    /// Who looks up the names of upstreams.
    pub(super) resolvers: Arc<Upstreams>,
    pub(super) access: Arc<Access>,
    /// What encrypted transports show, if there are any.
    pub(super) certificate: Option<Arc<Certificate>>,
    /// Where it listens, in the clear and encrypted.
    pub(super) listening: (Vec<SocketAddr>, Vec<(Transport, SocketAddr)>),
}

/// Watches files and resolvers, and rebuilds what depends on them.
pub(super) struct Reloader {
    options: Options,
    config: Config,
    live: Live,
    system: HostSystem,
    watched: Watched,
    /// What the look-alike engine in force was built from.
    engine_of: lookalike::Config,
}

impl Reloader {
    /// `watched` was made before its files were read, so that no change falls between.
    pub(super) fn new(
        options: Options,
        config: Config,
        live: Live,
        system: HostSystem,
        watched: Watched,
    ) -> Self {
        let engine_of = build::lookalike(&config, system.search_domains());
        Self { options, config, live, system, watched, engine_of }
    }

    /// The turn of every second: files and the system's resolvers.
    pub(super) async fn look(mut self) -> Self {
        if self.system.changed() {
            self.follow_bootstrap();
            if build::lookalike(&self.config, self.system.search_domains()) != self.engine_of {
                return self.reload("the host's search domains changed").await;
            }
            if self.config.upstream.servers.is_empty() {
                self.follow_system();
            }
        }
        if self.watched.changed() { self.reload("a file changed").await } else { self }
    }

    /// Reads everything again. Reading and building happen beside the running policy, on a thread that gives way to answering.
    pub(super) async fn reload(self, why: &'static str) -> Self {
        let built = at_leisure(move || self.reload_here(why)).await;
        built.expect("a reload catches its panics, and needs one thread")
    }

    fn reload_here(mut self, why: &str) -> Self {
        let _sparing = pages::Sparing::begin();
        // Whatever changes from here on is seen by the next look.
        let rebuilt = panic::catch_unwind(AssertUnwindSafe(|| self.rebuild()))
            .unwrap_or_else(|_| Err(anyhow::anyhow!("reading it again panicked; this is a bug")));
        match rebuilt {
            Ok(policy) => {
                let (lists, entries) = (self.config.lists.len(), policy.rules.index.len());
                tracing::info!(
                    "{why}: policy {} in force, {lists} lists with {entries} entries",
                    policy.generation
                );
                self.live.proxy.set_policy(policy);
            }
            Err(error) => tracing::error!("{why}: the old policy stays in force\n{error:#}"),
        }
        self
    }

    fn rebuild(&mut self) -> anyhow::Result<Arc<Policy>> {
        let mut watched = watch_config(&self.options);
        let config = self.options.config()?;
        watch_files(&mut watched, &config);
        self.watched = watched;
        let old = self.live.proxy.policy();
        let wanted = build::lookalike(&config, self.system.search_domains());
        let knowledge = if wanted == self.engine_of {
            Arc::clone(&old.knowledge)
        } else {
            Arc::new(Knowledge {
                generation: old.knowledge.generation + 1,
                engine: lookalike::Engine::new(&wanted),
                platforms: old.knowledge.platforms,
            })
        };
        let (rules, _reports) = build::rules(&config, self.live.proxy.metrics())?;
        let policy = build::policy(&config, knowledge, Arc::new(rules), old.generation + 1);
        let forwarding = forwarding(&config, &self.system)?;
        self.live.router.follow(&forwarding.plan)?;
        self.live.exchange.set_trust(trust(&config)?);
        self.live.resolvers.replace(&bootstrap(&config, &self.system))?;
        self.live.access.set_allow(&config.server.allow);
        self.live.access.set_rate(config.server.rate());
        self.live.access.set_proxies(&config.server.proxy_protocol);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        forwarding.warnings.iter().for_each(|it| tracing::warn!("{it}"));
        self.renew_certificate(&config);
        if needs_restart(&config, &self.config) {
            tracing::warn!(
                "`[server] listen`, `listen_tls`, `listen_https`, `listen_quic`, `listen_h3`, `workers`, `[cache] size_mb`, `[tls] self_signed`, `[seen]` and `[history]` take effect at the next start"
            );
        }
        self.config = config;
        self.engine_of = wanted;
        Ok(Arc::new(policy))
    }

    /// Takes the certificate that the files hold now. One that cannot be used keeps nothing else from being reloaded.
    fn renew_certificate(&self, config: &Config) {
        let (Some(held), Some(source)) = (&self.live.certificate, config.tls.source()) else {
            return;
        };
        // One that was made here lasts as long as the process.
        if source == CertificateSource::SelfSigned {
            return;
        }
        let before = held.chain();
        match held.reload(&source) {
            Ok(()) if held.chain() != before => {
                tracing::info!("the certificate is a new one");
                self.live.proxy.designate(designated(&self.live.listening, Some(held)));
            }
            Ok(()) => (),
            Err(error) => tracing::error!("the old certificate stays in use: {error}"),
        }
    }

    fn follow_bootstrap(&self) {
        if let Err(error) = self.live.resolvers.replace(&bootstrap(&self.config, &self.system)) {
            tracing::warn!("the names of upstreams are looked up as before: {error}");
        }
    }

    fn follow_system(&mut self) {
        let forwarding = forwarding(&self.config, &self.system);
        match forwarding.and_then(|it| Ok(self.live.router.follow(&it.plan)?)) {
            Ok(()) => tracing::info!(
                "the system's resolvers changed: forwarding to {}",
                super::banner::urls(&self.live.router.servers())
            ),
            Err(error) => {
                tracing::warn!("the system's resolvers changed, the last good ones stay: {error:#}")
            }
        }
    }
}

/// Watches the configuration file, or the places where one may appear; before it is read.
pub(super) fn watch_config(options: &Options) -> Watched {
    match config::find(options.config.as_deref()) {
        Found::File(path) => Watched::new([path]),
        Found::Defaults => {
            Watched::new([config::CONFIG_NAME, config::CONFIG_SYSTEM].map(PathBuf::from))
        }
    }
}

/// Watches the files that it names as well; before they are read.
pub(super) fn watch_files(watched: &mut Watched, config: &Config) {
    watched.add(config.lists.iter().map(|it| it.path.clone()));
    watched.add(config.lookalike.known_good_files.iter().cloned());
    if let Some(CertificateSource::Files { certificate, key }) = config.tls.source() {
        watched.add([certificate, key]);
    }
    let named = [&config.upstream.ca, &config.dnssec.trust_anchors];
    watched.add(named.into_iter().filter(|it| !it.as_os_str().is_empty()).cloned());
}

/// Whether something changed that only a start takes up.
fn needs_restart(new: &Config, old: &Config) -> bool {
    let of_start = |it: &Config| {
        let server = it.server.clone();
        let quic = (server.listen_quic, server.listen_h3);
        let encrypted = (server.listen_tls, server.listen_https, quic, it.tls.self_signed);
        let kept = (it.cache.size_mb, it.history.clone(), it.seen.clone());
        (server.listen, server.workers, encrypted, kept)
    };
    of_start(new) != of_start(old)
}
