//! The server's side of DNS cookies: one secret for all workers and transports, changed every day.

use super::clock;
use crate::dns::{Cookie, CookieSecrets};
use arc_swap::ArcSwap;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How long cookies are made by one secret (RFC 7873 section 7.1 asks for no more than 36 days). The one before holds as long.
const SECRET_LIFETIME: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub(super) struct Cookies {
    secrets: ArcSwap<CookieSecrets>,
    changed: Mutex<Instant>,
    /// A moment on the monotonic clock, and the same moment in Unix seconds.
    clock: (Instant, u64),
}

impl Cookies {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            secrets: ArcSwap::from_pointee(CookieSecrets::new(rand::random())),
            changed: Mutex::new(now),
            clock: (now, clock::unix()),
        }
    }

    /// Makes the server's part for the response. True when the client showed one that it has been sent.
    pub(super) fn renew(&self, cookie: &mut Cookie, client: IpAddr, now: Instant) -> bool {
        let (then, unix) = self.clock;
        let unix = unix + now.saturating_duration_since(then).as_secs();
        self.secrets.load().renew(cookie, client, unix)
    }

    /// Changes the secret where it is time.
    pub(super) fn follow(&self, now: Instant) {
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(*changed) >= SECRET_LIFETIME {
            *changed = now;
            self.secrets.store(Arc::new(self.secrets.load().followed_by(rand::random())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::ServerCookie;

    #[test]
    fn a_cookie_outlives_one_change_of_the_secret() {
        let now = clock::now();
        let cookies = Cookies::new(now);
        let client = IpAddr::from([192, 0, 2, 1]);
        let mut cookie = Cookie { client: [1; 8], server: ServerCookie::Absent };
        let evening = now + SECRET_LIFETIME - Duration::from_secs(10);
        assert!(!cookies.renew(&mut cookie, client, evening));
        let mut known = |now: Instant, cookies: &Cookies| {
            let ServerCookie::Made(server) = cookie.server else { panic!("{cookie:?}") };
            cookie.server = ServerCookie::Sent(server);
            cookies.renew(&mut cookie, client, now)
        };
        cookies.follow(evening);
        assert!(known(evening, &cookies));
        cookies.follow(now + SECRET_LIFETIME);
        assert!(known(now + SECRET_LIFETIME, &cookies));
        cookies.follow(now + SECRET_LIFETIME * 2);
        assert!(!known(now + SECRET_LIFETIME, &Cookies::new(now)), "another server's");
    }
}
