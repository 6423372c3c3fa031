//! A name that matches nothing costs no allocation.
#![expect(unsafe_code, reason = "counting allocations takes an allocator, whose trait is unsafe")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use squint::{
    lookalike::{Config, Engine},
    name::Host,
};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged; counting touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
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

#[test]
fn a_name_that_matches_nothing_allocates_nothing() {
    let engine = Engine::new(&Config::default());
    let mut out = Vec::with_capacity(8);
    for name in [
        "www.example.com",
        "cdn-7.static.some-quiet-garden.example",
        "a1b2c3d4.cloudfront.net",
        "xn--bcher-kva.example",
        "_dmarc.some-quiet-garden.example",
        "printer.lan",
        "www.wikipedia.org",
        "very-long-label-with-many-words-in-it-and-no-brand-at-all.example.org",
    ] {
        let host = Host::new(name);
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        let score = engine.judge(&host, &mut out);
        let after = ALLOCATIONS.load(Ordering::Relaxed);
        assert_eq!((score, after - before), (0, 0), "{name}: {out:?}");
    }
}
