//! Whether a response is what a case wants, and whether the upstream was asked as it should be.

use crate::{
    script::{Ask, Heard, Planned, Want},
    upstream::Query,
    wire::{self, HEADER_LEN, Message, Record},
};
use std::collections::BTreeSet;

/// A packet as a case asks for it. DNS over QUIC has no IDs (RFC 9250 section 4.2.1).
pub(crate) fn packet(ask: &Ask, zone: &str, id: u16) -> Vec<u8> {
    let Some(raw) = &ask.raw else {
        let name = wire::name(&ask.name, zone);
        let question = Some(wire::Question { name, qtype: ask.qtype, qclass: ask.qclass });
        let edns = ask.edns.clone();
        return Message { id, flags: ask.flags, question, edns, ..Message::default() }.octets();
    };
    let mut packet = Vec::new();
    for word in raw {
        match word.split_once(':') {
            None if word == "ID" => packet.extend(id.to_be_bytes()),
            Some(("N", name)) => packet.extend(wire::name(name, zone)),
            // A name without its last octet.
            Some(("L", name)) => {
                let name = wire::name(name, zone);
                packet.extend(&name[..name.len() - 1]);
            }
            _ => packet.extend(wire::repeated(word)),
        }
    }
    packet
}

/// What holds for every response, and what this case wants besides.
pub(crate) fn judge(
    sent: &[u8],
    is_raw: bool,
    response: Option<&[u8]>,
    wants: &[Want],
    zone: &str,
) -> Result<(), String> {
    let wants_silence = wants.iter().any(|it| matches!(it, Want::Silence));
    let Some(octets) = response else {
        return if wants_silence { Ok(()) } else { Err("no response".to_owned()) };
    };
    // Some servers send what they could not read back as it was.
    let is_header_enough = is_raw && wants.iter().all(|it| matches!(it, Want::Rcode(_)));
    let message = if is_header_enough { Message::header(octets) } else { Message::read(octets) };
    let message = message.map_err(|it| format!("{it}: {}", wire::hex_of(octets)))?;
    if wants_silence {
        return Err(format!("a response: {}", told(&message)));
    }
    always(sent, is_raw, &message).map_err(|it| format!("{it}: {}", told(&message)))?;
    let is_exact = wants.iter().any(|it| matches!(it, Want::Exact));
    let expected: Vec<&Planned> = wants
        .iter()
        .filter_map(|it| if let Want::Record(it) = it { Some(it) } else { None })
        .collect();
    for section in 0..3 {
        let expected: Vec<&Planned> =
            expected.iter().copied().filter(|it| it.section == section).collect();
        if !expected.is_empty() {
            same(&message.sections[section], &expected, zone, is_exact)
                .map_err(|it| format!("{it}: {}", told(&message)))?;
        }
    }
    for want in wants {
        if !holds(want, &message) {
            return Err(format!("not {want:?}: {}", told(&message)));
        }
    }
    Ok(())
}

fn always(sent: &[u8], is_raw: bool, message: &Message) -> Result<(), String> {
    let flags = wire::u16_at(sent, 2).unwrap_or_default();
    let opcode = flags >> 11 & 15;
    if message.id != wire::u16_at(sent, 0).unwrap_or_default() {
        return Err("another ID".to_owned());
    }
    if message.flags & 0x8000 == 0 || message.opcode() != opcode {
        return Err("QR or opcode".to_owned());
    }
    if message.flags & 0x0040 != 0 {
        return Err("Z is set".to_owned());
    }
    if let Some(question) = &message.question {
        let mut echoed = question.name.clone();
        echoed.extend(question.qtype.to_be_bytes());
        echoed.extend(question.qclass.to_be_bytes());
        if !sent[HEADER_LEN..].starts_with(&echoed) {
            return Err("another question, or other letters".to_owned());
        }
    }
    if message.edns.as_ref().is_some_and(|it| it.z != 0) {
        return Err("EDNS flags besides DO".to_owned());
    }
    let (errors, mut distinct) = (message.errors(), message.errors());
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != errors.len() {
        return Err("an Extended DNS Error twice".to_owned());
    }
    if is_raw || opcode != 0 {
        return Ok(());
    }
    if message.question.is_none() {
        return Err("no question".to_owned());
    }
    let has_opt = wire::u16_at(sent, 10) == Some(1);
    if has_opt != message.edns.is_some() {
        return Err("OPT where none was sent, or none where one was".to_owned());
    }
    if message.edns.as_ref().is_some_and(|it| it.version != 0) {
        return Err("an EDNS version other than 0".to_owned());
    }
    Ok(())
}

fn holds(want: &Want, message: &Message) -> bool {
    let edns = message.edns.as_ref();
    match want {
        Want::Rcode(rcodes) => rcodes.contains(&message.rcode()),
        Want::Flags { set, clear } => message.flags & set == *set && message.flags & clear == 0,
        Want::Count(section, range) => range.contains(&message.sections[*section].len()),
        Want::Ede(codes) => message.errors().iter().any(|it| codes.contains(it)),
        Want::NoEde => message.errors().is_empty(),
        Want::Edns(is) => edns.is_some() == *is,
        Want::Dnssec(is) => edns.is_some_and(|it| it.dnssec_ok) == *is,
        Want::Option(code, prefix) => edns.is_some_and(|it| {
            it.options.iter().any(|it| it.0 == *code && wire::hex_of(&it.1).starts_with(prefix))
        }),
        Want::NoOption(code) => !edns.is_some_and(|it| it.options.iter().any(|it| it.0 == *code)),
        Want::Size(range) => range.contains(&message.len),
        Want::Record(_) | Want::Exact | Want::Silence => true,
    }
}

