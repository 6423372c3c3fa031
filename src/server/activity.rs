//! When a connection of HTTP or QUIC ends: not while answers are due, and not long after.

use super::{clock, tcp::Seat};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// When to look again while answers are due.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// What goes on on a connection whose queries are answered side by side, as far as it concerns its end.
#[derive(Debug)]
pub(super) struct Activity {
    pub(super) seat: Seat,
    state: Mutex<State>,
    /// Nothing more is to be served.
    end: Notify,
}

#[derive(Debug)]
struct State {
    /// Queries being answered.
    busy: u32,
    /// When the last one was.
    last: Instant,
}

impl Activity {
    pub(super) fn new(seat: Seat, now: Instant) -> Arc<Self> {
        let state = Mutex::new(State { busy: 0, last: now });
        Arc::new(Self { seat, state, end: Notify::new() })
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        // Under the lock, so that whoever comes last has the last word.
        self.seat.set_idle((state.busy == 0).then_some(state.last));
    }

    /// When the connection ends if nothing happens until then.
    pub(super) fn deadline(&self, now: Instant) -> Instant {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.busy {
            0 => state.last + self.seat.idle_timeout(),
            // Answers come in a time that is bounded.
            _ => now + LOOK_AGAIN,
        }
    }

    /// Says that nothing more is to be served.
    pub(super) fn end(&self) {
        self.end.notify_one();
    }

    /// Waits until nothing more is to be served.
    pub(super) async fn ended(&self) {
        self.end.notified().await;
    }

    /// How long the queries that are being answered may still take.
    pub(super) fn time_left(&self) -> Duration {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.busy == 0 { Duration::ZERO } else { LOOK_AGAIN }
    }
}

/// A query being answered.
pub(super) struct Busy<'a>(&'a Activity);

impl<'a> Busy<'a> {
    pub(super) fn new(activity: &'a Activity) -> Self {
        activity.change(|it| it.busy += 1);
        Self(activity)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let now = clock::now();
        self.0.change(|it| {
            it.busy -= 1;
            it.last = now;
        });
    }
}
