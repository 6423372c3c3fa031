//! Over TCP: framing, pipelining, caps and deadlines.

use super::{super::front::WAITING_MAX, *};
use std::net::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[test]
fn answers_leave_in_the_order_they_are_ready() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tcp();
    ask(&mut stream, 1, "held.example");
    ask(&mut stream, 2, "later.example");
    assert_eq!(read(&mut stream), (2, 0));
    ask(&mut stream, 3, "now.example");
    assert_eq!(read(&mut stream), (3, 0));
    rig.script.release.add_permits(1);
    assert_eq!(read(&mut stream), (1, 0));
    drop(stream);
    rig.finish();
}

#[test]
fn split_and_joined_segments() {
    let rig = Rig::start(&["[::1]:0"], 1);
    let mut stream = rig.tcp();
    for octet in framed(&query(1, "now.example")) {
        stream.write_all(&[octet]).unwrap();
    }
    assert_eq!(read(&mut stream), (1, 0));
    let many: Vec<u8> = (0..500).flat_map(|id| framed(&query(id, "now.example"))).collect();
    stream.write_all(&many).unwrap();
    for id in 0..500 {
        assert_eq!(read(&mut stream), (id, 0));
    }
    drop(stream);
    assert_eq!(rig.finish().responses, 501);
}

#[test]
fn each_message_gets_its_due() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tcp();
    let long = [query(7, "now.example"), vec![0; 60_000]].concat();
    let cases = [
        (query(7, "panic.example"), Some(2)),
        (query(7, "later-panic.example"), Some(2)),
        (query(7, "now.example")[..20].to_vec(), Some(1)),
        (long, Some(0)),
        (query(7, "silent.example"), None),
        (query(7, "now.example")[..11].to_vec(), None),
        (vec![], None),
        (query(7, "now.example"), Some(0)),
    ];
    for (packet, expected) in &cases {
        stream.write_all(&framed(packet)).unwrap();
        if let Some(rcode) = expected {
            assert_eq!(read(&mut stream), (7, *rcode));
        }
    }
    drop(stream);
    assert_eq!(rig.finish().queries_tcp, cases.len() as u64);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answers() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tcp();
    ask(&mut stream, 1, "held.example");
    ask(&mut stream, 2, "now.example");
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read(&mut stream), (2, 0));
    rig.script.release.add_permits(1);
    assert_eq!(read(&mut stream), (1, 0));
    expect_end(&mut stream);
    rig.finish();
}

#[test]
fn a_connection_with_too_many_queries_waiting_is_told_at_once() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tcp();
    let most = (WAITING_MAX / 2) as u16;
    for id in 0..most + 36 {
        let query = with_edns(query(id, "held.example"));
        stream.write_all(&framed(&query)).unwrap();
    }
    for id in most..most + 36 {
        let response = read_whole(&mut stream);
        assert_eq!(id_and_rcode(&response), (id, 2));
        // Option EDE, its length, code 23, text.
        let text = b"too many queries are waiting for upstreams";
        let ede = [&[0, 15, 0, text.len() as u8 + 2, 0, 23][..], text].concat();
        assert!(response.ends_with(&ede), "{response:?}");
    }
    rig.await_held(most.into());
    rig.script.release.add_permits(usize::from(most));
    let mut ids: Vec<u16> = (0..most).map(|_| read(&mut stream).0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..most).collect::<Vec<_>>());
    drop(stream);
    assert_eq!(rig.finish().overflow, 36);
}

#[test]
fn a_client_that_goes_is_counted() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut stream = rig.tcp();
    ask(&mut stream, 1, "held.example");
    rig.await_held(1);
    // Closing with an answer unread resets the connection.
    ask(&mut stream, 2, "now.example");
    assert_eq!(stream.peek(&mut [0; 1]).unwrap(), 1);
    drop(stream);
    rig.await_gone();
    let metrics = Arc::clone(&rig.metrics);
    rig.finish();
    let totals = metrics.totals();
    assert_eq!((totals.dropped_gone, totals.tcp_opened, totals.tcp_closed), (1, 1, 1));
}

#[test]
fn the_latest_connection_is_served_however_many_idle() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut idle: Vec<TcpStream> = (0..260).map(|_| rig.tcp()).collect();
    let mut latest = rig.tcp();
    ask(&mut latest, 1, "now.example");
    assert_eq!(read(&mut latest), (1, 0));
    for stream in &mut idle[..11] {
        expect_end(stream);
    }
    ask(&mut idle[11], 2, "now.example");
    assert_eq!(read(&mut idle[11]), (2, 0));
    drop((idle, latest));
    assert_eq!(rig.finish().tcp_evicted, 11);
}

