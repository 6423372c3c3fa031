//! What a configuration means as a whole: values that must agree with each other or with what is there.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    hash::Hash,
    net::SocketAddr,
    path::Path,
    slice,
};

use super::{
    Config, Problem, Upstream,
    document::{Document, Step},
    value::{Domain, shown},
};
use crate::{
    hunt::Trial,
    list::{Kind, LISTS_MAX},
    name,
    platform::{Allow, Platforms},
    upstream::{SET_MAX, Url},
};
use Step::{At, Key};

/// Longest name of a list, in characters.
const LIST_NAME_LEN_MAX: usize = 60;

/// Most routes.
const ROUTES_MAX: usize = 1_000;

/// Most addresses to listen on.
const LISTEN_MAX: usize = 256;

/// Makes paths, which are meant from the file's own folder, work from the working folder.
pub(super) fn take_paths_from(config: &mut Config, folder: &Path) {
    for list in &mut config.lists {
        list.path = folder.join(&list.path);
    }
    for path in &mut config.lookalike.known_good_files {
        *path = folder.join(&path);
    }
    let tls = &mut config.tls;
    let anchors = &mut config.dnssec.trust_anchors;
    for path in [&mut tls.certificate, &mut tls.key, &mut config.upstream.ca, anchors] {
        if !path.as_os_str().is_empty() {
            *path = folder.join(&path);
        }
    }
}

/// Everything that can be told without looking at other files.
pub(super) fn problems(config: &Config, document: &Document<'_>) -> Vec<Problem> {
    let mut told = Vec::new();
    listen(config, document, &mut told);
    tls(config, document, &mut told);
    clients(config, document, &mut told);
    proxies(config, document, &mut told);
    servers(config, document, &mut told);
    routes(config, document, &mut told);
    dnssec(config, document, &mut told);
    dns64(config, document, &mut told);
    lifetimes(config, document, &mut told);
    thresholds(config, document, &mut told);
    protect(config, document, &mut told);
    search_domains(config, document, &mut told);
    own_platforms(config, document, &mut told);
    lists(config, document, &mut told);
    let rules = config.rules.iter().map(|it| &it.name).enumerate();
    repeated(rules, |at| [Key("rule"), At(at), Key("name")].into(), document, &mut told);
    told
}

/// Files that cannot be opened.
pub(super) fn unreadable_files(config: &Config, document: &Document<'_>) -> Vec<Problem> {
    let opened = |path: &Path| match File::open(path).and_then(|it| it.metadata()) {
        Ok(it) if it.is_dir() => Some("is a folder".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("cannot be read: {error}")),
    };
    let mut told = Vec::new();
    let mut look = |path: &Path, key: &[Step<'_>]| {
        if let Some(why) = opened(path) {
            let message = format!("`{}` {why}", shown(&path.to_string_lossy()));
            let hint = "a relative path starts at the folder of this file";
            let hint = if path.exists() { "" } else { hint };
            told.push(document.error(key, message, hint));
        }
    };
    for (at, list) in config.lists.iter().enumerate() {
        look(&list.path, &[Key("list"), At(at), Key("path")]);
    }
    for (at, path) in config.lookalike.known_good_files.iter().enumerate() {
        look(path, &[Key("lookalike"), Key("known_good_files"), At(at)]);
    }
    for (section, key, path) in [
        ("tls", "certificate", &config.tls.certificate),
        ("tls", "key", &config.tls.key),
        ("upstream", "ca", &config.upstream.ca),
        ("dnssec", "trust_anchors", &config.dnssec.trust_anchors),
    ] {
        if !path.as_os_str().is_empty() {
            look(path, &[Key(section), Key(key)]);
        }
    }
    told
}

/// Protected domains that would flag more than `sites_max` sites in wide use.
pub(super) fn wide_domains(
    config: &Config,
    document: &Document<'_>,
    sites_max: usize,
) -> Vec<Problem> {
    let protect = &config.protect;
    if protect.domains.is_empty() {
        return Vec::new();
    }
    let trial = Trial::new(protect.own(), Vec::new(), config.lookalike.log);
    let mut flagged: HashMap<String, Vec<&str>> = HashMap::new();
    for (site, it) in trial.well_known() {
        flagged.entry(it.target).or_default().push(site);
    }
    let mut told = Vec::new();
    for (at, domain) in protect.domains.iter().enumerate() {
        let Some(sites) = flagged.get(&**domain).filter(|it| it.len() > sites_max) else {
            continue;
        };
        let shown = sites[..sites.len().min(3)].join(", ");
        let message = format!(
            "protecting `{domain}` would flag sites in wide use, {} of them: {shown}, …",
            sites.len()
        );
        let key = [Key("protect"), Key("domains"), At(at)];
        let hint = format!("`squint protect try {domain}` shows them");
        told.push(document.warning(&key, message, &hint));
    }
    told
}

