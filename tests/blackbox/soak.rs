//! A mixed load over every transport, to upstreams over every transport that fail and recover at random, while everything is read again
//! every minute.
//!
//! The plain upstreams and those over TLS are of this file; those over HTTPS, HTTP/3 and QUIC are another Squint in front of one more of
//! them, which is stopped and goes on as a process that hangs.
//!
//! The right answer to a name can be told from the name, so that no wrong one goes unnoticed.

use crate::{
    client::{Connection, Places, Transport, frame, read_frame},
    ports::free_port,
    server::{Kind, Server},
    wire::{self, Edns, Message, Question, Record},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    env,
    fmt::Write as _,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, UdpSocket},
    time::sleep,
};
use tokio_rustls::TlsAcceptor;

/// Those that Squint itself asks, and the one behind the other Squint.
const UPSTREAMS: usize = 4;
const RELAYED: usize = UPSTREAMS - 1;

/// How upstreams are asked: the label that names of each have, and so the route.
const WAYS: [&str; 5] = ["", "tls.", "https.", "h3.", "quic."];

/// Four seconds for the answer whatever the upstreams do, and one for the machine.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much memory may grow between the end of the first third and that of the last.
const GROWTH_MAX: u64 = 32 << 20;

/// What an upstream does with queries.
#[derive(Debug, Clone, Copy)]
enum Mood {
    Well,
    Slow,
    Silent,
    Failing,
    Refusing,
    Truncating,
}

const MOODS: [Mood; 9] = [
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Well,
    Mood::Slow,
    Mood::Silent,
    Mood::Failing,
    Mood::Refusing,
    Mood::Truncating,
];

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    stale: AtomicU64,
    lost: AtomicU64,
    wrong: AtomicU64,
    /// What was asked when the first wrong answer came.
    first_wrong: Mutex<Option<String>>,
}

/// One minute; `scripts/soak` runs it for as long as it is told.
#[test]
fn nothing_is_lost_or_wrong() {
    let _turn = crate::turn();
    let minutes: u64 = env::var("SOAK_MINUTES").map_or(1, |it| it.parse().unwrap());
    let told = crate::runtime().block_on(soak(minutes));
    if let Ok(path) = env::var("SOAK_REPORT") {
        std::fs::write(path, &told).unwrap();
    }
}

async fn soak(minutes: u64) -> String {
    let moods: Arc<[AtomicUsize; UPSTREAMS]> = Arc::default();
    let relayed = plain(mood(&moods, RELAYED)).await;
    let config = "cache.size_mb = 8\ncache.stale = false\n";
    let start = move || Server::start(Kind::Squint, &[relayed], config);
    let relay = tokio::task::spawn_blocking(start).await.unwrap();
    let (mut addresses, mut urls) = (Vec::new(), Vec::new());
    for number in 0..RELAYED {
        addresses.push(plain(mood(&moods, number)).await);
        let address = secure(mood(&moods, number), acceptor(&relay)).await;
        urls.push(format!("tls://{address}"));
    }
    let config = config_for(&relay, &urls);
    let files = [("list.txt", "blocked.example\n".to_owned()), ("ups.pem", relay.file("ca.pem"))];
    let start = move || {
        let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
        Server::start_with(Kind::Squint, &addresses, &config, &files)
    };
    let server = tokio::task::spawn_blocking(start).await.unwrap();
    let (counts, stop) = (Arc::new(Counts::default()), Arc::new(AtomicBool::new(false)));
    let mut tasks = tokio::task::JoinSet::new();
    for (seed, over) in Transport::ALL.into_iter().enumerate() {
        for lane in 0..4 {
            let (places, counts, stop) =
                (server.places.clone(), Arc::clone(&counts), Arc::clone(&stop));
            tasks.spawn(async move {
                let mut numbers = StdRng::seed_from_u64((seed * 10 + lane) as u64);
                while !stop.load(Relaxed) {
                    lane_of_queries(&places, over, &counts, &stop, &mut numbers).await;
                }
            });
        }
    }
    let mut told = format!(
        "{minutes} minutes, 24 clients over udp tcp dot doh doh3 doq, upstreams over udp tcp dot doh doh3 doq\n"
    );
    let resident = watch(&server, &relay, minutes, &moods, &counts, &mut told).await;
    stop.store(true, Relaxed);
    tasks.join_all().await;
    let [lost, wrong] = [&counts.lost, &counts.wrong].map(|it| it.load(Relaxed));
    let first_wrong = counts.first_wrong.lock().unwrap().take();
    assert_eq!((lost, wrong), (0, 0), "lost and wrong, {first_wrong:?}\n{told}");
    let (third, last) = (resident[resident.len() / 3], *resident.last().unwrap());
    assert!(last <= third + GROWTH_MAX, "memory grows from {third} to {last}\n{told}");
    let relay = tokio::task::spawn_blocking(|| {
        server.stop();
        relay.stop()
    });
    let relay = relay.await.unwrap();
    for way in ["queries_doh ", "queries_doh3 ", "queries_doq "] {
        assert!(relay.contains(way), "no upstream was asked so: {way}\n{relay}");
    }
    told
}

