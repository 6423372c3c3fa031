//! Over TLS and HTTPS: handshakes, caps, deadlines, and who is served.

use super::{
    super::{tcp as accept, tls as setup},
    *,
};
use data_encoding::BASE64URL_NOPAD;
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, ServerName},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

pub(super) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A client's side of TLS that trusts this certificate alone and speaks `protocol`.
pub(super) fn client(certificate: &Certificate, protocol: &[u8]) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(certificate.chain().remove(0))).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    Arc::new(config)
}

fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}

impl Rig {
    pub(super) fn encrypted(&self, transport: Transport) -> SocketAddr {
        self.server.encrypted().iter().find(|it| it.0 == transport).unwrap().1
    }

    /// A TCP connection to an encrypted listener.
    pub(super) fn bare(&self, transport: Transport) -> TcpStream {
        let stream = TcpStream::connect(self.encrypted(transport)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    fn secure(&self, transport: Transport, protocol: &[u8]) -> Tls {
        self.secure_over(self.bare(transport), protocol)
    }

    pub(super) fn secure_over(&self, stream: TcpStream, protocol: &[u8]) -> Tls {
        let config = client(&self.certificate, protocol);
        let session = ClientConnection::new(config, localhost()).unwrap();
        StreamOwned::new(session, stream)
    }

    fn tls(&self) -> Tls {
        self.secure(Transport::Dot, b"dot")
    }

    /// A connection of HTTP/1.1.
    fn https(&self) -> Tls {
        self.secure(Transport::Doh, b"http/1.1")
    }
}

pub(super) fn get(stream: &mut Tls, id: u16, name: &str) {
    let query = BASE64URL_NOPAD.encode(&query(id, name));
    write!(stream, "GET /dns-query?dns={query} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
}

/// Status and body of an HTTP response.
pub(super) fn response(stream: &mut Tls) -> (u16, Vec<u8>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let len = head.split_once("content-length: ").unwrap().1.split('\r').next().unwrap();
    let mut body = vec![0; len.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body)
}

#[test]
fn answers_leave_in_the_order_they_are_ready() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tls();
    ask(&mut stream, 1, "held.example");
    ask(&mut stream, 2, "later.example");
    assert_eq!(read(&mut stream), (2, 0));
    let many: Vec<u8> = (0..500).flat_map(|id| framed(&query(id, "now.example"))).collect();
    stream.write_all(&many).unwrap();
    for id in 0..500 {
        assert_eq!(read(&mut stream), (id, 0));
    }
    rig.script.release.add_permits(1);
    assert_eq!(read(&mut stream), (1, 0));
    drop(stream);
    assert_eq!(rig.finish().queries_dot, 502);
}

#[test]
fn who_is_silent_stalls_nobody() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    for transport in [Transport::Dot, Transport::Doh] {
        // More than one client may have, so that the oldest leave; and none of them ever says a word.
        let silent: Vec<TcpStream> = (0..260).map(|_| rig.bare(transport)).collect();
        if transport == Transport::Dot {
            let mut stream = rig.tls();
            ask(&mut stream, 1, "now.example");
            assert_eq!(read(&mut stream), (1, 0));
        } else {
            let mut stream = rig.https();
            get(&mut stream, 1, "now.example");
            assert_eq!(id_and_rcode(&response(&mut stream).1), (1, 0));
        }
        drop(silent);
    }
    assert!(rig.finish().tcp_evicted >= 20);
}

#[test]
fn who_speaks_no_tls_is_told_and_counted() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    for transport in [Transport::Dot, Transport::Doh] {
        let mut stream = rig.bare(transport);
        stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let mut told = Vec::new();
        // An alert, and the end.
        stream.read_to_end(&mut told).unwrap();
        assert_eq!(told[0], 21, "{told:?}");
        // A protocol that is not spoken there.
        let mut stream = rig.secure(transport, b"imap");
        assert!(stream.write_all(b"x").and_then(|()| stream.read(&mut [0])).is_err());
    }
    assert_eq!(rig.finish().handshakes_failed, 4);
}