fn listen(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let key = [Key("server"), Key("listen")];
    let count = encrypted(config).map(|it| it.1.len()).iter().sum::<usize>();
    match config.server.listen.len() + count {
        0 => told.push(document.error(
            &key,
            "there is no address to listen on".to_owned(),
            "leave the key out for the default",
        )),
        len if len > LISTEN_MAX => told.push(document.error(
            &key,
            format!("{len} addresses are too many; the limit is {LISTEN_MAX}"),
            "`0.0.0.0:53` and `[::]:53` listen on every address of the machine",
        )),
        _ => (),
    }
    // QUIC is over UDP, the other encrypted transports are over TCP, and what is in the clear is over both.
    let [tls, https, quic, h3] = encrypted(config);
    let plain = ("listen", &config.server.listen);
    repeated_addresses(&[plain, tls, https], document, told);
    if !config.server.listen.iter().any(|it| quic.1.contains(it) || h3.1.contains(it)) {
        return repeated_addresses(&[quic, h3], document, told);
    }
    repeated_addresses(&[plain, quic, h3], document, told);
}

/// The lists of encrypted listeners with their keys.
fn encrypted(config: &Config) -> [(&'static str, &Vec<SocketAddr>); 4] {
    let server = &config.server;
    [
        ("listen_tls", &server.listen_tls),
        ("listen_https", &server.listen_https),
        ("listen_quic", &server.listen_quic),
        ("listen_h3", &server.listen_h3),
    ]
}

/// Tells of every address that stands in these lists before.
fn repeated_addresses(
    lists: &[(&str, &Vec<SocketAddr>)],
    document: &Document<'_>,
    told: &mut Vec<Problem>,
) {
    let all: Vec<(&str, usize, SocketAddr)> = lists
        .iter()
        .flat_map(|&(key, list)| list.iter().enumerate().map(move |(at, it)| (key, at, *it)))
        .collect();
    // Port 0 is a new port each time.
    let fixed = all.iter().map(|it| it.2).enumerate().filter(|it| it.1.port() != 0);
    let key = |at: usize| [Key("server"), Key(all[at].0), At(all[at].1)].into();
    repeated(fixed, key, document, told);
}

fn tls(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let tls = &config.tls;
    let has = |it: &Path| !it.as_os_str().is_empty();
    let (certificate, key) = (has(&tls.certificate), has(&tls.key));
    if certificate != key {
        let (given, missing) =
            if certificate { ("certificate", "key") } else { ("key", "certificate") };
        told.push(document.error(
            &[Key("tls"), Key(given)],
            format!("`{given}` is of no use without `{missing}`"),
            "name the same file in both where it holds both",
        ));
    } else if certificate && tls.self_signed {
        told.push(document.error(
            &[Key("tls"), Key("self_signed")],
            "there is a certificate already".to_owned(),
            "leave out either `self_signed` or `certificate` and `key`",
        ));
    } else if !certificate && !tls.self_signed {
        told.extend(encrypted(config).into_iter().filter(|it| !it.1.is_empty()).map(|(key, _)| {
            document.error(
                &[Key("server"), Key(key)],
                "encrypted transports need a certificate".to_owned(),
                "name its files under `[tls]` as `certificate` and `key`, or write `self_signed = true` there for a first try",
            )
        }));
    }
}

fn clients(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, prefix) in config.server.allow.iter().enumerate() {
        if prefix.bits() == 0 {
            told.push(document.warning(
                &[Key("server"), Key("allow"), At(at)],
                format!("`{prefix}` serves everybody on the Internet"),
                "open resolvers are abused for attacks on others; name the networks of your clients",
            ));
        }
    }
}

