//! Any octets as a client's packet.
#![no_main]

#[path = "../../tests/hammer/query.rs"]
mod query;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| query::check(octets));
