//! Platform hosts among phishing, and how many of them the platform table classes.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fs,
    path::Path,
};

use crate::{
    bar::Bar,
    files,
    names::{host, names},
};

/// Lists of platforms, and the classes that a host under one of their suffixes may have; any, where none is named.
const LISTS: [(&str, &[&str]); 10] = [
    ("psl_private_section.txt", &[]),
    ("misp_lots-project.txt", &[]),
    ("maltrail_free_web_hosting.txt", &["free-hosting", "paas"]),
    ("maltrail_dynamic_domain.txt", &["dynamic-dns"]),
    ("misp_dynamic-dns.txt", &["dynamic-dns"]),
    ("maltrail_port_proxy.txt", &["tunnel"]),
    ("misp_url-shortener.txt", &["shortener"]),
    ("misp_link-in-bio.txt", &["link-in-bio"]),
    ("ipfs_gateways_current.txt", &["ipfs-gateway"]),
    ("ipfs_gateways_all_history_plus_misp.txt", &["ipfs-gateway"]),
];

/// Prints phishing hosts by class, and the share of known platforms' hosts that has a class.
pub(crate) fn print(data: &Path, bar: &mut Bar) {
    let suffixes = suffixes(&data.join("suffix"));
    let mut classes: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut all, mut known, mut classed) = (0_usize, 0_usize, 0_usize);
    let mut missed: HashMap<String, usize> = HashMap::new();
    for file in files(&data.join("phishing")) {
        for name in names(&file) {
            all += 1;
            let class = host(&name).hosting.map(|it| it.class.as_str());
            *classes.entry(class.unwrap_or("none")).or_default() += 1;
            let Some((suffix, expected)) = reference(&name, &suffixes) else { continue };
            known += 1;
            let right = class.is_some_and(|it| expected.is_empty() || expected.contains(&it));
            classed += usize::from(right);
            if !right {
                *missed.entry(format!("{suffix} ({})", class.unwrap_or("none"))).or_default() += 1;
            }
        }
    }
    println!("\n| class of platform | phishing hosts of {all} | % |\n|---|---|---|");
    for (class, count) in classes {
        println!("| {class} | {count} | {:.1} |", count as f64 * 100.0 / all as f64);
    }
    if known > 0 {
        let mut missed: Vec<_> = missed.into_iter().collect();
        missed.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let most: Vec<String> =
            missed.iter().take(12).map(|it| format!("{} {}", it.1, it.0)).collect();
        println!(
            "\nHosts under a suffix that a public list names as a platform: {classed} of {known} classed as listed; others: {}",
            most.join(", ")
        );
        bar.platforms(classed, known);
    }
}

/// Suffixes of the lists in a folder with the classes they may have.
fn suffixes(folder: &Path) -> HashMap<String, Vec<&'static str>> {
    let mut suffixes: HashMap<String, Vec<&str>> = HashMap::new();
    // Registries, companies and the like in the private section; `tests/platforms.rs` holds the reasons to the list.
    let no_platforms = include_str!("../../tests/data/psl-no-platform.tsv");
    let no_platforms: HashSet<&str> =
        no_platforms.lines().filter_map(|it| it.split('\t').next()).collect();
    for (file, classes) in LISTS {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|it| it.contains('.') && !it.starts_with(['#', '/', '!']))
        {
            if no_platforms.contains(line) {
                continue;
            }
            let known = suffixes.entry(line.trim_start_matches('.').to_lowercase());
            known.or_insert_with(|| classes.to_vec());
        }
    }
    suffixes
}

/// The longest suffix of the lists that a name stands under, or that it is where the platform itself is what is linked to.
fn reference(
    name: &str,
    suffixes: &HashMap<String, Vec<&'static str>>,
) -> Option<(String, Vec<&'static str>)> {
    let mut rest = name;
    loop {
        let under = rest.split_once('.').map(|it| format!("*.{}", it.1));
        let found = suffixes.get_key_value(rest).or_else(|| suffixes.get_key_value(&under?));
        if let Some((suffix, classes)) = found {
            let is_itself = name.strip_prefix("www.").unwrap_or(name) == rest;
            let is_linked = classes.contains(&"shortener") || classes.contains(&"link-in-bio");
            return (is_linked || !is_itself).then(|| (suffix.clone(), classes.clone()));
        }
        rest = rest.split_once('.')?.1;
    }
}
