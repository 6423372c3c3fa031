//! The OPT record (RFC 6891): reading what a peer sends, and writing our own from scratch.

use super::{
    Cookie, Ede, Edns, Rcode, ServerCookie, Way,
    cookie::{CLIENT_LEN, SERVER_LEN},
    names,
    rdata::Entry,
    rtype,
    wire::{self, HEADER_LEN, Header, QUESTION_FIXED_LEN},
};
use std::{num::NonZeroU16, ops::Range};

/// The UDP payload size we state, and the largest UDP response we send: what passes every common path unfragmented
/// (RFC 9715 section 3.1; 1,280 octets of IPv6 without IPv6 and UDP headers).
pub const UDP_SIZE_MAX: u16 = 1_232;

/// The largest UDP response to a client without EDNS (RFC 1035 section 2.3.4), and the least that a stated size means
/// (RFC 6891 section 6.2.3).
pub const UDP_SIZE_MIN: u16 = 512;

/// Octets of an OPT record without options.
const OPT_LEN: usize = 11;

/// Octets of an option's code and length, and of EDE's INFO-CODE.
const EDE_LEN_MIN: usize = 6;

/// Octets of an option's code and length.
const OPTION_LEN_MIN: usize = 4;

/// Octets of a COOKIE option in a response.
const COOKIE_LEN: usize = OPTION_LEN_MIN + CLIENT_LEN + SERVER_LEN;

/// Padded responses fill blocks of so many octets (RFC 8467 section 4.1).
pub(super) const BLOCK_RESPONSE: usize = 468;

/// Padded queries fill blocks of so many octets (RFC 8467 section 4.1).
pub(super) const BLOCK_QUERY: usize = 128;

/// Where SCOPE PREFIX-LENGTH stands in a Client Subnet option.
const SCOPE_AT: usize = 3;

/// DO, in the lower half of the TTL field.
const DNSSEC_OK: u32 = 0x8000;

mod code {
    pub(super) const CLIENT_SUBNET: u16 = 8;
    pub(super) const COOKIE: u16 = 10;
    pub(super) const TCP_KEEPALIVE: u16 = 11;
    pub(super) const PADDING: u16 = 12;
    pub(super) const EDE: u16 = 15;
}

impl Edns {
    /// Reads CLASS and TTL of an OPT record.
    #[inline]
    pub(super) const fn read(class: u16, ttl: u32) -> Self {
        Self {
            udp_size: class,
            dnssec_ok: ttl & DNSSEC_OK != 0,
            padding: false,
            keepalive: false,
            cookie: None,
            subnet: None,
        }
    }

    /// Reads the options of a query: whether they fill the RDATA exactly, and those are of a sound form that are acted on.
    ///
    /// RFC 7871 section 7.1.2 and RFC 7873 section 5.2.2 ask for FORMERR for theirs. Other options are ignored, whatever is in them
    /// (RFC 6891 section 6.1.2), and so is one that asks for a keepalive in a form that says nothing. One pass, whatever the options
    /// are, and to its end: what stands behind an error counts for the response to it.
    #[inline]
    pub(super) fn read_options(&mut self, packet: &[u8], rdata: Range<usize>) -> bool {
        let (mut used, mut sound) = (rdata.start, true);
        for (code, data) in options(&packet[rdata.clone()]) {
            let at = used + OPTION_LEN_MIN;
            used = at + data.len();
            match code {
                code::PADDING => self.padding = true,
                code::TCP_KEEPALIVE => self.keepalive |= matches!(data.len(), 0 | 2),
                code::COOKIE => {
                    let cookie = Cookie::read(data);
                    sound &= cookie.is_some();
                    self.cookie = self.cookie.or(cookie);
                }
                code::CLIENT_SUBNET => {
                    sound &= client_subnet_is_sound(data);
                    let at = u16::try_from(at).ok().and_then(NonZeroU16::new);
                    self.subnet = self.subnet.or(at);
                }
                _ => (),
            }
        }
        sound && used == rdata.end
    }
}

