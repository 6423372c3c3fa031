//! DNS messages by hand: built octet by octet, and read strictly, so that nothing is taken for granted on either side.

use rand::{RngExt as _, rngs::StdRng};
use std::fmt::Write as _;

pub(crate) const HEADER_LEN: usize = 12;
pub(crate) const OPT: u16 = 41;

/// Header bits, in the second 16-bit word.
pub(crate) const FLAGS: [(&str, u16); 8] = [
    ("qr", 0x8000),
    ("aa", 0x0400),
    ("tc", 0x0200),
    ("rd", 0x0100),
    ("ra", 0x0080),
    ("z", 0x0040),
    ("ad", 0x0020),
    ("cd", 0x0010),
];

const RCODES: [(&str, u16); 14] = [
    ("NOERROR", 0),
    ("FORMERR", 1),
    ("SERVFAIL", 2),
    ("NXDOMAIN", 3),
    ("NOTIMP", 4),
    ("REFUSED", 5),
    ("YXDOMAIN", 6),
    ("YXRRSET", 7),
    ("NXRRSET", 8),
    ("NOTAUTH", 9),
    ("NOTZONE", 10),
    ("BADVERS", 16),
    ("BADKEY", 17),
    ("BADCOOKIE", 23),
];

/// A message, its names written out in full.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    pub(crate) id: u16,
    pub(crate) flags: u16,
    pub(crate) question: Option<Question>,
    /// Answer, authority and additional section without OPT.
    pub(crate) sections: [Vec<Record>; 3],
    pub(crate) edns: Option<Edns>,
    pub(crate) len: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    /// In wire form, letters as they came.
    pub(crate) name: Vec<u8>,
    pub(crate) qtype: u16,
    pub(crate) qclass: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) owner: Vec<u8>,
    pub(crate) rtype: u16,
    pub(crate) class: u16,
    pub(crate) ttl: u32,
    pub(crate) rdata: Vec<u8>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Edns {
    pub(crate) size: u16,
    pub(crate) rcode_high: u8,
    pub(crate) version: u8,
    pub(crate) dnssec_ok: bool,
    /// The flags besides DO.
    pub(crate) z: u16,
    pub(crate) options: Vec<(u16, Vec<u8>)>,
}

impl Message {
    /// Reads a message to its last octet.
    pub(crate) fn read(octets: &[u8]) -> Result<Self, String> {
        let word = |at: usize| u16_at(octets, at).ok_or_else(|| "no whole header".to_owned());
        let mut message =
            Self { id: word(0)?, flags: word(2)?, len: octets.len(), ..Self::default() };
        let mut at = HEADER_LEN;
        match word(4)? {
            0 => (),
            1 => {
                let (name, end) = name_at(octets, at)?;
                let (qtype, qclass) = (word(end)?, word(end + 2)?);
                message.question = Some(Question { name, qtype, qclass });
                at = end + 4;
            }
            count => return Err(format!("{count} questions")),
        }
        for section in 0..3 {
            for _ in 0..word(6 + 2 * section)? {
                let (record, end) = record_at(octets, at)?;
                at = end;
                if record.rtype != OPT {
                    message.sections[section].push(record);
                    continue;
                }
                if section != 2 || record.owner != [0] || message.edns.is_some() {
                    return Err("OPT in a wrong place, or twice".to_owned());
                }
                message.edns = Some(Edns::read(&record)?);
            }
        }
        if at == octets.len() {
            Ok(message)
        } else {
            Err(format!("{} octets behind the last record", octets.len() - at))
        }
    }

    /// The header alone of a message, whatever follows; the whole of it where it can be read.
    pub(crate) fn header(octets: &[u8]) -> Result<Self, String> {
        let word = |at: usize| u16_at(octets, at).ok_or_else(|| "no whole header".to_owned());
        let (id, flags, _last) = (word(0)?, word(2)?, word(10)?);
        let alone = Self { id, flags, len: octets.len(), ..Self::default() };
        Ok(Self::read(octets).unwrap_or(alone))
    }

