//! What judging a name costs: real host names and phishing hosts, each measured alone, best of five, its platform looked up and its
//! suffix cut off included; names made to be slow; what one would take instead; and how fast `squint check --json` streams all of them.
//! `cargo bench --bench judge`.
#![expect(clippy::print_stdout, reason = "a bench prints")]

#[path = "../examples/quality/folder.rs"]
mod folder;
#[path = "../examples/quality/names.rs"]
mod names;

use std::{
    collections::HashSet,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use names::{host, names};
use squint::lookalike::{Config, Engine, words};

#[expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
fn now() -> Instant {
    Instant::now()
}

fn main() {
    let (before, start) = (resident(), now());
    let engine = Engine::new(&Config::default());
    let took = start.elapsed().as_secs_f64() * 1e3;
    // What a first name needs is read from the program's file then.
    black_box(engine.judge(&host("paypal-login.netlify.app"), &mut Vec::new()));
    let memory = (resident() - before) as f64 / f64::from(1 << 20);
    println!("start-up with the built-in data: {took:.0} ms, {memory:.1} MB");
    let thousand = Engine::new(&Config { domains: own(1_000), ..Config::default() });
    let domains = own(100_000);
    let (before, start) = (resident(), now());
    let many = Engine::new(&Config { domains, ..Config::default() });
    let took = start.elapsed().as_secs_f64() * 1e3;
    let memory = (resident() - before) as f64 / f64::from(1 << 20);
    println!("start-up with 100,000 own domains: {took:.0} ms, {memory:.1} MB");
    println!("\nnames made to be slow (µs, best of five):");
    for (what, name) in slow_names() {
        let best = best_of_five(&engine, &name).max(best_of_five(&many, &name));
        println!("  {what}: {best:.1}");
    }
    // All names stay in memory: a heap full of holes would be measured with them.
    let mut kept = Vec::new();
    for file in files(&folder::usual()) {
        let names = names(&file);
        if names.is_empty() {
            continue;
        }
        let file = file.file_stem().map(|it| it.to_string_lossy()).unwrap_or_default();
        println!("\n{file}: {} names", names.len().min(20_000));
        for (what, engine) in
            [("built in", &engine), ("1,000 own", &thousand), ("100,000 own", &many)]
        {
            report(what, engine, &names);
        }
        instead(&names);
        kept.push(names);
    }
    stream(kept.into_iter().flatten().collect());
}

/// Names that `squint check` is given at most.
const STREAM_MAX: usize = 400_000;

/// How fast `squint check --json`, which has one thread, reads names of all sets in random order, judges and prints them; its start
/// included.
fn stream(mut names: Vec<String>) {
    let mut seed = 0;
    names.sort_by_cached_key(|_| {
        seed += 1;
        mixed(seed)
    });
    names.truncate(STREAM_MAX);
    let folder = tempfile::tempdir().expect("a folder for the names");
    let (list, config) = (folder.path().join("names"), folder.path().join("config.toml"));
    fs::write(&list, names.join("\n")).expect("the names can be written");
    fs::write(&config, "").expect("a configuration can be written");
    let mut best = f64::MAX;
    for _ in 0..3 {
        let start = now();
        let status = Command::new(env!("CARGO_BIN_EXE_squint"))
            .args(["check", "--json", "--config"])
            .arg(&config)
            .stdin(fs::File::open(&list).expect("the names were written"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.is_ok_and(|it| it.code().is_some_and(|it| it <= 1)), "check fails");
        best = best.min(start.elapsed().as_secs_f64());
    }
    println!(
        "\nsquint check --json, {} names of all sets: {:.2} s, {:.0} names a second",
        names.len(),
        best,
        names.len() as f64 / best
    );
}

/// Files with host names to judge: real ones, and all that was seen in phishing.
fn files(data: &Path) -> Vec<PathBuf> {
    let real = ["misp_cisco_top20k_2026-08.txt", "opendns_random10k_2014.txt"];
    let mut files: Vec<PathBuf> = real.iter().map(|it| data.join("benign").join(it)).collect();
    let phishing = fs::read_dir(data.join("phishing")).into_iter().flatten();
    files.extend(phishing.filter_map(|it| Some(it.ok()?.path())));
    files[real.len()..].sort();
    files
}

/// So many domains of two words each, every second one with a hyphen between them: as near to real names as companies' are.
fn own(count: usize) -> Vec<String> {
    let words: Vec<&str> = words().filter(|it| (4..9).contains(&it.len())).collect();
    let of = |it: u64| words[(mixed(it) % words.len() as u64) as usize];
    let domain = |it: u64| {
        let hyphen = if it.is_multiple_of(2) { "-" } else { "" };
        format!("{}{hyphen}{}.example", of(2 * it), of(2 * it + 1))
    };
    (0..count as u64).map(domain).collect()
}

const fn mixed(seed: u64) -> u64 {
    let it = (seed ^ 0x2545_f491_4f6c_dd1d).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (it ^ it >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 17
}

/// Octets of this process in memory, where the system says it.
fn resident() -> usize {
    let statm = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|it| it.parse::<usize>().ok()).unwrap_or(0) * 4_096
}

/// Microseconds for one name, the best of five.
fn best_of_five(engine: &Engine, name: &str) -> f64 {
    let mut out = Vec::with_capacity(16);
    let mut best = f64::MAX;
    for _ in 0..5 {
        out.clear();
        let start = now();
        black_box(engine.judge(&host(black_box(name)), &mut out));
        best = best.min(start.elapsed().as_secs_f64() * 1e6);
    }
    best
}

fn report(what: &str, engine: &Engine, names: &[String]) {
    let step = names.len().div_ceil(20_000);
    let mut costs: Vec<f64> =
        names.iter().step_by(step).map(|it| best_of_five(engine, it)).collect();
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
    let brands = own(1_000);
    let brands: Vec<&str> = brands.iter().filter_map(|it| it.strip_suffix(".example")).collect();
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
        ("127 labels", "a.".repeat(126) + "a"),
        ("120 tokens", format!("{0}.{0}.{0}.{0}.top", "a-".repeat(29) + "a")),
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
