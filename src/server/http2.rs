//! HTTP/2 for DNS over HTTPS, on the state machine of `h2`.
//!
//! hyper's server makes a task of every query, and each task's response may leave alone. Nearly all queries are answered from memory and
//! their answers are short: here all that goes on on a connection is one task, those that came together are answered together, where
//! they were read, and leave in one write. What has to wait, for its body or for an upstream, is looked at again when that has come.

use super::{clock, doh::Silence};
use futures_util::{StreamExt as _, stream::FuturesUnordered};
use h2::{
    Reason, RecvStream,
    server::{self, Handshake, SendResponse},
};
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, SizeHint},
    header::{CONTENT_LENGTH, DATE, HeaderValue},
};
use jiff::{Timestamp, fmt::rfc2822::DateTimePrinter};
use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite};

/// One connection: a future that ends with it.
pub(super) struct Connection<S, R> {
    state: State<S>,
    /// Makes a query's response.
    respond: R,
    /// Queries of this turn.
    arrived: Vec<(Request<RecvStream>, SendResponse<Bytes>)>,
    /// Queries that wait.
    waiting: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send>>>,
    /// The time of day as HTTP writes it, and its Unix second.
    date: (u64, HeaderValue),
    is_ending: bool,
}

enum State<S> {
    Opening(Handshake<S, Bytes>),
    Open(server::Connection<S, Bytes>),
}

impl<S, R, F> Connection<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Fn(Request<Content>) -> F,
    F: Future<Output = Result<Response<Bytes>, Silence>> + Send + 'static,
{
    /// A connection over a stream on which nothing has been said yet.
    pub(super) fn new(builder: &server::Builder, stream: S, respond: R) -> Self {
        let state = State::Opening(builder.handshake(stream));
        let date = (0, HeaderValue::from_static(""));
        Self {
            state,
            respond,
            arrived: Vec::new(),
            waiting: FuturesUnordered::new(),
            date,
            is_ending: false,
        }
    }

    /// Says that no more queries are taken; those that came are answered still.
    pub(super) fn graceful_shutdown(&mut self) {
        self.is_ending = true;
        if let State::Open(connection) = &mut self.state {
            connection.graceful_shutdown();
        }
    }

    /// Answers what came, now where that can be, and what has waited long enough; tells whether there was anything.
    fn answer(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = !self.arrived.is_empty();
        let date = if any { self.date() } else { HeaderValue::from_static("") };
        for (query, mut to) in self.arrived.drain(..) {
            let mut response = Box::pin((self.respond)(Content::of(query)));
            match response.as_mut().poll(cx) {
                Poll::Ready(response) => send(response, &mut to, date.clone()),
                Poll::Pending => self.waiting.push(Box::pin(later(response, to, date.clone()))),
            }
        }
        while let Poll::Ready(Some(())) = self.waiting.poll_next_unpin(cx) {
            any = true;
        }
        any
    }

    fn date(&mut self) -> HeaderValue {
        let now = clock::unix();
        if self.date.0 != now {
            let time = i64::try_from(now).ok().and_then(|it| Timestamp::from_second(it).ok());
            let text =
                DateTimePrinter::new().timestamp_to_rfc9110_string(&time.unwrap_or_default());
            let text = text.ok().and_then(|it| HeaderValue::try_from(it).ok());
            self.date = (now, text.unwrap_or(HeaderValue::from_static("")));
        }
        self.date.1.clone()
    }
}

