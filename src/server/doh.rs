//! One query over HTTP and its response (RFC 8484 section 4), whatever version of HTTP carries it.

use super::{
    front::{Front, Outcome},
    rooms::{Room, Rooms},
    single,
    udp::PACKET_LEN_MAX,
};
use crate::dns::{Client, Transport, freshness_secs};
use data_encoding::{BASE64URL_NOPAD, HEXUPPER_PERMISSIVE};
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Uri,
    body::{Body, Bytes},
    header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
    http::request::Parts,
};
use std::{
    borrow::Cow, error::Error, future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration,
};
use tokio::time::timeout;

/// The one path.
const PATH: &str = "/dns-query";
/// What DNS messages are called in HTTP.
const MESSAGE: &str = "application/dns-message";
/// What stands before the seconds for which a response is fresh.
const MAX_AGE: &[u8] = b"max-age=";
/// How long the body of one query may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// Octets of a body that are taken although nobody wants them; none of them is kept.
const DRAINED_LEN_MAX: usize = 1024 * 1024;
/// Octets of a DNS header; the third holds QR.
const HEADER_LEN: usize = 12;
const QR: u8 = 0x80;

/// The policy is to say nothing at all.
#[derive(Debug, thiserror::Error)]
#[error("the query is left unanswered")]
pub(super) struct Silence;

/// What becomes of a query.
pub(super) struct Answered {
    pub(super) response: Result<Response<Bytes>, Silence>,
    /// Nothing more of this client is to be served.
    pub(super) is_last: bool,
}

/// Answers one query of at most `len_max` octets.
pub(super) async fn respond<B>(
    front: &Arc<Front>,
    client: Client,
    query: Request<B>,
    len_max: usize,
) -> Answered
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    let (head, mut body) = query.into_parts();
    let rooms = front.rooms.of(client.address.ip());
    let problem = match packet(&head, &mut body, &rooms, len_max).await {
        Ok((packet, _room)) => return answer(front, client, &packet).await,
        Err(problem) => problem,
    };
    drain(body).await;
    let response = problem.response();
    front.metrics.here().http_errors.bump();
    Answered { response: Ok(response), is_last: false }
}

async fn answer(front: &Arc<Front>, client: Client, packet: &[u8]) -> Answered {
    let counters = front.metrics.here();
    match client.transport {
        Transport::Doh3 => counters.queries_doh3.bump(),
        _ => counters.queries_doh.bump(),
    }
    let mut out = Vec::new();
    let outcome = single::answer(front, client, packet, &mut out).await;
    let response = match outcome {
        Outcome::Answered | Outcome::Refused => {
            front.metrics.here().responses.bump();
            Ok(message(out))
        }
        Outcome::Dropped | Outcome::Later => Err(Silence),
    };
    Answered { response, is_last: outcome == Outcome::Refused }
}

fn message(packet: Vec<u8>) -> Response<Bytes> {
    // RFC 8484 section 5.1: fresh for no longer than the record that goes first.
    let fresh = max_age(freshness_secs(&packet));
    let mut response = Response::new(Bytes::from(packet));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(MESSAGE));
    headers.insert(CACHE_CONTROL, fresh);
    response
}

/// `max-age=SECS`, written from its end, without the formatter, for every response has one.
fn max_age(mut secs: u32) -> HeaderValue {
    let mut text = [0; MAX_AGE.len() + 10];
    let mut at = text.len();
    loop {
        at -= 1;
        text[at] = b'0' + (secs % 10) as u8;
        secs /= 10;
        if secs == 0 {
            break;
        }
    }
    let start = at - MAX_AGE.len();
    text[start..at].copy_from_slice(MAX_AGE);
    HeaderValue::from_bytes(&text[start..]).expect("letters and digits")
}

/// Why an HTTP request carries no query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Problem {
    Path,
    Method,
    ContentType,
    NoParameter,
    NotBase64,
    NoMessage,
    TooLong,
    UriTooLong,
    TooSlow,
    Broken,
}

