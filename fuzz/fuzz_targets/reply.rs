//! Any octets as an upstream's reply.
#![no_main]

#[path = "../../tests/hammer/reply.rs"]
mod reply;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| reply::check(octets));