    pub(crate) fn rcode(&self) -> u16 {
        let high = self.edns.as_ref().map_or(0, |it| u16::from(it.rcode_high) << 4);
        high | self.flags & 15
    }

    pub(crate) fn opcode(&self) -> u16 {
        self.flags >> 11 & 15
    }

    /// INFO-CODEs of the Extended DNS Errors.
    pub(crate) fn errors(&self) -> Vec<u16> {
        let options = self.edns.iter().flat_map(|it| &it.options);
        options.filter(|it| it.0 == 15).filter_map(|it| u16_at(&it.1, 0)).collect()
    }

    pub(crate) fn octets(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(512);
        out.extend(self.id.to_be_bytes());
        out.extend(self.flags.to_be_bytes());
        out.extend(u16::from(self.question.is_some()).to_be_bytes());
        for (section, records) in self.sections.iter().enumerate() {
            let opt = usize::from(section == 2 && self.edns.is_some());
            out.extend(u16::try_from(records.len() + opt).unwrap().to_be_bytes());
        }
        if let Some(Question { name, qtype, qclass }) = &self.question {
            out.extend(name);
            out.extend(qtype.to_be_bytes());
            out.extend(qclass.to_be_bytes());
        }
        for record in self.sections.iter().flatten() {
            self.put(record, &mut out);
        }
        if let Some(edns) = &self.edns {
            self.put(&edns.record(), &mut out);
        }
        out
    }

    fn put(&self, record: &Record, out: &mut Vec<u8>) {
        let asked = self.question.as_ref().map(|it| &it.name);
        let is_asked = asked.is_some_and(|it| it.eq_ignore_ascii_case(&record.owner));
        if record.owner.len() > 1 && is_asked {
            out.extend([0xc0, 12]);
        } else {
            out.extend(&record.owner);
        }
        out.extend(record.rtype.to_be_bytes());
        out.extend(record.class.to_be_bytes());
        out.extend(record.ttl.to_be_bytes());
        out.extend(u16::try_from(record.rdata.len()).unwrap().to_be_bytes());
        out.extend(&record.rdata);
    }
}

impl Edns {
    fn read(record: &Record) -> Result<Self, String> {
        let [rcode_high, version, flags, low] = record.ttl.to_be_bytes();
        let (mut options, mut at) = (Vec::new(), 0);
        while at < record.rdata.len() {
            let head = u16_at(&record.rdata, at).zip(u16_at(&record.rdata, at + 2));
            let (code, len) = head.ok_or("an option is cut short")?;
            let end = at + 4 + usize::from(len);
            options.push((
                code,
                record.rdata.get(at + 4..end).ok_or("an option is cut short")?.to_vec(),
            ));
            at = end;
        }
        let dnssec_ok = flags & 0x80 != 0;
        let z = u16::from_be_bytes([flags & 0x7f, low]);
        Ok(Self { size: record.class, rcode_high, version, dnssec_ok, z, options })
    }

    pub(crate) fn record(&self) -> Record {
        let flags = if self.dnssec_ok { 0x80 } else { 0 };
        let mut rdata = Vec::new();
        for (code, data) in &self.options {
            rdata.extend(code.to_be_bytes());
            rdata.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            rdata.extend(data);
        }
        let ttl = u32::from_be_bytes([self.rcode_high, self.version, flags, 0]);
        Record { owner: vec![0], rtype: OPT, class: self.size, ttl, rdata }
    }
}

/// Where the TTLs of a message stand, OPT's left out.
pub(crate) fn ttls(octets: &[u8]) -> Result<Vec<usize>, String> {
    let word = |at: usize| u16_at(octets, at).ok_or_else(|| "no whole header".to_owned());
    let mut at = HEADER_LEN;
    if word(4)? > 0 {
        at = name_at(octets, at)?.1 + 4;
    }
    let (mut places, count) = (Vec::new(), word(6)? + word(8)? + word(10)?);
    for _ in 0..count {
        let fixed = name_at(octets, at)?.1;
        let (record, end) = record_at(octets, at)?;
        if record.rtype != OPT {
            places.push(fixed + 4);
        }
        at = end;
    }
    Ok(places)
}

