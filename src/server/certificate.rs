//! The certificate that encrypted transports show. It may change while connections last.

use crate::name::Name;
use arc_swap::ArcSwap;
use rustls::{
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem, pem::PemObject as _},
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use std::{
    fs, io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Largest certificate or key file, in octets.
const FILE_LEN_MAX: u64 = 1 << 20;

/// Where a certificate comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSource {
    /// Two files in PEM: the chain, own certificate first, and its private key. Both may be the same file.
    Files {
        /// The chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
    /// Made anew at each start: for a first try, since no client trusts it by itself.
    SelfSigned,
}

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read `{}`: {source}", path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds something else than expected.
    #[error("`{}` holds no {what} in PEM{}", path.display(), detail.as_ref().map_or_else(String::new, |it| format!(": {it}")))]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
        /// What the reader of PEM says.
        detail: Option<String>,
    },
    /// Certificate and key do not belong together, or are of a kind that cannot be used.
    #[error("`{}` and `{}` are no usable pair: {source}\nhint: the key must be the one that the first certificate was made for", certificate.display(), key.display())]
    Unusable {
        /// The chain's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// A self-signed certificate could not be made.
    #[error("cannot make a self-signed certificate: {0}")]
    SelfSigned(String),
}

/// The certificate in use.
#[derive(Debug)]
pub struct Certificate {
    current: ArcSwap<CertifiedKey>,
}

impl Certificate {
    /// Reads or makes one.
    ///
    /// # Errors
    /// Says which file is at fault.
    pub fn load(source: &CertificateSource) -> Result<Arc<Self>, CertificateError> {
        Ok(Arc::new(Self { current: ArcSwap::from_pointee(certified(source)?) }))
    }

    /// Reads or makes another, for connections from now on. The old one stays where that fails.
    ///
    /// # Errors
    /// Says which file is at fault.
    pub fn reload(&self, source: &CertificateSource) -> Result<(), CertificateError> {
        self.current.store(Arc::new(certified(source)?));
        Ok(())
    }

    /// The first name that it is made for; patterns and `localhost`, which mean another host to everybody else, do not count.
    pub fn name(&self) -> Option<Name> {
        let current = self.current.load();
        let parsed = webpki::EndEntityCert::try_from(current.cert.first()?).ok()?;
        let names = parsed.valid_dns_names().filter(|it| !it.contains('*') && *it != "localhost");
        names.filter_map(|it| Name::parse(it).ok()).next()
    }

    /// The chain in DER, own certificate first.
    pub fn chain(&self) -> Vec<Vec<u8>> {
        self.current.load().cert.iter().map(|it| it.to_vec()).collect()
    }
}

impl ResolvesServerCert for Certificate {
    /// The same for every name: clients know Squint by address or by one name.
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn certified(source: &CertificateSource) -> Result<CertifiedKey, CertificateError> {
    let CertificateSource::Files { certificate, key } = source else {
        return self_signed();
    };
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(certificate)?).collect();
    let missing = |path: &Path, what, error: Option<pem::Error>| CertificateError::Missing {
        path: path.to_owned(),
        what,
        detail: error.filter(|it| !matches!(it, pem::Error::NoItemsFound)).map(|it| it.to_string()),
    };
    let chain = chain.map_err(|it| missing(certificate, "certificate", Some(it)))?;
    if chain.is_empty() {
        return Err(missing(certificate, "certificate", None));
    }
    let found = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|it| missing(key, "private key", Some(it)))?;
    CertifiedKey::from_der(chain, found, &ring::default_provider()).map_err(|source| {
        CertificateError::Unusable { certificate: certificate.clone(), key: key.clone(), source }
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let unreadable = |source| CertificateError::Unreadable { path: path.to_owned(), source };
    if fs::metadata(path).map_err(unreadable)?.len() > FILE_LEN_MAX {
        return Err(unreadable(io::Error::other("the file is too long")));
    }
    fs::read(path).map_err(unreadable)
}

/// A certificate for this host's names and addresses.
fn self_signed() -> Result<CertifiedKey, CertificateError> {
    let told = |it: rcgen::Error| CertificateError::SelfSigned(it.to_string());
    let loopback = [IpAddr::from([127, 0, 0, 1]), std::net::Ipv6Addr::LOCALHOST.into()];
    let addresses = loopback.into_iter().chain(super::reachable_addresses());
    let names: Vec<String> =
        ["localhost".to_owned()].into_iter().chain(addresses.map(|it| it.to_string())).collect();
    let mut params = rcgen::CertificateParams::new(names).map_err(told)?;
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, "Squint, self-signed");
    let pair = rcgen::KeyPair::generate().map_err(told)?;
    let certificate = params.self_signed(&pair).map_err(told)?;
    let key = PrivateKeyDer::try_from(pair.serialize_der())
        .map_err(|it| CertificateError::SelfSigned(it.to_owned()))?;
    CertifiedKey::from_der(vec![certificate.der().clone()], key, &ring::default_provider())
        .map_err(|it| CertificateError::SelfSigned(it.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes a certificate and its key; the source that names them, and the certificate.
    fn written(folder: &Path) -> (CertificateSource, Vec<u8>) {
        let made = rcgen::generate_simple_self_signed(vec!["dns.example".to_owned()]).unwrap();
        let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&certificate, made.cert.pem()).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        (CertificateSource::Files { certificate, key }, made.cert.der().to_vec())
    }

    #[test]
    fn a_bad_pair_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let (source, first) = written(folder.path());
        let held = Certificate::load(&source).unwrap();
        assert_eq!(held.chain(), std::slice::from_ref(&first));
        assert_eq!(held.name(), Name::parse("dns.example").ok());
        let key = fs::read(folder.path().join("key.pem")).unwrap();
        let (_, second) = written(folder.path());
        let new_key = fs::read(folder.path().join("key.pem")).unwrap();
        // The new certificate is there already, its key is not.
        fs::write(folder.path().join("key.pem"), key).unwrap();
        let told = held.reload(&source).unwrap_err().to_string();
        assert!(told.contains("no usable pair"), "{told}");
        assert_eq!(held.chain(), [first]);
        fs::write(folder.path().join("key.pem"), new_key).unwrap();
        held.reload(&source).unwrap();
        assert_eq!(held.chain(), [second]);
    }

    #[test]
    fn errors_name_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let check = |name: &str, text: Option<&str>, expected: &str| {
            let (source, _) = written(folder.path());
            match text {
                Some(text) => fs::write(folder.path().join(name), text).unwrap(),
                None => fs::remove_file(folder.path().join(name)).unwrap(),
            }
            let told = Certificate::load(&source).unwrap_err().to_string();
            assert!(told.contains(name) && told.contains(expected), "{told}");
        };
        check("cert.pem", None, "cannot read");
        check("key.pem", None, "cannot read");
        check("cert.pem", Some("hello"), "holds no certificate in PEM");
        check("key.pem", Some(""), "holds no private key in PEM");
        check("cert.pem", Some("-----BEGIN CERTIFICATE-----\nAAAA\n"), "holds no certificate");
        let junk = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        check("cert.pem", Some(junk), "no usable pair");
    }

    #[test]
    fn one_is_made_on_request() {
        assert_eq!(Certificate::load(&CertificateSource::SelfSigned).unwrap().chain().len(), 1);
    }
}
