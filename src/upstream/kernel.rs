//! What this part asks of the kernel directly beside readiness: open files, interface numbers.
#![expect(
    unsafe_code,
    reason = "rlimit and if_nametoindex have no safe form in the standard library"
)]

use std::{ffi::CString, io};

/// Raises the soft limit of open files towards the hard one, to `wanted` at most, and tells what it is then.
pub(super) fn raise_open_files(wanted: u64) -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid place for the result.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur >= wanted {
        return Ok(limit.rlim_cur);
    }
    let raised = libc::rlimit { rlim_cur: wanted.min(limit.rlim_max), ..limit };
    // SAFETY: `raised` is a whole rlimit and outlives the call.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const raised) };
    Ok(if done < 0 { limit.rlim_cur } else { raised.rlim_cur })
}

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

    #[test]
    fn open_files_are_told() {
        assert!(raise_open_files(64).unwrap() >= 64);
    }
}