pub(crate) fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    octets.get(at..)?.first_chunk().map(|it| u16::from_be_bytes(*it))
}

/// A name written out, and where it ends in the message.
fn name_at(octets: &[u8], at: usize) -> Result<(Vec<u8>, usize), String> {
    let (mut name, mut at, mut end) = (Vec::new(), at, None);
    loop {
        let len = *octets.get(at).ok_or("a name runs past the message")?;
        match len {
            0 => {
                name.push(0);
                return Ok((name, end.unwrap_or(at + 1)));
            }
            1..=63 => {
                let next = at + 1 + usize::from(len);
                name.extend(octets.get(at..next).ok_or("a label runs past the message")?);
                at = next;
            }
            0xc0.. => {
                let target = usize::from(u16_at(octets, at).ok_or("half a pointer")? & 0x3fff);
                if target >= at {
                    return Err("a pointer leads forwards".to_owned());
                }
                end = end.or(Some(at + 2));
                at = target;
            }
            _ => return Err(format!("label type {len:#x}")),
        }
        if name.len() > 254 {
            return Err("a name is too long".to_owned());
        }
    }
}

fn record_at(octets: &[u8], at: usize) -> Result<(Record, usize), String> {
    let (owner, at) = name_at(octets, at)?;
    let fixed: [u8; 10] =
        *octets.get(at..).and_then(<[u8]>::first_chunk).ok_or("a record is cut short")?;
    let [a, b, c, d, e, f, g, h, i, j] = fixed;
    let rtype = u16::from_be_bytes([a, b]);
    let start = at + 10;
    let end = start + usize::from(u16::from_be_bytes([i, j]));
    if end > octets.len() {
        return Err("RDATA runs past the message".to_owned());
    }
    let rdata = rdata_at(&octets[..end], start, rtype)?;
    let (class, ttl) = (u16::from_be_bytes([c, d]), u32::from_be_bytes([e, f, g, h]));
    Ok((Record { owner, rtype, class, ttl, rdata }, end))
}

/// Octets before the names that may be compressed, character strings, and how many names (RFC 3597 section 4).
const fn names_in(rtype: u16) -> (usize, usize, usize) {
    match rtype {
        2 | 3 | 4 | 5 | 7 | 8 | 9 | 12 | 39 => (0, 0, 1),
        6 | 14 | 17 => (0, 0, 2),
        15 | 18 | 21 | 36 => (2, 0, 1),
        26 => (2, 0, 2),
        33 => (6, 0, 1),
        35 => (4, 3, 1),
        _ => (0, 0, 0),
    }
}

fn rdata_at(octets: &[u8], start: usize, rtype: u16) -> Result<Vec<u8>, String> {
    let (before, strings, names) = names_in(rtype);
    let mut at = start + before;
    for _ in 0..strings {
        at += 1 + usize::from(*octets.get(at).ok_or("a string is cut short")?);
    }
    let mut rdata = octets.get(start..at).ok_or("RDATA is too short")?.to_vec();
    for _ in 0..names {
        let (name, end) = name_at(octets, at)?;
        rdata.extend(name);
        at = end;
    }
    rdata.extend(octets.get(at..).ok_or("RDATA is too short")?);
    Ok(rdata)
}

/// `www` within `zone`, `www.example.` as it stands, `@` for the zone; `\DDD` for an octet, `{N}` for so many letters, `{fill}` for as
/// many as a name may have.
pub(crate) fn name(text: &str, zone: &str) -> Vec<u8> {
    let whole = match text {
        "." => String::new(),
        "@" => zone.to_owned(),
        _ => text.strip_suffix('.').map_or_else(|| format!("{text}.{zone}"), str::to_owned),
    };
    let mut name = Vec::new();
    for label in whole.split('.').filter(|it| !it.is_empty() && *it != "{fill}") {
        let label = octets_of(label);
        name.push(u8::try_from(label.len()).unwrap());
        name.extend(label);
    }
    name.push(0);
    if whole.contains("{fill}") {
        while name.len() < 255 {
            let len = (255 - name.len() - 1).min(63);
            // No rest of one octet, which would be a label without letters.
            let len = if 255 - name.len() - 1 == len + 1 { len - 1 } else { len };
            let label = [vec![u8::try_from(len).unwrap()], vec![b'f'; len]].concat();
            name.splice(0..0, label);
        }
    }
    name
}

