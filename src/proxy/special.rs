//! Special-use names that never leave (RFC 6303, 6761, 6762, 7686, 7793, 8375, 9462, 9476, 9665): answered from hickory's
//! in-memory zones, then remembered like any other answer.

use super::{
    designated::{self, Designated},
    suffixes::Suffixes,
};
use crate::{
    dns::{Answer, Made, Outgoing, Query, Rcode, class, rtype},
    name,
};
use arc_swap::ArcSwap;
use hickory_proto::{
    rr::{
        LowerName, Name, RData, Record,
        rdata::{self, SOA},
    },
    serialize::binary::BinEncoder,
};
use hickory_server::{
    net::{NetError, xfer::Protocol},
    server::{Request, ResponseHandler, ResponseInfo},
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, MessageResponse, ZoneType},
};
use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

/// TTL of everything answered here, in seconds (RFC 6303 section 3).
pub(super) const TTL_SECS: u32 = 10_800;

/// Top-level domains that do not exist in DNS, nor does anything below them. Programs that look for a zone of that name would
/// take it for a network's own: multicast DNS stands back where `local` has a SOA (RFC 6762 section 22.1).
const NOWHERE: [&str; 5] = ["invalid", "test", "onion", "alt", "local"];

/// Domains without content: whatever is asked below them does not exist.
const EMPTY: [&str; 2] = ["home.arpa", "service.arpa"];

/// The domain below which clients ask how this server is reached encrypted (RFC 9462 section 4).
const DESIGNATED: &str = "resolver.arpa";

const LOOPBACK_V4: &str = "127.in-addr.arpa";
const LOOPBACK_V6: &str =
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa";

/// Reverse zones of addresses that no network has of its own: "this" network, documentation, broadcast, unspecified.
const NOBODYS_REVERSE: [&str; 7] = [
    "0.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
];

/// Names that ask whether clients may go around this server: no such name means that they may not.
const FIREFOX: [&str; 1] = ["use-application-dns.net"];
const PRIVATE_RELAY: [&str; 2] = ["mask.icloud.com", "mask-h2.icloud.com"];

/// Reverse zones of private, shared and link-local addresses (RFC 1918, 6598, 3927, 4193, 4291), which a network's own
/// resolvers may know.
pub fn private_reverse_zones() -> Vec<name::Name> {
    let rfc_1918 = (16..32).map(|it| format!("{it}.172.in-addr.arpa"));
    let shared = (64..128).map(|it| format!("{it}.100.in-addr.arpa"));
    let link_local = ["8", "9", "a", "b"].map(|it| format!("{it}.e.f.ip6.arpa"));
    ["10.in-addr.arpa", "168.192.in-addr.arpa", "254.169.in-addr.arpa", "d.f.ip6.arpa"]
        .map(str::to_owned)
        .into_iter()
        .chain(rfc_1918)
        .chain(shared)
        .chain(link_local)
        .map(|it| parsed(&it))
        .collect()
}

/// The name by which hosts find how addresses are made (RFC 7050).
pub(super) const IPV4_ONLY: &str = "ipv4only.arpa";

/// How a special-use name is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From a zone.
    Zone,
    /// By the ways in which this server is reached encrypted.
    Designated,
    /// No such name, the suffix itself included.
    Nxdomain,
    /// A name of an IPv6 address made of an IPv4 one; there is nothing else.
    Reverse64,
    /// The name by which hosts find how addresses are made.
    Ipv4Only,
}

/// Which of the names that ask whether clients may go around this server are let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bypass {
    /// Firefox may use its own DNS over HTTPS.
    pub firefox_doh: bool,
    /// Apple's devices may use iCloud Private Relay.
    pub private_relay: bool,
}

