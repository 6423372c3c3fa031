//! Special-use names (RFC 6761, 7686, 9476) that never leave: answered from hickory's in-memory zones, then remembered
//! like any other answer.

use crate::{
    cache::Entry,
    dns::{Answer, Facts, Query},
};
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
    time::{Duration, Instant},
};

/// TTL of everything answered here, in seconds.
const TTL_SECS: u32 = 86_400;

/// Zones without content: whatever is asked below them does not exist.
const EMPTY: [&str; 4] = ["invalid.", "test.", "onion.", "alt."];

/// Zones that name this host.
const LOOPBACK_REVERSE: [&str; 2] = [
    "127.in-addr.arpa.",
    "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.",
];

/// The zones of special-use names.
pub(super) struct Special {
    catalog: Catalog,
}

impl Special {
    pub(super) fn new() -> Self {
        let mut catalog = Catalog::new();
        let localhost = name("localhost.");
        let star = name("*.localhost.");
        let v4 = RData::A(rdata::A(Ipv4Addr::LOCALHOST));
        let v6 = RData::AAAA(rdata::AAAA(Ipv6Addr::LOCALHOST));
        let hosts = [(&localhost, &v4), (&localhost, &v6), (&star, &v4), (&star, &v6)];
        let records =
            hosts.map(|(owner, data)| Record::from_rdata(owner.clone(), TTL_SECS, data.clone()));
        add(&mut catalog, &localhost, records);
        for zone in EMPTY {
            add(&mut catalog, &name(zone), []);
        }
        for zone in LOOPBACK_REVERSE {
            let origin = name(zone);
            let pointer = RData::PTR(rdata::PTR(localhost.clone()));
            let owners = if zone.starts_with("127.") {
                vec![name("1.0.0.127.in-addr.arpa.")]
            } else {
                vec![origin.clone()]
            };
            let records = owners
                .into_iter()
                .map(|owner| Record::from_rdata(owner, TTL_SECS, pointer.clone()));
            add(&mut catalog, &origin, records);
        }
        Self { catalog }
    }

    /// The answer to a query for a special-use name; `None` for every other name.
    pub(super) async fn answer(&self, query: &Query<'_>, now: Instant) -> Option<Arc<Entry>> {
        // Cheaper than turning every name into hickory's form: the last label decides.
        let last = query.name.labels().last()?;
        if ![&b"localhost"[..], b"invalid", b"test", b"onion", b"alt", b"arpa"].contains(&last) {
            return None;
        }
        let source = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let asked = Request::from_bytes(query.packet.to_vec(), source, Protocol::Udp).ok()?;
        self.catalog.find(asked.request_info().ok()?.query.name())?;
        let reply = Captured::default();
        self.catalog.lookup(&asked, None, 0, reply.clone()).await;
        let octets = std::mem::take(&mut *reply.0.lock().unwrap_or_else(PoisonError::into_inner));
        let answer =
            Answer::from_reply(&octets, query.id, &query.name, query.qtype, query.qclass).ok()?;
        let facts = Arc::new(Facts::of(&answer, Arc::default()));
        Some(Arc::new(Entry::new(answer, facts, now, Duration::from_secs(u64::from(TTL_SECS)))))
    }
}

fn name(text: &str) -> Name {
    Name::from_ascii(text).expect("a name written here parses")
}

fn add(catalog: &mut Catalog, origin: &Name, records: impl IntoIterator<Item = Record>) {
    let mut zone: InMemoryZoneHandler =
        InMemoryZoneHandler::empty(origin.clone(), ZoneType::Primary, AxfrPolicy::Deny);
    let soa = SOA::new(
        name("squint.invalid."),
        name("nobody.invalid."),
        1,
        3_600,
        1_200,
        604_800,
        TTL_SECS,
    );
    zone.upsert_mut(Record::from_rdata(origin.clone(), TTL_SECS, RData::SOA(soa)), 1);
    for record in records {
        zone.upsert_mut(record, 1);
    }
    catalog.upsert(LowerName::new(origin), vec![Arc::new(zone)]);
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
