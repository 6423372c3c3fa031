//! From configuration to the parts that run on it.

use crate::{
    config::{Config, Found},
    hunt::Own,
    list::{Index, Report},
    lookalike::{self, Engine},
    metrics::Metrics,
    name::{Class, Name, NameError},
    platform::{Allow, Platforms},
    policy::{Group, Knowledge, OwnRules, Policy, Rules, Sinkhole},
};
use anyhow::Context as _;
use std::{fs::File, path::Path, sync::Arc};

/// A policy without a running server, for commands that judge.
pub struct Offline {
    /// The policy.
    pub policy: Policy,
    /// Unix time in seconds.
    pub now: u64,
}

/// Builds the policy that `serve` would run with the same file.
pub fn offline(file: Option<&Path>) -> anyhow::Result<Offline> {
    offline_with(&crate::config::find(file).load()?, host_search_domains())
}

/// The domains behind which names are taken for carried, on this host.
pub fn search_domains(config: &Config) -> Vec<String> {
    lookalike(config, host_search_domains()).search_domains
}

fn host_search_domains() -> Vec<String> {
    super::system::HostSystem::read(&[]).search_domains()
}

/// Builds the policy of a configuration on a host with these search domains.
pub fn offline_with(config: &Config, search_domains: Vec<String>) -> anyhow::Result<Offline> {
    let knowledge = Arc::new(Knowledge {
        generation: 1,
        engine: Engine::new(&lookalike(config, search_domains)),
        platforms: Platforms::builtin(),
    });
    let (rules, _reports) = rules(config, &Metrics::new())?;
    Ok(Offline { policy: policy(config, knowledge, Arc::new(rules), 1), now: super::clock::unix() })
}

/// What the look-alike engine is built from, on a host with these search domains.
pub fn lookalike(config: &Config, search_domains: Vec<String>) -> lookalike::Config {
    let Own { domains, typos, owned } = config.protect.own();
    lookalike::Config {
        domains,
        typos,
        owned,
        brands: config.protect.brands,
        known_good: config.lookalike.known_good,
        sites: Arc::clone(&config.lookalike.known_good_sites),
        // Names under a route are the operator's own, as those under a search domain are.
        search_domains: search_domains
            .into_iter()
            .chain(config.lookalike.search_domains.iter().map(ToString::to_string))
            .chain(config.routes.iter().map(|it| it.suffix.to_string()))
            .collect(),
    }
}

/// Reads the lists and compiles the rules. A list that cannot be read is an error: a policy is swapped whole or not at all.
pub(super) fn rules(config: &Config, metrics: &Metrics) -> anyhow::Result<(Rules, Vec<Report>)> {
    let heads: Vec<_> = config.lists.iter().map(crate::config::List::head).collect();
    let (index, reports) = Index::build(&heads, |at| File::open(&config.lists[at].path))
        .context("cannot build the list index")?;
    let own = config.rules.iter().map(|it| Ok((Name::parse(&it.name)?, it.action)));
    let own = OwnRules::new(own.collect::<Result<Vec<_>, NameError>>().context("`[[rule]] name`")?);
    let allow = Allow::parse(&config.platform.allow).context("`[platform] allow`")?;
    Ok((Rules::new(index, own, allow, metrics), reports))
}

/// Puts the halves of a policy together.
pub(super) fn policy(
    config: &Config,
    knowledge: Arc<Knowledge>,
    rules: Arc<Rules>,
    generation: u32,
) -> Policy {
    let group = Group {
        name: "default".to_owned(),
        lookalike: config.lookalike.mode,
        log: config.lookalike.log,
        block: config.lookalike.block,
        platform: config.platform.mode,
        classes: Class::ALL.map(|class| config.platform.action(class)),
    };
    let sinkhole = Sinkhole {
        ipv4: config.sinkhole.ipv4,
        ipv6: config.sinkhole.ipv6,
        ttl_secs: config.sinkhole.ttl_secs,
    };
    Policy { generation, knowledge, rules, groups: vec![group], sinkhole }
}

/// The configuration file in words.
pub fn describe(found: &Found) -> String {
    match found {
        Found::File(path) => path.display().to_string(),
        Found::Defaults => "none; the defaults".to_owned(),
    }
}