/// Enters every special-use suffix into a table.
pub(super) fn enter<T: Copy>(bypass: Bypass, table: &mut Suffixes<T>, value: impl Fn(Kind) -> T) {
    let mut insert = |suffix: &str, kind| table.insert(&parsed(suffix), value(kind));
    insert("localhost", Kind::Zone);
    insert(DESIGNATED, Kind::Designated);
    for suffix in EMPTY.iter().chain(&NOBODYS_REVERSE).chain(&[LOOPBACK_V4, LOOPBACK_V6]) {
        insert(suffix, Kind::Zone);
    }
    NOWHERE.iter().for_each(|it| insert(it, Kind::Nxdomain));
    if !bypass.firefox_doh {
        FIREFOX.iter().for_each(|it| insert(it, Kind::Nxdomain));
    }
    if !bypass.private_relay {
        PRIVATE_RELAY.iter().for_each(|it| insert(it, Kind::Nxdomain));
    }
    for zone in private_reverse_zones() {
        table.insert(&zone, value(Kind::Zone));
    }
}

/// The zones of special-use names.
pub(super) struct Special {
    catalog: Catalog,
    /// The ways in which this server is reached encrypted.
    pub(super) designated: ArcSwap<Vec<Designated>>,
}

impl Special {
    pub(super) fn new() -> Self {
        let mut catalog = Catalog::new();
        let localhost = zone_name("localhost");
        let star = zone_name("*.localhost");
        let v4 = RData::A(rdata::A(Ipv4Addr::LOCALHOST));
        let v6 = RData::AAAA(rdata::AAAA(Ipv6Addr::LOCALHOST));
        let hosts = [(&localhost, &v4), (&localhost, &v6), (&star, &v4), (&star, &v6)];
        add(&mut catalog, "localhost", hosts.map(|(owner, data)| (owner.clone(), data.clone())));
        for zone in EMPTY.iter().chain(&NOBODYS_REVERSE) {
            add(&mut catalog, zone, []);
        }
        for zone in private_reverse_zones() {
            add(&mut catalog, &zone.text(), []);
        }
        let pointer = RData::PTR(rdata::PTR(localhost));
        add(&mut catalog, LOOPBACK_V4, [(zone_name("1.0.0.127.in-addr.arpa"), pointer.clone())]);
        add(&mut catalog, LOOPBACK_V6, [(zone_name(LOOPBACK_V6), pointer)]);
        Self { catalog, designated: ArcSwap::default() }
    }

    /// The answer to a query for a special-use name, whose special suffix has `suffix_len` octets in wire form.
    pub(super) async fn answer(&self, query: &Query<'_>, kind: Kind, suffix_len: u8) -> Answer {
        if query.qclass != class::IN {
            return Made::Empty(Rcode::REFUSED).answer(query);
        }
        let wire = query.name.wire();
        let owner = &wire[wire.len().saturating_sub(usize::from(suffix_len))..];
        match kind {
            Kind::Designated => designated::answer(query, &self.designated.load(), owner),
            Kind::Nxdomain => Made::Negative(Rcode::NXDOMAIN, owner, TTL_SECS).answer(query),
            // What exists of these is answered where addresses are made.
            Kind::Reverse64 | Kind::Ipv4Only => {
                let exists = query.name.wire().len() == usize::from(suffix_len);
                let rcode = if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN };
                Made::Negative(rcode, owner, TTL_SECS).answer(query)
            }
            // Such a name does not leave, whatever happens here.
            Kind::Zone => match self.zone_answer(query).await {
                // Every name under `localhost` exists; hickory's wildcards forget that for types they do not hold.
                Some(answer) if answer.rcode() == Rcode::NXDOMAIN && is_localhost(query) => {
                    Made::Negative(Rcode::NOERROR, owner, TTL_SECS).answer(query)
                }
                Some(answer) => answer,
                None => Made::Empty(Rcode::SERVFAIL).answer(query),
            },
        }
    }

    async fn zone_answer(&self, query: &Query<'_>) -> Option<Answer> {
        let (name, qtype, qclass) = (&query.name, query.qtype, query.qclass);
        let mut packet = Vec::with_capacity(300);
        // A query of our own, since not all that a client may send can be read there.
        Outgoing::plain(name, qtype, qclass).write(&mut packet);
        let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let asked = Request::from_bytes(packet, source, Protocol::Tcp).ok()?;
        let reply = Captured::default();
        self.catalog.lookup(&asked, None, 0, reply.clone()).await;
        let octets = std::mem::take(&mut *reply.0.lock().unwrap_or_else(PoisonError::into_inner));
        Answer::from_reply(&octets, 0, name, qtype, qclass).ok()
    }
}

