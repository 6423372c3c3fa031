//! `tld-swap`: the brand under another top-level domain. `paypal.top`, `coinbase.icu`.
//!
//! Brands own themselves under country codes as a rule, and owner data is never complete, so country-code suffixes tell
//! little; suffixes where registration is cheap and abuse common tell much.

use super::evidence::Feature;

/// The feature of a brand that is the registered label.
pub(super) const FEATURE: Feature = Feature::TldSwap;

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("metamask.top", Technique::TldSwap, "metamask.io");
        silent("paypal.com");
        silent("target.org");
    }
}