impl Problem {
    /// The status, and what a person should know.
    const fn told(self) -> (StatusCode, &'static str) {
        match self {
            Self::Path => (StatusCode::NOT_FOUND, "DNS is at /dns-query\n"),
            // Without a word, because the answer to HEAD has none. `Allow` says it all.
            Self::Method => (StatusCode::METHOD_NOT_ALLOWED, ""),
            Self::ContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "the content type must be application/dns-message\n",
            ),
            Self::NoParameter => {
                (StatusCode::BAD_REQUEST, "the parameter `dns` is missing: /dns-query?dns=...\n")
            }
            Self::NotBase64 => {
                (StatusCode::BAD_REQUEST, "the parameter `dns` must be base64url without padding\n")
            }
            Self::NoMessage => (StatusCode::BAD_REQUEST, "this is no DNS query\n"),
            Self::TooLong => (StatusCode::PAYLOAD_TOO_LARGE, "no DNS query is that long\n"),
            Self::UriTooLong => (StatusCode::URI_TOO_LONG, "no DNS query is that long\n"),
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "the query did not come in time\n"),
            Self::Broken => (StatusCode::BAD_REQUEST, "the query broke off\n"),
        }
    }

    fn response(self) -> Response<Bytes> {
        let (status, text) = self.told();
        let mut response = Response::new(Bytes::from_static(text.as_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        if self == Self::Method {
            headers.insert(ALLOW, HeaderValue::from_static("GET, POST"));
        }
        response
    }
}

/// The DNS message that an HTTP request carries, of at most `len_max` octets, with room for it.
async fn packet<B>(
    query: &Parts,
    content: &mut B,
    rooms: &Rooms,
    len_max: usize,
) -> Result<(Bytes, Option<Room>), Problem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    // Whatever the path: an answer to HEAD has no body that could say more (RFC 9110 section 9.3.2).
    if query.method == Method::HEAD {
        return Err(Problem::Method);
    }
    if query.uri.path() != PATH {
        return Err(Problem::Path);
    }
    match query.method {
        Method::GET => Ok((answerable(parameter(query.uri.query().unwrap_or_default())?)?, None)),
        Method::POST => {
            let (packet, room) = body(&query.headers, content, rooms, len_max).await?;
            Ok((answerable(packet)?, room))
        }
        _ => Err(Problem::Method),
    }
}

/// The DNS message that path and query string of a GET carry (RFC 8484 section 4.1), or the status that says why there is none.
pub fn message_of_uri(uri: &Uri) -> Result<Bytes, StatusCode> {
    let message = if uri.path() == PATH {
        parameter(uri.query().unwrap_or_default()).and_then(answerable)
    } else {
        Err(Problem::Path)
    };
    message.map_err(|it| it.told().0)
}

/// The shortest that DNS can answer is a whole header of a query.
fn answerable(packet: Bytes) -> Result<Bytes, Problem> {
    if packet.len() < HEADER_LEN || packet[2] & QR != 0 {
        return Err(Problem::NoMessage);
    }
    Ok(packet)
}

fn parameter(query: &str) -> Result<Bytes, Problem> {
    let text =
        query.split('&').find_map(|it| it.strip_prefix("dns=")).ok_or(Problem::NoParameter)?;
    let text = unescaped(text).ok_or(Problem::NotBase64)?;
    if text.len() > PACKET_LEN_MAX.div_ceil(3) * 4 {
        return Err(Problem::UriTooLong);
    }
    let packet = BASE64URL_NOPAD.decode(&text).map_err(|_| Problem::NotBase64)?;
    if packet.len() > PACKET_LEN_MAX { Err(Problem::UriTooLong) } else { Ok(packet.into()) }
}

