//! A query on its way: the mailbox where every upstream's news arrive, and the table of all that are out.

use super::{Ask, ForwardError, IN_FLIGHT_MAX, lock};
use crate::dns::Answer;
use std::{
    future::poll_fn,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::{Poll, Waker},
    time::Instant,
};
use tokio::sync::Notify;

/// News of one flight, from the server with the key `server`.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) server: u16,
    pub(super) news: News,
}

#[derive(Debug)]
pub(super) enum News {
    /// A believable answer.
    Answer(Answer),
    /// An answer over UDP, to be believed when none is to be had over TCP: a forged one arrived before it, or the letters of its
    /// question are in another case than sent (`case_lost`).
    Doubtful { answer: Answer, case_lost: bool },
    /// TC was set: the whole answer is to be had over TCP (RFC 7766).
    Truncated,
    /// Something that was no reply arrived where this flight's reply is expected.
    Forged,
    /// The server does not understand EDNS (RFC 6891 section 7).
    NoEdns,
    /// The server cannot be reached, or was reached and gave nothing to believe.
    Failed { failure: ForwardError, over_tcp: bool },
}

/// What a flight wakes up to.
#[derive(Debug)]
pub(super) enum Wake {
    /// News arrived.
    Event(Event),
    /// The moment that the flight asked for has passed.
    Due,
}

/// A query on its way. Whoever works for it posts its news here.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) ask: Ask,
    landed: AtomicBool,
    mail: Mutex<Mail>,
}

#[derive(Debug, Default)]
struct Mail {
    // Nearly every flight gets one event, which so needs no place on the heap.
    first: Option<Event>,
    more: Vec<Event>,
    due: bool,
    waker: Option<Waker>,
}

impl Flight {
    /// Whether nobody waits for news any more.
    pub(super) fn landed(&self) -> bool {
        self.landed.load(Relaxed)
    }

    pub(super) fn post(&self, server: u16, news: News) {
        let event = Event { server, news };
        self.wake(|mail| match mail.first {
            None => mail.first = Some(event),
            Some(_) => mail.more.push(event),
        });
    }

    fn ring(&self) {
        self.wake(|mail| mail.due = true);
    }

    fn wake(&self, change: impl FnOnce(&mut Mail)) {
        let mut mail = lock(&self.mail);
        change(&mut mail);
        let waker = mail.waker.take();
        drop(mail);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next news, or [`Wake::Due`].
    pub(super) async fn next(&self) -> Wake {
        poll_fn(|cx| {
            let mut mail = lock(&self.mail);
            if let Some(event) = mail.first.take() {
                if !mail.more.is_empty() {
                    mail.first = Some(mail.more.remove(0));
                }
                return Poll::Ready(Wake::Event(event));
            }
            if std::mem::take(&mut mail.due) {
                return Poll::Ready(Wake::Due);
            }
            match &mut mail.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => mail.waker = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
        .await
    }
}

/// Every flight that is out, with the moment at which it wants to be woken.
#[derive(Debug, Default)]
pub(super) struct Flights {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    seats: Vec<Seat>,
    free: Vec<u32>,
    resting: bool,
}

#[derive(Debug)]
struct Seat {
    due: Instant,
    flight: Option<Arc<Flight>>,
}

impl Flights {
    /// Takes a seat for a new flight, which wakes at `due` unless news arrive before; `None` when all are taken.
    ///
    /// Rings `alarm` where [`Flights::rest`] said before that nobody watches the clock.
    pub(super) fn board(&self, ask: &Ask, due: Instant, alarm: &Notify) -> Option<Boarded<'_>> {
        let flight = Arc::new(Flight {
            ask: ask.clone(),
            landed: AtomicBool::new(false),
            mail: Mutex::default(),
        });
        let seat = Seat { due, flight: Some(Arc::clone(&flight)) };
        let mut table = lock(&self.table);
        let key = match table.free.pop() {
            Some(key) => {
                table.seats[key as usize] = seat;
                key
            }
            None if table.seats.len() < IN_FLIGHT_MAX => {
                table.seats.push(seat);
                u32::try_from(table.seats.len() - 1).expect("under the maximum")
            }
            None => return None,
        };
        let resting = std::mem::take(&mut table.resting);
        drop(table);
        if resting {
            alarm.notify_one();
        }
        Some(Boarded { flights: self, key, flight })
    }

    /// Whether none is out, so that the clock need not be watched until the next one boards.
    pub(super) fn rest(&self) -> bool {
        let mut table = lock(&self.table);
        table.resting = table.seats.len() == table.free.len();
        table.resting
    }

    /// Wakes the flights whose moment has passed.
    pub(super) fn ring(&self, now: Instant) {
        let mut due = Vec::new();
        for seat in &mut lock(&self.table).seats {
            if seat.due <= now
                && let Some(flight) = &seat.flight
            {
                due.push(Arc::clone(flight));
            }
        }
        for flight in due {
            flight.ring();
        }
    }

    /// How many are out.
    pub(super) fn len(&self) -> usize {
        let table = lock(&self.table);
        table.seats.len() - table.free.len()
    }
}

/// A flight with its seat, which is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Boarded<'a> {
    flights: &'a Flights,
    key: u32,
    flight: Arc<Flight>,
}

impl Boarded<'_> {
    pub(super) fn flight(&self) -> &Arc<Flight> {
        &self.flight
    }

