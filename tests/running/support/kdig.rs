//! `kdig`, which asks over encrypted transports.

use super::{Finished, run};
use std::{net::SocketAddr, process::Command};

/// One question and how it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Kdig {
    args: Vec<String>,
}

impl Kdig {
    pub(crate) fn new(server: SocketAddr, name: &str, rtype: &str) -> Self {
        let (ip, port) = (format!("@{}", server.ip()), server.port().to_string());
        let fixed = ["+retry=0", "+time=6", "-p", &port, &ip, name, rtype];
        Self { args: fixed.map(str::to_owned).to_vec() }
    }

    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.args.extend(options.iter().map(|&it| it.to_owned()));
        self
    }

    /// The command without its program, for running it elsewhere.
    pub(crate) fn args(&self) -> &[String] {
        &self.args
    }

    pub(crate) fn run(&self) -> Finished {
        run(Command::new("kdig").args(&self.args), "")
    }

    /// What it prints about the response, which has to come.
    pub(crate) fn ask(&self) -> String {
        let done = self.run();
        assert!(done.code == Some(0) && done.stdout.contains("HEADER"), "{self:?}: {done:?}");
        done.stdout
    }
}
