//! DNS over HTTPS, asked by real clients.

use crate::support::{Encrypted, Finished, Message, NAME, query, run};
use std::{fs, process::Command};

/// `curl` that trusts the authority alone; headers and status on standard output, the body in `body`.
fn curl(served: &Encrypted, args: &[&str]) -> Finished {
    let folder = served.squint.data.path();
    let resolve = format!("{NAME}:{}:127.0.0.1", served.https.port());
    let mut curl = Command::new("curl");
    curl.current_dir(folder).args(["-sS", "-m", "10", "--cacert", "ca.pem", "--resolve", &resolve]);
    let done = run(curl.args(["-D", "-", "-o", "body"]).args(args), "");
    assert_eq!(done.code, Some(0), "{args:?}: {done:?}");
    done
}

fn url(served: &Encrypted, rest: &str) -> String {
    format!("https://{NAME}:{}{rest}", served.https.port())
}

fn body(served: &Encrypted) -> Vec<u8> {
    fs::read(served.squint.data.path().join("body")).unwrap()
}

/// `www.example A` with ID 0, in base64url.
const GET: &str = "/dns-query?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlAAABAAE";

#[test]
fn dns_over_https_says_the_same() {
    let served = Encrypted::start();
    for way in ["+https", "+https-get"] {
        let told = served.https("www.example", "A").with(&[way]).ask();
        assert!(told.contains("HTTP session (HTTP/2") && told.contains("200"), "{told}");
        assert!(told.contains("192.0.2.10") && told.contains("192.0.2.11"), "{told}");
    }
    let told = served.https("large.example", "TXT").ask();
    assert!(told.contains("ANSWER: 40"), "{told}");
    let told = served.https("www.example", "A").with(&["+padding"]).ask();
    assert!(told.contains("Received 468 B"), "{told}");
    let (_, events) = served.squint.stop();
    assert!(events.iter().all(|it| it["transport"] == "doh"), "{events:?}");
    assert_eq!(events.len(), 4);
}

#[test]
fn both_versions_of_http_are_spoken() {
    let served = Encrypted::start();
    fs::write(served.squint.data.path().join("query"), query(0, "www.example", 1)).unwrap();
    let message = "content-type: application/dns-message";
    for (version, status) in [("--http2", "HTTP/2 200"), ("--http1.1", "HTTP/1.1 200")] {
        let post = ["-H", message, "--data-binary", "@query", &url(&served, "/dns-query")];
        let get = [&*url(&served, GET)];
        for args in [&post[..], &get[..]] {
            let told = curl(&served, &[&[version], args].concat()).stdout.to_lowercase();
            assert!(told.contains(&status.to_lowercase()), "{told}");
            assert!(told.contains(message), "{told}");
            assert!(
                told.contains("cache-control: max-age=300")
                    || told.contains("cache-control: max-age=29"),
                "{told}"
            );
            let body = body(&served);
            assert_eq!((Message(&body).rcode(), Message(&body).answers()), (0, 2));
        }
    }
}

#[test]
fn http3_is_offered_where_it_is_spoken() {
    let served = Encrypted::start();
    for version in ["--http2", "--http1.1"] {
        let told = curl(&served, &[version, &url(&served, GET)]).stdout;
        let offer = format!("alt-svc: h3=\":{}\"; ma=86400", served.h3.port());
        assert!(told.contains(&offer), "{told}");
    }
}

#[test]
fn what_carries_no_query_is_told_why() {
    let served = Encrypted::start();
    fs::write(served.squint.data.path().join("query"), query(0, "www.example", 1)).unwrap();
    fs::write(served.squint.data.path().join("long"), vec![0; 70_000]).unwrap();
    fs::write(served.squint.data.path().join("longer"), vec![0; 900_000]).unwrap();
    let message = "content-type: application/dns-message";
    let check = |args: &[&str], rest: &str, expected: u16| {
        for version in ["--http2", "--http1.1"] {
            let told = curl(&served, &[&[version, &*url(&served, rest)], args].concat()).stdout;
            let status = told.lines().rfind(|it| it.starts_with("HTTP/")).unwrap();
            assert!(status.contains(&format!(" {expected}")), "{args:?} {rest}: {told}");
            if expected == 405 {
                assert!(told.to_lowercase().contains("allow: get, post"), "{told}");
            }
        }
    };
    check(&[], "/", 404);
    check(&[], "/dns-query", 400);
    check(&[], "/dns-query?dns=", 400);
    check(&[], "/dns-query?dns=AAA=", 400);
    check(&["-X", "PUT"], "/dns-query", 405);
    check(&["--head"], GET, 405);
    check(&["--data-binary", "@query"], "/dns-query", 415);
    check(
        &["-H", "content-type: application/dns-json", "--data-binary", "@query"],
        "/dns-query",
        415,
    );
    check(&["-H", message, "--data-binary", "@long"], "/dns-query", 413);
    // Clients that do not listen before they have said all: each is told all the same.
    for _ in 0..5 {
        check(&["-H", message, "-H", "expect:", "--data-binary", "@longer"], "/dns-query", 413);
        check(
            &["-H", "transfer-encoding: chunked", "-H", message, "--data-binary", "@longer"],
            "/dns-query",
            413,
        );
    }
    check(&["-H", message, "--data-binary", "short"], "/dns-query", 400);
    // A query of another class of opcode is DNS, so DNS answers it.
    let notify = "/dns-query?dns=AAAgAAABAAAAAAAAAAABAAE";
    check(&[], notify, 200);
    assert_eq!(Message(&body(&served)).rcode(), 4);
}

#[test]
fn curl_finds_its_way_by_it() {
    let served = Encrypted::start();
    let doh = format!("https://127.0.0.1:{}/dns-query", served.https.port());
    let there = format!("https://ns.example:{}/", served.https.port());
    let told = curl(&served, &["--doh-url", &doh, &there]).stdout;
    assert!(told.contains("404"), "{told}");
    assert_eq!(body(&served), b"DNS is at /dns-query\n");
}
