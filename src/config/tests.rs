//! Files read and refused, and the documented default.

use std::path::PathBuf;

use proptest::prelude::*;
use toml::Value;

use super::*;
use crate::{
    list::Kind,
    name::Class,
    verdict::{Action, Mode},
};

const DOCUMENTED: &str = include_str!("../../config.toml");

fn read(text: &str) -> Result<Config, ConfigErrors> {
    parse(text, Path::new("dir/config.toml"))
}

/// What is told of a wrong file.
fn told(text: &str) -> String {
    read(text).expect_err("the file is wrong").to_string()
}

#[test]
fn the_documented_file_is_the_default() {
    assert_eq!(read(DOCUMENTED).unwrap(), Config::default());
}

#[test]
fn the_documented_file_has_every_key() {
    // Examples are commented out without a blank behind `#`, prose has one.
    let examples: String = DOCUMENTED
        .lines()
        .filter_map(|it| it.strip_prefix('#').filter(|it| !it.is_empty() && !it.starts_with(' ')))
        .flat_map(|it| [it, "\n"])
        .collect();
    let config = read(&examples).unwrap();
    assert_eq!((config.lists.len(), config.rules.len(), config.routes.len()), (1, 1, 1));
    for (section, value) in differences::table(&config) {
        let (head, keys) = match value {
            Value::Table(keys) => (format!("\n[{section}]\n"), keys),
            Value::Array(tables) => {
                (format!("\n#[[{section}]]\n"), tables[0].as_table().unwrap().clone())
            }
            other => panic!("{section}: {other}"),
        };
        let (_, body) = DOCUMENTED.split_once(&head).unwrap_or_else(|| panic!("{head} is missing"));
        let body = body.split("\n[").next().unwrap();
        for key in keys.keys() {
            let line = |it: &str| it.trim_start_matches('#').starts_with(&format!("{key} = "));
            assert!(body.lines().any(line), "{section}.{key} is not documented");
        }
    }
}

#[test]
fn a_part_of_a_file_is_a_file() {
    assert_eq!(read("").unwrap(), Config::default());
    let config = read(
        "platform.mode = 'enforce'\nplatform.link-in-bio = 'nodata'\n[lookalike]\nlog = 80\n[[list]]\nname = 'ads'\npath = 'ads.txt'\n[[list]]\nname = 'own'\npath = '/etc/own'\nkind = 'allow'\nmode = 'monitor'\n[[rule]]\nname = 'Bücher.Example.'\naction = 'drop'\n",
    )
    .unwrap();
    assert_eq!(config.platform.mode, Mode::Enforce);
    assert_eq!(config.platform.action(Class::LinkInBio), Action::Nodata);
    assert_eq!(config.platform.action(Class::Paas), Action::Log);
    assert_eq!((config.lookalike.log, config.lookalike.block), (80, 80));
    let paths: Vec<_> = config.lists.iter().map(|it| it.path.clone()).collect();
    assert_eq!(paths, [PathBuf::from("dir/ads.txt"), PathBuf::from("/etc/own")]);
    assert_eq!((config.lists[0].kind, config.lists[1].kind), (Kind::Block, Kind::Allow));
    assert_eq!(&*config.rules[0].name, "xn--bcher-kva.example");
    assert!(config.warnings.is_empty());
}

#[test]
fn problems_are_shown_with_their_place() {
    assert_eq!(
        told(
            "[server]\nworkers = 2\n\n[[list]]\nname = \"ads\"\npath = \"x\"\n\n\n\n\n\naction = \"blok\" # why\n"
        ),
        r#"error: dir/config.toml:12:10: list.action: unknown action `blok`
   |
12 | action = "blok" # why
   |          ^^^^^^
hint: one of pass, log, sinkhole, nxdomain, nodata, refused, drop"#
    );
    let told = told("\t\"ü\" = 'x\u{1b}[1m\u{202e}'\n");
    let (_, shown) = told.split_once('\n').unwrap();
    assert_eq!(shown, "  |\n1 |  \"ü\" = 'x [1m '\n  |          ^");
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let got = told(text);
    for part in expected {
        assert!(got.contains(part), "{text:?} tells\n{got}\nwithout {part:?}");
    }
}