/// Whether a reply to one question has an OPT record: its sender understands EDNS, whatever else it says (RFC 6891 section 7).
pub fn has_opt(reply: &[u8]) -> bool {
    find(reply).is_some()
}

/// Whether a reply is for the network that its query named by a Client Subnet option with this data, or for none; any other is
/// somebody else's (RFC 7871 section 7.3).
pub fn is_for_subnet(reply: &[u8], sent: &[u8]) -> bool {
    let Some(opt) = find(reply) else { return true };
    let Some((_, said)) = options(&reply[opt.rdata]).find(|it| it.0 == code::CLIENT_SUBNET) else {
        return true;
    };
    // Who names no network has nothing to compare.
    sent.get(2) == Some(&0)
        || (said.starts_with(&sent[..SCOPE_AT])
            && said[SCOPE_AT..].get(1..) == sent.get(SCOPE_AT + 1..))
}

/// The first OPT record of a message's additional section, as far as its sections can be walked. Looks at no octet twice.
pub(super) fn find(message: &[u8]) -> Option<Entry> {
    let header = Header::read(message).filter(|it| it.additionals > 0)?;
    let mut at = HEADER_LEN;
    for _ in 0..header.questions {
        at = names::skip(message, at)? + QUESTION_FIXED_LEN;
    }
    let before = header.records() - usize::from(header.additionals);
    for index in 0..header.records() {
        let entry = Entry::read(message, at)?;
        if index >= before && entry.rtype == rtype::OPT {
            return Some(entry);
        }
        at = entry.end();
    }
    None
}

/// Octets that the record of a response needs, options that may be left out aside.
#[inline]
pub(super) fn len(edns: &Edns) -> usize {
    let made = edns.cookie.is_some_and(|it| matches!(it.server, ServerCookie::Made(_)));
    if made { OPT_LEN + COOKIE_LEN } else { OPT_LEN }
}

/// The EDNS version in OPT's TTL field.
#[inline]
pub(super) const fn version(ttl: u32) -> u8 {
    (ttl >> 16) as u8
}

/// The upper eight bits of the rcode in OPT's TTL field, in their place.
pub(super) const fn rcode_high(ttl: u32) -> u16 {
    (ttl >> 20) as u16 & 0xff0
}

/// The options of an OPT record's RDATA, until the first that does not fit.
fn options(mut rdata: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let code = wire::u16_at(rdata, 0)?;
        let len = usize::from(wire::u16_at(rdata, 2)?);
        let (data, rest) = rdata.get(4..)?.split_at_checked(len)?;
        rdata = rest;
        Some((code, data))
    })
}

/// RFC 7871 section 6: FAMILY, SOURCE PREFIX-LENGTH, SCOPE PREFIX-LENGTH (0 in queries), and just the octets that the source
/// length needs, zero beyond it.
fn client_subnet_is_sound(data: &[u8]) -> bool {
    let [family_high, family_low, source, scope, address @ ..] = data else { return false };
    let bits_max = match u16::from_be_bytes([*family_high, *family_low]) {
        0 => 0,
        1 => 32,
        2 => 128,
        _ => return false,
    };
    let spare = source.wrapping_neg() % 8;
    *source <= bits_max
        && *scope == 0
        && address.len() == usize::from(*source).div_ceil(8)
        && address.last().is_none_or(|it| it.trailing_zeros() >= u32::from(spare))
}

/// The Extended DNS Errors among the options of a response, as INFO-CODE and EXTRA-TEXT.
///
/// Text that is not UTF-8 (RFC 8914 section 2) ends where it stops being so, as does text with a closing NUL.
pub(super) fn edes(rdata: &[u8]) -> impl Iterator<Item = (u16, &str)> {
    options(rdata).filter(|it| it.0 == code::EDE).filter_map(|(_, data)| {
        let (code, text) = data.split_first_chunk::<2>()?;
        let text = str::from_utf8(text)
            .or_else(|error| str::from_utf8(&text[..error.valid_up_to()]))
            .unwrap_or_default();
        Some((u16::from_be_bytes(*code), text.trim_end_matches('\0')))
    })
}

