//! What must hold for any octets taken as an upstream's reply.

use squint::{
    dns::{Answer, BadReply, Edns, Query, RRSETS_MAX, Reply, RrSets, Way, rtype},
    name::Name,
};

/// Octets of the longest name (RFC 1035 section 3.1).
const NAME_LEN_MAX: usize = 255;

/// Types whose RDATA holds names that may be compressed (RFC 3597 section 4): how far they are depends on the letters of the question, so
/// that its length says nothing.
const COMPRESSED: [u16; 11] = {
    use rtype::{CNAME, MB, MD, MF, MG, MINFO, MR, MX, NS, PTR, SOA};
    [NS, MD, MF, CNAME, SOA, MB, MG, MR, PTR, MINFO, MX]
};

/// Any octets as an upstream's reply to the question that they hold.
pub(crate) fn check(octets: &[u8]) {
    let Some((name, used)) = octets.get(12..).and_then(Name::read) else { return };
    let Some(&[a, b, c, d]) = octets.get(12 + used..).and_then(|it| it.first_chunk()) else {
        return;
    };
    let (qtype, qclass) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let id = u16::from_be_bytes([octets[0], octets[1]]);
    let answer = match Answer::from_reply(octets, id, &name, qtype, qclass) {
        Ok(answer) => answer,
        Err(error) => {
            assert!(error != BadReply::Truncated || octets[2] & 0x02 != 0);
            return;
        }
    };
    let (records, ttls) = records_of(&answer);
    assert!(answer.addresses().count() + answer.targets().count() <= records.len());
    // Where records are taken out, names of the others may have to be written in full that were pointers: an owner whose first place
    // is gone or out of reach, and two within RDATA of a type that is never compressed.
    let count = |at: usize| usize::from(u16::from_be_bytes([octets[at], octets[at + 1]]));
    let written = 3 * NAME_LEN_MAX * (count(6) + count(8) + count(10));
    let most = (3 * octets.len() + 300 + written).min(usize::from(u16::MAX) + 2 * octets.len());
    assert!(answer.size() <= most, "{} octets", answer.size());

    // It leaves, with other letters in the question and lower TTLs, and is read once more: only TTLs have changed.
    let sent = &octets[12..12 + used].to_ascii_uppercase();
    let query = Query {
        packet: &[],
        id: !id,
        rd: true,
        ad: true,
        cd: false,
        name: name.clone(),
        sent,
        qtype,
        qclass,
        edns: None,
    };
    let mut out = Vec::new();
    write(&answer, &query, 7, 65_535, &mut out);
    let again = Answer::from_reply(&out, !id, &name, qtype, qclass).expect("what was taken once");
    let (records_again, ttls_again) = records_of(&again);
    assert_eq!(records_again, records);
    let [sets, sets_again] = [&answer, &again].map(|it| {
        let sets = RrSets::read(it)?.answer.into_iter();
        Some(sets.map(|it| (it.owner, it.rtype, it.rdatas)).collect::<Vec<_>>())
    });
    assert_eq!(sets_again, sets);
    assert!(ttls.iter().zip(&ttls_again).all(|(a, b)| a.saturating_sub(7) == *b));
    assert_eq!(again.authentic(), answer.authentic());
    if answer.rcode().0 < 16 {
        assert_eq!(again.rcode(), answer.rcode());
        assert_eq!(again.lifetime_secs().is_some(), answer.lifetime_secs().is_some());
    }
    let edns = Some(Edns {
        udp_size: 1232,
        dnssec_ok: true,
        padding: false,
        keepalive: false,
        cookie: None,
        subnet: None,
    });
    for limit in [512, 1_232] {
        write(&answer, &Query { edns, ..query.clone() }, 0, limit, &mut out);
        assert!(out.len() <= limit);
    }
    check_sets(answer, &query);
}

/// Its RRsets can be read or are too many, and without signatures it is an answer as well.
fn check_sets(mut answer: Answer, query: &Query<'_>) {
    if let Some(sets) = RrSets::read(&answer) {
        assert!(sets.answer.len() <= RRSETS_MAX && sets.authority.len() <= RRSETS_MAX);
        for set in sets.answer.iter().chain(&sets.authority) {
            assert!(!set.rdatas.is_empty());
            for signature in &set.signatures {
                let labels = usize::from(signature.labels);
                let made = set.signed_octets(signature);
                assert!(made.is_some() == (labels <= set.owner.label_count()));
            }
        }
    }
    let signs = |it: u16| matches!(it, rtype::RRSIG | rtype::NSEC | rtype::NSEC3);
    // RDATA in canonical form: where it points into a record that goes, it is written anew and of another length.
    let rest = |answer: &Answer| {
        let records = records_of(answer).0.into_iter().filter(|it| !signs(it.1));
        let sets = RrSets::read(answer).map(|it| {
            let sets = it.answer.into_iter().chain(it.authority).filter(|it| !signs(it.rtype));
            sets.map(|it| (it.owner, it.rtype, it.rdatas)).collect::<Vec<_>>()
        });
        (records.map(|it| (it.0, it.1)).collect::<Vec<_>>(), sets)
    };
    let (records, sets) = rest(&answer);
    answer.strip_dnssec();
    let (stripped_records, stripped_sets) = rest(&answer);
    assert_eq!(stripped_records, records);
    // Before, they may have been too many to read.
    assert!(sets.is_none() || stripped_sets == sets, "{stripped_sets:?}, not {sets:?}");
    let mut out = Vec::new();
    write(&answer, query, 1, 65_535, &mut out);
    let (name, qtype, qclass) = (&query.name, query.qtype, query.qclass);
    Answer::from_reply(&out, query.id, name, qtype, qclass).expect("what was taken once");
}

fn write(answer: &Answer, query: &Query<'_>, age_secs: u32, limit: usize, out: &mut Vec<u8>) {
    let reply = Reply {
        answer,
        query,
        age_secs,
        ttl_secs_override: None,
        ede: None,
        way: Way::plain(limit),
    };
    reply.write(out);
}

/// Owners, types, targets and RDATA of the answer section; its TTLs.
fn records_of(answer: &Answer) -> (Vec<(Name, u16, usize)>, Vec<u32>) {
    let mut records = Vec::new();
    let mut ttls = Vec::new();
    for record in answer.records() {
        let owner = answer.name_at(record.owner).expect("owners have been checked");
        let len = if COMPRESSED.contains(&record.rtype) { 0 } else { record.rdata.len() };
        records.push((owner, record.rtype, len));
        ttls.push(record.ttl);
    }
    let names = [rtype::CNAME, rtype::DNAME];
    let expected = records.iter().filter(|it| names.contains(&it.1)).count();
    assert_eq!(answer.targets().count(), expected, "targets have been checked");
    records.extend(answer.targets().map(|it| (it, 0, 0)));
    (records, ttls)
}
