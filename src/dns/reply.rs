//! `Reply`: how an answer leaves for one client: ID, flags, question case, TTLs, size, OPT.

use super::{
    Answer, Ede, Query, Rcode, Way,
    opt::{self, Opt, Subnet},
    wire::{HEADER_LEN, flag},
};
use std::iter;

/// An answer on its way to one client.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// What is sent.
    pub answer: &'a Answer,
    /// The query it answers: the same name, type and class.
    pub query: &'a Query<'a>,
    /// How many seconds ago the answer was stored; taken off every TTL.
    pub age_secs: u32,
    /// When set, every TTL becomes this: for stale answers (RFC 8767 section 5).
    pub ttl_secs_override: Option<u32>,
    /// An Extended DNS Error to add, when the client sent EDNS. It precedes those that the upstream gave, in
    /// place of one with its code.
    pub ede: Option<Ede<'a>>,
    /// What the way to the client takes ([`super::Client::way`]).
    pub way: Way,
}

impl Reply<'_> {
    /// Writes the response into `out`, cleared first; sets TC and drops records where it does not fit.
    ///
    /// An answer that does not fit leaves without what a client can do without, additional records first, else as header,
    /// question and OPT with TC=1, never with part of its records (RFC 2181 section 9). EDE text is cut before that happens, and
    /// EDE is left out where not even its code fits, which sets TC as well (RFC 8914 section 3). The limit is taken to hold header, question and OPT, as 512 octets do.
    ///
    /// Flags: RD and CD as asked; RA, because recursion is on offer; AA never, because an answer from a forwarder's cache is
    /// not the authority's own word; AD when the answer has it and the client can read it (AD or DO in the query,
    /// RFC 6840 section 5.8), and never on a stale answer, whose signatures may be over. An extended rcode goes to a client without EDNS as SERVFAIL: its lower bits would say something else.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let (answer, query) = (self.answer, self.query);
        let opt_len = query.edns.map_or(0, |it| opt::len(&it));
        let (message, head) = (answer.message(), answer.head());
        assert_eq!(head.len(), HEADER_LEN + query.sent.len() + 4, "an answer to another question");
        let room = self.way.limit.saturating_sub(opt_len);
        // How far the message is sent, and what is left of its authority section where that is not to its end.
        let kept = match message.len() <= room {
            true => Some((message.len(), None)),
            false => answer.shortened(room, query.dnssec_ok()).map(|it| (it.0, Some(it.1))),
        };
        out.clear();
        out.extend_from_slice(kept.map_or(head, |it| &message[..it.0]));

        let Some(header) = out.first_chunk_mut::<HEADER_LEN>() else { return };
        [header[0], header[1]] = query.id.to_be_bytes();
        let mut flags = u16::from_be_bytes([header[2], header[3]]);
        if !(query.ad || query.dnssec_ok()) || self.ttl_secs_override.is_some() {
            flags &= !flag::AD;
        }
        flags = self::flags(flags, answer.rcode(), query);
        match kept {
            None => {
                flags |= flag::TC;
                header[6..].fill(0);
            }
            Some((_, Some(authorities))) => {
                header[8..10].copy_from_slice(&authorities.to_be_bytes());
                header[10..].fill(0);
            }
            Some((_, None)) => (),
        }
        [header[2], header[3]] = flags.to_be_bytes();
        if query.edns.is_some() {
            let additionals = u16::from_be_bytes([header[10], header[11]]) + 1;
            [header[10], header[11]] = additionals.to_be_bytes();
        }
        out[HEADER_LEN..HEADER_LEN + query.sent.len()].copy_from_slice(query.sent);
        self.write_ttls(out);
        if let Some(edns) = query.edns {
            let (mut own, mut given) = (self.ede, 0);
            // Nearly no answer has one.
            let errors = iter::from_fn(|| {
                let more = || answer.has_edes().then(|| self.given(&mut given)).flatten();
                own.take().or_else(more)
            });
            let subnet = self.subnet();
            let opt = Opt { subnet, ..Opt::answering(answer.rcode(), &edns, self.way) };
            if !opt.write(out, errors) {
                out[2] |= (flag::TC >> 8) as u8;
            }
        }
    }

    /// The next of the upstream's Extended DNS Errors that is not said already.
    #[cold]
    fn given(&self, count: &mut usize) -> Option<Ede<'_>> {
        let is_other = |it: &Ede<'_>| self.ede.is_none_or(|own| own.code != it.code);
        let next = self.answer.edes().filter(is_other).nth(*count);
        *count += 1;
        next
    }

    /// For whom the client asked, where the upstream was told so.
    fn subnet(&self) -> Option<Subnet<'_>> {
        let scope = self.answer.scope()?;
        Some(Subnet { sent: self.query.subnet()?, scope })
    }

    #[inline]
    fn write_ttls(&self, out: &mut [u8]) {
        if self.age_secs == 0 && self.ttl_secs_override.is_none() {
            return;
        }
        for at in self.answer.ttl_offsets() {
            // What has been left out comes last.
            let Some(octets) = out.get_mut(at..).and_then(|it| it.first_chunk_mut::<4>()) else {
                break;
            };
            let left = u32::from_be_bytes(*octets).saturating_sub(self.age_secs);
            *octets = self.ttl_secs_override.unwrap_or(left).to_be_bytes();
        }
    }
}

