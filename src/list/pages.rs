//! Memory for a table, straight from the kernel: in huge pages where it has them, and given back whole when dropped.
//!
//! An allocator keeps large blocks for the next one of their size, so that after a few reloads a process holds several
//! times its lists. Huge pages spare a look-up the walk through page tables, which costs as much as the fetch itself.

#[cfg(not(unix))]
pub(super) use boxed::Pages;
#[cfg(unix)]
pub(super) use mapped::Pages;

#[cfg(unix)]
mod mapped {
    #![expect(unsafe_code, reason = "maps memory, and unmaps it")]

    use std::{io, ops, ptr, ptr::NonNull, slice};

    /// The size of a huge page on x86-64, and on aarch64 with pages of 4 kB.
    const HUGE: usize = 2 << 20;

    /// Words that start out as zero; what was never written takes no memory.
    pub(in crate::list) struct Pages {
        /// The whole mapping.
        base: NonNull<u8>,
        octets: usize,
        /// The words within it.
        words: NonNull<u64>,
        len: usize,
    }

    // SAFETY: the mapping belongs to this value alone, as the memory of a `Box<[u64]>` would.
    unsafe impl Send for Pages {}
    // SAFETY: shared access gives out `&[u64]` only.
    unsafe impl Sync for Pages {}

    impl Pages {
        /// Room for `len` words at an address that 4096 divides.
        ///
        /// # Panics
        /// When the system has no memory left, like any allocation.
        pub(in crate::list) fn new(len: usize) -> Self {
            let wanted =
                len.checked_mul(size_of::<u64>()).filter(|&it| it <= isize::MAX as usize - HUGE);
            let wanted = wanted.expect("callers ask for less than the address space");
            // Huge pages start at multiples of their size: a large mapping is made longer and its words start at one.
            let slack = if wanted >= HUGE { HUGE } else { 0 };
            let octets = (wanted + slack).max(1);
            let (access, kind) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
            // SAFETY: a new private mapping, wherever the kernel likes; it touches nothing that exists.
            let base = unsafe { libc::mmap(ptr::null_mut(), octets, access, kind, -1, 0) };
            if base == libc::MAP_FAILED {
                panic!("no memory for {octets} octets: {}", io::Error::last_os_error());
            }
            let base = NonNull::new(base.cast::<u8>()).expect("the kernel never maps address zero");
            let offset = if slack == 0 { 0 } else { base.as_ptr().align_offset(HUGE) };
            // SAFETY: an offset below `HUGE`, which is `slack`, leaves `wanted` octets behind it.
            let words = unsafe { base.add(offset) };
            wish_for_huge_pages(words, wanted);
            Self { base, octets, words: words.cast(), len }
        }
    }

    #[cfg(target_os = "linux")]
    fn wish_for_huge_pages(start: NonNull<u8>, octets: usize) {
        // SAFETY: the range lies within a mapping of ours, and this advice changes no content. A kernel without huge pages
        // refuses it, and then pages are of the usual size.
        unsafe {
            libc::madvise(start.as_ptr().cast(), octets, libc::MADV_HUGEPAGE);
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn wish_for_huge_pages(_start: NonNull<u8>, _octets: usize) {}

    impl ops::Deref for Pages {
        type Target = [u64];

        #[inline]
        fn deref(&self) -> &[u64] {
            // SAFETY: `len` words lie there, aligned to a page, as zero or as written since. They live as long as the mapping,
            // which the result borrows.
            unsafe { slice::from_raw_parts(self.words.as_ptr(), self.len) }
        }
    }

    impl ops::DerefMut for Pages {
        #[inline]
        fn deref_mut(&mut self) -> &mut [u64] {
            // SAFETY: as in `deref`, and `&mut self` makes it the only access.
            unsafe { slice::from_raw_parts_mut(self.words.as_ptr(), self.len) }
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: the whole mapping made in `new`, of which nothing is borrowed any more.
            unsafe {
                libc::munmap(self.base.as_ptr().cast(), self.octets);
            }
        }
    }
}

#[cfg(not(unix))]
mod boxed {
    use std::ops;

    /// Words that start out as zero.
    pub(in crate::list) struct Pages(Box<[u64]>);

    impl Pages {
        /// Room for `len` words.
        pub(in crate::list) fn new(len: usize) -> Self {
            Self(vec![0; len].into_boxed_slice())
        }
    }

    impl ops::Deref for Pages {
        type Target = [u64];

        #[inline]
        fn deref(&self) -> &[u64] {
            &self.0
        }
    }

    impl ops::DerefMut for Pages {
        #[inline]
        fn deref_mut(&mut self) -> &mut [u64] {
            &mut self.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_start_as_zero_and_keep_what_is_written() {
        for len in [0, 1, 1000, 262_143, 262_144, 1_000_000] {
            let mut pages = Pages::new(len);
            assert_eq!(pages.len(), len);
            assert!(pages.iter().all(|&it| it == 0));
            for (at, word) in pages.iter_mut().enumerate() {
                *word = at as u64;
            }
            assert!(pages.iter().enumerate().all(|(at, &it)| it == at as u64));
        }
    }
}
