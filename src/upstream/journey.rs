//! One query's way through its upstreams: whom to ask first, when to ask another, what to believe, when to stop.

use super::{
    ForwardError, Forwarded, SET_MAX, Strategy, clock,
    flight::{Boarded, Event, Landing, News},
    server::Server,
};
use crate::dns::Answer;
use rand::{RngExt as _, seq::IteratorRandom as _};
use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::{Duration, Instant},
};

/// How long an answer that another server may better, a SERVFAIL for one, is held back.
const SPARE_MAX: Duration = Duration::from_secs(1);

/// The longest wait between two tries. Each is a little longer or shorter by chance, so that queries lost together are not sent
/// again together, to be lost once more.
const WAIT_MAX: Duration = Duration::from_millis(800);

/// How often a server is sent a query over UDP before it counts as silent for this one (RFC 9520 section 3.1: three times at most).
const COPIES_MAX: u8 = 3;

/// After how long servers that could not be reached are asked once more.
const AGAIN_AFTER: Duration = Duration::from_millis(200);

/// How long an answer from a port with forged replies waits for the one over TCP.
const DOUBTFUL_MAX: Duration = Duration::from_secs(1);

/// Goes on whenever there are news, and never waits itself. Each step tells how the flight ended, once it has.
pub(super) struct Journey {
    servers: Arc<Vec<Arc<Server>>>,
    strategy: Strategy,
    boarded: Boarded,
    legs: [Leg; SET_MAX],
    started: Instant,
    /// When it is given up.
    deadline: Instant,
    /// When to wake without news.
    next: Instant,
    wait: Duration,
    /// The best of the answers that another server might better.
    spare: Option<Kept>,
    /// An answer that is believed when TCP gives none.
    doubtful: Option<Kept>,
    failure: ForwardError,
    round: Round,
}

/// How often servers that cannot be reached have been asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    /// All failed at once; those that could not be reached are asked again when the moment has come, and not before.
    Between,
    Second,
}

struct Kept {
    server: usize,
    answer: Answer,
    until: Instant,
    case_lost: bool,
}

/// How it goes with one server.
#[derive(Debug, Clone, Copy, Default)]
struct Leg {
    asked: bool,
    /// A reply may come over UDP, or over TCP where the server is asked that way only.
    out: bool,
    /// A reply may come over TCP after something went wrong over UDP.
    out_tcp: bool,
    tried_tcp: bool,
    tried_plain: bool,
    /// Counted as silent.
    missed: bool,
    /// Could not be reached.
    unreachable: bool,
    /// From which port it was asked last.
    port: Option<u16>,
    /// How often the query was sent from there.
    copies: u8,
}

impl Journey {
    pub(super) fn new(
        servers: Arc<Vec<Arc<Server>>>,
        strategy: Strategy,
        boarded: Boarded,
        (started, deadline): (Instant, Instant),
    ) -> Self {
        Self {
            servers,
            strategy,
            boarded,
            legs: [Leg::default(); SET_MAX],
            started,
            deadline,
            next: deadline,
            wait: Duration::ZERO,
            spare: None,
            doubtful: None,
            failure: ForwardError::Timeout,
            round: Round::First,
        }
    }

    /// A step panicked.
    pub(super) fn panicked(&self) {
        self.boarded.shared.counters.panics.fetch_add(1, Relaxed);
    }

    /// The first step.
    pub(super) fn set_out(&mut self) -> Option<Landing> {
        self.ask_first();
        self.is_over()
    }

    /// The step that news make.
    pub(super) fn hear(&mut self, event: Event) -> Option<Landing> {
        match self.take_in(event) {
            Some(Kept { server, answer, .. }) => Some(Ok(self.forwarded(server, answer))),
            None => self.is_over(),
        }
    }

    /// The step that is made when the moment has come that was asked for.
    pub(super) fn ring(&mut self) -> Option<Landing> {
        match self.due() {
            Due::Wait => self.is_over(),
            Due::Take(Kept { server, answer, .. }) => Some(Ok(self.forwarded(server, answer))),
            Due::GiveUp => Some(self.give_up()),
        }
    }

    fn is_over(&mut self) -> Option<Landing> {
        let any_out = self.legs.iter().any(|it| it.out || it.out_tcp);
        (!any_out && !self.may_go_round()).then(|| self.give_up())
    }

    fn forwarded(&self, server: usize, answer: Answer) -> Forwarded {
        Forwarded { answer, server: Arc::clone(&self.servers[server].name) }
    }

