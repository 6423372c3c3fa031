//! Queries that are refused whatever their name, and why.

use super::{router::Way, special::Kind};
use crate::dns::{Ede, Query, class};

/// Why a query is refused; `None` for nearly every one.
///
/// Class CH holds nothing but what a server tells of itself: `version.bind`, `id.server` and the like.
///
/// Without RD a client wants only what is at hand, which for a forwarder is what others have asked before it. So it is
/// refused, as unbound does by default, and as RFC 8914 section 4.21 foresees; names that are answered here are at hand for
/// everybody. BIND gives out what its cache has, and with that who visited what (cache snooping).
#[inline]
pub(super) fn refusal(query: &Query<'_>, way: Way) -> Option<Ede<'static>> {
    if query.qclass == class::CH {
        let text = "this server tells nothing of itself";
        return Some(Ede { code: Ede::NOT_SUPPORTED, text });
    }
    if query.qclass == class::ANY {
        let text = "class ANY is no class to look a name up in";
        return Some(Ede { code: Ede::NOT_SUPPORTED, text });
    }
    let is_here = way.special.is_some_and(|it| it.0 != Kind::Reverse64);
    if !query.rd && !is_here {
        let text = "recursion is not desired, and this server has no names of its own";
        return Some(Ede { code: Ede::NOT_AUTHORITATIVE, text });
    }
    None
}
