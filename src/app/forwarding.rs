//! From configuration and the host's own settings to the plan of whom to ask about which names.

use super::system::HostSystem;
use crate::{
    config::Config,
    dnssec::Anchors,
    name::{Name, NameError},
    proxy::{Bypass, Caching, Dns64, Dnssec, Plan, Route, private_reverse_zones},
    upstream::{Trust, Url},
};
use anyhow::Context as _;
use std::fmt::Write as _;

/// A plan, and what to say about it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Forwarding {
    pub(super) plan: Plan,
    /// What follows from the host's settings and not from the file, as a file would say it: pieces of TOML.
    pub(super) explicit: Vec<String>,
    /// Search domains whose names nobody may know.
    pub(super) warnings: Vec<String>,
}

/// The plan for a configuration on this host.
///
/// # Errors
/// No upstream is there.
pub(super) fn forwarding(config: &Config, system: &HostSystem) -> anyhow::Result<Forwarding> {
    let servers = system.servers(config)?;
    let mut forwarding = plan(config, servers, system.resolvers(), &system.search_domains());
    forwarding.plan.dnssec = dnssec(config)?;
    Ok(forwarding)
}

/// How the configuration wants answers validated.
///
/// # Errors
/// The file of trust anchors cannot be used.
fn dnssec(config: &Config) -> anyhow::Result<Option<Dnssec>> {
    let wanted = &config.dnssec;
    if !wanted.validate {
        return Ok(None);
    }
    let file = &wanted.trust_anchors;
    let anchors = if file.as_os_str().is_empty() {
        Anchors::root()
    } else {
        Anchors::of_file(file).context("`[dnssec] trust_anchors`")?
    };
    let negative_anchors = wanted.negative_anchors.iter().map(|it| Name::parse(it));
    let negative_anchors = negative_anchors
        .collect::<Result<_, NameError>>()
        .context("`[dnssec] negative_anchors`")?;
    Ok(Some(Dnssec { anchors, negative_anchors }))
}

/// Who looks up the names of upstreams: the configured servers, else the host's resolvers. Nobody, where there are none; the log then
/// says so if it matters.
pub(super) fn bootstrap(config: &Config, system: &HostSystem) -> Vec<Url> {
    let upstream = &config.upstream;
    let (own, found): (Vec<Url>, Vec<Url>) = match &upstream.bootstrap[..] {
        [] => (Vec::new(), system.resolvers().to_vec()),
        configured => configured.iter().cloned().partition(|it| system.is_own(it)),
    };
    for it in own {
        tracing::warn!(
            "`[upstream] bootstrap` names {it}, which is Squint itself: it is left out\nhint: name a resolver that does not need Squint"
        );
    }
    let mut asked = upstream.servers.iter().chain(config.routes.iter().flat_map(|it| &it.servers));
    if found.is_empty() && asked.any(|it| it.address().is_none()) {
        tracing::warn!(
            "nobody is known who could look up the names of upstreams\nhint: `[upstream] bootstrap = [\"192.0.2.1\"]`, or `tls://192.0.2.1#dns.example`"
        );
    }
    found
}

/// Whom the configuration trusts to vouch for upstreams.
///
/// # Errors
/// The file that it names cannot be used.
pub(super) fn trust(config: &Config) -> anyhow::Result<Trust> {
    let ca = &config.upstream.ca;
    let trust = if ca.as_os_str().is_empty() { Trust::public() } else { Trust::and_of_file(ca) };
    trust.context("`[upstream] ca`")
}

/// `servers` are asked about everything else, `resolvers` are those that the host uses itself.
fn plan(config: &Config, servers: Vec<Url>, resolvers: &[Url], search: &[String]) -> Forwarding {
    let follows_system = config.upstream.servers.is_empty();
    let own: Vec<Route> = config
        .routes
        .iter()
        .filter_map(|it| {
            Some(Route { suffix: Name::parse(&it.suffix).ok()?, servers: it.servers.clone() })
        })
        .collect();
    let has_route = |name: &Name| own.iter().any(|it| is_under(name, &it.suffix));
    let (mut routes, mut explicit, mut warnings) = (Vec::new(), Vec::new(), Vec::new());

    let mut reverse = config.upstream.private_reverse.clone();
    if reverse.is_empty() && follows_system {
        reverse.clone_from(&servers);
        explicit.push(format!("upstream.private_reverse = {}", array(&reverse)));
    }
    if !reverse.is_empty() {
        let zones = private_reverse_zones().into_iter().filter(|it| !has_route(it));
        routes.extend(zones.map(|suffix| Route { suffix, servers: reverse.clone() }));
    }
    let search = search.iter().filter_map(|it| Name::parse(it).ok()).filter(|it| !has_route(it));
    for suffix in search {
        if follows_system {
            explicit.push(table(&suffix, &servers));
            routes.push(Route { suffix, servers: servers.clone() });
        } else {
            let resolvers = if resolvers.is_empty() { &servers } else { resolvers };
            warnings.push(format!(
                "this host's search domain `{suffix}` has no route: only its own resolvers may know the names under it\nhint: add to `config.toml`\n{}",
                table(&suffix, resolvers)
            ));
        }
    }
    routes.extend(own);
    let bypass = Bypass {
        firefox_doh: config.server.firefox_doh,
        private_relay: config.server.private_relay,
    };
    let caching = Caching {
        ttl_min_secs: config.cache.ttl_min_secs,
        ttl_max_secs: config.cache.ttl_max_secs,
        stale: config.cache.stale,
        prefetch: config.cache.prefetch,
    };
    let client_subnet = config.upstream.client_subnet;
    let exclude = &config.dns64.exclude;
    let dns64 = config.dns64.prefix.0.map(|prefix| Dns64 { prefix, exclude: exclude.clone() });
    let strategy = config.upstream.strategy;
    let plan =
        Plan { servers, strategy, routes, bypass, caching, client_subnet, dnssec: None, dns64 };
    Forwarding { plan, explicit, warnings }
}

