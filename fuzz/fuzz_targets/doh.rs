//! Any text as the path and query string of DNS over HTTPS.
#![no_main]

use http::Uri;
use squint::{
    dns::{Query, Way},
    server::message_of_uri,
};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(uri) = text.parse::<Uri>() else { return };
    match message_of_uri(&uri) {
        Ok(message) => {
            assert_eq!(uri.path(), "/dns-query");
            assert!((12..=4_096).contains(&message.len()) && message[2] & 0x80 == 0);
            // Whatever it says, it can be answered.
            if let Err(rejected) = Query::parse(&message) {
                let mut out = Vec::new();
                rejected.write(&message, Way::plain(512), &mut out);
                assert!(out.len() >= 12);
            }
        }
        Err(status) => assert!(status.is_client_error()),
    }
});
