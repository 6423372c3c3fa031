//! Findings and rules in, verdict out: who may decide, in which order, and what the client gets.

use super::{Findings, Group, Policy, PolicyId, listed::write_why, newness};
use crate::{
    list::{self, Index},
    name::{Class, Host, Name, wire_text},
    platform::Covered,
    verdict::{Action, Finding, Mode, Reason, Shares, Source, Technique, Verdict},
};

/// What one source says of a name.
struct Voice {
    source: Source,
    mode: Mode,
    action: Action,
    findings: Vec<Finding>,
    /// The entry, for sources that are lists.
    entry: Option<list::Match>,
    /// Octets of the qname's suffix that matched; the whole name where the source judges whole names.
    matched_len: u8,
}

/// Decides what is done with a name, given what was found about it.
///
/// All sources are asked. The first *enforced* one in the order of [`Source`] decides; findings after it stay as
/// overridden reasons, monitored ones before it as plain reasons. Where none is enforced, the first monitored one gives
/// the action, and the client gets the answer as it is.
pub fn decide(
    policy: &Policy,
    id: PolicyId,
    name: &Name,
    host: &Host<'_>,
    findings: &Findings,
) -> Verdict {
    let group = &policy.groups[usize::from(id.0)];
    let held = held(&policy.rules.index, name);
    let voices = voices(policy, group, &held, name, host, findings);
    let (platform, tenant) = host.hosting.map_or(("", ""), |it| (it.platform, it.tenant));
    let mut verdict = Verdict {
        platform: platform.to_owned(),
        tenant: tenant.to_owned(),
        class: host.hosting.map(|it| it.class),
        valid_until: findings.valid_until,
        ..Verdict::PASS
    };
    let Some(first) = voices.first() else { return verdict };
    let enforced = voices.iter().position(|it| it.mode == Mode::Enforce);
    let deciding = enforced.unwrap_or(0);
    verdict.mode = voices.get(deciding).unwrap_or(first).mode;
    let mut before = Vec::new();
    for (at, voice) in voices.into_iter().enumerate() {
        let overridden = at > deciding && enforced.is_some();
        match voice.source {
            Source::Lookalike => verdict.score = findings.score,
            Source::Seen => {
                verdict.score =
                    voice.findings.iter().map(|it| it.score).fold(verdict.score, u8::max);
            }
            _ => (),
        }
        if at == deciding {
            verdict.action = voice.action;
            if let Some(it) = voice.entry {
                verdict.rule = format!("{}:{}", policy.rules.index.list(it).name, it.line);
            }
            verdict.lists = lists(&held, voice.entry.map(|it| it.list));
            verdict.matched_len = voice.matched_len;
            verdict.applied = match (enforced, voice.action) {
                (Some(_), action) => action,
                (None, Action::Pass) => Action::Pass,
                (None, _) => Action::Log,
            };
        }
        let reasons = voice.findings.into_iter().map(|finding| Reason {
            source: voice.source,
            finding,
            overridden,
        });
        if at < deciding { before.extend(reasons) } else { verdict.reasons.extend(reasons) }
    }
    // The deciding reason comes first; monitored ones of higher precedence follow it.
    let own = verdict.reasons.iter().take_while(|it| !it.overridden).count();
    verdict.reasons.splice(own..own, before);
    verdict.shrink();
    verdict
}

/// The verdict where an enforced rule or list has an answer of its own, whatever knowledge says of the name, which is not asked: its
/// reasons are those of rules alone. `None` where only judging the name tells what is done. `now` is Unix time in seconds.
pub fn decided_by_rules(policy: &Policy, id: PolicyId, name: &Name, now: u64) -> Option<Verdict> {
    let rules = &policy.rules;
    if rules.own.find(name).is_none() && rules.index.find(name).block.is_none() {
        return None;
    }
    let text = name.text();
    let host = super::host(&policy.knowledge, &text, now);
    // Simulated phishing comes before block lists.
    let findings = super::of_platform(&host, now);
    let verdict = decide(policy, id, name, &host, &findings);
    let decides = verdict.reasons.first()?.source;
    let is_ruled = matches!(decides, Source::Rule | Source::List);
    (is_ruled && verdict.applied.changes_answer()).then_some(verdict)
}

