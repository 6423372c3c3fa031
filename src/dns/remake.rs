//! Answers made of other answers: IPv6 addresses in place of IPv4 ones, another name in front.

use super::{
    Answer, Query, Rcode,
    chain::makes_alias,
    class,
    compress::Writer,
    names,
    rdata::Entry,
    rtype,
    wire::{HEADER_LEN, Header, flag, u16_at},
};
use crate::name::Name;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Answer {
    /// The answer to AAAA for the same name that has, for each IPv4 address of this one, what `map` makes of it, behind the same
    /// aliases (RFC 6147 section 5.1.7). TTLs are lowered to `ttl_secs_max`. `None` where no address is left.
    pub fn translated(
        &self,
        map: impl Fn(Ipv4Addr) -> Option<Ipv6Addr>,
        ttl_secs_max: u32,
    ) -> Option<Self> {
        let message = self.message();
        let mut made = Remade::new(self.head(), rtype::AAAA)?;
        let mut found = false;
        for entry in self.entries().filter(|it| it.class == class::IN) {
            match entry.rtype {
                rtype::CNAME | rtype::DNAME => made.copy(message, &entry, true, ttl_secs_max)?,
                rtype::A => {
                    let octets: [u8; 4] = *message[entry.rdata.clone()].first_chunk()?;
                    let Some(address) = map(octets.into()) else { continue };
                    let ttl = entry.ttl.min(ttl_secs_max);
                    made.owner(message, &entry, true)?;
                    made.fixed(rtype::AAAA, class::IN, ttl, &address.octets())?;
                    found = true;
                }
                _ => (),
            }
        }
        let made = made.finish(Rcode::NOERROR)?.for_scope(self.scope());
        (found && self.rcode() == Rcode::NOERROR).then_some(made)
    }

    /// The answer that sends a query on by an alias to `target`, and then says what `rest` says of that; without signatures.
    /// `None` where it is too long.
    pub fn renamed(query: &Query<'_>, target: &Name, rest: &Self) -> Option<Self> {
        let ttl = rest.lifetime_secs().unwrap_or(0);
        let mut made = Remade::about(query);
        made.writer.octets.extend_from_slice(&names::QUESTION_POINTER);
        made.fixed(rtype::CNAME, query.qclass, ttl, target.wire())?;
        let (message, answers) = (rest.message(), usize::from(rest.header().answers));
        let is_ours = |it: &Entry| !matches!(it.rtype, rtype::RRSIG | rtype::NSEC | rtype::NSEC3);
        for entry in rest.entries().filter(is_ours) {
            made.copy(message, &entry, false, u32::MAX)?;
        }
        made.section = Section::Authority;
        let authorities = usize::from(rest.header().authorities);
        let others = rest.all_entries().skip(answers).take(authorities);
        for entry in others.filter(|it| it.rtype == rtype::SOA) {
            made.copy(message, &entry, false, u32::MAX)?;
        }
        made.finish(rest.rcode())
    }

    /// This answer, whose aliases end before their target, and what `rest` says of that; put together here, and so not called
    /// authentic whatever both are. `None` where it is too long.
    pub fn continued(&self, rest: &Self) -> Option<Self> {
        let qtype = u16_at(self.head(), self.head().len().checked_sub(4)?)?;
        let mut made = Remade::new(self.head(), qtype)?;
        for entry in self.entries() {
            made.copy(self.message(), &entry, true, u32::MAX)?;
        }
        for entry in rest.entries() {
            made.copy(rest.message(), &entry, false, u32::MAX)?;
        }
        made.section = Section::Authority;
        let header = rest.header();
        let answers = usize::from(header.answers);
        for entry in rest.all_entries().skip(answers).take(header.authorities.into()) {
            made.copy(rest.message(), &entry, false, u32::MAX)?;
        }
        let mut made = made.finish(rest.rcode())?.for_scope(self.scope().or(rest.scope()));
        if rest.lifetime_secs().is_none() {
            made.forget_lifetime();
        }
        // Two of one code would be said twice.
        let more = rest.edes().filter(|it| self.edes().all(|own| own.code != it.code));
        Some(made.with_edes(self.edes().chain(more)))
    }

    /// The aliases that lead to `end`, and nothing of what is said from there on: a loose end where that is `to_follow`. `None` where they
    /// do not lead there, or it is too long.
    pub fn up_to(&self, end: &Name, to_follow: bool) -> Option<Self> {
        let path = self.path();
        let names = &path[..path.iter().position(|it| it == end)?];
        let (message, head) = (self.message(), self.head());
        let qtype = u16_at(head, head.len().checked_sub(4)?)?;
        let mut made = Remade::new(head, qtype)?;
        for entry in self.entries() {
            let owner = names::read(message, entry.owner)?;
            let is_alias =
                entry.rtype == rtype::CNAME || entry.covered(message) == Some(rtype::CNAME);
            let makes = makes_alias(message, &entry) && names.iter().any(|it| it.is_within(&owner));
            if makes || (is_alias && names.contains(&owner)) {
                made.copy(message, &entry, true, u32::MAX)?;
            }
        }
        let mut made = made.finish(Rcode::NOERROR)?.for_scope(self.scope());
        // Whoever asks for an alias has it.
        if to_follow && qtype != rtype::CNAME {
            made.forget_lifetime();
        }
        Some(made.with_edes(self.edes()))
    }

    /// Addresses made here, of the types that they are, all with one TTL.
    pub fn addresses_for(query: &Query<'_>, addresses: &[IpAddr], ttl_secs: u32) -> Option<Self> {
        let mut made = Remade::about(query);
        for address in addresses {
            made.writer.octets.extend_from_slice(&names::QUESTION_POINTER);
            match address {
                IpAddr::V4(it) => made.fixed(rtype::A, query.qclass, ttl_secs, &it.octets())?,
                IpAddr::V6(it) => made.fixed(rtype::AAAA, query.qclass, ttl_secs, &it.octets())?,
            }
        }
        made.finish(Rcode::NOERROR)
    }

    /// Takes out the IPv6 addresses that are not `wanted`, with what signs them; such an answer is authentic no more.
    pub fn keep_ipv6(&mut self, wanted: impl Fn(Ipv6Addr) -> bool) {
        let refused = |octets: &[u8]| {
            octets.first_chunk::<16>().is_some_and(|it| !wanted(Ipv6Addr::from(*it)))
        };
        let message = self.message().to_vec();
        let is_refused =
            |it: &Entry| it.rtype == rtype::AAAA && refused(&message[it.rdata.clone()]);
        if !self.entries().any(|it| is_refused(&it)) {
            return;
        }
        let signs = |it: &Entry| it.covered(&message) == Some(rtype::AAAA);
        self.retain(|it| !is_refused(it) && !signs(it));
        self.set_authentic(false);
    }
}