/// Whether a name is a domain or stands under it.
fn is_under(name: &Name, domain: &Name) -> bool {
    let count = |it: &Name| it.labels().count();
    let skipped = count(name).checked_sub(count(domain));
    skipped.is_some_and(|it| name.labels().skip(it).eq(domain.labels()))
}

fn table(suffix: &Name, servers: &[Url]) -> String {
    format!("[[route]]\nsuffix = \"{suffix}\"\nservers = {}", array(servers))
}

fn array(servers: &[Url]) -> String {
    let mut text = String::from("[");
    for (at, server) in servers.iter().enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        // Writing to a string does not fail.
        let _ = write!(text, "{comma}\"{server}\"");
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use std::path::Path;

    const SYSTEM: [&str; 2] = ["10.0.0.53", "10.0.0.54"];

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|it| it.parse().unwrap()).collect()
    }

    fn made(text: &str, search: &[&str]) -> Forwarding {
        let config = config::parse(text, Path::new("config.toml")).unwrap();
        let configured = config.upstream.servers.clone();
        let servers = if configured.is_empty() { urls(&SYSTEM) } else { configured };
        let search: Vec<String> = search.iter().map(|&it| it.to_owned()).collect();
        plan(&config, servers, &urls(&SYSTEM), &search)
    }

    /// Whom the plan asks about a name by its longest suffix; empty where no route says so.
    fn asked(made: &Forwarding, name: &str) -> Vec<Url> {
        let name = Name::parse(name).unwrap();
        let under = made.plan.routes.iter().filter(|it| is_under(&name, &it.suffix));
        let longest = under.max_by_key(|it| it.suffix.wire().len());
        longest.map_or_else(Vec::new, |it| it.servers.clone())
    }

    #[test]
    fn without_upstreams_the_hosts_own_names_go_to_its_resolvers() {
        let made = made("", &["corp.local", "lab.example"]);
        assert_eq!(made.plan.servers, urls(&SYSTEM));
        for name in ["dc1.corp.local", "lab.example", "1.0.0.10.in-addr.arpa", "1.d.f.ip6.arpa"] {
            assert_eq!(asked(&made, name), urls(&SYSTEM), "{name}");
        }
        for name in ["other.local", "www.example", "1.0.0.127.in-addr.arpa"] {
            assert_eq!(asked(&made, name), [], "{name}");
        }
        assert_eq!(made.warnings, [""; 0]);
        assert_eq!(
            made.explicit,
            [
                "upstream.private_reverse = [\"udp://10.0.0.53:53\", \"udp://10.0.0.54:53\"]",
                "[[route]]\nsuffix = \"corp.local\"\nservers = [\"udp://10.0.0.53:53\", \"udp://10.0.0.54:53\"]",
                "[[route]]\nsuffix = \"lab.example\"\nservers = [\"udp://10.0.0.53:53\", \"udp://10.0.0.54:53\"]",
            ]
        );
    }

    #[test]
    fn what_is_printed_means_the_same_in_a_file() {
        let first = made("", &["corp.local"]);
        let again = made(&first.explicit.join("\n"), &["corp.local"]);
        assert_eq!((again.plan, again.explicit), (first.plan, Vec::new()));
    }

    #[test]
    fn with_upstreams_nothing_of_the_host_is_taken_and_that_is_told() {
        let text = "[upstream]\nservers = ['192.0.2.1']";
        let made = made(text, &["corp.local"]);
        assert_eq!(made.plan.routes, []);
        assert_eq!(made.explicit, [""; 0]);
        let [warning] = &made.warnings[..] else { panic!("{:?}", made.warnings) };
        assert!(warning.contains("`corp.local` has no route"), "{warning}");
        assert!(
            warning.contains("suffix = \"corp.local\"\nservers = [\"udp://10.0.0.53:53\""),
            "{warning}"
        );
    }

    #[test]
    fn routes_of_the_file_go_first() {
        let routes = "[[route]]\nsuffix = 'local'\nservers = ['192.0.2.9']\n[[route]]\nsuffix = '0.10.in-addr.arpa'\nservers = ['192.0.2.8']\n[[route]]\nsuffix = '168.192.in-addr.arpa'\nservers = ['192.0.2.7']\n";
        let made = made(routes, &["corp.local"]);
        for (name, server) in [
            ("dc1.corp.local", "192.0.2.9"),
            ("1.2.0.10.in-addr.arpa", "192.0.2.8"),
            ("1.1.168.192.in-addr.arpa", "192.0.2.7"),
        ] {
            assert_eq!(asked(&made, name), urls(&[server]), "{name}");
        }
        assert_eq!(asked(&made, "1.2.3.10.in-addr.arpa"), urls(&SYSTEM));
        assert_eq!(made.explicit.len(), 1);
        let reverse = "[upstream]\nservers = ['192.0.2.1']\nprivate_reverse = ['10.9.9.9']\n";
        let made = self::made(reverse, &[]);
        assert_eq!(asked(&made, "1.2.3.10.in-addr.arpa"), urls(&["10.9.9.9"]));
    }
}
