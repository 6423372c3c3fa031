//! What the network's memory adds: names that are suspicious only because nobody has asked for them here before.

use super::Findings;
use crate::{
    lookalike::{self, Engine},
    name::Host,
    verdict::{Finding, Novelty, Seen, Shares, Technique},
};

/// The score of such a finding: worth a look.
const SCORE: u8 = 50;

/// How soon a name that carries another is judged again while the domains carried below its own are counted, in seconds.
const RECOUNT_SECS: u64 = 60;

/// Adds what the memory knows to what was found. `now` is Unix time in seconds.
pub(super) fn add(
    engine: &Engine,
    host: &Host<'_>,
    now: u64,
    seen: &Seen,
    findings: &mut Findings,
) {
    if !seen.is_on() {
        return;
    }
    findings.new = tenant(host, seen).or_else(|| random_label(engine, host, seen));
    let mut depends = findings.new.is_some();
    if seen.name == Novelty::New
        && let Some(first) = findings.lookalike.first_mut()
    {
        first.why.push_str("; first asked here today");
        depends = true;
    }
    if depends {
        findings.valid_until = findings.valid_until.min(seen.valid_until);
    }
    if findings.lookalike.iter().any(is_carrying) {
        findings.carrier =
            if seen.search_suffix { host.registrable.to_owned() } else { String::new() };
        findings.valid_until = findings.valid_until.min(now + RECOUNT_SECS);
    }
}

/// Whether a finding is of a name that carries another, as search suffixes make them.
pub(super) fn is_carrying(finding: &Finding) -> bool {
    matches!(finding.technique, Technique::Embedding | Technique::Subdomain)
}

/// The reason that a search suffix gives for letting a name pass.
pub(super) fn carried(findings: &Findings, host: &Host<'_>) -> Finding {
    let carrier = &findings.carrier;
    Finding {
        technique: Technique::Carried,
        target: carrier.clone(),
        matched: host.name.to_owned(),
        score: 0,
        shares: Shares::NONE,
        why: format!(
            "only logged: many well-known domains were asked below `{carrier}` within a day, as below a search suffix"
        ),
        attack: &[],
    }
}

/// A tenant that nobody asked for before, right after a shortener.
fn tenant(host: &Host<'_>, seen: &Seen) -> Option<Finding> {
    let hosting = host.hosting.filter(|_| seen.tenant == Novelty::New && seen.after_shortener)?;
    let tenant = hosting.tenant;
    Some(Finding {
        technique: Technique::New,
        target: hosting.platform.to_owned(),
        matched: tenant.to_owned(),
        score: SCORE,
        shares: Shares::NONE,
        why: format!(
            "`{tenant}` was first asked here today, and by a client that had just asked for a URL shortener: a short link may \
             have led there"
        ),
        attack: &["T1608.005", "T1566.002"],
    })
}

/// A registrable domain that nobody asked for before, of letters that nobody chose, where names are cheap.
fn random_label(engine: &Engine, host: &Host<'_>, seen: &Seen) -> Option<Finding> {
    if seen.registrable != Novelty::New || !is_random(engine, host) {
        return None;
    }
    let (domain, suffix) = (host.registrable, host.suffix);
    Some(Finding {
        technique: Technique::New,
        target: suffix.to_owned(),
        matched: domain.to_owned(),
        score: SCORE,
        shares: Shares::NONE,
        why: format!(
            "`{domain}` was first asked here today, its letters look random, and names under `.{suffix}` often deceive"
        ),
        attack: &["T1583.001"],
    })
}

/// Whether a host's registrable domain has a random-looking label under a risky suffix, and is nobody's we know of.
pub fn is_random(engine: &Engine, host: &Host<'_>) -> bool {
    let label = host.registrable.strip_suffix(host.suffix).unwrap_or("").trim_end_matches('.');
    host.hosting.is_none()
        && engine.risk(host.suffix) > 0
        && lookalike::looks_random(label)
        && !engine.is_somebodys(host)
}
