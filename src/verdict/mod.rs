//! Verdicts: what was found, what is done about it, and why, in words a person understands.

mod finding;
pub mod json;
mod seen;
mod shares;

pub use finding::{Finding, Technique};
pub use seen::{Novelty, Seen};
pub use shares::{Share, Shares};

use crate::name::Class;
use std::{fmt, str};

/// What is done with a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Forwarded and answered as it is.
    Pass,
    /// Passed, and marked in the log.
    Log,
    /// Answered with the sinkhole's addresses.
    Sinkhole,
    /// Answered as if the name did not exist.
    Nxdomain,
    /// Answered as if the name had no such record.
    Nodata,
    /// Answered with rcode REFUSED.
    Refused,
    /// Not answered at all.
    Drop,
}

impl Action {
    /// Every action, mildest first.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Log,
        Self::Sinkhole,
        Self::Nxdomain,
        Self::Nodata,
        Self::Refused,
        Self::Drop,
    ];

    /// The word used in configuration, events and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Log => "log",
            Self::Sinkhole => "sinkhole",
            Self::Nxdomain => "nxdomain",
            Self::Nodata => "nodata",
            Self::Refused => "refused",
            Self::Drop => "drop",
        }
    }

    /// Whether the client gets something else than the upstream's answer.
    pub const fn changes_answer(self) -> bool {
        !matches!(self, Self::Pass | Self::Log)
    }
}

impl str::FromStr for Action {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|it| it.as_str() == text).ok_or(UnknownWord)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no action, mode or class; the caller knows which words would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown word")]
pub struct UnknownWord;

/// Whether a source acts on what it finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// The source is not asked.
    Off,
    /// Findings are logged and never change an answer.
    Monitor,
    /// Findings act.
    Enforce,
}

impl Mode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::Off, Self::Monitor, Self::Enforce];

    /// The word used in configuration, events and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Monitor => "monitor",
            Self::Enforce => "enforce",
        }
    }
}

/// Who says so, in the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The operator's own rule.
    Rule,
    /// A list of allowed names.
    Allow,
    /// Security-awareness training.
    SimulatedPhishing,
    /// A list of blocked names.
    List,
    /// The look-alike engine.
    Lookalike,
    /// The platform table.
    Platform,
    /// The memory of what was asked on this network.
    Seen,
}

impl Source {
    /// The word used in events and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Allow => "allow",
            Self::SimulatedPhishing => "simulated-phishing",
            Self::List => "list",
            Self::Lookalike => "lookalike",
            Self::Platform => "platform",
            Self::Seen => "seen",
        }
    }
}

/// One reason of a verdict: a finding, who made it, and whether something of higher precedence overrode it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Who says so.
    pub source: Source,
    /// What was found.
    pub finding: Finding,
    /// Whether a source of higher precedence decided instead.
    pub overridden: bool,
}

/// The decision about one name under one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What enforcement would do.
    pub action: Action,
    /// What the client gets: `action` where its source enforces, else `pass` or `log`.
    pub applied: Action,
    /// The mode of the source that decided.
    pub mode: Mode,
    /// The look-alike score after combination, 0 to 100.
    pub score: u8,
    /// Everything that was found, deciding reason first.
    pub reasons: Vec<Reason>,
    /// The platform under which the name stands; empty where none.
    pub platform: String,
    /// The tenant of that platform; empty where none.
    pub tenant: String,
    /// What kind of platform it is.
    pub class: Option<Class>,
    /// The list and line that decided (`malware:1207`); empty where none did.
    pub rule: String,
    /// The lists that hold the name, by their position in the configuration; where one decided, it comes first.
    pub lists: Vec<u16>,
    /// Octets of the qname's suffix that the deciding rule or entry matched; 0 where the whole name was judged.
    pub matched_len: u8,
    /// Unix time in seconds at which time alone may change this verdict; `u64::MAX` for never.
    pub valid_until: u64,
}

impl Verdict {
    /// Nothing found, nothing done.
    pub const PASS: Self = Self {
        action: Action::Pass,
        applied: Action::Pass,
        mode: Mode::Enforce,
        score: 0,
        reasons: Vec::new(),
        platform: String::new(),
        tenant: String::new(),
        class: None,
        rule: String::new(),
        lists: Vec::new(),
        matched_len: 0,
        valid_until: u64::MAX,
    };

    /// Octets on the heap, for weighing the store's entries.
    pub fn octets(&self) -> usize {
        let texts = self.platform.len() + self.tenant.len() + self.rule.len();
        let lists = size_of_val(&*self.lists);
        texts + lists + self.reasons.iter().map(|it| it.finding.octets()).sum::<usize>()
    }

    /// Gives back what was set aside to grow: a verdict may be remembered for long, and a list of one reason has room for four.
    pub fn shrink(&mut self) {
        self.rule.shrink_to_fit();
        self.reasons.shrink_to_fit();
        for it in &mut self.reasons {
            it.finding.target.shrink_to_fit();
            it.finding.why.shrink_to_fit();
        }
    }

    /// The sentence of the deciding reason; empty when nothing was found.
    pub fn why(&self) -> &str {
        self.reasons.first().map_or("", |it| &it.finding.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_read_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(action));
        }
        assert_eq!("block".parse::<Action>(), Err(UnknownWord));
    }
}
