//! The same answer whatever the transport: generated queries over UDP, TCP, TLS and HTTPS, each cold, remembered and after a reload, under
//! three policies, with and without EDNS, compared octet for octet but for ID, TTLs, padding and truncation.

use crate::{
    client::{Connection, Transport},
    knot::Knot,
    server::{Kind, Server},
    wire::{self, Edns, Message, Question},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use std::{collections::BTreeSet, env, fmt::Write as _, time::Duration};

const OVER: [Transport; 4] = [Transport::Udp, Transport::Tcp, Transport::Dot, Transport::Doh];

/// How many queries are on their way over one connection.
const WINDOW: usize = 48;

/// How many names are asked for between two reloads.
const ROUND: usize = 5_000;

const PATIENCE: Duration = Duration::from_secs(10);

/// What the tests ask without being told otherwise; `DIFFERENTIAL` asks for another number, 100,000 by hand.
const QUERIES: usize = 600;

/// As it comes; everything enforced, lists included; own rules of every kind that answers.
const POLICIES: [(&str, &str); 3] = [
    ("as it comes", ""),
    (
        "enforced",
        "lookalike.mode = \"enforce\"\nplatform.mode = \"enforce\"\nplatform.paas = \"sinkhole\"\n\
         [[list]]\nname = \"own\"\npath = \"list.txt\"\naction = \"nxdomain\"\n",
    ),
    (
        "own rules",
        "sinkhole.ipv4 = \"192.0.2.200\"\nsinkhole.ttl_secs = 60\n\
         [[rule]]\nname = \"ads1.example\"\naction = \"nodata\"\n[[rule]]\nname = \"ads2.example\"\naction = \"refused\"\n\
         [[rule]]\nname = \"ads3.example\"\naction = \"sinkhole\"\n[[rule]]\nname = \"com\"\naction = \"nxdomain\"\n\
         [[rule]]\nname = \"rnicrosoft.com\"\naction = \"pass\"\n",
    ),
];

/// Lines for a list's file.
fn list() -> String {
    (0..50).fold(String::new(), |mut out, it| {
        writeln!(out, "ads{it}.example").unwrap();
        out
    })
}

#[test]
fn every_transport_gives_the_same_answer() {
    let _turn = crate::turn();
    let count = env::var("DIFFERENTIAL").map_or(QUERIES, |it| it.parse().unwrap());
    let knot = Knot::start();
    crate::runtime().block_on(async {
        for (policy, config) in POLICIES {
            let server = {
                let (address, config) = (knot.address, config.to_owned());
                let start = move || {
                    Server::start_with(Kind::Squint, &[address], &config, &[("list.txt", &list())])
                };
                tokio::task::spawn_blocking(start).await.unwrap()
            };
            let mut met = BTreeSet::new();
            let compared = compare(&server, count, &mut met).await;
            assert!(compared.is_ok(), "policy {policy}: {}", compared.unwrap_err());
            let kinds = ["NOERROR", "NOTIMP", "NXDOMAIN", "REFUSED", "truncated"];
            assert!(kinds.iter().all(|it| met.contains(*it)), "policy {policy}: only {met:?}");
            tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
        }
    });
}

/// Compares all answers; `met` tells which kinds of them there were.
async fn compare(server: &Server, count: usize, met: &mut BTreeSet<String>) -> Result<(), String> {
    let mut numbers = StdRng::seed_from_u64(0x5eed);
    let open = |over| Connection::open(&server.places, over);
    let [udp, tcp, dot, doh] = OVER;
    let mut connections = [open(udp).await?, open(tcp).await?, open(dot).await?, open(doh).await?];
    let (mut left, mut reloads) = (count, 0);
    while left > 0 {
        let round_of = left.min(ROUND);
        left -= round_of;
        for edns in [true, false] {
            // Questions of their own, or what the others left behind would answer these.
            let some = (0..round_of).map(|_| packet(&generated(&mut numbers), edns));
            let some: Vec<Vec<u8>> = some.collect();
            round(server, &mut connections, &some, (&mut reloads, met)).await?;
        }
    }
    Ok(())
}

/// Asks for all of them three times: first over one transport each, then twice over all, with a reload between.
async fn round(
    server: &Server,
    connections: &mut [Connection; 4],
    some: &[Vec<u8>],
    (reloads, met): (&mut usize, &mut BTreeSet<String>),
) -> Result<(), String> {
    let mut answers: Vec<Vec<(String, Vec<u8>)>> = vec![Vec::new(); some.len()];
    for phase in ["cold", "remembered", "after a reload"] {
        if phase == "after a reload" {
            *reloads += 1;
            server.reload(*reloads).await;
        }
        let ask = |connection, at| ask_phase(connection, at, phase == "cold", some);
        let [udp, tcp, dot, doh] = connections;
        let (udp, tcp, dot, doh) = tokio::join!(ask(udp, 0), ask(tcp, 1), ask(dot, 2), ask(doh, 3));
        for (over, got) in OVER.iter().zip([udp, tcp, dot, doh]) {
            for (number, octets) in got? {
                answers[number].push((format!("{} {phase}", over.as_str()), octets));
            }
        }
    }
    for (packet, answers) in some.iter().zip(&answers) {
        same(packet, answers)?;
        for (_, octets) in answers {
            let message = Message::read(octets)?;
            met.insert(wire::rcode_name(message.rcode()));
            if message.flags & 0x0200 != 0 {
                met.insert("truncated".to_owned());
            }
        }
    }
    Ok(())
}

/// Asks for all of them over one connection, or for its share of them where they are to be cold.
async fn ask_phase(
    connection: &mut Connection,
    at: usize,
    is_cold: bool,
    some: &[Vec<u8>],
) -> Result<Vec<(usize, Vec<u8>)>, String> {
    let own = |number: &usize| !is_cold || number % OVER.len() == at;
    let numbers: Vec<usize> = (0..some.len()).filter(own).collect();
    ask_all(connection, some, &numbers).await
}

/// Asks for these over one connection, a window at a time, IDs counting within it.
async fn ask_all(
    connection: &mut Connection,
    some: &[Vec<u8>],
    numbers: &[usize],
) -> Result<Vec<(usize, Vec<u8>)>, String> {
    let mut all = Vec::new();
    for window in numbers.chunks(WINDOW) {
        let packets: Vec<Vec<u8>> = window
            .iter()
            .enumerate()
            .map(|(id, number)| [&(id as u16).to_be_bytes(), &some[*number][2..]].concat())
            .collect();
        let responses = connection.exchange_all(&packets, PATIENCE).await?;
        for octets in responses {
            let id = usize::from(wire::u16_at(&octets, 0).ok_or("no header")?);
            all.push((*window.get(id).ok_or("an ID that was not sent")?, octets));
        }
    }
    Ok(all)
}

/// A query that somebody might send, plain or odd.
fn generated(numbers: &mut StdRng) -> Message {
    let number = numbers.random_range(0..100_000_000_u32);
    let text = match numbers.random_range(0..16_u32) {
        0 => "www.example".to_owned(),
        1 => "mail.example".to_owned(),
        2 => "one.example".to_owned(),
        3 => "large.example".to_owned(),
        4 => "odd.example".to_owned(),
        5 => format!("n{number}.www.example"),
        6 => format!("ads{}.example", number % 60),
        7 => format!("x{number}.ads{}.example", number % 60),
        8 => [
            "rnicrosoft.com",
            "paypal-login.top",
            "xn--pypal-4ve.com",
            "paypa1.com",
            "micros0ft.com",
        ][number as usize % 5]
            .to_owned(),
        9 => format!("login{number}.netlify.app"),
        10 => [
            "localhost",
            "x.localhost",
            "printer.local",
            "a.test",
            "home.arpa",
            "_dns.resolver.arpa",
        ][number as usize % 6]
            .to_owned(),
        11 => format!("{}.0.0.10.in-addr.arpa", number % 256),
        12 => ".".to_owned(),
        _ => format!("n{number}.example{}", number % 7),
    };
    let name = wire::name(&format!("{}.", text.trim_end_matches('.')), "");
    let name = wire::in_any_case(&name, numbers);
    let types = [1, 1, 1, 28, 28, 65, 16, 15, 6, 2, 5, 33, 255, 65280, 43, 12];
    let qtype = types[numbers.random_range(0..types.len())];
    let qclass = if numbers.random_bool(0.03) { 3 } else { 1 };
    let mut flags = 0x0100;
    for (bit, chance) in
        [(0x0100, 0.03), (0x0020, 0.2), (0x0010, 0.1), (0x0040, 0.05), (0x2000, 0.01)]
    {
        if numbers.random_bool(chance) {
            flags ^= bit;
        }
    }
    let dnssec_ok = numbers.random_bool(0.3);
    let options = if numbers.random_bool(0.5) { vec![(12, vec![0; 7])] } else { Vec::new() };
    let sizes = [512, 1232, 1232, 4096, 0];
    let size = sizes[numbers.random_range(0..sizes.len())];
    let edns = Some(Edns { size, dnssec_ok, options, ..Edns::default() });
    let question = Some(Question { name, qtype, qclass });
    Message { flags, question, edns, ..Message::default() }
}

fn packet(query: &Message, edns: bool) -> Vec<u8> {
    let edns = query.edns.clone().filter(|_| edns);
    Message { edns, ..query.clone() }.octets()
}

/// Whether all answers to a query are the same one.
fn same(packet: &[u8], answers: &[(String, Vec<u8>)]) -> Result<(), String> {
    let whole: Vec<(&str, Vec<u8>)> = answers
        .iter()
        .map(|(way, octets)| Ok((way.as_str(), leveled(octets)?)))
        .collect::<Result<_, String>>()?;
    let is_cut = |octets: &[u8]| octets[2] & 2 != 0;
    let Some((first, expected)) = whole.iter().find(|it| !is_cut(&it.1)) else {
        return Err(format!("no whole answer to {}", wire::hex_of(packet)));
    };
    for (way, got) in &whole {
        let fine = if is_cut(got) { cut_fits(got, expected)? } else { got == expected };
        if !fine {
            return Err(format!(
                "{} has another answer {way} than {first}:\n{}\n{}",
                wire::hex_of(packet),
                wire::hex_of(got),
                wire::hex_of(expected)
            ));
        }
    }
    Ok(())
}

/// Whether a truncated answer has header and question of the whole one, and no records.
fn cut_fits(got: &[u8], expected: &[u8]) -> Result<bool, String> {
    let (got, expected) = (Message::read(got)?, Message::read(expected)?);
    Ok(got.flags & !0x0200 == expected.flags
        && got.question == expected.question
        && got.rcode() == expected.rcode()
        && got.edns.is_some() == expected.edns.is_some()
        && got.sections.iter().all(Vec::is_empty))
}

/// The octets without what may differ: ID, TTLs, padding.
fn leveled(octets: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = octets.to_vec();
    out[..2].fill(0);
    for place in wire::ttls(octets)? {
        out[place..place + 4].fill(0);
    }
    let message = Message::read(octets)?;
    let padding = message.edns.iter().flat_map(|it| &it.options).find(|it| it.0 == 12);
    if let Some((_, data)) = padding {
        // OPT is the last record, and padding its last option.
        out.truncate(out.len() - 4 - data.len());
        let rest: usize = message
            .edns
            .iter()
            .flat_map(|it| &it.options)
            .filter(|it| it.0 != 12)
            .map(|it| 4 + it.1.len())
            .sum();
        let at = out.len() - rest - 2;
        out[at..at + 2].copy_from_slice(&u16::try_from(rest).unwrap().to_be_bytes());
    }
    Ok(out)
}