#[test]
fn mistakes_in_keys_and_values_are_told_with_place_and_hint() {
    check(
        "[server]\nlissten = []",
        &[":2:1: server: unknown key `lissten`", "hint: did you mean `listen`?"],
    );
    check(
        "listen = []",
        &[":1:1: unknown key `listen`", "hint: `listen` belongs under `[server]`"],
    );
    check("[servers]", &[":1:2: unknown key `servers`", "did you mean `server`?"]);
    check("[lists]", &["did you mean `list`?"]);
    check("[list]\nname = 'a'", &["list: expected an array, found a table", "`[[list]]`"]);
    check("server = 3", &[":1:10: server: expected a table, found integer `3`"]);
    check(
        "[server]\nworkers = 'all'",
        &["server.workers: expected a whole number, found string \"all\""],
    );
    check("[cache]\nsize_mb = 0", &[":2:11: cache.size_mb: 0 is out of", "from 1 to 65536"]);
    check(
        "[cache]\nttl_min_secs = 60\nttl_max_secs = 30",
        &[":3:16: cache.ttl_max_secs: `ttl_min_secs` is 60 and above `ttl_max_secs`, which is 30"],
    );
    check("[server]\nworkers = 300", &["300 is out of bounds", "a whole number from 0 to 256"]);
    check("[server]\nlisten = []", &[":2:10: server.listen: there is no address to listen on"]);
    check(
        "[server]\nlisten = [\n  '127.0.0.1'\n]",
        &[":3:3: server.listen: `127.0.0.1` has no port", "write `127.0.0.1:53`"],
    );
    check("[server]\nlisten = ['::1']", &["write `[::1]:53`"]);
    check("[server]\nlisten = ['localhost:53']", &["no address with a port"]);
    check(
        "[server]\nlisten = ['[::1]:53', '[::1]:53']",
        &[":2:23: server.listen: `[::1]:53` stands on line 2 already"],
    );
    check("[server]\nlisten = '127.0.0.1:53'", &["expected an array of strings, found string"]);
    check("[protect]\nbrands = 'no'", &["expected `true` or `false`, found string \"no\""]);
    check(
        "[protect]\ndomains = ['ok.example', '*.example.com']",
        &[":2:26: protect.domains:", "leave out `*.`"],
    );
    check("[protect]\ndomains = ['com']", &[":2:12: protect.domains: `com` is a public suffix"]);
    check(
        "[protect]\ndomains = ['nova.example']\ntypos = ['nova.example', 'novva.example']",
        &[":3:26: protect.typos: `novva.example` is none of your `domains`", "add it to"],
    );
    check(
        "[lookalike]\nsearch_domains = ['corp.example', 'not a name']",
        &[":2:35: lookalike.search_domains: `not a name` has a character", "^^^^^^^^^^^^"],
    );
    check("[lookalike]\nsearch_domains = ['*.corp.example']", &[":2:19:", "leave out `*.`"]);
    check(
        "[lookalike]\nsearch_domains = ['lan', 'co.uk']",
        &[":2:26: lookalike.search_domains: `co.uk` is a public suffix", "hint: name the domain"],
    );
    check(
        "[lookalike]\nsearch_domains = ['Corp.example.', 'corp.example']",
        &[":2:36: lookalike.search_domains: `corp.example` stands on line 2 already"],
    );
    check("[lookalike]\nblock = 101", &[":2:9:", "a whole number from 0 to 100"]);
    check(
        "[lookalike]\nlog = 90",
        &[":2:7: lookalike.log: `log` is 90 and above `block`, which is 80"],
    );
    check("[lookalike]\nlog = 60\nblock = 40", &[":3:9: lookalike.block: `log` is 60"]);
    check(
        "[upstream]\nstrategy = 'fast'",
        &["unknown strategy `fast`", "one of fastest, parallel, ordered, balance"],
    );
    check("[lookalike]\nmode = 'on'", &["unknown mode `on`", "one of off, monitor, enforce"]);
    check("[lookalike]\nknown-good = true", &["did you mean `known_good`?"]);
    check("[platform]\nipfs_gateway = 'log'", &["did you mean `ipfs-gateway`?"]);
}

#[test]
fn values_of_other_parts_are_told_with_place_and_hint() {
    check("[server]\nallow = ['192.0.2.1/24']", &[":2:10: server.allow: ", "192.0.2.0/24"]);
    check(
        "[server]\nallow = ['192.0.2.0/24', 'lan']",
        &[":2:26: server.allow: `lan` is no address"],
    );
    check(
        "[upstream]\nservers = ['tcp://192.0.2.1', 'gopher://192.0.2.1']",
        &[":2:31: upstream.servers: unknown scheme `gopher://`\n", "\nhint: known are `udp://`"],
    );
    check(
        "[upstream]\nservers = ['192.0.2.1', 'udp://192.0.2.1:53']",
        &["`udp://192.0.2.1:53` stands on line 2 already"],
    );
    check(
        "[platform]\nallow = ['a.netlify.app', 'com', 'ipfs:x']",
        &[
            ":2:27: platform.allow: `com`: everybody registers",
            ":2:34: platform.allow: `ipfs:x`: no CIDv1",
        ],
    );
    check(
        "[upstream]\nprivate_reverse = ['192.0.2.1', '192.0.2.1']",
        &[":2:33: upstream.private_reverse: `udp://192.0.2.1:53` stands on line 2 already"],
    );
    let many: Vec<String> = (0..17).map(|it| format!("'192.0.2.{it}'")).collect();
    check(&format!("[upstream]\nservers = [{}]", many.join(",")), &["17 servers are too many"]);
}