/// Part of a URI without its percent-encodings (RFC 3986 section 2.4): any octet may be written so. `None` where one is broken off.
fn unescaped(text: &str) -> Option<Cow<'_, [u8]>> {
    let mut parts = text.split('%');
    let first = parts.next().unwrap_or_default().as_bytes();
    if first.len() == text.len() {
        return Some(Cow::Borrowed(first));
    }
    let mut octets = first.to_vec();
    for part in parts {
        let (digits, rest) = part.as_bytes().split_first_chunk::<2>()?;
        octets.append(&mut HEXUPPER_PERMISSIVE.decode(digits).ok()?);
        octets.extend_from_slice(rest);
    }
    Some(Cow::Owned(octets))
}

async fn body<B>(
    headers: &HeaderMap,
    content: &mut B,
    rooms: &Rooms,
    len_max: usize,
) -> Result<(Bytes, Option<Room>), Problem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    if !is_message(headers) {
        return Err(Problem::ContentType);
    }
    // What the length says, where there is one; a body without may be long.
    let hint = content.size_hint();
    if hint.lower() > len_max as u64 {
        return Err(Problem::TooLong);
    }
    let len = hint.upper().map_or(len_max, |it| len_max.min(it.try_into().unwrap_or(len_max)));
    let room = rooms.take(len);
    let len = if room.is_some() { len } else { PACKET_LEN_MAX };
    let mut reading = pin!(whole(content, len));
    // Nearly always all of it is there, and no timer has to be set.
    let read = match poll_fn(|cx| Poll::Ready(reading.as_mut().poll(cx))).await {
        Poll::Ready(read) => read,
        Poll::Pending => timeout(BODY_TIMEOUT, reading).await.unwrap_or(Err(Problem::TooSlow)),
    };
    read.map(|it| (it, room))
}

/// Reads a body of at most `len_max` octets to its end, which is seldom more than one piece.
async fn whole<B>(content: &mut B, len_max: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    let (mut first, mut rest) = (Bytes::new(), Vec::new());
    while let Some(frame) = content.frame().await {
        let Ok(data) = frame.map_err(|_| Problem::Broken)?.into_data() else { continue };
        if first.len() + rest.len() + data.len() > len_max {
            return Err(Problem::TooLong);
        }
        if first.is_empty() {
            first = data;
        } else {
            rest.extend_from_slice(&data);
        }
    }
    Ok(if rest.is_empty() { first } else { [&first[..], &rest].concat().into() })
}

/// Takes what is left of a body that nobody wants: some clients do not listen before they have said all.
async fn drain<B>(mut content: B)
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin,
{
    // Whoever says more than that, or says it too slowly, is interrupted.
    let drained = async {
        let mut len = 0;
        while len < DRAINED_LEN_MAX
            && let Some(Ok(frame)) = content.frame().await
        {
            len += frame.data_ref().map_or(0, Bytes::len);
        }
    };
    let _ = timeout(BODY_TIMEOUT, drained).await;
}

