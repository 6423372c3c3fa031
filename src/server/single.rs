//! One query that is alone on its way: over HTTP, or on a stream of QUIC.

use super::{
    clock,
    front::{Front, Outcome, Received},
};
use crate::dns::Client;
use std::{mem, sync::Arc, time::Instant};

/// Answers a query into `out`, at once or later; never says [`Outcome::Later`]. Dropped before its end, it counts a client that went.
pub(super) async fn answer(
    front: &Arc<Front>,
    client: Client,
    packet: &[u8],
    out: &mut Vec<u8>,
) -> Outcome {
    let due = Due(front);
    let now = clock::now();
    let received = Received { packet, cut: false };
    let mut outcome = front.answer(&front.access.load(), received, &client, now, out);
    if outcome == Outcome::Later {
        // Boxed: the way through the upstreams takes some kilobytes, which queries answered at once need not carry about.
        outcome = Box::pin(later(front, client, packet, now, out)).await;
    }
    // It has come to its end, and the counters say to which.
    mem::forget(due);
    outcome
}

/// A task of its own, which goes on when the client has gone: what upstreams were asked for him holds its place until it has come to an
/// end, so that nobody gains more places by giving queries up.
async fn later(
    front: &Arc<Front>,
    client: Client,
    packet: &[u8],
    now: Instant,
    out: &mut Vec<u8>,
) -> Outcome {
    let Some(permit) = front.admit(client.address.ip()) else {
        return front.overflow(packet, &client, out);
    };
    front.metrics.here().deferred.bump();
    let (front, packet) = (Arc::clone(front), Box::<[u8]>::from(packet));
    let answering = tokio::spawn(async move {
        let _held = permit;
        let mut out = Vec::new();
        let outcome = front.answer_later(&packet, &client, now, &mut out).await;
        (outcome, out)
    });
    // It fails only where the runtime ends.
    let Ok((outcome, answer)) = answering.await else { return Outcome::Dropped };
    *out = answer;
    outcome
}

struct Due<'a>(&'a Front);

impl Drop for Due<'_> {
    fn drop(&mut self) {
        self.0.metrics.here().dropped_gone.bump();
    }
}
