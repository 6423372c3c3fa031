//! One connection over TCP or TLS: queries in, answers out in whatever order they are ready (RFC 7766 section 7).

use super::{
    clock,
    frames::Frames,
    front::{Front, Outcome},
    rooms::Rooms,
    stream::{Event, Stream},
    tcp::{self, Seat},
};
use crate::dns::{Client, Transport};
use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Octets of answers that the client has not taken. Past that nothing more is read until it takes some.
const OUTPUT_LEN_MAX: usize = 64 * 1024;
/// An emptied output buffer that grew past this is given back.
const OUTPUT_LEN_KEPT: usize = 8 * 1024;
/// How long one message may take from its first octet to its last.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the client may leave answers lying.
const STALL_TIMEOUT: Duration = Duration::from_secs(10);
/// When to look again where there is no deadline.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Serves one connection, opened at `now`, to its end.
pub(super) async fn serve(
    mut stream: Stream,
    client: Client,
    now: Instant,
    front: &Arc<Front>,
    seat: &Seat,
) {
    let rooms = front.rooms.of(client.address.ip());
    let mut connection = Connection {
        front,
        seat,
        client,
        frames: Frames::new(rooms.clone()),
        rooms,
        output: Vec::new(),
        written: 0,
        scratch: Vec::new(),
        waiting: JoinSet::new(),
        reading: true,
        closing: false,
        active: now,
        partial_since: None,
        stalled_since: None,
    };
    // An error means that the client has gone; there is nobody left to tell.
    if connection.run(&mut stream).await.is_ok() {
        stream.end().await;
    }
}

struct Connection<'a> {
    front: &'a Arc<Front>,
    seat: &'a Seat,
    client: Client,
    frames: Frames,
    rooms: Rooms,
    /// Framed answers; those before `written` have left.
    output: Vec<u8>,
    written: usize,
    /// Where an answer is written before it is framed.
    scratch: Vec<u8>,
    /// Queries on the asynchronous side; dropping them ends them.
    waiting: JoinSet<Option<Vec<u8>>>,
    /// More may be read.
    reading: bool,
    /// What stands in the socket is still answered, then the connection ends.
    closing: bool,
    /// When the last message came in whole, or the last answer went out.
    active: Instant,
    partial_since: Option<Instant>,
    stalled_since: Option<Instant>,
}

impl Drop for Connection<'_> {
    /// Counts at the end, even one that the deadline of a stop brings about.
    fn drop(&mut self) {
        let counters = self.front.metrics.here();
        counters.dropped_gone.add(self.waiting.len() as u64);
        // What upstreams were asked holds its place until it has come to an end: nobody gains places by leaving.
        self.waiting.detach_all();
        counters.tcp_closed.bump();
    }
}

