//! How streams are cut, joined, kept and closed: what a case file has no words for.

use crate::{
    client::{Connection, Places, Transport, frame, read_frame},
    upstream::Zone,
    wire::{self, Message, Question},
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(15);

/// The upstream takes its time for the name `slow`.
pub(crate) const UPS: &str = "case slow\nup name=slow\ndelay 700\nan slow 60 A 192.0.2.1\n\
                              up name=big type=TXT\nan*50 big 60 TXT {200}%\n";

pub(crate) struct StreamCase {
    pub(crate) rule: &'static str,
    pub(crate) name: &'static str,
    pub(crate) play: Play,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Play {
    /// So many queries, each after the response to the one before.
    InTurn(u16),
    /// So many queries at once, in pieces of so many octets.
    Joined(u16, usize),
    /// The response to the second query does not wait for that to the first.
    OutOfOrder,
    /// A query that is answered at once, behind one that takes its time, on another connection.
    NotInTheWay,
    /// The client says that it will say no more, and waits for its responses.
    HalfClosed,
    /// Octets in a frame that are no query.
    Frame(&'static [u8], After),
    /// A frame that stays without its end.
    CutShort,
    /// Twenty queries with the same ID, each of which gets its response.
    SameId,
    /// So many connections that say nothing.
    Idle(usize),
    /// A response of more octets than UDP carries.
    Large,
    /// The client goes without having read anything; others do not notice.
    Gone,
}

/// What follows a frame that is no query.
#[derive(Debug, Clone, Copy)]
pub(crate) enum After {
    /// A response with this rcode, on a connection that stays open.
    Rcode(u16),
    /// No response; the connection may be closed.
    Silence,
}

const REUSE: &str = "RFC 7766 6.2.1: a connection is kept, and its queries pipelined";
const ORDER: &str = "RFC 7766 6.2.1.1, 7: responses are not held up by slower ones";
const FRAMES: &str = "RFC 7766 8: messages are where their lengths say, however segments are cut";
const BROKEN: &str =
    "RFC 7766 6.2.4, attacks (TCP exhaustion): broken and idle connections harm nobody";

const fn case(rule: &'static str, name: &'static str, play: Play) -> StreamCase {
    StreamCase { rule, name, play }
}

pub(crate) const STREAMS: &[StreamCase] = &[
    case(REUSE, "two queries, one after the other", Play::InTurn(2)),
    case(REUSE, "fifty queries, one after the other", Play::InTurn(50)),
    case(REUSE, "ten queries in one segment", Play::Joined(10, usize::MAX)),
    case(REUSE, "three hundred queries in one segment", Play::Joined(300, usize::MAX)),
    case(REUSE, "twenty queries with one ID", Play::SameId),
    case(ORDER, "the second response overtakes the first", Play::OutOfOrder),
    case(ORDER, "another connection is not in the way", Play::NotInTheWay),
    case(FRAMES, "every octet in a segment of its own", Play::Joined(3, 1)),
    case(FRAMES, "segments of seven octets", Play::Joined(20, 7)),
    case(FRAMES, "segments of thirty-one octets", Play::Joined(50, 31)),
    case(FRAMES, "a response larger than UDP carries", Play::Large),
    case(FRAMES, "a client that has said all gets its responses", Play::HalfClosed),
    case(BROKEN, "a message of no octets", Play::Frame(&[], After::Silence)),
    case(BROKEN, "a message of eleven octets", Play::Frame(&[1; 11], After::Silence)),
    case(
        BROKEN,
        "a response",
        Play::Frame(b"\x12\x34\x81\x80\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", After::Silence),
    ),
    case(
        BROKEN,
        "a header alone",
        Play::Frame(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0", After::Rcode(1)),
    ),
    case(
        BROKEN,
        "an opcode that is not known",
        Play::Frame(b"\x12\x34\x31\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01", After::Rcode(4)),
    ),
    case(BROKEN, "a message without its end", Play::CutShort),
    case(BROKEN, "a hundred connections that say nothing", Play::Idle(100)),
    case(BROKEN, "a client that is gone", Play::Gone),
];

trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

type Stream = Box<dyn Duplex>;

async fn open(places: &Places, transport: Transport) -> Result<Stream, String> {
    match Connection::open(places, transport).await? {
        Connection::Tcp(stream) => Ok(Box::new(stream)),
        Connection::Dot(stream) => Ok(stream),
        _ => Err("no stream".to_owned()),
    }
}

pub(crate) async fn run(
    play: Play,
    places: &Places,
    transport: Transport,
    zone: &Arc<Zone>,
) -> Result<(), String> {
    let mut stream = open(places, transport).await?;
    let stream = &mut stream;
    match play {
        Play::InTurn(count) => {
            for id in 1..=count {
                send(stream, &query(id, &format!("n{id}"), zone)).await?;
                expect(ids(stream, 1).await? == [id], "another ID")?;
            }
            Ok(())
        }
        Play::Joined(count, piece) => joined(stream, zone, count, piece).await,
        Play::OutOfOrder => {
            send(stream, &[query(1, "slow", zone), query(2, "fast", zone)].concat()).await?;
            expect(ids(stream, 2).await? == [2, 1], "in the order of the queries")
        }
        Play::NotInTheWay => {
            send(stream, &query(1, "slow", zone)).await?;
            let mut other = open(places, transport).await?;
            send(&mut other, &query(2, "fast", zone)).await?;
            let quick = timeout(Duration::from_millis(500), ids(&mut other, 1)).await;
            expect(quick == Ok(Ok(vec![2])), "held up")?;
            ids(stream, 1).await.map(drop)
        }
        Play::HalfClosed => {
            send(stream, &[query(1, "slow", zone), query(2, "fast", zone)].concat()).await?;
            stream.shutdown().await.map_err(|it| it.to_string())?;
            ids(stream, 2).await.map(drop)
        }
        Play::Frame(octets, after) => broken(stream, octets, after, places, transport, zone).await,
        Play::CutShort => {
            send(stream, &query(1, "www", zone)[..9]).await?;
            still_serves(places, transport, zone).await
        }
        Play::SameId => {
            let some: Vec<u8> = (0..20).flat_map(|it| query(7, &format!("n{it}"), zone)).collect();
            send(stream, &some).await?;
            expect(ids(stream, 20).await? == [7; 20], "another ID")
        }
        Play::Idle(count) => {
            let mut idle = Vec::new();
            for _ in 0..count {
                idle.push(open(places, transport).await?);
            }
            still_serves(places, transport, zone).await?;
            still_serves(places, Transport::Udp, zone).await
        }
        Play::Large => {
            let packet = packet(9, "big", 16, zone);
            send(stream, &frame(&packet)).await?;
            let octets = timeout(PATIENCE, read_frame(stream)).await.ok().flatten();
            let message = Message::read(&octets.ok_or("no response")?)?;
            expect(message.sections[0].len() == 50, "records are missing")
        }
        Play::Gone => {
            let some: Vec<u8> = (0..50).flat_map(|it| query(it, &format!("n{it}"), zone)).collect();
            send(stream, &some).await?;
            still_serves(places, transport, zone).await
        }
    }
}

async fn joined(stream: &mut Stream, zone: &Zone, count: u16, piece: usize) -> Result<(), String> {
    let octets: Vec<u8> = (1..=count).flat_map(|id| query(id, &format!("n{id}"), zone)).collect();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let write = async {
        for piece in octets.chunks(piece.min(octets.len())) {
            send(&mut writer, piece).await?;
            tokio::task::yield_now().await;
        }
        Ok(())
    };
    let (written, got) = tokio::join!(write, ids(&mut reader, count.into()));
    let mut got = got?;
    got.sort_unstable();
    expect(got == (1..=count).collect::<Vec<_>>(), "other IDs").and(written)
}

/// A frame that is no query, and whether anybody is the worse for it.
async fn broken(
    stream: &mut Stream,
    octets: &[u8],
    after: After,
    places: &Places,
    transport: Transport,
    zone: &Zone,
) -> Result<(), String> {
    send(stream, &frame(octets)).await?;
    let patience = if matches!(after, After::Silence) { 500 } else { 5_000 };
    let got = timeout(Duration::from_millis(patience), read_frame(stream)).await;
    match after {
        After::Silence => expect(matches!(got, Err(_) | Ok(None)), "a response")?,
        After::Rcode(rcode) => {
            let message = Message::read(&got.ok().flatten().ok_or("no response")?)?;
            expect(message.rcode() == rcode, "another rcode")?;
            send(stream, &query(5, "after", zone)).await?;
            expect(ids(stream, 1).await? == [5], "another ID")?;
        }
    }
    still_serves(places, transport, zone).await
}

async fn still_serves(places: &Places, transport: Transport, zone: &Zone) -> Result<(), String> {
    let mut connection = Connection::open(places, transport).await?;
    let response = connection.exchange(&packet(3, "others", 1, zone), PATIENCE).await;
    let message = Message::read(&response.ok_or("others are not served")?)?;
    expect(message.sections[0].len() == 1, "others get no answer")
}

fn packet(id: u16, name: &str, qtype: u16, zone: &Zone) -> Vec<u8> {
    let question = Some(Question { name: wire::name(name, &zone.name), qtype, qclass: 1 });
    Message { id, flags: 0x0100, question, ..Message::default() }.octets()
}

/// A query in its frame.
fn query(id: u16, name: &str, zone: &Zone) -> Vec<u8> {
    frame(&packet(id, name, 1, zone))
}

/// The IDs of so many responses, in their order; each has to have an answer.
async fn ids(stream: &mut (impl AsyncRead + Unpin), count: usize) -> Result<Vec<u16>, String> {
    let mut stream = stream;
    let mut ids = Vec::new();
    for _ in 0..count {
        let octets = timeout(PATIENCE, read_frame(&mut stream)).await.ok().flatten();
        let octets = octets.ok_or_else(|| format!("{} responses of {count}", ids.len()))?;
        let message = Message::read(&octets)?;
        if message.sections[0].is_empty() {
            return Err(format!("no answer, rcode {}", wire::rcode_name(message.rcode())));
        }
        ids.push(message.id);
    }
    Ok(ids)
}

async fn send(stream: &mut (impl AsyncWrite + Unpin), octets: &[u8]) -> Result<(), String> {
    stream.write_all(octets).await.map_err(|it| it.to_string())?;
    stream.flush().await.map_err(|it| it.to_string())
}

fn expect(is: bool, what: &str) -> Result<(), String> {
    if is { Ok(()) } else { Err(what.to_owned()) }
}
