//! DNS cookies (RFC 7873), made as RFC 9018 says: a client that shows one has been sent it, so its address is not forged.

use siphasher::sip::SipHasher24;
use std::{fmt, net::IpAddr};

/// Octets of a client's cookie.
pub(super) const CLIENT_LEN: usize = 8;

/// Octets of a server's cookie: version, three reserved octets, time stamp, hash.
pub(super) const SERVER_LEN: usize = 16;

/// Octets before the hash.
const HEAD_LEN: usize = 8;

/// For how many seconds a server's cookie holds (RFC 9018 section 4.3).
const LIFETIME_SECS: i32 = 3_600;

/// From which age in seconds on the client gets a new one (RFC 9018 section 4.3).
const RENEWAL_SECS: i32 = 1_800;

/// How many seconds ahead of ours the clock may be by which a cookie was made (RFC 9018 section 4.3).
const AHEAD_SECS: i32 = 300;

/// What a COOKIE option says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cookie {
    /// The client's part, which comes back with the response.
    pub client: [u8; CLIENT_LEN],
    /// The server's part.
    pub server: ServerCookie,
}

/// A server's part of a cookie. Octets that a client sent never leave again by mistake: only those made here do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerCookie {
    /// None was sent, or one of a length that is not ours.
    Absent,
    /// As the client sent it; nobody has looked yet whether it is ours.
    Sent([u8; SERVER_LEN]),
    /// For the response.
    Made([u8; SERVER_LEN]),
}

impl Cookie {
    /// Reads the option of a query; `None` where its length is wrong (RFC 7873 section 5.2.2).
    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let (client, server) = data.split_first_chunk()?;
        let server = match server.len() {
            0 => ServerCookie::Absent,
            8..=32 => server.try_into().map_or(ServerCookie::Absent, ServerCookie::Sent),
            _ => return None,
        };
        Some(Self { client: *client, server })
    }
}

/// The secrets by which cookies are made and known again: that of now, and the one before, which holds until the next change.
#[derive(Clone)]
pub struct CookieSecrets {
    current: SipHasher24,
    previous: SipHasher24,
}

impl CookieSecrets {
    /// Starts with one secret, which must be random.
    pub fn new(secret: [u8; 16]) -> Self {
        let current = SipHasher24::new_with_key(&secret);
        Self { current, previous: current }
    }

    /// Makes cookies by a new secret from now on.
    #[must_use]
    pub fn followed_by(&self, secret: [u8; 16]) -> Self {
        Self { current: SipHasher24::new_with_key(&secret), previous: self.current }
    }

    /// Puts the server's part for the response in. True when the one that the client sent is ours and has not expired.
    ///
    /// `now` is Unix time in seconds, of which the lower 32 bits count (RFC 9018 section 4.3).
    pub fn renew(&self, cookie: &mut Cookie, client: IpAddr, now: u64) -> bool {
        let now = now as u32;
        let sent = match cookie.server {
            ServerCookie::Sent(sent) => sent,
            ServerCookie::Absent | ServerCookie::Made(_) => [0; SERVER_LEN],
        };
        let [1, 0, 0, 0, stamp @ .., _, _, _, _, _, _, _, _] = sent else {
            cookie.server = ServerCookie::Made(self.made(cookie.client, client, now));
            return false;
        };
        let made = u32::from_be_bytes(stamp);
        let age = now.wrapping_sub(made) as i32;
        let by = |secret| sent == server_cookie(secret, cookie.client, client, made);
        let valid = (-AHEAD_SECS..=LIFETIME_SECS).contains(&age)
            && (by(&self.current) || by(&self.previous));
        let keep = valid && age < RENEWAL_SECS && by(&self.current);
        let server = if keep { sent } else { self.made(cookie.client, client, now) };
        cookie.server = ServerCookie::Made(server);
        valid
    }

    fn made(&self, cookie: [u8; CLIENT_LEN], client: IpAddr, now: u32) -> [u8; SERVER_LEN] {
        server_cookie(&self.current, cookie, client, now)
    }
}

impl fmt::Debug for CookieSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CookieSecrets")
    }
}