#[derive(Clone, Copy)]
enum Section {
    Answer,
    Authority,
}

/// An answer in the making.
struct Remade {
    writer: Writer,
    question_end: usize,
    section: Section,
    counts: [u16; 2],
    ttls: Vec<u16>,
    ttl_min: u32,
}

impl Remade {
    /// One to the question in `head`, with another type.
    fn new(head: &[u8], qtype: u16) -> Option<Self> {
        let mut octets = head.to_vec();
        let at = head.len().checked_sub(4)?;
        octets[at..at + 2].copy_from_slice(&qtype.to_be_bytes());
        Some(Self::with(octets))
    }

    fn about(query: &Query<'_>) -> Self {
        let mut octets = vec![0; HEADER_LEN];
        octets.extend_from_slice(query.name.wire());
        octets.extend_from_slice(&query.qtype.to_be_bytes());
        octets.extend_from_slice(&query.qclass.to_be_bytes());
        Self::with(octets)
    }

    fn with(octets: Vec<u8>) -> Self {
        let (section, counts) = (Section::Answer, [0; 2]);
        let question_end = octets.len();
        let writer = Writer::new(&octets);
        Self { writer, question_end, section, counts, ttls: Vec::new(), ttl_min: u32::MAX }
    }

    /// Writes a record of another message. `same` where that has the same question.
    fn copy(&mut self, message: &[u8], entry: &Entry, same: bool, ttl_max: u32) -> Option<()> {
        self.owner(message, entry, same)?;
        let at = self.writer.octets.len() + 4;
        self.writer.rest(message, entry)?;
        let ttl = entry.ttl.min(ttl_max);
        self.writer.octets[at..at + 4].copy_from_slice(&ttl.to_be_bytes());
        self.note(at, ttl)
    }

    fn owner(&mut self, message: &[u8], entry: &Entry, same: bool) -> Option<()> {
        self.writer.owner(message, entry, same)
    }

