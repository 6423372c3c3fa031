//! `squint`: a thin door to the library.

use std::process::ExitCode;

/// Tasks are allocated on boundaries of 128 octets, and the allocator of glibc before 2.38 seldom finds such a place among what
/// was freed: memory then grows with every query that is forwarded.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    squint::cli::run()
}
