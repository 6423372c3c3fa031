//! Property tests of the wire words, against hickory-proto as a second reader and writer.
#![expect(clippy::unwrap_used, reason = "a test that cannot set itself up should stop there")]

mod hammer;

use hickory_proto::{
    op::{self, Message, MessageType, OpCode, ResponseCode},
    rr::{self, DNSClass, RData, Record, RecordType, rdata},
};
use proptest::{collection::vec, prelude::*, sample::select};
use squint::{
    dns::{Answer, BadReply, Ede, Query, Rcode, Reply, Way},
    name::Name,
};
use std::net::IpAddr;

const ID: u16 = 0x5157;

/// Names above, below and beside one another; the last leaves no room for another label.
const NAMES: [&str; 9] = ["a.b.c", "b.c", "c", "", "a.c", "b.b.c", "a", "c.c", "long.b.c"];

/// The wire form of one of [`NAMES`].
fn name_of(at: usize) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in NAMES[at].split('.').filter(|it| !it.is_empty()) {
        let (label, times) =
            if label == "long" { ("l".repeat(61), 4) } else { (label.to_owned(), 1) };
        for _ in 0..times {
            wire.push(u8::try_from(label.len()).unwrap());
            wire.extend(label.as_bytes());
        }
    }
    wire.push(0);
    wire
}

/// A few labels, so that names share suffixes and compression has work to do.
fn name() -> impl Strategy<Value = rr::Name> {
    let label =
        select(vec!["www", "Mail", "a", "example", "EXAMPLE", "net", "xn--80ak6aa92e", "_sip"]);
    vec(label, 0..6)
        .prop_map(|labels| rr::Name::from_labels(labels.iter().map(|it| it.as_bytes())).unwrap())
}

fn data() -> impl Strategy<Value = RData> {
    let text = "[a-z]{0,20}";
    prop_oneof![
        any::<[u8; 4]>().prop_map(|it| RData::A(rdata::A(it.into()))),
        any::<[u8; 16]>().prop_map(|it| RData::AAAA(rdata::AAAA(it.into()))),
        name().prop_map(|it| RData::CNAME(rdata::CNAME(it))),
        name().prop_map(|it| RData::NS(rdata::NS(it))),
        name().prop_map(|it| RData::PTR(rdata::PTR(it))),
        (any::<u16>(), name()).prop_map(|(a, b)| RData::MX(rdata::MX::new(a, b))),
        (any::<u16>(), name()).prop_map(|(a, b)| RData::SRV(rdata::SRV::new(a, 1, 2, b))),
        (name(), name(), 0..7200_u32)
            .prop_map(|(a, b, c)| RData::SOA(rdata::SOA::new(a, b, 1, 2, 3, 4, c))),
        vec(text, 1..3).prop_map(|it| RData::TXT(rdata::TXT::new(it))),
        (name(), text).prop_map(|(a, b)| {
            let text = |it: &str| it.as_bytes().into();
            RData::NAPTR(rdata::NAPTR::new(1, 2, text("s"), text("SIP+D2U"), text(&b), a))
        }),
        vec(any::<u8>(), 1..40).prop_map(|it| RData::Unknown {
            code: RecordType::Unknown(65280),
            rdata: rdata::NULL::with(it),
        }),
    ]
}

fn records(max: usize) -> impl Strategy<Value = Vec<Record>> {
    let ttl = prop_oneof![0..10_u32, 10..100_000_u32, any::<u32>()];
    let record =
        (name(), ttl, data()).prop_map(|(name, ttl, data)| Record::from_rdata(name, ttl, data));
    vec(record, 0..max)
}

/// The same records under names that the question leads to.
fn chained(name: &rr::Name, qtype: RecordType, mut records: Vec<Record>) -> Vec<Record> {
    let leads_on = |it: &Record| it.record_type() == RecordType::CNAME;
    records.retain(|it| qtype == RecordType::ANY || it.record_type() == qtype || leads_on(it));
    let mut owner = name.clone();
    // A name has one alias (RFC 2181 section 10.1); a second one would be taken out.
    let mut aliases = Vec::new();
    records.retain_mut(|record| {
        record.name = owner.clone();
        if let RData::CNAME(it) = &record.data {
            if aliases.contains(&owner) {
                return false;
            }
            aliases.push(std::mem::replace(&mut owner, it.0.clone()));
        }
        true
    });
    records
}

