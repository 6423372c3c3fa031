//! Readiness of many sockets at once, by epoll. `plain.rs` does the same job on systems without it.
#![expect(unsafe_code, reason = "epoll has no safe form in the standard library")]

use std::{
    io,
    net::UdpSocket,
    os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd},
    sync::Arc,
};
use tokio::io::{Interest, unix::AsyncFd};

/// How many sockets one call of [`Poll::wait`] reports at most.
pub(super) const READY_MAX: usize = 256;

/// A set of sockets of which the kernel says which can be read (epoll, level-triggered).
///
/// Itself readable while any of its sockets is, so that tokio can wait for all of them as for one.
#[derive(Debug)]
pub(super) struct Poll {
    fd: OwnedFd,
}

/// The keys of the sockets found readable, in a buffer that is used again and again.
pub(super) struct Ready {
    events: Vec<libc::epoll_event>,
    len: usize,
}

impl Poll {
    /// An empty set.
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer; the result is checked before it is owned.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `fd` was just opened and nobody else owns it.
        Ok(Self { fd: unsafe { OwnedFd::from_raw_fd(fd) } })
    }

    /// Adds a socket; `key` comes back when it can be read. Closing the socket takes it out again.
    pub(super) fn add(&self, socket: &Arc<UdpSocket>, key: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: key };
        // SAFETY: both descriptors are open for the length of the call and `event` outlives it.
        let done = unsafe {
            libc::epoll_ctl(
                self.fd.as_raw_fd(),
                libc::EPOLL_CTL_ADD,
                socket.as_raw_fd(),
                &raw mut event,
            )
        };
        if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Fills `ready` with the keys of sockets that can be read now; never waits.
    pub(super) fn wait(&self, ready: &mut Ready) -> io::Result<()> {
        ready.len = 0;
        // SAFETY: the buffer holds `READY_MAX` events and lives through the call.
        let found = unsafe {
            libc::epoll_wait(self.fd.as_raw_fd(), ready.events.as_mut_ptr(), READY_MAX as i32, 0)
        };
        match usize::try_from(found) {
            Ok(found) => ready.len = found.min(READY_MAX),
            Err(_) => return Err(io::Error::last_os_error()),
        }
        Ok(())
    }
}

impl AsRawFd for Poll {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// What the current tokio runtime waits on until a socket can be read.
pub(super) type Watched = AsyncFd<Arc<Poll>>;

/// Lets the current tokio runtime wait until a socket of `poll` can be read.
pub(super) fn watch(poll: Arc<Poll>) -> io::Result<Watched> {
    // SAFETY: `Poll` owns its descriptor, keeps it open while it lives and always tells the same one.
    let watched = unsafe { AsyncFd::register_with_interest(poll, Interest::READABLE) };
    Ok(watched?)
}

impl Ready {
    pub(super) fn new() -> Self {
        Self { events: vec![libc::epoll_event { events: 0, u64: 0 }; READY_MAX], len: 0 }
    }

    pub(super) fn key(&self, at: usize) -> u64 {
        self.events[at].u64
    }

    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_sockets_are_reported_by_key() {
        let poll = Poll::new().unwrap();
        let mut ready = Ready::new();
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        poll.add(&socket, u64::MAX - 1).unwrap();
        poll.wait(&mut ready).unwrap();
        assert!(ready.is_empty());
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        poll.wait(&mut ready).unwrap();
        assert_eq!((ready.len(), ready.key(0)), (1, u64::MAX - 1));
        drop(socket);
        poll.wait(&mut ready).unwrap();
        assert!(ready.is_empty());
    }
}