    /// Sets the moment of the next [`Wake::Due`].
    pub(super) fn wake_at(&self, due: Instant) {
        lock(&self.flights.table).seats[self.key as usize].due = due;
    }
}

impl Drop for Boarded<'_> {
    fn drop(&mut self) {
        self.flight.landed.store(true, Relaxed);
        let mut table = lock(&self.flights.table);
        table.seats[self.key as usize].flight = None;
        table.free.push(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{name::Name, upstream::clock};
    use std::time::Duration;

    fn ask() -> Ask {
        Ask::new(Name::parse("www.example").unwrap(), 1)
    }

    #[tokio::test]
    async fn news_arrive_in_order_and_before_the_bell() {
        let (flights, alarm) = (Flights::default(), Notify::new());
        let now = clock::now();
        let boarded = flights.board(&ask(), now, &alarm).unwrap();
        flights.ring(now);
        boarded.flight().post(1, News::Truncated);
        boarded.flight().post(2, News::Forged);
        boarded.flight().post(3, News::NoEdns);
        let mut order = Vec::new();
        while let Wake::Event(event) = boarded.flight().next().await {
            order.push(event.server);
        }
        assert_eq!(order, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_sleeping_flight_is_woken_from_another_task() {
        let (flights, alarm) = (Flights::default(), Notify::new());
        let now = clock::now();
        let boarded = flights.board(&ask(), now + Duration::from_secs(1), &alarm).unwrap();
        let flight = Arc::clone(boarded.flight());
        let poster = tokio::spawn(async move { flight.post(5, News::Truncated) });
        assert!(matches!(
            boarded.flight().next().await,
            Wake::Event(Event { server: 5, news: News::Truncated })
        ));
        poster.await.unwrap();
        flights.ring(now);
        boarded.wake_at(now);
        flights.ring(now);
        assert!(matches!(boarded.flight().next().await, Wake::Due));
    }

    #[test]
    fn seats_are_bounded_and_given_back() {
        let (flights, alarm) = (Flights::default(), Notify::new());
        let now = clock::now();
        let all: Vec<_> =
            (0..IN_FLIGHT_MAX).map(|_| flights.board(&ask(), now, &alarm).unwrap()).collect();
        assert!(flights.board(&ask(), now, &alarm).is_none());
        assert_eq!(flights.len(), IN_FLIGHT_MAX);
        assert!(!all[0].flight().landed());
        let first = Arc::clone(all[0].flight());
        drop(all);
        assert!(first.landed());
        assert_eq!(flights.len(), 0);
        assert!(flights.board(&ask(), now, &alarm).is_some());
    }
}
