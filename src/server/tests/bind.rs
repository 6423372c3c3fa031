//! Starting where somebody else is already, and what the message says.
#![expect(
    unsafe_code,
    reason = "one thread takes another user's identity, which only the system call itself can do"
)]

use super::*;
use crate::dns::Transport;
use socket2::{Domain, Socket as Raw, Type};

fn start_at(listen: &[SocketAddr]) -> Result<(), StartError> {
    super::super::bind::bind(listen, 2).map(|_| ())
}

/// A UDP or TCP socket that anybody else may share, bound by user `nobody` where this test runs as root.
fn of_another_user(address: &str, kind: Type) -> Raw {
    let address: SocketAddr = address.parse().unwrap();
    thread::spawn(move || {
        // The call concerns the calling thread alone; the C library's wrapper would change all threads. Without root it fails, and the
        // socket is of the same user.
        // SAFETY: the call takes three numbers; -1 keeps an id as it is.
        unsafe { libc::syscall(libc::SYS_setresuid, -1, 65_534, -1) };
        let socket = Raw::new(Domain::for_address(address), kind, None).unwrap();
        socket.set_reuse_address(true).unwrap();
        socket.set_reuse_port(true).unwrap();
        socket.bind(&address.into()).unwrap();
        if kind == Type::STREAM {
            socket.listen(1).unwrap();
        }
        socket
    })
    .join()
    .unwrap()
}

#[track_caller]
fn check_in_use(holder: &str, kind: Type, wanted: IpAddr) {
    let expected = if kind == Type::DGRAM { Transport::Udp } else { Transport::Tcp };
    // A port that is drawn for TCP may be in use over UDP already, by some other test. And what the kernel lists of sockets may lack one
    // while others come and go.
    let refused = (0..20).find_map(|_| {
        let socket = of_another_user(holder, kind);
        let bound = socket.local_addr().unwrap().as_socket().unwrap();
        let error = start_at(&[SocketAddr::new(wanted, bound.port())]).unwrap_err();
        let StartError::InUse { transport, holder, .. } = &error else {
            panic!("{error}");
        };
        let holder = holder.clone().filter(|_| *transport == expected)?;
        Some((bound, holder, error.to_string()))
    });
    let (bound, found, text) = refused.unwrap();
    assert_eq!(found.bound, bound);
    assert!(text.contains(&format!("(pid {}, user ", std::process::id())), "{text}");
    assert!(text.contains(&format!("holds {bound}")) && text.contains("\nhint: stop `"), "{text}");
}

#[test]
fn a_port_that_another_shares_is_not_ours() {
    let (v4, v6) = ("127.0.0.1".parse().unwrap(), "::1".parse().unwrap());
    for kind in [Type::DGRAM, Type::STREAM] {
        check_in_use("0.0.0.0:0", kind, v4);
        check_in_use("127.0.0.1:0", kind, v4);
        check_in_use("127.0.0.2:0", kind, "0.0.0.0".parse().unwrap());
        check_in_use("[::]:0", kind, v6);
        check_in_use("[::]:0", kind, v4);
    }
}

#[test]
fn one_instance_per_address() {
    let rig = Rig::start(&["127.0.0.1:0"], 2);
    assert!(matches!(start_at(&[rig.address()]), Err(StartError::InUse { .. })));
    let client = rig.udp();
    client.send(&query(1, "now.example")).unwrap();
    assert_eq!(receive(&client), (1, 0));
    rig.finish();
}

#[test]
fn messages_say_what_to_do() {
    let at = |it: &str| it.parse::<SocketAddr>().unwrap();
    let held = |program: &str| StartError::InUse {
        address: at("127.0.0.1:53"),
        transport: Transport::Udp,
        holder: Some(Holder {
            bound: at("0.0.0.0:53"),
            user: "mallory".to_owned(),
            process: Some((99, program.to_owned())),
        }),
    };
    let hidden = StartError::InUse {
        address: at("[::1]:53"),
        transport: Transport::Tcp,
        holder: Some(Holder { bound: at("[::]:53"), user: "1000".to_owned(), process: None }),
    };
    let unknown =
        StartError::InUse { address: at("[::1]:53"), transport: Transport::Tcp, holder: None };
    let permission =
        StartError::Permission { address: at("192.168.1.2:53"), transport: Transport::Udp };
    let cases = [
        (
            held("dnsmasq"),
            vec![
                "`127.0.0.1:53` (udp): `dnsmasq` (pid 99, user mallory) holds 0.0.0.0:53",
                "stop `dnsmasq`",
            ],
        ),
        (held("squint"), vec!["another Squint", "`kill 99`", "`--listen 127.0.0.1:54`"]),
        (held("systemd-resolve"), vec!["DNSStubListener=no"]),
        (held("a\x1b[1m"), vec!["`a\\u{1b}[1m` (pid"]),
        (hidden, vec!["`[::1]:53` (tcp): a process of user 1000 holds [::]:53", "as root"]),
        (unknown, vec!["the port is in use", "ss -lnup 'sport = :53'"]),
        (
            permission,
            vec![
                "permission denied",
                "setcap cap_net_bind_service=+ep",
                "`--listen 192.168.1.2:5300`",
            ],
        ),
        (start_at(&[]).unwrap_err(), vec!["no address", "[server] listen"]),
        (
            start_at(&[at("198.51.100.77:0")]).unwrap_err(),
            vec!["no interface of this host", "`127.0.0.1`"],
        ),
        (
            start_at(&[at("0.0.0.0:53"), at("127.0.0.1:53")]).unwrap_err(),
            vec!["`0.0.0.0:53` and `127.0.0.1:53`"],
        ),
    ];
    for (error, expected) in cases {
        let text = error.to_string();
        for it in expected {
            assert!(text.contains(it), "`{it}` is not in: {text}");
        }
    }
}

#[test]
fn an_address_named_twice_is_bound_once() {
    // An address of its own, where no other test draws the port in between.
    let rig = Rig::start(&["127.0.0.11:0"], 1);
    let address = rig.address();
    rig.finish();
    start_at(&[address, address]).unwrap();
}