impl<S, R, F> Future for Connection<S, R>
where
    S: AsyncRead + AsyncWrite + Unpin,
    R: Fn(Request<Content>) -> F + Unpin,
    F: Future<Output = Result<Response<Bytes>, Silence>> + Send + 'static,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match &mut this.state {
                State::Opening(opening) => {
                    let Ok(mut connection) = ready!(Pin::new(opening).poll(cx)) else {
                        return Poll::Ready(());
                    };
                    if this.is_ending {
                        connection.graceful_shutdown();
                    }
                    this.state = State::Open(connection);
                }
                State::Open(connection) => match connection.poll_accept(cx) {
                    Poll::Ready(Some(Ok(query))) => this.arrived.push(query),
                    // Errors mean that the client has gone or broke the protocol and was told so.
                    Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                    // What is answered leaves with the next turn of this loop.
                    Poll::Pending if this.answer(cx) => (),
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

/// Answers a query that waits, unless the client gives it up.
async fn later<F>(mut response: Pin<Box<F>>, mut to: SendResponse<Bytes>, date: HeaderValue)
where
    F: Future<Output = Result<Response<Bytes>, Silence>>,
{
    let response = tokio::select! {
        response = &mut response => response,
        _ = poll_fn(|cx| to.poll_reset(cx)) => return,
    };
    send(response, &mut to, date);
}

/// Hands a response over; it leaves as the client makes room for it.
fn send(
    response: Result<Response<Bytes>, Silence>,
    to: &mut SendResponse<Bytes>,
    date: HeaderValue,
) {
    let Ok(response) = response else { return to.send_reset(Reason::INTERNAL_ERROR) };
    let (mut head, body) = response.into_parts();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    // RFC 9110 section 6.6.1: whoever has a clock says what it shows.
    head.headers.insert(DATE, date);
    // Where this fails the client has gone.
    if let Ok(mut stream) = to.send_response(Response::from_parts(head, ()), body.is_empty())
        && !body.is_empty()
    {
        let _ = stream.send_data(body, true);
    }
}

/// The body of a query.
pub(super) struct Content {
    stream: RecvStream,
    /// How much of it is to come, where its head says it; `h2` holds it to that.
    len: Option<u64>,
}

impl Content {
    fn of(query: Request<RecvStream>) -> Request<Self> {
        let len = query.headers().get(CONTENT_LENGTH);
        let len = len.and_then(|it| it.to_str().ok()?.parse().ok());
        query.map(|stream| Self { stream, len })
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let data = ready!(self.stream.poll_data(cx));
        if let Some(Ok(data)) = &data {
            // It was taken: the client may send as much again.
            let len = data.len();
            let _ = self.stream.flow_control().release_capacity(len);
            self.len = self.len.map(|it| it.saturating_sub(len as u64));
        }
        Poll::Ready(data.map(|it| it.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.len {
            _ if self.stream.is_end_stream() => SizeHint::with_exact(0),
            Some(len) => SizeHint::with_exact(len),
            None => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    use tokio::io::{DuplexStream, duplex};

    /// A client of a server that echoes, waits for ever where the body is `wait`, and is silent where it is `hush`.
    async fn client() -> h2::client::SendRequest<Bytes> {
        let (near, far) = duplex(65_536);
        tokio::spawn(Connection::new(&server::Builder::new(), far, |query: Request<Content>| {
            echo(query.into_body())
        }));
        let (sender, connection) = h2::client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    async fn echo(body: Content) -> Result<Response<Bytes>, Silence> {
        struct Gone;
        impl Drop for Gone {
            fn drop(&mut self) {
                GONE.fetch_add(1, Relaxed);
            }
        }
        let hint = body.size_hint();
        let body = body.collect().await.map_err(|_| Silence)?.to_bytes();
        assert!(hint.exact().is_none_or(|it| it == body.len() as u64));
        match &body[..] {
            b"wait" => {
                let _gone = Gone;
                std::future::pending().await
            }
            b"hush" => Err(Silence),
            _ => Ok(Response::new(body)),
        }
    }

    static GONE: AtomicU32 = AtomicU32::new(0);

    fn post() -> Request<()> {
        Request::post("https://localhost/").body(()).unwrap()
    }

    /// Asks with a whole body.
    fn ask(
        client: &mut h2::client::SendRequest<Bytes>,
        body: impl Into<Bytes>,
    ) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let (response, mut stream) = client.send_request(post(), false).unwrap();
        stream.send_data(body.into(), true).unwrap();
        (response, stream)
    }

    async fn text(response: h2::client::ResponseFuture) -> String {
        let response = response.await.unwrap();
        let (head, mut body) = response.into_parts();
        let mut text = Vec::new();
        while let Some(data) = body.data().await {
            text.extend_from_slice(&data.unwrap());
        }
        assert_eq!(head.headers[CONTENT_LENGTH], text.len().to_string());
        let date = head.headers[DATE].to_str().unwrap();
        assert!(date.len() == 29 && date.ends_with(" GMT"), "{date}");
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn queries_are_answered_whenever_their_bodies_come() {
        let mut client = client().await;
        let (slow, mut body) = client.send_request(post(), false).unwrap();
        body.send_data("in two ".into(), false).unwrap();
        let (fast, _) = ask(&mut client, "at once");
        let (empty, _) = client.send_request(post(), true).unwrap();
        assert_eq!(text(fast).await, "at once");
        assert_eq!(text(empty).await, "");
        body.send_data("parts".into(), true).unwrap();
        assert_eq!(text(slow).await, "in two parts");
        let (long, _) = ask(&mut client, "x".repeat(40_000));
        assert_eq!(text(long).await.len(), 40_000);
    }

    #[tokio::test]
    async fn silence_resets_a_stream_and_nothing_else() {
        let mut client = client().await;
        let (hushed, _) = ask(&mut client, "hush");
        assert_eq!(hushed.await.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
        let (told, _) = ask(&mut client, "still here");
        assert_eq!(text(told).await, "still here");
    }

    #[tokio::test]
    async fn what_a_client_gives_up_is_dropped() {
        let mut client = client().await;
        let (_waiting, mut body) = ask(&mut client, "wait");
        let (told, _) = ask(&mut client, "other");
        assert_eq!((text(told).await.as_str(), GONE.load(Relaxed)), ("other", 0));
        body.send_reset(Reason::CANCEL);
        while GONE.load(Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_farewell_leaves_time_for_answers() {
        let (near, far): (DuplexStream, DuplexStream) = duplex(65_536);
        let answer = |query: Request<Content>| echo(query.into_body());
        let mut connection = Box::pin(Connection::new(&server::Builder::new(), far, answer));
        let serving = tokio::spawn(async move {
            // Until the first query has come.
            poll_fn(|cx| {
                let ended = connection.as_mut().poll(cx).is_ready();
                if ended || !connection.waiting.is_empty() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            connection.graceful_shutdown();
            connection.await;
        });
        let (mut sender, connection) = h2::client::handshake(near).await.unwrap();
        tokio::spawn(connection);
        let (slow, mut body) = sender.send_request(post(), false).unwrap();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        body.send_data("late".into(), true).unwrap();
        assert_eq!(text(slow).await, "late");
        serving.await.unwrap();
    }
}
