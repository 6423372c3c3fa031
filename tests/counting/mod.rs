//! An allocator that counts the allocations of one thread.
#![expect(unsafe_code, reason = "counting allocations takes an allocator, whose trait is unsafe")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicI32, AtomicUsize, Ordering},
};

struct Counting;

/// The thread whose allocations are counted; 0 for none.
static WATCHED: AtomicI32 = AtomicI32::new(0);
static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let watched = WATCHED.load(Ordering::Relaxed);
        if watched != 0 && watched == this_thread() {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        }
        // SAFETY: the caller's promises about the layout are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer comes from `alloc` above, and so from the system allocator, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The number of the thread that asks.
pub(crate) fn this_thread() -> i32 {
    // SAFETY: a call without arguments that cannot fail.
    unsafe { libc::gettid() }
}

/// How often a thread allocates while something is done.
pub(crate) fn allocations_of(thread: i32, done: impl FnOnce()) -> usize {
    ALLOCATIONS.store(0, Ordering::Relaxed);
    WATCHED.store(thread, Ordering::Relaxed);
    done();
    WATCHED.store(0, Ordering::Relaxed);
    ALLOCATIONS.load(Ordering::Relaxed)
}