/// The same records under one name.
fn named(name: &rr::Name, mut records: Vec<Record>) -> Vec<Record> {
    records.iter_mut().for_each(|it| it.name = name.clone());
    records
}

/// A reply as an upstream might send it, with OPT anywhere in the additional section.
fn reply() -> impl Strategy<Value = Message> {
    let qtype = select(vec![RecordType::A, RecordType::MX, RecordType::SOA, RecordType::ANY]);
    let code = select(vec![
        ResponseCode::NoError,
        ResponseCode::NoError,
        ResponseCode::NXDomain,
        ResponseCode::ServFail,
        ResponseCode::Refused,
    ]);
    let opt = prop::option::of((any::<prop::sample::Index>(), any::<bool>()));
    let sections = (records(8), records(4), records(6));
    (name(), qtype, code, any::<(bool, bool)>(), sections, opt).prop_map(
        |(name, qtype, code, (ad, aa), (answers, authorities, additionals), opt)| {
            let mut message = Message::new(ID, MessageType::Response, OpCode::Query);
            message.metadata.response_code = code;
            message.metadata.authentic_data = ad;
            message.metadata.authoritative = aa;
            message.add_query(op::Query::query(name, qtype));
            message.answers = chained(message.queries[0].name(), qtype, answers);
            let name = message.queries[0].name().clone();
            let of_zone =
                |it: &Record| matches!(it.record_type(), RecordType::SOA | RecordType::NS);
            message.authorities = named(&name, authorities);
            message.authorities.retain(of_zone);
            message.additionals = named(&name, additionals);
            if let Some((at, dnssec_ok)) = opt {
                let mut record = Record::from_rdata(
                    rr::Name::root(),
                    0,
                    RData::OPT(rdata::OPT::new(Vec::new())),
                );
                record.dns_class = DNSClass::for_opt(1232);
                record.ttl = if dnssec_ok { 0x8000 } else { 0 };
                let at = at.index(message.additionals.len() + 1);
                message.additionals.insert(at, record);
            }
            message
        },
    )
}

/// What a client may say beside its question.
#[derive(Debug, Clone, Copy)]
struct Asks {
    id: u16,
    rd: bool,
    ad: bool,
    cd: bool,
    edns: Option<(u16, bool)>,
}

fn asks() -> impl Strategy<Value = Asks> {
    let edns = prop::option::of(any::<(u16, bool)>());
    (any::<(u16, bool, bool, bool)>(), edns).prop_map(|((id, rd, ad, cd), edns)| Asks {
        id,
        rd,
        ad,
        cd,
        edns,
    })
}

