//! `Front`: what every transport does with a packet, whatever brought it.

use super::{
    access::{Access, Served, Standing},
    clock,
    cookies::Cookies,
    handshakes::Handshakes,
    quota::{NoPlace, Permit, Quota},
    rate::{Rate, Rates},
    refusals::Refusals,
    rooms::Rooms,
    udp::RESPONSE_LEN_USUAL,
};
use crate::{
    dns::{Client, Ede, Made, Query, Rcode, Rejected, Transport},
    metrics::Metrics,
    proxy::{Asks, BUSY, Begun, Fetched, Now, Proxy},
    upstream::Ask,
    verdict::Action,
};
use std::{
    net::IpAddr,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Instant,
};

/// Queries on the asynchronous side at once, all transports together; a few KiB each.
pub(super) const WAITING_MAX: u32 = 8192;
/// How many of them one client may have that is served by `[server] allow`: nobody collects answers here to have them all sent at
/// once (DNSBomb). A client of a near network may have half of what is free.
const WAITING_PER_CLIENT_MAX: u32 = 1000;

/// What the transports share.
#[derive(Debug)]
pub(super) struct Front {
    responder: Responder,
    pub(super) access: Arc<Access>,
    pub(super) metrics: Arc<Metrics>,
    /// Places for queries on the asynchronous side.
    pub(super) waiting: Arc<Quota>,
    pub(super) rooms: Rooms,
    pub(super) cookies: Cookies,
    rates: Rates,
    refusals: Refusals,
    /// Those over QUIC that are under way.
    pub(super) handshakes: Handshakes,
    /// How many are begun with those who are not served.
    strangers: Refusals,
}

/// Who answers: the proxy, or a script in tests of the fronts alone.
#[derive(Debug)]
pub(super) enum Responder {
    Proxy(Arc<Proxy>),
    #[cfg(test)]
    Script(Arc<super::script::Script>),
}

