//! Over QUIC: streams, what breaks the protocol, and who is served.

use super::{
    super::handshakes::{PROVEN_PER_CLIENT_MAX, UNPROVEN_MAX},
    tls::client,
    *,
};
use quinn::{
    ClientConfig, Connecting, Connection, ConnectionError, Endpoint, ReadToEndError, RecvStream,
    SendStream, TransportErrorCode, crypto::rustls::QuicClientConfig,
};
use tokio::task::JoinSet;

/// A connection, and what it lives by.
pub(super) struct Quic {
    pub(super) connection: Connection,
    _endpoint: Endpoint,
}

impl Rig {
    async fn quic(&self) -> Result<Quic, ConnectionError> {
        self.shake_hands(Transport::Doq, b"doq").await
    }

    /// A connection to an encrypted listener, for `protocol`.
    pub(super) async fn shake_hands(
        &self,
        transport: Transport,
        protocol: &[u8],
    ) -> Result<Quic, ConnectionError> {
        self.shake_hands_from(1, transport, protocol).await
    }

    /// The same from 127.0.0.`host`.
    async fn shake_hands_from(
        &self,
        host: u8,
        transport: Transport,
        protocol: &[u8],
    ) -> Result<Quic, ConnectionError> {
        let endpoint = Endpoint::client(([127, 0, 0, host], 0).into()).unwrap();
        let config = self.setup(protocol);
        let connecting = endpoint.connect_with(config, self.encrypted(transport), "localhost");
        let connected = tokio::time::timeout(PATIENCE, connecting.unwrap()).await;
        Ok(Quic { connection: connected.unwrap()?, _endpoint: endpoint })
    }

    fn setup(&self, protocol: &[u8]) -> ClientConfig {
        let mut config = client(&self.certificate, protocol).as_ref().clone();
        config.enable_early_data = false;
        ClientConfig::new(Arc::new(QuicClientConfig::try_from(config).unwrap()))
    }

    /// Begins handshakes from 127.0.0.`host`, one after the other, that come to no end: nothing that the server says reaches the client,
    /// but that it has to prove its address, where it `proves` that.
    async fn leave_unfinished(&self, count: usize, host: u8, proves: bool) -> Unfinished {
        let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let mut unfinished =
            Unfinished { relays: JoinSet::new(), _connecting: Vec::new(), endpoint };
        for _ in 0..count {
            let near = tokio::net::UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
            let far =
                tokio::net::UdpSocket::bind((IpAddr::from([127, 0, 0, host]), 0)).await.unwrap();
            far.connect(self.encrypted(Transport::Doq)).await.unwrap();
            let to = near.local_addr().unwrap();
            let connecting = unfinished.endpoint.connect_with(self.setup(b"doq"), to, "localhost");
            unfinished._connecting.push(connecting.unwrap());
            let (sender, said) = tokio::sync::oneshot::channel();
            unfinished.relays.spawn(relay(near, far, proves, sender));
            tokio::time::timeout(PATIENCE, said).await.unwrap().unwrap();
        }
        unfinished
    }
}

/// Handshakes that go on until this is dropped.
struct Unfinished {
    relays: JoinSet<()>,
    _connecting: Vec<Connecting>,
    endpoint: Endpoint,
}

/// Carries all that a client says and nothing of what the server does, but for a Retry where the client is to prove its address. Tells of
/// the server's first word that goes no further.
async fn relay(
    near: tokio::net::UdpSocket,
    far: tokio::net::UdpSocket,
    proves: bool,
    said: tokio::sync::oneshot::Sender<()>,
) {
    let (mut said, mut client) = (Some(said), None);
    let (mut out, mut back) = ([0; 2000], [0; 2000]);
    loop {
        tokio::select! {
            Ok((len, from)) = near.recv_from(&mut out) => {
                client = Some(from);
                far.send(&out[..len]).await.unwrap();
            }
            Ok(len) = far.recv(&mut back) => match client {
                // RFC 9000 section 17.2.5: the type that a long header shows.
                Some(client) if proves && back[0] & 0xf0 == 0xf0 => {
                    near.send_to(&back[..len], client).await.unwrap();
                }
                _ => said.take().map_or((), |it| it.send(()).unwrap_or_default()),
            },
        }
    }
}

impl Quic {
    /// Sends octets on a stream of their own.
    async fn say(&self, octets: &[u8]) -> (SendStream, RecvStream) {
        let (mut sending, receiving) = self.connection.open_bi().await.unwrap();
        sending.write_all(octets).await.unwrap();
        sending.finish().unwrap();
        (sending, receiving)
    }

    async fn ask(&self, name: &str) -> (SendStream, RecvStream) {
        self.say(&framed(&query(0, name))).await
    }

    /// The code that the server ends the connection with.
    async fn ended(&self) -> u64 {
        let ended = tokio::time::timeout(PATIENCE, self.connection.closed()).await.unwrap();
        let ConnectionError::ApplicationClosed(it) = ended else { panic!("{ended}") };
        it.error_code.into_inner()
    }
}

async fn read_all(stream: &mut RecvStream) -> Result<Vec<u8>, ReadToEndError> {
    tokio::time::timeout(PATIENCE, stream.read_to_end(70_000)).await.unwrap()
}

