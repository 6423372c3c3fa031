//! The platform tables against the Public Suffix List's private section, and the rules that every line of them keeps.
#![cfg(test)]

use std::{collections::BTreeMap, fs, path::PathBuf};

use proptest::prelude::*;
use squint::{
    name::{Class, Host, Scope},
    platform::{Allow, Covered, Platforms, finding},
};

fn read(path: &str) -> String {
    fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn host(name: &str) -> Host<'_> {
    Host { hosting: Platforms::builtin().find(name, 0), ..Host::new(name) }
}

/// Label by label; `*` in the pattern stands for any label.
fn fits(pattern: &str, entry: &str) -> bool {
    pattern.split('.').count() == entry.split('.').count()
        && pattern.split('.').zip(entry.split('.')).all(|(a, b)| a == "*" || a == b)
}

#[test]
fn every_private_suffix_is_classed_or_has_a_reason() {
    let list = read("tests/data/psl-private.txt");
    let entries = list.lines().filter(|it| !it.is_empty() && !it.starts_with("//"));
    let reasons = read("tests/data/psl-no-platform.tsv");
    let mut reasons: BTreeMap<&str, (&str, usize)> = reasons
        .lines()
        .filter(|it| !it.starts_with('#'))
        .map(|it| it.split_once('\t').map(|(pattern, why)| (pattern, (why, 0))).unwrap())
        .collect();
    let (mut classes, mut wrong) = (BTreeMap::new(), Vec::new());
    for entry in entries {
        let suffix = entry.replace('*', "any");
        let name = format!("tenant.{suffix}");
        let hosting = Platforms::builtin().find(&name, 0).filter(|it| it.platform == suffix);
        let reason = reasons.iter_mut().find(|(pattern, _)| fits(pattern, entry));
        match (hosting, reason) {
            (Some(it), None) => {
                *classes.entry(it.class.as_str()).or_insert(0) += 1;
                if it.scope == Scope::Tenant && it.tenant != name {
                    wrong.push(format!("{entry}: the tenant of {name} is {}", it.tenant));
                }
            }
            (None, Some((_, (why, uses)))) => {
                *classes.entry(why.split(':').next().unwrap()).or_insert(0) += 1;
                *uses += 1;
            }
            (Some(_), Some(_)) => {
                wrong.push(format!("{entry}: classed, and yet has a reason why not"))
            }
            (None, None) => {
                wrong.push(format!("{entry}: neither classed nor with a reason why not"))
            }
        }
    }
    wrong.extend(
        reasons.iter().filter(|it| it.1.1 == 0).map(|it| format!("{}: a reason for nothing", it.0)),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let expected = BTreeMap::from(EXPECTED);
    assert_eq!(classes, expected, "what the private section's entries are");
}

/// How the private section divides: classes of platforms first, then the reasons why the rest are none.
const EXPECTED: [(&str, usize); 15] = [
    ("dynamic-dns", 647),
    ("free-hosting", 494),
    ("ipfs-gateway", 8),
    ("link-in-bio", 3),
    ("paas", 944),
    ("saas-tenant", 183),
    ("shortener", 1),
    ("tunnel", 41),
    ("company", 43),
    ("content delivery", 49),
    ("government", 47),
    ("infrastructure", 474),
    ("institution", 42),
    ("registry", 322),
    ("rewriting proxy", 1),
];

#[test]
fn every_table_says_what_it_is_and_from_where() {
    let mut files: Vec<(&str, Option<Class>)> =
        Class::ALL.iter().map(|it| (it.as_str(), Some(*it))).collect();
    files.push(("own-hosts", None));
    for (file, class) in files {
        let text = read(&format!("blocklists/platforms/{file}.tsv"));
        let head: Vec<&str> = text.lines().take_while(|it| it.starts_with('#')).collect();
        assert!(head.len() >= 4, "{file}: the head says what it is, its columns and its sources");
        for line in text.lines().skip(head.len()) {
            let fields: Vec<&str> = line.split('\t').collect();
            let [suffix, scope, _, source, date] = fields[..] else { panic!("{file}: {line}") };
            let named = head.iter().any(|it| it.starts_with(&format!("# {source}: ")));
            assert!(named, "{file}: the head does not name the source `{source}`");
            assert!(date.starts_with("202"), "{file}: {line}");
            let name = format!("tenant.{}", suffix.replace('*', "any"));
            let found = Platforms::builtin().find(&name, 0);
            let is_it = found.is_some_and(|it| it.platform == &name["tenant.".len()..]);
            match class {
                Some(class) => {
                    assert!(is_it, "{file}: {suffix} is hidden by another entry");
                    let found = found.unwrap();
                    assert_eq!(
                        (found.class, found.scope == Scope::Host),
                        (class, scope == "host"),
                        "{suffix}"
                    );
                }
                None => assert!(found.is_none(), "{file}: {suffix} is on {found:?}"),
            }
        }
    }
}

#[test]
fn no_entry_takes_a_whole_public_suffix() {
    for class in Class::ALL {
        let text = read(&format!("blocklists/platforms/{}.tsv", class.as_str()));
        for line in text.lines().filter(|it| !it.starts_with('#')) {
            let suffix = line.split('\t').next().unwrap().replace('*', "any");
            assert!(!Host::new(&suffix).registrable.is_empty(), "{suffix} is a public suffix");
        }
    }
}

proptest! {
    #[test]
    fn any_name_is_looked_up(name in "([a-z0-9_\\-]{0,12}|ipfs|ipns|www|\\\\046|bafy[a-z2-7]{50})(\\.([a-z0-9\\-]{0,8}|ipfs|netlify|app|com|s3|amazonaws|dweb|link)){0,8}") {
        let host = host(&name);
        if let Some(it) = host.hosting {
            prop_assert!(name.ends_with(it.platform));
            prop_assert!(it.tenant.is_empty() || name.ends_with(it.tenant));
            prop_assert!(it.tenant.is_empty() || it.tenant.ends_with(it.platform));
            prop_assert!(it.tenant.is_empty() || it.scope == Scope::Tenant);
        }
        prop_assert_eq!(finding(&host).is_some(), host.hosting.is_some_and(|it| it.scope == Scope::Host || !it.tenant.is_empty()));
    }

    #[test]
    fn any_entry_is_read_or_refused(entry in "\\PC{0,40}|[a-z*.\\-:]{0,30}(\\.netlify\\.app|\\.com)?", name in "[a-z.\\-]{0,20}(\\.netlify\\.app)?") {
        if let Ok(allow) = Allow::parse(std::slice::from_ref(&entry)) {
            let covered = allow.covers(&host(&name));
            prop_assert!(covered != Some(Covered::Both) || !entry.contains('*'));
        }
    }
}

/// What the platform table alone makes of a name under a config: the part of a verdict that this table decides.
fn platform_action(name: &str, config: &toml::Table) -> String {
    let table = config.get("platform").and_then(toml::Value::as_table);
    let entries: Vec<String> = table
        .and_then(|it| it.get("allow"))
        .and_then(toml::Value::as_array)
        .map(|it| it.iter().map(|it| it.as_str().unwrap().to_owned()).collect())
        .unwrap_or_default();
    let host = host(name);
    let allow = Allow::parse(&entries).unwrap();
    let Some(hosting) =
        host.hosting.filter(|_| finding(&host).is_some() && allow.covers(&host).is_none())
    else {
        return "pass".to_owned();
    };
    let configured =
        table.and_then(|it| it.get(hosting.class.as_str())).and_then(toml::Value::as_str);
    let default = match hosting.class {
        Class::SaasTenant | Class::SimulatedPhishing => "pass",
        _ => "log",
    };
    configured.unwrap_or(default).to_owned()
}

#[test]
fn false_positives_have_a_config_that_silences_them() {
    let text = read("tests/data/false-positives.tsv");
    let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for line in text.lines().filter(|it| !it.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [kind, name, config, action, applied, note] = fields[..] else { panic!("{line}") };
        let config: toml::Table = config.replace("\\n", "\n").parse().unwrap();
        assert_eq!(platform_action(name, &config), action, "{line}");
        assert_eq!(applied, action, "platforms are monitored by default: {line}");
        assert!(!note.is_empty(), "{line}");
        kinds.entry(kind).or_default().push(name);
    }
    assert_eq!(kinds.len(), 5);
    for (kind, mut names) in kinds {
        names.sort_unstable();
        names.dedup();
        assert!(names.len() >= 20, "{kind} has {} names", names.len());
    }
}
