//! Upstreams over TLS that are broken in one way each.

use super::{Authority, Data};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It accepts connections and says nothing, not even in the handshake.
    NoHandshake,
    /// It ends the connection when the handshake begins.
    EndOfHandshake,
    /// It shakes hands and answers nothing.
    NoAnswer,
    /// It ends the connection in the middle of an answer.
    HalfAnswer,
    /// It answers with octets that are no DNS message.
    Junk,
}

impl Fault {
    pub(crate) const ALL: [Self; 5] =
        [Self::NoHandshake, Self::EndOfHandshake, Self::NoAnswer, Self::HalfAnswer, Self::Junk];
}

/// A running upstream; ends with the test.
pub(crate) struct Broken {
    pub(crate) address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Broken {
    /// With a certificate of the authority of `data`.
    pub(crate) fn start(fault: Fault, authority: &Authority) -> Self {
        let folder = Data::new();
        authority.issue(folder.path(), &["127.0.0.1"]);
        let chain = CertificateDer::from_pem_file(folder.path().join("cert.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(folder.path().join("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![chain], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Relaxed);
                let config = Arc::clone(&config);
                // An error means that the other side has had enough of it.
                thread::spawn(move || serve(fault, stream, config).ok());
            }
        });
        Self { address, connections }
    }

    /// How many connections were made to it so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }
}

fn serve(fault: Fault, mut stream: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    match fault {
        Fault::NoHandshake => return stream.read_to_end(&mut Vec::new()).map(|_| ()),
        Fault::EndOfHandshake => return Ok(()),
        Fault::NoAnswer | Fault::HalfAnswer | Fault::Junk => (),
    }
    let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    let mut query = [0; 2 + 128];
    stream.read_exact(&mut query)?;
    match fault {
        Fault::HalfAnswer => stream.write_all(&[0, 60, query[2], query[3], 0x81, 0x80, 0, 1])?,
        Fault::Junk => stream.write_all(&[&[0, 60], &[0xa5; 60][..]].concat())?,
        _ => return stream.read_to_end(&mut Vec::new()).map(|_| ()),
    }
    stream.flush()
}