/// ID and rcode of the one response on a stream.
async fn hear(stream: &mut RecvStream) -> (u16, u8) {
    let said = read_all(stream).await.unwrap();
    assert_eq!(usize::from(u16::from_be_bytes([said[0], said[1]])), said.len() - 2);
    id_and_rcode(&said[2..])
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let client = rig.quic().await.unwrap();
        let mut held = client.ask("held.example").await;
        for name in ["now.example", "later.example"] {
            assert_eq!(hear(&mut client.ask(name).await.1).await, (0, 0));
        }
        assert_eq!(hear(&mut client.ask("panic.example").await.1).await, (0, 2));
        rig.script.release.add_permits(1);
        assert_eq!(hear(&mut held.1).await, (0, 0));
        // Far more than may be open at once, one after the other.
        for _ in 0..200 {
            assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
        }
    });
    let totals = rig.finish();
    assert_eq!((totals.queries_doq, totals.quic_opened, totals.quic_closed), (204, 1, 1));
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let whole = framed(&query(0, "now.example"));
        for octets in [
            &framed(&query(1, "now.example"))[..],
            &whole[..whole.len() - 1],
            &[&whole[..], b"x"].concat(),
            b"",
        ] {
            let client = rig.quic().await.unwrap();
            client.say(octets).await;
            assert_eq!(client.ended().await, 2, "{octets:?}");
        }
    });
    assert_eq!(rig.finish().queries_doq, 0);
}

#[test]
fn one_stream_may_fail_alone() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let client = rig.quic().await.unwrap();
        let (mut sending, mut receiving) = client.connection.open_bi().await.unwrap();
        // Longer than any query; nobody takes it to its end.
        let sent = sending.write_all(&vec![0; 20_000]).await;
        assert!(sent.is_err() || read_all(&mut receiving).await.is_err());
        // The policy says nothing at all.
        assert!(read_all(&mut client.ask("silent.example").await.1).await.is_err());
        // Given up by the client.
        let (_sending, mut receiving) = client.ask("held.example").await;
        rig.script.held.acquire().await.unwrap().forget();
        receiving.stop(3_u8.into()).unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
    });
    rig.await_gone();
    let totals = rig.finish();
    assert_eq!((totals.queries_doq, totals.dropped_policy, totals.dropped_gone), (3, 1, 1));
}

#[test]
fn strangers_are_refused_and_then_ignored() {
    let rig = Rig::start_for(&["127.0.0.1:0"], 1, Access::nobody());
    rig.runtime.block_on(async {
        let client = rig.quic().await.unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 5));
        assert_eq!(client.ended().await, 0);
        for _ in 0..10 {
            let quick = tokio::time::timeout(Duration::from_millis(200), rig.quic()).await;
            if quick.is_err() {
                return;
            }
        }
        panic!("a stranger is met without end");
    });
    assert!(rig.finish().strangers_turned_away > 0);
}

#[test]
fn the_latest_connection_is_served_however_many_idle() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let mut idle = Vec::new();
        for _ in 0..252 {
            idle.push(rig.quic().await.unwrap());
        }
        let client = rig.quic().await.unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
        for early in &idle[..2] {
            assert_eq!(early.ended().await, 0);
        }
    });
    assert!(rig.finish().tcp_evicted >= 3);
}

#[test]
fn junk_and_silence_stall_nobody() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = rig.encrypted(Transport::Doq);
    for len in 0..300_usize {
        let junk: Vec<u8> = (0..len * 4).map(|it| (it * 31 + len) as u8 | 0xc0).collect();
        socket.send_to(&junk, to).unwrap();
    }
    rig.runtime.block_on(async {
        // Many that connect and never say a word.
        let mut silent = Vec::new();
        for _ in 0..60 {
            silent.push(rig.quic().await.unwrap());
        }
        let client = rig.quic().await.unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
    });
    rig.finish();
}

#[test]
fn handshakes_of_one_client_leave_room_for_others() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let _unfinished = rig.runtime.block_on(async {
        // Half of the room for those who prove nothing, and then its share.
        let share = (UNPROVEN_MAX / 2 + PROVEN_PER_CLIENT_MAX) as usize;
        let unfinished = rig.leave_unfinished(share + 5, 2, true).await;
        assert_eq!(rig.metrics.totals().quic_turned_away, 5);
        for (transport, protocol) in [(Transport::Doq, &b"doq"[..]), (Transport::Doh3, b"h3")] {
            let Err(error) = rig.shake_hands_from(2, transport, protocol).await else {
                panic!("one too many over {transport:?}");
            };
            let ConnectionError::ConnectionClosed(close) = error else { panic!("{error}") };
            assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
        }
        let client = rig.quic().await.unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
        unfinished
    });
    let totals = rig.finish();
    assert_eq!(totals.quic_turned_away, 7);
    // Nor does anybody wait at the end until they are too late.
    assert_eq!(totals.handshakes_failed, 0);
}

#[test]
fn handshakes_in_the_name_of_a_client_leave_room_for_it() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let mut forged = Vec::new();
        for host in 2..7 {
            forged.push(rig.leave_unfinished(17, host, false).await);
        }
        forged.push(rig.leave_unfinished(100, 1, false).await);
        let client = rig.quic().await.unwrap();
        assert_eq!(hear(&mut client.ask("now.example").await.1).await, (0, 0));
    });
    let totals = rig.finish();
    // Five without room of those in other names, all in its name, and the client itself.
    assert!(totals.quic_to_prove >= 106 && totals.quic_turned_away == 0, "{totals:?}");
}

#[test]
fn what_is_under_way_is_answered_at_the_end() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let (client, mut held) = rig.runtime.block_on(async {
        let client = rig.quic().await.unwrap();
        let held = client.ask("held.example").await;
        rig.script.held.acquire().await.unwrap().forget();
        (client, held)
    });
    let script = Arc::clone(&rig.script);
    let stopping = rig.runtime.spawn(rig.server.stop(PATIENCE));
    script.release.add_permits(1);
    rig.runtime.block_on(async {
        assert_eq!(hear(&mut held.1).await, (0, 0));
        assert_eq!(client.ended().await, 0);
        assert_eq!(stopping.await.unwrap().unanswered, 0);
    });
}
