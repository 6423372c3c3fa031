//! A mixed load over every transport while upstreams fail and recover at random and everything is read again every minute.
//!
//! The right answer to a name can be told from the name, so that no wrong one goes unnoticed.

use crate::{
    client::{Connection, Transport, frame, read_frame},
    ports::free_port,
    server::{Kind, Server},
    wire::{self, Edns, Message, Question, Record},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
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
    io::AsyncWriteExt as _,
    net::{TcpListener, UdpSocket},
    time::sleep,
};

const UPSTREAMS: usize = 3;

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
    let mut addresses = Vec::new();
    for number in 0..UPSTREAMS {
        addresses.push(upstream(Arc::clone(&moods), number).await);
    }
    let list = "[[list]]\nname = \"own\"\npath = \"list.txt\"\naction = \"nxdomain\"\n";
    let config = format!("cache.size_mb = 8\n{list}");
    let start = move || {
        Server::start_with(Kind::Squint, &addresses, &config, &[("list.txt", "blocked.example\n")])
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
        "{minutes} minutes, {UPSTREAMS} upstreams, 24 clients over udp tcp dot doh doh3 doq\n"
    );
    let resident = watch(&server, minutes, &moods, &counts, &mut told).await;
    stop.store(true, Relaxed);
    tasks.join_all().await;
    let [lost, wrong] = [&counts.lost, &counts.wrong].map(|it| it.load(Relaxed));
    let first_wrong = counts.first_wrong.lock().unwrap().take();
    assert_eq!((lost, wrong), (0, 0), "lost and wrong, {first_wrong:?}\n{told}");
    let (third, last) = (resident[resident.len() / 3], *resident.last().unwrap());
    assert!(last <= third + GROWTH_MAX, "memory grows from {third} to {last}\n{told}");
    tokio::task::spawn_blocking(|| server.stop()).await.unwrap();
    told
}

/// Changes the upstreams' moods every few seconds and reads everything again every minute; how much memory there was each minute.
async fn watch(
    server: &Server,
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
    resident
}

/// A connection's life: some queries, one after the other, and an end.
async fn lane_of_queries(
    places: &crate::client::Places,
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
    let blocked = if number.is_multiple_of(13) { "blocked." } else { "" };
    wire::name(&format!("n{number}.{blocked}example."), "")
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

async fn upstream(moods: Arc<[AtomicUsize; UPSTREAMS]>, number: usize) -> SocketAddr {
    let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let socket = Arc::new(UdpSocket::bind(address).await.unwrap());
    let listener = TcpListener::bind(address).await.unwrap();
    let mood = move || MOODS[moods[number].load(Relaxed)];
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
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            let mood = over_tcp.clone();
            tokio::spawn(async move {
                while let Some(packet) = read_frame(&mut stream).await {
                    let Ok(query) = Message::read(&packet) else { return };
                    let Some(reply) = reply(query, mood(), true).await else { return };
                    if stream.write_all(&frame(&reply)).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
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