impl Connection<'_> {
    async fn run(&mut self, stream: &mut Stream) -> io::Result<()> {
        let seat = self.seat;
        let mut closed = pin!(seat.closed());
        let mut timer = pin!(tokio::time::sleep(self.seat.idle_timeout()));
        loop {
            let now = clock::now();
            poll_fn(|cx| Poll::Ready(self.pump(stream, cx, now))).await?;
            let has_output = self.has_output(stream);
            if !self.reading && self.waiting.is_empty() && !has_output {
                return Ok(());
            }
            let deadline = self.deadline(now);
            if deadline < timer.deadline().into_std() {
                timer.as_mut().reset(deadline.into());
            }
            let reads = self.reading && !self.closing && self.has_room();
            tokio::select! {
                event = poll_fn(|cx| stream.poll(cx, reads.then(|| self.frames.space()), has_output)), if reads || has_output => match event? {
                    Event::Read(0) => self.reading = false,
                    Event::Read(len) => self.frames.filled(len),
                    Event::Writable => (),
                },
                Some(done) = self.waiting.join_next() => {
                    if let Ok(Some(answer)) = done {
                        self.push(&answer);
                    }
                }
                () = &mut closed, if !self.closing => self.closing = true,
                () = &mut timer => {
                    let now = clock::now();
                    if self.deadline(now) <= now {
                        self.front.metrics.here().tcp_timed_out.bump();
                        return Ok(());
                    }
                    timer.as_mut().reset(self.deadline(now).into());
                }
            }
        }
    }

    /// Answers what has been read and writes what has been answered, as far as neither has to wait.
    fn pump(&mut self, stream: &mut Stream, cx: &mut Context<'_>, now: Instant) -> io::Result<()> {
        loop {
            self.answer(now);
            let had_room = self.has_room();
            self.flush(stream, cx, now)?;
            if !had_room && self.has_room() {
                continue;
            }
            if !(self.closing && self.reading && self.has_room() && self.read_now(stream)?) {
                break;
            }
        }
        self.note_state(stream, now);
        Ok(())
    }

    fn answer(&mut self, now: Instant) {
        let served = self.front.access.load();
        self.client.keepalive = tcp::tenths(self.seat.idle_timeout());
        while self.has_room() {
            let Some(received) = self.frames.next() else {
                break;
            };
            let counters = self.front.metrics.here();
            match self.client.transport {
                Transport::Dot => counters.queries_dot.bump(),
                _ => counters.queries_tcp.bump(),
            }
            self.active = now;
            self.partial_since = None;
            let mut outcome =
                self.front.answer(&served, received, &self.client, now, &mut self.scratch);
            if outcome == Outcome::Later {
                if let Some(room) = self.rooms.take(received.packet.len())
                    && let Some(permit) = self.front.admit(self.client.address.ip())
                {
                    counters.deferred.bump();
                    let (front, client) = (Arc::clone(self.front), self.client);
                    let packet: Box<[u8]> = received.packet.into();
                    self.waiting.spawn(async move {
                        let _held = (permit, room);
                        let mut out = Vec::new();
                        let outcome = front.answer_later(&packet, &client, now, &mut out).await;
                        matches!(outcome, Outcome::Answered | Outcome::Refused).then_some(out)
                    });
                    continue;
                }
                outcome = self.front.overflow(received.packet, &self.client, &mut self.scratch);
            }
            match outcome {
                Outcome::Answered => self.push_scratch(),
                Outcome::Refused => {
                    self.push_scratch();
                    self.reading = false;
                    break;
                }
                Outcome::Dropped | Outcome::Later => (),
            }
        }
    }

    fn push_scratch(&mut self) {
        let scratch = std::mem::take(&mut self.scratch);
        self.push(&scratch);
        self.scratch = scratch;
    }

    fn push(&mut self, answer: &[u8]) {
        let Ok(len) = u16::try_from(answer.len()) else {
            self.front.metrics.here().send_failed.bump();
            return;
        };
        self.output.extend_from_slice(&len.to_be_bytes());
        self.output.extend_from_slice(answer);
        self.front.metrics.here().responses.bump();
    }

    fn flush(&mut self, stream: &mut Stream, cx: &mut Context<'_>, now: Instant) -> io::Result<()> {
        while !self.pending().is_empty() {
            match stream.poll_write(cx, self.pending())? {
                Poll::Ready(0) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(len) => {
                    self.written += len;
                    self.active = now;
                }
                Poll::Pending => return Ok(()),
            }
        }
        self.output.clear();
        self.written = 0;
        if self.output.capacity() > OUTPUT_LEN_KEPT {
            self.output = Vec::new();
        }
        if stream.holds_output() && stream.poll_flush(cx)?.is_ready() {
            self.active = now;
        }
        Ok(())
    }

    /// Reads what stands in the socket right now, and says whether there was anything.
    fn read_now(&mut self, stream: &mut Stream) -> io::Result<bool> {
        match stream.read_now(self.frames.space())? {
            None | Some(0) => self.reading = false,
            Some(len) => self.frames.filled(len),
        }
        Ok(self.reading)
    }

    fn note_state(&mut self, stream: &Stream, now: Instant) {
        let stalled = self.has_output(stream);
        self.stalled_since = stalled.then(|| self.stalled_since.unwrap_or(now));
        self.partial_since = self.frames.is_partial().then(|| self.partial_since.unwrap_or(now));
        let is_idle = self.waiting.is_empty() && !stalled;
        self.seat.set_idle(is_idle.then_some(self.active));
    }

    /// When the connection ends if nothing happens until then.
    fn deadline(&self, now: Instant) -> Instant {
        let stalled = self.stalled_since.map(|it| it + STALL_TIMEOUT);
        // Octets that wait for their turn are no message that is late.
        let partial = self.partial_since.filter(|_| self.has_room()).map(|it| it + MESSAGE_TIMEOUT);
        match (stalled, partial) {
            (Some(stalled), Some(partial)) => stalled.min(partial),
            (Some(it), None) | (None, Some(it)) => it,
            (None, None) if self.waiting.is_empty() => self.active + self.seat.idle_timeout(),
            // The proxy answers in its own time, which is bounded.
            (None, None) => now + LOOK_AGAIN,
        }
    }

    fn has_room(&self) -> bool {
        self.pending().len() < OUTPUT_LEN_MAX
    }

    fn has_output(&self, stream: &Stream) -> bool {
        !self.pending().is_empty() || stream.holds_output()
    }

    fn pending(&self) -> &[u8] {
        &self.output[self.written..]
    }
}