/// The SCOPE PREFIX-LENGTH of the Client Subnet option among the options of a response (RFC 7871 section 6).
pub(super) fn scope(rdata: &[u8]) -> Option<u8> {
    options(rdata).find(|it| it.0 == code::CLIENT_SUBNET)?.1.get(SCOPE_AT).copied()
}

/// A Client Subnet option of our own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subnet<'a> {
    /// The option as a client sent it, of a sound form.
    pub(super) sent: &'a [u8],
    /// SCOPE PREFIX-LENGTH, 0 in queries.
    pub(super) scope: u8,
}

/// An OPT record of our own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opt<'s> {
    pub(super) rcode: Rcode,
    pub(super) dnssec_ok: bool,
    /// The client's cookie; it goes back where a server's has been made for it.
    pub(super) cookie: Option<Cookie>,
    /// For whom a client asks.
    pub(super) subnet: Option<Subnet<'s>>,
    /// For how long the connection may idle, in tenths of a second.
    pub(super) keepalive: Option<u16>,
    /// The message is padded to a multiple of so many octets; 0 for not at all.
    pub(super) block: usize,
    /// Largest message in octets. Taken to hold the record with its cookie; other options are left out where they do not fit.
    pub(super) limit: usize,
}

impl Opt<'_> {
    /// A record without options.
    pub(super) const fn new(rcode: Rcode, dnssec_ok: bool) -> Self {
        Self {
            rcode,
            dnssec_ok,
            cookie: None,
            subnet: None,
            keepalive: None,
            block: 0,
            limit: usize::MAX,
        }
    }

    /// What a client is told that has asked so and is answered by this way.
    #[inline]
    pub(super) fn answering(rcode: Rcode, edns: &Edns, way: Way) -> Self {
        Self {
            cookie: edns.cookie,
            keepalive: way.keepalive.filter(|_| edns.keepalive),
            block: if way.padded && edns.padding { BLOCK_RESPONSE } else { 0 },
            limit: way.limit,
            ..Self::new(rcode, edns.dnssec_ok)
        }
    }

    /// Appends the record with the given Extended DNS Errors while the message stays within the limit, cutting their text where
    /// that helps. Returns false when an error was left out.
    #[inline]
    pub(super) fn write<'a>(
        &self,
        out: &mut Vec<u8>,
        errors: impl Iterator<Item = Ede<'a>>,
    ) -> bool {
        let [type_high, type_low] = rtype::OPT.to_be_bytes();
        let [size_high, size_low] = UDP_SIZE_MAX.to_be_bytes();
        let flags = if self.dnssec_ok { 0x80 } else { 0 };
        out.extend_from_slice(&[
            0,
            type_high,
            type_low,
            size_high,
            size_low,
            self.rcode.high(),
            0,
            flags,
            0,
            0,
            0,
        ]);
        let start = out.len();
        // What is longer than the RDATA can count is left out as well.
        let end_max = self.limit.min(start.saturating_add(usize::from(u16::MAX)));
        if let Some(Cookie { client, server: ServerCookie::Made(server) }) = &self.cookie {
            put(out, code::COOKIE, client, server);
        }
        if let Some(Subnet { sent, scope }) = self.subnet
            && out.len() + OPTION_LEN_MIN + sent.len() <= end_max
        {
            put(out, code::CLIENT_SUBNET, sent, &[]);
            let at = out.len() - sent.len() + SCOPE_AT;
            out[at] = scope;
        }
        if let Some(keepalive) = self.keepalive
            && out.len() + OPTION_LEN_MIN + 2 <= end_max
        {
            put(out, code::TCP_KEEPALIVE, &keepalive.to_be_bytes(), &[]);
        }
        let mut all = true;
        for error in errors {
            let room = end_max.saturating_sub(out.len());
            if room < EDE_LEN_MIN {
                all = false;
                continue;
            }
            let text = &error.text[..error.text.floor_char_boundary(room - EDE_LEN_MIN)];
            put(out, code::EDE, &error.code.to_be_bytes(), text.as_bytes());
        }
        if self.block > 0 {
            self.pad(out, end_max);
        }
        let len = u16::try_from(out.len() - start).expect("no more is written than it can count");
        out[start - 2..start].copy_from_slice(&len.to_be_bytes());
        all
    }

    /// The last option, so that nothing else moves the end.
    #[cold]
    fn pad(&self, out: &mut Vec<u8>, end_max: usize) {
        let least = out.len() + OPTION_LEN_MIN;
        if least > end_max {
            return;
        }
        let end = least.next_multiple_of(self.block).min(end_max);
        let len = u16::try_from(end - least).expect("less than the RDATA can count");
        out.extend_from_slice(&code::PADDING.to_be_bytes());
        out.extend_from_slice(&len.to_be_bytes());
        out.resize(end, 0);
    }
}

