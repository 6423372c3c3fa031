//! What to write where an encrypted upstream does not prove who it is.

use super::{Secure, Url};

/// What to do about a failure to connect, from what TLS says of it: over TCP and QUIC in the same words.
pub(super) fn hint(url: &Url, why: &str) -> Option<String> {
    if why.contains("UnknownIssuer") {
        let file = "`[upstream] ca = \"ca.pem\"`";
        return Some(format!(
            "if it is your own, name a file with the authority that vouches for it: {file}"
        ));
    }
    if why.contains("not valid for name") {
        return Some(of_name(url, why));
    }
    if why.contains("Expired") || why.contains("expired") || why.contains("not valid yet") {
        return Some("if its certificate is sound, the clock of this machine is wrong".to_owned());
    }
    let speaks_otherwise =
        ["InvalidContentType", "NoApplicationProtocol", "no application protocol"];
    let is_other = speaks_otherwise.iter().any(|it| why.contains(it));
    is_other
        .then(|| format!("it does not speak `{}` there; are scheme and port right?", url.scheme()))
}

/// The same URL with the name that the certificate is made for, where it says one.
fn of_name(url: &Url, why: &str) -> String {
    let made_for = why.split_once("DnsName(\"").and_then(|it| it.1.split('"').next());
    let (Some(name), Some(address)) = (made_for, url.address()) else {
        return "somebody else answers there, or the name is another than that of its certificate"
            .to_owned();
    };
    let path = match url {
        Url::Https(Secure::At { .. }, path) | Url::Http3(Secure::At { .. }, path) => path,
        _ => "",
    };
    format!("if that is whom you mean: `{}://{address}{path}#{name}`", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_write_is_told() {
        let check = |url: &str, why: &str, expected: Option<&str>| {
            let found = hint(&url.parse().unwrap(), why);
            match (&found, expected) {
                (None, None) => (),
                (Some(found), Some(expected)) => assert!(found.contains(expected), "{found}"),
                _ => panic!("{why}: {found:?}"),
            }
        };
        let other = "certificate not valid for name \"192.0.2.1\"; certificate is only valid for DnsName(\"dns.example\") or DnsName(\"b.example\")";
        let nameless =
            "certificate not valid for name \"a.example\"; certificate is not valid for any names";
        check("tls://192.0.2.1", "invalid peer certificate: UnknownIssuer", Some("[upstream] ca"));
        check("tls://192.0.2.1", other, Some("`tls://192.0.2.1:853#dns.example`"));
        check("h3://192.0.2.1/x#a.example", other, Some("`h3://192.0.2.1:443/x#dns.example`"));
        check("https://a.example", other, Some("somebody else"));
        check("quic://192.0.2.1", nameless, Some("somebody else"));
        check("tls://192.0.2.1", "certificate expired: verification time 5", Some("clock"));
        check(
            "tls://192.0.2.1",
            "received corrupt message of type InvalidContentType",
            Some("`tls`"),
        );
        check("tls://192.0.2.1", "connection refused", None);
    }
}
