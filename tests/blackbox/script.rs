//! Case files: what a client asks, how the upstream behaves, what has to come back. `cases/README.md` says what each word means.

use crate::{
    client::Transport,
    wire::{self, FLAGS},
};
use std::ops::RangeInclusive;

/// A file of cases, run against a server and upstreams of its own.
#[derive(Debug, Default)]
pub(crate) struct Suite {
    pub(crate) title: String,
    /// Lines for Squint's configuration.
    pub(crate) config: String,
    pub(crate) upstreams: usize,
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Case {
    pub(crate) rule: String,
    pub(crate) name: String,
    pub(crate) over: Vec<Transport>,
    /// Our own choice, which no RFC asks for: other servers are not measured by it.
    pub(crate) ours: bool,
    pub(crate) ups: Vec<Up>,
    pub(crate) steps: Vec<Step>,
    pub(crate) heard: Vec<Heard>,
}

/// How an upstream reacts to a query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Up {
    pub(crate) over_tcp: Option<bool>,
    pub(crate) edns: Option<bool>,
    pub(crate) dnssec: Option<bool>,
    pub(crate) server: Option<usize>,
    pub(crate) qtype: Option<u16>,
    pub(crate) name: Option<String>,
    /// How often it reacts so; then the next one that fits does.
    pub(crate) times: Option<u32>,
    pub(crate) sends: Vec<Send>,
}

/// One message of an upstream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Send {
    pub(crate) delay_ms: u64,
    pub(crate) rcode: u16,
    pub(crate) set: u16,
    pub(crate) clear: u16,
    pub(crate) records: Vec<Planned>,
    pub(crate) no_opt: bool,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
    pub(crate) spoils: Vec<String>,
    pub(crate) silent: bool,
    pub(crate) close: bool,
}

/// A record as written, names not yet in their zone.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) section: usize,
    pub(crate) owner: String,
    pub(crate) ttl: RangeInclusive<u32>,
    pub(crate) class: u16,
    pub(crate) rtype: String,
    pub(crate) words: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Step {
    Ask { ask: Ask, wants: Vec<Want> },
    Wait(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) name: String,
    pub(crate) qtype: u16,
    pub(crate) qclass: u16,
    pub(crate) flags: u16,
    pub(crate) edns: Option<wire::Edns>,
    /// How many times at once.
    pub(crate) times: usize,
    pub(crate) within_ms: u64,
    /// The packet in words, in place of what is above; see `cases/README.md`.
    pub(crate) raw: Option<Vec<String>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Want {
    Rcode(Vec<u16>),
    Flags {
        set: u16,
        clear: u16,
    },
    Record(Planned),
    /// Answer, authority or additional section: how many records.
    Count(usize, RangeInclusive<usize>),
    Ede(Vec<u16>),
    NoEde,
    Edns(bool),
    Dnssec(bool),
    Option(u16, String),
    NoOption(u16),
    Size(RangeInclusive<usize>),
    Silence,
    /// The letters of owners and targets are those of the upstream.
    Exact,
}

#[derive(Debug, Clone)]
pub(crate) enum Heard {
    /// Over UDP, TCP or both, by one upstream or all.
    Count {
        over_tcp: Option<bool>,
        server: Option<usize>,
        count: RangeInclusive<usize>,
    },
    Flags {
        set: u16,
        clear: u16,
    },
    Edns(bool),
    Dnssec(bool),
    NoOptions,
    Size(RangeInclusive<usize>),
    MixedCase,
    Ids(usize),
    Ports(usize),
    Class(u16),
}

/// Reads a file; panics with the line that is wrong.
pub(crate) fn read(text: &str) -> Suite {
    let mut reader =
        Reader { suite: Suite { upstreams: 1, ..Suite::default() }, ..Reader::default() };
    for line in expanded(text) {
        reader.line(line.trim());
    }
    reader.end_case();
    reader.suite
}

/// Lines with `for` … `do` … `end` written out.
fn expanded(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    while let Some(line) = lines.next() {
        if line.trim() != "for" {
            out.push(line.to_owned());
            continue;
        }
        let items: Vec<&str> = lines.by_ref().take_while(|it| it.trim() != "do").collect();
        let body: Vec<&str> = lines.by_ref().take_while(|it| it.trim() != "end").collect();
        for item in items.iter().filter(|it| !it.trim().is_empty()) {
            let words: Vec<&str> = match item.contains('|') {
                true => item.split('|').map(str::trim).collect(),
                false => item.split_whitespace().collect(),
            };
            for line in &body {
                let mut line = line.replace("$0", item.trim());
                for (at, word) in words.iter().enumerate() {
                    // The last one is all that is left.
                    line = line.replace(&format!("${}+", at + 1), &words[at..].join(" "));
                    line = line.replace(&format!("${}", at + 1), word);
                }
                out.push(line);
            }
        }
    }
    out
}

#[derive(Default)]
struct Reader {
    suite: Suite,
    rule: String,
    case: Option<Case>,
    /// Whether lines say how the upstream reacts, or what the client wants.
    in_up: bool,
}

impl Reader {
    fn end_case(&mut self) {
        self.suite.cases.extend(self.case.take());
        self.in_up = false;
    }

    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((&first, rest)) = words.split_first() else { return };
        let after = line[first.len()..].trim();
        match first {
            "title" => self.suite.title = after.to_owned(),
            "config" => self.suite.config += &format!("{after}\n"),
            "upstreams" => self.suite.upstreams = number(after),
            "rule" => {
                self.end_case();
                self.rule = after.to_owned();
            }
            "case" => {
                self.end_case();
                let over = Transport::ALL.to_vec();
                let (rule, name) = (self.rule.clone(), after.to_owned());
                self.case = Some(Case { rule, name, over, ..Case::default() });
            }
            _ => self.case_line(first, rest, line),
        }
    }

    fn case_line(&mut self, first: &str, rest: &[&str], line: &str) {
        let case = self.case.as_mut().unwrap_or_else(|| panic!("outside a case: {line}"));
        match first {
            "over" => case.over = rest.iter().map(|it| Transport::of(it)).collect(),
            "ours" => case.ours = true,
            "up" => {
                case.ups.push(up(rest));
                self.in_up = true;
            }
            "ask" | "raw" => {
                let ask = if first == "ask" { ask(rest) } else { raw(rest) };
                case.steps.push(Step::Ask { ask, wants: Vec::new() });
                self.in_up = false;
            }
            "wait" => case.steps.push(Step::Wait(number(rest[0]))),
            "heard" => case.heard.push(heard(rest)),
            _ if self.in_up => {
                let up = case.ups.last_mut().expect("in_up");
                send_line(up, first, rest);
            }
            _ => {
                let Some(Step::Ask { wants, .. }) = case.steps.last_mut() else {
                    panic!("nothing was asked: {line}")
                };
                wants.extend(want(first, rest));
            }
        }
    }
}

