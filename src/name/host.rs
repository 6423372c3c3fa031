//! `Host`: a name as the judge sees it, with its registrable domain and, on a platform, its tenant.

use super::suffix;

/// A name to judge, in presentation form (see [`super::Name::text`]), borrowed from one buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The whole name; empty for the root.
    pub name: &'a str,
    /// The public suffix of the ICANN section (`co.uk`).
    pub suffix: &'a str,
    /// The registrable domain; empty where there is none.
    pub registrable: &'a str,
    /// Where the name is hosted, when it stands under a platform.
    pub hosting: Option<Hosting<'a>>,
}

impl<'a> Host<'a> {
    /// Splits a name in presentation form at its public suffix; the platform is left for `platform` to fill.
    pub fn new(name: &'a str) -> Self {
        let registrable = suffix::registrable(name);
        Self { name, suffix: suffix::public_suffix(name), registrable, hosting: None }
    }
}

/// The platform under which a name stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hosting<'a> {
    /// The platform's suffix as it stands in the name (`netlify.app`, `s3.eu-west-1.amazonaws.com`); for an IPFS label
    /// under any domain, the labels from `ipfs` or `ipns` on.
    pub platform: &'a str,
    /// What kind of platform it is.
    pub class: Class,
    /// Where its content lives.
    pub scope: Scope,
    /// The tenant with its platform (`paypal-login.netlify.app`); empty at the apex, at `www` and for a host-scoped platform.
    pub tenant: &'a str,
}

impl<'a> Hosting<'a> {
    /// The tenant's own labels, without the platform's suffix; empty where there is no tenant.
    pub fn label(&self) -> &'a str {
        self.tenant.strip_suffix(self.platform).map_or("", |it| it.trim_end_matches('.'))
    }
}

/// Where the content of a platform lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// In the labels below; the apex and `www` are the company's own site (`netlify.app`).
    Tenant,
    /// At the name itself, in a path that DNS does not see (`bit.ly`).
    Host,
}

/// What kind of platform a name stands on. One file under `blocklists/platforms/` each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Content addressed by hash: `dweb.link`, `ipfs.io`.
    IpfsGateway,
    /// Application and site hosting for developers: `netlify.app`.
    Paas,
    /// URL shorteners: `bit.ly`.
    Shortener,
    /// Tunnels to a machine behind NAT: `trycloudflare.com`.
    Tunnel,
    /// Dynamic DNS: `duckdns.org`.
    DynamicDns,
    /// Site builders and free web space: `weebly.com`.
    FreeHosting,
    /// Link-in-bio pages: `linktr.ee`.
    LinkInBio,
    /// Business software with a name per customer: `sharepoint.com`.
    SaasTenant,
    /// Security-awareness training that imitates phishing on purpose.
    SimulatedPhishing,
}

impl Class {
    /// Every class, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::IpfsGateway,
        Self::Paas,
        Self::Shortener,
        Self::Tunnel,
        Self::DynamicDns,
        Self::FreeHosting,
        Self::LinkInBio,
        Self::SaasTenant,
        Self::SimulatedPhishing,
    ];

    /// The word used in configuration, events, files and documentation.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IpfsGateway => "ipfs-gateway",
            Self::Paas => "paas",
            Self::Shortener => "shortener",
            Self::Tunnel => "tunnel",
            Self::DynamicDns => "dynamic-dns",
            Self::FreeHosting => "free-hosting",
            Self::LinkInBio => "link-in-bio",
            Self::SaasTenant => "saas-tenant",
            Self::SimulatedPhishing => "simulated-phishing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_has_its_own_labels() {
        let hosting = Hosting {
            platform: "netlify.app",
            class: Class::Paas,
            scope: Scope::Tenant,
            tenant: "a.netlify.app",
        };
        assert_eq!(hosting.label(), "a");
        assert_eq!(Hosting { tenant: "", ..hosting }.label(), "");
    }
}
