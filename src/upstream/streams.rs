//! Connections that carry each query on a stream of its own: HTTP/2 and QUIC.

use super::{
    ForwardError,
    flight::News,
    line::{self, Connected, End, Job},
    message::{self, Case, Fit},
    server::Server,
    shared::Shared,
};
use std::{
    io,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
};
use tokio::{sync::mpsc, task::JoinSet, time};

/// How many queries are out on a connection.
const STREAMS_MAX: usize = 256;

/// Octets of the longest message.
pub(super) const MESSAGE_LEN_MAX: usize = 65_535;

/// The message ID: the same for all, as HTTP prefers and QUIC demands (RFC 8484 section 4.1, RFC 9250 section 4.2.1).
const ID: u16 = 0;

/// Works until the connection idles or breaks. `exchange` sends a query and gives what comes back, `None` where that is no DNS message,
/// an error where the connection is at fault; `connection` does the connection's own work and ends with it.
pub(super) async fn serve<E, X>(
    (shared, server): (&Arc<Shared>, &Arc<Server>),
    jobs: &mut mpsc::Receiver<Job>,
    exchange: E,
    connection: impl Future<Output = Option<io::Error>>,
) -> End
where
    E: Fn(Vec<u8>) -> X,
    X: Future<Output = io::Result<Option<Vec<u8>>>> + Send + 'static,
{
    let _connected = Connected::new(&server.line);
    let mut connection = pin!(connection);
    let mut asked: JoinSet<Result<(), Job>> = JoinSet::new();
    let mut end = End { error: None, left: Vec::new(), answered: false };
    let mut idle = pin!(time::sleep(line::idle_max(server)));
    loop {
        tokio::select! {
            job = jobs.recv(), if asked.len() < STREAMS_MAX => {
                let Some(job) = job else { break };
                if job.flight.landed() {
                    continue;
                }
                idle.as_mut().reset(time::Instant::now() + line::idle_max(server));
                shared.counters.queries_tcp.fetch_add(1, Relaxed);
                let exchange = exchange(message::secure_query(&job.flight.ask, ID, job.edns));
                let (shared, server) = (Arc::clone(shared), Arc::clone(server));
                asked.spawn(async move {
                    match time::timeout(line::STALL_MAX, exchange).await {
                        Ok(Ok(reply)) => {
                            deliver(&shared, &server, &job, reply.as_deref());
                            Ok(())
                        }
                        Ok(Err(_)) | Err(_) => Err(job),
                    }
                });
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
                end.error = Some(ended.unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into()));
                break;
            }
            () = idle.as_mut(), if asked.is_empty() => return end,
        }
    }
    // What is out still may be answered, for as long as the connection lasts; the others need not wait for that.
    jobs.close();
    while let Ok(job) = jobs.try_recv() {
        end.left.push(job);
    }
    let failure = end.error.as_ref().map_or(io::ErrorKind::TimedOut, io::Error::kind);
    let tries_max = line::tries_max(end.answered);
    line::hand_on(shared, server, std::mem::take(&mut end.left), failure, tries_max);
    while !asked.is_empty() {
        tokio::select! {
            Some(done) = asked.join_next() => match done {
                Ok(Ok(())) => end.answered = true,
                Ok(Err(job)) => end.left.push(job),
                Err(_) => (),
            },
            ended = connection.as_mut(), if end.error.is_none() => {
                end.error = Some(ended.unwrap_or_else(|| io::ErrorKind::ConnectionAborted.into()));
            }
        }
    }
    end
}

fn deliver(shared: &Shared, server: &Server, job: &Job, reply: Option<&[u8]>) {
    let Some(reply) = reply else {
        let failure = ForwardError::Malformed;
        return job.flight.post(server.key, News::Failed { failure, over_tcp: true });
    };
    let fit = match message::id(reply) {
        Some(ID) => message::fit(reply, &job.flight.ask, Case::LOWER),
        _ => Fit::Foreign,
    };
    line::deliver(shared, server, job, reply, (ID, fit), super::clock::now());
}
