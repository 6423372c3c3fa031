//! What a platform means to a person: one finding, one sentence.

use super::{Platforms, ipfs};
use crate::{
    name::{Class, Host, Hosting, Scope},
    verdict::{Finding, Shares, Technique},
};

/// The finding for a name on a platform; `None` when it stands on none, or is the platform company's own site.
pub fn finding(host: &Host<'_>) -> Option<Finding> {
    let hosting = host.hosting.as_ref()?;
    if hosting.scope == Scope::Tenant && hosting.tenant.is_empty() {
        return None;
    }
    let matched = if hosting.tenant.is_empty() { host.name } else { hosting.tenant };
    Some(Finding {
        technique: Technique::Platform,
        target: hosting.platform.to_owned(),
        matched: matched.to_owned(),
        score: score(hosting.class),
        shares: Shares::NONE,
        why: sentence(host.name, hosting),
        attack: attack(hosting.class),
    })
}

/// The entry of `[platform] allow` that covers this name: its tenant, `ipfs:CID`, or the name itself.
///
/// `None` where [`finding`] has nothing to say.
pub fn allow_entry(host: &Host<'_>) -> Option<String> {
    let hosting = host.hosting.as_ref()?;
    match (hosting.scope, hosting.tenant) {
        (Scope::Tenant, "") => None,
        (Scope::Tenant, _) if ipfs::is_cid(hosting.label()) => {
            Some(format!("ipfs:{}", hosting.label()))
        }
        (Scope::Tenant, tenant) => Some(tenant.to_owned()),
        (Scope::Host, _) => Some(hosting.platform.to_owned()),
    }
}

/// The entry of [`allow_entry`] where it covers look-alike findings as well.
///
/// A CID says what is shown only on a gateway that is known to check it.
pub fn allow_entry_for_both(host: &Host<'_>) -> Option<String> {
    let hosting = host.hosting.as_ref()?;
    let by_cid = hosting.scope == Scope::Tenant && ipfs::is_cid(hosting.label());
    let covers = !by_cid || Platforms::builtin().knows_gateway(hosting.platform);
    covers.then(|| allow_entry(host)).flatten()
}

/// A platform by itself is no proof: 20 for places full of ordinary links, 30 where little else than hiding is the point.
const fn score(class: Class) -> u8 {
    match class {
        Class::IpfsGateway | Class::Tunnel => 30,
        Class::DynamicDns => 28,
        Class::FreeHosting | Class::Paas => 25,
        Class::Shortener | Class::LinkInBio | Class::SaasTenant => 20,
        Class::SimulatedPhishing => 0,
    }
}

/// T1608.005 is staging a link's target, T1566.002 sending the link.
const fn attack(class: Class) -> &'static [&'static str] {
    match class {
        Class::Shortener | Class::LinkInBio => &["T1608.005", "T1566.002"],
        Class::SimulatedPhishing => &["T1566.002"],
        Class::IpfsGateway
        | Class::Paas
        | Class::Tunnel
        | Class::DynamicDns
        | Class::FreeHosting
        | Class::SaasTenant => &["T1608.005"],
    }
}

fn sentence(name: &str, hosting: &Hosting<'_>) -> String {
    let class = hosting.class.as_str();
    let platform = hosting.platform;
    let owner = Platforms::builtin().owner(platform);
    let of = owner.map_or_else(|| format!("`{platform}`"), str::to_owned);
    let tenant = hosting.tenant;
    match (hosting.class, hosting.scope) {
        (Class::SimulatedPhishing, _) => {
            format!(
                "`{name}` is awareness training by {of} ({class}): it imitates phishing on purpose"
            )
        }
        (Class::IpfsGateway, Scope::Tenant) if ipfs::is_cid(hosting.label()) => format!(
            "`{}` is IPFS content, shown by the gateway `{platform}` ({class}): anybody can publish there",
            hosting.label()
        ),
        (class_is, Scope::Tenant) => {
            format!("`{tenant}` is a tenant of {of} ({class}): {}", who_may(class_is))
        }
        (Class::Shortener, Scope::Host) => format!(
            "`{name}` is a link service of {of} ({class}): the link is in the path, which DNS does not see"
        ),
        (_, Scope::Host) => format!(
            "`{name}` is a host of {of} ({class}): what it shows is in the path, which DNS does not see"
        ),
    }
}

const fn who_may(class: Class) -> &'static str {
    match class {
        Class::Tunnel => "it leads to a machine that anybody may run",
        Class::DynamicDns => "anybody can point a name there at any address",
        Class::SaasTenant => "a customer uses it under a name of his own choice",
        Class::Shortener | Class::LinkInBio => "anybody can put links there",
        Class::IpfsGateway | Class::Paas | Class::FreeHosting | Class::SimulatedPhishing => {
            "anybody can publish there"
        }
    }
}
