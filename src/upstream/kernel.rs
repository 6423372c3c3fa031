//! What this part asks of the kernel directly beside readiness: interface numbers.

/// The number of a network interface, by its name.
#[cfg(unix)]
pub(super) fn interface_index(name: &str) -> Option<u32> {
    #![expect(unsafe_code, reason = "if_nametoindex has no safe form in the standard library")]
    let name = std::ffi::CString::new(name).ok()?;
    // SAFETY: `name` is a terminated string that outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    (index != 0).then_some(index)
}

/// The number of a network interface, by its name.
#[cfg(windows)]
pub(super) fn interface_index(name: &str) -> Option<u32> {
    if_addrs::get_if_addrs().ok()?.into_iter().find(|it| it.name == name)?.index
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
