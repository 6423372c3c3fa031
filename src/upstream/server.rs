//! One upstream: where it is, how it does, and its sockets.

use super::{
    ForwardError, Url,
    bootstrap::Addresses,
    clock,
    flight::Flight,
    health::{HEDGE_MAX, Health},
    hint::hint,
    line::{Job, Line},
    ports::Ports,
    shared::Shared,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

#[derive(Debug)]
pub(super) struct Server {
    pub(super) url: Url,
    /// The URL as text, as answers name it.
    pub(super) name: Arc<str>,
    pub(super) key: u16,
    pub(super) health: Health,
    /// `None` where the URL says that it is never asked over UDP.
    pub(super) ports: Option<Ports>,
    pub(super) line: Line,
    /// Where it is, if it has to be looked up.
    pub(super) addresses: Addresses,
    leaving: AtomicBool,
}

impl Server {
    pub(super) fn new(url: Url, key: u16, ports: usize) -> Self {
        Self {
            name: url.to_string().into(),
            key,
            health: Health::new(clock::now()),
            ports: match url {
                Url::Udp(address) => Some(Ports::new(address, key, ports)),
                Url::Tcp(_) | Url::Tls(_) | Url::Https(..) | Url::Http3(..) | Url::Quic(_) => None,
            },
            url,
            line: Line::new(),
            addresses: Addresses::new(),
            leaving: AtomicBool::new(false),
        }
    }

    /// Sends a flight's query by the way that the URL names, and tells from which port, where it leaves over UDP.
    pub(super) fn send(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        flight: &Arc<Flight>,
        edns: bool,
        now: Instant,
    ) -> Result<Option<u16>, ForwardError> {
        match &self.ports {
            Some(ports) => ports.send(shared, flight, edns, self.health.case(), now).map(Some),
            None => self.send_line(shared, flight, edns, now).map(|()| None),
        }
    }

    /// Sends it over a connection.
    pub(super) fn send_line(
        self: &Arc<Self>,
        shared: &Arc<Shared>,
        flight: &Arc<Flight>,
        edns: bool,
        now: Instant,
    ) -> Result<(), ForwardError> {
        let job = Job { flight: Arc::clone(flight), sent: now, edns, tries: 0 };
        self.line.submit(shared, self, job)
    }

    /// A believable reply came, so long after its query.
    #[inline]
    pub(super) fn answered(&self, after: Duration) {
        if self.health.answered(after) && self.health.may_log(clock::now()) {
            tracing::info!("upstream {} answers again", self.name);
        }
    }

    /// Something came by another way than the usual one: the server is there, and its round trip is not known by that.
    pub(super) fn heard(&self) {
        if self.health.heard() && self.health.may_log(clock::now()) {
            tracing::info!("upstream {} answers again", self.name);
        }
    }

    /// A flight waited in vain for as long as it should.
    pub(super) fn missed(&self) {
        if self.health.missed() {
            self.fell_silent("does not answer");
        }
    }

    /// The server cannot be reached now, and why, where that is known.
    pub(super) fn unreachable(&self, why: Option<&io::Error>) {
        if self.health.unreachable() {
            match why {
                Some(why) => {
                    let why = why.to_string();
                    let hint = hint(&self.url, &why).map(|it| format!("\nhint: {it}"));
                    self.fell_silent(&format!(
                        "cannot be reached: {why}{}",
                        hint.unwrap_or_default()
                    ));
                }
                None => self.fell_silent("cannot be reached"),
            }
        }
    }

    /// How long to wait for a reply before asking somebody else as well.
    pub(super) fn hedge(&self) -> Duration {
        // A connection takes its time to be made.
        if self.url.is_secure() && !self.line.is_connected() {
            HEDGE_MAX
        } else {
            self.health.hedge()
        }
    }

    fn fell_silent(&self, how: &str) {
        // A host that got another address needs new sockets to be heard.
        self.ports.iter().for_each(Ports::renew);
        if self.health.may_log(clock::now()) {
            tracing::warn!("upstream {} {how}", self.name);
        }
    }

    /// Says that nobody will ask this server any more.
    pub(super) fn retire(&self) {
        self.leaving.store(true, Relaxed);
    }

    /// Clears what is overdue; true when the server is retired, waits for nothing and is known to nobody but the registry and the
    /// driver: a flight that set out before may yet ask it.
    pub(super) fn sweep(self: &Arc<Self>, shared: &Shared, now: Instant) -> bool {
        self.health.try_case(now);
        let leaving = self.leaving.load(Relaxed);
        let swept =
            self.ports.as_ref().map(|it| it.sweep(shared, now, leaving)).unwrap_or_default();
        if swept.lost {
            self.missed();
        }
        leaving && !swept.open && Arc::strong_count(self) <= 2
    }
}