impl Responder {
    #[inline]
    fn respond_now(
        &self,
        query: &Query<'_>,
        client: &Client,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Now {
        match self {
            Self::Proxy(it) => it.respond_now(query, client, now, out),
            #[cfg(test)]
            Self::Script(it) => it.respond_now(query, client.way(query), out),
        }
    }

    /// Records what the proxy did not get to see.
    fn record(
        &self,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        rcode: Rcode,
        done: Action,
    ) {
        match self {
            Self::Proxy(it) => it.record_unjudged(query, client, received, rcode, done),
            #[cfg(test)]
            Self::Script(_) => (),
        }
    }

    /// Does what can be done without waiting.
    fn begin(
        &self,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> Begun {
        match self {
            Self::Proxy(it) => it.begin(query, client, received, out),
            #[cfg(test)]
            Self::Script(_) => Begun::Here,
        }
    }

    const fn proxy(&self) -> Option<&Arc<Proxy>> {
        match self {
            Self::Proxy(it) => Some(it),
            #[cfg(test)]
            Self::Script(_) => None,
        }
    }

    async fn respond(
        &self,
        query: &Query<'_>,
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> bool {
        match self {
            Self::Proxy(it) => it.respond(query, client, received, out).await,
            #[cfg(test)]
            Self::Script(it) => it.respond(query, client.way(query), out).await,
        }
    }
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// A response stands in the buffer.
    Answered,
    /// A refusal stands in the buffer; the client is not served.
    Refused,
    /// Nothing is sent, and a counter says why.
    Dropped,
    /// The asynchronous side has to answer.
    Later,
}

/// A packet as it was received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received<'a> {
    pub(super) packet: &'a [u8],
    /// More was sent than the buffer holds.
    pub(super) cut: bool,
}

/// Who gets what became of a packet, and the response.
pub(super) trait Then: FnOnce(Outcome, Vec<u8>) + Send + 'static {}
impl<T: FnOnce(Outcome, Vec<u8>) + Send + 'static> Then for T {}

/// A packet for which [`Front::answer`] said [`Outcome::Later`].
pub(super) struct Open<T> {
    pub(super) packet: Arc<[u8]>,
    pub(super) client: Client,
    pub(super) received: Instant,
    pub(super) then: T,
}

/// A query that somebody is asked for. Dropped before its end, it is answered SERVFAIL: somebody panicked on the way.
struct Due<T: Then> {
    front: Arc<Front>,
    packet: Arc<[u8]>,
    client: Client,
    received: Instant,
    then: Option<T>,
}

impl<T: Then> Due<T> {
    /// Writes the response once the proxy has what it asked for.
    fn finish(mut self, asks: &Asks, fetched: Fetched) {
        let mut out = Vec::with_capacity(RESPONSE_LEN_USUAL);
        let Self { front, packet, client, received, then } = &mut self;
        let outcome = front.finish(asks, fetched, packet, client, *received, &mut out);
        if let Some(then) = then.take() {
            then(outcome, out);
        }
    }
}

impl<T: Then> Drop for Due<T> {
    fn drop(&mut self) {
        if let Some(then) = self.then.take() {
            let mut out = Vec::new();
            let outcome = self.front.failed(&self.packet, &self.client, &mut out);
            then(outcome, out);
        }
    }
}

impl Front {
    pub(super) fn new(
        responder: Responder,
        access: Arc<Access>,
        metrics: Arc<Metrics>,
        now: Instant,
    ) -> Self {
        Self {
            responder,
            access,
            metrics,
            waiting: Quota::new(WAITING_MAX),
            rooms: Rooms::new(),
            cookies: Cookies::new(now),
            rates: Rates::new(now),
            refusals: Refusals::new(now),
            handshakes: Handshakes::new(),
            strangers: Refusals::new(now),
        }
    }

    /// Answers at once what can be answered at once, into `out`.
    ///
    /// `served` is [`Access::load`], taken once for many packets.
    #[inline]
    pub(super) fn answer(
        &self,
        served: &Served,
        received: Received<'_>,
        client: &Client,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let standing = served.standing(client.address.ip());
        if standing == Standing::Stranger {
            return self.refuse(received.packet, client, now, out);
        }
        // What the rate limit is, where the client may be forged.
        let rate = served.rate(standing).filter(|_| client.transport == Transport::Udp);
        // A panic is a bug of ours; it costs one query, never the worker.
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut read = Query::parse(received.packet);
            let known = self.renew_cookie(&mut read, client, now);
            if known {
                self.metrics.here().cookies_known.bump();
            }
            if let Some(per_sec) = rate.filter(|_| !known)
                && let Some(outcome) = self.limit(&read, client, per_sec, now, out)
            {
                return outcome;
            }
            if received.cut {
                return self.oversized(read, received.packet, client, out);
            }
            // By reference: a query is some 400 octets, which are not to be moved once more.
            match &read {
                Err(rejected) => self.reject(*rejected, received.packet, client, out),
                Ok(query) => match self.responder.respond_now(query, client, now, out) {
                    Now::Answered => Outcome::Answered,
                    Now::Later => Outcome::Later,
                    Now::Silent => self.silent(),
                },
            }
        }));
        result.unwrap_or_else(|_| self.panicked(received.packet, client, out))
    }

    /// Answers a packet for which [`Front::answer`] said [`Outcome::Later`]; never says so itself.
    pub(super) async fn answer_later(
        &self,
        packet: &[u8],
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mut read = Query::parse(packet);
        self.renew_cookie(&mut read, client, received);
        let query = match read {
            Ok(query) => query,
            Err(rejected) => return self.reject(rejected, packet, client, out),
        };
        match caught(self.responder.respond(&query, client, received, out)).await {
            Some(true) => Outcome::Answered,
            Some(false) => self.silent(),
            None => self.panicked(packet, client, out),
        }
    }

    /// The same without waiting, as far as nobody has to be asked; what is left is for [`Front::ask`].
    ///
    /// The two are apart so that many queries leave in a row: that costs less than sending, judging and sending again, when
    /// those who receive fall asleep in between.
    pub(super) fn begin<T: Then>(self: &Arc<Self>, open: Open<T>) -> Option<(Open<T>, Asks, Ask)> {
        let Open { packet, client, received, .. } = &open;
        let mut out = Vec::new();
        let begun = catch_unwind(AssertUnwindSafe(|| {
            let mut read = Query::parse(packet);
            self.renew_cookie(&mut read, client, *received);
            let query = match &read {
                Ok(query) => query,
                Err(rejected) => return Err(self.reject(*rejected, packet, client, &mut out)),
            };
            Ok(self.responder.begin(query, client, *received, &mut out))
        }));
        let outcome = match begun {
            Ok(Ok(Begun::Asks(asks, ask))) => return Some((open, asks, ask)),
            Ok(Ok(Begun::Here)) => {
                let front = Arc::clone(self);
                let waiting = async move {
                    let Open { packet, client, received, then } = open;
                    let mut out = Vec::with_capacity(RESPONSE_LEN_USUAL);
                    let outcome = front.answer_later(&packet, &client, received, &mut out).await;
                    then(outcome, out);
                };
                // Boxed, or some kilobytes would be moved about before the task stands where it stays.
                tokio::spawn(Box::pin(waiting));
                return None;
            }
            Ok(Ok(Begun::Answered)) => Outcome::Answered,
            Ok(Ok(Begun::Silent)) => self.silent(),
            Ok(Err(outcome)) => outcome,
            Err(_) => self.panicked(packet, client, &mut out),
        };
        (open.then)(outcome, out);
        None
    }

    /// Has the proxy ask for what [`Front::begin`] left, and answers where that comes in.
    pub(super) fn ask<T: Then>(self: &Arc<Self>, (open, asks, ask): (Open<T>, Asks, Ask)) {
        let Open { packet, client, received, then } = open;
        let (front, then) = (Arc::clone(self), Some(then));
        let due = Due { front, packet, client, received, then };
        let Some(proxy) = self.responder.proxy() else { return };
        let finish = move |asks: &Asks, fetched| due.finish(asks, fetched);
        if catch_unwind(AssertUnwindSafe(|| proxy.ask(asks, ask, finish))).is_err() {
            self.metrics.here().panics.bump();
        }
    }

    /// The response to what was asked for.
    fn finish(
        &self,
        asks: &Asks,
        fetched: Fetched,
        packet: &[u8],
        client: &Client,
        received: Instant,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let finished = catch_unwind(AssertUnwindSafe(|| {
            let mut read = Query::parse(packet);
            self.renew_cookie(&mut read, client, received);
            match (&read, self.responder.proxy()) {
                (Ok(query), Some(proxy)) => {
                    proxy.finish(asks, fetched, query, client, out);
                    Outcome::Answered
                }
                // It was read before.
                _ => self.failed(packet, client, out),
            }
        }));
        finished.unwrap_or_else(|_| self.panicked(packet, client, out))
    }

    fn silent(&self) -> Outcome {
        self.metrics.here().dropped_policy.bump();
        Outcome::Dropped
    }

    /// Takes a place on the asynchronous side, if there is one for this client.
    pub(super) fn admit(&self, client: IpAddr) -> Option<Permit> {
        let near = self.access.load().standing(client) == Standing::Near;
        let most = if near { WAITING_MAX } else { WAITING_PER_CLIENT_MAX };
        let counters = self.metrics.here();
        match self.waiting.admit(client, most) {
            Ok(permit) => return Some(permit),
            Err(NoPlace::Full) => counters.queue_full.bump(),
            Err(NoPlace::Capped) => counters.capped.bump(),
        }
        None
    }

    /// Makes the cookie for the response. True when the client showed one that it has been sent.
    #[inline]
    fn renew_cookie(
        &self,
        read: &mut Result<Query<'_>, Rejected>,
        client: &Client,
        now: Instant,
    ) -> bool {
        let edns = match read {
            Ok(query) => &mut query.edns,
            Err(Rejected::Error { edns, .. }) => edns,
            Err(Rejected::Silence) => return false,
        };
        let Some(cookie) = edns.as_mut().and_then(|it| it.cookie.as_mut()) else { return false };
        self.cookies.renew(cookie, client.address.ip(), now)
    }

    /// What is done with a query beyond the rate limit; `None` within it.
    ///
    /// Of two, one is told to come over TCP or, where it sent a cookie, with the one that it gets. Neither response is much longer
    /// than its query, so that nothing is gained by forging one.
    fn limit(
        &self,
        read: &Result<Query<'_>, Rejected>,
        client: &Client,
        per_sec: u32,
        now: Instant,
        out: &mut Vec<u8>,
    ) -> Option<Outcome> {
        let rate = self.rates.count(client.address.ip(), per_sec, now);
        match (rate, read) {
            (Rate::Within, _) => None,
            (Rate::Turned, Ok(query)) => {
                self.metrics.here().rate_turned.bump();
                if query.edns.is_some_and(|it| it.cookie.is_some()) {
                    write(query, Rcode::BADCOOKIE, None, client, out);
                } else {
                    write(query, Rcode::NOERROR, None, client, out);
                    truncate(out);
                }
                Some(Outcome::Answered)
            }
            (Rate::Turned | Rate::Dropped, _) => {
                self.metrics.here().rate_dropped.bump();
                Some(Outcome::Dropped)
            }
        }
    }

    /// Whether a client that connects is worth a handshake: one that is served, or may be told once more that it is not.
    pub(super) fn may_shake_hands(&self, client: IpAddr, now: Instant) -> bool {
        if self.access.admits(client) || self.strangers.admit(client, now) {
            return true;
        }
        self.metrics.here().strangers_turned_away.bump();
        false
    }

    /// SERVFAIL at once to a query for which there is no place: whoever asks is to ask elsewhere, and not to wait for nothing. It is
    /// hardly longer than the query, so that nothing is gained by forging one.
    pub(super) fn overflow(&self, packet: &[u8], client: &Client, out: &mut Vec<u8>) -> Outcome {
        self.metrics.here().overflow.bump();
        self.servfail(packet, client, Some(BUSY), out)
    }

    /// SERVFAIL, where anything can be said at all.
    fn servfail(
        &self,
        packet: &[u8],
        client: &Client,
        ede: Option<Ede<'_>>,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let mut read = Query::parse(packet);
        let now = clock::now();
        self.renew_cookie(&mut read, client, now);
        match read {
            Ok(query) => {
                write(&query, Rcode::SERVFAIL, ede, client, out);
                self.responder.record(&query, client, now, Rcode::SERVFAIL, Action::Pass);
                Outcome::Answered
            }
            Err(rejected) => self.reject(rejected, packet, client, out),
        }
    }

    /// A query that is dropped because nobody takes it up any more.
    pub(super) fn abandon(&self, packet: &[u8], client: &Client, now: Instant) {
        self.metrics.here().dropped_stopped.bump();
        if let Ok(query) = Query::parse(packet) {
            self.responder.record(&query, client, now, Rcode::SERVFAIL, Action::Drop);
        }
    }

    fn panicked(&self, packet: &[u8], client: &Client, out: &mut Vec<u8>) -> Outcome {
        self.metrics.here().panics.bump();
        self.failed(packet, client, out)
    }

    /// SERVFAIL after a panic.
    fn failed(&self, packet: &[u8], client: &Client, out: &mut Vec<u8>) -> Outcome {
        // Parsing may be what panicked.
        catch_unwind(AssertUnwindSafe(|| self.servfail(packet, client, None, out))).unwrap_or_else(
            |_| {
                self.metrics.here().dropped_silent.bump();
                Outcome::Dropped
            },
        )
    }

    fn reject(
        &self,
        rejected: Rejected,
        packet: &[u8],
        client: &Client,
        out: &mut Vec<u8>,
    ) -> Outcome {
        match rejected {
            Rejected::Silence => {
                self.metrics.here().dropped_silent.bump();
                Outcome::Dropped
            }
            Rejected::Error { rcode, edns, .. } => {
                if rcode != Rcode::NOERROR {
                    self.metrics.here().malformed.bump();
                }
                rejected.write(packet, client.way_with(edns.as_ref()), out);
                Outcome::Answered
            }
        }
    }

    /// A query longer than there is room for: its end is missing, so it is malformed even where its head would pass.
    fn oversized(
        &self,
        read: Result<Query<'_>, Rejected>,
        packet: &[u8],
        client: &Client,
        out: &mut Vec<u8>,
    ) -> Outcome {
        let counters = self.metrics.here();
        counters.oversized.bump();
        match read {
            Err(rejected) => self.reject(rejected, packet, client, out),
            Ok(query) => {
                counters.malformed.bump();
                write(&query, Rcode::FORMERR, None, client, out);
                Outcome::Answered
            }
        }
    }

    #[cold]
    fn refuse(&self, packet: &[u8], client: &Client, now: Instant, out: &mut Vec<u8>) -> Outcome {
        let counters = self.metrics.here();
        counters.refused.bump();
        if !self.refusals.note(client.address.ip(), now) {
            counters.dropped_refused.bump();
            return Outcome::Dropped;
        }
        let result = catch_unwind(AssertUnwindSafe(|| match Query::parse(packet) {
            Ok(query) => {
                let ede =
                    Ede { code: Ede::PROHIBITED, text: "this server does not serve your network" };
                write(&query, Rcode::REFUSED, Some(ede), client, out);
                self.responder.record(&query, client, now, Rcode::REFUSED, Action::Refused);
                Outcome::Refused
            }
            Err(rejected) => match self.reject(rejected, packet, client, out) {
                Outcome::Answered => Outcome::Refused,
                other => other,
            },
        }));
        result.unwrap_or_else(|_| self.panicked(packet, client, out))
    }
}

