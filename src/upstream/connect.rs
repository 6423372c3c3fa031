//! Making a connection to an upstream: its name looked up, TCP, and TLS with proof of who answers.

use super::{Secure, Url, server::Server, shared::Shared};
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

/// Connects by the way that the URL names.
pub(super) async fn connect(shared: &Shared, server: &Server) -> io::Result<Link> {
    let trust = shared.trust.load_full();
    match &server.url {
        Url::Udp(address) | Url::Tcp(address) => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            Ok(Link { local: stream.local_addr()?, stream: Either::Left(stream) })
        }
        Url::Tls(to) => shake_hands(shared, server, to, &trust.dot).await,
        Url::Https(to, _) => {
            let link = shake_hands(shared, server, to, &trust.doh).await?;
            match &link.stream {
                Either::Right(it) if it.get_ref().1.alpn_protocol() == Some(b"h2") => Ok(link),
                _ => Err(io::Error::other("the server does not speak HTTP/2")),
            }
        }
    }
}

async fn shake_hands(
    shared: &Shared,
    server: &Server,
    to: &Secure,
    config: &Arc<ClientConfig>,
) -> io::Result<Link> {
    let (addresses, name) = match to {
        Secure::At { address, name } => {
            let name = match name {
                Some(name) => server_name(name)?,
                None => ServerName::from(address.ip().to_canonical()),
            };
            (vec![*address], name)
        }
        Secure::Named { name, port } => {
            let addresses = server.addresses.find(shared, name).await?;
            let addresses = addresses.into_iter().map(|it| SocketAddr::new(it, *port));
            (addresses.collect(), server_name(name)?)
        }
    };
    let reached = reach(&addresses).await;
    if reached.is_err() {
        server.addresses.doubt();
    }
    let stream = reached?;
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    let stream = TlsConnector::from(Arc::clone(config)).connect(name, stream).await?;
    Ok(Link { stream: Either::Right(Box::new(stream)), local })
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(io::Error::other)
}

/// The first connection that comes about, to one address after the other, the next one a moment after the one before.
async fn reach(addresses: &[SocketAddr]) -> io::Result<TcpStream> {
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter();
    let mut failure = io::ErrorKind::HostUnreachable.into();
    loop {
        match rest.next() {
            Some(&address) => drop(attempts.spawn(TcpStream::connect(address))),
            None if attempts.is_empty() => return Err(failure),
            None => (),
        }
        tokio::select! {
            Some(done) = attempts.join_next() => match done {
                Ok(Ok(stream)) => return Ok(stream),
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
            assert_eq!(reach(addresses).await.unwrap().peer_addr().unwrap(), sound);
        }
        assert_eq!(reach(&[refusing]).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(reach(&[]).await.unwrap_err().kind(), io::ErrorKind::HostUnreachable);
    }
}
