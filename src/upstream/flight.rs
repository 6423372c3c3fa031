//! A query on its way: who hears every upstream's news of it, and the table of all that are out.

use super::{Ask, ForwardError, Forwarded, IN_FLIGHT_MAX, journey::Journey, lock, shared::Shared};
use crate::dns::Answer;
use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// How many flights are rung before replies are received again: a few milliseconds of sending.
const RINGS_MAX: usize = 256;

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

/// How a flight ended.
pub(super) type Landing = Result<Forwarded, ForwardError>;

/// Who is told how a flight ended. Called where the last news came in, so it has to be quick and must not panic.
pub(super) type Then = Box<dyn FnOnce(&Ask, Landing) + Send>;

/// A query on its way. Whoever works for it posts its news here, and the journey goes on at once, where they came in: no task waits
/// for them.
pub(super) struct Flight {
    pub(super) ask: Ask,
    landed: AtomicBool,
    /// Until it lands.
    aloft: Mutex<Option<Aloft>>,
}

struct Aloft {
    journey: Journey,
    /// Always there until it lands.
    then: Option<Then>,
}

impl Flight {
    pub(super) fn new(ask: Ask) -> Arc<Self> {
        Arc::new(Self { ask, landed: AtomicBool::new(false), aloft: Mutex::default() })
    }

    /// Whether nobody waits for news any more.
    pub(super) fn landed(&self) -> bool {
        self.landed.load(Relaxed)
    }

    /// Sets out. What comes back at once waits until that is done.
    pub(super) fn start(&self, journey: Journey, then: Then) {
        let mut aloft = lock(&self.aloft);
        *aloft = Some(Aloft { journey, then: Some(then) });
        self.go_on(aloft, Journey::set_out);
    }

    pub(super) fn post(&self, server: u16, news: News) {
        self.go_on(lock(&self.aloft), |journey| journey.hear(Event { server, news }));
    }

    fn ring(&self) {
        self.go_on(lock(&self.aloft), Journey::ring);
    }

    fn go_on(
        &self,
        mut aloft: MutexGuard<'_, Option<Aloft>>,
        step: impl FnOnce(&mut Journey) -> Option<Landing>,
    ) {
        let Some(Aloft { journey, .. }) = &mut *aloft else { return };
        // A panic is a bug of ours; it costs one query, never the receiver of all replies.
        let stepped = catch_unwind(AssertUnwindSafe(|| step(journey)));
        let landing = stepped.unwrap_or_else(|_| {
            journey.panicked();
            Some(Err(ForwardError::Malformed))
        });
        let Some(landing) = landing else { return };
        let then = aloft.as_mut().and_then(|it| it.then.take());
        // Its seat is free before anybody is told.
        *aloft = None;
        drop(aloft);
        if let Some(then) = then {
            then(&self.ask, landing);
        }
    }

    /// Lands without an outcome: nobody is told.
    pub(super) fn give_up(&self) {
        let aloft = lock(&self.aloft).take();
        drop(aloft);
    }
}

impl fmt::Debug for Flight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flight").field("ask", &self.ask).finish_non_exhaustive()
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
    /// A seat for a flight, which is rung at `due`; `None` when all are taken.
    ///
    /// Rings `alarm` where [`Flights::rest`] said before that nobody watches the clock.
    fn board(&self, flight: &Arc<Flight>, due: Instant, alarm: &Notify) -> Option<u32> {
        let seat = Seat { due, flight: Some(Arc::clone(flight)) };
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
        Some(key)
    }

    /// Whether none is out, so that the clock need not be watched until the next one boards.
    pub(super) fn rest(&self) -> bool {
        let mut table = lock(&self.table);
        table.resting = table.seats.len() == table.free.len();
        table.resting
    }

    /// Rings the flights whose moment has passed, [`RINGS_MAX`] of them at most; true when there may be more.
    pub(super) fn ring(&self, now: Instant) -> bool {
        let due = self.select(|it| it.due <= now, RINGS_MAX);
        due.iter().for_each(|it| it.ring());
        due.len() == RINGS_MAX
    }

    /// Lands all of them without an outcome.
    pub(super) fn give_up(&self) {
        self.select(|_| true, IN_FLIGHT_MAX).iter().for_each(|it| it.give_up());
    }

    fn select(&self, which: impl Fn(&Seat) -> bool, most: usize) -> Vec<Arc<Flight>> {
        let table = lock(&self.table);
        let selected = table.seats.iter().filter(|it| which(it));
        selected.filter_map(|it| it.flight.as_ref().map(Arc::clone)).take(most).collect()
    }

    /// How many are out.
    pub(super) fn len(&self) -> usize {
        let table = lock(&self.table);
        table.seats.len() - table.free.len()
    }
}