/// Names of each encrypted way go to the upstreams there.
fn config_for(relay: &Server, tls: &[String]) -> String {
    let Places { doh, doh3, doq, .. } = relay.places;
    let https = format!("https://{doh}/dns-query");
    let (h3, quic) = (format!("h3://{doh3}/dns-query"), format!("quic://{doq}"));
    let mut config = "cache.size_mb = 8\nupstream.ca = \"ups.pem\"\n\
                      [[list]]\nname = \"own\"\npath = \"list.txt\"\naction = \"nxdomain\"\n"
        .to_owned();
    for (way, servers) in WAYS[1..].iter().zip([tls, &[https], &[h3], &[quic]]) {
        writeln!(config, "[[route]]\nsuffix = \"{way}example\"\nservers = {servers:?}").unwrap();
    }
    config
}

/// Changes the upstreams' moods every few seconds and reads everything again every minute; how much memory there was each minute.
async fn watch(
    server: &Server,
    relay: &Server,
    minutes: u64,
    moods: &[AtomicUsize; UPSTREAMS],
    counts: &Counts,
    told: &mut String,
) -> Vec<u64> {
    let mut numbers = StdRng::seed_from_u64(7);
    let mut resident = Vec::new();
    for minute in 1..=minutes {
        for _ in 0..20 {
            for mood in moods {
                mood.store(numbers.random_range(0..MOODS.len()), Relaxed);
            }
            let hangs = matches!(MOODS[moods[RELAYED].load(Relaxed)], Mood::Silent);
            relay.signal(if hangs { "STOP" } else { "CONT" });
            sleep(Duration::from_secs(3)).await;
        }
        server.reload(minute as usize).await;
        resident.push(server.resident());
        let [asked, answered, failed, stale, lost, wrong] = [
            &counts.asked,
            &counts.answered,
            &counts.failed,
            &counts.stale,
            &counts.lost,
            &counts.wrong,
        ]
        .map(|it| it.load(Relaxed));
        writeln!(
            told,
            "minute {minute}: {asked} asked, {answered} answered, {stale} of them stale, {failed} failed, {lost} lost, {wrong} wrong, {} MB",
            server.resident() >> 20
        )
        .unwrap();
    }
    relay.signal("CONT");
    resident
}

/// A connection's life: some queries, one after the other, and an end.
async fn lane_of_queries(
    places: &Places,
    over: Transport,
    counts: &Counts,
    stop: &AtomicBool,
    numbers: &mut StdRng,
) {
    let Ok(mut connection) = Connection::open(places, over).await else {
        counts.lost.fetch_add(1, Relaxed);
        return;
    };
    for _ in 0..200 {
        if stop.load(Relaxed) {
            return;
        }
        // A few names over and over, and now and then one that nobody asked for before.
        let popular = numbers.random_bool(0.8);
        let number = if popular {
            numbers.random_range(0..500)
        } else {
            numbers.random_range(500..u32::MAX)
        };
        let edns = numbers.random_bool(0.5).then(|| Edns { size: 1232, ..Edns::default() });
        let question = Some(Question { name: name(number), qtype: 1, qclass: 1 });
        let id = if over == Transport::Doq { 0 } else { number as u16 };
        let query = Message { id, flags: 0x0100, question, edns, ..Message::default() };
        counts.asked.fetch_add(1, Relaxed);
        let response = connection.exchange(&query.octets(), PATIENCE).await;
        let place = match response.map(|it| judged(&query, number, &it)) {
            None => &counts.lost,
            Some(Judged::Right) => &counts.answered,
            Some(Judged::Stale) => {
                counts.stale.fetch_add(1, Relaxed);
                &counts.answered
            }
            Some(Judged::Failed) => &counts.failed,
            Some(Judged::Wrong) => {
                let mut first = counts.first_wrong.lock().unwrap();
                first.get_or_insert_with(|| {
                    format!("{} over {}", wire::text_of(&name(number)), over.as_str())
                });
                &counts.wrong
            }
        };
        place.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(numbers.random_range(5..40))).await;
    }
}

enum Judged {
    Right,
    Stale,
    Failed,
    Wrong,
}

