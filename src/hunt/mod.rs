//! What many names say when they are read at once, away from the running server: which domains are the operator's own
//! ([`Survey`]), and what protecting a domain would flag ([`Trial`]).

mod suggest;
mod trial;

pub use suggest::{Proposal, Survey};
pub use trial::{FLAGGED_MAX, Flagged, Own, Trial};
