//! One query on a stream of QUIC, and its response (RFC 9250 section 4.2).

use super::{
    activity::{Activity, Busy},
    front::{Front, Outcome},
    rooms::{Room, Rooms},
    single,
    udp::PACKET_LEN_MAX,
};
use crate::dns::{Client, Query};
use quinn::{Connection, ReadExactError, RecvStream, SendStream, VarInt};
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// What connections and streams end with (RFC 9250 section 8.4).
pub(super) const NO_ERROR: VarInt = VarInt::from_u32(0);
const INTERNAL_ERROR: VarInt = VarInt::from_u32(1);
const PROTOCOL_ERROR: VarInt = VarInt::from_u32(2);
pub(super) const EXCESSIVE_LOAD: VarInt = VarInt::from_u32(4);

/// Octets of the length before each message.
const LENGTH_LEN: usize = 2;
/// How long one query may take from its first octet to its last.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client may leave an answer lying.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Answers the one query of a stream.
pub(super) async fn serve(
    front: &Arc<Front>,
    client: Client,
    (mut sending, mut receiving): (SendStream, RecvStream),
    activity: &Activity,
    connection: &Connection,
) {
    let rooms = front.rooms.of(client.address.ip());
    let read = timeout(QUERY_TIMEOUT, read(&mut receiving, &rooms)).await;
    // Too long, too slow, or given up by the client. Where the stream is gone already there is nothing to refuse.
    let Ok(Some((stream, _room))) = read else {
        let _ = receiving.stop(EXCESSIVE_LOAD);
        let _ = sending.reset(EXCESSIVE_LOAD);
        return;
    };
    let _busy = Busy::new(activity);
    let Some(packet) = message(&stream) else {
        return connection.close(PROTOCOL_ERROR, b"not one whole message with ID 0");
    };
    front.metrics.here().queries_doq.bump();
    let mut out = vec![0; LENGTH_LEN];
    let mut answer = Vec::new();
    let stopped = sending.stopped();
    let outcome = tokio::select! {
        outcome = single::answer(front, client, packet, &mut answer) => outcome,
        // The client does not want to know any more.
        _ = stopped => return,
    };
    let len = match outcome {
        Outcome::Answered | Outcome::Refused => u16::try_from(answer.len()),
        Outcome::Dropped | Outcome::Later => {
            let _ = sending.reset(INTERNAL_ERROR);
            return;
        }
    };
    if let Ok(len) = len {
        out.copy_from_slice(&len.to_be_bytes());
        out.append(&mut answer);
        let sent = timeout(STALL_TIMEOUT, sending.write_all(&out)).await;
        match sent {
            Ok(Ok(())) if sending.finish().is_ok() => front.metrics.here().responses.bump(),
            _ => front.metrics.here().send_failed.bump(),
        }
    }
    // What was sent has to arrive before the connection may end.
    let _ = timeout(STALL_TIMEOUT, sending.stopped()).await;
    if outcome == Outcome::Refused {
        activity.end();
    }
}

/// What is said on a stream, with room for it; `None` where it breaks off, or there is none.
async fn read(receiving: &mut RecvStream, rooms: &Rooms) -> Option<(Vec<u8>, Room)> {
    let mut stream = vec![0; LENGTH_LEN];
    let len = match receiving.read_exact(&mut stream).await {
        Ok(()) => usize::from(u16::from_be_bytes([stream[0], stream[1]])),
        Err(ReadExactError::FinishedEarly(len)) => {
            stream.truncate(len);
            return Some((stream, rooms.take(len)?));
        }
        Err(ReadExactError::ReadError(_)) => return None,
    };
    let room = rooms.take(len)?;
    stream.append(&mut receiving.read_to_end(len.max(PACKET_LEN_MAX)).await.ok()?);
    Some((stream, room))
}

/// The message of a stream: its length, itself, nothing else; its ID is 0, and it does not ask how long the connection may idle, which
/// QUIC says by itself (RFC 9250 sections 4.2.1 and 5.5.2).
fn message(stream: &[u8]) -> Option<&[u8]> {
    let (len, packet) = stream.split_first_chunk::<LENGTH_LEN>()?;
    let is_whole = usize::from(u16::from_be_bytes(*len)) == packet.len();
    let is_fitting = is_whole && packet.first_chunk() == Some(&[0, 0]);
    let asks_for_time =
        || Query::parse(packet).is_ok_and(|it| it.edns.is_some_and(|it| it.keepalive));
    (is_fitting && !asks_for_time()).then_some(packet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_holds_one_message() {
        let query = b"\0\0\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x01";
        let with = |len: u8, packet: &[u8]| [&[0, len], packet].concat();
        let check = |stream: &[u8], expected: Option<&[u8]>| assert_eq!(message(stream), expected);
        check(&with(19, query), Some(query));
        check(&with(18, query), None);
        check(&with(20, query), None);
        check(&with(19, &[&[1], &query[1..]].concat()), None);
        check(&[with(19, query), with(19, query)].concat(), None);
        check(b"", None);
        check(b"\0", None);
        check(b"\0\0", None);
        check(b"\0\x02\0\0", Some(b"\0\0"));
        let mut asking = query.to_vec();
        asking[11] = 1;
        asking.extend(b"\0\0\x29\x04\xd0\0\0\0\0\0\x04\0\x0b\0\0");
        check(&with(34, &asking), None);
    }
}
