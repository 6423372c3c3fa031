//! Judging the certificates of upstreams, also on a board whose clock has not been set yet.

use super::clock::UNIX_TIME_MIN;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

/// How often the moment is moved on to suit a chain whose certificates begin at different times.
const MOVES_MAX: usize = 8;

/// Judges as usual while the clock can be right. While it cannot, a certificate may begin later than the clock says, since nobody knows
/// how late it is; what ended before [`UNIX_TIME_MIN`] has ended all the same. A board without a battery so finds its NTP server.
#[derive(Debug)]
pub(super) struct Judge {
    usual: Arc<WebPkiServerVerifier>,
    /// Whether the wrong clock has been told of.
    told: AtomicBool,
}

impl Judge {
    pub(super) fn new(
        roots: RootCertStore,
        provider: Arc<CryptoProvider>,
    ) -> Result<Arc<Self>, Error> {
        let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        let usual = usual.map_err(|it| Error::General(it.to_string()))?;
        Ok(Arc::new(Self { usual, told: AtomicBool::new(false) }))
    }
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let judge = |now| self.usual.verify_server_cert(own, others, name, ocsp, now);
        let earliest = UnixTime::since_unix_epoch(Duration::from_secs(UNIX_TIME_MIN));
        if now >= earliest {
            return judge(now);
        }
        if !self.told.swap(true, Relaxed) {
            tracing::warn!(
                "the clock is wrong: certificates of upstreams are accepted whatever day they begin"
            );
        }
        let mut moment = earliest;
        for _ in 0..MOVES_MAX {
            match judge(moment) {
                Err(Error::InvalidCertificate(CertificateError::NotValidYetContext {
                    not_before,
                    ..
                })) => moment = not_before,
                done => return done,
            }
        }
        judge(moment)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.usual.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.usual.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
    use rustls::crypto::ring;

    /// An authority and a certificate of its for `dns.example`, each for a range of years.
    fn issued(authority: [i32; 2], own: [i32; 2]) -> (RootCertStore, CertificateDer<'static>) {
        let within = |params: &mut CertificateParams, [from, to]: [i32; 2]| {
            (params.not_before, params.not_after) =
                (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
        };
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        within(&mut params, authority);
        let key = KeyPair::generate().unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(params.self_signed(&key).unwrap().der().clone()).unwrap();
        let issuer = Issuer::new(params, key);
        let mut params = CertificateParams::new(vec!["dns.example".to_owned()]).unwrap();
        within(&mut params, own);
        let key = KeyPair::generate().unwrap();
        (roots, params.signed_by(&key, &issuer).unwrap().der().clone())
    }

    fn judge(own: [i32; 2], year: u64, name: &'static str) -> Result<(), Error> {
        let (roots, certificate) = issued([2020, 2090], own);
        let judge = Judge::new(roots, Arc::new(ring::default_provider())).unwrap();
        let now = UnixTime::since_unix_epoch(Duration::from_secs((year - 1970) * 31_557_600));
        let name = ServerName::try_from(name).unwrap();
        judge.verify_server_cert(&certificate, &[], &name, &[], now).map(drop)
    }

    #[test]
    fn dates_count_once_the_clock_can_be_right() {
        let check = |own: [i32; 2], year: u64, expected: bool| {
            assert_eq!(judge(own, year, "dns.example").is_ok(), expected, "{own:?} {year}");
        };
        check([2025, 2040], 2030, true);
        check([2035, 2040], 2030, false);
        check([2025, 2028], 2030, false);
        check([2025, 2040], 1970, true);
        check([2035, 2040], 1970, true);
        check([2024, 2026], 1970, false);
    }

    #[test]
    fn the_name_counts_whatever_the_clock_says() {
        for year in [1970, 2030] {
            assert!(judge([2025, 2040], year, "other.example").is_err());
        }
        let (_, certificate) = issued([2020, 2090], [2025, 2040]);
        let (others, _) = issued([2020, 2090], [2025, 2040]);
        let judge = Judge::new(others, Arc::new(ring::default_provider())).unwrap();
        let name = ServerName::try_from("dns.example").unwrap();
        let now = UnixTime::since_unix_epoch(Duration::ZERO);
        assert!(judge.verify_server_cert(&certificate, &[], &name, &[], now).is_err());
    }
}
