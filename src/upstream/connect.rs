//! Making a connection to an upstream: its name looked up, TCP, and TLS with proof of who answers.

use super::{Secure, server::Server, shared::Shared};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, task::JoinSet, time};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tokio_util::either::Either;

/// How long one address of a server may take before the next one is tried as well (RFC 8305 section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// A connection, as it is or with TLS on top.
pub(super) struct Link {
    pub(super) stream: Either<TcpStream, Box<TlsStream<TcpStream>>>,
    /// Our own end.
    pub(super) local: SocketAddr,
}

/// Connects without more ado.
pub(super) async fn plain(address: SocketAddr) -> io::Result<Link> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Link { local: stream.local_addr()?, stream: Either::Left(stream) })
}

/// Connects for DNS over TLS.
pub(super) async fn tls(shared: &Shared, server: &Server, to: &Secure) -> io::Result<Link> {
    let config = Arc::clone(&shared.trust.load().dot);
    shake_hands(shared, server, to, &config).await
}

/// Connects for DNS over HTTPS.
pub(super) async fn https(shared: &Shared, server: &Server, to: &Secure) -> io::Result<Link> {
    let config = Arc::clone(&shared.trust.load().doh);
    let link = shake_hands(shared, server, to, &config).await?;
    match &link.stream {
        Either::Right(it) if it.get_ref().1.alpn_protocol() == Some(b"h2") => Ok(link),
        _ => Err(io::Error::other("the server does not speak HTTP/2")),
    }
}

async fn shake_hands(
    shared: &Shared,
    server: &Server,
    to: &Secure,
    config: &Arc<ClientConfig>,
) -> io::Result<Link> {
    let (addresses, name) = whereabouts(shared, server, to).await?;
    let stream = reach(server, &addresses, TcpStream::connect).await?;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    Ok(Link { stream: Either::Right(Box::new(stream)), local })
}

/// The addresses of a server, and what it has to prove to be.
pub(super) async fn whereabouts(
    shared: &Shared,
    server: &Server,
    to: &Secure,
) -> io::Result<(Vec<SocketAddr>, ServerName<'static>)> {
    match to {
        Secure::At { address, name: Some(name) } => Ok((vec![*address], server_name(name)?)),
        Secure::At { address, name: None } => {
            Ok((vec![*address], ServerName::from(address.ip().to_canonical())))
        }
        Secure::Named { name, port } => {
            let addresses = server.addresses.find(shared, name).await?;
            let addresses = addresses.into_iter().map(|it| SocketAddr::new(it, *port));
            Ok((addresses.collect(), server_name(name)?))
        }
    }
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(io::Error::other)
}

/// The first connection that comes about; where none does, the addresses are doubted.
pub(super) async fn reach<T: Send + 'static, F>(
    server: &Server,
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let reached = first(addresses, connect).await;
    if reached.is_err() {
        server.addresses.doubt();
    }
    reached
}

/// Tries one address after the other, the next one a moment after the one before.
async fn first<T: Send + 'static, F>(
    addresses: &[SocketAddr],
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter();
    let mut failure = io::ErrorKind::HostUnreachable.into();
    loop {
        match rest.next() {
            Some(&address) => drop(attempts.spawn(connect(address))),
            None if attempts.is_empty() => return Err(failure),
            None => (),
        }
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(it)) => return Ok(it),
                Ok(Err(error)) => failure = error,
                Err(_) => (),
            },
            () = time::sleep(STAGGER), if rest.len() > 0 => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_first_address_that_answers_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sound = listener.local_addr().unwrap();
        let refusing = SocketAddr::from(([127, 0, 0, 3], sound.port()));
        for addresses in [&[sound][..], &[refusing, sound], &[refusing, refusing, sound, refusing]]
        {
            assert_eq!(
                first(addresses, TcpStream::connect).await.unwrap().peer_addr().unwrap(),
                sound
            );
        }
        assert_eq!(
            first(&[refusing], TcpStream::connect).await.unwrap_err().kind(),
            io::ErrorKind::ConnectionRefused
        );
        assert_eq!(
            first(&[], TcpStream::connect).await.unwrap_err().kind(),
            io::ErrorKind::HostUnreachable
        );
    }
}
