//! `[platform] allow`: the operator's own tenants, and the names that only their owner can make.

use std::collections::HashSet;

use super::{Platforms, ipfs, preview};
use crate::name::{Class, Host, Name, NameError, Scope, registrable};

/// How far an allowed name reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Covered {
    /// Strangers may hold such a name too: the platform finding falls silent, look-alike findings stay.
    PlatformOnly,
    /// Only the owner can hold the name: platform and look-alike findings fall silent.
    Both,
}

/// The parsed entries of `[platform] allow`.
#[derive(Debug, Default)]
pub struct Allow {
    names: HashSet<Box<str>, foldhash::fast::RandomState>,
    cids: HashSet<Box<str>, foldhash::fast::RandomState>,
    /// Names of tenants that the platform made up.
    generated: HashSet<Box<str>, foldhash::fast::RandomState>,
    patterns: Vec<Box<str>>,
    warnings: Vec<Warning>,
}

/// Something in an entry that works, but perhaps not as meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The entry, counted from 0.
    pub index: usize,
    /// One sentence for a person.
    pub text: String,
}

/// An entry that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{entry}`: {problem}")]
pub struct AllowError {
    /// The entry, counted from 0.
    pub index: usize,
    /// The entry as it was written.
    pub entry: String,
    /// What is wrong with it.
    pub problem: AllowProblem,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AllowProblem {
    /// It is no domain name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// It is a top-level domain or another suffix under which everybody registers.
    #[error("everybody registers names there; name a tenant or a host")]
    Suffix,
    /// The labels after the last `*` are no registrable domain.
    #[error(
        "the labels after the last `*` must name a domain, as in `ourcompany-*.azurewebsites.net`"
    )]
    Pattern,
    /// What follows `ipfs:` is no CIDv1.
    #[error(
        "no CIDv1 follows `ipfs:`; DNS folds case, so that a `Qm…` must be written as `bafy…` (`ipfs cid base32`)"
    )]
    Cid,
}

