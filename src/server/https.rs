//! DNS over HTTPS (RFC 8484): one connection, HTTP/2 or HTTP/1.1 as its handshake agreed on.

use super::{
    activity::{Activity, Busy},
    clock,
    doh::{self, Silence},
    front::Front,
    http2,
    rooms::QUERY_LEN_MAX,
    tcp::Seat,
};
use crate::dns::Client;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Body, Bytes, Incoming},
    header::{ALT_SVC, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    error::Error,
    pin::{Pin, pin},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Queries of one connection at once: no fewer than RFC 9113 section 6.5.2 advises.
const STREAMS_MAX: u32 = 100;
/// Octets of headers of one query.
const HEADERS_LEN_MAX: u32 = 8 * 1024;
/// Headers of one query over HTTP/1.1.
const HEADERS_MAX: usize = 64;
/// Octets that a client may send ahead, for one query and for all. More than nearly every query.
const STREAM_WINDOW: u32 = 8 * 1024;
const CONNECTION_WINDOW: u32 = 64 * 1024;
/// Octets of answers to one query that the client has not taken.
const OUTPUT_LEN_MAX: usize = 64 * 1024;
/// How long the headers of one query over HTTP/1.1 may take.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may go on once it was told to end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves one connection to its end. `http3` is the port at which HTTP/3 is spoken.
pub(super) async fn serve(
    stream: Box<TlsStream<TcpStream>>,
    client: Client,
    front: &Arc<Front>,
    seat: Seat,
    http3: Option<u16>,
) {
    let activity = Activity::new(seat, clock::now());
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = Service {
        front: Arc::clone(front),
        activity: Arc::clone(&activity),
        client,
        offer: http3.map(offer),
    };
    // Errors mean that the client has gone or does not speak HTTP; there is nobody left to tell.
    if is_http2 {
        let mut builder = h2::server::Builder::new();
        builder
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(HEADERS_LEN_MAX)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buffer_size(OUTPUT_LEN_MAX);
        let connection =
            http2::Connection::new(&builder, stream, move |query| service.respond(query));
        drive(pin!(connection), |it| it.get_mut().graceful_shutdown(), &activity, front).await;
    } else {
        let service = service_fn(move |query: Request<Incoming>| {
            let response = service.respond(query);
            // Boxed, because hyper moves what a query becomes about before it stands where it stays.
            Box::pin(async { response.await.map(|it| it.map(Full::new)) })
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_TIMEOUT)
            .max_headers(HEADERS_MAX)
            .max_buf_size(HEADERS_LEN_MAX as usize)
            .serve_connection(TokioIo::new(stream), service);
        drive(pin!(connection), http1::Connection::graceful_shutdown, &activity, front).await;
    }
    front.metrics.here().tcp_closed.bump();
}

/// Says that HTTP/3 is spoken at a port of the same name, for a day (RFC 7838 section 3, RFC 9114 section 3.1.1).
fn offer(port: u16) -> HeaderValue {
    HeaderValue::try_from(format!("h3=\":{port}\"; ma=86400")).expect("plain text")
}

/// What answers the queries of a connection.
struct Service {
    front: Arc<Front>,
    activity: Arc<Activity>,
    client: Client,
    /// That HTTP/3 is spoken too.
    offer: Option<HeaderValue>,
}

impl Service {
    fn respond<B>(
        &self,
        query: Request<B>,
    ) -> impl Future<Output = Result<Response<Bytes>, Silence>> + use<B>
    where
        B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
    {
        let (front, activity) = (Arc::clone(&self.front), Arc::clone(&self.activity));
        let (client, offer) = (self.client, self.offer.clone());
        async move {
            let _busy = Busy::new(&activity);
            let answered = doh::respond(&front, client, query, QUERY_LEN_MAX).await;
            if answered.is_last {
                activity.end();
            }
            let mut response = answered.response?;
            response.headers_mut().extend(offer.map(|it| (ALT_SVC, it)));
            Ok(response)
        }
    }
}

/// Works until the connection ends, idles too long, or is told to end.
async fn drive<C: Future>(
    mut connection: Pin<&mut C>,
    say_farewell: impl Fn(Pin<&mut C>),
    activity: &Activity,
    front: &Front,
) {
    let mut closed = pin!(activity.seat.closed());
    let mut timer = pin!(tokio::time::sleep(activity.seat.idle_timeout()));
    let mut ending: Option<Instant> = None;
    loop {
        let deadline = ending.unwrap_or_else(|| activity.deadline(clock::now()));
        timer.as_mut().reset(deadline.into());
        tokio::select! {
            _ = connection.as_mut() => return,
            () = &mut closed, if ending.is_none() => (),
            () = activity.ended(), if ending.is_none() => (),
            () = &mut timer => {
                let now = clock::now();
                if ending.is_some() {
                    return;
                }
                if activity.deadline(now) > now {
                    continue;
                }
                front.metrics.here().tcp_timed_out.bump();
            }
        }
        ending = Some(clock::now() + FAREWELL + activity.time_left());
        say_farewell(connection.as_mut());
    }
}
