//! Aliases that an upstream leaves unfollowed, as a server does that only knows its own zones: their targets are asked for as well,
//! wherever those names go, since a client's resolver takes what it gets for the whole answer (RFC 1034 section 5.3.1).

use super::{Proxy, router::Ways};
use crate::{
    cache::Tick,
    dns::{Answer, Ede, LooseEnd},
    upstream::{Ask, FORWARD_MAX, ForwardError, Forwarded},
};
use std::time::Duration;
use tokio::time::timeout;

/// How often one more name is asked for, for one query.
const STEPS_MAX: usize = 8;

/// What is asked for anew of a query that began so long ago would be too late.
const NEEDED: Duration = Duration::from_millis(1);

impl Proxy {
    /// What came, with what is said of the names to which its aliases lead.
    pub(super) async fn follow(
        &self,
        ways: &Ways,
        ask: &Ask,
        began: Tick,
        forwarded: Result<Forwarded, ForwardError>,
    ) -> Result<Forwarded, ForwardError> {
        let mut whole = forwarded?;
        let Some(mut end) = whole.answer.loose_end() else { return Ok(whole) };
        let passed = Duration::from_nanos(self.now().nanos_since(began));
        let left = FORWARD_MAX.saturating_sub(passed).max(NEEDED);
        let walk = async {
            for _ in 0..STEPS_MAX {
                let LooseEnd::Alias(name) = end else { break };
                // A name that is answered here does not leave, and nobody outside speaks of it.
                let Some(route) = ways.route_of(&name) else { return Ok(whole) };
                let upstreams = ways.set(route).ok_or(ForwardError::NoUpstream)?;
                let asked = Ask { name: *name, ..ask.clone() };
                self.metrics.here().aliases_followed.bump();
                let rest = self.forward_or_translate(ways, route, upstreams, &asked).await?;
                let joined = whole.answer.continued(&rest.answer).ok_or(ForwardError::Malformed)?;
                whole.answer = joined;
                if rest.answer.loose_end().is_none() {
                    return Ok(whole);
                }
                match whole.answer.loose_end() {
                    Some(next) => end = next,
                    None => return Ok(whole),
                }
            }
            let ede = Ede { code: Ede::OTHER, text: "the aliases of this name lead nowhere" };
            whole.answer = Answer::failure(&ask.name, ask.qtype, ask.qclass, ede);
            Ok(whole)
        };
        timeout(left, walk).await.unwrap_or(Err(ForwardError::Timeout))
    }
}
