//! Upstreams that behave as a case says, over UDP and TCP, and remember what they were asked.

use crate::{
    client::{frame, read_frame},
    ports::free_port,
    script::{Send, Up},
    wire::{self, Edns, HEADER_LEN, Message, Question, Record},
};
use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream, UdpSocket, tcp::OwnedWriteHalf},
};

/// All names of cases are below it.
pub(crate) const SUFFIX: &str = "kit.example";

/// The upstreams of one server, on ports of their own.
pub(crate) struct Upstreams {
    pub(crate) addresses: Vec<SocketAddr>,
    stage: Arc<Stage>,
}

/// What one case on one transport sees of the upstreams.
pub(crate) struct Zone {
    pub(crate) name: String,
    ups: Vec<Up>,
    uses: Mutex<Vec<u32>>,
    /// How each query was reacted to: one that is sent once more gets the same reaction.
    chosen: Mutex<HashMap<Identity, usize>>,
    heard: Mutex<Vec<Query>>,
}

/// What tells queries apart: ID, port, upstream, and whether it came over TCP.
type Identity = (u16, u16, usize, bool);

/// Zones by whole names and types.
type Names = HashMap<(Vec<u8>, u16), Vec<Arc<Zone>>>;

/// A query as an upstream heard it.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) message: Message,
    pub(crate) over_tcp: bool,
    pub(crate) server: usize,
    pub(crate) port: u16,
}

#[derive(Default)]
struct Stage {
    /// By the label before [`SUFFIX`].
    zones: Mutex<HashMap<Vec<u8>, Arc<Zone>>>,
    /// For what is outside it.
    names: Mutex<Names>,
}

impl Upstreams {
    pub(crate) async fn start(count: usize) -> Self {
        let stage = Arc::new(Stage::default());
        let mut addresses = Vec::new();
        for server in 1..=count {
            let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let socket = Arc::new(UdpSocket::bind(address).await.unwrap());
            let listener = TcpListener::bind(address).await.unwrap();
            tokio::spawn(udp(Arc::clone(&stage), server, socket));
            tokio::spawn(tcp(Arc::clone(&stage), server, listener));
            addresses.push(address);
        }
        Self { addresses, stage }
    }

    /// Behaves as `ups` say for all names below a label, and for these names elsewhere.
    pub(crate) fn enter(&self, label: &str, ups: &[Up], names: &[(Vec<u8>, u16)]) -> Arc<Zone> {
        let zone = Arc::new(Zone {
            name: format!("{label}.{SUFFIX}"),
            ups: ups.to_vec(),
            uses: Mutex::new(vec![0; ups.len()]),
            chosen: Mutex::default(),
            heard: Mutex::default(),
        });
        self.stage.zones.lock().unwrap().insert(label.as_bytes().to_vec(), Arc::clone(&zone));
        for (name, qtype) in names {
            let asked = (name.to_ascii_lowercase(), *qtype);
            self.stage.names.lock().unwrap().entry(asked).or_default().push(Arc::clone(&zone));
        }
        zone
    }
}

impl Zone {
    /// What was heard so far. A query that was sent once more, from the same port with the same ID, is the same query.
    pub(crate) fn heard(&self) -> Vec<Query> {
        let mut heard: Vec<Query> = Vec::new();
        for it in self.heard.lock().unwrap().iter() {
            if !heard.iter().any(|other| other.identity() == it.identity()) {
                heard.push(it.clone());
            }
        }
        heard
    }

    /// How to react; `None` where the case says nothing of it.
    fn up(&self, query: &Query) -> Option<&Up> {
        let question = query.message.question.as_ref()?;
        let mut chosen = self.chosen.lock().unwrap();
        if let Some(at) = chosen.get(&query.identity()) {
            return Some(&self.ups[*at]);
        }
        let mut uses = self.uses.lock().unwrap();
        let at = self.ups.iter().enumerate().position(|(at, up)| {
            let name = || {
                up.name.as_ref().is_none_or(|it| {
                    wire::name(it, &self.name).eq_ignore_ascii_case(&question.name)
                })
            };
            up.over_tcp.is_none_or(|it| it == query.over_tcp)
                && up.edns.is_none_or(|it| it == query.message.edns.is_some())
                && up.dnssec.is_none_or(|it| {
                    it == query.message.edns.as_ref().is_some_and(|it| it.dnssec_ok)
                })
                && up.server.is_none_or(|it| it == query.server)
                && up.qtype.is_none_or(|it| it == question.qtype)
                && up.times.is_none_or(|it| uses[at] < it)
                && name()
        })?;
        uses[at] += 1;
        if !self.ups[at].sends[0].silent {
            chosen.insert(query.identity(), at);
        }
        Some(&self.ups[at])
    }
}

impl Query {
    const fn identity(&self) -> Identity {
        (self.message.id, self.port, self.server, self.over_tcp)
    }
}