#[test]
fn strangers_are_refused_and_then_ignored() {
    let rig = Rig::start_for(&["127.0.0.1:0"], 1, Access::nobody());
    let mut stream = rig.tls();
    ask(&mut stream, 1, "now.example");
    assert_eq!(read(&mut stream), (1, 5));
    expect_end(&mut stream);
    let mut stream = rig.https();
    get(&mut stream, 2, "now.example");
    let (status, message) = response(&mut stream);
    assert_eq!((status, id_and_rcode(&message)), (200, (2, 5)));
    expect_end(&mut stream);
    let ignored = (0..20).filter(|_| {
        let mut stream = rig.tls();
        stream.write_all(&framed(&query(1, "now.example"))).is_err()
    });
    assert!(ignored.count() >= 10);
    assert!(rig.finish().strangers_turned_away >= 10);
}

#[test]
fn requests_follow_each_other() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.https();
    for (id, name, status) in
        [(1, "now.example", 0), (2, "later.example", 0), (3, "panic.example", 2)]
    {
        get(&mut stream, id, name);
        let (http, message) = response(&mut stream);
        assert_eq!((http, id_and_rcode(&message)), (200, (id, status)));
    }
    stream.write_all(b"GET /robots.txt HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    assert_eq!(response(&mut stream).0, 404);
    // What the policy leaves unanswered ends the connection, which has no other way to say nothing.
    get(&mut stream, 4, "silent.example");
    assert_eq!(stream.read(&mut [0; 16]).unwrap_or(0), 0);
    let totals = rig.finish();
    assert_eq!((totals.queries_doh, totals.http_errors, totals.dropped_policy), (4, 1, 1));
}

#[test]
fn queries_may_be_sent_ahead() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.https();
    for (id, name) in [(1, "later.example"), (2, "now.example"), (3, "later.example")] {
        get(&mut stream, id, name);
    }
    // Over HTTP/1.1 answers come in the order of the queries.
    for id in 1..=3 {
        assert_eq!(id_and_rcode(&response(&mut stream).1), (id, 0));
    }
    drop(stream);
    assert_eq!(rig.finish().tcp_opened, 1);
}

#[test]
fn messages_may_be_split_and_joined() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tls();
    // A record of TLS for each octet.
    for octet in framed(&query(1, "now.example")) {
        stream.write_all(&[octet]).unwrap();
        stream.flush().unwrap();
    }
    assert_eq!(read(&mut stream), (1, 0));
    let many: Vec<u8> = (0..100).flat_map(|id| framed(&query(id, "now.example"))).collect();
    stream.write_all(&many).unwrap();
    for id in 0..100 {
        assert_eq!(read(&mut stream), (id, 0));
    }
    drop(stream);
    rig.finish();
}

#[test]
fn a_client_that_comes_back_is_known() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let config = client(&rig.certificate, b"dot");
    for known in [false, true] {
        let session = ClientConnection::new(Arc::clone(&config), localhost()).unwrap();
        let mut stream = StreamOwned::new(session, rig.bare(Transport::Dot));
        ask(&mut stream, 1, "now.example");
        assert_eq!(read(&mut stream), (1, 0));
        let resumed = stream.conn.handshake_kind() == Some(rustls::HandshakeKind::Resumed);
        assert_eq!(resumed, known);
    }
    rig.finish();
}

#[test]
fn a_client_that_goes_is_counted() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.https();
    get(&mut stream, 1, "held.example");
    rig.await_held(1);
    drop(stream);
    rig.await_gone();
    assert_eq!(rig.finish().dropped_gone, 1);
}

