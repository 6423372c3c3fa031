//! How this server is reached encrypted, as clients are told that ask (RFC 9462).

use crate::{
    dns::Transport,
    name::Name,
    proxy::Designated,
    server::{Certificate, reachable_addresses},
};
use std::net::{IpAddr, SocketAddr};

/// Addresses that are told of one way.
const ADDRESSES_MAX: usize = 8;

/// The encrypted listeners, the one with the widest use first; none where the certificate is made for no name, by which alone RFC 9462
/// lets them be told.
pub(super) fn designated(
    (plain, encrypted): &(Vec<SocketAddr>, Vec<(Transport, SocketAddr)>),
    certificate: Option<&Certificate>,
) -> Vec<Designated> {
    let name = certificate.and_then(Certificate::name);
    name.map_or_else(Vec::new, |it| ways(&it, plain, encrypted, &reachable_addresses()))
}

fn ways(
    name: &Name,
    plain: &[SocketAddr],
    encrypted: &[(Transport, SocketAddr)],
    reachable: &[IpAddr],
) -> Vec<Designated> {
    // Whoever asks from elsewhere has no use for a listener on loopback.
    let is_local = plain.iter().all(|it| it.ip().is_loopback());
    let mut ways: Vec<Designated> = Vec::new();
    for (transport, protocol) in [
        (Transport::Doh, "h2"),
        (Transport::Doh3, "h3"),
        (Transport::Dot, "dot"),
        (Transport::Doq, "doq"),
    ] {
        let own = encrypted.iter().filter(|it| it.0 == transport).map(|it| it.1);
        for listener in own.filter(|it| is_local || !it.ip().is_loopback()) {
            let port = listener.port();
            let at = ways
                .iter()
                .position(|it| it.protocols.contains(&protocol) && it.port == port)
                .unwrap_or_else(|| {
                    let name = name.clone();
                    ways.push(Designated {
                        name,
                        protocols: vec![protocol],
                        port,
                        addresses: Vec::new(),
                    });
                    ways.len() - 1
                });
            let found = reachable.iter().copied().filter(|it| it.is_ipv4() == listener.is_ipv4());
            let found: Vec<IpAddr> =
                if listener.ip().is_unspecified() { found.collect() } else { vec![listener.ip()] };
            let known = &mut ways[at].addresses;
            known.extend(found);
            known.truncate(ADDRESSES_MAX);
        }
    }
    joined(ways)
}

/// HTTP/2 and HTTP/3 at the same place are one way.
fn joined(mut ways: Vec<Designated>) -> Vec<Designated> {
    for third in (0..ways.len()).rev() {
        let place = |it: &Designated| (it.port, it.addresses.clone());
        let is_beside =
            |it: &Designated| it.protocols == ["h2"] && place(it) == place(&ways[third]);
        if ways[third].protocols == ["h3"]
            && let Some(second) = ways.iter().position(is_beside)
        {
            ways[second].protocols.push("h3");
            ways.remove(third);
        }
    }
    ways
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_told_as_clients_find_them() {
        let check = |plain: &str, encrypted: &[(Transport, &str)], expected: &[&str]| {
            let encrypted: Vec<_> =
                encrypted.iter().map(|it| (it.0, it.1.parse().unwrap())).collect();
            let reachable = ["192.0.2.1", "2001:db8::1"].map(|it| it.parse().unwrap());
            let name = Name::parse("dns.example").unwrap();
            let found = ways(&name, &[plain.parse().unwrap()], &encrypted, &reachable);
            let found: Vec<String> = found
                .iter()
                .map(|it| format!("{:?} {} {:?}", it.protocols, it.port, it.addresses))
                .collect();
            assert_eq!(found, expected);
        };
        use Transport::{Doh, Doh3, Doq, Dot};
        check("0.0.0.0:53", &[], &[]);
        check("127.0.0.1:53", &[(Dot, "127.0.0.1:853")], &[r#"["dot"] 853 [127.0.0.1]"#]);
        check("192.0.2.1:53", &[(Dot, "127.0.0.1:853")], &[]);
        check(
            "0.0.0.0:53",
            &[(Doq, "0.0.0.0:853"), (Dot, "[::]:853"), (Dot, "0.0.0.0:853")],
            &[r#"["dot"] 853 [2001:db8::1, 192.0.2.1]"#, r#"["doq"] 853 [192.0.2.1]"#],
        );
        check(
            "0.0.0.0:53",
            &[(Doh, "192.0.2.1:443"), (Doh3, "192.0.2.1:443")],
            &[r#"["h2", "h3"] 443 [192.0.2.1]"#],
        );
        check(
            "0.0.0.0:53",
            &[(Doh, "192.0.2.1:443"), (Doh3, "192.0.2.1:8443")],
            &[r#"["h2"] 443 [192.0.2.1]"#, r#"["h3"] 8443 [192.0.2.1]"#],
        );
    }
}
