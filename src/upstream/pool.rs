//! `Upstreams`: the servers of one route, asked as one.

use super::{
    Ask, Counts, Exchange, FORWARD_MAX, ForwardError, Forwarded, SET_MAX, Url, clock,
    flight::{Boarded, Flight, Landing, Then},
    journey::Journey,
    server::Server,
};
use crate::dns::Client;
use arc_swap::ArcSwap;
use std::{
    fmt,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// How the servers of a set are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Strategy {
    /// The one with the shortest round trip; the others get a copy now and then, so that a change is noticed.
    #[default]
    Fastest,
    /// All at once; the first good answer wins.
    Parallel,
    /// The first that answers, in the order given.
    Ordered,
    /// One drawn at random.
    Balance,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 4] = [Self::Fastest, Self::Parallel, Self::Ordered, Self::Balance];

    /// The word used in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fastest => "fastest",
            Self::Parallel => "parallel",
            Self::Ordered => "ordered",
            Self::Balance => "balance",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why a set of upstreams cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SetError {
    /// More than one set holds.
    #[error("more than {SET_MAX} upstreams in one set")]
    TooMany,
    /// More than are known at once.
    #[error("more than {} upstreams in all", super::SERVERS_MAX)]
    TooManyInAll,
}

/// How one server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerState {
    /// Which one.
    pub url: Url,
    /// The smoothed round trip; `None` before its first reply.
    pub round_trip: Option<Duration>,
    /// Whether it did not answer lately, so that others are asked first.
    pub silent: bool,
}

/// The servers of one route. Cheap to ask from many tasks at once.
#[derive(Debug)]
pub struct Upstreams {
    exchange: Arc<Exchange>,
    strategy: Strategy,
    servers: ArcSwap<Vec<Arc<Server>>>,
}

impl Upstreams {
    /// A set of servers; an empty one is allowed and answers [`ForwardError::NoUpstream`].
    pub fn new(
        exchange: Arc<Exchange>,
        urls: &[Url],
        strategy: Strategy,
    ) -> Result<Self, SetError> {
        Self::among(exchange, urls, strategy, urls.len())
    }

    /// The same, where all sets together have `servers` servers, which share the sockets that there may be.
    pub fn among(
        exchange: Arc<Exchange>,
        urls: &[Url],
        strategy: Strategy,
        servers: usize,
    ) -> Result<Self, SetError> {
        let set = Self { exchange, strategy, servers: ArcSwap::default() };
        set.take(urls, servers.max(urls.len()))?;
        Ok(set)
    }

    /// Takes other servers from now on. Those that stay keep their sockets and what is known of them; queries on their way
    /// end with the servers they started with.
    pub fn replace(&self, urls: &[Url]) -> Result<(), SetError> {
        self.take(urls, urls.len())
    }

    fn take(&self, urls: &[Url], servers: usize) -> Result<(), SetError> {
        let old = self.servers.load_full();
        let mut new: Vec<Arc<Server>> = Vec::new();
        let mut entered = Vec::new();
        let shared = &self.exchange.shared;
        let ports = shared.ports(servers);
        for url in urls {
            if new.iter().any(|it| it.url == *url) {
                continue;
            }
            let known = old.iter().find(|it| it.url == *url).map(Arc::clone);
            let server = match known {
                _ if new.len() == SET_MAX => Err(SetError::TooMany),
                Some(server) => Ok(server),
                None => shared
                    .enter(|key| Server::new(url.clone(), key, ports))
                    .inspect(|it| entered.push(Arc::clone(it)))
                    .ok_or(SetError::TooManyInAll),
            };
            match server {
                Ok(server) => new.push(server),
                Err(error) => {
                    entered.iter().for_each(|it| it.retire());
                    return Err(error);
                }
            }
        }
        for server in old.iter().filter(|it| !new.iter().any(|new| Arc::ptr_eq(it, new))) {
            server.retire();
        }
        self.servers.store(Arc::new(new));
        Ok(())
    }

    /// How they are chosen.
    pub const fn strategy(&self) -> Strategy {
        self.strategy
    }

    /// The servers as URLs, in the order given.
    pub fn urls(&self) -> Vec<Url> {
        self.servers.load().iter().map(|it| it.url.clone()).collect()
    }

    /// How each server does, in the order given.
    pub fn states(&self) -> Vec<ServerState> {
        let servers = self.servers.load();
        let state = |it: &Arc<Server>| ServerState {
            url: it.url.clone(),
            round_trip: it.health.round_trip(),
            silent: it.health.is_silent(),
        };
        servers.iter().map(state).collect()
    }

    /// Asks until an answer can be believed, for [`FORWARD_MAX`] at most. Nobody is asked any more once this is dropped.
    ///
    /// SERVFAIL, REFUSED, NOTIMP and FORMERR are returned as answers once no server gave a better one.
    pub async fn forward(&self, ask: &Ask) -> Result<Forwarded, ForwardError> {
        self.forward_until(ask, clock::now() + FORWARD_MAX).await
    }

    /// The same, where an answer after `until` comes too late. Past that moment nobody is asked: [`ForwardError::Busy`].
    pub async fn forward_until(
        &self,
        ask: &Ask,
        until: Instant,
    ) -> Result<Forwarded, ForwardError> {
        let (sender, receiver) = oneshot::channel();
        // Whoever asked may have left.
        let then = move |_: &Ask, landing| drop(sender.send(landing));
        let _asking = Asking(self.start(ask.clone(), until, Box::new(then)));
        // It lands without a word when the exchange ends.
        receiver.await.unwrap_or(Err(ForwardError::NoUpstream))
    }

    /// Asks until then for one who does not wait: `then` is told what came of it, by whoever received the last news, and so
    /// has to be quick and must not panic.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn ask(&self, ask: Ask, until: Instant, then: impl FnOnce(&Ask, Landing) + Send + 'static) {
        self.start(ask, until, Box::new(then));
    }

    fn start(&self, ask: Ask, until: Instant, then: Then) -> Option<Arc<Flight>> {
        let servers = self.servers.load_full();
        if servers.is_empty() {
            then(&ask, Err(ForwardError::NoUpstream));
            return None;
        }
        let shared = &self.exchange.shared;
        let now = clock::now();
        let until = until.min(now + FORWARD_MAX);
        let flight = Flight::new(ask);
        let boarded = (now < until).then(|| Boarded::new(shared, &flight, until)).flatten();
        let Some(boarded) = boarded else {
            shared.counters.busy.fetch_add(1, Relaxed);
            then(&flight.ask, Err(ForwardError::Busy));
            return None;
        };
        flight.start(Journey::new(servers, self.strategy, boarded, (now, until)), then);
        Some(flight)
    }

    /// Whether a query came from one of the sockets from which upstreams are asked: a forwarding loop.
    pub fn is_own(&self, client: &Client) -> bool {
        self.exchange.is_own(client)
    }

    /// What happened since the start, in all sets that share the exchange.
    pub fn counts(&self) -> Counts {
        self.exchange.counts()
    }
}

/// Somebody waits for a flight.
struct Asking(Option<Arc<Flight>>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.iter().for_each(|it| it.give_up());
    }
}

impl Drop for Upstreams {
    fn drop(&mut self) {
        self.servers.load().iter().for_each(|it| it.retire());
    }
}
