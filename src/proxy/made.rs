//! Answers that policy makes up in place of the upstream's.

use crate::{
    dns::{Ede, Made, Query, Rcode, class, rtype},
    policy::Sinkhole,
    verdict::Action,
};

/// What an action that changes the answer sends; `None` when it stays silent. `matched_len` counts the octets of the name's suffix
/// that were decided about, 0 where it was the whole name.
///
/// A sinkholed name has addresses and nothing else: HTTPS, SVCB, MX and all other types are NODATA, so that no record
/// leads around the sinkhole.
pub(super) fn answer<'q>(
    action: Action,
    matched_len: u8,
    sinkhole: &Sinkhole,
    query: &'q Query<'_>,
) -> Option<Made<'q>> {
    let wire = query.name.wire();
    let matched = usize::from(matched_len);
    let owner = if matched == 0 { wire } else { &wire[wire.len().saturating_sub(matched)..] };
    let negative = |rcode| Made::Negative(rcode, owner, sinkhole.ttl_secs);
    Some(match action {
        Action::Sinkhole if query.qclass == class::IN && query.qtype == rtype::A => {
            Made::Address(sinkhole.ipv4.into(), sinkhole.ttl_secs)
        }
        Action::Sinkhole if query.qclass == class::IN && query.qtype == rtype::AAAA => {
            Made::Address(sinkhole.ipv6.into(), sinkhole.ttl_secs)
        }
        Action::Sinkhole | Action::Nodata => negative(Rcode::NOERROR),
        Action::Nxdomain => negative(Rcode::NXDOMAIN),
        Action::Refused => Made::Empty(Rcode::REFUSED),
        Action::Drop | Action::Pass | Action::Log => return None,
    })
}

/// How a client is told of it.
pub(super) const fn ede(action: Action, text: &str) -> Ede<'_> {
    let code = if matches!(action, Action::Sinkhole) { Ede::FORGED_ANSWER } else { Ede::BLOCKED };
    Ede { code, text }
}
