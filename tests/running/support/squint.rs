//! The binary under test: started on a free port with a folder of its own.

use super::{Dig, Finished, Process, Response, free_port, run};
use serde_json::Value;
use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// The binary, with an environment that holds nothing of the machine's own.
pub(crate) fn binary() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_squint"));
    command.env_clear();
    command
}

/// A folder with a configuration file and the place for data.
pub(crate) struct Data {
    dir: TempDir,
}

impl Data {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path().join("config.toml")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path().join("state")
    }

    /// Writes a file beside the configuration.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path().join(name), text).unwrap();
    }

    /// Replaces the configuration in one step, as editors do.
    pub(crate) fn write_config(&self, text: &str) {
        self.write("config.new", text);
        fs::rename(self.path().join("config.new"), self.config()).unwrap();
    }

    /// `squint serve` with this folder's files.
    pub(crate) fn serve(&self, listen: SocketAddr, upstream: SocketAddr) -> Command {
        let mut command = self.serve_alone(listen);
        command.args(["--upstream", &format!("udp://{upstream}")]);
        command
    }

    /// The same with the upstreams that the configuration names.
    pub(crate) fn serve_alone(&self, listen: SocketAddr) -> Command {
        let mut command = binary();
        command.current_dir(self.path()).arg("serve");
        if self.config().exists() {
            command.arg("--config").arg(self.config());
        }
        command.args(["--listen", &listen.to_string()]).arg("--data-dir").arg(self.state());
        command
    }

    /// Everything in `events.jsonl` and the files before it, each line checked to be whole.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut files: Vec<PathBuf> = fs::read_dir(self.state())
            .unwrap()
            .map(|it| it.unwrap().path())
            .filter(|it| it.file_name().unwrap().to_string_lossy().starts_with("events.jsonl"))
            .collect();
        files.sort();
        files.reverse();
        let text: String = files.iter().map(|it| fs::read_to_string(it).unwrap()).collect();
        text.lines()
            .map(|it| serde_json::from_str(it).unwrap_or_else(|error| panic!("{error}: {it}")))
            .collect()
    }
}

/// A running `squint serve`.
pub(crate) struct Squint {
    pub(crate) address: SocketAddr,
    pub(crate) process: Process,
    pub(crate) data: Data,
}

impl Squint {
    /// Starts it with `config` besides the listener and the upstream, and waits until it is ready.
    pub(crate) fn start(upstream: SocketAddr, config: &str) -> Self {
        let data = Data::new();
        data.write_config(config);
        Self::start_in(data, upstream)
    }

    pub(crate) fn start_in(data: Data, upstream: SocketAddr) -> Self {
        Self::start_by(data, |data, address| data.serve(address, upstream))
    }

    /// Starts it with the upstreams that its configuration names.
    pub(crate) fn start_alone(data: Data) -> Self {
        Self::start_by(data, Data::serve_alone)
    }

    fn start_by(data: Data, command: impl FnOnce(&Data, SocketAddr) -> Command) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let process = Process::start(&mut command(&data, address));
        let squint = Self { address, process, data };
        squint.wait_until_ready();
        squint
    }

    /// Ends it by a signal and starts it anew with the same files at the same address.
    pub(crate) fn restart(self, signal: &str, upstream: SocketAddr) -> Self {
        let Self { address, process, data } = self;
        process.signal(signal);
        process.wait();
        let process = Process::start(&mut data.serve(address, upstream));
        let squint = Self { address, process, data };
        squint.wait_until_ready();
        squint
    }

    pub(crate) fn wait_until_ready(&self) {
        if self.process.wait_for_line(|it| it.starts_with("try: dig")).is_none() {
            panic!("did not start\n{}{}", self.process.stdout(), self.process.stderr());
        }
    }

    pub(crate) fn dig(&self, name: &str, rtype: &str) -> Dig {
        Dig::new(self.address, name, rtype)
    }

    pub(crate) fn ask(&self, name: &str, rtype: &str) -> Response {
        self.dig(name, rtype).ask()
    }

    /// Stops it as a service manager would, and tells what it left: its output and every event.
    pub(crate) fn stop(self) -> (Finished, Vec<Value>) {
        self.process.signal("TERM");
        let finished = self.process.wait();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        (finished, self.data.events())
    }

    /// The one event about `name` and `rtype`.
    pub(crate) fn stop_and_find(self, name: &str, rtype: &str) -> Value {
        let (_, events) = self.stop();
        let mut found: Vec<Value> = events
            .into_iter()
            .filter(|it| it["query"] == name && it["record_type"] == rtype)
            .collect();
        assert_eq!(found.len(), 1, "{found:#?}");
        found.remove(0)
    }
}

/// Runs `squint` with these arguments to its end.
pub(crate) fn squint(args: &[&str], input: &str) -> Finished {
    run(binary().args(args), input)
}