/// Appends an option whose data has two parts.
fn put(out: &mut Vec<u8>, code: u16, head: &[u8], tail: &[u8]) {
    let len = u16::try_from(head.len() + tail.len()).expect("cut to what the RDATA can count");
    out.extend_from_slice(&code.to_be_bytes());
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(tail);
}

#[cfg(test)]
mod tests {
    use super::super::{class, sample::Sample, wire::flag};
    use super::*;

    #[test]
    fn options_of_queries_are_checked() {
        let check = |rdata: &[u8], expected: bool| {
            let read = Edns::read(0, 0).read_options(rdata, 0..rdata.len());
            assert_eq!(read, expected, "{rdata:02x?}");
        };
        check(b"", true);
        check(b"\x00\x03\x00\x00", true);
        check(b"\xfd\xe9\x00\x03abc\x00\x0c\x00\x02\x00\x00", true);
        // Cut short, or longer than they say.
        check(b"\x00", false);
        check(b"\x00\x03\x00", false);
        check(b"\x00\x03\x00\x01", false);
        check(b"\x00\x03\x00\x00\x00", false);
        check(b"\x00\x03\x00\x00ABC", false);
        // Cookies: 8 octets from the client, or 16 to 40 with the server's.
        check(b"\x00\x0a\x00\x0812345678", true);
        check(b"\x00\x0a\x00\x0712345678", false);
        check(b"\x00\x0a\x00\x0f123456781234567", false);
        check(b"\x00\x0a\x00\x101234567812345678", true);
        check(&[b"\x00\x0a\x00\x29".as_slice(), &[1; 41]].concat(), false);
        // What is not acted on may be of any form: LLQ, UPDATE-LEASE, EXPIRE, a key tag, EDE.
        for code in [1, 2, 9, 14, 15] {
            for len in 0..20 {
                check(&[&[0, code, 0, len], &vec![7; usize::from(len)][..]].concat(), true);
            }
        }
    }

    #[test]
    fn a_keepalive_is_asked_for_in_its_own_form() {
        let check = |rdata: &[u8], expected: bool| {
            let mut edns = Edns::read(0, 0);
            assert!(edns.read_options(rdata, 0..rdata.len()));
            assert_eq!(edns.keepalive, expected, "{rdata:02x?}");
        };
        check(b"", false);
        check(b"\x00\x0b\x00\x00", true);
        check(b"\x00\x0b\x00\x02\x00\x64", true);
        check(b"\x00\x0b\x00\x01\x00", false);
        check(b"\x00\x0b\x00\x01\x00\x00\x0b\x00\x00", true);
    }

    #[test]
    fn the_first_of_two_counts_and_both_are_checked() {
        let mut edns = Edns::read(0, 0);
        let twice = b"\x00\x0a\x00\x08AAAAAAAA\x00\x0a\x00\x08BBBBBBBB";
        assert!(edns.read_options(twice, 0..twice.len()));
        assert_eq!(edns.cookie.map(|it| it.client), Some(*b"AAAAAAAA"));
        let broken = b"\x00\x0a\x00\x08AAAAAAAA\x00\x0a\x00\x01B\x00\x0c\x00\x00";
        let mut edns = Edns::read(0, 0);
        assert!(!edns.read_options(broken, 0..broken.len()));
        assert!(edns.padding && edns.cookie.is_some());
    }