impl Stage {
    /// The zone of a name, and what that says to a query.
    fn hear(&self, query: &Query) -> (Option<Arc<Zone>>, Option<Up>) {
        let Some(question) = &query.message.question else { return (None, None) };
        let name = question.name.to_ascii_lowercase();
        let mut labels = Vec::new();
        let mut rest = &name[..];
        while let Some((&len, after)) = rest.split_first().filter(|it| *it.0 > 0) {
            let (label, after) = after.split_at(len.into());
            labels.push(label);
            rest = after;
        }
        if let [.., label, b"kit", b"example"] = labels[..]
            && let Some(zone) = self.zones.lock().unwrap().get(label)
        {
            zone.heard.lock().unwrap().push(query.clone());
            let up = zone.up(query).cloned();
            return (Some(Arc::clone(zone)), up);
        }
        let names = self.names.lock().unwrap();
        let found = names.get(&(name, question.qtype)).map(Vec::as_slice).unwrap_or_default();
        found.iter().for_each(|it| it.heard.lock().unwrap().push(query.clone()));
        let up = found.first().and_then(|it| it.up(query).cloned());
        (found.first().cloned(), up)
    }
}

async fn udp(stage: Arc<Stage>, server: usize, socket: Arc<UdpSocket>) {
    let mut buffer = [0; 4_096];
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Ok(message) = Message::read(&buffer[..len]) else { continue };
        let query = Query { message, over_tcp: false, server, port: from.port() };
        let (stage, socket) = (Arc::clone(&stage), Arc::clone(&socket));
        tokio::spawn(async move {
            let (zone, up) = stage.hear(&query);
            for send in sends(up) {
                tokio::time::sleep(Duration::from_millis(send.delay_ms)).await;
                let Some(reply) = reply(&query, zone.as_deref(), &send) else { continue };
                let elsewhere = |host| UdpSocket::bind(SocketAddr::from((host, 0)));
                let sent = match send.spoils.iter().find_map(|it| it.strip_prefix("from-")) {
                    Some("port") => {
                        elsewhere([127, 0, 0, 1]).await.unwrap().send_to(&reply, from).await
                    }
                    Some("address") => {
                        let address = ([127, 0, 0, 9], socket.local_addr().unwrap().port());
                        let other = UdpSocket::bind(SocketAddr::from(address)).await;
                        match other {
                            Ok(other) => other.send_to(&reply, from).await,
                            Err(_) => {
                                elsewhere([127, 0, 0, 9]).await.unwrap().send_to(&reply, from).await
                            }
                        }
                    }
                    _ => socket.send_to(&reply, from).await,
                };
                // Who asked may be gone.
                _ = sent;
            }
        });
    }
}

async fn tcp(stage: Arc<Stage>, server: usize, listener: TcpListener) {
    loop {
        let Ok((stream, from)) = listener.accept().await else { continue };
        tokio::spawn(connection(Arc::clone(&stage), server, stream, from.port()));
    }
}

async fn connection(stage: Arc<Stage>, server: usize, stream: TcpStream, port: u16) {
    let (mut reader, writer) = stream.into_split();
    let writer = Arc::new(tokio::sync::Mutex::new(writer));
    let (closing, mut closed) = tokio::sync::watch::channel(false);
    loop {
        let packet = tokio::select! {
            packet = read_frame(&mut reader) => packet,
            _ = closed.changed() => return,
        };
        let Some(Ok(message)) = packet.map(|it| Message::read(&it)) else { return };
        let query = Query { message, over_tcp: true, server, port };
        let (stage, writer, closing) = (Arc::clone(&stage), Arc::clone(&writer), closing.clone());
        tokio::spawn(async move {
            let (zone, up) = stage.hear(&query);
            for send in sends(up) {
                tokio::time::sleep(Duration::from_millis(send.delay_ms)).await;
                // A connection has one port and one address.
                let is_elsewhere = send.spoils.iter().any(|it| it.starts_with("from-"));
                if let Some(reply) = reply(&query, zone.as_deref(), &send).filter(|_| !is_elsewhere)
                {
                    write(&writer, &reply, &send).await;
                }
                if send.close {
                    _ = writer.lock().await.shutdown().await;
                    closing.send_replace(true);
                }
            }
        });
    }
}

async fn write(writer: &tokio::sync::Mutex<OwnedWriteHalf>, reply: &[u8], send: &Send) {
    let octets = frame(reply);
    let mut writer = writer.lock().await;
    let parts: Vec<&[u8]> = match send.spoils.iter().any(|it| it == "split") {
        true => octets.chunks(octets.len().div_ceil(7)).collect(),
        false => vec![&octets],
    };
    for part in parts {
        // Who asked may be gone.
        _ = writer.write_all(part).await;
        tokio::task::yield_now().await;
    }
}

fn sends(up: Option<Up>) -> Vec<Send> {
    up.map_or_else(|| vec![Send::default()], |it| it.sends)
}