/// A flight with its seat, which is given back when this is dropped.
pub(super) struct Boarded {
    pub(super) shared: Arc<Shared>,
    pub(super) flight: Arc<Flight>,
    key: u32,
}

impl Boarded {
    /// Takes a seat for a new flight, which is rung at `due`; `None` when all are taken.
    pub(super) fn new(shared: &Arc<Shared>, flight: &Arc<Flight>, due: Instant) -> Option<Self> {
        let key = shared.flights.board(flight, due, &shared.alarm)?;
        Some(Self { shared: Arc::clone(shared), flight: Arc::clone(flight), key })
    }

    /// Sets the moment at which it is rung next.
    pub(super) fn wake_at(&self, due: Instant) {
        lock(&self.shared.flights.table).seats[self.key as usize].due = due;
    }
}

impl Drop for Boarded {
    fn drop(&mut self) {
        self.flight.landed.store(true, Relaxed);
        let mut table = lock(&self.shared.flights.table);
        table.seats[self.key as usize].flight = None;
        table.free.push(self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        name::Name,
        upstream::{Strategy, clock},
    };

    #[tokio::test]
    async fn a_turn_rings_a_bounded_number() {
        let exchange = crate::upstream::Exchange::with(Shared::new().unwrap()).unwrap();
        let shared = &exchange.shared;
        let past = clock::now();
        let ask = Ask::new(Name::parse("www.example").unwrap(), 1);
        let told = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        for _ in 0..RINGS_MAX + 10 {
            let flight = Flight::new(ask.clone());
            let boarded = Boarded::new(shared, &flight, past).unwrap();
            let journey = Journey::new(Arc::default(), Strategy::Fastest, boarded, (past, past));
            let told = Arc::clone(&told);
            let then: Then = Box::new(move |_, _| {
                told.fetch_add(1, Relaxed);
            });
            *lock(&flight.aloft) = Some(Aloft { journey, then: Some(then) });
        }
        assert!(shared.flights.ring(clock::now()));
        assert_eq!((told.load(Relaxed), shared.flights.len()), (RINGS_MAX, 10));
        assert!(!shared.flights.ring(clock::now()));
        assert_eq!((told.load(Relaxed), shared.flights.len()), (RINGS_MAX + 10, 0));
    }

    #[tokio::test]
    async fn a_panic_costs_one_query_and_is_counted() {
        let exchange = crate::upstream::Exchange::with(Shared::new().unwrap()).unwrap();
        let (shared, now) = (&exchange.shared, clock::now());
        let flight = Flight::new(Ask::new(Name::parse("www.example").unwrap(), 1));
        let boarded = Boarded::new(shared, &flight, now).unwrap();
        let journey = Journey::new(Arc::default(), Strategy::Fastest, boarded, (now, now));
        let (sender, told) = std::sync::mpsc::channel();
        let then: Then = Box::new(move |_, landing| sender.send(landing).unwrap());
        *lock(&flight.aloft) = Some(Aloft { journey, then: Some(then) });
        flight.go_on(lock(&flight.aloft), |_| panic!("expected in this test"));
        assert_eq!(told.try_recv().unwrap().unwrap_err(), ForwardError::Malformed);
        assert_eq!((exchange.counts().panics, shared.flights.len()), (1, 0));
    }

    #[test]
    fn seats_are_bounded_and_given_back() {
        let shared = Arc::new(Shared::new().unwrap());
        let ask = Ask::new(Name::parse("www.example").unwrap(), 1);
        let board = || Boarded::new(&shared, &Flight::new(ask.clone()), clock::now());
        let all: Vec<_> = (0..IN_FLIGHT_MAX).map(|_| board().unwrap()).collect();
        assert!(board().is_none());
        assert_eq!(shared.flights.len(), IN_FLIGHT_MAX);
        let first = Arc::clone(&all[0].flight);
        assert!(!first.landed() && !shared.flights.rest());
        drop(all);
        assert!(first.landed() && shared.flights.rest());
        assert_eq!(shared.flights.len(), 0);
        assert!(board().is_some());
    }
}
