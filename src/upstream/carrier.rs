//! What HTTP/3 runs on: a connection of QUIC, from whose streams no more is taken than was agreed on.
//!
//! `h3` keeps a frame until it is whole, however long it says it is; the bound is therefore drawn here, below it.

use bytes::{Buf, Bytes};
use h3::{
    error::Code,
    quic::{
        self, ConnectionErrorIncoming as ConnectionFailed, StreamErrorIncoming as StreamFailed,
        WriteBuf,
    },
};
use quinn::{ConnectionError, ReadError, VarInt, WriteError};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

/// How much is read at once.
const READ_LEN: usize = 4096;

/// A stream that is being waited for.
type Coming<T> = Option<Pin<Box<dyn Future<Output = Result<T, ConnectionError>> + Send>>>;

/// A connection.
pub(crate) struct Carrier {
    incoming_bi: Coming<(quinn::SendStream, quinn::RecvStream)>,
    incoming_uni: Coming<quinn::RecvStream>,
    opener: Opener,
}

impl Carrier {
    /// Over `connection`, from each of whose streams `octets_max` octets are taken; the peer is told off that says more.
    pub(crate) const fn new(connection: quinn::Connection, octets_max: usize) -> Self {
        let opener = Opener { connection, octets_max, bi: None, uni: None };
        Self { incoming_bi: None, incoming_uni: None, opener }
    }
}

/// What opens streams.
pub(crate) struct Opener {
    connection: quinn::Connection,
    octets_max: usize,
    bi: Coming<(quinn::SendStream, quinn::RecvStream)>,
    uni: Coming<quinn::SendStream>,
}

impl Opener {
    fn both<B: Buf>(&self, (send, recv): (quinn::SendStream, quinn::RecvStream)) -> Both<B> {
        Both { send: Sending::new(send), recv: self.receiving(recv) }
    }

    const fn receiving(&self, stream: quinn::RecvStream) -> Receiving {
        Receiving { stream, left: self.octets_max }
    }
}

impl Clone for Opener {
    fn clone(&self) -> Self {
        let (connection, octets_max) = (self.connection.clone(), self.octets_max);
        Self { connection, octets_max, bi: None, uni: None }
    }
}

/// Waits for a stream; `next` starts the waiting.
fn wait<T, F>(
    coming: &mut Coming<T>,
    cx: &mut Context<'_>,
    connection: &quinn::Connection,
    next: impl FnOnce(quinn::Connection) -> F,
) -> Poll<Result<T, ConnectionFailed>>
where
    F: Future<Output = Result<T, ConnectionError>> + Send + 'static,
{
    let waiting = coming.get_or_insert_with(|| Box::pin(next(connection.clone())));
    let done = ready!(waiting.as_mut().poll(cx));
    *coming = None;
    Poll::Ready(done.map_err(connection_failed))
}

impl<B: Buf> quic::Connection<B> for Carrier {
    type RecvStream = Receiving;
    type OpenStreams = Opener;

    fn poll_accept_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Receiving, ConnectionFailed>> {
        let connection = &self.opener.connection;
        let next = |it: quinn::Connection| async move { it.accept_uni().await };
        let stream = ready!(wait(&mut self.incoming_uni, cx, connection, next))?;
        Poll::Ready(Ok(self.opener.receiving(stream)))
    }

    fn poll_accept_bidi(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Both<B>, ConnectionFailed>> {
        let connection = &self.opener.connection;
        let next = |it: quinn::Connection| async move { it.accept_bi().await };
        let streams = ready!(wait(&mut self.incoming_bi, cx, connection, next))?;
        Poll::Ready(Ok(self.opener.both(streams)))
    }

    fn opener(&self) -> Opener {
        self.opener.clone()
    }
}

impl<B: Buf> quic::OpenStreams<B> for Carrier {
    type BidiStream = Both<B>;
    type SendStream = Sending<B>;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<B>, StreamFailed>> {
        self.opener.poll_open_bidi(cx)
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending<B>, StreamFailed>> {
        self.opener.poll_open_send(cx)
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        quic::OpenStreams::<B>::close(&mut self.opener, code, reason);
    }
}

impl<B: Buf> quic::OpenStreams<B> for Opener {
    type BidiStream = Both<B>;
    type SendStream = Sending<B>;

    fn poll_open_bidi(&mut self, cx: &mut Context<'_>) -> Poll<Result<Both<B>, StreamFailed>> {
        let connection = &self.connection;
        let next = |it: quinn::Connection| async move { it.open_bi().await };
        let opened = ready!(wait(&mut self.bi, cx, connection, next));
        Poll::Ready(opened.map(|it| self.both(it)).map_err(of_connection))
    }

    fn poll_open_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<Sending<B>, StreamFailed>> {
        let connection = &self.connection;
        let next = |it: quinn::Connection| async move { it.open_uni().await };
        let opened = ready!(wait(&mut self.uni, cx, connection, next));
        Poll::Ready(opened.map(Sending::new).map_err(of_connection))
    }

    fn close(&mut self, code: Code, reason: &[u8]) {
        self.connection.close(code_of(code.value()), reason);
    }
}

/// Both directions of a stream.
pub(crate) struct Both<B: Buf> {
    send: Sending<B>,
    recv: Receiving,
}

impl<B: Buf> quic::BidiStream<B> for Both<B> {
    type SendStream = Sending<B>;
    type RecvStream = Receiving;