/// The flags of a message as a client gets them: RD and CD as asked, and no more of an rcode than it can read.
#[inline]
pub(super) fn flags(mut flags: u16, rcode: Rcode, query: &Query<'_>) -> u16 {
    flags |= if query.rd { flag::RD } else { 0 } | if query.cd { flag::CD } else { 0 };
    if query.edns.is_none() && rcode.high() != 0 {
        flags = flags & !flag::RCODE | Rcode::SERVFAIL.low();
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::super::{
        Cookie, Rcode, ServerCookie, UDP_SIZE_MAX, class, rdata::Entry, rtype, sample::Sample,
    };
    use super::*;
    use crate::name::Name;

    const NAME: &[u8] = b"\x03wWw\x07eXample\x00";
    const QUESTION_END: usize = HEADER_LEN + NAME.len() + 4;

    /// A query for `wWw.eXample. A` with these flags, and with OPT if `ttl` says what stands in it.
    fn packet(flags: u16, ttl: Option<u32>) -> Vec<u8> {
        let sample = Sample::new(0x1234, flags, NAME, rtype::A, class::IN);
        match ttl {
            Some(ttl) => sample.additional(b"\0", rtype::OPT, ttl, b"").octets(),
            None => sample.octets(),
        }
    }

    fn sample(flags: u16) -> Sample {
        Sample::new(7, flag::QR | flags, NAME, rtype::A, class::IN)
            .answer(b"\xc0\x0c", rtype::A, 300, &[192, 0, 2, 1])
            .answer(b"\xc0\x0c", rtype::A, 5, &[192, 0, 2, 2])
    }

    fn answer(reply: Sample) -> Answer {
        let name = Name::parse("www.example").unwrap();
        Answer::from_reply(&reply.octets(), 7, &name, rtype::A, class::IN).unwrap()
    }

    /// Writes `answer` to the client that sent `packet`, as `change` wants it.
    fn write(answer: &Answer, packet: &[u8], change: impl Fn(&mut Reply<'_>)) -> Vec<u8> {
        let query = &Query::parse(packet).unwrap();
        let mut reply = Reply {
            answer,
            query,
            age_secs: 0,
            ttl_secs_override: None,
            ede: None,
            way: Way::plain(512),
        };
        change(&mut reply);
        let mut out = b"left over".to_vec();
        reply.write(&mut out);
        out
    }

    fn flags(message: &[u8]) -> u16 {
        u16::from_be_bytes([message[2], message[3]])
    }

    fn ttls(message: &[u8]) -> Vec<u32> {
        let mut at = QUESTION_END;
        let mut found = Vec::new();
        while let Some(entry) = Entry::read(message, at) {
            at = entry.end();
            found.push(entry.ttl);
        }
        found
    }

    #[test]
    fn flags_follow_answer_and_query() {
        const FIXED: u16 = flag::QR | flag::RA;
        let check = |upstream: u16, asked: u16, opt: Option<u32>, expected: u16| {
            let out = write(&answer(sample(upstream)), &packet(asked, opt), |_| ());
            assert_eq!(flags(&out), FIXED | expected, "{upstream:04x} {asked:04x} {opt:?}");
            assert_eq!(out[..2], [0x12, 0x34]);
            assert_eq!(out[HEADER_LEN..HEADER_LEN + NAME.len()], *NAME);
        };
        check(0, 0, None, 0);
        check(0, flag::RD, None, flag::RD);
        check(0, flag::CD, None, flag::CD);
        check(flag::RD | flag::CD, 0, None, 0);
        // AA of the upstream, and what it leaves in Z.
        check(0x0400 | 0x0040, 0, None, 0);
        check(flag::AD, 0, None, 0);
        check(flag::AD, flag::AD, None, flag::AD);
        check(flag::AD, 0, Some(0), 0);
        check(flag::AD, 0, Some(0x8000), flag::AD);
        check(0, flag::AD, Some(0x8000), 0);
        let stale = write(&answer(sample(flag::AD)), &packet(flag::AD, None), |it| {
            it.ttl_secs_override = Some(30);
        });
        assert_eq!(flags(&stale), FIXED, "stale answers are not authentic");
    }

    #[test]
    fn ttls_are_counted_down() {
        let check = |age_secs: u32, ttl_secs_override: Option<u32>, expected: [u32; 2]| {
            let out = write(&answer(sample(0)), &packet(0, None), |it| {
                it.age_secs = age_secs;
                it.ttl_secs_override = ttl_secs_override;
            });
            assert_eq!(ttls(&out), expected);
        };
        check(0, None, [300, 5]);
        check(1, None, [299, 4]);
        check(5, None, [295, 0]);
        check(6, None, [294, 0]);
        check(u32::MAX, None, [0, 0]);
        check(400, Some(30), [30, 30]);
        check(0, Some(30), [30, 30]);
    }

    #[test]
    fn opt_answers_opt() {
        let plain = write(&answer(sample(0)), &packet(0, None), |_| ());
        assert_eq!((plain[11], ttls(&plain).len()), (0, 2));
        let check = |asked: u32, expected: u32| {
            let out = write(&answer(sample(0)), &packet(0, Some(asked)), |_| ());
            assert_eq!(out[11], 1);
            assert_eq!(out[12..plain.len()], plain[12..]);
            let entry = Entry::read(&out, plain.len()).unwrap();
            assert_eq!((entry.rtype, entry.class), (rtype::OPT, UDP_SIZE_MAX));
            assert_eq!((entry.ttl, entry.rdata.len(), entry.end()), (expected, 0, out.len()));
        };
        check(0, 0);
        check(0x8000, 0x8000);
        // Only DO comes back.
        check(0xff00_ffff, 0x8000);
    }

    #[test]
    fn errors_travel_in_opt() {
        let own = b"\0\x0f\0\x06\0\x16slow";
        let answer = answer(sample(0).additional(b"\0", rtype::OPT, 0, own));
        let ede = Some(Ede { code: Ede::STALE_ANSWER, text: "late" });
        let plain = write(&answer, &packet(0, None), |it| it.ede = ede);
        assert_eq!(ttls(&plain).len(), 2, "no OPT, no EDE");
        let rdata = |ede| {
            let out = write(&answer, &packet(0, Some(0)), |it| it.ede = ede);
            let entry = Entry::read(&out, plain.len()).unwrap();
            assert_eq!(entry.end(), out.len());
            out[entry.rdata].to_vec()
        };
        assert_eq!(rdata(None), own);
        assert_eq!(rdata(ede), [b"\0\x0f\0\x06\0\x03late".as_slice(), own].concat());
        let ours = Some(Ede { code: Ede::NO_REACHABLE_AUTHORITY, text: "" });
        assert_eq!(rdata(ours), *b"\0\x0f\0\x02\0\x16", "no code twice");
    }

    #[test]
    fn what_does_not_fit_leaves_without_records() {
        let answer = answer(sample(flag::AD).authority(b"\xc0\x10", rtype::NS, 9, b"\xc0\x10"));
        let whole = write(&answer, &packet(flag::RD, None), |_| ());
        let check = |opt: Option<u32>, limit: usize, fits: bool| {
            let out = write(&answer, &packet(flag::RD, opt), |it| {
                it.way.limit = limit;
                it.age_secs = 1;
            });
            assert_eq!(flags(&out) & flag::TC == 0, fits, "{limit}");
            assert!(out.len() <= limit);
            if fits {
                assert_eq!(ttls(&out)[..2], [299, 4]);
            } else {
                assert_eq!(out[4..12], [0, 1, 0, 0, 0, 0, 0, u8::from(opt.is_some())]);
                assert_eq!(out.len(), QUESTION_END + if opt.is_some() { 11 } else { 0 });
            }
        };
        let (all, answers) = (whole.len(), whole.len() - 14);
        check(None, all, true);
        check(None, answers, true);
        check(None, answers - 1, false);
        check(Some(0), answers + 11, true);
        check(Some(0), answers + 10, false);
        // With DO the authority section may hold proofs.
        check(Some(0x8000), all + 11, true);
        check(Some(0x8000), all + 10, false);
    }

    #[test]
    fn a_cookie_goes_before_records_do() {
        let answer = answer(sample(0));
        let cookie = |server| Cookie { client: [7; 8], server };
        let len = write(&answer, &packet(0, Some(0)), |_| ()).len();
        let check = |server: ServerCookie, room: usize, rdata_len: usize, fits: bool| {
            let asked = packet(0, Some(0));
            let mut query = Query::parse(&asked).unwrap();
            query.edns.as_mut().unwrap().cookie = Some(cookie(server));
            let mut out = Vec::new();
            let way = Way::plain(len + room);
            let (query, answer) = (&query, &answer);
            Reply { answer, query, age_secs: 0, ttl_secs_override: None, ede: None, way }
                .write(&mut out);
            let opt = Entry::read(&out, if fits { len - 11 } else { QUESTION_END }).unwrap();
            assert_eq!((opt.rtype, opt.rdata.len()), (rtype::OPT, rdata_len));
            assert_eq!((flags(&out) & flag::TC == 0, out.len() <= way.limit), (fits, true));
            if rdata_len > 0 {
                let expected = [&[0, 10, 0, 24][..], &[7; 8], &[9; 16]].concat();
                assert_eq!(out[opt.rdata], expected);
            }
        };
        check(ServerCookie::Made([9; 16]), 28, 28, true);
        check(ServerCookie::Made([9; 16]), 27, 28, false);
        // What a client sent never comes back unlooked at.
        check(ServerCookie::Sent([9; 16]), 28, 0, true);
        check(ServerCookie::Absent, 28, 0, true);
    }

    #[test]
    fn errors_give_way_before_records_do() {
        let answer = answer(sample(0));
        let len = write(&answer, &packet(0, Some(0)), |_| ()).len();
        let check = |room: usize, text: Option<&str>| {
            let out = write(&answer, &packet(0, Some(0)), |it| {
                it.ede = Some(Ede { code: Ede::BLOCKED, text: "reads as another" });
                it.way.limit = len + room;
            });
            assert_eq!(out[7], 2, "both records are there");
            let entry = Entry::read(&out, len - 11).unwrap();
            assert_eq!(opt::edes(&out[entry.rdata]).next().map(|it| it.1), text);
            assert_eq!(flags(&out) & flag::TC == 0, text.is_some());
        };
        check(22, Some("reads as another"));
        check(12, Some("reads "));
        check(6, Some(""));
        check(5, None);
        check(0, None);
    }

    #[test]
    fn extended_rcodes_need_opt() {
        let answer = answer(sample(7).additional(b"\0", rtype::OPT, 0x0100_0000, b""));
        assert_eq!(answer.rcode(), Rcode::BADCOOKIE);
        let out = write(&answer, &packet(0, Some(0)), |_| ());
        assert_eq!((flags(&out) & flag::RCODE, out[out.len() - 6]), (7, 1));
        let out = write(&answer, &packet(0, None), |_| ());
        assert_eq!(flags(&out) & flag::RCODE, Rcode::SERVFAIL.0);
    }

    #[test]
    #[should_panic(expected = "an answer to another question")]
    fn an_answer_to_another_question_is_not_written() {
        let packet = Sample::new(1, 0, b"\x01a\0", rtype::A, class::IN).octets();
        write(&answer(sample(0)), &packet, |_| ());
    }
}
