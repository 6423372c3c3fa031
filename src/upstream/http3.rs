//! Asking an upstream over HTTP/3 (RFC 8484 over RFC 9114): one connection, kept, with a stream for each query.

use super::{
    Carrier, Secure,
    https::{message_age, request, uri},
    line::{End, Job},
    quic::{self, Link, silence, why},
    server::Server,
    shared::Shared,
    streams::{self, MESSAGE_LEN_MAX},
};
use crate::dns::grow_old;
use bytes::{Buf as _, Bytes};
use h3::client::SendRequest;
use hyper::Uri;
use quinn::Connection;
use std::{error::Error, future::poll_fn, io, sync::Arc};
use tokio::sync::mpsc;

/// Streams by which a server steers a connection (RFC 9114 section 6.2: three, and some of no meaning).
pub(super) const STEERING_MAX: u8 = 8;

/// Octets of a response's headers.
const HEADERS_LEN_MAX: usize = 16 * 1024;

/// Octets of one stream: the headers of a response, the longest message, and their frames.
const STREAM_LEN_MAX: usize = HEADERS_LEN_MAX + MESSAGE_LEN_MAX + 1024;

/// Connects to a server that proves who it is.
pub(super) async fn connect(shared: &Shared, server: &Server, to: &Secure) -> io::Result<Link> {
    let config = shared.trust.load().doh3.clone();
    quic::reach(shared, server, to, config).await
}

/// Works until the connection idles or breaks.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    server: &Arc<Server>,
    link: Link,
    jobs: &mut mpsc::Receiver<Job>,
    (to, path): (&Secure, &str),
) -> End {
    let Link { connection, endpoint, local } = link;
    let _own = shared.own.udp_guard(local);
    let failed = |error| End { error: Some(error), left: Vec::new(), answered: false };
    let uri = match uri(to, path) {
        Ok(it) => it,
        Err(error) => return failed(error),
    };
    let mut builder = h3::client::builder();
    builder.max_field_section_size(HEADERS_LEN_MAX as u64).send_grease(false);
    let (mut http, sender) =
        match builder.build(Carrier::new(connection.clone(), STREAM_LEN_MAX)).await {
            Ok(it) => it,
            Err(error) => return failed(io::Error::other(error)),
        };
    let exchange = {
        let connection = connection.clone();
        move |query| {
            let (sender, uri, connection) = (sender.clone(), uri.clone(), connection.clone());
            async move {
                // A stream that the server gives up is no fault of the connection.
                let said = exchange(&connection, sender, uri, query).await;
                said.or_else(|_| connection.close_reason().map_or(Ok(None), |it| Err(why(it))))
            }
        }
    };
    let ended = async {
        let error = poll_fn(|cx| http.poll_close(cx)).await;
        Some(connection.close_reason().map_or_else(|| io::Error::other(error), why))
    };
    let end = streams::serve((shared, server), jobs, exchange, ended).await;
    drop(endpoint);
    end
}

/// The DNS message that comes back; `None` where HTTP says something else.
async fn exchange(
    connection: &Connection,
    mut sender: SendRequest<super::carrier::Opener, Bytes>,
    uri: Uri,
    query: Vec<u8>,
) -> Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>> {
    let mut stream = sender.send_request(request(uri, ())).await?;
    stream.send_data(query.into()).await?;
    tokio::select! {
        // The server has all of it.
        taken = stream.finish() => taken?,
        error = silence(connection) => return Err(error.into()),
    }
    let response = stream.recv_response().await?;
    let Some(age) = message_age(response.status(), response.headers()) else { return Ok(None) };
    let mut message = Vec::new();
    while let Some(mut part) = stream.recv_data().await? {
        if message.len() + part.remaining() > MESSAGE_LEN_MAX {
            return Ok(None);
        }
        message.extend_from_slice(&part.copy_to_bytes(part.remaining()));
    }
    grow_old(&mut message, age);
    Ok(Some(message))
}
