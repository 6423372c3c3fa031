//! Aliases that DNAME records make (RFC 6672), where an upstream leaves their making to whoever asks.

use super::{
    chain::{CHAIN_MAX, makes_alias},
    class,
    compress::Writer,
    intake::Question,
    names,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header},
};
use crate::name::Name;

/// What a reply lacks of the aliases that its DNAME records make.
pub(super) enum Aliases {
    /// Nothing.
    Whole,
    /// The message with them.
    Made {
        octets: Vec<u8>,
        header: Header,
        /// One would lead to a name that is too long: YXDOMAIN (RFC 6672 section 2.2).
        too_long: bool,
    },
}

/// An alias to be made, after the DNAME record that stands at a place among the answers.
struct Alias {
    index: usize,
    octets: Vec<u8>,
}

/// Makes the CNAME records that the DNAME records of the answer section call for (RFC 6672 section 3.1), each with the TTL of its DNAME
/// record, which makes one at most. `None` where the message cannot be written.
pub(super) fn complete(
    message: &[u8],
    header: &Header,
    question_end: usize,
    question: &Question<'_>,
) -> Option<Aliases> {
    let mut at = question_end;
    let mut entries = Vec::with_capacity(header.records());
    for _ in 0..header.records() {
        let entry = Entry::read(message, at)?;
        at = entry.end();
        entries.push(entry);
    }
    let (made, too_long) = missing(message, &entries[..header.answers.into()], question)?;
    if made.is_empty() && !too_long {
        return Some(Aliases::Whole);
    }
    let mut writer = Writer::new(message.get(..question_end)?);
    let mut waiting = made.iter().peekable();
    for (index, entry) in entries.iter().enumerate() {
        // Behind the record that makes it and what signs that.
        let belongs = index < header.answers.into() && makes_alias(message, entry);
        while let Some(alias) = waiting.next_if(|it| !belongs && it.index < index) {
            write(&mut writer, alias)?;
        }
        writer.owner(message, entry, true)?;
        writer.rest(message, entry)?;
    }
    waiting.try_for_each(|alias| write(&mut writer, alias))?;
    let answers = header.answers + u16::try_from(made.len()).ok()?;
    let header = Header { answers, ..*header };
    let mut octets = writer.octets;
    octets[..HEADER_LEN].copy_from_slice(&header.octets());
    Some(Aliases::Made { octets, header, too_long })
}

/// The aliases that are called for and not there, and whether the last leads nowhere because its target is too long.
fn missing(
    message: &[u8],
    answers: &[Entry],
    &Question { name, qtype, qclass }: &Question<'_>,
) -> Option<(Vec<Alias>, bool)> {
    let mut renaming = Vec::new();
    // Records of another class are no part of the answer, and go.
    let counts = |it: &Entry| it.class == qclass || qclass == class::ANY;
    for (index, entry) in answers.iter().enumerate() {
        if entry.rtype == rtype::DNAME && counts(entry) {
            let owner = names::read(message, entry.owner)?;
            renaming.push((index, owner, names::read(message, entry.rdata.start)?));
        }
    }
    let (mut name, mut made, mut passed) = (name.clone(), Vec::new(), Vec::new());
    // A name has one alias.
    while passed.len() < CHAIN_MAX && !passed.contains(&name) {
        passed.push(name.clone());
        // Types first: most answers have neither, and names are read only then.
        let is_here = |rtype: u16, it: &&Entry| {
            let named = || names::read(message, it.owner).is_some_and(|it| it == name);
            it.rtype == rtype && counts(it) && named()
        };
        if answers.iter().any(|it| is_here(qtype, &it)) {
            break;
        }
        let alias = answers.iter().find(|it| is_here(rtype::CNAME, it));
        // The closest counts, whatever the order, so that who reads on reads the same; it has then made its alias.
        let above = |it: &(usize, Name, Name)| name.is_within(&it.1) && name != it.1;
        let places = (0..renaming.len()).rev().filter(|it| above(&renaming[*it]));
        let by =
            places.max_by_key(|it| renaming[*it].1.label_count()).map(|it| renaming.remove(it));
        if let Some(alias) = alias {
            name = names::read(message, alias.rdata.start)?;
            continue;
        }
        let Some((index, owner, target)) = by else { break };
        let Some(target) = renamed(&name, &owner, &target) else { return Some((made, true)) };
        let &Entry { class, ttl, .. } = &answers[index];
        made.push(Alias { index, octets: alias_record(&name, class, ttl, &target)? });
        if qtype == rtype::CNAME {
            break;
        }
        name = target;
    }
    made.sort_by_key(|it| it.index);
    Some((made, false))
}