fn is_localhost(query: &Query<'_>) -> bool {
    query.name.labels().last() == Some(b"localhost")
}

/// Whether a query about a special-use suffix itself is for its parent to answer: the `arpa` zones are delegated, and
/// validating clients need the proof that they are not signed (RFC 6303 section 3, RFC 8375 section 4).
pub(super) fn is_parents(query: &Query<'_>, suffix_len: u8) -> bool {
    query.qtype == rtype::DS
        && query.name.wire().len() == usize::from(suffix_len)
        && query.name.labels().last() == Some(b"arpa")
}

fn parsed(text: &str) -> name::Name {
    name::Name::parse(text).expect("a name written here parses")
}

fn zone_name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).expect("a name written here parses");
    name.set_fqdn(true);
    name
}

/// Adds a zone with the SOA and NS of RFC 6303 section 3.
fn add(catalog: &mut Catalog, origin: &str, records: impl IntoIterator<Item = (Name, RData)>) {
    let origin = zone_name(origin);
    let mut zone: InMemoryZoneHandler =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let nobody = zone_name("nobody.invalid");
    let soa = SOA::new(origin.clone(), nobody, 1, 3_600, 1_200, 604_800, TTL_SECS);
    let head = [RData::SOA(soa), RData::NS(rdata::NS(origin.clone()))];
    let head = head.map(|data| (origin.clone(), data));
    for (owner, data) in head.into_iter().chain(records) {
        zone.upsert_mut(Record::from_rdata(owner, TTL_SECS, data), 1);
    }
    catalog.upsert(LowerName::new(&origin), vec![Arc::new(zone)]);
}

/// Keeps the octets of a response instead of sending them.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