    /// The rest of a record whose owner has been written.
    fn fixed(&mut self, rtype: u16, class: u16, ttl: u32, rdata: &[u8]) -> Option<()> {
        let octets = &mut self.writer.octets;
        octets.extend_from_slice(&rtype.to_be_bytes());
        octets.extend_from_slice(&class.to_be_bytes());
        let at = octets.len();
        octets.extend_from_slice(&ttl.to_be_bytes());
        octets.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_be_bytes());
        octets.extend_from_slice(rdata);
        self.note(at, ttl)
    }

    fn note(&mut self, ttl_at: usize, ttl: u32) -> Option<()> {
        self.ttls.push(u16::try_from(ttl_at).ok()?);
        self.ttl_min = self.ttl_min.min(ttl);
        self.counts[self.section as usize] += 1;
        Some(())
    }

    fn finish(self, rcode: Rcode) -> Option<Answer> {
        let header = Header {
            id: 0,
            flags: flag::QR | flag::RA | rcode.low(),
            questions: 1,
            answers: self.counts[0],
            authorities: self.counts[1],
            additionals: 0,
        };
        let mut octets = self.writer.octets;
        octets[..HEADER_LEN].copy_from_slice(&header.octets());
        let lifetime_secs = (!self.ttls.is_empty()).then_some(self.ttl_min);
        Answer::made(octets, self.question_end, &self.ttls, rcode, lifetime_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LooseEnd, sample::Sample};
    use super::*;

    const NAME: &[u8] = b"\x03www\x07example\0";

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn answer(reply: Sample, qtype: u16) -> Answer {
        Answer::from_reply(&reply.octets(), 7, &name("www.example"), qtype, class::IN).unwrap()
    }

    fn map(address: Ipv4Addr) -> Option<Ipv6Addr> {
        let [a, b, c, d] = address.octets().map(u16::from);
        (a != 0).then(|| Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, a << 8 | b, c << 8 | d))
    }

    #[test]
    fn addresses_are_translated_behind_their_aliases() {
        let reply = Sample::new(7, flag::QR | flag::AD, NAME, rtype::A, class::IN)
            .answer(b"\xc0\x0c", rtype::CNAME, 900, b"\x01b\xc0\x10")
            .answer(b"\x01b\xc0\x10", rtype::A, 300, &[198, 51, 100, 7])
            .answer(b"\x01b\xc0\x10", rtype::A, 300, &[0, 0, 0, 0])
            .answer(b"\x01b\xc0\x10", rtype::RRSIG, 300, &[0; 40]);
        let held = answer(reply, rtype::A);
        let made = held.translated(map, 600).unwrap();
        let records: Vec<_> = made
            .records()
            .map(|it| (made.name_at(it.owner).unwrap().text(), it.rtype, it.ttl))
            .collect();
        assert_eq!(
            records,
            [
                ("www.example".to_owned(), rtype::CNAME, 600),
                ("b.example".to_owned(), rtype::AAAA, 300)
            ]
        );
        let expected: IpAddr = "64:ff9b::c633:6407".parse().unwrap();
        assert_eq!(made.addresses().collect::<Vec<_>>(), [expected]);
        assert_eq!(made.targets().map(|it| it.text()).collect::<Vec<_>>(), ["b.example"]);
        assert_eq!((made.lifetime_secs(), made.authentic()), (Some(300), false));
        assert_eq!(u16_at(made.head(), made.head().len() - 4), Some(rtype::AAAA));
        let low = held.translated(map, 60).unwrap();
        assert!(low.records().all(|it| it.ttl == 60) && low.lifetime_secs() == Some(60));
    }

    #[test]
    fn what_is_said_beyond_a_name_goes() {
        let reply = || {
            Sample::new(7, flag::QR | flag::AD, NAME, rtype::A, class::IN)
                .answer(b"\xc0\x0c", rtype::CNAME, 900, b"\x01b\x04zone\0")
                .answer(b"\x04zone\0", rtype::DNAME, 300, b"\x04corp\0")
                .answer(b"\x01b\x04zone\0", rtype::CNAME, 300, b"\x01b\x04corp\0")
                .answer(b"\x01b\x04corp\0", rtype::A, 60, &[192, 0, 2, 66])
                .authority(b"\x04corp\0", rtype::NS, 60, b"\x02ns\x04evil\0")
        };
        let check = |end: &str, expected: &[(&str, u16)]| {
            let held = answer(reply(), rtype::A);
            assert_eq!(held.alias_to(|it| *it == name(end)), Some(name(end)));
            for to_follow in [true, false] {
                let made = held.up_to(&name(end), to_follow).unwrap();
                let records: Vec<_> = made
                    .all_entries()
                    .map(|it| (made.name_at(it.owner).unwrap().text(), it.rtype))
                    .collect();
                let expected: Vec<_> = expected.iter().map(|it| (it.0.to_owned(), it.1)).collect();
                assert_eq!(records, expected);
                let end = LooseEnd::Alias(Box::new(name(end)));
                assert_eq!(made.loose_end(), to_follow.then_some(end));
                assert!(!made.authentic(), "what has been cut is nobody's word");
            }
        };
        let first = ("www.example", rtype::CNAME);
        check("b.zone", &[first]);
        check("b.corp", &[first, ("zone", rtype::DNAME), ("b.zone", rtype::CNAME)]);
        let held = answer(reply(), rtype::A);
        for other in ["www.example", "zone", "x.corp"] {
            assert_eq!(held.alias_to(|it| *it == name(other)), None, "{other}");
        }
        assert_eq!(held.up_to(&name("x.corp"), true), None);
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        let sample = |rcode: u16| Sample::new(7, flag::QR | rcode, NAME, rtype::A, class::IN);
        let check = |reply: Sample| {
            assert_eq!(answer(reply, rtype::A).translated(map, 600), None);
        };
        check(sample(0));
        check(sample(0).answer(b"\xc0\x0c", rtype::A, 300, &[0; 4]));
        check(sample(3).answer(b"\xc0\x0c", rtype::A, 300, &[192, 0, 2, 1]));
    }

    #[test]
    fn excluded_addresses_go_with_their_signatures() {
        let real = "2001:db8::1".parse::<Ipv6Addr>().unwrap();
        let mapped = "::ffff:192.0.2.1".parse::<Ipv6Addr>().unwrap();
        let signature = [&rtype::AAAA.to_be_bytes()[..], &[0; 38]].concat();
        let mut held = answer(
            Sample::new(7, flag::QR | flag::AD, NAME, rtype::AAAA, class::IN)
                .answer(b"\xc0\x0c", rtype::AAAA, 300, &real.octets())
                .answer(b"\xc0\x0c", rtype::AAAA, 300, &mapped.octets())
                .answer(b"\xc0\x0c", rtype::RRSIG, 300, &signature),
            rtype::AAAA,
        );
        let whole = held.clone();
        held.keep_ipv6(|_| true);
        assert_eq!(held, whole);
        held.keep_ipv6(|it| it == real);
        assert_eq!(held.addresses().collect::<Vec<_>>(), [IpAddr::from(real)]);
        assert_eq!((held.records().count(), held.authentic()), (1, false));
    }

    #[test]
    fn other_names_stand_in_front() {
        let packet = Sample::new(1, 0, b"\x01x\x04arpa\0", rtype::PTR, class::IN).octets();
        let query = Query::parse(&packet).unwrap();
        let rest = Sample::new(7, flag::QR, NAME, rtype::PTR, class::IN).answer(
            b"\xc0\x0c",
            rtype::PTR,
            120,
            b"\x04host\xc0\x10",
        );
        let made =
            Answer::renamed(&query, &name("www.example"), &answer(rest, rtype::PTR)).unwrap();
        let owners: Vec<String> =
            made.records().map(|it| made.name_at(it.owner).unwrap().text()).collect();
        assert_eq!(owners, ["x.arpa", "www.example"]);
        assert_eq!(made.pointers().map(|it| it.text()).collect::<Vec<_>>(), ["host.example"]);
        assert_eq!(made.lifetime_secs(), Some(120));

        let soa = [&b"\xc0\x0c\xc0\x0c"[..], &[0; 16], &60_u32.to_be_bytes()].concat();
        let none = Sample::new(7, flag::QR | 3, NAME, rtype::PTR, class::IN).authority(
            b"\xc0\x10",
            rtype::SOA,
            900,
            &soa,
        );
        let made =
            Answer::renamed(&query, &name("www.example"), &answer(none, rtype::PTR)).unwrap();
        assert_eq!((made.rcode(), made.lifetime_secs()), (Rcode::NXDOMAIN, Some(60)));
        assert_eq!((made.header().answers, made.header().authorities), (1, 1));
    }
}
