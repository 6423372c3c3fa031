//! Work that gives way to answering.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "setpriority(2) is a C interface"))]

use std::{io, thread};
use tokio::{runtime::Handle, sync::oneshot};

/// How far the work stands back: as far as there is.
#[cfg(target_os = "linux")]
const NICE: libc::c_int = 19;

/// Runs `work` on a thread of its own, on which the processor spends time that nobody else wants. Within the runtime of the caller.
///
/// # Errors
/// When there is no thread to be had; then `work` is lost.
pub(super) async fn at_leisure<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (told, done) = oneshot::channel();
    let runtime = Handle::current();
    thread::Builder::new().name("reload".to_owned()).spawn(move || {
        let _entered = runtime.enter();
        stand_back();
        // Nobody listens only where the caller has gone.
        _ = told.send(work());
    })?;
    done.await.map_err(|_| io::Error::other("the work panicked"))
}

/// On Linux, the priority that a "process" is given is that of one thread, here the calling one.
#[cfg(target_os = "linux")]
fn stand_back() {
    // SAFETY: numbers alone, and all that can come of it is that the priority stays.
    unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

#[cfg(not(target_os = "linux"))]
fn stand_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[cfg(target_os = "linux")]
    async fn work_stands_back_alone() {
        let nice = || {
            // SAFETY: as above.
            unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
        };
        let own = nice();
        assert_eq!(at_leisure(nice).await.unwrap(), NICE);
        assert_eq!(nice(), own);
    }

    #[tokio::test]
    async fn a_panic_is_told() {
        let panicked = at_leisure(|| panic!("expected in this test")).await;
        assert!(panicked.is_err());
    }
}