/// Everyone who has something to say, in the order of precedence.
fn voices(
    policy: &Policy,
    group: &Group,
    held: &[list::Match],
    name: &Name,
    host: &Host<'_>,
    findings: &Findings,
) -> Vec<Voice> {
    let rules = &policy.rules;
    let found = rules.index.first_of(held);
    let covered =
        host.name.is_empty().then_some(Covered::Both).or_else(|| rules.allow.covers(host));
    let mut voices = Vec::new();
    voices.extend(own_rule(policy, name, host));
    voices.extend(found.allow.map(|it| list_voice(policy, Source::Allow, it, held, name, host)));
    let privileged = host.hosting.is_some_and(|it| it.class == Class::SimulatedPhishing)
        && !group.class(Class::SimulatedPhishing).changes_answer();
    if privileged {
        voices.extend(findings.platform.iter().map(|it| Voice {
            source: Source::SimulatedPhishing,
            mode: Mode::Enforce,
            action: group.class(Class::SimulatedPhishing),
            findings: vec![it.clone()],
            entry: None,
            matched_len: 0,
        }));
    }
    voices.extend(found.block.map(|it| list_voice(policy, Source::List, it, held, name, host)));
    if covered != Some(Covered::Both) {
        voices.extend(lookalike(group, host, findings));
    }
    if covered.is_none() && !privileged {
        voices.extend(platform(group, host, findings));
        voices.extend(new(group, findings));
    }
    voices
}

fn own_rule(policy: &Policy, name: &Name, host: &Host<'_>) -> Option<Voice> {
    let (suffix, action) = policy.rules.own.find(name)?;
    let target = wire_text(suffix);
    let why = format!("your own rule for `{target}` says {action}");
    let matched_len = u8::try_from(suffix.len()).unwrap_or(0);
    let finding = entry(Technique::Rule, target, host, why);
    Some(Voice {
        source: Source::Rule,
        mode: Mode::Enforce,
        action,
        findings: vec![finding],
        entry: None,
        matched_len,
    })
}

fn list_voice(
    policy: &Policy,
    source: Source,
    found: list::Match,
    held: &[list::Match],
    name: &Name,
    host: &Host<'_>,
) -> Voice {
    let list = policy.rules.index.list(found);
    let target = wire_text(found.suffix(name));
    let (verb, action) =
        if source == Source::Allow { ("allows", Action::Pass) } else { ("blocks", list.action) };
    let mut why = String::new();
    write_why(&policy.rules.index, verb, found, held, name, &mut why);
    let finding = entry(Technique::Entry, target, host, why);
    Voice {
        source,
        mode: list.mode,
        action,
        findings: vec![finding],
        entry: Some(found),
        matched_len: found.octets,
    }
}

/// Every entry of a list that covers a name.
fn held(index: &Index, name: &Name) -> Vec<list::Match> {
    let mut held = Vec::new();
    index.each(name, |it| held.push(it));
    held
}

/// The lists that hold a name, each once, the one that decided first.
fn lists(held: &[list::Match], decided: Option<u16>) -> Vec<u16> {
    let mut lists: Vec<u16> = held.iter().map(|it| it.list).collect();
    lists.sort_unstable_by_key(|it| (Some(*it) != decided, *it));
    lists.dedup();
    lists
}

fn entry(technique: Technique, target: String, host: &Host<'_>, why: String) -> Finding {
    let (matched, shares) = (host.name.to_owned(), Shares::NONE);
    Finding { technique, target, matched, score: 0, shares, why, attack: &[] }
}

fn lookalike(group: &Group, host: &Host<'_>, findings: &Findings) -> Option<Voice> {
    let mut told = findings.lookalike.clone();
    let action = match findings.score {
        score if score >= group.block && is_only_carried(group, findings) => {
            told.push(newness::carried(findings, host));
            Action::Log
        }
        score if score >= group.block => Action::Sinkhole,
        score if score >= group.log => Action::Log,
        _ => return None,
    };
    let voice = Voice {
        source: Source::Lookalike,
        mode: group.lookalike,
        action,
        findings: told,
        entry: None,
        matched_len: 0,
    };
    (group.lookalike != Mode::Off && !findings.lookalike.is_empty()).then_some(voice)
}

/// Whether a search suffix of this network explains everything that would be sinkholed.
fn is_only_carried(group: &Group, findings: &Findings) -> bool {
    let explained = |it: &Finding| newness::is_carrying(it) || it.score < group.block;
    !findings.carrier.is_empty() && findings.lookalike.iter().all(explained)
}

/// What is new here is worth a look and no more, whatever the mode.
fn new(group: &Group, findings: &Findings) -> Option<Voice> {
    let finding = findings.new.clone().filter(|it| it.score >= group.log)?;
    (group.lookalike != Mode::Off).then(|| Voice {
        source: Source::Seen,
        mode: Mode::Monitor,
        action: Action::Log,
        findings: vec![finding],
        entry: None,
        matched_len: 0,
    })
}

fn platform(group: &Group, host: &Host<'_>, findings: &Findings) -> Option<Voice> {
    let action = group.class(host.hosting?.class);
    let finding = findings.platform.clone()?;
    // A class that passes has nothing to say; the platform and tenant stand in the verdict all the same.
    (group.platform != Mode::Off && action != Action::Pass).then(|| Voice {
        source: Source::Platform,
        mode: group.platform,
        action,
        findings: vec![finding],
        entry: None,
        matched_len: 0,
    })
}
