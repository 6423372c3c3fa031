//! Which records of a message belong to the question, and a message without those that do not.

use super::{
    class,
    compress::Writer,
    intake::Question,
    names,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header},
};
use crate::name::Name;
use foldhash::HashSet;

/// Most names of one chain of aliases. Resolvers follow half as many.
pub(super) const CHAIN_MAX: usize = 32;

/// How often the section is read at most; once is enough where aliases stand before their targets, as they do.
const PASSES_MAX: usize = 8;

/// Which records of a message are kept, and in which order.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// Whether a record is kept, by its place among all; those past the end are.
    pub(super) kept: Vec<bool>,
    /// The answers by their places in the order of the chain; empty where they stand in it.
    order: Vec<usize>,
}

/// Which records belong to the question; `None` when all do and stand in order. A cache or client that is told of anything else would
/// have to believe it (RFC 2181 section 5.4.1).
///
/// In the answer section those are of the type asked, at the name asked and where CNAME records lead to from there, these and the
/// DNAME records that made them, with their signatures; a name has one CNAME record (RFC 2181 section 10.1), and aliases stand
/// before their targets, as clients read them. In the authority section, SOA, NS and DS of zones above one of these
/// names, and the proofs of DNSSEC; in the additional section, what records before them name, such as the addresses of mail servers.
///
/// `at` is where the records start.
pub(super) fn choose(
    message: &[u8],
    at: usize,
    header: &Header,
    question: &Question<'_>,
) -> Option<Choice> {
    let answers = usize::from(header.answers);
    let bare = header.authorities | header.additionals == 0;
    if bare && (0..answers).try_fold(at, |at, _| plain(message, at, question)).is_some() {
        return None;
    }
    let mut chain = vec![question.name.clone()];
    let mut kept = vec![false; header.records()];
    // The names whose alias is kept.
    let mut aliases: Vec<Name> = Vec::new();
    let mut late = false;
    for round in 0..PASSES_MAX {
        let known = chain.len();
        let more = pass(message, at, question, (&mut chain, &mut aliases), &mut kept[..answers]);
        late |= round > 0 && more;
        if chain.len() == known || !kept[..answers].contains(&false) {
            break;
        }
    }
    if !bare {
        around(message, at, header, question.qclass, &chain, &mut kept);
    }
    let order = if late { in_order(message, at, &chain, answers) } else { Vec::new() };
    (late || kept.contains(&false)).then_some(Choice { kept, order })
}

/// The places of the answers in the order in which a chain of aliases is followed.
fn in_order(message: &[u8], mut at: usize, chain: &[Name], answers: usize) -> Vec<usize> {
    let mut found = Vec::with_capacity(answers);
    for index in 0..answers {
        let Some(entry) = Entry::read(message, at) else { break };
        at = entry.end();
        let owner = names::read(message, entry.owner).unwrap_or(Name::ROOT);
        let makes = makes_alias(message, &entry);
        let link = chain.iter().position(|it| *it == owner || (makes && is_above(&owner, it)));
        found.push((link, !makes, index));
    }
    found.sort_unstable();
    found.into_iter().map(|it| it.2).collect()
}

/// Judges the records beside the answers.
fn around(
    message: &[u8],
    mut at: usize,
    header: &Header,
    qclass: u16,
    chain: &[Name],
    kept: &mut [bool],
) {
    let answers = usize::from(header.answers);
    let authorities = answers + usize::from(header.authorities);
    let mut named: HashSet<Name> = chain.iter().cloned().collect();
    for (index, kept) in kept.iter_mut().enumerate() {
        let Some(entry) = Entry::read(message, at) else { return };
        at = entry.end();
        if index >= answers && has_class(&entry, qclass) {
            let Some(owner) = names::read(message, entry.owner) else { return };
            *kept = if index < authorities {
                is_authority(message, &entry, &owner, chain)
            } else {
                named.contains(&owner)
            };
        }
        if *kept {
            entry.each_target(message, |it| named.extend(names::read(message, it)));
        }
    }
}

/// Whether a record of the authority section says something of a zone above the names asked, or proves what is not there.
fn is_authority(message: &[u8], entry: &Entry, owner: &Name, chain: &[Name]) -> bool {
    let rtype = match entry.rtype {
        rtype::RRSIG => entry.covered(message).unwrap_or_default(),
        other => other,
    };
    match rtype {
        rtype::NSEC | rtype::NSEC3 => true,
        rtype::SOA | rtype::NS | rtype::DS => {
            chain.iter().any(|it| owner == it || is_above(owner, it))
        }
        _ => false,
    }
}

