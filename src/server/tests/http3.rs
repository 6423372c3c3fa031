//! Over HTTP/3: queries and what is none, bounds, and who is served.

use super::{quic::Quic, *};
use crate::upstream::Carrier;
use bytes::{Buf as _, Bytes};
use data_encoding::BASE64URL_NOPAD;
use h3::{client::SendRequest, error::StreamError, quic as carried};
use hyper::{Method, Request};

type Opener = <Carrier as carried::Connection<Bytes>>::OpenStreams;

/// A connection of HTTP/3, driven by a task.
struct Http3 {
    sender: SendRequest<Opener, Bytes>,
    ended: JoinHandle<h3::error::ConnectionError>,
    _quic: Quic,
}

impl Rig {
    async fn http3(&self) -> Http3 {
        let quic = self.shake_hands(Transport::Doh3, b"h3").await.unwrap();
        let carrier = Carrier::new(quic.connection.clone(), 1 << 20);
        let (mut driver, sender) = h3::client::new(carrier).await.unwrap();
        let ended =
            tokio::spawn(async move { std::future::poll_fn(|cx| driver.poll_close(cx)).await });
        Http3 { sender, ended, _quic: quic }
    }
}

impl Http3 {
    /// Status and body of the response.
    async fn ask(&self, request: Request<Vec<u8>>) -> Result<(u16, Vec<u8>), StreamError> {
        let (head, body) = request.into_parts();
        let mut sender = self.sender.clone();
        let exchange = async {
            let mut stream = sender.send_request(Request::from_parts(head, ())).await?;
            if !body.is_empty() {
                // Nobody has to take what nobody wants.
                let _ = stream.send_data(body.into()).await;
            }
            let _ = stream.finish().await;
            let response = stream.recv_response().await?;
            let mut said = Vec::new();
            while let Some(part) = stream.recv_data().await? {
                said.extend_from_slice(part.chunk());
            }
            assert_eq!(response.headers()["content-length"], said.len().to_string());
            Ok((response.status().as_u16(), said))
        };
        tokio::time::timeout(PATIENCE, exchange).await.unwrap()
    }

    /// ID and rcode of the response to a query.
    async fn hear(&self, request: Request<Vec<u8>>) -> (u16, u8) {
        let (status, message) = self.ask(request).await.unwrap();
        assert_eq!(status, 200);
        id_and_rcode(&message)
    }

    async fn ended(&mut self) {
        tokio::time::timeout(PATIENCE, &mut self.ended).await.unwrap().unwrap();
    }
}

fn request(method: Method, path: &str, body: &[u8]) -> Request<Vec<u8>> {
    let mut request = Request::new(body.to_vec());
    *request.method_mut() = method;
    *request.uri_mut() = format!("https://localhost{path}").parse().unwrap();
    request.headers_mut().insert("content-type", "application/dns-message".parse().unwrap());
    request
}

fn get(id: u16, name: &str) -> Request<Vec<u8>> {
    let query = BASE64URL_NOPAD.encode(&query(id, name));
    request(Method::GET, &format!("/dns-query?dns={query}"), b"")
}

fn post(id: u16, name: &str) -> Request<Vec<u8>> {
    request(Method::POST, "/dns-query", &query(id, name))
}

#[test]
fn streams_do_not_wait_for_each_other() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let client = rig.http3().await;
        let others = async {
            rig.script.held.acquire().await.unwrap().forget();
            for name in ["now.example", "later.example"] {
                assert_eq!(client.hear(get(2, name)).await, (2, 0));
                assert_eq!(client.hear(post(3, name)).await, (3, 0));
            }
            assert_eq!(client.hear(get(4, "panic.example")).await, (4, 2));
            rig.script.release.add_permits(1);
        };
        let (held, ()) = tokio::join!(client.hear(post(1, "held.example")), others);
        assert_eq!(held, (1, 0));
        // Far more than may be open at once, one after the other.
        for _ in 0..150 {
            assert_eq!(client.hear(get(0, "now.example")).await, (0, 0));
        }
    });
    let totals = rig.finish();
    assert_eq!((totals.queries_doh3, totals.quic_opened, totals.quic_closed), (156, 1, 1));
}

