//! Validation of answers that a scripted upstream signs, with real keys: what it costs, and where it stops.

use super::{
    key::Ds,
    session::{CHECKS_MAX, EXCHANGES_MAX},
    *,
};
use crate::{
    dns::{Outgoing, Query, Rcode, class},
    upstream::{Exchange, Strategy, Url},
};
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use std::{
    collections::HashSet,
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};
use tokio::{net::UdpSocket, task::JoinHandle};

const NOW: u32 = 1_800_000_000;
const ED25519: u8 = 15;

fn name(text: &str) -> Name {
    if text == "." { Name::ROOT } else { Name::parse(text).unwrap() }
}

/// A zone with one key, made of a number.
struct Signer {
    zone: Name,
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(zone: &str, number: u8) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap();
        Self { zone: name(zone), pair }
    }

    /// The key's RDATA.
    fn key(&self) -> Vec<u8> {
        [&[1, 1, 3, ED25519], self.pair.public_key().as_ref()].concat()
    }

    fn ds(&self) -> Ds {
        Ds::of(&self.zone, &self.key()).unwrap()
    }

    fn ds_record(&self) -> Record {
        let Ds { tag, algorithm, digest_type, digest } = self.ds();
        let rdata = [&tag.to_be_bytes()[..], &[algorithm, digest_type], &digest].concat();
        (self.zone.clone(), rtype::DS, rdata)
    }

    /// The RRSIG record of a set.
    fn sign(&self, owner: &Name, rtype: u16, rdatas: &[Vec<u8>]) -> Record {
        let mut head = rtype.to_be_bytes().to_vec();
        head.extend([ED25519, u8::try_from(owner.label_count()).unwrap()]);
        for word in [60, NOW + 1_000, NOW - 1_000] {
            head.extend(u32::to_be_bytes(word));
        }
        head.extend(self.ds().tag.to_be_bytes());
        head.extend(self.zone.wire());
        let mut message = head.clone();
        let mut rdatas = rdatas.to_vec();
        rdatas.sort();
        for rdata in rdatas {
            message.extend(owner.wire());
            message.extend(rtype.to_be_bytes());
            message.extend(class::IN.to_be_bytes());
            message.extend(60_u32.to_be_bytes());
            message.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
            message.extend(rdata);
        }
        let signature = self.pair.sign(&message);
        (owner.clone(), rtype::RRSIG, [&head, signature.as_ref()].concat())
    }

    /// A set with its signature.
    fn signed(&self, owner: &Name, rtype: u16, rdatas: &[Vec<u8>]) -> Vec<Record> {
        let mut records: Vec<Record> =
            rdatas.iter().map(|it| (owner.clone(), rtype, it.clone())).collect();
        records.push(self.sign(owner, rtype, rdatas));
        records
    }
}

/// Owner, type, RDATA.
type Record = (Name, u16, Vec<u8>);

/// Answer and authority section.
type Said = (Vec<Record>, Vec<Record>);

fn reply(packet: &[u8], (answer, authority): &Said) -> Vec<u8> {
    let query = Query::parse(packet).unwrap();
    let mut reply = packet[..2].to_vec();
    reply.extend([0x80, 0x80, 0, 1]);
    reply.extend(u16::try_from(answer.len()).unwrap().to_be_bytes());
    reply.extend(u16::try_from(authority.len()).unwrap().to_be_bytes());
    reply.extend([0, 0]);
    reply.extend(query.sent);
    reply.extend(query.qtype.to_be_bytes());
    reply.extend(query.qclass.to_be_bytes());
    for (owner, rtype, rdata) in answer.iter().chain(authority) {
        reply.extend(owner.wire());
        reply.extend(rtype.to_be_bytes());
        reply.extend(class::IN.to_be_bytes());
        reply.extend(60_u32.to_be_bytes());
        reply.extend(u16::try_from(rdata.len()).unwrap().to_be_bytes());
        reply.extend(rdata);
    }
    reply
}

