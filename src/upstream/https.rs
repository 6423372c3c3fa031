//! Asking an upstream over HTTPS (RFC 8484): one connection of HTTP/2, kept, with a stream for each query.

use super::{
    ForwardError, Secure, clock,
    connect::Link,
    flight::News,
    line::{self, End, Job, STALL_MAX},
    message::{self, Fit},
    server::Server,
    shared::Shared,
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    client::conn::http2::{Builder, SendRequest},
    header::{ACCEPT, CONTENT_TYPE, HeaderValue},
};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::{
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::{sync::mpsc, task::JoinSet, time};

/// How many queries are out on a connection.
const STREAMS_MAX: usize = 256;

/// What DNS messages are called in HTTP.
const MESSAGE: HeaderValue = HeaderValue::from_static("application/dns-message");

/// Octets of the longest message.
const MESSAGE_LEN_MAX: usize = 65_535;

/// How much a server may send ahead, for one query and for all.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Octets of a response's headers.
const HEADERS_LEN_MAX: u32 = 16 * 1024;

/// The message ID: the same for all, so that equal queries are equal (RFC 8484 section 4.1).
const ID: u16 = 0;

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
    let authority = to.authority();
    let authority = authority.strip_suffix(":443").unwrap_or(&authority);
    let uri: Uri = match format!("https://{authority}{path}").parse() {
        Ok(it) => it,
        Err(error) => return failed(io::Error::new(io::ErrorKind::InvalidInput, error)),
    };
    let (sender, connection) = match Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(HEADERS_LEN_MAX)
        .handshake(TokioIo::new(link.stream))
        .await
    {
        Ok(it) => it,
        Err(error) => return failed(io::Error::other(error)),
    };
    let asking = Asking { shared: Arc::clone(shared), server: Arc::clone(server), sender, uri };
    let mut connection = pin!(connection);
    let mut asked: JoinSet<Result<(), Job>> = JoinSet::new();
    let mut end = End { error: None, left: Vec::new(), answered: false };
    let mut idle = pin!(time::sleep(line::idle_max(server)));
    loop {
        tokio::select! {
            job = jobs.recv(), if asked.len() < STREAMS_MAX => {
                let Some(job) = job else { break };
                idle.as_mut().reset(time::Instant::now() + line::idle_max(server));
                asked.spawn(asking.clone().ask(job));
            }
            Some(done) = asked.join_next() => match done {
                Ok(Ok(())) => end.answered = true,
                Ok(Err(job)) => {
                    end.left.push(job);
                    break;
                }
                // A bug of ours; its query runs out of time.
                Err(_) => (),
            },
            ended = connection.as_mut() => {
                end.error = ended.err().map(io::Error::other);
                break;
            }
            () = idle.as_mut(), if asked.is_empty() => return end,
        }
    }
    // What is out still may be answered, for as long as the connection lasts.
    drop(asking);
    while !asked.is_empty() {
        tokio::select! {
            Some(done) = asked.join_next() => match done {
                Ok(Ok(())) => end.answered = true,
                Ok(Err(job)) => end.left.push(job),
                Err(_) => (),
            },
            _ = connection.as_mut(), if end.error.is_none() => {
                end.error = Some(io::ErrorKind::ConnectionAborted.into());
            }
        }
    }
    end
}

/// What it takes to ask one query.
#[derive(Clone)]
struct Asking {
    shared: Arc<Shared>,
    server: Arc<Server>,
    sender: SendRequest<Full<Bytes>>,
    uri: Uri,
}

impl Asking {
    /// Asks, and tells the flight what came; gives the job back where the connection is at fault.
    async fn ask(self, job: Job) -> Result<(), Job> {
        if job.flight.landed() {
            return Ok(());
        }
        let query = message::secure_query(&job.flight.ask, ID, job.edns);
        self.shared.counters.queries_tcp.fetch_add(1, Relaxed);
        match time::timeout(STALL_MAX, exchange(self.sender, self.uri, query)).await {
            Ok(Ok(Some(reply))) => {
                let fit = message::fit(&reply, &job.flight.ask, line::case(&self.server));
                let fit = if message::id(&reply) == Some(ID) { fit } else { Fit::Foreign };
                line::deliver(&self.shared, &self.server, &job, &reply, (ID, fit), clock::now());
                Ok(())
            }
            Ok(Ok(None)) => {
                let failure = ForwardError::Malformed;
                job.flight.post(self.server.key, News::Failed { failure, over_tcp: true });
                Ok(())
            }
            Ok(Err(_)) | Err(_) => Err(job),
        }
    }
}

/// The DNS message that comes back; `None` where HTTP says something else.
async fn exchange(
    mut sender: SendRequest<Full<Bytes>>,
    uri: Uri,
    query: Vec<u8>,
) -> Result<Option<Bytes>, hyper::Error> {
    let mut request = Request::new(Full::new(Bytes::from(query)));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri;
    request.headers_mut().insert(ACCEPT, MESSAGE);
    request.headers_mut().insert(CONTENT_TYPE, MESSAGE);
    let response = sender.send_request(request).await?;
    if !is_message(&response) {
        return Ok(None);
    }
    // One that is too long, or breaks off, is no message either.
    let body = Limited::new(response.into_body(), MESSAGE_LEN_MAX).collect().await;
    Ok(body.ok().map(http_body_util::Collected::to_bytes))
}

fn is_message(response: &Response<Incoming>) -> bool {
    response.status() == StatusCode::OK
        && response.headers().get(CONTENT_TYPE).is_some_and(|it| {
            let kind = it.as_bytes().split(|it| *it == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(MESSAGE.as_bytes())
        })
}
