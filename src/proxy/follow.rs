//! Aliases that an upstream leaves unfollowed, as a server does that only knows its own zones: their targets are asked for as well,
//! wherever those names go, since a client's resolver takes what it gets for the whole answer (RFC 1034 section 5.3.1). So are those of
//! which an upstream speaks although others are asked for them ([`Ways::within`]).

use super::{Proxy, router::Ways};
use crate::{
    dns::{Answer, Ede, LooseEnd},
    upstream::{Ask, ForwardError, Forwarded},
};
use std::time::Instant;
use tokio::time::timeout_at;

/// How often one more name is asked for, for one query.
const STEPS_MAX: usize = 11;

impl Proxy {
    /// What came, with what is said of the names to which its aliases lead.
    pub(super) async fn follow(
        &self,
        ways: &Ways,
        ask: &Ask,
        until: Instant,
        forwarded: Result<Forwarded, ForwardError>,
    ) -> Result<Forwarded, ForwardError> {
        let mut whole = forwarded?;
        let Some(mut end) = whole.answer.loose_end() else { return Ok(whole) };
        let walk = async {
            for _ in 0..STEPS_MAX {
                let LooseEnd::Alias(name) = end else { break };
                // A name that is answered here does not leave, and nobody outside speaks of it.
                let Some(route) = ways.route_of(&name) else { return Ok(whole) };
                let upstreams = ways.set(route).ok_or(ForwardError::NoUpstream)?;
                let asked = Ask { name: *name, ..ask.clone() };
                self.metrics.here().aliases_followed.bump();
                let rest =
                    self.forward_or_translate((ways, route), upstreams, &asked, until).await?;
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
        timeout_at(until.into(), walk).await.unwrap_or(Err(ForwardError::Timeout))
    }
}