/// The name with some letters in upper case.
pub(crate) fn in_any_case(name: &[u8], numbers: &mut StdRng) -> Vec<u8> {
    let upper = |it: &u8| if numbers.random_bool(0.15) { it.to_ascii_uppercase() } else { *it };
    name.iter().map(upper).collect()
}

/// Text with `\DDD` and `{N}`.
pub(crate) fn octets_of(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                out.push(rest[..3].parse().unwrap());
                rest = &rest[3..];
            }
            '{' => {
                let (count, after) = rest.split_once('}').unwrap();
                out.extend(vec![b'a'; count.parse().unwrap()]);
                rest = after;
            }
            _ => out.extend(c.to_string().as_bytes()),
        }
    }
    out
}

pub(crate) fn text_of(name: &[u8]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    while at < name.len() && name[at] != 0 {
        let end = (at + 1 + usize::from(name[at])).min(name.len());
        text += &String::from_utf8_lossy(&name[at + 1..end]);
        text.push('.');
        at = end;
    }
    if text.is_empty() { ".".to_owned() } else { text }
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let octet = |it: &[u8]| u8::from_str_radix(str::from_utf8(it).unwrap(), 16).unwrap();
    digits.chunks(2).map(octet).collect()
}

/// Hexadecimal, or `COUNT:HEX`.
pub(crate) fn repeated(text: &str) -> Vec<u8> {
    match text.split_once(':') {
        Some((count, octets)) => hex(octets).repeat(count.parse().unwrap()),
        None => hex(text),
    }
}

pub(crate) fn hex_of(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut out, it| {
        write!(out, "{it:02x}").unwrap();
        out
    })
}

pub(crate) fn rcode_of(text: &str) -> u16 {
    let known = RCODES.iter().find(|it| it.0 == text).map(|it| it.1);
    known.unwrap_or_else(|| text.parse().unwrap_or_else(|_| panic!("no rcode: {text}")))
}

pub(crate) fn rcode_name(rcode: u16) -> String {
    RCODES.iter().find(|it| it.1 == rcode).map_or_else(|| rcode.to_string(), |it| it.0.to_owned())
}

/// Number of a type: a mnemonic, or `TYPE` and the number.
pub(crate) fn rtype_of(text: &str) -> u16 {
    squint::dns::rtype::parse(text).unwrap_or_else(|| panic!("no type: {text}"))
}

/// RDATA in presentation form.
pub(crate) fn rdata(rtype: &str, words: &[&str], zone: &str) -> Vec<u8> {
    let number = |at: usize| words[at].parse::<u16>().unwrap().to_be_bytes().to_vec();
    if words[0] == "\\#" {
        return words[1..].iter().flat_map(|it| repeated(it)).collect();
    }
    match rtype {
        "A" => words[0].parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        "AAAA" => words[0].parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        "NS" | "CNAME" | "PTR" | "DNAME" => name(words[0], zone),
        "MX" => [number(0), name(words[1], zone)].concat(),
        "SRV" => [number(0), number(1), number(2), name(words[3], zone)].concat(),
        "TXT" => {
            let string = |it: &&str| {
                let octets = octets_of(it);
                [vec![u8::try_from(octets.len()).unwrap()], octets].concat()
            };
            words.iter().flat_map(string).collect()
        }
        // MINIMUM alone is of interest.
        "SOA" => {
            let numbers = [7, 3600, 600, 86400, words[0].parse::<u32>().unwrap()];
            let tail = numbers.iter().flat_map(|it| it.to_be_bytes());
            [name("ns", zone), name("hostmaster", zone), tail.collect()].concat()
        }
        _ => panic!("RDATA of {rtype} in hexadecimal, please: {words:?}"),
    }
}
