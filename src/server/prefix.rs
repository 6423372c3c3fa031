//! `Prefix`: a network of addresses, as in `203.0.113.0/24`.

use std::{fmt, net::IpAddr, str};

/// An address prefix; bits behind its length are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Prefix {
    network: IpAddr,
    len: u8,
}

impl Prefix {
    /// The first `len` bits of `address`; `None` when the address has fewer.
    pub fn new(address: IpAddr, len: u8) -> Option<Self> {
        let network = match address {
            IpAddr::V4(it) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(len.into())?).unwrap_or(0);
                IpAddr::V4((it.to_bits() & mask).into())
            }
            IpAddr::V6(it) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(len.into())?).unwrap_or(0);
                IpAddr::V6((it.to_bits() & mask).into())
            }
        };
        Some(Self { network, len })
    }

    /// One address alone.
    pub fn single(address: IpAddr) -> Self {
        Self { network: address, len: if address.is_ipv4() { 32 } else { 128 } }
    }

    /// The network that a person would name when `address` asks: /24 in IPv4, /64 in IPv6.
    pub fn around(address: IpAddr) -> Self {
        let address = address.to_canonical();
        Self::new(address, if address.is_ipv4() { 24 } else { 64 })
            .expect("no longer than an address")
    }

    /// The lowest address.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// How many bits are fixed.
    pub fn bits(&self) -> u8 {
        self.len
    }

    /// Whether `address` lies within.
    pub fn contains(&self, address: IpAddr) -> bool {
        Self::new(address, self.len).is_some_and(|it| it == *self)
    }
}

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrefixError {
    /// The part before the slash is no IP address.
    #[error("`{0}` is no address; write `203.0.113.0/24`, `2001:db8::/32` or a single address")]
    Address(String),
    /// The part behind the slash is no number that the address allows.
    #[error("`{0}` is no prefix length; IPv4 has 0 to 32, IPv6 0 to 128")]
    Length(String),
    /// Bits are set behind the length, so that two readings are possible.
    #[error("`{0}` has bits set behind its length; write `{1}`")]
    HostBits(String, Prefix),
}

impl str::FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (address, len) = match text.split_once('/') {
            None => (text, None),
            Some((address, len)) => (address, Some(len)),
        };
        let Ok(address) = address.parse::<IpAddr>() else {
            return Err(PrefixError::Address(address.to_owned()));
        };
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let bits = match len {
            None => Some(whole),
            // `parse` would take a sign.
            Some(len) if len.bytes().all(|it| it.is_ascii_digit()) => len.parse::<u8>().ok(),
            Some(_) => None,
        };
        let Some(prefix) = bits.and_then(|it| Self::new(address, it)) else {
            return Err(PrefixError::Length(len.unwrap_or_default().to_owned()));
        };
        if prefix.network != address {
            return Err(PrefixError::HostBits(text.to_owned(), prefix));
        }
        Ok(prefix)
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: Result<&str, &str>) {
        let got = text.parse::<Prefix>().map(|it| it.to_string()).map_err(|it| it.to_string());
        match (got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "{got}"),
            (got, expected) => panic!("{text}: {got:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn reads() {
        check("203.0.113.0/24", Ok("203.0.113.0/24"));
        check("203.0.113.9", Ok("203.0.113.9/32"));
        check("0.0.0.0/0", Ok("0.0.0.0/0"));
        check("::/0", Ok("::/0"));
        check("2001:db8::/32", Ok("2001:db8::/32"));
        check("2001:db8::1", Ok("2001:db8::1/128"));
        check("203.0.113.9/24", Err("write `203.0.113.0/24`"));
        check("2001:db8::1/64", Err("write `2001:db8::/64`"));
        check("203.0.113.0/33", Err("`33` is no prefix length"));
        check("2001:db8::/129", Err("`129` is no prefix length"));
        check("203.0.113.0/+8", Err("no prefix length"));
        check("203.0.113.0/", Err("no prefix length"));
        check("203.0.113.0/8/8", Err("no prefix length"));
        check("203.0.113", Err("`203.0.113` is no address"));
        check("", Err("no address"));
        check("router.example", Err("no address"));
        check("fe80::1%eth0", Err("no address"));
    }

    #[test]
    fn names_the_network_around() {
        let around = |it: &str| Prefix::around(it.parse().unwrap()).to_string();
        assert_eq!(around("203.0.113.9"), "203.0.113.0/24");
        assert_eq!(around("2001:db8:1:2:3::4"), "2001:db8:1:2::/64");
        assert_eq!(around("::ffff:203.0.113.9"), "203.0.113.0/24");
    }

    proptest! {
        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Prefix>();
        }

        #[test]
        fn reads_back(bits: u128, v6: bool, len in 0_u8..=128) {
            let address = if v6 { IpAddr::V6(bits.into()) } else { IpAddr::V4((bits as u32).into()) };
            let Some(prefix) = Prefix::new(address, len) else {
                prop_assert!(!v6 && len > 32);
                return Ok(());
            };
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
            prop_assert!(prefix.contains(address));
        }
    }
}
