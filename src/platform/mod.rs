//! Platforms: where anybody may publish under a name that belongs to somebody else.
//!
//! A tenant of `netlify.app` is nobody's registrable domain, so registrations, reputations and block lists of domains say
//! nothing about it. The tables under `blocklists/platforms/`, one per [`Class`], know such suffixes; [`Platforms::find`]
//! says under which of them a name stands, and [`finding`] says it in one sentence. [`Allow`] holds the operator's own
//! tenants.

mod allow;
mod explain;
mod ipfs;
mod preview;
mod table;

pub use allow::{Allow, AllowError, Covered, Warning};
pub use explain::{allow_entry, allow_entry_for_both, finding};
pub use table::TableError;

use std::sync::LazyLock;

use crate::name::{Class, Hosting, Scope};
use table::Table;

/// For how many days after it was last seen a name of awareness training keeps its privilege.
pub const SIMULATED_DAYS_MAX: u32 = 400;

/// The compiled-in tables, one file per class.
const FILES: [(Option<Class>, &str, &str); 10] = [
    (
        Some(Class::IpfsGateway),
        "ipfs-gateway.tsv",
        include_str!("../../blocklists/platforms/ipfs-gateway.tsv"),
    ),
    (Some(Class::Paas), "paas.tsv", include_str!("../../blocklists/platforms/paas.tsv")),
    (
        Some(Class::Shortener),
        "shortener.tsv",
        include_str!("../../blocklists/platforms/shortener.tsv"),
    ),
    (Some(Class::Tunnel), "tunnel.tsv", include_str!("../../blocklists/platforms/tunnel.tsv")),
    (
        Some(Class::DynamicDns),
        "dynamic-dns.tsv",
        include_str!("../../blocklists/platforms/dynamic-dns.tsv"),
    ),
    (
        Some(Class::FreeHosting),
        "free-hosting.tsv",
        include_str!("../../blocklists/platforms/free-hosting.tsv"),
    ),
    (
        Some(Class::LinkInBio),
        "link-in-bio.tsv",
        include_str!("../../blocklists/platforms/link-in-bio.tsv"),
    ),
    (
        Some(Class::SaasTenant),
        "saas-tenant.tsv",
        include_str!("../../blocklists/platforms/saas-tenant.tsv"),
    ),
    (
        Some(Class::SimulatedPhishing),
        "simulated-phishing.tsv",
        include_str!("../../blocklists/platforms/simulated-phishing.tsv"),
    ),
    (None, "own-hosts.tsv", include_str!("../../blocklists/platforms/own-hosts.tsv")),
];

static BUILTIN: LazyLock<Platforms> = LazyLock::new(|| {
    let table = Table::parse(&FILES).expect("the compiled-in tables are tested to parse");
    Platforms { table }
});

/// The platform tables, indexed for look-up by any name below them.
pub struct Platforms {
    table: Table,
}

impl Platforms {
    /// The tables that come with the program, indexed on first use.
    pub fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// The platform under which a name in presentation form stands; the deepest suffix wins. No allocation.
    ///
    /// `today`, in days since 1970-01-01, ends the privilege of awareness training [`SIMULATED_DAYS_MAX`] days after it
    /// was last seen. The tenant is empty at a platform's apex and `www`, and for host-scoped platforms.
    #[inline]
    pub fn find<'a>(&self, name: &'a str, today: u32) -> Option<Hosting<'a>> {
        let listed = self.table.find(name, today);
        if let Some(gateway) = ipfs::find(name, listed.is_some()) {
            return Some(gateway);
        }
        let found = listed?;
        let class = found.entry.class?;
        let platform = &name[found.start..];
        let scope = found.entry.scope;
        let tenant = match scope {
            Scope::Tenant => tenant(name, found.start),
            Scope::Host => "",
        };
        Some(Hosting { platform, class, scope, tenant })
    }

    /// How many suffixes the tables hold.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether the tables are empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Who runs the platform with this suffix; `None` where the tables do not know.
    fn owner(&self, platform: &str) -> Option<&'static str> {
        self.table.find(platform, 0).filter(|it| it.start == 0).and_then(|it| it.entry.owner)
    }

    /// Whether the tables themselves hold an IPFS gateway at or above this suffix.
    fn knows_gateway(&self, platform: &str) -> bool {
        self.table.find(platform, 0).is_some_and(|it| it.entry.class == Some(Class::IpfsGateway))
    }
}

/// The label before the platform's suffix, with the suffix; empty at the apex and `www`.
fn tenant(name: &str, start: usize) -> &str {
    let Some(head) = name[..start].strip_suffix('.') else { return "" };
    let label = head.rfind('.').map_or(0, |at| at + 1);
    if &head[label..] == "www" { "" } else { &name[label..] }
}

#[cfg(test)]
mod tests;