/// The message that a case has the upstream send.
fn reply(query: &Query, zone: Option<&Zone>, send: &Send) -> Option<Vec<u8>> {
    if send.silent {
        return None;
    }
    let mut message = Message {
        id: query.message.id,
        flags: 0x8080 | query.message.flags & 0x0110 | send.rcode & 15,
        question: query.message.question.clone(),
        ..Message::default()
    };
    message.flags = (message.flags | send.set) & !send.clear;
    let zone_name = zone.map_or(SUFFIX, |it| &it.name);
    for planned in &send.records {
        let words: Vec<&str> = planned.words.iter().map(String::as_str).collect();
        message.sections[planned.section].push(Record {
            owner: match planned.owner.as_str() {
                "Q" => query.message.question.as_ref()?.name.clone(),
                owner => wire::name(owner, zone_name),
            },
            rtype: wire::rtype_of(&planned.rtype),
            class: planned.class,
            ttl: *planned.ttl.end(),
            rdata: wire::rdata(&planned.rtype, &words, zone_name),
        });
    }
    let says_nothing = send.records.is_empty()
        && send.rcode == 0
        && send.set | send.clear == 0
        && !send.spoils.iter().any(|it| it == "empty");
    if says_nothing {
        usual(&mut message, zone_name);
    }
    if let Some(edns) = query.message.edns.as_ref().filter(|_| !send.no_opt) {
        message.edns = Some(Edns {
            size: 1232,
            rcode_high: (send.rcode >> 4) as u8,
            dnssec_ok: edns.dnssec_ok,
            options: send.options.clone(),
            ..Edns::default()
        });
    }
    let limit = query.message.edns.as_ref().map_or(512, |it| usize::from(it.size.max(512)));
    let mut octets = message.octets();
    if !query.over_tcp && octets.len() > limit {
        message.flags |= 0x0200;
        message.sections = Default::default();
        octets = message.octets();
    }
    send.spoils.iter().for_each(|it| spoil(it, &mut octets));
    Some(octets)
}

/// What is said where a case does not say it: an address, a text, or that there is nothing of the type.
fn usual(message: &mut Message, zone: &str) {
    let Some(Question { name, qtype, qclass }) = message.question.clone() else { return };
    let rdata = match qtype {
        1 => vec![192, 0, 2, 1],
        28 => wire::rdata("AAAA", &["2001:db8::1"], zone),
        16 => wire::rdata("TXT", &["ok"], zone),
        _ => {
            let rdata = wire::rdata("SOA", &["60"], zone);
            let owner = wire::name("@", zone);
            message.sections[1].push(Record { owner, rtype: 6, class: 1, ttl: 300, rdata });
            return;
        }
    };
    message.sections[0].push(Record { owner: name, rtype: qtype, class: qclass, ttl: 300, rdata });
}

fn spoil(how: &str, octets: &mut Vec<u8>) {
    let name_len = || {
        let mut at = HEADER_LEN;
        while octets[at] != 0 {
            at += 1 + usize::from(octets[at]);
        }
        at + 1 - HEADER_LEN
    };
    match how {
        "id" => octets[0] ^= 0x55,
        "qr" => octets[2] &= 0x7f,
        "opcode" => octets[2] |= 0x10,
        "qname" => octets[HEADER_LEN + 1] ^= 0x01,
        "case" => octets[HEADER_LEN..][1..].iter_mut().take(8).for_each(|it| {
            if it.is_ascii_alphabetic() {
                *it ^= 0x20;
            }
        }),
        "lower" => {
            let len = name_len();
            octets[HEADER_LEN..][..len].make_ascii_lowercase();
        }
        "qtype" => {
            let at = HEADER_LEN + name_len() + 1;
            octets[at] ^= 0x1d;
        }
        "qclass" => {
            let at = HEADER_LEN + name_len() + 3;
            octets[at] = 3;
        }
        "noquestion" => {
            let end = HEADER_LEN + name_len() + 4;
            octets.drain(HEADER_LEN..end);
            octets[5] = 0;
        }
        "header" => {
            octets.truncate(HEADER_LEN);
            octets[4..].fill(0);
        }
        "twoquestions" => octets[5] = 2,
        "short" => octets.truncate(11),
        "cut" => octets.truncate(octets.len() - 3),
        "trailing" => octets.extend(b"trail"),
        "count" => octets[7] += 1,
        "junk" => *octets = [&octets[..2], &[0xa5; 40]].concat(),
        // A record whose owner points at itself.
        "loop" => {
            let here = u16::try_from(octets.len()).unwrap() | 0xc000;
            octets.extend(here.to_be_bytes());
            octets.extend([0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 66]);
            octets[7] += 1;
        }
        "rdlength" => {
            let at = octets.len() - 5;
            octets[at] += 9;
        }
        "split" | "empty" | "from-port" | "from-address" => (),
        _ => panic!("spoil {how}"),
    }
}
