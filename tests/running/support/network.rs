//! Two hosts on a cable, as network namespaces: one to serve, one to ask from addresses that loopback does not have.

use super::{Process, run};
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// Lives as long as the two processes that hold the namespaces.
pub(crate) struct Network {
    server: Process,
    client: Process,
    dir: TempDir,
}

impl Network {
    pub(crate) fn new() -> Self {
        let network = Self { server: host(), client: host(), dir: tempfile::tempdir().unwrap() };
        let (server, client) = (network.server.pid().to_string(), network.client.pid().to_string());
        let add =
            ["link", "add", "cable", "netns", &server, "type", "veth", "peer", "name", "cable"];
        ip(Command::new("ip").args(add).args(["netns", &client]));
        for address in ["10.9.0.1/24", "100.64.0.1/24", "fd00:9::1/64", "2001:db8:9::1/64"] {
            ip(&mut network.address(&network.server, address));
        }
        for address in [
            "10.9.0.2/24",
            "100.64.0.2/24",
            "fd00:9::2/64",
            "2001:db8:9::2/64",
            "203.0.113.9/32",
            "2001:db8:77::2/128",
        ] {
            ip(&mut network.address(&network.client, address));
        }
        for host in [&network.server, &network.client] {
            ip(inside(host, "ip").args(["link", "set", "cable", "up"]));
        }
        for (to, via) in [("203.0.113.0/24", "10.9.0.2"), ("2001:db8:77::/64", "2001:db8:9::2")] {
            ip(inside(&network.server, "ip").args(["route", "add", to, "via", via]));
        }
        network
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The same command on the serving host.
    pub(crate) fn on_server(&self, command: &Command) -> Command {
        let mut moved = inside(&self.server, command.get_program().to_str().unwrap());
        moved.args(command.get_args());
        moved
    }

    pub(crate) fn on_client(&self, program: &str, args: &[String]) -> Command {
        let mut command = inside(&self.client, program);
        command.args(args);
        command
    }

    fn address(&self, host: &Process, address: &str) -> Command {
        let mut command = inside(host, "ip");
        command.args(["address", "add", address, "dev", "cable"]);
        if address.contains(':') {
            command.arg("nodad");
        }
        command
    }
}

fn host() -> Process {
    let script = "ip link set lo up && echo ready && exec sleep 600";
    let host = Process::start(Command::new("unshare").args(["--net", "sh", "-c", script]));
    let ready = host.wait_for_line(|it| it == "ready");
    assert!(ready.is_some(), "this test needs root, to make networks: {}", host.stderr());
    host
}

fn inside(host: &Process, program: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/proc/{}/ns/net", host.pid())).args(["--", program]);
    command
}

fn ip(command: &mut Command) {
    let done = run(command, "");
    assert_eq!(done.code, Some(0), "{command:?}: {done:?}");
}
