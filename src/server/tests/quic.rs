//! Over QUIC: streams, what breaks the protocol, and who is served.

use super::{tls::client, *};
use quinn::{
    ClientConfig, Connection, ConnectionError, Endpoint, ReadToEndError, RecvStream, SendStream,
    crypto::rustls::QuicClientConfig,
};

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
        let mut config = client(&self.certificate, protocol).as_ref().clone();
        config.enable_early_data = false;
        let config = QuicClientConfig::try_from(config).unwrap();
        let endpoint = Endpoint::client(([127, 0, 0, 1], 0).into()).unwrap();
        let to = self.encrypted(transport);
        let config = ClientConfig::new(Arc::new(config));
        let connecting = endpoint.connect_with(config, to, "localhost").unwrap();
        let connected = tokio::time::timeout(PATIENCE, connecting).await;
        Ok(Quic { connection: connected.unwrap()?, _endpoint: endpoint })
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
