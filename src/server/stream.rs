//! What a connection is read from and written to: TCP as it is, or with TLS on top.

use std::{
    future::poll_fn,
    io::{self, Read as _},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead as _, AsyncWrite as _, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// An open connection.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What has happened to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    /// So many octets came in; 0 when the client has said all.
    Read(usize),
    /// It may take more.
    Writable,
}

impl Stream {
    /// Waits for octets to fill `space`, where that is given, and for room to write, where that is wanted.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        space: Option<&mut [u8]>,
        write: bool,
    ) -> Poll<io::Result<Event>> {
        if write && self.tcp().poll_write_ready(cx)?.is_ready() {
            return Poll::Ready(Ok(Event::Writable));
        }
        let Some(space) = space else { return Poll::Pending };
        let mut space = ReadBuf::new(space);
        let read = match self {
            Self::Plain(it) => Pin::new(it).poll_read(cx, &mut space),
            Self::Tls(it) => Pin::new(it).poll_read(cx, &mut space),
        };
        match ready!(read) {
            Ok(()) => Poll::Ready(Ok(Event::Read(space.filled().len()))),
            // Messages carry their length, so that an end without a farewell cuts none off unnoticed.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Poll::Ready(Ok(Event::Read(0)))
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Writes what is taken without waiting.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Plain(it) => Pin::new(it).poll_write(cx, octets),
            Self::Tls(it) => Pin::new(it).poll_write(cx, octets),
        }
    }

    /// Passes on what the session has encrypted.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(_) => Poll::Ready(Ok(())),
            Self::Tls(it) => Pin::new(it).poll_flush(cx),
        }
    }

    /// Says farewell, as far as the client takes it without waiting: it is told that nothing was cut off.
    pub(super) async fn end(&mut self) {
        if let Self::Tls(it) = self {
            // Whoever does not take it will see the connection end all the same.
            poll_fn(|cx| Poll::Ready(Pin::new(&mut *it).poll_shutdown(cx).is_ready())).await;
        }
    }

    /// Whether the session holds octets that the client has not taken.
    pub(super) fn holds_output(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(it) => it.get_ref().1.wants_write(),
        }
    }

    /// Reads what stands in the socket right now; `None` when nothing does. Asks the kernel itself: what the runtime knows may be a
    /// moment old.
    pub(super) fn read_now(&mut self, space: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match self {
            Self::Plain(it) => (&*socket2::SockRef::from(&*it)).read(space),
            Self::Tls(it) => read_now(it, space),
        };
        match read {
            Ok(len) => Ok(Some(len)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(it) => it,
            Self::Tls(it) => it.get_ref().0,
        }
    }
}

fn read_now(stream: &mut TlsStream<TcpStream>, space: &mut [u8]) -> io::Result<usize> {
    let (tcp, session) = stream.get_mut();
    let socket = socket2::SockRef::from(&*tcp);
    loop {
        match session.reader().read(space) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
            done => return done,
        }
        if session.read_tls(&mut &*socket)? == 0 {
            return Ok(0);
        }
        session
            .process_new_packets()
            .map_err(|it| io::Error::new(io::ErrorKind::InvalidData, it))?;
    }
}
