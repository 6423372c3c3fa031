//! Answers that policy makes up in place of the upstream's.

use crate::{
    dns::{Made, Query, Rcode, class, rtype},
    policy::Sinkhole,
    verdict::{Action, Verdict},
};

/// What a verdict that changes the answer sends; `None` when it stays silent.
///
/// A sinkholed name has addresses and nothing else: HTTPS, SVCB, MX and all other types are NODATA, so that no record
/// leads around the sinkhole.
pub(super) fn answer<'q>(
    verdict: &Verdict,
    sinkhole: &Sinkhole,
    query: &'q Query<'_>,
) -> Option<Made<'q>> {
    let wire = query.name.wire();
    let matched = usize::from(verdict.matched_len);
    let owner = if matched == 0 { wire } else { &wire[wire.len().saturating_sub(matched)..] };
    let negative = |rcode| Made::Negative(rcode, owner, sinkhole.ttl_secs);
    Some(match verdict.applied {
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