    fn give_up(&mut self) -> Landing {
        match self.doubtful.take().or_else(|| self.spare.take()) {
            Some(Kept { server, answer, .. }) => Ok(self.forwarded(server, answer)),
            None => {
                if self.failure == ForwardError::Busy {
                    self.boarded.shared.counters.busy.fetch_add(1, Relaxed);
                }
                Err(self.failure)
            }
        }
    }

    /// Asks the first server, and those whose health is not known well enough.
    fn ask_first(&mut self) {
        let now = self.started;
        if let Some(first) = self.first()
            && self.ask(first, now)
        {
            self.wait = self.servers[first].hedge();
        } else if !self.ask_next(now) {
            return;
        }
        self.wake_at(now + self.wait);
        if self.servers.len() == 1 {
            return;
        }
        for at in 0..self.servers.len() {
            let copy = self.strategy == Strategy::Parallel || self.servers[at].health.probe(now);
            if copy && !self.legs[at].asked {
                self.ask(at, now);
            }
        }
    }

    fn first(&self) -> Option<usize> {
        let servers = &self.servers;
        match self.strategy {
            _ if servers.len() == 1 => Some(0),
            Strategy::Fastest | Strategy::Parallel | Strategy::Ordered => self.best(),
            Strategy::Balance => {
                let sound = (0..servers.len()).filter(|&at| servers[at].health.is_sound());
                sound.choose(&mut rand::rng()).or_else(|| self.best())
            }
        }
    }

    /// The best of the servers not asked yet.
    fn best(&self) -> Option<usize> {
        let fresh = (0..self.servers.len()).filter(|&at| !self.legs[at].asked);
        let health = |at: usize| &self.servers[at].health;
        match self.strategy {
            Strategy::Ordered => fresh.min_by_key(|&at| (health(at).is_silent(), at)),
            _ => fresh.min_by_key(|&at| health(at).rank()),
        }
    }

    fn ask_next(&mut self, now: Instant) -> bool {
        while let Some(at) = self.best() {
            if self.ask(at, now) {
                self.wait = self.wait.max(self.servers[at].hedge());
                return true;
            }
        }
        false
    }

    fn ask(&mut self, at: usize, now: Instant) -> bool {
        let server = &self.servers[at];
        let edns = server.health.edns(now);
        let sent = server.send(&self.boarded.shared, &self.boarded.flight, edns, now);
        self.legs[at].asked = true;
        self.legs[at].out = sent.is_ok();
        self.legs[at].tried_plain |= !edns;
        match sent {
            Ok(port) => (self.legs[at].port, self.legs[at].copies) = (port, 1),
            Err(failure) => self.failed(at, failure),
        }
        self.legs[at].out
    }

    fn ask_tcp(&mut self, at: usize, edns: bool) {
        if self.legs[at].tried_tcp {
            return;
        }
        self.legs[at].tried_tcp = true;
        let Boarded { shared, flight, .. } = &self.boarded;
        let sent = self.servers[at].send_line(shared, flight, edns, clock::now());
        self.legs[at].out_tcp = sent.is_ok();
        if let Err(failure) = sent {
            self.failed(at, failure);
        }
    }

    fn failed(&mut self, at: usize, failure: ForwardError) {
        if matches!(failure, ForwardError::Network(_)) {
            self.legs[at].unreachable = true;
            self.servers[at].unreachable(None);
        }
        self.failure = failure;
    }

    fn take_in(&mut self, event: Event) -> Option<Kept> {
        let at = self.servers.iter().position(|it| it.key == event.server)?;
        let now = clock::now();
        let edns = !self.legs[at].tried_plain;
        match event.news {
            News::Answer(answer) => return self.answer(at, answer, now),
            News::Doubtful { answer, case_lost } => {
                self.legs[at].out &= case_lost;
                self.ask_tcp(at, edns);
                let kept = Kept { server: at, answer, until: now + DOUBTFUL_MAX, case_lost };
                if !self.legs[at].out_tcp {
                    return self.believe(kept, now);
                }
                self.wake_at(self.next.min(kept.until));
                if self.doubtful.as_ref().is_none_or(|it| it.case_lost) {
                    self.doubtful = Some(kept);
                }
            }
            News::Truncated => {
                self.legs[at].out = false;
                self.ask_tcp(at, edns);
            }
            News::Forged => self.ask_tcp(at, edns),
            News::NoEdns if self.legs[at].tried_plain => self.legs[at].out = false,
            News::NoEdns => {
                self.legs[at].tried_plain = true;
                let Boarded { shared, flight, .. } = &self.boarded;
                let sent = self.servers[at].send(shared, flight, false, now);
                self.legs[at].out = sent.is_ok();
                self.legs[at].port = sent.ok().flatten();
            }
            News::Failed { failure, over_tcp } => {
                let first_choice = !over_tcp || self.servers[at].ports.is_none();
                if first_choice {
                    self.legs[at].out = false;
                    self.failed(at, failure);
                } else {
                    self.legs[at].out_tcp = false;
                    // Nobody forges what comes over TCP: the server has no better reply.
                    self.legs[at].out &= failure != ForwardError::Malformed;
                    self.failure = failure;
                    if self.doubtful.as_ref().is_some_and(|it| it.server == at) {
                        let kept = self.doubtful.take()?;
                        return self.believe(kept, now);
                    }
                }
            }
        }
        self.go_on(at, now);
        None
    }