fn number<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("no number: {text}"))
}

/// `3`, `2-4` or `3+`.
fn range<T: std::str::FromStr + Copy + From<u8>>(text: &str, max: T) -> RangeInclusive<T> {
    if let Some(low) = text.strip_suffix('+') {
        return number(low)..=max;
    }
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    number(low)..=number(high)
}

fn flag(word: &str) -> u16 {
    let found = FLAGS.iter().find(|it| it.0 == word);
    found.unwrap_or_else(|| panic!("no flag: {word}")).1
}

/// Flags to set, and those with `-` to clear.
fn flags(words: &[&str]) -> (u16, u16) {
    let (mut set, mut clear) = (0, 0);
    for word in words {
        match word.strip_prefix('-') {
            Some(word) => clear |= flag(word),
            None => set |= flag(word),
        }
    }
    (set, clear)
}

fn up(words: &[&str]) -> Up {
    let mut up = Up { sends: vec![Send::default()], ..Up::default() };
    for word in words {
        match word.split_once('=') {
            None if *word == "udp" => up.over_tcp = Some(false),
            None if *word == "tcp" => up.over_tcp = Some(true),
            None if *word == "edns" => up.edns = Some(true),
            None if *word == "noedns" => up.edns = Some(false),
            None if *word == "do" => up.dnssec = Some(true),
            None if *word == "nodo" => up.dnssec = Some(false),
            None if *word == "once" => up.times = Some(1),
            Some(("times", count)) => up.times = Some(number(count)),
            Some(("server", at)) => up.server = Some(number(at)),
            Some(("type", text)) => up.qtype = Some(wire::rtype_of(text)),
            Some(("name", text)) => up.name = Some(text.to_owned()),
            _ => panic!("up: {word}"),
        }
    }
    up
}

fn send_line(up: &mut Up, first: &str, rest: &[&str]) {
    if first == "send" {
        up.sends.push(Send::default());
        return;
    }
    let send = up.sends.last_mut().expect("starts with one");
    match first {
        "rcode" => send.rcode = wire::rcode_of(rest[0]),
        "flags" => (send.set, send.clear) = flags(rest),
        "delay" => send.delay_ms = number(rest[0]),
        "noopt" => send.no_opt = true,
        "option" => send.options.push(option(rest[0])),
        "spoil" => send.spoils.extend(rest.iter().map(|&it| it.to_owned())),
        "silent" => send.silent = true,
        "close" => send.close = true,
        _ => send.records.extend(records(first, rest)),
    }
}

/// `CODE:HEX`, or `ede:CODE:TEXT`.
fn option(text: &str) -> (u16, Vec<u8>) {
    let (code, data) = text.split_once(':').unwrap_or((text, ""));
    if code == "ede" {
        let (code, text) = data.split_once(':').unwrap_or((data, ""));
        let code: u16 = number(code);
        return (15, [&code.to_be_bytes(), text.as_bytes()].concat());
    }
    if let Some(count) = data.strip_prefix('*') {
        return (number(code), vec![0; number(count)]);
    }
    (number(code), wire::hex(data))
}

fn section(word: &str) -> Option<usize> {
    ["an", "ns", "ar"].iter().position(|it| *it == word)
}