    #[test]
    fn a_reply_is_for_the_network_that_was_named() {
        let sent = b"\0\x01\x18\0\xc0\0\x02";
        let check = |sent: &[u8], said: &[u8], expected: bool| {
            let option = [&[0, 8, 0, said.len() as u8], said].concat();
            let reply = Sample::new(7, flag::QR, b"\0", rtype::A, class::IN);
            let reply = reply.additional(b"\0", rtype::OPT, 0, &option).octets();
            assert_eq!(is_for_subnet(&reply, sent), expected, "{said:02x?}");
        };
        check(sent, sent, true);
        check(sent, b"\0\x01\x18\x18\xc0\0\x02", true);
        check(sent, b"\0\x01\x18\x20\xc0\0\x02", true);
        check(sent, b"\0\x01\x18\x18\xc0\0\x03", false);
        check(sent, b"\0\x01\x10\x10\xc0\0", false);
        check(sent, b"\0\x02\x18\x18\xc0\0\x02", false);
        (0..sent.len()).for_each(|len| check(sent, &sent[..len], false));
        check(b"\0\x01\0\0", b"\0\0\0\0", true);
        let bare = || Sample::new(7, flag::QR, b"\0", rtype::A, class::IN);
        assert!(is_for_subnet(&bare().octets(), sent));
        let other = bare().additional(b"\0", rtype::OPT, 0, b"\0\x03\0\0");
        assert!(is_for_subnet(&other.octets(), sent));
    }

    #[test]
    fn client_subnets_are_checked() {
        let check = |data: &[u8], expected: bool| {
            assert_eq!(client_subnet_is_sound(data), expected, "{data:02x?}");
        };
        check(&[0, 1, 0, 0], true);
        check(&[0, 0, 0, 0], true);
        check(&[0, 1, 24, 0, 192, 0, 2], true);
        check(&[0, 1, 20, 0, 192, 0, 0xf0], true);
        check(&[0, 1, 20, 0, 192, 0, 0xf8], false);
        check(&[0, 1, 24, 0, 192, 0], false);
        check(&[0, 1, 24, 0, 192, 0, 2, 0], false);
        check(&[0, 1, 24, 24, 192, 0, 2], false);
        check(&[0, 1, 33, 0, 192, 0, 2, 1, 0], false);
        check(&[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0], true);
        check(&[0, 0, 8, 0, 1], false);
        check(&[0, 4, 0, 0], false);
        check(&[0, 1, 0], false);
        check(&[], false);
    }

    #[test]
    fn opt_is_found_behind_other_records() {
        let reply = Sample::new(7, flag::QR, b"\x03www\x00", rtype::A, class::IN);
        let check = |reply: Sample, expected: bool| {
            let octets = reply.octets();
            assert_eq!(has_opt(&octets), expected);
            // Whatever is cut off, nothing is read past the end.
            (0..octets.len()).for_each(|len| assert!(!has_opt(&octets[..len])));
        };
        check(reply.clone(), false);
        check(reply.clone().additional(b"\0", rtype::OPT, 0, b""), true);
        let answer = reply.answer(b"\xc0\x0c", rtype::A, 300, &[192, 0, 2, 1]);
        let others = answer.additional(b"\xc0\x0c", rtype::A, 300, &[192, 0, 2, 1]);
        check(others.clone(), false);
        check(others.additional(b"\0", rtype::OPT, 0, b""), true);
    }

    #[test]
    fn errors_of_responses_are_read() {
        let check = |rdata: &[u8], expected: &[(u16, &str)]| {
            assert_eq!(edes(rdata).collect::<Vec<_>>(), expected);
        };
        check(b"\x00\x0f\x00\x02\x00\x16", &[(22, "")]);
        check(b"\x00\x03\x00\x01x\x00\x0f\x00\x06\x00\x17gone", &[(23, "gone")]);
        check(b"\x00\x0f\x00\x07\x00\x17gone\x00", &[(23, "gone")]);
        check(b"\x00\x0f\x00\x07\x00\x17gone\xff", &[(23, "gone")]);
        check(b"\x00\x0f\x00\x01\x00\x00\x0f\x00\x02\x00\x06", &[(6, "")]);
        check(b"\x00\x0f\x00\x03\x00\x17a\x00\x0f\x00\x03\x00\x06b", &[(23, "a"), (6, "b")]);
        check(b"\x00\x0f\x00\x09\x00\x17gone", &[]);
        check(b"", &[]);
    }

