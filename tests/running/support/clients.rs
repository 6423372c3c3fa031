//! Clients written by others in Python, and the load generator of DNS-OARC.

use super::{Encrypted, Finished, NAME, Network, run};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

/// Asks one question.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/ask.py");

/// Asks by `tests/clients/ask.py`; the facts that it prints.
pub(crate) fn ask_by_others(
    served: &Encrypted,
    way: &str,
    server: SocketAddr,
    qname: &str,
    qtype: &str,
) -> String {
    let (address, port, ca) = (server.ip().to_string(), server.port().to_string(), served.ca());
    let mut command = Command::new(python());
    command.arg(SCRIPT).args([way, &address, &port]).arg(ca).args([NAME, qname, qtype]);
    let done = run(&mut command, "");
    assert_eq!(done.code, Some(0), "{way} {qname}: {done:?}");
    done.stdout
}

/// The same from a host of a network.
pub(crate) fn ask_on(network: &Network, args: &[&str]) -> String {
    let script = [SCRIPT].iter().chain(args).map(|&it| it.to_owned()).collect::<Vec<_>>();
    let done = run(&mut network.on_client(python().to_str().unwrap(), &script), "");
    assert_eq!(done.code, Some(0), "{args:?}: {done:?}");
    done.stdout
}

/// The interpreter that `scripts/test` sets up with the packages of `tests/clients/requirements.txt`.
fn python() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("clients").join("bin/python")
}

/// Asks `queries` times for names that all exist, by `dnsperf` over `mode`; what it prints. Over DoH it goes astray where two responses
/// come along on a connection, and believes all that follow lost: one at a time, `-q 1`, it hears all.
pub(crate) fn dnsperf(
    server: SocketAddr,
    mode: &str,
    queries: usize,
    options: &[&str],
) -> Finished {
    let names: String = (0..queries).map(|it| format!("n{it}.example A\n")).collect();
    let (address, port) = (server.ip().to_string(), server.port().to_string());
    let mut command = Command::new("dnsperf");
    command.args(["-m", mode, "-s", &address, "-p", &port, "-n", "1"]);
    let done = run(command.args(options), &names);
    assert_eq!(done.code, Some(0), "{mode}: {done:?}");
    done
}
