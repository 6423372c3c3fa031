//! What is told of a running server: all that was counted, how upstreams do, how often lists met queries.

use super::clock;
use crate::{
    event::Recorder,
    proxy::{Proxy, Router},
    upstream::{Exchange, ServerState, unix_time},
};
use std::{fmt::Write as _, sync::Arc, time::Instant};

/// Whom to ask about it.
pub(super) struct Status {
    pub(super) proxy: Arc<Proxy>,
    pub(super) router: Arc<Router>,
    pub(super) exchange: Arc<Exchange>,
    pub(super) recorder: Recorder,
    pub(super) started: Instant,
}

impl Status {
    /// All of it in lines for the log. `waiting` is how many queries wait for an answer.
    pub(super) fn text(&self, waiting: u32) -> String {
        let (policy, now) = (self.proxy.policy(), clock::monotonic());
        let up_secs = now.saturating_duration_since(self.started).as_secs();
        let mut text = format!("status {up_secs} s after the start, policy {}", policy.generation);
        let mut line = |line: &str| {
            // Writing to a string does not fail.
            let _ = write!(text, "\n  {line}");
        };
        for (name, help, count) in self.proxy.metrics().totals().iter().filter(|it| it.2 > 0) {
            line(&format!("{name:<21} {count:>10}  {help}"));
        }
        line(&format!(
            "answers in the cache {}, queries waiting {waiting}",
            self.proxy.answers_held()
        ));
        self.router.states().iter().for_each(|it| line(&upstream(it)));
        let it = self.exchange.counts();
        let counted = it.totals().into_iter().filter(|it| it.1 > 0);
        let counted: String = counted.map(|(name, count)| format!("{name} {count}, ")).collect();
        line(&format!(
            "to upstreams: {counted}on their way {}, sockets {}",
            it.in_flight, it.sockets
        ));
        for it in self.proxy.metrics().lists() {
            let (list, matched, decided) = (it.list, it.matched, it.decided);
            line(&format!("list {list}: holds the names of {matched} queries, decided {decided}"));
        }
        if self.recorder.is_on() {
            let it = self.recorder.counts();
            line(&format!("events: written {}, lost {}", it.written, it.lost()));
        }
        line(match unix_time() {
            Some(_) => "clock: set",
            None => {
                "clock: not set; certificates of upstreams are accepted whatever day they begin, and answers pass without \
                 validation"
            }
        });
        text
    }
}

fn upstream(it: &ServerState) -> String {
    let state = match it.round_trip {
        _ if it.silent => "silent: others are asked first".to_owned(),
        Some(it) => format!("answers within {:.1} ms", it.as_secs_f64() * 1e3),
        None => "no reply yet".to_owned(),
    };
    format!("upstream {}: {state}", it.url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn upstreams_say_how_they_do() {
        let url = "192.0.2.1".parse().unwrap();
        let mut state = ServerState { url, round_trip: None, silent: false };
        let check = |state: &ServerState, expected: &str| {
            assert_eq!(upstream(state), format!("upstream udp://192.0.2.1:53: {expected}"));
        };
        check(&state, "no reply yet");
        state.round_trip = Some(Duration::from_micros(12_340));
        check(&state, "answers within 12.3 ms");
        state.silent = true;
        check(&state, "silent: others are asked first");
    }
}