/// Steps over a record right at the question's name that leads to no other; `None` at any other record.
fn plain(message: &[u8], at: usize, question: &Question<'_>) -> Option<usize> {
    let entry = Entry::read(message, at)?;
    let is_plain = message[at..].starts_with(&names::QUESTION_POINTER)
        && entry.rtype != rtype::CNAME
        && fits(&entry, question);
    is_plain.then(|| entry.end())
}

fn has_class(entry: &Entry, qclass: u16) -> bool {
    entry.class == qclass || qclass == class::ANY
}

/// Whether class and type are what was asked for, or the type leads on or signs.
fn fits(entry: &Entry, &Question { qtype, qclass, .. }: &Question<'_>) -> bool {
    let leads_on = matches!(entry.rtype, rtype::CNAME | rtype::DNAME | rtype::RRSIG | rtype::SIG);
    has_class(entry, qclass) && (entry.rtype == qtype || qtype == rtype::ANY || leads_on)
}

/// Reads the section once, keeps what the chain leads to, and makes the chain longer. Whether there was more to keep.
fn pass(
    message: &[u8],
    mut at: usize,
    question: &Question<'_>,
    (chain, aliases): (&mut Vec<Name>, &mut Vec<Name>),
    kept: &mut [bool],
) -> bool {
    // Records of one set stand together and point at the same name.
    let mut last: Option<(usize, usize)> = None;
    let mut more = false;
    for kept in kept {
        let Some(entry) = Entry::read(message, at) else { return more };
        at = entry.end();
        if *kept || !fits(&entry, question) {
            continue;
        }
        let target = names::pointer(message, entry.owner).filter(|it| it.0 == entry.owner);
        let repeated = target.is_some_and(|it| last == Some((it.1, chain.len())));
        if repeated && !makes_alias(message, &entry) {
            continue;
        }
        let Some(owner) = names::read(message, entry.owner) else { return more };
        let within = chain.contains(&owner);
        let above = || chain.iter().any(|it| is_above(&owner, it));
        let second = entry.rtype == rtype::CNAME && aliases.contains(&owner);
        *kept = (within && !second) || (makes_alias(message, &entry) && above());
        if !*kept {
            if !second {
                last = target.map(|it| (it.1, chain.len()));
            }
            continue;
        }
        more = true;
        if entry.rtype != rtype::CNAME {
            continue;
        }
        if chain.len() < CHAIN_MAX
            && let Some(target) = names::read(message, entry.rdata.start)
            && !chain.contains(&target)
        {
            chain.push(target);
        }
        aliases.push(owner);
    }
    more
}

/// Whether a record is a DNAME or signs one: those stand above the names that they concern.
pub(super) fn makes_alias(message: &[u8], entry: &Entry) -> bool {
    entry.rtype == rtype::DNAME || entry.covered(message) == Some(rtype::DNAME)
}

/// Whether a name is an ancestor of another.
fn is_above(ancestor: &Name, name: &Name) -> bool {
    let count = |it: &Name| it.labels().count();
    let skipped = count(name).checked_sub(count(ancestor)).filter(|it| *it > 0);
    skipped.is_some_and(|it| name.labels().skip(it).eq(ancestor.labels()))
}

/// The message with only the records that are kept, told by their place among all and what they are, its names compressed anew.
///
/// `None` where it grows past the size of a message.
pub(super) fn with_only(
    message: &[u8],
    header: &Header,
    question_end: usize,
    order: &[usize],
    kept: impl Fn(usize, &Entry) -> bool,
) -> Option<(Vec<u8>, Header)> {
    let mut at = question_end;
    let mut entries = Vec::with_capacity(header.records());
    for _ in 0..header.records() {
        let entry = Entry::read(message, at)?;
        at = entry.end();
        entries.push(entry);
    }
    let mut writer = Writer::new(message.get(..question_end)?);
    let mut header = *header;
    let mut first = 0;
    for count in [&mut header.answers, &mut header.authorities, &mut header.additionals] {
        let section = first..first + usize::from(*count);
        first = section.end;
        for at in section {
            let index = order.get(at).copied().unwrap_or(at);
            let entry = entries.get(index)?;
            if kept(index, entry) {
                writer.owner(message, entry, true)?;
                writer.rest(message, entry)?;
            } else {
                *count -= 1;
            }
        }
    }
    let mut octets = writer.octets;
    octets[..HEADER_LEN].copy_from_slice(&header.octets());
    (octets.len() <= usize::from(u16::MAX)).then_some((octets, header))
}

