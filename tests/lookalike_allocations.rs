//! A name that matches nothing costs no allocation.
#![cfg(target_os = "linux")]

mod counting;

use squint::{
    lookalike::{Config, Engine},
    name::Host,
};

#[test]
fn a_name_that_matches_nothing_allocates_nothing() {
    let engine = Engine::new(&Config::default());
    let mut out = Vec::with_capacity(8);
    // The first names of a thread set aside the room that all later ones are read in.
    engine.judge(&Host::new("www.example.com.lan"), &mut out);
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
        let mut score = 0;
        let judge = || score = engine.judge(&host, &mut out);
        let allocations = counting::allocations_of(counting::this_thread(), judge);
        assert_eq!((score, allocations), (0, 0), "{name}: {out:?}");
    }
}