impl Allow {
    /// Reads tenants (`ourcompany.netlify.app`), hosts, `ipfs:CID` and patterns with `*` within labels.
    pub fn parse(entries: &[String]) -> Result<Self, AllowError> {
        let mut allow = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            allow.add(index, entry).map_err(|problem| AllowError {
                index,
                entry: entry.clone(),
                problem,
            })?;
        }
        Ok(allow)
    }

    /// What `config check` tells the operator about the entries.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Whether an entry covers this name, itself or as a suffix, and how far. No allocation.
    pub fn covers(&self, host: &Host<'_>) -> Option<Covered> {
        let owned = self.by_cid(host).max(self.by_preview(host));
        if owned == Some(Covered::Both) {
            return owned;
        }
        let matched = || self.patterns.iter().any(|it| matches(it, host.name));
        owned.max(self.by_name(host)).or_else(|| matched().then_some(Covered::PlatformOnly))
    }

    fn add(&mut self, index: usize, entry: &str) -> Result<(), AllowProblem> {
        if let Some(cid) = entry.strip_prefix("ipfs:") {
            // Base32 and base36 are written in one case or the other; the base58 of `Qm…` mixes them.
            let cid = cid.to_ascii_lowercase();
            if !ipfs::is_cid(&cid) {
                return Err(AllowProblem::Cid);
            }
            self.cids.insert(cid.into());
        } else if entry.contains('*') {
            self.add_pattern(index, entry)?;
        } else {
            self.add_name(index, entry)?;
        }
        Ok(())
    }

    fn add_pattern(&mut self, index: usize, entry: &str) -> Result<(), AllowProblem> {
        let pattern = Name::parse(&entry.replace('*', "x")).map(|_| entry.to_ascii_lowercase())?;
        let pattern = pattern.strip_suffix('.').unwrap_or(&pattern);
        let (_, after) = pattern.rsplit_once('*').ok_or(AllowProblem::Pattern)?;
        let (_, domain) = after.split_once('.').ok_or(AllowProblem::Pattern)?;
        if !pattern.is_ascii() || registrable(domain).is_empty() {
            return Err(AllowProblem::Pattern);
        }
        self.warn(
            index,
            format!(
                "anybody may register a name that matches `{entry}`, so it silences the platform finding only; \
                 a look-alike there is still one"
            ),
        );
        self.patterns.push(pattern.into());
        Ok(())
    }

    fn add_name(&mut self, index: usize, entry: &str) -> Result<(), AllowProblem> {
        let name = Name::parse(entry)?.text();
        if registrable(&name).is_empty() {
            return Err(AllowProblem::Suffix);
        }
        let hosting = Platforms::builtin().find(&name, 0);
        if let Some(made_up) = hosting.as_ref().and_then(preview::generated_name)
            && hosting.is_some_and(|it| it.label() == made_up)
        {
            self.generated.insert(made_up.into());
        }
        match hosting {
            None => self.warn(
                index,
                format!("`{name}` is on no platform that Squint knows; your own domains belong into `[protect] owned`"),
            ),
            Some(it) if it.scope == Scope::Tenant && it.platform == name => self.warn(
                index,
                format!(
                    "anybody may register a name under `{name}`, so it silences the platform finding only; \
                     a look-alike there is still one"
                ),
            ),
            Some(_) => (),
        }
        self.names.insert(name.into());
        Ok(())
    }

    fn warn(&mut self, index: usize, text: String) {
        self.warnings.push(Warning { index, text });
    }

    /// Content named by its hash is what it is on a gateway that checks it; any other domain may carry the label and
    /// show what it likes.
    fn by_cid(&self, host: &Host<'_>) -> Option<Covered> {
        let hosting = host.hosting.filter(|it| it.class == Class::IpfsGateway)?;
        if !self.cids.contains(hosting.label()) {
            return None;
        }
        let known = Platforms::builtin().knows_gateway(hosting.platform);
        Some(if known { Covered::Both } else { Covered::PlatformOnly })
    }

    fn by_preview(&self, host: &Host<'_>) -> Option<Covered> {
        let hosting = host.hosting.as_ref()?;
        let owned = preview::site_of(hosting).is_some_and(|it| self.names.contains(it))
            || preview::generated_name(hosting).is_some_and(|it| self.generated.contains(it));
        owned.then_some(Covered::Both)
    }

    /// An entry above the tenant leaves strangers in: the tenant is what a person registers.
    fn by_name(&self, host: &Host<'_>) -> Option<Covered> {
        if self.names.is_empty() {
            return None;
        }
        let tenant = host.hosting.map_or("", |it| it.tenant);
        let mut suffix = host.name;
        loop {
            if self.names.contains(suffix) {
                let whole = suffix.len() >= tenant.len();
                return Some(if whole { Covered::Both } else { Covered::PlatformOnly });
            }
            suffix = suffix.split_once('.')?.1;
        }
    }
}

/// Whether a pattern fits the last labels of a name; `*` stands for any characters within its label, none included.
fn matches(pattern: &str, name: &str) -> bool {
    let mut labels = name.rsplit('.');
    pattern.rsplit('.').all(|it| labels.next().is_some_and(|label| fits(it, label)))
}