/// Whoever speaks for others can take every name it likes.
fn proxies(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, prefix) in config.server.proxy_protocol.iter().enumerate() {
        if prefix.bits() == 0 {
            told.push(document.warning(
                &[Key("server"), Key("proxy_protocol"), At(at)],
                format!("`{prefix}` lets everybody say that he is somebody else"),
                "name the addresses of your proxies",
            ));
        }
    }
}

fn servers(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let Upstream { servers, strategy: _, bootstrap, ca: _, private_reverse, client_subnet: _ } =
        &config.upstream;
    set(servers, [Key("upstream"), Key("servers")], document, told);
    set(private_reverse, [Key("upstream"), Key("private_reverse")], document, told);
    set(bootstrap, [Key("upstream"), Key("bootstrap")], document, told);
    for (at, server) in bootstrap.iter().enumerate() {
        if server.address().is_none() {
            told.push(document.error(
                &[Key("upstream"), Key("bootstrap"), At(at)],
                format!("`{server}` has to be looked up itself"),
                "write its address: `192.0.2.1` or `tls://192.0.2.1#dns.example`",
            ));
        }
    }
}

/// Servers that are asked as one.
fn set<const N: usize>(
    servers: &[Url],
    key: [Step<'_>; N],
    document: &Document<'_>,
    told: &mut Vec<Problem>,
) {
    if servers.len() > SET_MAX {
        let message = format!("{} servers are too many; the limit is {SET_MAX}", servers.len());
        told.push(document.error(&key, message, ""));
    }
    let element = |at| key.into_iter().chain([At(at)]).collect();
    repeated(servers.iter().enumerate(), element, document, told);
}

fn routes(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    if config.routes.len() > ROUTES_MAX {
        let count = config.routes.len();
        let message = format!("there are {count} routes; the limit is {ROUTES_MAX}");
        told.push(document.error(&[Key("route"), At(ROUTES_MAX)], message, ""));
    }
    for (at, route) in config.routes.iter().enumerate() {
        let key = [Key("route"), At(at), Key("servers")];
        if route.servers.is_empty() {
            told.push(document.error(
                &key,
                format!("there is no server to ask about `{}`", route.suffix),
                "leave the route out for the upstreams of all other names",
            ));
        }
        set(&route.servers, key, document, told);
    }
    let suffixes = config.routes.iter().map(|it| &it.suffix).enumerate();
    repeated(suffixes, |at| [Key("route"), At(at), Key("suffix")].into(), document, told);
}

fn own_platforms(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, entry) in config.platform.allow.iter().enumerate() {
        let key = [Key("platform"), Key("allow"), At(at)];
        // One by one, so that every wrong entry is told.
        match Allow::parse(slice::from_ref(entry)) {
            Err(error) => {
                let message = format!("`{}`: {}", shown(entry), error.problem);
                told.push(document.error(&key, message, ""));
            }
            Ok(allow) => {
                let warnings = allow.warnings().iter();
                told.extend(warnings.map(|it| document.warning(&key, it.text.clone(), "")));
            }
        }
    }
}

fn dnssec(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let domains = &config.dnssec.negative_anchors;
    let key = [Key("dnssec"), Key("negative_anchors")];
    if domains.len() > ROUTES_MAX {
        let message = format!("there are {} domains; the limit is {ROUTES_MAX}", domains.len());
        told.push(document.error(&key, message, ""));
    }
    let element = |at| key.into_iter().chain([At(at)]).collect();
    repeated(domains.iter().enumerate(), element, document, told);
}

fn dns64(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let exclude = &config.dns64.exclude;
    let key = [Key("dns64"), Key("exclude")];
    if exclude.len() > ROUTES_MAX {
        let message = format!("there are {} prefixes; the limit is {ROUTES_MAX}", exclude.len());
        told.push(document.error(&key, message, ""));
    }
    let element = |at| key.into_iter().chain([At(at)]).collect();
    repeated(exclude.iter().enumerate(), element, document, told);
}

fn lifetimes(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let (min, max) = (config.cache.ttl_min_secs, config.cache.ttl_max_secs);
    if min > max {
        let key = [
            Key("cache"),
            Key(if document.has(&[Key("cache"), Key("ttl_max_secs")]) {
                "ttl_max_secs"
            } else {
                "ttl_min_secs"
            }),
        ];
        let message = format!("`ttl_min_secs` is {min} and above `ttl_max_secs`, which is {max}");
        told.push(document.error(&key, message, ""));
    }
}