fn query(name: &rr::Name, qtype: RecordType, asks: Asks) -> Vec<u8> {
    let mut message = Message::new(asks.id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = asks.rd;
    message.metadata.authentic_data = asks.ad;
    message.metadata.checking_disabled = asks.cd;
    message.add_query(op::Query::query(name.clone(), qtype));
    if let Some((size, dnssec_ok)) = asks.edns {
        let mut edns = op::Edns::new();
        edns.set_max_payload(size).set_dnssec_ok(dnssec_ok);
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

fn wire(name: &rr::Name) -> Vec<u8> {
    let mut octets = Vec::new();
    for label in name.iter() {
        octets.push(u8::try_from(label.len()).unwrap());
        octets.extend_from_slice(label);
    }
    octets.push(0);
    octets
}

fn ours(name: &rr::Name) -> Name {
    Name::read(&wire(name)).unwrap().0
}

fn take(reply: &Message) -> Result<Answer, BadReply> {
    let question = &reply.queries[0];
    let octets = reply.to_vec().unwrap();
    Answer::from_reply(&octets, ID, &ours(question.name()), question.query_type().into(), 1)
}

/// Whether two records are equal. Of types whose names hickory does not read, and which may stand compressed in one and in full in
/// the other, RDATA is not compared.
fn same(a: &Record, b: &Record) -> bool {
    let unread = matches!(
        u16::from(a.record_type()),
        3 | 4 | 7..=9 | 14 | 17 | 18 | 21 | 23 | 24 | 26 | 30 | 36 | 39
    );
    let alike = (a.record_type(), &a.name, a.ttl) == (b.record_type(), &b.name, b.ttl);
    a == b || (unread && alike)
}

/// Whether nothing stands before the alias that leads to it, but in a circle.
fn follows_aliases(answers: &[Record]) -> bool {
    answers.iter().enumerate().all(|(at, record)| match &record.data {
        RData::CNAME(target) => {
            let is_target = |it: &&Record| it.name == target.0;
            let before = answers[..at].iter().filter(is_target);
            before.into_iter().all(|it| it.record_type() == RecordType::CNAME)
        }
        _ => true,
    })
}

/// A record with all that equality of hickory's records leaves out.
fn shown(records: &[Record], ttl: impl Fn(u32) -> u32) -> Vec<String> {
    let shown = |it: &Record| format!("{} {} {} {:?}", it.name, it.dns_class, ttl(it.ttl), it.data);
    records.iter().map(shown).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn queries_mean_what_hickory_wrote(name in name(), qtype in 1..41_u16, asks in asks()) {
        let packet = query(&name, qtype.into(), asks);
        let query = Query::parse(&packet).unwrap();
        prop_assert_eq!((query.id, query.rd, query.ad, query.cd), (asks.id, asks.rd, asks.ad, asks.cd));
        // hickory's writer states at least 512.
        let edns = query.edns.map(|it| (it.udp_size, it.dnssec_ok));
        prop_assert_eq!(edns, asks.edns.map(|(size, dnssec_ok)| (size.max(512), dnssec_ok)));
        let wire = wire(&name);
        prop_assert_eq!(query.sent, &wire);
        prop_assert_eq!(query.name.wire(), wire.to_ascii_lowercase());
        prop_assert_eq!((query.qtype, query.qclass), (qtype, 1));
    }

    #[test]
    fn answers_reach_the_client_whole(reply in reply(), asks in asks(), age_secs in 0..200_u32) {
        let answer = take(&reply).unwrap();
        let question = &reply.queries[0];
        let packet = query(question.name(), question.query_type(), asks);
        let query = &Query::parse(&packet).unwrap();
        let ede = Some(Ede { code: Ede::OTHER, text: "why" });
        let mut out = Vec::new();
        Reply { answer: &answer, query, age_secs, ttl_secs_override: None, ede, way: Way::STREAM }
            .write(&mut out);

        // hickory's reader cuts TTLs with the top bit to 0 itself; the upstream's message goes through it as well.
        let sent = Message::from_vec(&reply.to_vec().unwrap()).unwrap();
        let got = Message::from_vec(&out).unwrap();
        prop_assert_eq!(got.metadata.id, asks.id);
        prop_assert_eq!(got.metadata.recursion_desired, asks.rd);
        prop_assert_eq!(got.metadata.checking_disabled, asks.cd);
        prop_assert!(got.metadata.recursion_available && !got.metadata.authoritative);
        let reads_ad = asks.ad || asks.edns.is_some_and(|it| it.1);
        prop_assert_eq!(got.metadata.authentic_data, sent.metadata.authentic_data && reads_ad);
        prop_assert_eq!(got.metadata.response_code, sent.metadata.response_code);
        prop_assert_eq!(&got.queries, &sent.queries);
        prop_assert_eq!(got.edns.as_ref().map(|it| it.flags().dnssec_ok), asks.edns.map(|it| it.1));

        let aged = |ttl: u32| if ttl > i32::MAX as u32 { 0 } else { ttl.saturating_sub(age_secs) };
        prop_assert_eq!(shown(&got.answers, |it| it), shown(&sent.answers, aged));
        prop_assert_eq!(shown(&got.additionals, |it| it), shown(&sent.additionals, aged));
        let negative = answer.lifetime_secs().is_some()
            && !sent.answers.iter().any(|it| matches!(question.query_type(), RecordType::ANY) || it.record_type() == question.query_type());
        let mut authorities = sent.authorities.clone();
        if negative || answer.rcode() == Rcode::NXDOMAIN {
            // RFC 2308 section 5.
            for record in &mut authorities {
                if let RData::SOA(soa) = &record.data {
                    record.ttl = if record.ttl > i32::MAX as u32 { 0 } else { record.ttl };
                    record.ttl = record.ttl.min(soa.minimum).min(10_800);
                    break;
                }
            }
        }
        prop_assert_eq!(shown(&got.authorities, |it| it), shown(&authorities, aged));
    }

    #[test]
    fn answers_are_read_as_hickory_reads_them(reply in reply()) {
        let answer = take(&reply).unwrap();
        let addresses: Vec<IpAddr> = reply.answers.iter().filter_map(|it| it.data.ip_addr()).collect();
        prop_assert_eq!(answer.addresses().collect::<Vec<_>>(), addresses);
        let targets: Vec<Name> = reply.answers.iter().filter_map(|it| match &it.data {
            RData::CNAME(it) => Some(ours(&it.0)),
            _ => None,
        }).collect();
        prop_assert_eq!(answer.targets().collect::<Vec<_>>(), targets);
        let records: Vec<_> = reply.answers.iter()
            .map(|it| (ours(&it.name), u16::from(it.record_type())))
            .collect();
        let got: Vec<_> = answer.records().map(|it| (answer.name_at(it.owner).unwrap(), it.rtype)).collect();
        prop_assert_eq!(got, records);
        prop_assert_eq!(answer.authentic(), reply.metadata.authentic_data);
    }

    #[test]
    fn cut_answers_keep_to_the_limit(reply in reply(), asks in asks(), limit in 512..1300_usize) {
        let answer = take(&reply).unwrap();
        let question = &reply.queries[0];
        let packet = query(question.name(), question.query_type(), asks);
        let query = &Query::parse(&packet).unwrap();
        let long = "the name reads as another ".repeat(60);
        let ede = Some(Ede { code: Ede::BLOCKED, text: &long });
        let mut out = Vec::new();
        Reply { answer: &answer, query, age_secs: 0, ttl_secs_override: Some(30), ede, way: Way::plain(limit) }.write(&mut out);
        prop_assert!(out.len() <= limit);
        let got = Message::from_vec(&out).unwrap();
        if got.metadata.truncation {
            let records = [got.answers.len(), got.authorities.len(), got.additionals.len()];
            prop_assert!(records == [0; 3] || out.len() + 6 > limit);
        } else {
            prop_assert_eq!(got.answers.len(), reply.answers.len());
            prop_assert!(got.all_sections().all(|it| it.ttl == 30));
        }
    }

    #[test]
    fn damaged_replies_are_refused_or_stay_readable(
        reply in reply(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let question = &reply.queries[0];
        let mut octets = reply.to_vec().unwrap();
        for (at, octet) in damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        let name = ours(question.name());
        let qtype = question.query_type().into();
        hammer::reply::check(&octets);
        let Ok(answer) = Answer::from_reply(&octets, ID, &name, qtype, 1) else { return Ok(()) };
        // What we let through is no worse for another reader than what came in.
        let packet = query(question.name(), question.query_type(), Asks { id: 1, rd: true, ad: true, cd: false, edns: None });
        let query = &Query::parse(&packet).unwrap();
        let mut out = Vec::new();
        Reply { answer: &answer, query, age_secs: 0, ttl_secs_override: None, ede: None, way: Way::STREAM }.write(&mut out);
        if let Ok(sent) = Message::from_vec(&octets) {
            let got = Message::from_vec(&out).unwrap();
            // What a DNAME record calls for has been made.
            if sent.answers.iter().any(|it| u16::from(it.record_type()) == 39) {
                return Ok(());
            }
            // Records that the question no longer leads to are gone; the others are in their order, or the answers in that of their
            // aliases.
            let mut rest = sent.additionals.iter();
            prop_assert!(got.additionals.iter().all(|it| rest.any(|sent| same(sent, it))));
            let mut rest: Vec<_> = sent.answers.iter().collect();
            for record in &got.answers {
                let at = rest.iter().position(|it| same(it, record));
                prop_assert!(at.map(|it| rest.swap_remove(it)).is_some(), "{record}");
            }
            let mut rest = sent.answers.iter();
            let is_as_sent = got.answers.iter().all(|it| rest.any(|sent| same(sent, it)));
            prop_assert!(is_as_sent || follows_aliases(&got.answers));
        }
    }

    #[test]
    fn replies_that_rename_are_read_the_same_again(
        records in vec((0..NAMES.len(), select(vec![1_u16, 5, 39]), 0..NAMES.len()), 0..8),
        qtype in select(vec![1_u16, 5, 39]),
        rcode in select(vec![0_u8, 3]),
    ) {
        let mut octets = vec![0x51, 0x57, 0x84, rcode, 0, 1, 0, records.len() as u8, 0, 0, 0, 0];
        octets.extend(name_of(0));
        octets.extend([0, qtype as u8, 0, 1]);
        for (owner, rtype, target) in records {
            let rdata = if rtype == 1 { vec![192, 0, 2, 1] } else { name_of(target) };
            octets.extend(name_of(owner));
            octets.extend([0, rtype as u8, 0, 1, 0, 0, 0, 60, 0, rdata.len() as u8]);
            octets.extend(rdata);
        }
        let name = Name::read(&name_of(0)).unwrap().0;
        prop_assert!(Answer::from_reply(&octets, ID, &name, qtype, 1).is_ok());
        hammer::reply::check(&octets);
    }

    #[test]
    fn no_octets_are_too_odd(octets in vec(any::<u8>(), 0..600)) {
        hammer::query::check(&octets);
        hammer::reply::check(&octets);
    }

    #[test]
    fn damaged_queries_get_one_answer(
        name in name(),
        qtype in any::<u16>(),
        asks in asks(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        tail in vec(any::<u8>(), 0..20),
    ) {
        let mut packet = query(&name, qtype.into(), asks);
        packet.extend(tail);
        for (at, octet) in damage {
            let at = at.index(packet.len());
            packet[at] = octet;
        }
        hammer::query::check(&packet);
        match (Query::parse(&packet), Message::from_vec(&packet)) {
            (Ok(query), Ok(theirs)) => {
                prop_assert_eq!(query.sent, wire(theirs.queries[0].name()));
                let edns = theirs.edns.as_ref();
                prop_assert_eq!(query.edns.is_some(), edns.is_some());
                prop_assert_eq!(query.dnssec_ok(), edns.is_some_and(|it| it.flags().dnssec_ok));
            }
            (Err(rejected), _) => {
                let mut out = Vec::new();
                rejected.write(&packet, Way::plain(512), &mut out);
                if !out.is_empty() {
                    let got = Message::from_vec(&out).unwrap();
                    prop_assert!(got.metadata.message_type == MessageType::Response);
                    prop_assert!(got.metadata.response_code != ResponseCode::NoError);
                }
            }
            (Ok(_), Err(_)) => (),
        }
    }
}

/// Found by fuzzing: aliases that are made lead through the question, whose letters are others when the answer is read again.
#[test]
fn what_is_renamed_may_be_written_in_other_letters() {
    hammer::reply::check(include_bytes!("../fuzz/seeds/reply/renamed-in-other-letters"));
}

/// Found by fuzzing: a record of another class, which goes, is no answer that keeps an alias from being made.
#[test]
fn what_is_renamed_is_of_the_class_that_was_asked_for() {
    hammer::reply::check(include_bytes!("../fuzz/seeds/reply/renamed-beside-another-class"));
}
