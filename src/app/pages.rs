//! How memory comes from the system.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "prctl(2) is a C interface"))]

/// Takes memory in pages of the usual size alone. The allocator asks for huge ones, of which each part that is used takes two
/// megabytes, on a board that may have 512. A large cache would be a little faster with them.
#[cfg(target_os = "linux")]
pub(super) fn usual() {
    // SAFETY: numbers alone, and all that can come of it is that pages stay huge.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn usual() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    #[test]
    fn pages_are_of_the_usual_size() {
        super::usual();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        // Kernels before 5.0 do not tell.
        let told = status.lines().find_map(|it| it.strip_prefix("THP_enabled:"));
        assert!(told.is_none_or(|it| it.trim() == "0"), "{status}");
    }
}