fn fits(pattern: &str, label: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == label };
    let Some(mut label) = label.strip_prefix(head) else { return false };
    let mut parts = rest.split('*');
    let tail = parts.next_back().unwrap_or("");
    for part in parts {
        let Some(at) = label.find(part) else { return false };
        label = &label[at + part.len()..];
    }
    label.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CID: &str = "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn host(name: &str) -> Host<'_> {
        Host { hosting: Platforms::builtin().find(name, 0), ..Host::new(name) }
    }

    #[track_caller]
    fn check(entry: &str, name: &str, expected: Option<Covered>) {
        let allow = Allow::parse(&[entry.to_owned()]).unwrap();
        assert_eq!(allow.covers(&host(name)), expected, "{entry} over {name}");
    }

    #[test]
    fn a_tenant_covers_what_only_its_owner_can_make() {
        let both = Some(Covered::Both);
        check("ours.netlify.app", "ours.netlify.app", both);
        check("OURS.netlify.app.", "www.ours.netlify.app", both);
        check("ours.netlify.app", "deploy-preview-42--ours.netlify.app", both);
        check("ours.netlify.app", "theirs.netlify.app", None);
        check("ours.netlify.app", "notours.netlify.app", None);
        check("ours.netlify.app", "ours--theirs.netlify.app", None);
        check("ours.pages.dev", "3fa2b1c0.ours.pages.dev", both);
        check("ours.pages.dev", "main.ours.pages.dev", both);
        check("ours.vercel.app", "ours-git-main-team.vercel.app", None);
        check("ours.vercel.app", "ours-4mnp2x-team.vercel.app", None);
        check("ours.azurewebsites.net", "ours-staging.azurewebsites.net", None);
        let azure = "polite-stone-0a1b2c3d4.5.azurestaticapps.net";
        check(azure, "polite-stone-0a1b2c3d4-42.westeurope.5.azurestaticapps.net", both);
        check(azure, "polite-stone-0a1b2c3d5-42.westeurope.5.azurestaticapps.net", None);
        check("ours-abc123-uc.a.run.app", "blue---ours-abc123-uc.a.run.app", both);
    }

    #[test]
    fn hosts_and_whole_platforms() {
        check("bit.ly", "bit.ly", Some(Covered::Both));
        check("bit.ly", "www.bit.ly", Some(Covered::Both));
        check("netlify.app", "theirs.netlify.app", Some(Covered::PlatformOnly));
        check("ipfs.example.com", "ipfs.example.com", Some(Covered::Both));
        check("ipfs.example.com", &format!("{CID}.ipfs.example.com"), Some(Covered::PlatformOnly));
        check("example.com", "a.example.com", Some(Covered::Both));
    }

    #[test]
    fn content_is_covered_by_its_hash() {
        let entry = format!("ipfs:{CID}");
        check(&entry, &format!("{CID}.ipfs.dweb.link"), Some(Covered::Both));
        check(&entry, &format!("{CID}.ipfs.evil.example.com"), Some(Covered::PlatformOnly));
        check(&entry, &format!("{}.ipfs.dweb.link", CID.replace("zdi", "zda")), None);
        check(
            &entry.to_uppercase().replace("IPFS:", "ipfs:"),
            &format!("{CID}.ipfs.w3s.link"),
            Some(Covered::Both),
        );
    }

    #[test]
    fn patterns_silence_the_platform_only() {
        let only = Some(Covered::PlatformOnly);
        check("ours-*.azurewebsites.net", "ours-staging.azurewebsites.net", only);
        check("ours-*.azurewebsites.net", "ours-staging.scm.azurewebsites.net", None);
        check("ours-*.azurewebsites.net", "a.ours-staging.azurewebsites.net", only);
        check("ours-*.azurewebsites.net", "yours-staging.azurewebsites.net", None);
        check("ours-*-team.vercel.app", "ours-git-main-team.vercel.app", only);
        check("ours-*-team.vercel.app", "ours-team.vercel.app", None);
        check("*.netlify.app", "theirs.netlify.app", only);
        check("*a*b.netlify.app", "xaxb.netlify.app", only);
        check("*a*b.netlify.app", "xbxa.netlify.app", None);
    }

    #[test]
    fn bad_entries_say_why() {
        let check = |entry: &str, expected: AllowProblem| {
            let error = Allow::parse(&["a.netlify.app".to_owned(), entry.to_owned()]).unwrap_err();
            assert_eq!((error.index, error.problem), (1, expected), "{entry}");
        };
        check("com", AllowProblem::Suffix);
        check("co.uk", AllowProblem::Suffix);
        check("*.com", AllowProblem::Pattern);
        check("a.*", AllowProblem::Pattern);
        check("*", AllowProblem::Pattern);
        check("ipfs:QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG", AllowProblem::Cid);
        check("a..b", AllowProblem::Name(NameError::EmptyLabel("a..b".to_owned())));
    }

    #[test]
    fn wide_entries_are_warned_of() {
        let entries = ["ours.netlify.app", "ours-*.vercel.app", "netlify.app", "ours.example.com"];
        let allow = Allow::parse(&entries.map(str::to_owned)).unwrap();
        let warned: Vec<usize> = allow.warnings().iter().map(|it| it.index).collect();
        assert_eq!(warned, [1, 2, 3]);
    }
}