/// Whether the body says that it is a DNS message; parameters of the type have no meaning (RFC 8484 section 6).
fn is_message(headers: &HeaderMap) -> bool {
    let Some(stated) = headers.get(CONTENT_TYPE) else { return false };
    if stated == MESSAGE {
        return true;
    }
    let stated = stated.to_str().unwrap_or_default();
    stated.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::{super::rooms::LONG_QUERIES_MAX, *};
    use http_body_util::Full;
    use proptest::prelude::*;

    fn request(method: Method, uri: &str, kind: &str, body: &[u8]) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(Bytes::copy_from_slice(body)));
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap();
        request.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
        request
    }

    #[tokio::test]
    async fn requests_carry_a_query_or_are_told_why_not() {
        let rooms = Rooms::new();
        let check = async |method, uri: &str, kind: &str, body: &[u8], expected| {
            let (head, mut body) = request(method, uri, kind, body).into_parts();
            let found = packet(&head, &mut body, &rooms, 65_535).await;
            assert_eq!(found.map(|it| it.0.to_vec()), expected, "{uri} {kind}");
        };
        let query = [1, 2, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        let text = BASE64URL_NOPAD.encode(&query);
        let get = async |rest: &str, expected| check(Method::GET, rest, "x/y", b"", expected).await;
        get(&format!("/dns-query?dns={text}"), Ok(query.to_vec())).await;
        get(&format!("/dns-query?ct&dns={text}&more"), Ok(query.to_vec())).await;
        get(&format!("/dns-query/?dns={text}"), Err(Problem::Path)).await;
        get("/", Err(Problem::Path)).await;
        get("/dns-query", Err(Problem::NoParameter)).await;
        get("/dns-query?name=example.com", Err(Problem::NoParameter)).await;
        get("/dns-query?dns=", Err(Problem::NoMessage)).await;
        get("/dns-query?dns=AAAA", Err(Problem::NoMessage)).await;
        get("/dns-query?dns=A+B/", Err(Problem::NotBase64)).await;
        let escaped: String = text.bytes().map(|it| format!("%{it:02x}")).collect();
        get(&format!("/dns-query?dns={escaped}"), Ok(query.to_vec())).await;
        get(
            &format!("/dns-query?dns={}%{:02X}", &text[..15], text.as_bytes()[15]),
            Ok(query.to_vec()),
        )
        .await;
        get("/dns-query?dns=AAAB%", Err(Problem::NotBase64)).await;
        get("/dns-query?dns=AAAB%4", Err(Problem::NotBase64)).await;
        get("/dns-query?dns=AAAB%4G", Err(Problem::NotBase64)).await;
        get("/dns-query?dns=AAAB%2B", Err(Problem::NotBase64)).await;
        get("/dns-query?dns=AAABAAABAAAAAAAAAA==", Err(Problem::NotBase64)).await;
        get(&format!("/dns-query?dns={}", "A".repeat(5462)), Ok(vec![0; 4096])).await;
        get(&format!("/dns-query?dns={}", "A".repeat(5463)), Err(Problem::UriTooLong)).await;
        let post = async |kind: &str, body: &[u8], expected| {
            check(Method::POST, "/dns-query", kind, body, expected).await;
        };
        post(MESSAGE, &query, Ok(query.to_vec())).await;
        post("Application/DNS-Message; charset=x", &query, Ok(query.to_vec())).await;
        post("application/dns-json", &query, Err(Problem::ContentType)).await;
        post("", &query, Err(Problem::ContentType)).await;
        post(MESSAGE, &query[..11], Err(Problem::NoMessage)).await;
        post(MESSAGE, &[0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err(Problem::NoMessage)).await;
        post(MESSAGE, &[0; 4096], Ok(vec![0; 4096])).await;
        post(MESSAGE, &[0; 65_535], Ok(vec![0; 65_535])).await;
        post(MESSAGE, &[0; 65_536], Err(Problem::TooLong)).await;
        let held: Vec<_> = (0..LONG_QUERIES_MAX).map(|_| rooms.take(5000)).collect();
        post(MESSAGE, &[0; 4096], Ok(vec![0; 4096])).await;
        post(MESSAGE, &[0; 4097], Err(Problem::TooLong)).await;
        drop(held);
        for method in [Method::HEAD, Method::PUT, Method::OPTIONS] {
            check(method, "/dns-query", MESSAGE, &query, Err(Problem::Method)).await;
        }
        check(Method::HEAD, "/", MESSAGE, &query, Err(Problem::Method)).await;
    }

    #[test]
    fn whoever_may_not_is_told_what_may() {
        let response = Problem::Method.response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (405, &HeaderValue::from_static("GET, POST"))
        );
    }

    #[test]
    fn freshness_is_told_in_digits() {
        for secs in [0, 7, 10, 3600, 86_399, u32::MAX] {
            assert_eq!(max_age(secs), format!("max-age={secs}"));
        }
    }

    proptest! {
        #[test]
        fn any_query_string_is_read(text in "\\PC{0,60}") {
            let expected = text.split('&').any(|it| it.starts_with("dns="));
            prop_assert_eq!(parameter(&text) != Err(Problem::NoParameter), expected);
        }
    }
}