/// An upstream, a validator that trusts its root, and how often it has been asked.
struct Rig {
    upstreams: Upstreams,
    validator: Validator,
    asked: Arc<AtomicU32>,
    task: JoinHandle<()>,
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Rig {
    async fn start(
        root: &Signer,
        says: impl Fn(&Name, u16) -> Said + Send + Sync + 'static,
    ) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let url = Url::Udp(socket.local_addr().unwrap());
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let (mut buffer, mut heard) = ([0; 1_500], HashSet::new());
            loop {
                let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
                let query = Query::parse(&buffer[..len]).unwrap();
                assert!(query.cd && query.dnssec_ok(), "asked without CD or DO");
                // On a busy machine one may be sent again, from the same port with the same ID.
                count.fetch_add(heard.insert((from, query.id)).into(), Relaxed);
                let reply = reply(&buffer[..len], &says(&query.name, query.qtype));
                socket.send_to(&reply, from).await.unwrap();
            }
        });
        let upstreams =
            Upstreams::new(Exchange::start().unwrap(), &[url], Strategy::default()).unwrap();
        let anchors = Anchors::of(&root.zone, root.ds());
        let validator = Validator { clock: || Some(NOW.into()), ..Validator::new(anchors) };
        Self { upstreams, validator, asked, task }
    }

    /// What is made of this answer to `text qtype`, and how many questions it took.
    async fn judge(&self, text: &str, qtype: u16, said: &Said) -> (Judged, u32) {
        let name = name(text);
        let mut packet = Vec::new();
        write_query(7, &name, qtype, &mut packet);
        let answer = Answer::from_reply(&reply(&packet, said), 7, &name, qtype, class::IN).unwrap();
        assert_eq!(answer.rcode(), Rcode::NOERROR);
        let before = self.asked.load(Relaxed);
        let question = (&name, qtype);
        let (judged, exchanges) =
            self.validator.validate(&self.upstreams, question, &answer, |_| false).await;
        assert_eq!(self.asked.load(Relaxed) - before, exchanges);
        (judged, exchanges)
    }
}

/// A root and a zone `example` below it.
fn tree() -> (Arc<Signer>, Arc<Signer>) {
    (Arc::new(Signer::new(".", 1)), Arc::new(Signer::new("example", 2)))
}

async fn rig() -> (Rig, Arc<Signer>) {
    let (root, zone) = tree();
    let (above, below) = (Arc::clone(&root), Arc::clone(&zone));
    let rig = Rig::start(&root, move |name, qtype| {
        let said = match (name.label_count(), qtype) {
            (0, rtype::DNSKEY) => above.signed(name, qtype, &[above.key()]),
            (1, rtype::DNSKEY) => below.signed(name, qtype, &[below.key()]),
            (1, rtype::DS) => above.signed(name, qtype, &[below.ds_record().2]),
            _ => Vec::new(),
        };
        (said, Vec::new())
    })
    .await;
    (rig, zone)
}

const ADDRESS: [u8; 4] = [192, 0, 2, 1];

fn addresses(signer: &Signer, owner: &str) -> Said {
    (signer.signed(&name(owner), rtype::A, &[ADDRESS.to_vec()]), Vec::new())
}

#[tokio::test]
async fn a_known_zone_costs_nothing_more() {
    let (rig, zone) = rig().await;
    let (judged, exchanges) =
        rig.judge("www.example", rtype::A, &addresses(&zone, "www.example")).await;
    // DS and DNSKEY of the zone, DNSKEY of the root.
    assert_eq!((judged, exchanges), (Judged::Secure(60), 3));
    for owner in ["www.example", "a.b.c.example", "example"] {
        let got = rig.judge(owner, rtype::A, &addresses(&zone, owner)).await;
        assert_eq!(got, (Judged::Secure(60), 0), "{owner}");
    }
}

#[tokio::test]
async fn what_does_not_fit_is_bogus() {
    let (rig, zone) = rig().await;
    let check = async |said: Said, code: u16| {
        let (judged, _) = rig.judge("www.example", rtype::A, &said).await;
        let Judged::Bogus(fault) = judged else { panic!("{judged:?}") };
        assert_eq!(fault.code, code, "{fault:?}");
    };
    // Another zone's key, other records, another name's signature, no signature.
    let stranger = Signer::new("example", 3);
    check(addresses(&stranger, "www.example"), Ede::DNSSEC_BOGUS).await;
    let mut forged = addresses(&zone, "www.example");
    forged.0[0].2 = vec![203, 0, 113, 1];
    check(forged, Ede::DNSSEC_BOGUS).await;
    let mut moved = addresses(&zone, "other.example");
    moved.0.iter_mut().for_each(|it| it.0 = name("www.example"));
    check(moved, Ede::DNSSEC_BOGUS).await;
    // A zone below signs nothing above, nor beside it.
    check(addresses(&Signer::new("a.example", 2), "www.example"), Ede::DNSSEC_BOGUS).await;
    let mut bare = addresses(&zone, "www.example");
    bare.0.pop();
    check(bare, Ede::RRSIGS_MISSING).await;
    check((Vec::new(), Vec::new()), Ede::NSEC_MISSING).await;
}