    #[test]
    fn error_text_is_cut_to_the_room_left() {
        let check = |limit: usize, expected: &str, all: bool| {
            let mut out = Vec::new();
            let error = Ede { code: Ede::BLOCKED, text: "aéé" };
            let opt = Opt { limit, ..Opt::new(Rcode::NXDOMAIN, true) };
            assert_eq!(opt.write(&mut out, [error].into_iter()), all);
            assert!(out.len() <= limit.max(OPT_LEN));
            let rdata = &out[OPT_LEN..];
            assert_eq!(wire::u16_at(&out, 9), u16::try_from(rdata.len()).ok());
            let read = edes(rdata).next().map(|it| it.1).unwrap_or_default();
            assert_eq!((read, rdata.is_empty()), (expected, !all), "{limit}");
        };
        check(usize::MAX, "aéé", true);
        check(22, "aéé", true);
        check(21, "aé", true);
        check(20, "aé", true);
        check(19, "a", true);
        check(17, "", true);
        check(16, "", false);
        check(0, "", false);
    }

    #[test]
    fn padding_fills_blocks_within_the_limit() {
        let check = |filled: usize, limit: usize, expected: usize| {
            let mut out = vec![7; filled];
            let opt = Opt { block: BLOCK_RESPONSE, limit, ..Opt::new(Rcode::NOERROR, false) };
            opt.write(&mut out, std::iter::empty());
            assert_eq!(out.len(), expected, "{filled} {limit}");
            let rdata = &out[filled + OPT_LEN..];
            assert_eq!(wire::u16_at(&out, filled + 9), u16::try_from(rdata.len()).ok());
            let found: Vec<_> = options(rdata).map(|(code, data)| (code, data.len())).collect();
            let padding = (rdata.len() >= 4).then(|| (code::PADDING, rdata.len() - 4));
            assert_eq!(found, Vec::from_iter(padding));
        };
        check(100, 65_535, 468);
        check(453, 65_535, 468);
        check(454, 65_535, 936);
        check(465, 65_535, 936);
        check(65_000, 65_535, 65_052);
        check(65_520, 65_535, 65_535);
        check(65_522, 65_535, 65_533);
    }

    #[test]
    fn the_idle_time_is_told_first() {
        let mut out = Vec::new();
        let opt = Opt { keepalive: Some(100), ..Opt::new(Rcode::NOERROR, false) };
        opt.write(&mut out, [Ede { code: Ede::OTHER, text: "" }].into_iter());
        assert_eq!(out[OPT_LEN..], [0, 11, 0, 2, 0, 100, 0, 15, 0, 2, 0, 0]);
    }

    #[test]
    fn what_a_query_asks_for_is_read() {
        let check = |rdata: &[u8], padding: bool, keepalive: bool| {
            let mut edns = Edns::read(0, 0);
            assert!(edns.read_options(rdata, 0..rdata.len()));
            assert_eq!((edns.padding, edns.keepalive), (padding, keepalive));
        };
        check(b"", false, false);
        check(b"\x00\x0c\x00\x02\x00\x00", true, false);
        check(b"\x00\x0b\x00\x00", false, true);
        check(b"\x00\x0b\x00\x00\x00\x0c\x00\x00", true, true);
    }

    #[test]
    fn extended_rcodes_take_the_upper_octet() {
        let mut out = Vec::new();
        Opt::new(Rcode::BADVERS, false).write(&mut out, std::iter::empty());
        assert_eq!(out, [0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(rcode_high(0x0100_8000) | Rcode::BADVERS.low(), 16);
        assert_eq!((version(0x00ff_0000), version(0xff00_ffff)), (255, 0));
    }
}