impl Choice {
    /// The message with the records of this choice; see [`with_only`].
    pub(super) fn apply(
        &self,
        message: &[u8],
        header: &Header,
        question_end: usize,
    ) -> Option<(Vec<u8>, Header)> {
        let kept = |index: usize, _: &Entry| self.kept.get(index) != Some(&false);
        with_only(message, header, question_end, &self.order, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, Rcode, sample::Sample, wire::flag};
    use super::*;

    const NAME: &[u8] = b"\x03www\x07example\x00";
    /// The question's name, and `example` within it.
    const WWW: &[u8] = b"\xc0\x0c";
    const ADDRESS: &[u8] = &[192, 0, 2, 1];

    fn sample() -> Sample {
        Sample::new(7, flag::QR, NAME, rtype::A, class::IN)
    }

    /// Owners and types of the answer section that are left.
    fn left(sample: Sample) -> Vec<(String, u16)> {
        let name = Name::parse("www.example").unwrap();
        let answer = Answer::from_reply(&sample.octets(), 7, &name, rtype::A, class::IN).unwrap();
        answer.records().map(|it| (answer.name_at(it.owner).unwrap().text(), it.rtype)).collect()
    }

    fn check(sample: Sample, expected: &[(&str, u16)]) {
        let expected: Vec<_> = expected.iter().map(|it| (it.0.to_owned(), it.1)).collect();
        assert_eq!(left(sample), expected);
    }

    #[test]
    fn what_the_question_leads_to_stays() {
        use rtype::{A, CNAME, DNAME, RRSIG};
        let covers = |rtype: u16| [&rtype.to_be_bytes()[..], &[0; 20]].concat();
        check(
            sample().answer(WWW, A, 60, ADDRESS).answer(WWW, RRSIG, 60, &covers(A)),
            &[("www.example", A), ("www.example", RRSIG)],
        );
        let chain = || {
            sample()
                .answer(WWW, CNAME, 60, b"\x01b\xc0\x10")
                .answer(b"\x01b\xc0\x10", CNAME, 60, b"\x01c\x04test\x00")
                .answer(b"\x01c\x04TEST\x00", A, 60, ADDRESS)
        };
        let whole = [("www.example", CNAME), ("b.example", CNAME), ("c.test", A)];
        check(chain(), &whole);
        // In the wrong order as well.
        check(
            sample()
                .answer(b"\x01c\x04test\x00", A, 60, ADDRESS)
                .answer(b"\x01b\xc0\x10", CNAME, 60, b"\x01c\x04test\x00")
                .answer(WWW, CNAME, 60, b"\x01b\xc0\x10"),
            &whole,
        );
        // A name has one alias.
        check(
            sample()
                .answer(WWW, CNAME, 60, b"\x01c\x04test\x00")
                .answer(WWW, CNAME, 60, b"\x01b\xc0\x10")
                .answer(b"\x01b\xc0\x10", A, 60, ADDRESS)
                .answer(b"\x01c\x04test\x00", A, 60, ADDRESS),
            &[("www.example", CNAME), ("c.test", A)],
        );
        // In whatever order they stand.
        check(
            sample()
                .answer(b"\x01b\xc0\x10", CNAME, 60, WWW)
                .answer(WWW, CNAME, 60, b"\x01b\xc0\x10")
                .answer(b"\x01b\xc0\x10", CNAME, 60, WWW),
            &[("www.example", CNAME), ("b.example", CNAME)],
        );
        check(
            sample()
                .answer(b"\xc0\x10", DNAME, 60, b"\x04test\x00")
                .answer(b"\xc0\x10", RRSIG, 60, &covers(DNAME))
                .answer(WWW, CNAME, 60, b"\x03www\x04test\x00")
                .answer(b"\x03www\x04test\x00", A, 60, ADDRESS),
            &[("example", DNAME), ("example", RRSIG), ("www.example", CNAME), ("www.test", A)],
        );
        // Not what was not asked for, right at the name.
        check(
            sample().answer(WWW, A, 60, ADDRESS).answer(WWW, rtype::TXT, 60, b"\x01x"),
            &[("www.example", A)],
        );
        // A circle ends.
        check(sample().answer(WWW, CNAME, 60, WWW), &[("www.example", CNAME)]);
    }

    #[test]
    fn what_it_does_not_lead_to_goes() {
        use rtype::{A, CNAME, DNAME, NS, RRSIG};
        const BANK: &[u8] = b"\x04bank\x04test\x00";
        check(sample().answer(BANK, A, 60, ADDRESS), &[]);
        check(
            sample()
                .answer(WWW, A, 60, ADDRESS)
                .answer(BANK, A, 60, ADDRESS)
                .answer(b"\xc0\x10", NS, 60, WWW)
                .answer(b"\x03www\xc0\x10", A, 60, ADDRESS),
            &[("www.example", A), ("www.example", A)],
        );
        check(
            sample().answer(WWW, CNAME, 60, b"\x01b\xc0\x10").answer(
                b"\x01c\xc0\x10",
                A,
                60,
                ADDRESS,
            ),
            &[("www.example", CNAME)],
        );
        check(
            sample()
                .answer(b"\x04test\x00", DNAME, 60, b"\x01x\x00")
                .answer(b"\xc0\x10", RRSIG, 60, &[0; 22])
                .answer(WWW, A, 60, ADDRESS),
            &[("www.example", A)],
        );
    }

    /// Owners and types of all that is left, section by section.
    fn check_all(sample: Sample, qtype: u16, expected: [&[(&str, u16)]; 3]) {
        let mut octets = sample.octets();
        octets[25..27].copy_from_slice(&qtype.to_be_bytes());
        let name = Name::parse("www.example").unwrap();
        let answer = Answer::from_reply(&octets, 7, &name, qtype, class::IN).unwrap();
        let message = answer.message();
        let header = Header::read(message).unwrap();
        let mut at = answer.head().len();
        let counts = [header.answers, header.authorities, header.additionals];
        let left = counts.map(|count| {
            (0..count)
                .map(|_| {
                    let entry = Entry::read(message, at).unwrap();
                    at = entry.end();
                    (names::read(message, entry.owner).unwrap().text(), entry.rtype)
                })
                .collect::<Vec<_>>()
        });
        assert_eq!(at, message.len());
        let owned = |it: &(&str, u16)| (it.0.to_owned(), it.1);
        assert_eq!(left, expected.map(|it| it.iter().map(owned).collect::<Vec<_>>()));
    }

    #[test]
    fn authority_is_of_zones_above() {
        use rtype::{A, CNAME, DS, NS, NSEC, NSEC3, RRSIG, SOA, TXT};
        const SOA_DATA: &[u8] = &[0; 22];
        let covers = |rtype: u16| [&rtype.to_be_bytes()[..], &[0; 20]].concat();
        let nsec = b"\x01z\x07example\x00\x00\x01\x40".as_slice();
        check_all(
            sample()
                .authority(b"\xc0\x10", SOA, 60, SOA_DATA)
                .authority(b"\xc0\x10", RRSIG, 60, &covers(SOA))
                .authority(b"\x01v\xc0\x10", NSEC, 60, nsec)
                .authority(b"\x01v\xc0\x10", RRSIG, 60, &covers(NSEC))
                .authority(b"\x03abc\xc0\x10", NSEC3, 60, b"\x01\0\0\0\0\0"),
            A,
            [
                &[],
                &[
                    ("example", SOA),
                    ("example", RRSIG),
                    ("v.example", NSEC),
                    ("v.example", RRSIG),
                    ("abc.example", NSEC3),
                ],
                &[],
            ],
        );
        check_all(
            sample()
                .answer(WWW, CNAME, 60, b"\x01b\x04test\0")
                .authority(b"\x04test\0", NS, 60, b"\x02ns\x04evil\0")
                .authority(b"\x04bank\0", NS, 60, b"\x02ns\x04evil\0")
                .authority(b"\x03sub\xc0\x0c", NS, 60, b"\x02ns\x04evil\0")
                .authority(b"\xc0\x10", A, 60, ADDRESS)
                .authority(b"\0", SOA, 60, SOA_DATA)
                .authority(WWW, DS, 60, &[0; 8])
                .authority(b"\xc0\x10", TXT, 60, b"\x01x"),
            A,
            [&[("www.example", CNAME)], &[("test", NS), ("", SOA), ("www.example", DS)], &[]],
        );
    }

    #[test]
    fn additional_records_are_those_that_were_named() {
        use rtype::{A, AAAA, HTTPS, MX, NS, RRSIG, SRV};
        let covers = [&A.to_be_bytes()[..], &[0; 20]].concat();
        check_all(
            sample()
                .answer(WWW, SRV, 60, b"\0\0\0\x64\x01\x85\x03dc1\xc0\x10")
                .authority(b"\xc0\x10", NS, 60, b"\x02ns\xc0\x10")
                .additional(b"\x03DC1\xc0\x10", A, 60, ADDRESS)
                .additional(b"\x03dc1\xc0\x10", RRSIG, 60, &covers)
                .additional(b"\x02ns\xc0\x10", AAAA, 60, &[1; 16])
                .additional(b"\x04bank\xc0\x10", A, 60, ADDRESS),
            SRV,
            [
                &[("www.example", SRV)],
                &[("example", NS)],
                &[("dc1.example", A), ("dc1.example", RRSIG), ("ns.example", AAAA)],
            ],
        );
        check_all(
            sample()
                .answer(WWW, HTTPS, 60, b"\0\0\x03cdn\x04test\0")
                .additional(b"\x03cdn\x04test\0", HTTPS, 60, b"\0\x01\0")
                .additional(b"\xc0\x0c", A, 60, ADDRESS)
                .additional(b"\x04test\0", A, 60, ADDRESS),
            HTTPS,
            [&[("www.example", HTTPS)], &[], &[("cdn.test", HTTPS), ("www.example", A)]],
        );
        // What only a record that goes has named goes as well.
        check_all(
            sample().answer(b"\x04bank\0", MX, 60, b"\0\x01\x02mx\xc0\x10").additional(
                b"\x02mx\xc0\x10",
                A,
                60,
                ADDRESS,
            ),
            MX,
            [&[], &[], &[]],
        );
    }

    #[test]
    fn what_stays_is_whole_where_it_pointed_at_what_goes() {
        let reply = sample()
            .answer(b"\x04bank\x04test\x00", rtype::A, 60, ADDRESS)
            .answer(WWW, rtype::CNAME, 50, b"\x02Ns\xc0\x22")
            .answer(b"\x02nS\xc0\x22", rtype::A, 40, ADDRESS)
            .authority(b"\xc0\x22", rtype::NS, 30, b"\x02ns\xc0\x22")
            .additional(b"\x02ns\xc0\x22", rtype::TXT, 20, b"\x01x")
            .octets();
        let name = Name::parse("www.example").unwrap();
        let answer = Answer::from_reply(&reply, 7, &name, rtype::A, class::IN).unwrap();
        let targets: Vec<_> = answer.targets().map(|it| it.text()).collect();
        assert_eq!((targets, answer.rcode()), (vec!["ns.test".to_owned()], Rcode::NOERROR));
        assert_eq!(answer.records().map(|it| it.ttl).collect::<Vec<_>>(), [50, 40]);
        assert_eq!((answer.addresses().count(), answer.lifetime_secs()), (1, Some(20)));
        // Letters keep their case.
        assert!(answer.message().windows(9).any(|it| it == b"\x02Ns\x04test\x00"));
        assert!(answer.message().windows(4).any(|it| it == b"\x02nS\xc0"));
    }

    #[test]
    fn a_message_without_strays_is_kept_octet_for_octet() {
        let reply = sample()
            .answer(WWW, rtype::CNAME, 50, b"\x02Ns\xc0\x10")
            .answer(b"\xc0\x29", rtype::A, 40, ADDRESS)
            .octets();
        let name = Name::parse("www.example").unwrap();
        let answer = Answer::from_reply(&reply, 7, &name, rtype::A, class::IN).unwrap();
        assert_eq!(answer.message()[12..], reply[12..]);
    }

    #[test]
    fn a_message_that_grows_too_large_is_malformed() {
        // Each record's target is four octets here and 200 when written out, as it has to be in this type.
        let long =
            [&[63; 1][..], &[b'x'; 63], b"\x3f", &[b'y'; 63], b"\x3f", &[b'z'; 63], b"\0"].concat();
        let question = Sample::new(7, flag::QR, NAME, rtype::SRV, class::IN);
        let mut reply = question.answer(&long, rtype::A, 60, ADDRESS);
        for _ in 0..600 {
            reply = reply.answer(WWW, rtype::SRV, 60, b"\0\0\0\0\0\0\x01a\xc0\x1d");
        }
        let name = Name::parse("www.example").unwrap();
        let read = Answer::from_reply(&reply.octets(), 7, &name, rtype::SRV, class::IN);
        assert_eq!(read.err(), Some(super::super::BadReply::Malformed));
    }
}
