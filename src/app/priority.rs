//! Work that gives way to answering.
#![cfg_attr(target_os = "linux", expect(unsafe_code, reason = "sched_setattr(2) is a C interface"))]

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

/// Gives the calling thread the lowest priority, and the longest slice of time that there is: whoever wakes up beside it has a shorter
/// one, and so need not wait until its slice is over (Linux 6.12 and later; before, a slice is of no account).
#[cfg(target_os = "linux")]
fn stand_back() {
    const SLICE_NANOS: u64 = 100_000_000;
    // SAFETY: a number alone.
    if unsafe { libc::sched_getscheduler(0) } == libc::SCHED_IDLE {
        // Whoever started the process wants all of it to stand back further than this.
        return;
    }
    let attributes = Attributes {
        size: size_of::<Attributes>() as u32,
        policy: libc::SCHED_OTHER as u32,
        flags: 0,
        nice: NICE,
        priority: 0,
        runtime: SLICE_NANOS,
        deadline: 0,
        period: 0,
    };
    // SAFETY: the kernel reads the attributes, which are as long as they say. All that can come of it is that the priority stays.
    let set = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if set != 0 {
        // Not every sandbox lets it through. The priority that a "process" is given is that of one thread, here the calling one.
        // SAFETY: numbers alone.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    }
}

/// `struct sched_attr` as it was at first.
#[cfg(target_os = "linux")]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
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