/// The name with `target` in place of the ancestor `owner`; `None` where it is too long.
fn renamed(name: &Name, owner: &Name, target: &Name) -> Option<Name> {
    let kept = name.wire().len() - owner.wire().len();
    Name::read(&[&name.wire()[..kept], target.wire()].concat()).map(|it| it.0)
}

/// A CNAME record behind an empty header, its names written out.
fn alias_record(owner: &Name, class: u16, ttl: u32, target: &Name) -> Option<Vec<u8>> {
    let mut octets = vec![0; HEADER_LEN];
    octets.extend_from_slice(owner.wire());
    octets.extend_from_slice(&rtype::CNAME.to_be_bytes());
    octets.extend_from_slice(&class.to_be_bytes());
    octets.extend_from_slice(&ttl.to_be_bytes());
    octets.extend_from_slice(&u16::try_from(target.wire().len()).ok()?.to_be_bytes());
    octets.extend_from_slice(target.wire());
    Some(octets)
}

fn write(writer: &mut Writer, Alias { octets, .. }: &Alias) -> Option<()> {
    let entry = Entry::read(octets, HEADER_LEN)?;
    writer.owner(octets, &entry, false)?;
    writer.rest(octets, &entry)
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, LooseEnd, Rcode, sample::Sample, wire::flag};
    use super::*;

    const WWW: &[u8] = b"\xc0\x0c";
    const ADDRESS: &[u8] = &[192, 0, 2, 1];

    /// A reply to `www.x.example`, authentic.
    fn sample(qtype: u16) -> Sample {
        Sample::new(7, flag::QR | flag::AD, b"\x03www\x01x\x07example\0", qtype, class::IN)
    }

    fn answer(reply: Sample, qtype: u16) -> Answer {
        let name = Name::parse("www.x.example").unwrap();
        Answer::from_reply(&reply.octets(), 7, &name, qtype, class::IN).unwrap()
    }

    /// Owners, types, TTLs and targets of the answer section.
    fn check(reply: Sample, qtype: u16, expected: &[(&str, u16, u32, &str)]) -> Answer {
        let answer = answer(reply, qtype);
        let target = |rtype: u16, rdata: &[u8]| match rtype {
            rtype::CNAME | rtype::DNAME => {
                let message = answer.message();
                let at = rdata.as_ptr().addr() - message.as_ptr().addr();
                names::read(message, at).unwrap().text()
            }
            _ => String::new(),
        };
        let left: Vec<_> = answer
            .records()
            .map(|it| {
                let owner = answer.name_at(it.owner).unwrap().text();
                (owner, it.rtype, it.ttl, target(it.rtype, it.rdata))
            })
            .collect();
        let expected: Vec<_> =
            expected.iter().map(|it| (it.0.to_owned(), it.1, it.2, it.3.to_owned())).collect();
        assert_eq!(left, expected);
        answer
    }

    #[test]
    fn aliases_are_made_where_they_are_called_for() {
        use rtype::{A, CNAME, DNAME, RRSIG};
        let covers = [&DNAME.to_be_bytes()[..], &[0; 20]].concat();
        let given = ("x.example", DNAME, 90, "y.test");
        let made = ("www.x.example", CNAME, 90, "www.y.test");
        let renamed = || sample(A).answer(b"\xc0\x10", DNAME, 90, b"\x01y\x04test\0");
        let mut answer = check(renamed(), A, &[given, made]);
        let end = Name::parse("www.y.test").unwrap();
        assert_eq!(answer.loose_end(), Some(LooseEnd::Alias(Box::new(end))));
        // Nor does it become so, whatever comes of its signatures.
        answer.set_authentic(true);
        answer.strip_dnssec();
        answer.set_authentic(true);
        assert!(!answer.authentic(), "what has been edited is nobody's word");
        // What it leads to stays, and a signature stands beside what it signs.
        let target = b"\x03www\x01y\x04test\0";
        let signed = renamed().answer(b"\xc0\x10", RRSIG, 90, &covers);
        let answer = check(
            signed.answer(target, A, 30, ADDRESS),
            A,
            &[given, ("x.example", RRSIG, 90, ""), made, ("www.y.test", A, 30, "")],
        );
        assert_eq!((answer.loose_end(), answer.lifetime_secs()), (None, Some(30)));
        // One leads to the next, in whatever order they stand.
        check(
            sample(A).answer(b"\x04test\0", DNAME, 60, b"\0").answer(
                b"\xc0\x10",
                DNAME,
                90,
                b"\x01y\x04test\0",
            ),
            A,
            &[given, made, ("test", DNAME, 60, ""), ("www.y.test", CNAME, 60, "www.y")],
        );
        let as_asked = sample(CNAME).answer(b"\xc0\x10", DNAME, 90, b"\x01y\x04test\0");
        let answer = check(as_asked, CNAME, &[given, made]);
        assert_eq!(answer.lifetime_secs(), Some(90));
    }

    #[test]
    fn none_is_made_where_none_is_missing() {
        use rtype::{A, CNAME, DNAME};
        let renamed = |qtype| sample(qtype).answer(b"\xc0\x10", DNAME, 90, b"\x01y\x04test\0");
        let given = ("x.example", DNAME, 90, "y.test");
        let there = renamed(A).answer(WWW, CNAME, 90, b"\x03www\x01y\x04test\0");
        let answer = check(there, A, &[given, ("www.x.example", CNAME, 90, "www.y.test")]);
        assert!(answer.authentic());
        // The record is there; the name itself has the DNAME; it stands beside the name; nobody speaks of the name.
        check(renamed(A).answer(WWW, A, 9, ADDRESS), A, &[given, ("www.x.example", A, 9, "")]);
        check(
            sample(DNAME).answer(WWW, DNAME, 90, b"\0"),
            DNAME,
            &[("www.x.example", DNAME, 90, "")],
        );
        check(sample(A).answer(WWW, DNAME, 90, b"\0"), A, &[("www.x.example", DNAME, 90, "")]);
        check(sample(A).answer(b"\x01z\xc0\x10", DNAME, 90, b"\0"), A, &[]);
        let refused = Sample::new(7, flag::QR | 5, b"\x03www\x01x\x07example\0", A, class::IN);
        check(refused.answer(b"\xc0\x10", DNAME, 90, b"\x01y\x04test\0"), A, &[given]);
    }

    #[test]
    fn a_record_makes_one_alias() {
        use rtype::{A, CNAME, DNAME};
        // It leads below itself.
        let again = sample(A).answer(b"\xc0\x10", DNAME, 90, b"\x01y\xc0\x10");
        let answer = check(
            again,
            A,
            &[
                ("x.example", DNAME, 90, "y.x.example"),
                ("www.x.example", CNAME, 90, "www.y.x.example"),
            ],
        );
        // Read once more, it is the same.
        let mut octets = answer.message().to_vec();
        octets[1] = 7;
        let name = Name::parse("www.x.example").unwrap();
        let once_more = Answer::from_reply(&octets, 7, &name, A, class::IN).unwrap();
        assert_eq!(once_more.message(), answer.message());
    }

    #[test]
    fn a_name_that_would_be_too_long_is_not_made() {
        let label = |it: u8| [&[63; 1][..], &[it; 63]].concat();
        let long =
            [label(b'a'), label(b'b'), label(b'c'), vec![59], vec![b'd'; 59], vec![0]].concat();
        let reply = sample(rtype::A).answer(b"\xc0\x10", rtype::DNAME, 90, &long);
        let answer = answer(reply, rtype::A);
        assert_eq!((answer.rcode(), answer.authentic()), (Rcode::YXDOMAIN, false));
        assert_eq!(answer.records().map(|it| it.rtype).collect::<Vec<_>>(), [rtype::DNAME]);
        assert_eq!(answer.lifetime_secs(), None);
    }
}