/// Writes a response without records.
fn write(
    query: &Query<'_>,
    rcode: Rcode,
    ede: Option<Ede<'_>>,
    client: &Client,
    out: &mut Vec<u8>,
) {
    Made::Empty(rcode).write(query, ede, client.way(query), out);
}

/// Sets TC in a response.
fn truncate(out: &mut [u8]) {
    out[2] |= 0x02;
}

/// The future's result, or `None` when it panicked.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(it)) => Poll::Ready(Some(it)),
        Err(_) => Poll::Ready(None),
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dns::Transport, server::script::Script};
    use proptest::prelude::*;

    fn front() -> Front {
        let responder = Responder::Script(Arc::new(Script::new()));
        let (access, metrics) = (Arc::new(Access::new(&[])), Arc::new(Metrics::new()));
        Front::new(responder, access, metrics, clock::now())
    }

    fn client() -> Client {
        let address = ([127, 0, 0, 1], 5353).into();
        Client { address, local: address.ip(), transport: Transport::Udp, keepalive: 0 }
    }

    /// What becomes of `packet`, and the response.
    fn answer(packet: &[u8], cut: bool) -> (Outcome, Vec<u8>) {
        let (front, client) = (front(), client());
        let mut out = vec![7; 3];
        let served = front.access.load();
        let outcome =
            front.answer(&served, Received { packet, cut }, &client, clock::now(), &mut out);
        (outcome, out)
    }

    proptest! {
        #[test]
        fn a_whole_header_gets_an_answer(packet in proptest::collection::vec(any::<u8>(), 0..80), cut: bool) {
            let (outcome, response) = answer(&packet, cut);
            let deserves_one = packet.len() >= 12 && packet[2] & 0x80 == 0;
            prop_assert_eq!(outcome == Outcome::Answered, deserves_one);
            if deserves_one {
                prop_assert_eq!(&response[..2], &packet[..2]);
                prop_assert!(response.len() >= 12 && response[2] & 0x80 != 0);
            } else {
                prop_assert_eq!(outcome, Outcome::Dropped);
            }
        }
    }

    #[test]
    fn a_query_dropped_on_its_way_is_answered() {
        let packet = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03www\x07example\0\0\x01\0\x01";
        let (sender, told) = std::sync::mpsc::channel();
        let then = move |outcome, out: Vec<u8>| sender.send((outcome, out)).unwrap();
        let (front, packet) = (Arc::new(front()), Arc::from(packet.as_slice()));
        drop(Due { front, packet, client: client(), received: clock::now(), then: Some(then) });
        let (outcome, response) = told.try_recv().unwrap();
        assert_eq!((outcome, response[1], response[3] & 15), (Outcome::Answered, 7, 2));
        assert!(told.try_recv().is_err());
    }

    #[tokio::test]
    async fn panics_are_caught() {
        assert_eq!(caught(async { 7 }).await, Some(7));
        let late = async {
            tokio::task::yield_now().await;
            panic!("expected in this test");
        };
        assert_eq!(caught::<()>(late).await, None);
    }
}