/// Whether a section holds these records and no others, in whatever order.
fn same(got: &[Record], expected: &[&Planned], zone: &str, is_exact: bool) -> Result<(), String> {
    if got.len() != expected.len() {
        return Err(format!("{} records instead of {}", got.len(), expected.len()));
    }
    let fold = |it: &[u8]| if is_exact { it.to_vec() } else { it.to_ascii_lowercase() };
    let mut left: Vec<&Record> = got.iter().collect();
    for planned in expected {
        let words: Vec<&str> = planned.words.iter().map(String::as_str).collect();
        let rdata = wire::rdata(&planned.rtype, &words, zone);
        let owner = wire::name(&planned.owner, zone);
        let rtype = wire::rtype_of(&planned.rtype);
        let has_names = matches!(
            planned.rtype.as_str(),
            "NS" | "CNAME" | "PTR" | "DNAME" | "MX" | "SRV" | "SOA"
        );
        let found = left.iter().position(|it| {
            let same_data = it.rdata == rdata || (has_names && fold(&it.rdata) == fold(&rdata));
            fold(&it.owner) == fold(&owner)
                && it.rtype == rtype
                && it.class == planned.class
                && planned.ttl.contains(&it.ttl)
                && same_data
        });
        let Some(found) = found else {
            return Err(format!(
                "{} {:?} {} {words:?} is missing",
                planned.owner, planned.ttl, planned.rtype
            ));
        };
        left.remove(found);
    }
    Ok(())
}

fn told(message: &Message) -> String {
    let mut out = format!(
        "{} flags {:04x} size {}",
        wire::rcode_name(message.rcode()),
        message.flags,
        message.len
    );
    for (section, records) in ["an", "ns", "ar"].iter().zip(&message.sections) {
        for it in records.iter().take(5) {
            let data = wire::hex_of(&it.rdata[..it.rdata.len().min(40)]);
            out += &format!(
                "; {section} {} {} {} {} {data}",
                wire::text_of(&it.owner),
                it.ttl,
                it.class,
                it.rtype
            );
        }
        if records.len() > 5 {
            out += &format!("; {} more", records.len() - 5);
        }
    }
    if let Some(edns) = &message.edns {
        out += &format!("; OPT {} do={}", edns.size, edns.dnssec_ok);
        for (code, data) in &edns.options {
            out += &format!(" {code}:{}", wire::hex_of(&data[..data.len().min(60)]));
        }
    }
    out
}

/// Whether the upstream heard what it should have.
pub(crate) fn heard(all: &[Query], wants: &[Heard]) -> Result<(), String> {
    for want in wants {
        let first = all.first().map(|it| &it.message);
        let edns = first.and_then(|it| it.edns.as_ref());
        let holds = match want {
            Heard::Count { over_tcp, server, count } => {
                let some = all.iter().filter(|it| {
                    over_tcp.is_none_or(|over| it.over_tcp == over)
                        && server.is_none_or(|at| it.server == at)
                });
                count.contains(&some.count())
            }
            Heard::Flags { set, clear } => {
                first.is_some_and(|it| it.flags & set == *set && it.flags & clear == 0)
            }
            Heard::Edns(is) => first.is_some() && edns.is_some() == *is,
            Heard::Dnssec(is) => first.is_some() && edns.is_some_and(|it| it.dnssec_ok) == *is,
            Heard::NoOptions => {
                let options =
                    |it: &Query| it.message.edns.as_ref().map_or(0, |it| it.options.len());
                !all.is_empty() && all.iter().all(|it| options(it) == 0)
            }
            Heard::Size(range) => edns.is_some_and(|it| range.contains(&it.size.into())),
            Heard::MixedCase => all.iter().any(|it| {
                it.message.question.iter().any(|it| it.name.iter().any(u8::is_ascii_uppercase))
            }),
            Heard::Ids(min) => {
                all.iter().map(|it| it.message.id).collect::<BTreeSet<_>>().len() >= *min
            }
            Heard::Ports(min) => {
                all.iter().map(|it| it.port).collect::<BTreeSet<_>>().len() >= *min
            }
            Heard::Class(class) => {
                first.is_some_and(|it| it.question.as_ref().is_some_and(|it| it.qclass == *class))
            }
        };
        if !holds {
            let told: Vec<String> = all
                .iter()
                .take(8)
                .map(|it| {
                    format!(
                        "server {} {} {}",
                        it.server,
                        if it.over_tcp { "tcp" } else { "udp" },
                        told(&it.message)
                    )
                })
                .collect();
            return Err(format!("upstream heard {} queries, not {want:?}: {told:#?}", all.len()));
        }
    }
    Ok(())
}
