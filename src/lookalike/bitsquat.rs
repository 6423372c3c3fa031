//! `bitsquat`: one bit flipped in memory or on the wire. `micrgsoft-login.com`.
//!
//! A letter that differs in one bit from the one meant and is no neighbour on the keyboard can hardly be a slip of a hand;
//! it is registered for the machines that make such slips. Found with the index of `typo`.

/// Whether two letters differ in exactly one bit.
pub(super) const fn is_flip(a: u8, b: u8) -> bool {
    (a ^ b).is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookalike::tests::{finds, silent};
    use crate::verdict::Technique;

    #[test]
    fn one_bit_apart() {
        assert!(is_flip(b'o', b'g') && is_flip(b'c', b'b'));
        assert!(!is_flip(b'a', b'z') && !is_flip(b'a', b'a'));
    }

    #[test]
    fn hits_and_near_misses() {
        finds("micrgsoft-login.com", Technique::Bitsquat, "microsoft.com");
        silent("microsoft.com");
        silent("microgroove.com");
    }
}
