//! The OPT record (RFC 6891): reading what a peer sends, and writing our own from scratch.

use super::{Ede, Edns, Rcode, rtype, wire};

/// The UDP payload size we state, and the largest UDP response we send: what passes every common path unfragmented
/// (RFC 9715 section 3.1; 1,280 octets of IPv6 without IPv6 and UDP headers).
pub const UDP_SIZE_MAX: u16 = 1_232;

/// The largest UDP response to a client without EDNS (RFC 1035 section 2.3.4), and the least that a stated size means
/// (RFC 6891 section 6.2.3).
pub const UDP_SIZE_MIN: u16 = 512;

/// Octets of an OPT record without options.
pub(super) const OPT_LEN: usize = 11;

/// Octets of an option's code and length, and of EDE's INFO-CODE.
const EDE_LEN_MIN: usize = 6;

/// DO, in the lower half of the TTL field.
const DNSSEC_OK: u32 = 0x8000;

mod code {
    pub(super) const LLQ: u16 = 1;
    pub(super) const UPDATE_LEASE: u16 = 2;
    pub(super) const CLIENT_SUBNET: u16 = 8;
    pub(super) const EXPIRE: u16 = 9;
    pub(super) const COOKIE: u16 = 10;
    pub(super) const TCP_KEEPALIVE: u16 = 11;
    pub(super) const KEY_TAG: u16 = 14;
    pub(super) const EDE: u16 = 15;
}

impl Edns {
    /// Reads CLASS and TTL of an OPT record.
    #[inline]
    pub(super) const fn read(class: u16, ttl: u32) -> Self {
        Self { udp_size: class, dnssec_ok: ttl & DNSSEC_OK != 0 }
    }
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

/// Whether a query's options fill the RDATA exactly and the known ones are of a form that their RFCs allow in a query.
///
/// Unbound takes what fits and ignores the rest, BIND answers FORMERR; RFC 7871 section 7.1.2 and RFC 7873 section 5.2.2 ask for
/// FORMERR for their options. One rule for all of them leaves nothing to interpretation. One pass, whatever the options are.
#[inline]
pub(super) fn is_sound(rdata: &[u8]) -> bool {
    let mut used = 0;
    rdata.is_empty()
        || (options(rdata).all(|(code, data)| {
            used += 4 + data.len();
            option_is_sound(code, data)
        }) && used == rdata.len())
}

fn option_is_sound(code: u16, data: &[u8]) -> bool {
    let len = data.len();
    match code {
        code::LLQ => len == 18,
        code::UPDATE_LEASE => matches!(len, 4 | 8),
        code::CLIENT_SUBNET => client_subnet_is_sound(data),
        code::EXPIRE => matches!(len, 0 | 4),
        code::COOKIE => matches!(len, 8 | 16..=40),
        code::TCP_KEEPALIVE => matches!(len, 0 | 2),
        code::KEY_TAG => len > 0 && len.is_multiple_of(2),
        code::EDE => len >= 2,
        _ => true,
    }
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

/// The first Extended DNS Error among the options of a response, as INFO-CODE and EXTRA-TEXT.
///
/// Text that is not UTF-8 (RFC 8914 section 2) ends where it stops being so, as does text with a closing NUL.
pub(super) fn ede(rdata: &[u8]) -> Option<(u16, &str)> {
    let (_, data) = options(rdata).find(|it| it.0 == code::EDE && it.1.len() >= 2)?;
    let text = data.get(2..)?;
    let text = str::from_utf8(text)
        .or_else(|error| str::from_utf8(&text[..error.valid_up_to()]))
        .unwrap_or_default();
    Some((wire::u16_at(data, 0)?, text.trim_end_matches('\0')))
}

/// Appends an OPT record with the given Extended DNS Errors while the message stays within `limit`, cutting their text where
/// that helps. Returns false when an error was left out.
#[inline]
pub(super) fn write<'a>(
    out: &mut Vec<u8>,
    rcode: Rcode,
    dnssec_ok: bool,
    errors: impl Iterator<Item = Ede<'a>>,
    limit: usize,
) -> bool {
    let [type_high, type_low] = rtype::OPT.to_be_bytes();
    let [size_high, size_low] = UDP_SIZE_MAX.to_be_bytes();
    let flags = if dnssec_ok { 0x80 } else { 0 };
    out.extend_from_slice(&[
        0,
        type_high,
        type_low,
        size_high,
        size_low,
        rcode.high(),
        0,
        flags,
        0,
        0,
        0,
    ]);
    let start = out.len();
    let mut all = true;
    for error in errors {
        // A text longer than the RDATA can count is cut as well.
        let room = limit.saturating_sub(out.len()).min(usize::from(u16::MAX) - (out.len() - start));
        if room < EDE_LEN_MIN {
            all = false;
            continue;
        }
        let text = &error.text[..error.text.floor_char_boundary(room - EDE_LEN_MIN)];
        out.extend_from_slice(&code::EDE.to_be_bytes());
        let len = u16::try_from(2 + text.len()).expect("room is at most 65,535");
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&error.code.to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    let len = u16::try_from(out.len() - start).expect("room counts what is written");
    out[start - 2..start].copy_from_slice(&len.to_be_bytes());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_queries_are_checked() {
        let check = |rdata: &[u8], expected: bool| {
            assert_eq!(is_sound(rdata), expected, "{rdata:02x?}");
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
        check(b"\x00\x0b\x00\x00", true);
        check(b"\x00\x0b\x00\x01\x00", false);
        check(b"\x00\x09\x00\x01\x00", false);
        check(b"\x00\x0e\x00\x05\x08\x07\x00\x0f\x00", false);
        check(b"\x00\x0f\x00\x01\x00", false);
        check(b"\x00\x01\x00\x04\x01\x02\x03\x04", false);
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
    fn errors_of_responses_are_read() {
        let check = |rdata: &[u8], expected: Option<(u16, &str)>| assert_eq!(ede(rdata), expected);
        check(b"\x00\x0f\x00\x02\x00\x16", Some((22, "")));
        check(b"\x00\x03\x00\x01x\x00\x0f\x00\x06\x00\x17gone", Some((23, "gone")));
        check(b"\x00\x0f\x00\x07\x00\x17gone\x00", Some((23, "gone")));
        check(b"\x00\x0f\x00\x07\x00\x17gone\xff", Some((23, "gone")));
        check(b"\x00\x0f\x00\x01\x00", None);
        check(b"\x00\x0f\x00\x09\x00\x17gone", None);
        check(b"", None);
    }

    #[test]
    fn error_text_is_cut_to_the_room_left() {
        let check = |limit: usize, expected: &str, all: bool| {
            let mut out = Vec::new();
            let error = Ede { code: Ede::BLOCKED, text: "aéé" };
            assert_eq!(write(&mut out, Rcode::NXDOMAIN, true, [error].into_iter(), limit), all);
            assert!(out.len() <= limit.max(OPT_LEN));
            let rdata = &out[OPT_LEN..];
            assert_eq!(wire::u16_at(&out, 9), u16::try_from(rdata.len()).ok());
            let read = ede(rdata).map(|it| it.1).unwrap_or_default();
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
    fn extended_rcodes_take_the_upper_octet() {
        let mut out = Vec::new();
        write(&mut out, Rcode::BADVERS, false, std::iter::empty(), 512);
        assert_eq!(out, [0, 0, 41, 0x04, 0xd0, 1, 0, 0, 0, 0, 0]);
        assert_eq!(rcode_high(0x0100_8000) | Rcode::BADVERS.low(), 16);
        assert_eq!((version(0x00ff_0000), version(0xff00_ffff)), (255, 0));
    }
}