/// One in thirteen names is blocked, one in eleven does not exist; of the others the address tells the number.
fn name(number: u32) -> Vec<u8> {
    let way = WAYS[number as usize % WAYS.len()];
    let below = if number.is_multiple_of(13) { "blocked." } else { way };
    wire::name(&format!("n{number}.{below}example."), "")
}

fn exists(number: u32) -> bool {
    !number.is_multiple_of(11)
}

fn judged(query: &Message, number: u32, octets: &[u8]) -> Judged {
    let Ok(message) = Message::read(octets) else { return Judged::Wrong };
    if (message.id, &message.question) != (query.id, &query.question) {
        return Judged::Wrong;
    }
    let data: Vec<&[u8]> = message.sections[0].iter().map(|it| it.rdata.as_slice()).collect();
    let is_there = exists(number) && !number.is_multiple_of(13);
    let right = match message.rcode() {
        // Where all upstreams fail, the client is told what they say.
        2 | 5 => return Judged::Failed,
        3 => !is_there && data.is_empty(),
        0 => is_there && data == [number.to_be_bytes().as_slice()],
        _ => false,
    };
    match right {
        false => Judged::Wrong,
        true if message.errors().contains(&3) => Judged::Stale,
        true => Judged::Right,
    }
}

/// What an upstream does at the moment.
trait Moody: Fn() -> Mood + Clone + Send + 'static {}
impl<T: Fn() -> Mood + Clone + Send + 'static> Moody for T {}

fn mood(moods: &Arc<[AtomicUsize; UPSTREAMS]>, number: usize) -> impl Moody + use<> {
    let moods = Arc::clone(moods);
    move || MOODS[moods[number].load(Relaxed)]
}

/// An upstream over UDP and TCP.
async fn plain(mood: impl Moody) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let socket = Arc::new(UdpSocket::bind(address).await.unwrap());
    let listener = TcpListener::bind(address).await.unwrap();
    let over_tcp = mood.clone();
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        loop {
            let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
            let Ok(query) = Message::read(&buffer[..len]) else { continue };
            let (socket, mood) = (Arc::clone(&socket), mood());
            tokio::spawn(async move {
                if let Some(reply) = reply(query, mood, false).await {
                    // Who asked may be gone.
                    _ = socket.send_to(&reply, from).await;
                }
            });
        }
    });
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            tokio::spawn(serve(stream, over_tcp.clone()));
        }
    });
    address
}

/// An upstream over TLS.
async fn secure(mood: impl Moody, acceptor: TlsAcceptor) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (mood, acceptor) = (mood.clone(), acceptor.clone());
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve(stream, mood).await;
                }
            });
        }
    });
    address
}

/// With the certificate of the other Squint, which is for the address.
fn acceptor(relay: &Server) -> TlsAcceptor {
    let chain = CertificateDer::from_pem_slice(relay.file("cert.pem").as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(relay.file("key.pem").as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

/// Serves one connection until it is silent, which ends it.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, mood: impl Moody) {
    while let Some(packet) = read_frame(&mut stream).await {
        let Ok(query) = Message::read(&packet) else { return };
        let Some(reply) = reply(query, mood(), true).await else { return };
        if stream.write_all(&frame(&reply)).await.is_err() {
            return;
        }
    }
}

async fn reply(query: Message, mood: Mood, over_tcp: bool) -> Option<Vec<u8>> {
    let flags = 0x8180;
    let mut message =
        Message { id: query.id, flags, question: query.question, ..Message::default() };
    message.edns = query.edns.map(|_| Edns { size: 1232, ..Edns::default() });
    match mood {
        Mood::Silent => return None,
        Mood::Slow => sleep(Duration::from_millis(300)).await,
        Mood::Failing => message.flags |= 2,
        Mood::Refusing => message.flags |= 5,
        Mood::Truncating if !over_tcp => message.flags |= 0x0200,
        Mood::Well | Mood::Truncating => (),
    }
    if message.flags != flags {
        return Some(message.octets());
    }
    let owner = message.question.as_ref()?.name.clone();
    let text = wire::text_of(&owner);
    let number = text.trim_start_matches(['n', 'N']).split('.').next()?.parse::<u32>().ok();
    let Some(number) = number.filter(|it| exists(*it)) else {
        message.flags |= 3;
        let (owner, rdata) = (wire::name("example.", ""), wire::rdata("SOA", &["5"], "example"));
        message.sections[1].push(Record { owner, rtype: 6, class: 1, ttl: 5, rdata });
        return Some(message.octets());
    };
    let rdata = number.to_be_bytes().to_vec();
    // Short lives, so that upstreams are asked again and again.
    message.sections[0].push(Record { owner, rtype: 1, class: 1, ttl: 2 + number % 7, rdata });
    Some(message.octets())
}
