//! What it says when it starts, and why it may not.

use crate::support::{Data, Knot, Process, Squint, binary, free_port, run};
use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    process::Command,
};

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

#[test]
fn it_says_where_it_listens_and_what_it_knows() {
    let knot = Knot::start();
    let data = Data::new();
    data.write("list.txt", "one.example\ntwo.example\nthree.example\n");
    let path = data.path().join("list.txt");
    data.write_config(&format!(
        "[[list]]\nname = \"own\"\npath = {path:?}\nkind = \"block\"\naction = \"nxdomain\"\n"
    ));
    let squint = Squint::start_in(data, knot.address);
    let told = squint.process.stdout();
    for expected in [
        squint.address.to_string(),
        knot.address.to_string(),
        squint.data.config().display().to_string(),
        "3 ".to_owned(),
        "protect".to_owned(),
    ] {
        assert!(told.contains(&expected), "`{expected}` is missing\n{told}");
    }
    let try_line = told.lines().last().unwrap();
    assert!(try_line.contains(&format!("-p {}", squint.address.port())), "{try_line}");
    // The line is what a person pastes next, so it has to work.
    let words = try_line.strip_prefix("try: ").unwrap();
    let done = run(Command::new("sh").args(["-c", words]), "");
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn a_config_beside_it_is_found() {
    let knot = Knot::start();
    let data = Data::new();
    let port = free_port();
    data.write_config(&format!(
        "[server]\nlisten = [\"127.0.0.1:{port}\"]\n[upstream]\nservers = [\"udp://{}\"]\n",
        knot.address
    ));
    let state = data.path().join("elsewhere");
    let process = Process::start(
        binary().arg("serve").current_dir(data.path()).env("STATE_DIRECTORY", &state),
    );
    assert!(
        process.wait_for_line(|it| it.starts_with("try: dig")).is_some(),
        "{}",
        process.stderr()
    );
    assert!(process.stdout().contains(&port.to_string()));
    assert!(state.is_dir());
}

/// Starts `squint serve` on a port that is held, and checks that it says so, and names `holder`.
fn check_held(port: u16, holder: &str) {
    let knot = Knot::start();
    let done = run(&mut Data::new().serve(loopback(port), knot.address), "");
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains(&loopback(port).to_string()), "{}", done.stderr);
    assert!(done.stderr.contains(holder), "`{holder}` is missing\n{}", done.stderr);
    assert!(done.stderr.contains("hint:"), "{}", done.stderr);
}

#[test]
fn a_udp_port_that_is_held_names_its_holder() {
    let socket = UdpSocket::bind(loopback(0)).unwrap();
    check_held(socket.local_addr().unwrap().port(), &std::process::id().to_string());
}

#[test]
fn a_tcp_port_that_is_held_names_its_holder() {
    let port = free_port();
    let _listener = TcpListener::bind(loopback(port)).unwrap();
    check_held(port, &std::process::id().to_string());
}

#[test]
fn a_port_held_by_another_user_names_its_holder() {
    let port = free_port();
    // Shared as generously as a socket can be, and still not ours to share.
    let program = format!(
        "import socket, time\n\
         s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
         s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)\n\
         s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)\n\
         s.bind(('0.0.0.0', {port}))\n\
         print('bound', flush=True)\n\
         time.sleep(60)\n"
    );
    let holder =
        Process::start(
            Command::new("setpriv")
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .args(["/usr/bin/python3", "-c", &program]),
        );
    let bound = holder.wait_for_line(|it| it == "bound");
    assert!(bound.is_some(), "this test needs root, to be somebody else: {}", holder.stderr());
    check_held(port, &holder.pid().to_string());
}

#[test]
fn a_second_one_on_the_same_port_is_refused() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    check_held(squint.address.port(), &squint.process.pid().to_string());
    assert_eq!(squint.ask("www.example", "A").answer.len(), 2);
}

#[test]
fn a_second_one_on_the_same_data_is_refused() {
    let knot = Knot::start();
    let squint = Squint::start(knot.address, "");
    let done = run(&mut squint.data.serve(loopback(free_port()), knot.address), "");
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains(&squint.data.state().display().to_string()), "{}", done.stderr);
    assert!(done.stderr.contains("hint:"), "{}", done.stderr);
    assert_eq!(squint.ask("www.example", "A").answer.len(), 2);
}

#[test]
fn data_left_by_a_crash_is_taken_over() {
    let knot = Knot::start();
    let mut squint = Squint::start(knot.address, "");
    squint.ask("www.example", "A");
    squint.process.signal("KILL");
    crate::support::wait_until("it is gone", || !squint.process.is_running());
    let Squint { data, .. } = squint;
    let again = Squint::start_in(data, knot.address);
    again.ask("www.example", "A");
    assert!(!again.stop().1.is_empty());
}

#[test]
fn a_broken_config_stops_the_start() {
    let knot = Knot::start();
    let data = Data::new();
    data.write_config("[server]\nlisten = [\"127.0.0.1\"]\n");
    let done = run(&mut data.serve(loopback(free_port()), knot.address), "");
    assert_eq!(done.code, Some(2), "{done:?}");
    for expected in ["config.toml:2:11", "^", "hint:"] {
        assert!(done.stderr.contains(expected), "`{expected}` is missing\n{}", done.stderr);
    }
}

#[test]
fn bad_arguments_are_explained() {
    for args in [
        &["serve", "--listen", "nowhere"][..],
        &["serve", "--upstream", "gopher://192.0.2.1"],
        &["frobnicate"],
    ] {
        let done = run(binary().args(args), "");
        assert_eq!(done.code, Some(2), "{args:?}: {done:?}");
        assert!(done.stderr.contains(args.last().unwrap()), "{args:?}: {}", done.stderr);
    }
}

#[test]
fn a_data_directory_is_needed_where_there_is_something_to_keep() {
    let knot = Knot::start();
    let start = |config: &str| {
        let data = Data::new();
        // Nobody can make a directory in the place of a file, root neither.
        data.write("state", "");
        data.write_config(config);
        data
    };
    for config in ["", "[history]\nenabled = false\n[seen]\nenabled = true\n"] {
        let done = run(&mut start(config).serve(loopback(free_port()), knot.address), "");
        assert_eq!(done.code, Some(2), "{done:?}");
        assert!(done.stderr.contains("cannot use data directory"), "{}", done.stderr);
        assert!(done.stderr.contains("hint: choose another with `--data-dir"), "{}", done.stderr);
    }
    let squint = Squint::start_in(start("[history]\nenabled = false\n"), knot.address);
    assert_eq!(squint.ask("www.example", "A").status, "NOERROR");
}
