//! What judging a name costs: real host names and phishing hosts, each measured alone, best of five; names made to be slow;
//! and what one would take instead. `cargo bench --bench judge`.
#![expect(clippy::print_stdout, reason = "a bench prints")]

#[path = "../examples/quality/names.rs"]
mod names;

use std::{
    collections::HashSet,
    hint::black_box,
    path::{Path, PathBuf},
    time::Instant,
};

use names::{host, names};
use squint::{
    lookalike::{Config, Engine},
    name::Host,
};

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let start = now();
    let engine = Engine::new(&Config::default());
    println!("start-up with the built-in data: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let own: Vec<String> = (0..1_000).map(|it| format!("{}.example", made_up(it))).collect();
    let thousand = Engine::new(&Config { domains: own, ..Config::default() });
    let own: Vec<String> = (0..100_000).map(|it| format!("{}.example", made_up(it))).collect();
    let start = now();
    let many = Engine::new(&Config { domains: own, ..Config::default() });
    println!("start-up with 100,000 own domains: {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
    let data = data();
    for file in [
        "benign/misp_cisco_top20k_2026-08.txt",
        "phishing/openphish_2024-10_2025-12.tsv",
        "phishing/jpcert_2019_2023.tsv",
        "benign/opendns_random10k_2014.txt",
        "phishing/discord_nikolaischunk_2024.tsv",
    ] {
        let names = names(&data.join(file), usize::from(file.starts_with("phishing")));
        if names.is_empty() {
            continue;
        }
        println!("\n{file}: {} names", names.len().min(20_000));
        for (what, engine) in
            [("built in", &engine), ("1,000 own", &thousand), ("100,000 own", &many)]
        {
            report(what, engine, &names);
        }
        instead(&names);
    }
    println!("\nnames made to be slow (µs, best of five):");
    for (what, name) in slow_names() {
        let best = best_of_five(&engine, &host(&name)).max(best_of_five(&many, &host(&name)));
        println!("  {what}: {best:.1}");
    }
}

fn data() -> PathBuf {
    let given = std::env::var_os("SQUINT_DATA").map(PathBuf::from);
    given.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data"))
}

/// A made-up word of six to nine letters.
fn made_up(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x2545_f491_4f6c_dd1d;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let len = 3 + next() % 2;
    (0..len)
        .flat_map(|_| {
            let (consonant, vowel) = (next() % 20, next() % 5);
            [b"bcdfghjklmnpqrstvwxz"[consonant as usize], b"aeiou"[vowel as usize]]
        })
        .map(char::from)
        .collect()
}

/// Microseconds for one name, the best of five.
fn best_of_five(engine: &Engine, host: &Host<'_>) -> f64 {
    let mut out = Vec::with_capacity(16);
    let mut best = f64::MAX;
    for _ in 0..5 {
        out.clear();
        let start = now();
        black_box(engine.judge(black_box(host), &mut out));
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

fn report(what: &str, engine: &Engine, names: &[String]) {
    let step = names.len().div_ceil(20_000);
    let mut costs: Vec<f64> =
        names.iter().step_by(step).map(|it| best_of_five(engine, &host(it))).collect();
    costs.sort_by(f64::total_cmp);
    let at = |share: f64| costs[((costs.len() - 1) as f64 * share) as usize];
    println!(
        "  {what}, {} domains: median {:.2} µs, 99 % {:.2}, 99.9 % {:.2}, worst {:.2}",
        engine.protected_count(),
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0)
    );
}

/// What one would take instead: permutations of a thousand names in a hash set, and a loop of edit distances.
fn instead(names: &[String]) {
    let brands: Vec<String> = (0..1_000).map(made_up).collect();
    let permutations: HashSet<String> = brands.iter().flat_map(|it| permutations(it)).collect();
    let some: Vec<&str> = names.iter().take(2_000).map(String::as_str).collect();
    let start = now();
    let mut hits = 0;
    for name in &some {
        hits += usize::from(name.split('.').any(|it| permutations.contains(it)));
    }
    let set = start.elapsed().as_secs_f64() * 1e6 / some.len() as f64;
    let start = now();
    for name in some.iter().take(200) {
        let label = name.rsplit('.').nth(1).unwrap_or("");
        hits += brands.iter().filter(|it| distance(label.as_bytes(), it.as_bytes()) == 1).count();
    }
    let edit = start.elapsed().as_secs_f64() * 1e6 / some.len().min(200) as f64;
    black_box(hits);
    println!(
        "  instead: {} permutations of 1,000 names in a hash set {set:.2} µs, a loop of edit distances {edit:.0} µs",
        permutations.len()
    );
}

/// Omissions, repetitions, transpositions and replacements of one label.
fn permutations(label: &str) -> Vec<String> {
    let mut all = Vec::new();
    for at in 0..label.len() {
        let (left, right) = label.split_at(at);
        all.push(format!("{left}{}", &right[1..]));
        all.push(format!("{left}{}{right}", &right[..1]));
        for letter in 'a'..='z' {
            all.push(format!("{left}{letter}{}", &right[1..]));
        }
        if right.len() > 1 {
            all.push(format!("{left}{}{}{}", &right[1..2], &right[..1], &right[2..]));
        }
    }
    all
}

fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let cost = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = cost.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// Names that make every table say "perhaps".
fn slow_names() -> Vec<(&'static str, String)> {
    let label = |text: &str| text.repeat(63 / text.len());
    vec![
        ("127 labels", "a.".repeat(125) + "top"),
        ("127 tokens", "a-".repeat(30) + "a.top"),
        (
            "four labels of one brand",
            [label("paypal"), label("paypal"), label("paypal"), "top".to_owned()].join("."),
        ),
        (
            "brands in a row",
            ["microsoftgoogleamazonpaypalnetflixfacebookinstagramwhatsapp"; 3].join(".") + ".top",
        ),
        (
            "brand tokens in a row",
            ["paypal-login-google-com-amazon-co-jp-apple-com-secure-chase"; 3].join(".") + ".top",
        ),
        (
            "folding letters",
            [label("rnvvcl10"), label("1l0o5s"), label("vvrncl")].join(".") + ".top",
        ),
        (
            "words in a row",
            ["securewebaccountloginserverupdatecustomerpaymentservicepaypal"; 3].join(".") + ".top",
        ),
        ("punycode of 56 characters", format!("xn--{}.xn--{}.com", "a".repeat(59), "z".repeat(59))),
        (
            "punycode of one character",
            format!(
                "xn--{}.xn--{}.xn--{}.com",
                "80aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "80ak6aa92e",
                "e1awd7f"
            ),
        ),
        ("all letters Cyrillic", "xn--80ak6aa92e.".repeat(15) + "com"),
    ]
}