#[tokio::test]
async fn aliases_left_unfollowed_are_judged_as_far_as_they_lead() {
    let (rig, zone) = rig().await;
    let alias =
        |rtype, owner: &str| zone.signed(&name(owner), rtype, &[name("b.test").wire().to_vec()]);
    let check = async |said: Said, expected: Result<u32, u16>| {
        let (judged, _) = rig.judge("www.x.example", rtype::A, &said).await;
        match judged {
            Judged::Secure(secs) => assert_eq!(Ok(secs), expected),
            Judged::Bogus(fault) => assert_eq!(Err(fault.code), expected, "{fault:?}"),
            other => panic!("{other:?}"),
        }
    };
    let both = |rtype, owner: &str| (alias(rtype, owner), Vec::new());
    check(both(rtype::CNAME, "www.x.example"), Ok(60)).await;
    // The one that a DNAME record makes is not signed, and made here where it is missing.
    check(both(rtype::DNAME, "x.example"), Ok(60)).await;
    let mut forged = both(rtype::CNAME, "www.x.example");
    forged.0[0].2 = name("c.test").wire().to_vec();
    check(forged, Err(Ede::DNSSEC_BOGUS)).await;
    // Whoever says that there is nothing at its end has to prove it.
    let soa = (name("example"), rtype::SOA, [&[0; 2][..], &[0; 20]].concat());
    let denied = (alias(rtype::CNAME, "www.x.example"), vec![soa]);
    check(denied, Err(Ede::DNSKEY_MISSING)).await;
}

#[tokio::test]
async fn colliding_keys_and_piles_of_signatures_have_a_bound() {
    let (root, zone) = tree();
    let (above, below) = (Arc::clone(&root), Arc::clone(&zone));
    // Keys of nobody with the tag of the real one: the sum over their octets is the same.
    let real = zone.key();
    let alike: Vec<Vec<u8>> = (0..31_u8)
        .map(|it| {
            let mut key = real.clone();
            // Octets of equal weight, exchanged and moved.
            key[4] = key[4].wrapping_sub(it + 1);
            key[6] = key[6].wrapping_add(it + 1);
            key
        })
        .filter(|it| Ds::of(&name("example"), it).unwrap().tag == zone.ds().tag)
        .collect();
    assert!(alike.len() > 4, "{}", alike.len());
    let keys = alike.clone();
    let rig = Rig::start(&root, move |name, qtype| {
        let said = match (name.label_count(), qtype) {
            (0, rtype::DNSKEY) => above.signed(name, qtype, &[above.key()]),
            (1, rtype::DNSKEY) => {
                let all: Vec<Vec<u8>> = keys.iter().take(8).cloned().chain([below.key()]).collect();
                below.signed(name, qtype, &all)
            }
            (1, rtype::DS) => above.signed(name, qtype, &[below.ds_record().2]),
            _ => Vec::new(),
        };
        (said, Vec::new())
    })
    .await;
    // One set, with more wrong signatures than are looked at, each of which fits four keys; and many such sets.
    let pile = |owner: &Name| -> Vec<Record> {
        let (_, _, good) = zone.sign(owner, rtype::A, &[vec![0; 4]]);
        let wrong = (0..12).map(|it| {
            let mut signature = good.clone();
            *signature.last_mut().unwrap() = it;
            (owner.clone(), rtype::RRSIG, signature)
        });
        wrong.collect()
    };
    let owner = name("www.example");
    let mut said = vec![(owner.clone(), rtype::A, ADDRESS.to_vec())];
    said.extend(pile(&owner));
    let (judged, exchanges) = rig.judge("www.example", rtype::A, &(said, Vec::new())).await;
    let Judged::Bogus(fault) = judged else { panic!("{judged:?}") };
    assert_eq!((fault.code, exchanges), (Ede::DNSSEC_BOGUS, 4), "{fault:?}");

    let mut denial = Vec::new();
    for owner in ["b.example", "c.example", "d.example", "e.example"].map(name) {
        denial.push((owner.clone(), rtype::NSEC, vec![0, 0, 1, 0x40]));
        denial.extend(pile(&owner).into_iter().map(|(owner, rtype, mut signature)| {
            signature[..2].copy_from_slice(&rtype::NSEC.to_be_bytes());
            (owner, rtype, signature)
        }));
    }
    let (judged, _) = rig.judge("www.example", rtype::MX, &(Vec::new(), denial)).await;
    assert_eq!(judged, Judged::Bogus(Fault::too_much()), "{CHECKS_MAX} checks are the most");
}

