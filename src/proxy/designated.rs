//! What clients are told that ask how this server is reached encrypted (RFC 9462): SVCB records as RFC 9461 has them for DNS.

use crate::{
    dns::{Answer, Made, Query, Rcode, class, rtype},
    name::Name,
};
use std::net::IpAddr;

/// How long clients keep it, in seconds: a certificate or a listener may change.
pub(super) const TTL_SECS: u32 = 300;

/// The name that clients ask for (RFC 9462 section 4).
const QNAME: &[u8] = b"\x04_dns\x08resolver\x04arpa\0";

/// Where queries over HTTPS go (RFC 9461 section 5).
const PATH: &[u8] = b"/dns-query{?dns}";

/// Octets of a header, and its flags QR and RA.
const HEADER_LEN: usize = 12;
const FLAGS: [u8; 2] = [0x80, 0x80];

mod key {
    pub(super) const ALPN: u16 = 1;
    pub(super) const PORT: u16 = 3;
    pub(super) const IPV4HINT: u16 = 4;
    pub(super) const IPV6HINT: u16 = 6;
    pub(super) const DOHPATH: u16 = 7;
}

/// One way to reach this server encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Designated {
    /// What its certificate is made for.
    pub name: Name,
    /// What is spoken, as TLS names it: `dot`, `doq`, `h2`, `h3`.
    pub protocols: Vec<&'static str>,
    /// Where.
    pub port: u16,
    /// At which addresses; none where that is not known.
    pub addresses: Vec<IpAddr>,
}

impl Designated {
    /// RDATA of the SVCB record (RFC 9460 section 2.2). Keys in order, each as code, length and value.
    fn rdata(&self, priority: u16) -> Vec<u8> {
        let mut rdata = [&priority.to_be_bytes()[..], self.name.wire()].concat();
        let mut put = |key: u16, value: &[u8]| {
            if value.is_empty() {
                return;
            }
            let len = u16::try_from(value.len()).expect("a few names and addresses are short");
            rdata.extend_from_slice(&[key.to_be_bytes(), len.to_be_bytes()].concat());
            rdata.extend_from_slice(value);
        };
        let alpn: Vec<u8> = self
            .protocols
            .iter()
            .flat_map(|it| [&[it.len() as u8], it.as_bytes()].concat())
            .collect();
        put(key::ALPN, &alpn);
        put(key::PORT, &self.port.to_be_bytes());
        let v4 = self.addresses.iter().filter_map(|it| match it {
            IpAddr::V4(it) => Some(it.octets()),
            IpAddr::V6(_) => None,
        });
        put(key::IPV4HINT, &v4.flatten().collect::<Vec<u8>>());
        let v6 = self.addresses.iter().filter_map(|it| match it {
            IpAddr::V4(_) => None,
            IpAddr::V6(it) => Some(it.octets()),
        });
        put(key::IPV6HINT, &v6.flatten().collect::<Vec<u8>>());
        if self.protocols.iter().any(|it| matches!(*it, "h2" | "h3")) {
            put(key::DOHPATH, PATH);
        }
        rdata
    }
}

/// The answer about these ways, the first preferred; NODATA to other questions under `suffix`, and where there are none: so that clients
/// stop asking.
pub(super) fn answer(query: &Query<'_>, ways: &[Designated], suffix: &[u8]) -> Answer {
    let is_asked = query.qtype == rtype::SVCB && query.name.wire() == QNAME;
    let told = if is_asked && !ways.is_empty() { told(query, ways) } else { None };
    told.unwrap_or_else(|| Made::Negative(Rcode::NOERROR, suffix, TTL_SECS).answer(query))
}

fn told(query: &Query<'_>, ways: &[Designated]) -> Option<Answer> {
    let count = u16::try_from(ways.len()).ok()?;
    let mut reply = [&[0; 2], &FLAGS[..], &[0, 1], &count.to_be_bytes(), &[0; 4]].concat();
    reply.extend_from_slice(query.name.wire());
    reply.extend_from_slice(&[rtype::SVCB.to_be_bytes(), class::IN.to_be_bytes()].concat());
    for (way, priority) in ways.iter().zip(1..) {
        let rdata = way.rdata(priority);
        let [high, low] = (HEADER_LEN as u16 | 0xc000).to_be_bytes();
        reply.extend_from_slice(&[high, low]);
        reply.extend_from_slice(&[rtype::SVCB.to_be_bytes(), class::IN.to_be_bytes()].concat());
        reply.extend_from_slice(&TTL_SECS.to_be_bytes());
        reply.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_be_bytes());
        reply.extend_from_slice(&rdata);
    }
    Answer::from_reply(&reply, 0, &query.name, query.qtype, query.qclass).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_say_how() {
        let check = |protocols: &[&'static str], port, addresses: &[&str], expected: &[u8]| {
            let way = Designated {
                name: Name::parse("dns.example").unwrap(),
                protocols: protocols.to_vec(),
                port,
                addresses: addresses.iter().map(|it| it.parse().unwrap()).collect(),
            };
            assert_eq!(way.rdata(1), [b"\0\x01\x03dns\x07example\0", expected].concat());
        };
        check(&["dot"], 853, &[], b"\0\x01\0\x04\x03dot\0\x03\0\x02\x03\x55");
        check(
            &["h2", "h3"],
            443,
            &["192.0.2.1", "192.0.2.2"],
            b"\0\x01\0\x06\x02h2\x02h3\0\x03\0\x02\x01\xbb\0\x04\0\x08\xc0\0\x02\x01\xc0\0\x02\x02\0\x07\0\x10/dns-query{?dns}",
        );
        check(
            &["doq"],
            853,
            &["192.0.2.1", "2001:db8::1"],
            b"\0\x01\0\x04\x03doq\0\x03\0\x02\x03\x55\0\x04\0\x04\xc0\0\x02\x01\0\x06\0\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01",
        );
    }
}
