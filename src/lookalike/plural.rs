//! `plural`: a plural `s` added or left out. `instagrams.com`, `coinbases-login.com`.
//!
//! Found with the index of `typo`. Weak by itself: honest names grow an `s` easily.

/// Whether the letter in which two texts differ is an `s` at the end of the longer one.
pub(super) const fn is_ending(letter: u8, at: usize, shorter_len: usize) -> bool {
    letter == b's' && at == shorter_len
}

#[cfg(test)]
mod tests {
    use crate::lookalike::tests::{finds, silent};
    use crate::verdict::Technique;

    #[test]
    fn hits_and_near_misses() {
        finds("instagrams.com", Technique::Plural, "instagram.com");
        finds("coinbases-login.com", Technique::Plural, "coinbase.com");
        silent("targets.com");
    }
}
