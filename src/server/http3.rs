//! DNS over HTTP/3 (RFC 8484 over RFC 9114): one connection of QUIC, a stream for each query.

use super::{
    activity::{Activity, Busy},
    clock, doh,
    front::Front,
    quic,
    tcp::Seat,
};
use crate::{
    dns::{Client, Transport},
    upstream::Carrier,
};
use bytes::{Buf as _, Bytes};
use h3::{
    error::{Code, StreamError},
    quic::RecvStream,
    server::{self, RequestResolver, RequestStream},
};
use hyper::{
    body::{Body, Frame},
    header::{CONTENT_LENGTH, HeaderValue},
};
use quinn::Connection;
use std::{
    net::IpAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{sleep_until, timeout},
};

/// Octets of headers of one query.
const HEADERS_LEN_MAX: usize = 8 * 1024;
/// Octets of the longest query. HTTP/3 is read frame by frame, and a client that begins many long ones is not to hold much.
const QUERY_LEN_MAX: usize = 16 * 1024;
/// Octets of one stream: the headers of a query, the longest query, and their frames. On the stream by which a client steers the
/// connection, the connection ends after as many.
const STREAM_LEN_MAX: usize = HEADERS_LEN_MAX + QUERY_LEN_MAX + 1024;
/// How long the headers of one query may take.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client may leave an answer lying.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the connection's own first and last words may take.
const WORDS_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves a connection until its client ends it, it idles too long, or it is told to end.
pub(super) async fn drive(connection: &Connection, bound: IpAddr, front: &Arc<Front>, seat: Seat) {
    let activity = Activity::new(seat, clock::now());
    let mut closed = pin!(activity.seat.closed());
    let carrier = Carrier::new(connection.clone(), STREAM_LEN_MAX);
    let mut builder = server::builder();
    builder.max_field_section_size(HEADERS_LEN_MAX as u64).send_grease(false);
    let built = timeout(WORDS_TIMEOUT, builder.build(carrier)).await;
    let Ok(Ok(mut http)) = built else { return };
    let mut queries = JoinSet::new();
    loop {
        let deadline = activity.deadline(clock::now());
        tokio::select! {
            accepted = http.accept() => {
                // Anything else means that the client has gone, or broke the protocol and was told so.
                let Ok(Some(query)) = accepted else { return };
                let client = quic::client(connection, bound, Transport::Doh3);
                let (front, activity) = (Arc::clone(front), Arc::clone(&activity));
                queries.spawn(async move { serve(&front, client, &activity, query).await });
            }
            Some(_) = queries.join_next() => (),
            () = &mut closed => break,
            () = activity.ended() => break,
            () = sleep_until(deadline.into()) => {
                if activity.deadline(clock::now()) <= clock::now() {
                    front.metrics.here().tcp_timed_out.bump();
                    break;
                }
            }
        }
    }
    let _ = timeout(WORDS_TIMEOUT, http.shutdown(0)).await;
    let answers = async { while queries.join_next().await.is_some() {} };
    let _ = timeout(quic::LAST_ANSWERS, answers).await;
}

/// Answers the one query of a stream.
async fn serve(
    front: &Arc<Front>,
    client: Client,
    activity: &Activity,
    query: RequestResolver<Carrier, Bytes>,
) {
    // Where headers break off, are too long or come too slowly, the stream just ends.
    let resolved = timeout(HEADERS_TIMEOUT, query.resolve_request()).await;
    let Ok(Ok((query, mut stream))) = resolved else { return };
    let _busy = Busy::new(activity);
    let answered =
        doh::respond(front, client, query.map(|()| Content(&mut stream)), QUERY_LEN_MAX).await;
    let Ok(response) = answered.response else {
        return stream.stop_stream(Code::H3_REQUEST_CANCELLED);
    };
    let (mut head, body) = response.into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    let sent = timeout(STALL_TIMEOUT, async {
        stream.send_response(hyper::Response::from_parts(head, ())).await?;
        stream.send_data(body).await?;
        stream.finish().await
    });
    // Whoever does not take the answer does not want it; the stream ends here.
    let _ = sent.await;
    if answered.is_last {
        activity.end();
    }
}

/// The body of a query.
struct Content<'a, S>(&'a mut RequestStream<S, Bytes>);

impl<S: RecvStream> Body for Content<'_, S> {
    type Data = Bytes;
    type Error = StreamError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamError>>> {
        let data = self
            .0
            .poll_recv_data(cx)
            .map_ok(|it| it.map(|mut it| Frame::data(it.copy_to_bytes(it.remaining()))));
        data.map(Result::transpose)
    }
}
