//! The binary with its encrypted listeners, and clients that trust its certificate alone.

use super::{Authority, Data, Kdig, Knot, Squint, free_port};
use std::{net::SocketAddr, path::PathBuf};

/// What the certificate is made for, besides 127.0.0.1 and a name that [`Knot`] knows at that address.
pub(crate) const NAME: &str = "dns.example";

/// A Squint in front of a [`Knot`], with every encrypted listener.
pub(crate) struct Encrypted {
    pub(crate) squint: Squint,
    pub(crate) tls: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) quic: SocketAddr,
    pub(crate) h3: SocketAddr,
    _knot: Knot,
}

impl Encrypted {
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts it with `config` at the end of its configuration.
    pub(crate) fn start_with(config: &str) -> Self {
        let knot = Knot::start();
        let data = Data::new();
        let authority = Authority::new();
        authority.write(data.path());
        authority.issue(data.path(), &[NAME, "ns.example", "127.0.0.1"]);
        let [tls, https, quic, h3] =
            [(); 4].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
        data.write_config(&format!(
            "[tls]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
             [server]\nlisten_tls = [\"{tls}\"]\nlisten_https = [\"{https}\"]\nlisten_quic = [\"{quic}\"]\nlisten_h3 = [\"{h3}\"]\n{config}"
        ));
        let squint = Squint::start_in(data, knot.address);
        Self { squint, tls, https, quic, h3, _knot: knot }
    }

    /// Ends it by a signal and starts it anew at the same places.
    pub(crate) fn restart(self, signal: &str) -> Self {
        let Self { squint, tls, https, quic, h3, _knot: knot } = self;
        let squint = squint.restart(signal, knot.address);
        Self { squint, tls, https, quic, h3, _knot: knot }
    }

    /// The certificate of the authority.
    pub(crate) fn ca(&self) -> PathBuf {
        self.squint.data.path().join("ca.pem")
    }

    /// `kdig` over TLS.
    pub(crate) fn tls(&self, name: &str, rtype: &str) -> Kdig {
        self.trusting(Kdig::new(self.tls, name, rtype).with(&["+tls"]))
    }

    /// `kdig` over HTTPS.
    pub(crate) fn https(&self, name: &str, rtype: &str) -> Kdig {
        self.trusting(Kdig::new(self.https, name, rtype).with(&["+https"]))
    }

    /// `kdig` over QUIC.
    pub(crate) fn quic(&self, name: &str, rtype: &str) -> Kdig {
        self.trusting(Kdig::new(self.quic, name, rtype)).with(&["+quic"])
    }

    fn trusting(&self, kdig: Kdig) -> Kdig {
        let ca = format!("+tls-ca={}", self.ca().display());
        kdig.with(&[&ca, &format!("+tls-hostname={NAME}")])
    }
}
