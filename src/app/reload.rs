//! Reload: a new policy swapped whole, or the old one kept with a reason in the log.

use super::{build, files::Watched, run::Options, system::HostSystem};
use crate::{
    config::{self, Config, Found},
    policy::{Knowledge, Policy},
    proxy::Proxy,
    server::{Access, Certificate, CertificateSource},
    upstream::Upstreams,
};
use std::{path::PathBuf, sync::Arc};

/// What a reload reaches into.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) proxy: Arc<Proxy>,
    pub(super) upstreams: Arc<Upstreams>,
    pub(super) access: Arc<Access>,
    /// What encrypted transports show, if there are any.
    pub(super) certificate: Option<Arc<Certificate>>,
}

/// Watches files and resolvers, and rebuilds what depends on them.
pub(super) struct Reloader {
    options: Options,
    config: Config,
    live: Live,
    system: HostSystem,
    watched: Watched,
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
        Self { options, config, live, system, watched }
    }

    /// The turn of every second: files and the system's resolvers.
    pub(super) async fn look(mut self) -> Self {
        if self.system.changed() && self.config.upstream.servers.is_empty() {
            self.follow_system();
        }
        if self.watched.changed() { self.reload("a file changed").await } else { self }
    }

    /// Reads everything again. Reading and building happen beside the running policy, off the asynchronous threads.
    pub(super) async fn reload(self, why: &'static str) -> Self {
        let built = tokio::task::spawn_blocking(move || self.reload_here(why));
        built.await.expect("a reload reports its errors and does not panic")
    }

    fn reload_here(mut self, why: &str) -> Self {
        // Whatever changes from here on is seen by the next look.
        match self.rebuild() {
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
        let search = self.system.search_domains();
        let wanted = build::lookalike(&config, search.clone());
        let knowledge = if wanted == build::lookalike(&self.config, search) {
            Arc::clone(&old.knowledge)
        } else {
            Arc::new(Knowledge {
                generation: old.knowledge.generation + 1,
                engine: crate::lookalike::Engine::new(&wanted),
                platforms: old.knowledge.platforms,
            })
        };
        let (rules, _reports) = build::rules(&config)?;
        let policy = build::policy(&config, knowledge, Arc::new(rules), old.generation + 1);
        let servers = self.system.servers(&config)?;
        self.live.upstreams.replace(&servers)?;
        self.live.access.set_allow(&config.server.allow);
        for warning in &config.warnings {
            tracing::warn!("{warning}");
        }
        self.renew_certificate(&config);
        if needs_restart(&config, &self.config) {
            tracing::warn!(
                "`[server] listen`, `listen_tls`, `listen_https`, `workers`, `[tls] self_signed` and `[history]` take effect at the next start"
            );
        }
        self.config = config;
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
            Ok(()) if held.chain() != before => tracing::info!("the certificate is a new one"),
            Ok(()) => (),
            Err(error) => tracing::error!("the old certificate stays in use: {error}"),
        }
    }

    fn follow_system(&mut self) {
        match self
            .system
            .servers(&self.config)
            .and_then(|it| Ok(self.live.upstreams.replace(&it)?))
        {
            Ok(()) => tracing::info!(
                "the system's resolvers changed: forwarding to {}",
                super::banner::urls(&self.live.upstreams.urls())
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
    if let Some(CertificateSource::Files { certificate, key }) = config.tls.source() {
        watched.add([certificate, key]);
    }
}

/// Whether something changed that only a start takes up.
fn needs_restart(new: &Config, old: &Config) -> bool {
    let of_start = |it: &Config| {
        let server = it.server.clone();
        let encrypted = (server.listen_tls, server.listen_https, it.tls.self_signed);
        (server.listen, server.workers, encrypted, it.history.clone())
    };
    of_start(new) != of_start(old)
}
