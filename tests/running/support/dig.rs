//! `dig`, and what it prints.

use super::{Finished, run};
use std::{net::SocketAddr, process::Command};

/// One question and how it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Dig {
    server: SocketAddr,
    name: String,
    rtype: String,
    options: Vec<String>,
}

/// What came back, as `dig` understood it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: String,
    pub(crate) flags: Vec<String>,
    pub(crate) answer: Vec<Record>,
    pub(crate) authority: Vec<Record>,
    pub(crate) additional: Vec<Record>,
    /// The question as it came back, case and all.
    pub(crate) question: String,
    /// `4 (Forged Answer): (why)`; empty where there is none.
    pub(crate) ede: Vec<String>,
    pub(crate) has_edns: bool,
    pub(crate) size: usize,
}

/// A record in presentation form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: String,
    pub(crate) ttl: u32,
    pub(crate) rtype: String,
    pub(crate) data: String,
}

impl Dig {
    pub(crate) fn new(server: SocketAddr, name: &str, rtype: &str) -> Self {
        Self { server, name: name.to_owned(), rtype: rtype.to_owned(), options: Vec::new() }
    }

    pub(crate) fn with(mut self, options: &[&str]) -> Self {
        self.options.extend(options.iter().map(|&it| it.to_owned()));
        self
    }

    /// The command without its program, for running it elsewhere.
    pub(crate) fn args(&self) -> Vec<String> {
        let server = format!("@{}", self.server.ip());
        let port = self.server.port().to_string();
        let fixed = ["+tries=1", "+time=6", "+nocmd", "-p", &port, &server];
        let mut args: Vec<String> = fixed.map(str::to_owned).to_vec();
        args.extend(self.options.iter().cloned());
        args.extend(["-q", &self.name, "-t", &self.rtype].map(str::to_owned));
        args
    }

    pub(crate) fn ask(&self) -> Response {
        let done = run(Command::new("dig").args(self.args()), "");
        assert_eq!(done.code, Some(0), "{self:?}: {done:?}");
        Response::read(&done.stdout)
    }

    /// Asks where no response is expected.
    pub(crate) fn ask_in_vain(&self) -> Finished {
        run(Command::new("dig").args(self.args()).arg("+time=1"), "")
    }
}

impl Response {
    pub(crate) fn read(text: &str) -> Self {
        let mut found = Self::default();
        let mut section = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix(";; ").and_then(|it| it.strip_suffix(" SECTION:"))
            {
                section = name;
            } else if let Some(rest) = line.strip_prefix(";; ->>HEADER<<- ") {
                let status = rest.split_once("status: ").unwrap().1;
                found.status = status.split(',').next().unwrap().to_owned();
            } else if let Some(rest) = line.strip_prefix(";; flags: ") {
                let flags = rest.split(';').next().unwrap();
                found.flags = flags.split_whitespace().map(str::to_owned).collect();
            } else if let Some(rest) = line.strip_prefix("; EDE: ") {
                found.ede.push(rest.to_owned());
            } else if line.starts_with("; EDNS: version") {
                found.has_edns = true;
            } else if let Some(rest) = line.strip_prefix(";; MSG SIZE  rcvd: ") {
                found.size = rest.parse().unwrap();
            } else if let Some(rest) = line.strip_prefix(';')
                && section == "QUESTION"
                && !rest.starts_with(';')
            {
                found.question = rest.split_whitespace().next().unwrap_or_default().to_owned();
            } else if let Some(record) = Record::read(line) {
                match section {
                    "ANSWER" => found.answer.push(record),
                    "AUTHORITY" => found.authority.push(record),
                    "ADDITIONAL" => found.additional.push(record),
                    _ => panic!("a record outside the sections: {line}"),
                }
            }
        }
        assert!(!found.status.is_empty(), "no response\n{text}");
        found
    }

    /// The data of the answer section, sorted.
    pub(crate) fn data(&self) -> Vec<&str> {
        let mut data: Vec<&str> = self.answer.iter().map(|it| it.data.as_str()).collect();
        data.sort_unstable();
        data
    }

    pub(crate) fn has_flag(&self, flag: &str) -> bool {
        self.flags.iter().any(|it| it == flag)
    }
}

impl Record {
    fn read(line: &str) -> Option<Self> {
        if line.is_empty() || line.starts_with(';') {
            return None;
        }
        let mut words = line.split_whitespace();
        let (owner, ttl, _class, rtype) =
            (words.next()?, words.next()?, words.next()?, words.next()?);
        let data = words.collect::<Vec<_>>().join(" ");
        Some(Self {
            owner: owner.to_owned(),
            ttl: ttl.parse().ok()?,
            rtype: rtype.to_owned(),
            data,
        })
    }
}
