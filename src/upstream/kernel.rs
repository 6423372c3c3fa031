//! What this part asks of the kernel directly beside readiness: interface numbers.
#![expect(unsafe_code, reason = "if_nametoindex has no safe form in the standard library")]

use std::ffi::CString;

/// The number of a network interface, by its name.
pub(super) fn interface_index(name: &str) -> Option<u32> {
    let name = CString::new(name).ok()?;
    // SAFETY: `name` is a terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_has_a_number() {
        assert!(interface_index("lo").is_some());
        assert_eq!(interface_index("no-such-interface"), None);
        assert_eq!(interface_index("a\0b"), None);
    }
}
