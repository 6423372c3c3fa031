//! Stopping: nothing that stood in a socket is lost.

use super::*;
#[cfg(target_os = "linux")]
use std::sync::mpsc;

/// Asks one query after the other, `window` at a time, until the port is closed. Returns queries sent and answers received.
#[cfg(target_os = "linux")]
fn flood(server: SocketAddr, window: u32, name: &str, busy: &mpsc::Sender<()>) -> (u32, u32) {
    let client = udp_from("127.0.0.1", server);
    let (mut sent, mut received) = (0, 0);
    let mut buffer = [0; 2000];
    let refused = |error: std::io::Error| {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
    };
    // The error that reports a closed port is met once, by whichever call comes next.
    'flood: loop {
        while sent - received < window {
            match client.send(&query(sent as u16, name)) {
                Ok(_) => sent += 1,
                Err(error) => break 'flood refused(error),
            }
        }
        match client.recv(&mut buffer) {
            Ok(_) => received += 1,
            Err(error) => break 'flood refused(error),
        }
        if received == 1000 {
            busy.send(()).unwrap();
        }
    }
    // What is still on its way to us. The query that the closed port bounced is the one that never reached the server.
    while received < sent - 1 {
        client.recv(&mut buffer).unwrap();
        received += 1;
    }
    (sent, received)
}

/// Other systems than Linux have no way to keep new queries off a socket that is being emptied.
#[track_caller]
#[cfg(target_os = "linux")]
fn check_flood(listen: &str, name: &'static str) {
    let rig = Rig::start(&[listen], 2);
    let address = SocketAddr::from(([127, 0, 0, 1], rig.address().port()));
    let (busy, started) = mpsc::channel();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let busy = busy.clone();
            thread::spawn(move || flood(address, 32, name, &busy))
        })
        .collect();
    for _ in &clients {
        started.recv_timeout(PATIENCE).unwrap();
    }
    let totals = rig.finish();
    let counts: Vec<(u32, u32)> = clients.into_iter().map(|it| it.join().unwrap()).collect();
    let received: u32 = counts.iter().map(|it| it.1).sum();
    assert_eq!(totals.responses, u64::from(received));
    assert_eq!(totals.queries_udp, u64::from(received));
}

#[test]
#[cfg(target_os = "linux")]
fn no_query_is_lost_under_a_flood() {
    check_flood("127.0.0.1:0", "now.example");
}

#[test]
#[cfg(target_os = "linux")]
fn no_query_is_lost_on_the_wildcard() {
    check_flood("0.0.0.0:0", "now.example");
}

#[test]
#[cfg(target_os = "linux")]
fn no_query_is_lost_on_the_asynchronous_side() {
    check_flood("127.0.0.1:0", "later.example");
}

#[test]
fn waiting_queries_are_awaited() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let client = rig.udp();
    let mut stream = rig.tcp();
    for id in 0..10 {
        client.send(&query(id, "held.example")).unwrap();
        ask(&mut stream, id, "held.example");
    }
    rig.await_held(20);
    let script = Arc::clone(&rig.script);
    let stopping = rig.runtime.spawn(rig.server.stop(PATIENCE));
    // Still served while the stop waits: the connection was told, and says so by not reading on; then the answers come.
    script.release.add_permits(20);
    for _ in 0..10 {
        assert_eq!(receive(&client).1, 0);
        assert_eq!(read(&mut stream).1, 0);
    }
    expect_end(&mut stream);
    let stopped = rig.runtime.block_on(stopping).unwrap();
    assert_eq!(stopped.unanswered, 0);
}

#[test]
fn the_deadline_holds() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let client = rig.udp();
    for id in 0..10 {
        client.send(&query(id, "held.example")).unwrap();
    }
    rig.await_held(10);
    let stopped = rig.runtime.block_on(rig.server.stop(Duration::from_millis(50)));
    assert_eq!(stopped.unanswered, 10);
}

#[test]
fn what_stands_in_tcp_sockets_is_answered() {
    let rig = Rig::start(&["127.0.0.1:0"], 1);
    let mut known: Vec<TcpStream> = (0..20).map(|_| rig.tcp()).collect();
    for (id, stream) in known.iter_mut().enumerate() {
        ask(stream, id as u16, "now.example");
        assert_eq!(read(stream), (id as u16, 0));
    }
    // Some of the connections were accepted long ago, some are still to be.
    let mut streams: Vec<TcpStream> = known.into_iter().chain((0..20).map(|_| rig.tcp())).collect();
    for (id, stream) in streams.iter_mut().enumerate() {
        ask(stream, id as u16, "now.example");
        ask(stream, 1000, "later.example");
    }
    let totals = rig.finish();
    for (id, stream) in streams.iter_mut().enumerate() {
        assert_eq!(read(stream), (id as u16, 0));
        assert_eq!(read(stream), (1000, 0));
        expect_end(stream);
    }
    assert_eq!(totals.responses, 100);
}

#[test]
fn the_port_is_free_afterwards() {
    // An address of its own, where no other test draws the port in between.
    let rig = Rig::start(&["127.0.0.12:0"], 2);
    let address = rig.address().to_string();
    rig.finish();
    let rig = Rig::start(&[&address], 2);
    let client = rig.udp();
    client.send(&query(1, "now.example")).unwrap();
    assert_eq!(receive(&client), (1, 0));
    rig.finish();
}