/// A connection from another address of this host, as of another client.
fn tcp_from(client: [u8; 4], server: SocketAddr) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((client, 0)).into()).unwrap();
    socket.connect(&server.into()).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

#[test]
fn a_thousand_idle_connections_are_in_nobodys_way() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let from = |it: u32| [127, 0, 1, u8::try_from(it / 200).unwrap()];
    let idle: Vec<TcpStream> = (0..1000).map(|it| tcp_from(from(it), rig.address())).collect();
    let socket = rig.udp();
    for id in 0..500 {
        let name = if id % 2 == 0 { "now.example" } else { "later.example" };
        socket.send(&query(id, name)).unwrap();
        assert_eq!(receive(&socket), (id, 0));
    }
    // Everybody who comes finds a place, at the cost of whoever idles longest.
    let comers: Vec<TcpStream> = (0..20)
        .map(|number| {
            let mut stream = tcp_from([127, 0, 2, number], rig.address());
            ask(&mut stream, 1, "later.example");
            assert_eq!(read(&mut stream), (1, 0));
            stream
        })
        .collect();
    drop((idle, comers));
    // The fuller the table, the shorter the time that one may idle.
    let totals = rig.finish();
    assert!(totals.tcp_evicted + totals.tcp_timed_out >= 20, "{totals:?}");
}

/// A connection served on this task's runtime, whose clock stands still and jumps when nothing else is to do.
async fn connected() -> (tokio::net::TcpStream, JoinHandle<()>, Arc<Metrics>) {
    let (stop, stopped) = watch::channel(false);
    let (script, metrics) = (Arc::new(Script::new()), Arc::new(Metrics::new()));
    let access = Arc::new(Access::new(&[]));
    let responder = Responder::Script(script);
    let front = Arc::new(Front::new(responder, access, Arc::clone(&metrics), clock::now()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let table = tcp_front::Table::new();
    let serving = tokio::spawn(async move {
        tcp_front::serve(listener, Speech::Dns, front, table, stopped).await;
        drop(stop);
    });
    (tokio::net::TcpStream::connect(address).await.unwrap(), serving, metrics)
}

use super::super::tcp as tcp_front;

/// Runs `client` until the server ends the connection; how long that took, in seconds.
async fn lasts(client: impl AsyncFnOnce(&mut tokio::net::TcpStream)) -> (u64, Totals) {
    let (mut stream, serving, metrics) = connected().await;
    let start = Instant::now();
    client(&mut stream).await;
    let mut rest = Vec::new();
    // A reset ends it as well.
    let _ = stream.read_to_end(&mut rest).await;
    let lasted = (Instant::now() - start).as_secs();
    serving.abort();
    (lasted, metrics.totals())
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_ends() {
    let (lasted, totals) = lasts(async |_| ()).await;
    assert_eq!((lasted, totals.tcp_timed_out), (10, 1));
}

#[tokio::test(start_paused = true)]
async fn a_query_renews_the_idle_time() {
    let (lasted, _) = lasts(async |stream| {
        for id in 0..3 {
            tokio::time::sleep(Duration::from_secs(6)).await;
            stream.write_all(&framed(&query(id, "now.example"))).await.unwrap();
            let mut response = vec![0; framed(&query(id, "now.example")).len()];
            stream.read_exact(&mut response).await.unwrap();
        }
    })
    .await;
    assert_eq!(lasted, 28);
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_message_ends_it() {
    let (lasted, totals) = lasts(async |stream| stream.write_all(&[0]).await.unwrap()).await;
    assert_eq!((lasted, totals.tcp_timed_out), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn a_dripping_message_ends_it_all_the_same() {
    let (lasted, _) = lasts(async |stream| {
        for octet in &framed(&query(1, "now.example"))[..8] {
            if stream.write_all(&[*octet]).await.is_err() {
                break;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert!((5..=8).contains(&lasted), "{lasted}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_no_answers_is_cut_off() {
    let (mut stream, serving, metrics) = connected().await;
    let many: Vec<u8> = (0..500).flat_map(|id| framed(&query(id, "now.example"))).collect();
    // Writes until the server, whose answers nobody takes, reads no more; then until it hangs up.
    while stream.write_all(&many).await.is_ok() {}
    serving.abort();
    let totals = metrics.totals();
    assert_eq!((totals.tcp_timed_out, totals.tcp_closed), (1, 1));
    assert!(totals.responses >= 2000, "{totals:?}");
}
