//! Readiness of many sockets at once, by `poll` on a timer: for systems without epoll. The same job as `epoll.rs`, slower.

use super::lock;
use std::{
    io,
    net::UdpSocket,
    sync::{Arc, Mutex, Weak},
    time::Duration,
};
use tokio::{sync::Notify, time};

/// How many sockets one call of [`Poll::wait`] reports at most.
pub(super) const READY_MAX: usize = 256;

/// How often sockets are looked at while there are any.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// A set of sockets of which the kernel says which can be read.
#[derive(Debug, Default)]
pub(super) struct Poll {
    sockets: Mutex<Vec<(Weak<UdpSocket>, u64)>>,
    /// There is a first socket.
    filled: Notify,
}

/// The keys of the sockets found readable.
pub(super) struct Ready(Vec<u64>);

impl Poll {
    /// An empty set.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self::default())
    }

    /// Adds a socket; `key` comes back when it can be read. Closing the socket takes it out again.
    pub(super) fn add(&self, socket: &Arc<UdpSocket>, key: u64) -> io::Result<()> {
        lock(&self.sockets).push((Arc::downgrade(socket), key));
        self.filled.notify_one();
        Ok(())
    }

    /// Fills `ready` with the keys of sockets that can be read now, or have an error to tell; never waits.
    pub(super) fn wait(&self, ready: &mut Ready) -> io::Result<()> {
        ready.0.clear();
        let mut sockets = lock(&self.sockets);
        sockets.retain(|it| it.0.strong_count() > 0);
        let open: Vec<_> =
            sockets.iter().filter_map(|(socket, key)| Some((socket.upgrade()?, *key))).collect();
        drop(sockets);
        let told = readable(open.iter().map(|it| &*it.0))?;
        let keys = told.zip(&open).filter(|it| it.0).map(|it| it.1.1);
        ready.0.extend(keys.take(READY_MAX));
        Ok(())
    }
}

/// Says of each socket whether it can be read now, or has an error to tell.
#[cfg(unix)]
fn readable<'s>(
    sockets: impl Iterator<Item = &'s UdpSocket>,
) -> io::Result<impl Iterator<Item = bool>> {
    #![expect(unsafe_code, reason = "poll has no safe form in the standard library")]
    use std::os::fd::AsRawFd as _;
    let wanted =
        |it: &UdpSocket| libc::pollfd { fd: it.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let mut asked: Vec<libc::pollfd> = sockets.map(wanted).collect();
    // SAFETY: the descriptors are open while the sockets are lent, and the vector is as long as it says.
    let found = unsafe { libc::poll(asked.as_mut_ptr(), asked.len() as libc::nfds_t, 0) };
    if found < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(asked.into_iter().map(|it| it.revents != 0))
}

/// Says of each socket whether it can be read now, or has an error to tell.
#[cfg(windows)]
fn readable<'s>(
    sockets: impl Iterator<Item = &'s UdpSocket>,
) -> io::Result<impl Iterator<Item = bool>> {
    #![expect(unsafe_code, reason = "WSAPoll has no safe form in the standard library")]
    use std::os::windows::io::AsRawSocket as _;
    use windows_sys::Win32::Networking::WinSock::{POLLRDNORM, WSAPOLLFD, WSAPoll};
    let wanted = |it: &UdpSocket| WSAPOLLFD {
        fd: it.as_raw_socket() as usize,
        events: POLLRDNORM,
        revents: 0,
    };
    let mut asked: Vec<WSAPOLLFD> = sockets.map(wanted).collect();
    // WSAPoll takes an empty set for an error.
    if !asked.is_empty() {
        // SAFETY: the sockets are open while they are lent, and the vector is as long as it says.
        let found = unsafe { WSAPoll(asked.as_mut_ptr(), asked.len() as u32, 0) };
        if found < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(asked.into_iter().map(|it| it.revents != 0))
}

/// What the current tokio runtime waits on until a socket can be read.
pub(super) struct Watched(Arc<Poll>);

/// It is time to look.
pub(super) struct Look;

/// Lets the current tokio runtime wait until it is time to look at the sockets of `poll`.
pub(super) fn watch(poll: Arc<Poll>) -> io::Result<Watched> {
    Ok(Watched(poll))
}

impl Watched {
    /// Waits until it is time to look; for ever while there is no socket.
    pub(super) async fn readable(&self) -> io::Result<Look> {
        while lock(&self.0.sockets).is_empty() {
            self.0.filled.notified().await;
        }
        time::sleep(LOOK_EVERY).await;
        Ok(Look)
    }
}

impl Look {
    /// Says that all has been received.
    pub(super) fn clear_ready(&mut self) {}
}

impl Ready {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(READY_MAX))
    }

    pub(super) fn key(&self, at: usize) -> u64 {
        self.0[at]
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
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

    #[tokio::test]
    async fn a_socket_that_comes_later_is_looked_at() {
        let watched = watch(Arc::new(Poll::new().unwrap())).unwrap();
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").unwrap());
        socket.send_to(b"x", socket.local_addr().unwrap()).unwrap();
        let add = async { watched.0.add(&socket, 7).unwrap() };
        let (looked, ()) = tokio::join!(watched.readable(), add);
        looked.unwrap().clear_ready();
        let mut ready = Ready::new();
        watched.0.wait(&mut ready).unwrap();
        assert_eq!((ready.len(), ready.key(0)), (1, 7));
    }
}