#[test]
fn mistakes_in_lists_and_rules_are_told_with_place_and_hint() {
    check("[[list]]\nname = 'a'", &[":1:1: list: the key `path` is missing", "every list has"]);
    check("[[list]]\nname = 'a b'\npath = 'x'", &["list.name: `a b` cannot name a list"]);
    check(
        "[[list]]\nname = 'a'\npath = 'x'\nkind = 'deny'",
        &["unknown kind `deny`", "one of block, allow"],
    );
    check(
        "[[list]]\nname = 'a'\npath = 'x'\n[[list]]\nname = 'a'\npath = 'y'",
        &[":5:8: list.name: `a` stands on line 2 already"],
    );
    check("[[rule]]\nname = 'a.example'", &["rule: the key `action` is missing"]);
    check("[[rule]]\nname = 'a b'\naction = 'pass'", &[":2:8: rule.name: `a b` has a character"]);
    check(
        "[[rule]]\nname = 'a.example'\naction = 'pass'\n[[rule]]\nname = 'A.example'\naction = 'drop'",
        &["`a.example` stands on line 2"],
    );
    check("[sinkhole]\nipv4 = '::'", &["`::` is no IPv4 address"]);
    check("[sinkhole]\nttl_secs = -1", &["a whole number from 0 to 86400"]);
    check("[history]\nage_days_max = 0", &["a whole number from 1 to 36500"]);
    check("[server\n", &[":1:8: unclosed table, expected `]`"]);
    check("x = 1\nx = 2", &[":2:1: duplicate key"]);
}