/// RFC 9018 section 4: version 1, reserved zeros, time stamp, and the hash over client cookie, all that, and the address.
fn server_cookie(
    secret: &SipHasher24,
    cookie: [u8; CLIENT_LEN],
    client: IpAddr,
    stamp: u32,
) -> [u8; SERVER_LEN] {
    let mut made = [0; SERVER_LEN];
    made[0] = 1;
    made[4..HEAD_LEN].copy_from_slice(&stamp.to_be_bytes());
    let mut input = [0; CLIENT_LEN + HEAD_LEN + 16];
    input[..CLIENT_LEN].copy_from_slice(&cookie);
    input[CLIENT_LEN..CLIENT_LEN + HEAD_LEN].copy_from_slice(&made[..HEAD_LEN]);
    let address = &mut input[CLIENT_LEN + HEAD_LEN..];
    let len = match client.to_canonical() {
        IpAddr::V4(it) => {
            address[..4].copy_from_slice(&it.octets());
            4
        }
        IpAddr::V6(it) => {
            address.copy_from_slice(&it.octets());
            16
        }
    };
    let hash = secret.hash(&input[..CLIENT_LEN + HEAD_LEN + len]);
    made[HEAD_LEN..].copy_from_slice(&hash.to_le_bytes());
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn octets<const N: usize>(hex: &str) -> [u8; N] {
        let read = |at: usize| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap();
        assert_eq!(hex.len(), 2 * N);
        std::array::from_fn(read)
    }

    fn secrets(hex: &str) -> CookieSecrets {
        CookieSecrets::new(octets(hex))
    }

    /// Whether what was sent is valid, and what goes back.
    fn renew(secrets: &CookieSecrets, sent: &str, client: &str, now: u64) -> (bool, String) {
        let data: Vec<u8> =
            (0..sent.len() / 2).map(|at| octets::<1>(&sent[2 * at..2 * at + 2])[0]).collect();
        let mut cookie = Cookie::read(&data).unwrap();
        let valid = secrets.renew(&mut cookie, client.parse().unwrap(), now);
        let ServerCookie::Made(server) = cookie.server else { panic!("{cookie:?}") };
        let hex = cookie.client.iter().chain(&server).map(|it| format!("{it:02x}"));
        (valid, hex.collect())
    }

    const OLD: &str = "dd3bdf9344b678b185a6f5cb60fca715";
    const NEW: &str = "445536bcd2513298075a5d379663c962";

    #[test]
    fn the_examples_of_rfc_9018_appendix_a() {
        let one = secrets("e5e973e5a6b2a43f48e7dc849e37bfcf");
        let check = |secrets: &CookieSecrets, sent: &str, client, now, expected: (bool, &str)| {
            assert_eq!(renew(secrets, sent, client, now), (expected.0, expected.1.to_owned()));
        };
        let first = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
        let later = "2464c4abcf10c957010000005cf7a871d4a564a1442aca77";
        check(&one, "2464c4abcf10c957", "198.51.100.100", 1_559_731_985, (false, first));
        check(&one, first, "198.51.100.100", 1_559_734_385, (true, later));
        let other = "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e";
        check(&one, "fc93fc62807ddb86", "203.0.113.203", 1_559_734_700, (false, other));
        let v6 = "2001:db8:220:1:59de:d0f4:8769:82b8";
        let by_old = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
        let by_new = "22681ab97d52c298010000005cf7c609a6bb79d16625507a";
        check(&secrets(OLD), "22681ab97d52c298", v6, 1_559_741_817, (false, by_old));
        let both = secrets(OLD).followed_by(octets(NEW));
        check(&both, by_old, v6, 1_559_741_961, (true, by_new));
    }

    #[test]
    fn what_is_not_ours_or_not_of_this_hour_is_not_valid() {
        let secrets = secrets(NEW).followed_by(octets(OLD));
        let made = |now| renew(&secrets, "0102030405060708", "192.0.2.1", now).1;
        let valid = |sent: &str, client, now| renew(&secrets, sent, client, now).0;
        let cookie = made(10_000);
        for (now, expected) in [(9_699, false), (9_700, true), (10_000, true), (13_600, true)] {
            assert_eq!(valid(&cookie, "192.0.2.1", now), expected, "{now}");
        }
        assert!(!valid(&cookie, "192.0.2.1", 13_601));
        assert!(!valid(&cookie, "192.0.2.2", 10_000));
        assert!(valid(&cookie, "::ffff:192.0.2.1", 10_000));
        assert!(!valid(&format!("11{}", &cookie[2..]), "192.0.2.1", 10_000));
        assert!(!valid(&format!("{}02{}", &cookie[..16], &cookie[18..]), "192.0.2.1", 10_000));
        // Young ones come back, old ones are replaced; the 32 bits of the time stamp may turn over.
        let sent_back = |now| renew(&secrets, &cookie, "192.0.2.1", now).1;
        assert!(sent_back(11_799) == cookie && sent_back(11_800) != cookie);
        let last = made(u64::from(u32::MAX));
        assert!(valid(&last, "192.0.2.1", 1 << 32));
        // Two changes of the secret end them all.
        assert!(
            !renew(
                &secrets.followed_by([7; 16]).followed_by([8; 16]),
                &cookie,
                "192.0.2.1",
                10_000
            )
            .0
        );
    }

    proptest! {
        #[test]
        fn only_lengths_of_cookies_are_read(data in prop::collection::vec(any::<u8>(), 0..50)) {
            let sound = matches!(data.len(), 8 | 16..=40);
            prop_assert_eq!(Cookie::read(&data).is_some(), sound);
        }

        #[test]
        fn nobody_guesses_one(server: [u8; 16], client: u32) {
            let mut cookie = Cookie { client: [1; 8], server: ServerCookie::Sent(server) };
            let client = IpAddr::V4(client.into());
            prop_assert!(!secrets(NEW).renew(&mut cookie, client, 1_800_000_000));
            prop_assert!(matches!(cookie.server, ServerCookie::Made(_)));
        }
    }
}
