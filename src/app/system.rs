//! The host's own resolvers and search domains, followed as they change.

use crate::{
    config::Config,
    upstream::{
        Url,
        system::{Paths, System, SystemError, is_own},
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
        Self::read_from(Paths::default(), own)
    }

    fn read_from(paths: Paths, own: &[SocketAddr]) -> Self {
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

    /// Whether an upstream is Squint itself.
    pub(super) fn is_own(&self, server: &Url) -> bool {
        server.address().is_some_and(|it| is_own(it, &self.own))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn changes_are_noticed_and_the_last_good_set_stays() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("resolv.conf");
        fs::write(&file, "nameserver 192.0.2.1\n").unwrap();
        let paths = Paths { resolv_conf: file.clone(), systemd: dir.path().join("none") };
        let own = ["127.0.0.1:53".parse().unwrap()];
        let mut system = HostSystem::read_from(paths, &own);
        let itself = |port| system.is_own(&format!("127.0.0.1:{port}").parse().unwrap());
        assert!(itself(53) && !itself(5300));
        let mut check = |text: &str, changed: bool, server: &str, search: &[&str]| {
            // As DHCP clients do: a new file takes the old one's place.
            let new = file.with_extension("new");
            fs::write(&new, text).unwrap();
            fs::rename(&new, &file).unwrap();
            assert_eq!(system.changed(), changed, "{text}");
            assert_eq!(system.resolvers()[0].to_string(), server, "{text}");
            assert_eq!(system.search_domains(), search, "{text}");
        };
        check("nameserver 192.0.2.1\n", false, "udp://192.0.2.1:53", &[]);
        check("nameserver 192.0.2.2\n", true, "udp://192.0.2.2:53", &[]);
        check("nameserver 127.0.0.1\n", false, "udp://192.0.2.2:53", &[]);
        check("", false, "udp://192.0.2.2:53", &[]);
        check("nameserver 127.0.0.1\nnameserver 192.0.2.3\n", true, "udp://192.0.2.3:53", &[]);
        check("nameserver 192.0.2.3\nsearch lan\n", true, "udp://192.0.2.3:53", &["lan"]);
    }
}