#[test]
fn mistakes_in_routes_are_told_with_place_and_hint() {
    check(
        "[[route]]\nsuffix = 'a.example'",
        &["route: the key `servers` is missing", "every route"],
    );
    check("[route]\nsuffix = 'a'", &["route: expected an array, found a table", "`[[route]]`"]);
    check(
        "[[route]]\nsuffix = '.'\nservers = ['192.0.2.1']",
        &[":2:10: route.suffix: the root is no domain"],
    );
    check(
        "[[route]]\nsuffix = 'a.example'\nservers = []",
        &[":3:11: route.servers: there is no server to ask about `a.example`"],
    );
    check(
        "[[route]]\nsuffix = 'a.example'\nservers = ['192.0.2.1', 'udp://192.0.2.1']",
        &[":3:25: route.servers: `udp://192.0.2.1:53` stands on line 3 already"],
    );
    check(
        "[[route]]\nsuffix = 'a.example'\nservers = ['x://192.0.2.1']",
        &[":3:12: route.servers: unknown scheme `x://`"],
    );
    check(
        "[[route]]\nsuffix = 'A.example.'\nservers = ['192.0.2.1']\n[[route]]\nsuffix = 'a.example'\nservers = ['192.0.2.2']",
        &[":5:10: route.suffix: `a.example` stands on line 2 already"],
    );
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_file() {
    let text = "[lookalike]\nlog = 90\nmode = 'on'\n[[list]]\nname = 'a'\n[[list]]\nname = 'b'\npath = 'b'\nkind = 'x'\n[[rule]]\nname = '*.a'\naction = 'drop'\n[extra]\n";
    let errors = read(text).unwrap_err().problems;
    let lines: Vec<_> = errors.iter().map(|it| it.place.as_ref().unwrap().line).collect();
    assert_eq!(lines, [2, 3, 4, 9, 11, 13]);
}

#[test]
fn what_is_probably_not_meant_is_warned_about() {
    let check = |text: &str, expected: &str| {
        let config = read(text).unwrap();
        let [warning] = &config.warnings[..] else { panic!("{:?}", config.warnings) };
        let text = warning.to_string();
        assert!(text.starts_with(&format!("warning: dir/config.toml:{expected}")), "{text}");
    };
    check(
        "[[list]]\nname = 'own'\npath = 'own'\nkind = 'allow'\naction = 'pass'",
        "5:10: list.action: ",
    );
    check("[server]\nallow = ['::/0']", "2:10: server.allow: `::/0` serves everybody");
    check(
        "[server]\nproxy_protocol = ['0.0.0.0/0']",
        "2:19: server.proxy_protocol: `0.0.0.0/0` lets everybody",
    );
    check(
        "[lookalike]\nsearch_domains = ['our.netlify.app', 'netlify.app']",
        "2:38: lookalike.search_domains: `netlify.app` is a platform",
    );
    check(
        "[platform]\nallow = ['our-*.azurewebsites.net']",
        "2:10: platform.allow: anybody may register",
    );
}

#[test]
fn protected_domains_that_resemble_many_sites_are_warned_about() {
    let text = "[protect]\ndomains = ['squint-dns.net', 'wlkipedia.org']\n";
    let warned = |sites_max| {
        let (_, problems) = understand(text, Path::new("config.toml"), |config, document| {
            meaning::wide_domains(config, document, sites_max)
        });
        problems.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let [only] = &warned(0)[..] else { panic!("{:?}", warned(0)) };
    assert!(only.starts_with("warning: config.toml:2:30: protect.domains: "), "{only}");
    assert!(only.contains("wikipedia.") && only.contains("squint protect try"), "{only}");
    assert_eq!(warned(FLAGGED_MAX), [""; 0]);
}

#[test]
fn lists_must_be_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let list = |name: &str| format!("[[list]]\nname = \"{name}\"\npath = \"{name}\"\n");
    fs::write(dir.path().join("ads"), "ads.example\n").unwrap();
    fs::write(&path, list("ads")).unwrap();
    assert_eq!(load(&path).unwrap().lists[0].path, dir.path().join("ads"));

    fs::create_dir(dir.path().join("folder")).unwrap();
    fs::write(&path, list("gone") + &list("ads") + &list("folder")).unwrap();
    let told = load(&path).unwrap_err().to_string();
    assert!(told.contains(":3:8: list.path: ") && told.contains("cannot be read"), "{told}");
    assert!(told.contains(":9:8: list.path: ") && told.contains("is a folder"), "{told}");
    assert!(!told.contains("ads` "), "{told}");
}

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.toml");
    let gone = load(&path).unwrap_err().to_string();
    assert!(
        gone.starts_with("error: ") && gone.contains("config.toml: cannot be read: "),
        "{gone}"
    );
    fs::write(&path, b"[server]\n# \xff\n").unwrap();
    let told = load(&path).unwrap_err().to_string();
    assert!(told.ends_with("line 2 is not UTF-8 text"), "{told}");
}

#[test]
fn differences_are_lines_of_a_file() {
    assert_eq!(differences(&Config::default()), [""; 0]);
    let text = "[server]\nlisten = ['192.0.2.1:53']\nworkers = 0\n[lookalike]\nmode = 'enforce'\nlog = 50\n[[rule]]\nname = 'a.example'\naction = 'pass'";
    assert_eq!(
        differences(&read(text).unwrap()),
        [
            "lookalike.mode = \"enforce\"",
            "server.listen = [\"192.0.2.1:53\"]",
            "[[rule]]",
            "action = \"pass\"",
            "name = \"a.example\""
        ]
    );
}

/// Lines of files, sound ones and others.
fn line() -> impl Strategy<Value = String> {
    let head = "(\\[[a-z]{0,4}\\]|\\[(server|lookalike|platform|protect|seen|history)\\]|\\[\\[(list|rule)\\]\\])";
    let key =
        "(listen|workers|allow|domains|mode|log|block|name|path|kind|action|paas|[a-z._\"]{0,5})";
    let value = "([0-9]{1,3}|\"[a-zü.:*]{0,6}\"|\"(enforce|drop|allow|127\\.0\\.0\\.1:5[0-9])\"|true|\\[\"a\\.b\", \"c\\.[a-d]\"\\]|\\{ a = 1|\\PC{0,4})";
    prop_oneof![
        head.prop_map(|it| it),
        (key, value).prop_map(|(key, value)| format!("{key} = {value}"))
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_file_is_read_or_told_about(lines in proptest::collection::vec(line(), 0..12)) {
        let text = lines.join("\n");
        match read(&text) {
            Err(errors) => prop_assert!(!errors.to_string().is_empty()),
            Ok(mut config) => {
                config.warnings.clear();
                // Paths of lists have been resolved already.
                let again = parse(&differences(&config).join("\n"), Path::new("config.toml")).unwrap();
                prop_assert_eq!(Config { warnings: Vec::new(), ..again }, config);
            }
        }
    }
}
