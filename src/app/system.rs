//! The host's own resolvers and search domains, followed as they change.

use crate::{
    config::Config,
    upstream::{
        Url,
        system::{Paths, System, SystemError},
    },
};
use std::net::SocketAddr;

/// What the host uses, and what it used when that was last known.
pub(super) struct HostSystem {
    paths: Paths,
    /// Squint's own addresses, which are never forwarded to.
    own: Vec<SocketAddr>,
    known: Result<System, SystemError>,
    warned: bool,
}

impl HostSystem {
    /// Reads the host's settings; `own` is where Squint listens.
    pub(super) fn read(own: &[SocketAddr]) -> Self {
        let paths = Paths::default();
        let known = System::read(&paths, own);
        Self { paths, own: own.to_vec(), known, warned: false }
    }

    /// Takes other addresses for Squint's own.
    pub(super) fn set_own(&mut self, own: &[SocketAddr]) {
        self.own = own.to_vec();
    }

    /// The upstreams to forward to: the configured ones, else the system's resolvers.
    ///
    /// # Errors
    /// Neither are there.
    pub(super) fn servers(&self, config: &Config) -> anyhow::Result<Vec<Url>> {
        if !config.upstream.servers.is_empty() {
            return Ok(config.upstream.servers.clone());
        }
        match &self.known {
            Ok(system) => Ok(system.servers.clone()),
            Err(error) => Err(anyhow::anyhow!("{error}")),
        }
    }

    /// The resolvers that the host itself uses; none where they are not known.
    pub(super) fn resolvers(&self) -> &[Url] {
        self.known.as_ref().map_or(&[], |it| &it.servers)
    }

    /// The host's search domains.
    pub(super) fn search_domains(&self) -> Vec<String> {
        self.known.as_ref().map_or_else(|_| Vec::new(), |it| it.search.clone())
    }

    /// Looks again; whether something else is in use than before. While nothing can be read, the last good ones stay.
    pub(super) fn changed(&mut self) -> bool {
        match System::read(&self.paths, &self.own) {
            Ok(system) => {
                self.warned = false;
                let changed = self.known.as_ref().map_or(true, |known| *known != system);
                self.known = Ok(system);
                changed
            }
            Err(error) => {
                if self.known.is_ok() && !std::mem::replace(&mut self.warned, true) {
                    tracing::warn!("{error}; the resolvers known before stay");
                }
                false
            }
        }
    }
}
