//! Room for connections: the limit of open files.
#![expect(unsafe_code, reason = "getrlimit(2) and setrlimit(2) are C interfaces")]

/// Open files are asked for up to here: a thousand TCP connections, and hundreds of sockets for each upstream.
const OPEN_FILES: libc::rlim_t = 65_536;

/// Raises the soft limit of open files, often 1,024, as far as the hard limit lets it. Failing that, the caps on connections may not be
/// reached, and accepting says so.
pub(super) fn raise_open_files() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a limit that lives as long as they run.
    let result = unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return;
        }
        let wanted = limit.rlim_max.min(OPEN_FILES);
        if limit.rlim_cur >= wanted {
            return;
        }
        limit.rlim_cur = wanted;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit)
    };
    if result != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "cannot raise the limit of open files");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raises() {
        raise_open_files();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: as above.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) }, 0);
        assert!(limit.rlim_cur >= limit.rlim_max.min(OPEN_FILES));
    }
}
