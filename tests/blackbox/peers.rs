//! The same questions to Squint, unbound and dnsmasq, which forward to the same authoritative server: rcode and answer section compared.

use crate::{
    client::{Connection, Transport},
    knot::Knot,
    server::{Kind, Server},
    wire::{self, Edns, Message, Question, Record},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeMap, time::Duration};

const QUESTIONS: usize = 2_500;

const WINDOW: usize = 40;

/// Questions that are answered otherwise on purpose: by whom, the end of the name, the type (all where none is given), and why.
const ALLOWED: [(&[Kind], &str, Option<&str>, &str); 9] = [
    (
        BOTH,
        "localhost.",
        None,
        "RFC 6761 6.3: every name below it exists here; dnsmasq forwards it",
    ),
    (BOTH, "local.", None, "RFC 6762 22.1: it stays here; the others forward it"),
    (BOTH, "alt.", None, "RFC 9476 2: it stays here; the others forward it"),
    (BOTH, "resolver.arpa.", None, "RFC 9462 4: it stays here; the others forward it"),
    (BOTH, "use-application-dns.net.", None, "Firefox's canary does not exist here"),
    (&[Kind::Dnsmasq], "test.", None, "RFC 6761 6.2: it stays here; dnsmasq forwards it"),
    (&[Kind::Dnsmasq], "home.arpa.", None, "RFC 8375 4: it stays here; dnsmasq forwards it"),
    (&[Kind::Dnsmasq], "10.in-addr.arpa.", None, "RFC 6303: it stays here; dnsmasq forwards it"),
    (BOTH, ".", Some("ANY"), "RFC 8482 4: one record is enough; the others pass on what there is"),
];

const BOTH: &[Kind] = &[Kind::Unbound, Kind::Dnsmasq];

/// What is compared: rcode, and the answer section as a set without TTLs.
type Answer = (u16, Vec<(Vec<u8>, u16, Vec<u8>)>);

#[test]
fn peers_answer_the_same() {
    let _turn = crate::turn();
    let knot = Knot::start();
    let mut numbers = StdRng::seed_from_u64(0xd1ff);
    let questions: Vec<Message> = (0..QUESTIONS).map(|_| question(&mut numbers)).collect();
    let ask = |kind| {
        let server = Server::start(kind, &[knot.address], "");
        let answers = crate::runtime().block_on(answers(&server, &questions));
        server.stop();
        answers.unwrap()
    };
    let ours = ask(Kind::Squint);
    let mut differences: BTreeMap<String, usize> = BTreeMap::new();
    for kind in [Kind::Unbound, Kind::Dnsmasq] {
        for ((question, ours), theirs) in questions.iter().zip(&ours).zip(ask(kind)) {
            if *ours != theirs && !is_allowed(kind, question) {
                let Some(Question { name, qtype, .. }) = &question.question else { continue };
                let told = format!(
                    "{} {} TYPE{qtype}: {}\n  ours   {ours:?}\n  theirs {theirs:?}",
                    kind.as_str(),
                    wire::text_of(name),
                    wire::hex_of(&question.octets())
                );
                *differences.entry(told).or_default() += 1;
            }
        }
    }
    let told: Vec<&String> = differences.keys().take(20).collect();
    assert!(differences.is_empty(), "{} differences: {told:#?}", differences.len());
}

fn is_allowed(kind: Kind, question: &Message) -> bool {
    let Some(Question { name, qtype, .. }) = &question.question else { return false };
    ALLOWED.iter().any(|(who, suffix, rtype, _why)| {
        let suffix = wire::name(suffix, "");
        who.contains(&kind)
            && name.to_ascii_lowercase().ends_with(&suffix)
            && rtype.is_none_or(|it| wire::rtype_of(it) == *qtype)
    })
}

async fn answers(server: &Server, questions: &[Message]) -> Result<Vec<Answer>, String> {
    let mut connection = Connection::open(&server.places, Transport::Udp).await?;
    let mut stream = Connection::open(&server.places, Transport::Tcp).await?;
    let mut all = Vec::new();
    for window in questions.chunks(WINDOW) {
        let packets: Vec<Vec<u8>> = window
            .iter()
            .enumerate()
            .map(|(id, it)| Message { id: id as u16, ..it.clone() }.octets())
            .collect();
        let mut got = connection.exchange_all(&packets, Duration::from_secs(5)).await?;
        got.sort_by_key(|it| wire::u16_at(it, 0));
        for (packet, octets) in packets.iter().zip(got) {
            let mut message = Message::read(&octets)?;
            if message.flags & 0x0200 != 0 {
                let whole = stream.exchange(packet, Duration::from_secs(5)).await;
                message = Message::read(&whole.ok_or("no response over TCP")?)?;
            }
            all.push(answer(&message));
        }
    }
    Ok(all)
}

fn answer(message: &Message) -> Answer {
    let mut records: Vec<_> = message.sections[0]
        .iter()
        .map(|Record { owner, rtype, rdata, .. }| {
            // Names may point at the question, whose letters are the client's.
            let has_names = ["NS", "CNAME", "PTR", "MX", "SOA", "SRV"].map(wire::rtype_of);
            let folds = has_names.contains(rtype);
            let data = if folds { rdata.to_ascii_lowercase() } else { rdata.clone() };
            (owner.to_ascii_lowercase(), *rtype, data)
        })
        .collect();
    records.sort();
    (message.rcode(), records)
}

/// A question about names that the authoritative server knows, or knows not to be.
fn question(numbers: &mut StdRng) -> Message {
    let number = numbers.random_range(0..800_u32);
    let text = match numbers.random_range(0..13_u32) {
        0 => "www.example".to_owned(),
        1 => "mail.example".to_owned(),
        2 => "text.example".to_owned(),
        3 => "one.example".to_owned(),
        4 => "three.example".to_owned(),
        5 => "large.example".to_owned(),
        6 => "odd.example".to_owned(),
        7 => "_sip._tcp.example".to_owned(),
        8 => format!("n{number}.www.example"),
        9 => format!("n{number}.example"),
        10 => [
            "localhost",
            "x.localhost",
            "printer.local",
            "x.test",
            "x.home.arpa",
            "x.alt",
            "_dns.resolver.arpa",
            "use-application-dns.net",
            "1.0.0.10.in-addr.arpa",
        ][number as usize % 9]
            .to_owned(),
        _ => format!("n{number}.example{}", number % 9),
    };
    let name = wire::name(&format!("{text}."), "");
    let name = wire::in_any_case(&name, numbers);
    let types = [1, 1, 28, 65, 16, 15, 6, 2, 5, 33, 65280, 257, 12, 43, 48, 255];
    let qtype = types[numbers.random_range(0..types.len())];
    let edns = Edns { size: 1232, dnssec_ok: numbers.random_bool(0.5), ..Edns::default() };
    let edns = numbers.random_bool(0.5).then_some(edns);
    let question = Some(Question { name, qtype, qclass: 1 });
    Message { flags: 0x0100, question, edns, ..Message::default() }
}