#[async_trait::async_trait]
impl ResponseHandler for Captured {
    async fn send_response<'a>(
        &mut self,
        response: MessageResponse<
            '_,
            'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
            impl Iterator<Item = &'a Record> + Send + 'a,
        >,
    ) -> Result<ResponseInfo, NetError> {
        let mut octets = Vec::with_capacity(512);
        let info = response.destructive_emit(&mut BinEncoder::new(&mut octets))?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = octets;
        Ok(info)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rcode, records of the answer section, and lifetime for a special-use name; `None` for every other one.
    async fn ask(text: &str, qtype: u16) -> Option<(Rcode, Vec<u16>, Option<u32>)> {
        let mut table = Suffixes::new();
        enter(Bypass::default(), &mut table, |kind| kind);
        let name = parsed(text);
        let mut packet = Vec::new();
        let qclass = class::IN;
        Outgoing { edns: true, ..Outgoing::plain(&name, qtype, qclass) }.write(&mut packet);
        let query = Query::parse(&packet).unwrap();
        let (kind, suffix_len) = table.find(&query.name)?;
        if is_parents(&query, suffix_len) {
            return None;
        }
        let answer = Special::new().answer(&query, kind, suffix_len).await;
        let records = answer.records().map(|it| it.rtype).collect();
        Some((answer.rcode(), records, answer.lifetime_secs()))
    }

    #[tokio::test]
    async fn special_use_names_are_answered_here() {
        use rtype::{A, AAAA, MX, NS, PTR, SOA, SVCB};
        const HTTPS: u16 = rtype::HTTPS;
        let check = async |name: &str, qtype: u16, rcode: Rcode, records: &[u16]| {
            let got = ask(name, qtype).await;
            assert_eq!(got, Some((rcode, records.to_vec(), Some(TTL_SECS))), "{name} {qtype}");
        };
        let (found, missing) = (Rcode::NOERROR, Rcode::NXDOMAIN);
        for name in ["localhost", "a.localhost", "a.b.LOCALHOST"] {
            check(name, A, found, &[A]).await;
            check(name, AAAA, found, &[AAAA]).await;
            for qtype in [MX, HTTPS, rtype::DS, 65_280] {
                check(name, qtype, found, &[]).await;
            }
        }
        for name in NOWHERE.into_iter().chain(["www.test", "a.b.c.local"]) {
            for qtype in [A, SOA, NS, 65_280] {
                check(name, qtype, missing, &[]).await;
            }
        }
        for zone in EMPTY {
            check(&format!("www.{zone}"), A, missing, &[]).await;
            check(&format!("a.b.c.{zone}"), 65_280, missing, &[]).await;
            check(zone, A, found, &[]).await;
            check(zone, SOA, found, &[SOA]).await;
            check(zone, NS, found, &[NS]).await;
        }
        let reverse = private_reverse_zones();
        let reverse = reverse.iter().map(name::Name::text);
        for zone in reverse.chain(NOBODYS_REVERSE.map(str::to_owned)) {
            check(&format!("1.{zone}"), PTR, missing, &[]).await;
            check(&zone, PTR, found, &[]).await;
            check(&zone, SOA, found, &[SOA]).await;
        }
        check("1.0.0.127.in-addr.arpa", PTR, found, &[PTR]).await;
        check("2.0.0.127.in-addr.arpa", PTR, missing, &[]).await;
        check(LOOPBACK_V6, PTR, found, &[PTR]).await;
        for (name, qtype) in [
            ("_dns.resolver.arpa", SVCB),
            ("_dns.resolver.arpa", A),
            ("resolver.arpa", A),
            ("a.b.resolver.arpa", 65_280),
        ] {
            let expected = Some((found, vec![], Some(designated::TTL_SECS)));
            assert_eq!(ask(name, qtype).await, expected, "{name}");
        }
        for name in ["use-application-dns.net", "mask.icloud.com", "a.mask-h2.icloud.com"] {
            for qtype in [A, AAAA, HTTPS] {
                check(name, qtype, missing, &[]).await;
            }
        }
    }

    #[tokio::test]
    async fn other_names_are_not_special() {
        for name in [
            "example",
            "locals",
            "mytest",
            "arpa",
            "in-addr.arpa",
            "ip6.arpa",
            "icloud.com",
            "application-dns.net",
            "1.172.in-addr.arpa",
            "32.172.in-addr.arpa",
            "128.100.in-addr.arpa",
            "1.192.in-addr.arpa",
            "c.f.ip6.arpa",
            "7.e.f.ip6.arpa",
            "c.e.f.ip6.arpa",
            ".",
        ] {
            assert_eq!(ask(name, rtype::A).await, None, "{name}");
        }
        // Whether a delegated domain is signed is for its parent to say.
        for name in ["home.arpa", "10.in-addr.arpa", "d.f.ip6.arpa"] {
            assert_eq!(ask(name, rtype::DS).await, None, "{name}");
            assert!(ask(&format!("x.{name}"), rtype::DS).await.is_some(), "{name}");
        }
    }

    #[tokio::test]
    async fn every_type_gets_an_answer() {
        for qtype in (0..=u16::MAX).filter(|it| *it < 300 || *it > 65_200) {
            let meta = rtype::is_meta(qtype) || matches!(qtype, rtype::AXFR | rtype::IXFR);
            if meta {
                continue;
            }
            for (name, rcode) in [("localhost", Rcode::NOERROR), ("x.test", Rcode::NXDOMAIN)] {
                let got = ask(name, qtype).await.map(|it| it.0);
                assert_eq!(got, Some(rcode), "{name} {qtype}");
            }
        }
    }
}
