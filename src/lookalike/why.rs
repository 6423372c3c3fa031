//! Sentences: what a tired person reads about a finding.

use crate::{
    name::{self, Host},
    verdict::{Finding, Technique},
};

use super::{
    Knowledge,
    evidence::{Detail, Evidence},
    homograph,
    mixed_script::{self, Oddity},
    punycode,
    view::{Cut, Span, View},
    words::Strength,
};

/// Everything a sentence may speak of.
pub(super) struct Told<'a> {
    pub(super) know: &'a Knowledge,
    pub(super) host: &'a Host<'a>,
    pub(super) cut: Cut<'a>,
    pub(super) view: &'a View,
}

impl Told<'_> {
    /// The finding for a piece of evidence.
    pub(super) fn finding(&self, evidence: &Evidence, score: u8) -> Finding {
        let target = self.target(evidence);
        Finding {
            technique: evidence.technique,
            matched: self.view.shown(evidence.span).replace('.', "-"),
            score,
            shares: self.know.weights.shares(evidence.features),
            why: self.sentence(evidence, &target),
            attack: self.attack(evidence),
            target,
        }
    }

    fn target(&self, evidence: &Evidence) -> String {
        match evidence.detail {
            Detail::Known(id) => self.know.known.name(id).to_owned(),
            Detail::Domain(id) => {
                let domain = &self.know.protected.domains[id as usize];
                domain.shown.as_ref().to_owned()
            }
            Detail::Stranger => self.view.shown(evidence.span),
            Detail::None | Detail::Slip(_) | Detail::Far(_) => {
                self.know.protected.label(evidence.label).domain.as_ref().to_owned()
            }
        }
    }

    fn attack(&self, evidence: &Evidence) -> &'static [&'static str] {
        match (evidence.technique, self.cut.platform) {
            (_, Some(_)) => &["T1608.005", "T1566.002"],
            (
                Technique::Typo | Technique::Bitsquat | Technique::Plural | Technique::Hyphen,
                None,
            ) => &["T1583.001"],
            (_, None) => &["T1583.001", "T1566.002"],
        }
    }

    fn sentence(&self, evidence: &Evidence, target: &str) -> String {
        let name = shown(self.host);
        let matched = self.view.shown(evidence.span).replace('.', "-");
        let site = self.cut.site;
        match (evidence.technique, evidence.detail) {
            (Technique::Homograph, _) => {
                format!("{name} reads as `{target}`: {}", self.deceiving(evidence).join(", "))
            }
            (_, Detail::Slip(slip)) => {
                format!("{name} is one slip away from `{target}`: in `{matched}` {}", slip.words())
            }
            (_, Detail::Far(slips)) => {
                let count = if slips == 1 { "one slip" } else { "two slips" };
                format!(
                    "{name} is {count} away from `{target}`, letters that look alike not counted: `{matched}`"
                )
            }
            (Technique::Hyphen, _) if self.know.protected.label(evidence.label).unhyphenated => {
                let how = if matched.contains('-') {
                    "with other hyphens than"
                } else {
                    "without the hyphens of"
                };
                format!("{name} writes `{matched}` {how} `{target}`")
            }
            (Technique::Hyphen, _) => {
                format!("{name} writes `{matched}` with hyphens that `{target}` does not have")
            }
            (Technique::Embedding, _) => self.carried(evidence, target, &name),
            (Technique::Doppelganger, _) => {
                format!("{name} is an address of `{target}` with a dot left out")
            }
            (Technique::TldSwap, _) => {
                format!(
                    "{name} is the name of `{target}` under `.{}`, where its owner is not known to have it",
                    self.cut.suffix
                )
            }
            (Technique::Subdomain, _) => {
                format!(
                    "{name} names `{matched}` in front of `{site}`, which is not one of the domains of `{target}`"
                )
            }
            (Technique::TenantBrand, _) => {
                let beside =
                    self.beside(evidence).map(|it| format!(" beside `{it}`")).unwrap_or_default();
                format!(
                    "{name} sets `{matched}`{beside} in front of `{}`, where anybody may take a name, and is not `{target}`",
                    self.cut.suffix
                )
            }
            (_, _) => match self.beside(evidence) {
                Some(word) => {
                    format!(
                        "{name} sets `{matched}` beside `{word}`, and is not one of the domains of `{target}`"
                    )
                }
                None => format!(
                    "{name} uses the name `{matched}`, and is not one of the domains of `{target}`"
                ),
            },
        }
    }

    /// What is said of a domain inside a name.
    fn carried(&self, evidence: &Evidence, target: &str, name: &str) -> String {
        let site = self.cut.site;
        if evidence.detail == Detail::Stranger {
            format!(
                "{name} carries what reads as the domain `{target}`, but belongs to whoever holds `{site}`"
            )
        } else if self.is_registered(evidence.span) {
            format!(
                "{name} spells `{target}` in its own name, and is not one of the domains of its owner"
            )
        } else {
            format!("{name} carries `{target}` in front, but belongs to whoever holds `{site}`")
        }
    }

    /// Whether a span stands within the label that somebody registered.
    fn is_registered(&self, span: Span) -> bool {
        let at = self.view.label_of(span);
        self.view.labels().get(at).is_some_and(|it| it.contains(span))
            && self.view.is_registered(at)
    }

    /// The characters that deceive.
    fn deceiving(&self, evidence: &Evidence) -> Vec<String> {
        let at = self.view.label_of(evidence.span);
        let label = self.cut.own.split('.').nth(at).unwrap_or("");
        // What stands beside the match may be honest words of another language.
        let tokens = self.view.tokens().iter().filter(|it| usize::from(it.label) == at).enumerate();
        let matched = || tokens.clone().filter(|it| it.1.span.overlaps(evidence.span));
        let first = matched().next().map_or(0, |it| it.0);
        let tokens = first..first + matched().count();
        let mut said = homograph::foreign(label, &tokens, &self.know.glyphs);
        if matches!(evidence.detail, Detail::Known(_)) {
            return said;
        }
        let written = self.view.bytes(evidence.span);
        let meant = self.know.protected.label(evidence.label).text.as_bytes();
        if let Some(swaps) = homograph::align(written, meant) {
            said.extend(homograph::places(written, meant, &swaps));
        }
        said
    }

    /// The strongest word beside a match in its label.
    fn beside(&self, evidence: &Evidence) -> Option<String> {
        let at = self.view.label_of(evidence.span);
        let mut best: Option<(Option<Strength>, Span)> = None;
        for token in self.view.tokens().iter().filter(|it| usize::from(it.label) == at) {
            let pieces = if token.span.overlaps(evidence.span) {
                [
                    Span {
                        start: token.span.start,
                        end: evidence.span.start.max(token.span.start),
                    },
                    Span { start: evidence.span.end.min(token.span.end), end: token.span.end },
                ]
            } else {
                [token.span, Span { start: 0, end: 0 }]
            };
            let is_readable = |it: &Span| it.len() > 0 && self.view.bytes(*it).is_ascii();
            for piece in pieces.into_iter().filter(is_readable) {
                let strength = self.know.words.at(self.view, piece);
                if best.is_none_or(|(old, _)| strength > old) {
                    best = Some((strength, piece));
                }
            }
        }
        let (_, span) = best?;
        if self.view.foreign(span) == 0 { Some(self.view.shown(span)) } else { self.written(span) }
    }

    /// A token as it is written, in whatever letters; `None` for a part of one.
    fn written(&self, span: Span) -> Option<String> {
        let at = self.view.label_of(span);
        let mut tokens = self.view.tokens().iter().filter(|it| usize::from(it.label) == at);
        let number = tokens.position(|it| it.span == span)?;
        let decoded = punycode::decode(self.cut.own.split('.').nth(at)?.as_bytes())?;
        let separates = |it: &char| self.know.glyphs.separates(*it);
        let mut tokens = decoded.chars().split(separates).filter(|it| !it.is_empty());
        Some(tokens.nth(number)?.iter().collect())
    }
}

/// The name, with its decoded form where that differs.
fn shown(host: &Host<'_>) -> String {
    let shown = name::to_unicode(host.name);
    if shown == host.name {
        format!("`{}`", host.name)
    } else {
        format!("`{}` ({shown})", host.name)
    }
}

/// The finding for a label whose characters are odd.
pub(super) fn oddity(
    know: &Knowledge,
    host: &Host<'_>,
    (label, oddity): (&str, Oddity),
    score: u8,
) -> Finding {
    Finding {
        technique: Technique::MixedScript,
        target: String::new(),
        matched: label.to_owned(),
        score,
        shares: know.weights.shares(mixed_script::features()),
        why: format!("{} {}", shown(host), oddity.words(label, &know.glyphs)),
        attack: &["T1583.001"],
    }
}