#[tokio::test]
async fn questions_have_a_bound() {
    let (root, zone) = tree();
    let (above, below) = (Arc::clone(&root), Arc::clone(&zone));
    let denier = Arc::clone(&zone);
    // Every name is there and is no zone, by a proof of its own.
    let rig = Rig::start(&root, move |name, qtype| match (name.label_count(), qtype) {
        (0, rtype::DNSKEY) => (above.signed(name, qtype, &[above.key()]), Vec::new()),
        (1, rtype::DNSKEY) => (below.signed(name, qtype, &[below.key()]), Vec::new()),
        (1, rtype::DS) => (above.signed(name, qtype, &[below.ds_record().2]), Vec::new()),
        _ => {
            let next = [b"\x01\0", name.wire()].concat();
            let rdata = [&next[..], &[0, 1, 0x40]].concat();
            (Vec::new(), denier.signed(name, rtype::NSEC, &[rdata]))
        }
    })
    .await;
    let deep = format!("{}example", "a.".repeat(100));
    let said = (vec![(name(&deep), rtype::A, ADDRESS.to_vec())], Vec::new());
    let (judged, exchanges) = rig.judge(&deep, rtype::A, &said).await;
    assert_eq!((judged, exchanges), (Judged::Bogus(Fault::too_much()), EXCHANGES_MAX));
    // With all of them within bounds, what is missing is told.
    let deep = format!("{}example", "b.".repeat(20));
    let said = (vec![(name(&deep), rtype::A, ADDRESS.to_vec())], Vec::new());
    let (judged, exchanges) = rig.judge(&deep, rtype::A, &said).await;
    let Judged::Bogus(fault) = judged else { panic!("{judged:?}") };
    assert_eq!((fault.code, exchanges), (Ede::RRSIGS_MISSING, 20), "{fault:?}");
}

#[tokio::test]
async fn above_a_trust_anchor_nobody_has_a_say() {
    let (root, zone) = tree();
    let (above, below) = (Arc::clone(&root), Arc::clone(&zone));
    // The root has no anchor and so no signatures that count; the zone has its own.
    let rig = Rig::start(&zone, move |name, qtype| {
        let signer = if name.label_count() == 0 { &above } else { &below };
        let said = match qtype {
            rtype::DNSKEY => signer.signed(name, qtype, &[signer.key()]),
            _ => Vec::new(),
        };
        (said, Vec::new())
    })
    .await;
    let good = addresses(&zone, "www.example");
    assert_eq!(rig.judge("www.example", rtype::A, &good).await.0, Judged::Secure(60));
    let forged = addresses(&root, "www.example");
    let (judged, _) = rig.judge("www.example", rtype::A, &forged).await;
    assert!(matches!(judged, Judged::Bogus(_)), "{judged:?}");
    let denial = root.signed(&name("www.example"), rtype::NSEC, &[vec![0, 0, 1, 0]]);
    let (judged, _) = rig.judge("www.example", rtype::A, &(Vec::new(), denial)).await;
    assert!(matches!(judged, Judged::Bogus(_)), "{judged:?}");
    // Elsewhere nothing is known, and nothing is asked.
    let other = addresses(&root, "www.other");
    assert_eq!(rig.judge("www.other", rtype::A, &other).await, (Judged::Insecure, 0));
    assert_eq!(
        rig.judge("example", rtype::DS, &(Vec::new(), Vec::new())).await,
        (Judged::Insecure, 0)
    );
}

#[tokio::test]
async fn an_rcode_that_denies_signed_records_is_bogus() {
    let (rig, zone) = rig().await;
    let said = addresses(&zone, "www.example");
    let (name, id) = (name("www.example"), 7);
    let mut packet = Vec::new();
    let (qtype, qclass) = (rtype::A, class::IN);
    write_query(id, &name, qtype, &mut packet);
    let mut message = reply(&packet, &said);
    message[3] |= 3;
    let answer = Answer::from_reply(&message, id, &name, qtype, qclass).unwrap();
    let (judged, _) =
        rig.validator.validate(&rig.upstreams, (&name, qtype), &answer, |_| false).await;
    let Judged::Bogus(fault) = judged else { panic!("{judged:?}") };
    assert_eq!(fault.code, Ede::DNSSEC_BOGUS, "{fault:?}");
}

#[tokio::test]
async fn nothing_is_judged_before_the_clock_is_set() {
    let (mut rig, zone) = rig().await;
    rig.validator.clock = || None;
    let mut forged = addresses(&zone, "www.example");
    forged.0[0].2 = vec![203, 0, 113, 1];
    assert_eq!(rig.judge("www.example", rtype::A, &forged).await, (Judged::Waiting, 0));
    rig.validator.clock = || Some(NOW.into());
    assert!(matches!(rig.judge("www.example", rtype::A, &forged).await, (Judged::Bogus(_), _)));
}

/// The query that a validator asks.
fn write_query(id: u16, name: &Name, qtype: u16, packet: &mut Vec<u8>) {
    let plain = Outgoing::plain(name, qtype, class::IN);
    Outgoing { id, cd: true, dnssec_ok: true, edns: true, ..plain }.write(packet);
}