#[test]
fn what_carries_no_query_is_told_why() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        let client = rig.http3().await;
        let mut other_type = post(1, "now.example");
        other_type.headers_mut().remove("content-type");
        for (request, expected) in [
            (request(Method::GET, "/", b""), 404),
            (request(Method::GET, "/dns-query", b""), 400),
            (request(Method::GET, "/dns-query?dns=A+B/", b""), 400),
            (request(Method::PUT, "/dns-query", b""), 405),
            (other_type, 415),
            (request(Method::POST, "/dns-query", &[0; 17_000]), 413),
        ] {
            let shown = format!("{} {}", request.method(), request.uri());
            assert_eq!(client.ask(request).await.unwrap().0, expected, "{shown}");
        }
        let long = request(Method::POST, "/dns-query", &[0; 16_000]);
        assert_eq!(client.ask(long).await.unwrap().0, 200);
        // The policy says nothing at all; the connection goes on.
        assert!(client.ask(get(5, "silent.example")).await.is_err());
        assert_eq!(client.hear(get(6, "now.example")).await, (6, 0));
    });
    let totals = rig.finish();
    assert_eq!((totals.http_errors, totals.dropped_policy), (6, 1));
}

/// Says something on a stream of its own that does not end, and waits for the server to want no more of it; how many octets it took.
async fn say_without_end(quic: &Quic, begin: &[u8], both_ways: bool) -> usize {
    let mut sending = if both_ways {
        quic.connection.open_bi().await.unwrap().0
    } else {
        quic.connection.open_uni().await.unwrap()
    };
    let mut taken = 0;
    let told_off = async {
        let mut rest = sending.write_all(begin).await;
        while rest.is_ok() {
            taken += 1000;
            rest = sending.write_all(&[7; 1000]).await;
        }
    };
    tokio::time::timeout(PATIENCE, told_off).await.unwrap();
    taken
}

#[test]
fn no_stream_is_kept_without_bound() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        // Headers of a gigabyte; a frame that nobody knows; a control stream with one of those; settings.
        for (begin, both_ways) in [
            (&b"\x01\xbf\xff\xff\xff"[..], true),
            (b"\x21\xbf\xff\xff\xff", true),
            (b"\x00\x04\x00\x21\xbf\xff\xff\xff", false),
            (b"\x00\x04\xbf\xff\xff\xff", false),
        ] {
            let quic = rig.shake_hands(Transport::Doh3, b"h3").await.unwrap();
            // What is on its way, besides what was taken, is bounded by the window of a stream.
            let taken = say_without_end(&quic, begin, both_ways).await;
            assert!(taken < 48 * 1024, "{begin:?}: {taken}");
        }
        assert_eq!(rig.http3().await.hear(get(1, "now.example")).await, (1, 0));
    });
    assert_eq!(rig.finish().queries_doh3, 1);
}

#[test]
fn strangers_are_refused_and_then_ignored() {
    let rig = Rig::start_for(&["127.0.0.1:0"], 1, Access::nobody());
    rig.runtime.block_on(async {
        let mut client = rig.http3().await;
        assert_eq!(client.hear(get(1, "now.example")).await, (1, 5));
        client.ended().await;
        for _ in 0..10 {
            let shaking = rig.shake_hands(Transport::Doh3, b"h3");
            if tokio::time::timeout(Duration::from_millis(200), shaking).await.is_err() {
                return;
            }
        }
        panic!("a stranger is met without end");
    });
    assert!(rig.finish().strangers_turned_away > 0);
}

#[test]
fn silence_stalls_nobody() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    rig.runtime.block_on(async {
        // Many that connect and say no word of HTTP, and one that begins a query on every stream and never ends it.
        let mut silent = Vec::new();
        for _ in 0..60 {
            silent.push(rig.shake_hands(Transport::Doh3, b"h3").await.unwrap());
        }
        let mut begun = Vec::new();
        for _ in 0..64 {
            let mut streams = silent[0].connection.open_bi().await.unwrap();
            streams.0.write_all(b"\x01\x40").await.unwrap();
            begun.push(streams);
        }
        assert_eq!(rig.http3().await.hear(post(1, "now.example")).await, (1, 0));
    });
    rig.finish();
}

#[test]
fn what_is_under_way_is_answered_at_the_end() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let (mut client, held) = rig.runtime.block_on(async {
        let client = rig.http3().await;
        let sender = client.sender.clone();
        let held = tokio::spawn(async move {
            let mut sender = sender;
            let (head, _) = get(1, "held.example").into_parts();
            let mut stream = sender.send_request(Request::from_parts(head, ())).await.unwrap();
            stream.finish().await.unwrap();
            let status = stream.recv_response().await.unwrap().status();
            let said = stream.recv_data().await.unwrap().unwrap().chunk().to_vec();
            (status.as_u16(), id_and_rcode(&said))
        });
        rig.script.held.acquire().await.unwrap().forget();
        (client, held)
    });
    let script = Arc::clone(&rig.script);
    let stopping = rig.runtime.spawn(rig.server.stop(PATIENCE));
    script.release.add_permits(1);
    rig.runtime.block_on(async {
        assert_eq!(held.await.unwrap(), (200, (1, 0)));
        client.ended().await;
        assert_eq!(stopping.await.unwrap().unanswered, 0);
    });
}