#[test]
fn what_is_under_way_is_answered_at_the_end() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let (mut tls, mut https, mut idle) = (rig.tls(), rig.https(), rig.https());
    get(&mut idle, 9, "now.example");
    response(&mut idle);
    ask(&mut tls, 1, "held.example");
    get(&mut https, 2, "held.example");
    rig.await_held(2);
    ask(&mut tls, 3, "now.example");
    let script = Arc::clone(&rig.script);
    let stopping = rig.runtime.spawn(rig.server.stop(PATIENCE));
    expect_end(&mut idle);
    script.release.add_permits(2);
    let mut answers = [read(&mut tls), read(&mut tls)];
    answers.sort_unstable();
    assert_eq!(answers, [(1, 0), (3, 0)]);
    expect_end(&mut tls);
    assert_eq!(id_and_rcode(&response(&mut https).1), (2, 0));
    expect_end(&mut https);
    assert_eq!(rig.runtime.block_on(stopping).unwrap().unanswered, 0);
}

/// Runs `client` over an encrypted connection, or over the bare one where `protocol` is none, until the server ends it; how long that
/// took, in seconds. The clock of the runtime stands still and jumps when nothing else is to do.
async fn lasts(transport: Transport, protocol: &[u8], octets: &[u8]) -> (u64, Vec<u8>, Totals) {
    let (stop, stopped) = watch::channel(false);
    let (script, metrics) = (Arc::new(Script::new()), Arc::new(Metrics::new()));
    let access = Arc::new(Access::new(&[]));
    let responder = Responder::Script(script);
    let front = Arc::new(Front::new(responder, access, Arc::clone(&metrics), clock::now()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let certificate = Certificate::load(&CertificateSource::SelfSigned).unwrap();
    let configured = |protocols| Arc::new(setup::config(&certificate, protocols).unwrap());
    let speech = match transport {
        Transport::Dot => Speech::Dot(configured(setup::DOT)),
        _ => Speech::Doh(configured(setup::DOH), None),
    };
    let serving = tokio::spawn(async move {
        accept::serve(listener, speech, front, accept::Table::new(), stopped).await;
        drop(stop);
    });
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let start = Instant::now();
    let mut said = Vec::new();
    if protocol.is_empty() {
        stream.write_all(octets).await.unwrap();
        let _ = stream.read_to_end(&mut said).await;
    } else {
        let connector = tokio_rustls::TlsConnector::from(client(&certificate, protocol));
        let mut stream = connector.connect(localhost(), stream).await.unwrap();
        stream.write_all(octets).await.unwrap();
        let _ = stream.read_to_end(&mut said).await;
    }
    let lasted = (Instant::now() - start).as_secs();
    serving.abort();
    (lasted, said, metrics.totals())
}

#[tokio::test(start_paused = true)]
async fn a_handshake_ends_in_time() {
    for transport in [Transport::Dot, Transport::Doh] {
        for begun in [&b""[..], b"\x16\x03\x01\x02\x00\x01"] {
            let (lasted, _, totals) = lasts(transport, b"", begun).await;
            assert_eq!((lasted, totals.handshakes_failed), (5, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends() {
    for (transport, protocol) in
        [(Transport::Dot, &b"dot"[..]), (Transport::Doh, b"h2"), (Transport::Doh, b"http/1.1")]
    {
        let (lasted, _, totals) = lasts(transport, protocol, b"").await;
        // Headers that do not come have less time than a connection that does nothing.
        let expected = if protocol == b"http/1.1" { 5..=11 } else { 10..=11 };
        assert!(expected.contains(&lasted), "{transport:?} {lasted}");
        assert!(totals.tcp_timed_out <= 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_given_up() {
    let head = b"POST /dns-query HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/dns-message\r\ncontent-length: 29\r\n\r\nabc";
    let (lasted, said, totals) = lasts(Transport::Doh, b"http/1.1", head).await;
    assert!(said.starts_with(b"HTTP/1.1 408"), "{}", String::from_utf8_lossy(&said));
    assert!((5..=21).contains(&lasted), "{lasted}");
    assert_eq!(totals.http_errors, 1);
}
