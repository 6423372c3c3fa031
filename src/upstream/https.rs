//! Asking an upstream over HTTPS (RFC 8484): one connection of HTTP/2, kept, with a stream for each query.

use super::{
    Secure,
    connect::Link,
    line::{End, Job},
    server::Server,
    shared::Shared,
    streams::{self, MESSAGE_LEN_MAX},
};
use crate::dns::grow_old;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::{
    HeaderMap, Method, Request, StatusCode, Uri,
    body::Bytes,
    client::conn::http2::{Builder, SendRequest},
    header::{ACCEPT, AGE, CONTENT_TYPE, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{io, sync::Arc};
use tokio::sync::mpsc;

/// What DNS messages are called in HTTP.
const MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// How much a server may send ahead, for one query and for all.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Octets of a response's headers.
const HEADERS_LEN_MAX: u32 = 16 * 1024;

/// Works until the connection idles or breaks.
pub(super) async fn serve(
    shared: &Arc<Shared>,
    server: &Arc<Server>,
    link: Link,
    jobs: &mut mpsc::Receiver<Job>,
    (to, path): (&Secure, &str),
) -> End {
    let _own = shared.own.tcp_guard(link.local);
    let failed = |error| End { error: Some(error), left: Vec::new(), answered: false };
    let uri = match uri(to, path) {
        Ok(it) => it,
        Err(error) => return failed(error),
    };
    let made = Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS_LEN_MAX)
        .handshake(TokioIo::new(link.stream))
        .await;
    let (sender, connection) = match made {
        Ok(it) => it,
        Err(error) => return failed(io::Error::other(error)),
    };
    let exchange = move |query| exchange(sender.clone(), uri.clone(), query);
    let connection = async { connection.await.err().map(io::Error::other) };
    streams::serve((shared, server), jobs, exchange, connection).await
}

/// The URL as HTTP has it.
pub(super) fn uri(to: &Secure, path: &str) -> io::Result<Uri> {
    let authority = to.authority();
    let authority = authority.strip_suffix(":443").unwrap_or(&authority);
    format!("https://{authority}{path}").parse().map_err(io::Error::other)
}

/// The DNS message that comes back; `None` where HTTP says something else.
async fn exchange(
    mut sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    query: Vec<u8>,
) -> io::Result<Option<Vec<u8>>> {
    let request = request(uri, Full::new(Bytes::from(query)));
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let Some(age) = message_age(response.status(), response.headers()) else { return Ok(None) };
    // One that is too long, or breaks off, is no message either.
    let body = Limited::new(response.into_body(), MESSAGE_LEN_MAX).collect().await;
    let mut message = body.ok().map(Collected::to_bytes).map(Vec::from);
    message.iter_mut().for_each(|it| grow_old(it, age));
    Ok(message)
}

/// A query as HTTP carries it.
pub(super) fn request<B>(uri: Uri, body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, MESSAGE);
    request.headers_mut().insert(CONTENT_TYPE, MESSAGE);
    request
}

/// How many seconds a DNS message has lain in HTTP caches on its way; `None` where a response holds none.
pub(super) fn message_age(status: StatusCode, headers: &HeaderMap) -> Option<u32> {
    let kind = headers.get(CONTENT_TYPE)?.as_bytes().split(|it| *it == b';').next()?;
    let is_message = kind.trim_ascii().eq_ignore_ascii_case(MESSAGE.as_bytes());
    (status == StatusCode::OK && is_message).then(|| age(headers))
}

/// What `Age` says (RFC 9111 section 5.1): nothing where it is no number, and very long where it is too large a one.
fn age(headers: &HeaderMap) -> u32 {
    let digits = headers.get(AGE).map_or(&b""[..], |it| it.as_bytes());
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return 0;
    }
    str::from_utf8(digits).ok().and_then(|it| it.parse().ok()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{super::Url, *};

    #[test]
    fn servers_are_named_as_their_certificate_does() {
        let check = |url: &str, expected: &str| {
            let Ok(Url::Https(to, path)) = url.parse() else { panic!("{url}") };
            assert_eq!(uri(&to, &path).unwrap().to_string(), expected);
        };
        check("https://dns.example", "https://dns.example/dns-query");
        check("https://dns.example:8443/a?b=c", "https://dns.example:8443/a?b=c");
        check("https://192.0.2.1", "https://192.0.2.1/dns-query");
        check("https://[2001:db8::1]/x", "https://[2001:db8::1]/x");
        check("https://192.0.2.1/x#dns.example", "https://dns.example/x");
    }

    #[test]
    fn only_dns_messages_are_taken() {
        let check = |status: u16, kind: Option<&'static str>, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.extend(kind.map(|it| (CONTENT_TYPE, HeaderValue::from_static(it))));
            let age = message_age(StatusCode::from_u16(status).unwrap(), &headers);
            assert_eq!(age, expected.then_some(0));
        };
        check(200, Some("application/dns-message"), true);
        check(200, Some("Application/DNS-Message ; x=y"), true);
        check(200, Some("text/html"), false);
        check(200, None, false);
        check(404, Some("application/dns-message"), false);
    }

    #[test]
    fn ages_are_seconds() {
        let check = |text: &'static str, expected: u32| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, MESSAGE);
            headers.insert(AGE, HeaderValue::from_static(text));
            assert_eq!(message_age(StatusCode::OK, &headers), Some(expected), "{text}");
        };
        check("250", 250);
        check("0", 0);
        check("99999999999999", u32::MAX);
        check("-1", 0);
        check("+1", 0);
        check("soon", 0);
        check("", 0);
    }
}