    fn split(self) -> (Sending<B>, Receiving) {
        (self.send, self.recv)
    }
}

impl<B: Buf> quic::SendStream<B> for Both<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailed>> {
        self.send.poll_ready(cx)
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamFailed> {
        self.send.send_data(data)
    }

    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailed>> {
        self.send.poll_finish(cx)
    }

    fn reset(&mut self, code: u64) {
        self.send.reset(code);
    }

    fn send_id(&self) -> quic::StreamId {
        self.send.send_id()
    }
}

impl<B: Buf> quic::RecvStream for Both<B> {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamFailed>> {
        self.recv.poll_data(cx)
    }

    fn stop_sending(&mut self, code: u64) {
        self.recv.stop_sending(code);
    }

    fn recv_id(&self) -> quic::StreamId {
        self.recv.recv_id()
    }
}

/// What is said on a stream.
pub(crate) struct Sending<B: Buf> {
    stream: quinn::SendStream,
    /// What the stream has not taken yet.
    waiting: Option<WriteBuf<B>>,
    /// Ready when the peer has all that was said, once the stream is finished.
    taken: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<B: Buf> Sending<B> {
    const fn new(stream: quinn::SendStream) -> Self {
        Self { stream, waiting: None, taken: None }
    }
}

impl<B: Buf> quic::SendStream<B> for Sending<B> {
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailed>> {
        while let Some(data) = self.waiting.as_mut().filter(|it| it.has_remaining()) {
            let written = Pin::new(&mut self.stream).poll_write(cx, data.chunk());
            data.advance(ready!(written).map_err(write_failed)?);
        }
        self.waiting = None;
        Poll::Ready(Ok(()))
    }

    fn send_data<T: Into<WriteBuf<B>>>(&mut self, data: T) -> Result<(), StreamFailed> {
        debug_assert!(self.waiting.is_none(), "h3 asks whether there is room first");
        self.waiting = Some(data.into());
        Ok(())
    }

    /// Waits until the peer has all of it, so that a connection that ends after that cuts nothing off.
    fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), StreamFailed>> {
        if self.taken.is_none() {
            ready!(self.poll_ready(cx))?;
            self.stream.finish().map_err(|it| StreamFailed::Unknown(it.into()))?;
        }
        let stream = &self.stream;
        let taken = self.taken.get_or_insert_with(|| {
            let stopped = stream.stopped();
            Box::pin(async { drop(stopped.await) })
        });
        taken.as_mut().poll(cx).map(Ok)
    }

    fn reset(&mut self, code: u64) {
        // One that is closed already needs no reset.
        let _ = self.stream.reset(code_of(code));
    }

    fn send_id(&self) -> quic::StreamId {
        id(self.stream.id())
    }
}

/// What is heard on a stream.
pub(crate) struct Receiving {
    stream: quinn::RecvStream,
    /// How many octets are still taken.
    left: usize,
}

impl quic::RecvStream for Receiving {
    type Buf = Bytes;

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, StreamFailed>> {
        let mut buffer = [0; READ_LEN];
        match ready!(self.stream.poll_read(cx, &mut buffer)).map_err(read_failed)? {
            0 => Poll::Ready(Ok(None)),
            len if len > self.left => {
                let error_code = Code::H3_EXCESSIVE_LOAD.value();
                self.stop_sending(error_code);
                Poll::Ready(Err(StreamFailed::StreamTerminated { error_code }))
            }
            len => {
                self.left -= len;
                Poll::Ready(Ok(Some(Bytes::copy_from_slice(&buffer[..len]))))
            }
        }
    }

    fn stop_sending(&mut self, code: u64) {
        // One that is closed already needs no stop.
        let _ = self.stream.stop(code_of(code));
    }

    fn recv_id(&self) -> quic::StreamId {
        id(self.stream.id())
    }
}

fn id(id: quinn::StreamId) -> quic::StreamId {
    u64::from(id).try_into().expect("both count streams alike")
}

fn code_of(code: u64) -> VarInt {
    VarInt::from_u64(code).expect("codes of HTTP/3 are variable-length integers")
}

fn connection_failed(error: ConnectionError) -> ConnectionFailed {
    match error {
        ConnectionError::ApplicationClosed(it) => {
            ConnectionFailed::ApplicationClose { error_code: it.error_code.into() }
        }
        ConnectionError::TimedOut => ConnectionFailed::Timeout,
        other => ConnectionFailed::Undefined(Arc::new(other)),
    }
}

const fn of_connection(connection_error: ConnectionFailed) -> StreamFailed {
    StreamFailed::ConnectionErrorIncoming { connection_error }
}

fn read_failed(error: ReadError) -> StreamFailed {
    match error {
        ReadError::Reset(code) => StreamFailed::StreamTerminated { error_code: code.into() },
        ReadError::ConnectionLost(it) => of_connection(connection_failed(it)),
        other => StreamFailed::Unknown(other.into()),
    }
}

fn write_failed(error: WriteError) -> StreamFailed {
    match error {
        WriteError::Stopped(code) => StreamFailed::StreamTerminated { error_code: code.into() },
        WriteError::ConnectionLost(it) => of_connection(connection_failed(it)),
        other => StreamFailed::Unknown(other.into()),
    }
}
