//! The form of the data files: what they hold is what the parts that read them may rely on.
#![cfg(test)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use squint::name::{Name, public_suffix, registrable};

const KNOWN_GOOD_MAX: usize = 20_000;
const CATEGORIES: [&str; 17] = [
    "airline",
    "bank",
    "crypto",
    "delivery",
    "games",
    "government",
    "insurance",
    "mail",
    "payment",
    "saas",
    "shop",
    "social",
    "streaming",
    "telecom",
    "toll",
    "travel",
    "utility",
];
const FLAGS: [&str; 6] = ["common", "crowded", "followed", "host", "hosted", "overlap"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The rows of a data file, comments and empty lines left out; panics where it does not say where it comes from.
fn rows(file: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(file)).unwrap_or_else(|it| panic!("{file}: {it}"));
    let head: String = text.lines().take_while(|it| it.starts_with('#')).collect();
    for word in ["Source", "Date: 20"] {
        assert!(head.contains(word), "{file}: the head has no `{word}`");
    }
    assert!(
        head.contains("icence") || head.contains("NOTICE.md"),
        "{file}: the head has no licence"
    );
    assert!(text.ends_with('\n') && !text.contains('\r'), "{file}: line ends");
    text.lines()
        .filter(|it| !it.is_empty() && !it.starts_with('#'))
        .map(|it| it.split('\t').map(str::to_owned).collect())
        .collect()
}

fn table(file: &str, width: usize) -> Vec<Vec<String>> {
    let rows = rows(file);
    for row in &rows {
        assert_eq!(row.len(), width, "{file}: {row:?}");
        assert!(row.iter().all(|it| it.trim() == it), "{file}: space around a field of {row:?}");
    }
    rows
}

/// A column that is sorted and names nothing twice.
fn assert_sorted(file: &str, rows: &[Vec<String>], column: usize) {
    for pair in rows.windows(2) {
        let (a, b) = (&pair[0][column], &pair[1][column]);
        assert!(a < b, "{file}: `{a}` stands before `{b}`");
    }
}

/// A name that parses to itself: lower case, A-labels, no trailing dot.
fn assert_name(file: &str, text: &str) {
    let name = Name::parse(text).unwrap_or_else(|it| panic!("{file}: {it}"));
    assert_eq!(name.text(), text, "{file}");
}

fn assert_registrable(file: &str, text: &str) {
    assert_name(file, text);
    assert_eq!(registrable(text), text, "{file}: `{text}` is no registrable domain");
}

fn is_label(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit())
}

#[test]
fn brands_are_labels_with_domains_of_their_owner() {
    let file = "blocklists/brands.tsv";
    let brands = table(file, 5);
    assert_sorted(file, &brands, 0);
    let mut owner_of: BTreeMap<&str, &str> = BTreeMap::new();
    for row in &brands {
        let [label, domains, owner, category, flags] = row.as_slice() else { unreachable!() };
        assert!(is_label(label) && label.len() >= 3, "{label}");
        assert!(!owner.is_empty(), "{label} has no owner");
        assert!(CATEGORIES.contains(&category.as_str()), "{label}: category `{category}`");
        for flag in flags.split(',').filter(|it| !it.is_empty()) {
            assert!(FLAGS.contains(&flag), "{label}: flag `{flag}`");
        }
        for domain in domains.split(',') {
            assert_name(file, domain);
            let held = registrable(domain);
            // A government may hold a whole public suffix (`gov.uk`).
            assert!(!held.is_empty() || public_suffix(domain) == domain, "{label}: `{domain}`");
            if held == domain {
                let owner_before = owner_of.insert(domain, owner);
                assert!(owner_before.is_none_or(|it| it == owner), "`{domain}` has two owners");
            }
        }
    }
    assert!(brands.len() >= 2000, "{} brands", brands.len());
}

#[test]
fn owners_hold_other_domains_than_the_brands_name() {
    let brands = table("blocklists/brands.tsv", 5);
    let owners: BTreeSet<&str> = brands.iter().map(|it| it[2].as_str()).collect();
    let official: BTreeSet<&str> = brands.iter().flat_map(|it| it[1].split(',')).collect();
    let file = "blocklists/owners.tsv";
    let (mut seen, rows) = (BTreeSet::new(), table(file, 2));
    for row in &rows {
        assert!(owners.contains(row[0].as_str()), "{file}: owner `{}` has no brand", row[0]);
        assert_registrable(file, &row[1]);
        assert!(!official.contains(row[1].as_str()), "{file}: `{}` is in brands.tsv", row[1]);
        assert!(seen.insert(row[1].as_str()), "{file}: `{}` twice", row[1]);
    }
    assert!(rows.is_sorted(), "{file} is not sorted");
    let holder = |domain: &str| rows.iter().find(|it| it[1] == domain).map(|it| it[0].as_str());
    assert_eq!(holder("paypa1.com"), Some("PayPal"));
    assert_eq!(holder("yahoo.de"), Some("Yahoo"));
    assert_eq!(holder("samsungmembers.com"), Some("Samsung"));
    assert_eq!(holder("blogspot.de"), None);
}

