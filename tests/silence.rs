//! The lines that `check` suggests: pasted into a configuration, they silence what they were suggested for.
#![cfg(test)]

use squint::{
    app::{self, Offline},
    config,
    name::Name,
    policy::{self, PolicyId},
    verdict::{Action, Verdict},
};
use std::{collections::BTreeSet, fs, path::Path};

/// Names seen in phishing that are judged, evenly taken.
const NAMES_MAX: usize = 1_500;

/// Names whose lines are hard to get right.
const ODD: &[&str] = &[
    r"a\032b.paypal-login.top",
    r"paypal\032login.netlify.app",
    r"paypal-login\046.top",
    "www.paypal-login.uk.com",
    "paypal.com.paypal-login.co.com",
    "www.paypa1.com.evil.top",
    "paypal-login.top.fritz.box",
    "paypal-login.top.nosuchtld",
    "paypal--login-top.translate.goog",
    "paypal-login.netlify.app",
    "paypal-secure.sharepoint.com",
    "xn--pypal-4ve.com",
    "ipfs.paypal-login.top",
    "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.paypal-login.top",
    "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.paypal-login.top",
    "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link",
];

fn offline(text: &str) -> Offline {
    let config = config::parse(text, Path::new("squint.toml"));
    app::offline_with(&config.unwrap_or_else(|it| panic!("{it}\n{text}")), Vec::new()).unwrap()
}

fn judge(offline: &Offline, name: &Name) -> Verdict {
    policy::judge(&offline.policy, PolicyId(0), name, offline.now)
}

/// The lines suggested for a verdict, each with its value alone where it is an entry of an array.
fn add(lines: &mut Lines, offline: &Offline, name: &Name, verdict: &Verdict) {
    let text = name.text();
    let host = policy::host(&offline.policy.knowledge, &text, offline.now);
    for reason in &verdict.reasons {
        let line = policy::silence(reason, &host);
        let entry = |head| line.strip_prefix(head).and_then(|it| it.strip_suffix(']'));
        if let Some(entry) = entry("[platform] allow = [") {
            lines.allow.insert(entry.to_owned());
        } else {
            lines.rules.insert(line);
        }
    }
}

#[derive(Default)]
struct Lines {
    allow: BTreeSet<String>,
    rules: BTreeSet<String>,
}

impl Lines {
    /// One configuration of all lines.
    fn config(self) -> String {
        let joined = |it: BTreeSet<String>| it.into_iter().collect::<Vec<_>>();
        format!(
            "[platform]\nallow = [{}]\n{}\n",
            joined(self.allow).join(",\n"),
            joined(self.rules).join("\n")
        )
    }
}

#[test]
fn the_suggested_lines_silence() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/phishing");
    let files = ["discord_nikolaischunk_2024.tsv", "durablenapkin_2026.tsv"];
    let text: String =
        files.iter().map(|it| fs::read_to_string(folder.join(it)).unwrap()).collect();
    let fields = text.lines().filter_map(|it| it.split('\t').nth(1));
    let all: Vec<&str> = fields.filter(|it| it.contains('.')).collect();
    let step = all.len().div_ceil(NAMES_MAX);
    let names =
        all.into_iter().step_by(step).chain(ODD.iter().copied()).map(|it| Name::parse(it).unwrap());
    let (before, mut lines, mut found) = (offline(""), Lines::default(), Vec::new());
    for name in names {
        let verdict = judge(&before, &name);
        if verdict.action != Action::Pass {
            add(&mut lines, &before, &name, &verdict);
            found.push(name);
        }
    }
    assert!(found.len() > 200, "{} names found", found.len());
    let after = offline(&lines.config());
    let loud = |it: &&Name| judge(&after, it).action != Action::Pass;
    let loud: Vec<String> = found.iter().filter(loud).map(Name::text).collect();
    assert!(loud.is_empty(), "{} of {} names: {loud:#?}", loud.len(), found.len());
}

/// A line under a phishing finding must not open the door to all that its owner registered.
#[test]
fn a_line_reaches_no_further_than_its_name() {
    let before = offline("");
    for (name, beside) in [
        ("usps.com-login.top", "paypal.com-login.top"),
        ("www.paypal-login.top", "mail.paypal-login.top"),
        ("paypal-login.netlify.app", "paypal-verify.netlify.app"),
    ] {
        let [name, beside] = [name, beside].map(|it| Name::parse(it).unwrap());
        let mut lines = Lines::default();
        add(&mut lines, &before, &name, &judge(&before, &name));
        let after = offline(&lines.config());
        assert_eq!(judge(&after, &name).action, Action::Pass, "{}", name.text());
        assert_eq!(judge(&after, &beside).action, Action::Sinkhole, "{}", beside.text());
    }
}

#[test]
fn each_line_silences_by_itself() {
    let before = offline("");
    for name in ODD {
        let name = Name::parse(name).unwrap();
        let mut lines = Lines::default();
        add(&mut lines, &before, &name, &judge(&before, &name));
        let after = offline(&lines.config());
        assert_eq!(judge(&after, &name).action, Action::Pass, "{}", name.text());
    }
}
