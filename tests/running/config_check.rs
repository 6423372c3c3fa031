//! `squint config check`: errors that show the place, and settings that differ from the default.

use crate::support::{Data, Finished, squint};

fn check_text(text: &str) -> (Data, Finished) {
    let data = Data::new();
    data.write_config(text);
    let done = squint(&["config", "check", data.config().to_str().unwrap()], "");
    (data, done)
}

#[test]
fn errors_show_their_place() {
    let check = |text: &str, place: &str, words: &[&str]| {
        let (data, done) = check_text(text);
        assert_eq!(done.code, Some(2), "{text}: {done:?}");
        let told = done.stderr;
        assert!(told.contains(data.config().to_str().unwrap()), "{text}\n{told}");
        assert!(told.contains(place), "{text}: `{place}` is missing\n{told}");
        assert!(told.contains('^'), "{text}: nothing is underlined\n{told}");
        for word in words {
            assert!(told.contains(word), "{text}: `{word}` is missing\n{told}");
        }
    };
    check("[server]\nlistn = []\n", "config.toml:2:1", &["listn", "listen"]);
    check("[servr]\n", "config.toml:1:", &["servr"]);
    check("[server]\nlisten = [\"127.0.0.1\"]\n", "config.toml:2:", &["127.0.0.1", "hint"]);
    check("[server]\nworkers = \"two\"\n", "config.toml:2:11", &["workers"]);
    check(
        "[upstream]\nservers = [\"gopher://192.0.2.1\"]\n",
        "config.toml:2:",
        &["gopher", "hint"],
    );
    check("[lookalike]\nmode = \"on\"\n", "config.toml:2:8", &["on", "monitor", "enforce"]);
    check("[sinkhole]\nttl_secs = -1\n", "config.toml:2:12", &["ttl_secs"]);
    check("[sinkhole]\nipv4 = \"2001:db8::1\"\n", "config.toml:2:8", &["2001:db8::1"]);
    check("[[list]]\nname = \"a\"\n", "config.toml:1:", &["path"]);
    check("[server\n", "config.toml:1:", &[]);
}

#[test]
fn lines_that_name_no_site_are_shown() {
    let data = Data::new();
    data.write("good.txt", "partner.example\n\nwww.partner.example\n");
    data.write_config("[lookalike]\nknown_good_files = [\"good.txt\"]\n");
    let config = data.config().display().to_string();
    let done = squint(&["config", "check", &config], "");
    assert_eq!(done.code, Some(0), "{done:?}");
    for expected in ["warning", "good.txt:3:1: lookalike.known_good_files", "`partner.example`"] {
        assert!(done.stdout.contains(expected), "`{expected}` is missing\n{}", done.stdout);
    }
    data.write_config("[lookalike]\nknown_good_files = [\"good.txt\", \"missing.txt\"]\n");
    let done = squint(&["config", "check", &config], "");
    assert_eq!(done.code, Some(2), "{done:?}");
    for expected in ["config.toml:2:33", "missing.txt", "cannot be read"] {
        assert!(done.stderr.contains(expected), "`{expected}` is missing\n{}", done.stderr);
    }
}

#[test]
fn only_differences_are_shown() {
    let (_, done) = check_text("[sinkhole]\nttl_secs = 77\n[lookalike]\nmode = \"monitor\"\n");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("ttl_secs = 77"), "{}", done.stdout);
    assert!(!done.stdout.contains("mode ="), "{}", done.stdout);
}

#[test]
fn the_documented_default_is_the_default() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/config.toml");
    let done = squint(&["config", "check", file], "");
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(!done.stdout.contains(" = "), "{}", done.stdout);
}

#[test]
fn a_pattern_that_anybody_may_register_is_warned_of() {
    let pattern = "ourcompany-*.azurewebsites.net";
    let (_, done) = check_text(&format!("[platform]\nallow = [\"{pattern}\"]\n"));
    assert_eq!(done.code, Some(0), "{done:?}");
    let told = done.stdout + &done.stderr;
    assert!(told.contains("warning") && told.contains(pattern), "{told}");
}

#[test]
fn a_domain_that_resembles_many_sites_in_wide_use_is_warned_of() {
    let check = |domain: &str, is_warned: bool| {
        // A slip away from four letters stand many sites.
        let text = format!("[protect]\ndomains = [\"{domain}\"]\ntypos = [\"{domain}\"]\n");
        let (data, done) = check_text(&text);
        assert_eq!(done.code, Some(0), "{done:?}");
        let config = data.config().display().to_string();
        let tried = squint(&["protect", "try", "--config", &config, domain], "");
        let count = tried.stdout.split(" would flag ").nth(1).unwrap_or_default();
        let count: usize = count.split(' ').next().unwrap_or_default().parse().unwrap();
        assert_eq!(count > 20, is_warned, "{tried:?}");
        let place = "config.toml:2:12: protect.domains: ";
        let told = format!("protecting `{domain}` would flag sites in wide use, {count} of them: ");
        let hint = format!("hint: `squint protect try {domain}` shows them");
        for expected in ["warning: ", place, &told, &hint] {
            assert_eq!(done.stdout.contains(expected), is_warned, "{expected}\n{}", done.stdout);
        }
    };
    check("bank.com", true);
    check("nova.com", false);
}

#[test]
fn a_missing_file_is_named() {
    let done = squint(&["config", "check", "/nonexistent/config.toml"], "");
    assert_eq!(done.code, Some(2), "{done:?}");
    assert!(done.stderr.contains("/nonexistent/config.toml"), "{}", done.stderr);
}