#[test]
fn known_good_is_small_and_registrable() {
    let file = "blocklists/known-good.txt";
    let rows = table(file, 1);
    assert!(rows.len() <= KNOWN_GOOD_MAX, "{} names", rows.len());
    assert_sorted(file, &rows, 0);
    for row in &rows {
        assert_registrable(file, &row[0]);
    }
}

#[test]
fn words_have_a_strength_and_a_language() {
    let file = "blocklists/keywords.tsv";
    let keywords = table(file, 3);
    assert_sorted(file, &keywords, 0);
    for row in &keywords {
        let word = &row[0];
        assert!(word.len() >= 2 && word.split('-').all(is_label), "{file}: `{word}`");
        assert!(["strong", "weak", "honest"].contains(&row[1].as_str()), "{file}: {row:?}");
        assert!(row[2].len() == 2, "{file}: {row:?}");
    }
    let languages: BTreeSet<&str> = keywords.iter().map(|it| it[2].as_str()).collect();
    assert!(languages.len() >= 20, "{languages:?}");
    let file = "blocklists/words.txt";
    let words = table(file, 1);
    assert_sorted(file, &words, 0);
    assert!(words.iter().all(|it| is_label(&it[0])));
    // A brand that is no word must not hide behind the dictionary.
    let brands = table("blocklists/brands.tsv", 5);
    let words: BTreeSet<&str> = words.iter().map(|it| it[0].as_str()).collect();
    let lures: BTreeSet<&str> = keywords.iter().map(|it| it[0].as_str()).collect();
    for row in &brands {
        assert!(!lures.contains(row[0].as_str()), "keywords.tsv: `{}` is a brand", row[0]);
    }
    for row in brands.iter().filter(|it| !it[4].split(',').any(|flag| flag == "common")) {
        assert!(!words.contains(row[0].as_str()), "{file}: `{}` is a brand", row[0]);
    }
}

#[test]
fn homoglyphs_read_as_ascii() {
    let file = "blocklists/homoglyphs.tsv";
    let rows = table(file, 3);
    let mut seen = BTreeSet::new();
    for row in &rows {
        let mut chars = row[0].chars();
        let (c, rest) = (chars.next().unwrap(), chars.next());
        assert!(!c.is_ascii() && rest.is_none(), "{file}: {row:?}");
        assert!(row[1].len() <= 2 && is_label(&row[1]), "{file}: {row:?}");
        assert!(["confusable", "hooked", "barred", "other"].contains(&row[2].as_str()), "{row:?}");
        assert!(seen.insert((c, row[1].as_str())), "{file}: {row:?} twice");
    }
    assert!(rows.is_sorted_by_key(|it| it[0].chars().next().unwrap()), "{file} is not sorted");
}

#[test]
fn risky_suffixes_have_a_grade() {
    let file = "blocklists/risky-tlds.txt";
    let rows = table(file, 2);
    assert_sorted(file, &rows, 0);
    for row in &rows {
        assert_name(file, &row[0]);
        assert!(["1", "2", "3"].contains(&row[1].as_str()), "{file}: {row:?}");
    }
}

#[test]
fn suffixes_have_a_kind() {
    let kinds = [
        (
            "blocklists/infrastructure.tsv",
            "cdn cloud dns education government mail military vendor",
        ),
        ("blocklists/carried.tsv", "lookup proxy router undelegated underscore"),
    ];
    for (file, kinds) in kinds {
        let rows = table(file, 2);
        assert_sorted(file, &rows, 0);
        for row in &rows {
            assert!(kinds.split(' ').any(|it| it == row[1]), "{file}: {row:?}");
            assert_name(file, &row[0].replace('*', "x"));
            if row[1] == "underscore" {
                assert!(row[0].starts_with('_') && !row[0].contains('.'), "{file}: {row:?}");
            }
            if row[1] == "undelegated" {
                let known = psl::suffix(row[0].as_bytes()).is_some_and(|it| it.is_known());
                assert!(!known && !row[0].contains('.'), "{file}: {row:?} is delegated");
            }
        }
    }
}

#[test]
fn names_are_names() {
    let files = [
        ("benign/sites.tsv", 3, 1, 8_000),
        ("benign/hosts.txt", 1, 0, 4_000),
        ("benign/idn_real.txt", 1, 0, 250),
        ("carried.txt", 2, 1, 220),
    ];
    for (file, width, column, count) in files {
        let file = format!("tests/data/{file}");
        let rows = table(&file, width);
        assert!(rows.len() >= count, "{file}: {} rows", rows.len());
        let mut seen = BTreeSet::new();
        for row in &rows {
            assert_name(&file, &row[column]);
            assert!(seen.insert(row[column].as_str()), "{file}: `{}` twice", row[column]);
        }
    }
    let carried = table("tests/data/carried.txt", 2);
    let silent = carried.iter().filter(|it| !matches!(it[0].as_str(), "evil" | "doubtful"));
    assert!(silent.count() >= 200);
    let embedding = "tests/data/vectors/embedding.tsv";
    assert!(rows(embedding).iter().all(|it| it.len() == 3), "{embedding}");
}