    /// Takes an answer of which TCP could not say whether it was forged.
    fn believe(&mut self, kept: Kept, now: Instant) -> Option<Kept> {
        if kept.case_lost {
            self.servers[kept.server].health.case_lost(now);
        }
        self.answer(kept.server, kept.answer, now)
    }

    /// Takes an answer, or keeps it where another server may know better.
    fn answer(&mut self, at: usize, answer: Answer, now: Instant) -> Option<Kept> {
        let until = now + SPARE_MAX;
        let kept = Kept { server: at, answer, until, case_lost: false };
        if kept.answer.speaks_of_the_name() && !kept.answer.is_referral() {
            return Some(kept);
        }
        self.legs[at].out = false;
        self.legs[at].out_tcp = false;
        self.spare.get_or_insert(kept);
        self.go_on(at, now);
        None
    }

    /// Asks another server when this one has nothing more to give.
    fn go_on(&mut self, at: usize, now: Instant) {
        let leg = self.legs[at];
        let waits = leg.out || leg.out_tcp || self.round == Round::Between;
        if !waits && self.ask_next(now) {
            self.wake_at(now + self.wait);
        }
    }

    fn wake_at(&mut self, next: Instant) {
        self.next = next.min(self.deadline);
        self.boarded.wake_at(self.next);
    }

    /// Whether servers that could not be reached are asked once more: one that restarts is back in a moment.
    fn may_go_round(&mut self) -> bool {
        if self.round != Round::First {
            return self.round == Round::Between;
        }
        if self.spare.is_some() || self.doubtful.is_some() {
            return false;
        }
        let mut any = false;
        for leg in self.legs.iter_mut().filter(|it| it.unreachable) {
            *leg = Leg::default();
            any = true;
        }
        if any {
            self.round = Round::Between;
            self.wake_at(clock::now() + AGAIN_AFTER);
        }
        any
    }

    fn due(&mut self) -> Due {
        let now = clock::now();
        if now < self.next {
            // Rung for a moment that news have put off since.
            return Due::Wait;
        }
        if now >= self.deadline {
            self.failure = ForwardError::Timeout;
            return Due::GiveUp;
        }
        if let Some(kept) = self.doubtful.take_if(|it| it.until <= now)
            && let Some(kept) = self.believe(kept, now)
        {
            return Due::Take(kept);
        }
        if let Some(kept) = self.spare.take_if(|it| it.until <= now) {
            return Due::Take(kept);
        }
        if self.round == Round::Between {
            self.round = Round::Second;
        }
        for (leg, server) in self.legs.iter_mut().zip(&*self.servers) {
            if (leg.out || leg.out_tcp) && !leg.missed {
                leg.missed = true;
                server.missed();
            }
        }
        // The few copies of a query are sent far apart, so that one outage does not take them all.
        let longer = if self.ask_next(now) {
            2
        } else {
            self.send_again();
            4
        };
        self.wait = (self.wait * longer).min(WAIT_MAX);
        let jitter = rand::rng().random_range(0.75..1.25);
        let kept = [&self.doubtful, &self.spare].into_iter().flatten().map(|it| it.until);
        let next = kept.chain([now + self.wait.mul_f32(jitter)]).min();
        self.wake_at(next.unwrap_or(self.deadline));
        Due::Wait
    }

    /// Sends the same query once more, from the same port with the same ID, so that no forger has more to aim at; after the last copy
    /// over TCP, where nothing is lost.
    fn send_again(&mut self) {
        for at in 0..self.servers.len() {
            let leg = self.legs[at];
            let (Some(ports), Some(port)) = (&self.servers[at].ports, leg.port) else { continue };
            if leg.out && leg.copies == COPIES_MAX {
                self.ask_tcp(at, !leg.tried_plain);
            } else if leg.out && ports.send_again(&self.boarded.flight, port) {
                self.legs[at].copies += 1;
                self.boarded.shared.counters.resent.fetch_add(1, Relaxed);
            }
        }
    }
}

enum Due {
    Wait,
    Take(Kept),
    GiveUp,
}
