//! Extended DNS Errors (RFC 8914), and how an answer keeps those of an upstream.

/// An Extended DNS Error (RFC 8914).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ede<'a> {
    /// INFO-CODE.
    pub code: u16,
    /// EXTRA-TEXT: one sentence for a person, UTF-8.
    pub text: &'a str,
}

impl Ede<'_> {
    #![expect(missing_docs, reason = "each constant is named as the registry names it")]
    pub const OTHER: u16 = 0;
    pub const STALE_ANSWER: u16 = 3;
    pub const FORGED_ANSWER: u16 = 4;
    pub const DNSSEC_INDETERMINATE: u16 = 5;
    pub const DNSSEC_BOGUS: u16 = 6;
    pub const SIGNATURE_EXPIRED: u16 = 7;
    pub const SIGNATURE_NOT_YET_VALID: u16 = 8;
    pub const DNSKEY_MISSING: u16 = 9;
    pub const RRSIGS_MISSING: u16 = 10;
    pub const NO_ZONE_KEY_BIT_SET: u16 = 11;
    pub const NSEC_MISSING: u16 = 12;
    pub const CACHED_ERROR: u16 = 13;
    pub const NOT_READY: u16 = 14;
    pub const BLOCKED: u16 = 15;
    pub const CENSORED: u16 = 16;
    pub const FILTERED: u16 = 17;
    pub const PROHIBITED: u16 = 18;
    pub const STALE_NXDOMAIN_ANSWER: u16 = 19;
    pub const NOT_AUTHORITATIVE: u16 = 20;
    pub const NOT_SUPPORTED: u16 = 21;
    pub const NO_REACHABLE_AUTHORITY: u16 = 22;
    pub const NETWORK_ERROR: u16 = 23;
    pub const INVALID_DATA: u16 = 24;
    pub const INVALID_QUERY_TYPE: u16 = 30;
}

/// Octets of one as an answer keeps it, its text aside: code, and the length of the text in one octet.
const HEAD_LEN: usize = 3;

pub(super) fn len(ede: &Ede<'_>) -> usize {
    HEAD_LEN + ede.text.len()
}

/// Appends Extended DNS Errors as an answer keeps them; a text ends where its length could no more be told. How many there were.
pub(super) fn append<'e>(octets: &mut Vec<u8>, edes: impl Iterator<Item = Ede<'e>>) -> u8 {
    let mut count = 0;
    for Ede { code, text } in edes.take(u8::MAX.into()) {
        let text = &text[..text.floor_char_boundary(u8::MAX.into())];
        octets.extend_from_slice(&code.to_be_bytes());
        octets.push(text.len() as u8);
        octets.extend_from_slice(text.as_bytes());
        count += 1;
    }
    count
}

/// Reads so many that have been appended.
#[inline]
pub(super) fn read(mut octets: &[u8], count: u8) -> impl Iterator<Item = Ede<'_>> {
    (0..count).map_while(move |_| {
        let (&[high, low, len], rest) = octets.split_first_chunk::<HEAD_LEN>()?;
        let (text, rest) = rest.split_at_checked(len.into())?;
        octets = rest;
        let text = str::from_utf8(text).unwrap_or_default();
        Some(Ede { code: u16::from_be_bytes([high, low]), text })
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Answer, class, rtype, sample::Sample, wire::flag};
    use crate::name::Name;

    fn option(code: u16, text: &str) -> Vec<u8> {
        let len = u16::try_from(text.len() + 2).unwrap().to_be_bytes();
        [b"\0\x0f".as_slice(), &len, &code.to_be_bytes(), text.as_bytes()].concat()
    }

    #[test]
    fn those_of_an_upstream_are_kept_in_their_order() {
        let check = |options: &[(u16, &str)], expected: &[(u16, &str)]| {
            let rdata: Vec<u8> = options.iter().flat_map(|it| option(it.0, it.1)).collect();
            let reply = Sample::new(7, flag::QR, b"\x03www\0", rtype::A, class::IN)
                .additional(b"\0", rtype::OPT, 0, &rdata)
                .octets();
            let name = Name::parse("www").unwrap();
            let mut answer = Answer::from_reply(&reply, 7, &name, rtype::A, class::IN).unwrap();
            let kept =
                |it: &Answer| it.edes().map(|it| (it.code, it.text.to_owned())).collect::<Vec<_>>();
            let expected: Vec<_> = expected.iter().map(|it| (it.0, it.1.to_owned())).collect();
            assert_eq!(kept(&answer), expected);
            // As they are in what is made of it.
            answer.retain(|_| true);
            assert_eq!(kept(&answer), expected);
            assert_eq!(kept(&answer.continued(&answer).unwrap()), expected);
            let failed = kept(&answer.failed(super::Ede { code: 0, text: "own" }));
            let own = vec![(0, "own".to_owned())];
            assert_eq!(failed, if expected.is_empty() { own } else { expected });
        };
        check(&[], &[]);
        check(&[(9, "no key"), (6, ""), (22, "x")], &[(9, "no key"), (6, ""), (22, "x")]);
        // Each code once, and four at most.
        check(&[(9, "a"), (6, "b"), (9, "c")], &[(9, "a"), (6, "b")]);
        let many: Vec<(u16, &str)> = (1..9).map(|it| (it, "")).collect();
        check(&many, &many[..4]);
        // Long texts are cut.
        let (text, cut) = ("\u{e9}".repeat(200), "\u{e9}".repeat(127));
        check(&[(22, &text), (23, &text)], &[(22, &cut), (23, &cut)]);
    }
}
