//! Whom encrypted upstreams have to be vouched for by.

use super::{http3, judge::Judge, quic};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Largest file of certificates, in octets.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The authorities that are trusted, as each kind of connection uses them.
#[derive(Debug)]
pub struct Trust {
    pub(super) dot: Arc<ClientConfig>,
    pub(super) doh: Arc<ClientConfig>,
    pub(super) doh3: quinn::ClientConfig,
    pub(super) doq: quinn::ClientConfig,
}

/// Why authorities cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file holds no certificate that can be used.
    #[error("`{}` holds no certificate of an authority in PEM", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
    /// TLS cannot be set up.
    #[error("cannot set up TLS: {0}")]
    Setup(#[from] rustls::Error),
}

impl Trust {
    /// Trusts the authorities that Mozilla's programs trust, which come with Squint: no file of the host is needed.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub fn public() -> Result<Self, TrustError> {
        Self::with(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() })
    }

    /// Trusts those, and the ones in a file in PEM.
    ///
    /// # Errors
    /// Says what is wrong with the file.
    pub fn and_of_file(path: &Path) -> Result<Self, TrustError> {
        let unreadable = |source| TrustError::Unreadable { path: path.to_owned(), source };
        if fs::metadata(path).map_err(unreadable)?.len() > FILE_LEN_MAX {
            return Err(unreadable(io::Error::other("the file is too long")));
        }
        let text = fs::read(path).map_err(unreadable)?;
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let found = CertificateDer::pem_slice_iter(&text).filter_map(Result::ok);
        match roots.add_parsable_certificates(found) {
            (0, _) => Err(TrustError::Empty { path: path.to_owned() }),
            _ => Self::with(roots),
        }
    }

    fn with(roots: RootCertStore) -> Result<Self, TrustError> {
        let provider = Arc::new(ring::default_provider());
        let judge = Judge::new(roots, Arc::clone(&provider))?;
        let base = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        let speaking = |protocol: &[u8]| {
            let mut config = base.clone();
            config.alpn_protocols = vec![protocol.to_vec()];
            config
        };
        let (dot, doh) = (Arc::new(speaking(b"dot")), Arc::new(speaking(b"h2")));
        let doh3 = quic::config(speaking(b"h3"), http3::STEERING_MAX)?;
        Ok(Self { dot, doh, doh3, doq: quic::config(speaking(b"doq"), 0)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_or_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let check = |text: Option<String>, expected: Option<&str>| {
            match text {
                Some(text) => fs::write(&path, text).unwrap(),
                None => drop(fs::remove_file(&path)),
            }
            let told = Trust::and_of_file(&path).err().map(|it| it.to_string());
            match (told, expected) {
                (None, None) => (),
                (Some(told), Some(expected)) => assert!(told.contains(expected), "{told}"),
                other => panic!("{other:?}"),
            }
        };
        check(None, Some("cannot read"));
        check(Some("hello".to_owned()), Some("holds no certificate"));
        let made = rcgen::generate_simple_self_signed(vec!["ca.example".to_owned()]).unwrap();
        check(Some(made.signing_key.serialize_pem()), Some("holds no certificate"));
        check(Some(made.cert.pem()), None);
    }

    #[test]
    fn some_are_trusted_from_the_start() {
        assert!(Trust::public().is_ok() && webpki_roots::TLS_SERVER_ROOTS.len() > 50);
    }
}
