//! How memory comes from the system, and goes back.
#![expect(unsafe_code, reason = "prctl(2) and the allocator are C interfaces")]

use std::ffi::c_long;

/// Takes memory in pages of the usual size alone. The allocator asks for huge ones, of which each part that is used takes two
/// megabytes, on a board that may have 512. A large cache would be a little faster with them.
#[cfg(target_os = "linux")]
pub(super) fn usual() {
    // SAFETY: numbers alone, and all that can come of it is that pages stay huge.
    unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1, 0, 0, 0) };
}

#[cfg(not(target_os = "linux"))]
pub(super) fn usual() {}

/// While this lives, what is freed goes back at once, whoever frees it. The allocator keeps it for a moment, and gives it back by and by
/// while it is used: what a start or a reload needed beside what stays would be kept for as long as nothing but answering is done.
pub(super) struct Sparing {
    usual_millis: c_long,
}

/// `mi_option_purge_delay`: for how many milliseconds what is freed is kept. The next after the one that the crate has a name for.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = libmimalloc_sys::mi_option_eager_commit_delay + 1;

impl Sparing {
    /// Begins to spare. Two at once would leave the allocator sparing for good.
    pub(super) fn begin() -> Self {
        // SAFETY: options are aligned words that the allocator reads where it frees, on any thread, without more ado; whichever of the two
        // values it finds there it works with.
        let usual_millis = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        // SAFETY: as above.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, 0) };
        Self { usual_millis }
    }
}

impl Drop for Sparing {
    fn drop(&mut self) {
        // SAFETY: as above.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, self.usual_millis) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_is_kept_for_a_moment_but_while_something_is_built() {
        // SAFETY: an option of the allocator's, read.
        let kept_millis = || unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(kept_millis(), 10);
        let sparing = Sparing::begin();
        assert_eq!(kept_millis(), 0);
        drop(sparing);
        assert_eq!(kept_millis(), 10);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn pages_are_of_the_usual_size() {
        usual();
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        // Kernels before 5.0 do not tell.
        let told = status.lines().find_map(|it| it.strip_prefix("THP_enabled:"));
        assert!(told.is_none_or(|it| it.trim() == "0"), "{status}");
    }
}