/// `an OWNER TTL TYPE RDATA`; `an*40 …` for so many, with `%` standing for 1 to 40.
fn records(first: &str, rest: &[&str]) -> Vec<Planned> {
    let (word, count) = first.split_once('*').map_or((first, 1), |it| (it.0, number(it.1)));
    let section = section(word).unwrap_or_else(|| panic!("no such word: {first} {rest:?}"));
    let (class, rest) = match rest.get(2).and_then(|it| it.strip_prefix("CLASS")) {
        Some(class) => (number(class), [&rest[..2], &rest[3..]].concat()),
        None => (1, rest.to_vec()),
    };
    let planned = |at: usize| {
        let here = |it: &&str| it.replace('%', &at.to_string());
        let ttl = match rest[1] {
            // What the cache keeps may be a little older than it was sent.
            "0" => 0..=0,
            text if text.contains('-') => range(text, u32::MAX),
            "*" => 0..=u32::MAX,
            text => number::<u32>(text).saturating_sub(3)..=number(text),
        };
        let words = rest[3..].iter().map(here).collect();
        let (owner, rtype) = (here(&rest[0]), rest[2].to_owned());
        Planned { section, owner, ttl, class, rtype, words }
    };
    (1..=count).map(planned).collect()
}

fn ask(words: &[&str]) -> Ask {
    let mut ask = Ask {
        name: words[0].to_owned(),
        qtype: wire::rtype_of(words[1]),
        qclass: 1,
        flags: 0x0100,
        edns: None,
        times: 1,
        within_ms: 15_000,
        raw: None,
    };
    for word in &words[2..] {
        let edns = || wire::Edns { size: 1232, ..wire::Edns::default() };
        match word.split_once('=').unwrap_or((word, "")) {
            ("class", text) => ask.qclass = number(text),
            ("opcode", text) => ask.flags |= number::<u16>(text) << 11,
            ("times", text) => ask.times = number(text),
            ("within", text) => ask.within_ms = number(text),
            ("edns", "") => ask.edns = ask.edns.take().or_else(|| Some(edns())),
            ("edns", text) => ask.edns.get_or_insert_with(edns).size = number(text),
            ("do", _) => ask.edns.get_or_insert_with(edns).dnssec_ok = true,
            ("version", text) => ask.edns.get_or_insert_with(edns).version = number(text),
            ("option", text) => ask.edns.get_or_insert_with(edns).options.push(option(text)),
            (word, _) => match word.strip_prefix('-') {
                Some(word) => ask.flags &= !flag(word),
                None => ask.flags |= flag(word),
            },
        }
    }
    ask
}

fn raw(words: &[&str]) -> Ask {
    let raw = Some(words.iter().map(|&it| it.to_owned()).collect());
    Ask { raw, ..ask(&["@", "A"]) }
}

fn want(first: &str, rest: &[&str]) -> Vec<Want> {
    let wanted = match first {
        "rcode" => Want::Rcode(rest[0].split('|').map(wire::rcode_of).collect()),
        "flags" => {
            let (set, clear) = flags(rest);
            Want::Flags { set, clear }
        }
        "ede" => Want::Ede(rest[0].split('|').map(number).collect()),
        "noede" => Want::NoEde,
        "edns" => Want::Edns(true),
        "noedns" => Want::Edns(false),
        "do" => Want::Dnssec(true),
        "nodo" => Want::Dnssec(false),
        "option" => Want::Option(number(rest[0]), rest.get(1).copied().unwrap_or("").to_owned()),
        "nooption" => Want::NoOption(number(rest[0])),
        "size" => Want::Size(range(rest[0], usize::MAX)),
        "silence" => Want::Silence,
        "exact" => Want::Exact,
        "count" => Want::Count(section(rest[0]).expect("a section"), range(rest[1], usize::MAX)),
        _ if rest == ["none"] => Want::Count(section(first).expect("a section"), 0..=0),
        _ => return records(first, rest).into_iter().map(Want::Record).collect(),
    };
    vec![wanted]
}

fn heard(words: &[&str]) -> Heard {
    let (mut over_tcp, mut server) = (None, None);
    for (at, word) in words.iter().enumerate() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("udp", _) => over_tcp = Some(false),
            ("tcp", _) => over_tcp = Some(true),
            ("server", text) => server = Some(number(text)),
            ("flags", _) => {
                let (set, clear) = flags(&words[at + 1..]);
                return Heard::Flags { set, clear };
            }
            ("edns", _) => return Heard::Edns(true),
            ("noedns", _) => return Heard::Edns(false),
            ("do", _) => return Heard::Dnssec(true),
            ("nodo", _) => return Heard::Dnssec(false),
            ("nooptions", _) => return Heard::NoOptions,
            ("size", text) => return Heard::Size(range(text, usize::MAX)),
            ("mixedcase", _) => return Heard::MixedCase,
            ("ids", text) => return Heard::Ids(number(text)),
            ("ports", text) => return Heard::Ports(number(text)),
            ("class", text) => return Heard::Class(number(text)),
            (text, _) => return Heard::Count { over_tcp, server, count: range(text, usize::MAX) },
        }
    }
    panic!("heard: {words:?}")
}