fn thresholds(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let (log, block) = (config.lookalike.log, config.lookalike.block);
    if log > block {
        let given = [Key("lookalike"), Key("log")];
        let other = [Key("lookalike"), Key("block")];
        let key = if document.has(&other) { other } else { given };
        told.push(document.error(
            &key,
            format!("`log` is {log} and above `block`, which is {block}"),
            "what is blocked is logged as well, so `log` is the lower score",
        ));
    }
}

fn search_domains(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let domains = &config.lookalike.search_domains;
    let key = [Key("lookalike"), Key("search_domains")];
    let element = |at| key.into_iter().chain([At(at)]).collect::<Vec<_>>();
    if domains.len() > ROUTES_MAX {
        let message = format!("there are {} domains; the limit is {ROUTES_MAX}", domains.len());
        told.push(document.error(&key, message, ""));
    }
    for (at, domain) in domains.iter().enumerate() {
        let top = domain.rsplit('.').next().unwrap_or(domain);
        let below = format!("x.{domain}");
        let hosting = Platforms::builtin().find(&below, 0);
        if name::is_delegated(top) && name::registrable(domain).is_empty() {
            told.push(document.error(
                &element(at),
                format!("`{domain}` is a public suffix: strangers register names under it"),
                "name the domain under it that your hosts append",
            ));
        } else if hosting.is_some_and(|it| it.tenant == below) {
            told.push(document.warning(
                &element(at),
                format!("`{domain}` is a platform: strangers have names under it"),
                "names that deceive there are not found; name your own part of it",
            ));
        }
    }
    repeated(domains.iter().enumerate(), element, document, told);
}

fn protect(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let domains: HashSet<&Domain> = config.protect.domains.iter().collect();
    for (at, domain) in config.protect.typos.iter().enumerate() {
        if !domains.contains(domain) {
            told.push(document.error(
                &[Key("protect"), Key("typos"), At(at)],
                format!("`{domain}` is none of your `domains`"),
                "add it to `[protect] domains` as well: `typos` only widens what is looked for",
            ));
        }
    }
    for (at, domain) in config.protect.domains.iter().enumerate() {
        if domain.contains('\\') {
            told.push(document.error(
                &[Key("protect"), Key("domains"), At(at)],
                format!("`{domain}` has a character that no host name holds"),
                "",
            ));
        }
        if name::registrable(domain).is_empty() {
            told.push(document.error(
                &[Key("protect"), Key("domains"), At(at)],
                format!("`{domain}` is a public suffix that nobody owns as a whole"),
                "name a domain under it",
            ));
        }
    }
}

fn lists(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    if config.lists.len() > LISTS_MAX {
        let message = format!("there are {} lists; the limit is {LISTS_MAX}", config.lists.len());
        told.push(document.error(&[Key("list"), At(LISTS_MAX)], message, ""));
    }
    for (at, list) in config.lists.iter().enumerate() {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if list.name.is_empty()
            || list.name.len() > LIST_NAME_LEN_MAX
            || !list.name.chars().all(is_plain)
        {
            told.push(document.error(
                &[Key("list"), At(at), Key("name")],
                format!("`{}` cannot name a list", shown(&list.name)),
                "letters, digits, `-`, `_` and `.`, at most 60 of them",
            ));
        }
        let action = [Key("list"), At(at), Key("action")];
        if list.kind == Kind::Allow && document.has(&action) {
            told.push(document.warning(
                &action,
                "a list of allowed names takes no action".to_owned(),
                "leave `action` out, or write `kind = \"block\"`",
            ));
        }
    }
    let names = config.lists.iter().map(|it| &it.name).enumerate();
    repeated(names, |at| [Key("list"), At(at), Key("name")].into(), document, told);
}

/// Tells of every value that stood before, by the number of its line.
fn repeated<'k, T: Eq + Hash + ToString>(
    values: impl Iterator<Item = (usize, T)>,
    key: impl Fn(usize) -> Vec<Step<'k>>,
    document: &Document<'_>,
    told: &mut Vec<Problem>,
) {
    let mut first = HashMap::new();
    for (at, value) in values {
        let text = value.to_string();
        let Some(before) = first.insert(value, at) else { continue };
        let mut problem = document.error(&key(at), String::new(), "");
        let before = document.error(&key(before), String::new(), "").position().0;
        problem.message = format!("`{}` stands on line {before} already", shown(&text));
        told.push(problem);
    }
}
