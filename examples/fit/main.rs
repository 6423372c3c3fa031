//! Fits the points of `blocklists/weights.tsv`: logistic regression on features, scaled so that 50 and 80 cost what they may among
//! real names. Prints a table with each source left out once, from weights that know nothing: those that were fitted begin at zero
//! and are drawn towards it, and only those set by hand, by reason, keep their points. Beside it stands what the same fit reaches when
//! it knows the source too. `write` draws them towards the points that stand in the table instead, so that a new fit changes little.
#![expect(clippy::print_stdout, reason = "a table for people is what this program is for")]

#[path = "../quality/folder.rs"]
mod folder;
#[path = "../quality/names.rs"]
mod names;
#[path = "../quality/site.rs"]
mod site;

use std::{
    collections::{BTreeMap, HashMap},
    path::{Path, PathBuf},
};

use names::{host, names};
use site::site;
use squint::lookalike::{Config, Engine};

/// Points that one unit of the logit is worth before scaling.
const POINTS_PER_LOGIT: f64 = 10.0;
/// How strongly weights are drawn towards where they began, in samples.
const PULL: f64 = 8.0;
const ROUNDS: usize = 3;
const STEPS: usize = 80;

/// Share of real sites that may be logged, and blocked.
const LOG_SHARE: f64 = 0.0028;
const BLOCK_SHARE: f64 = 0.00040;
/// Share of real sites that slips of the keyboard may log by themselves.
const TYPO_SHARE: f64 = 0.00022;

/// A site with the features of each piece of evidence.
struct Sample {
    evidence: Vec<Vec<u16>>,
    source: usize,
    deceptive: bool,
}

struct Data {
    samples: Vec<Sample>,
    sources: Vec<String>,
    /// Sites of each source, those without evidence included.
    sizes: Vec<usize>,
    deceptive: Vec<bool>,
}

/// The table as it stands: feature, points, meaning.
struct Table {
    rows: Vec<(String, f64, String)>,
    head: Vec<String>,
}

fn main() {
    let mut args = std::env::args().skip(1);
    let data = args.next().map_or_else(folder::usual, PathBuf::from);
    let table = read_table(Path::new("blocklists/weights.tsv"));
    let data = collect(&data, &table);
    if args.next().as_deref() == Some("write") {
        let model = fit(&data, &table, &points(&table, |_| true), None);
        write_table(Path::new("blocklists/weights.tsv"), &table, &model);
        return;
    }
    let neutral = points(&table, is_fixed);
    let all = fit(&data, &table, &neutral, None);
    println!(
        "| source | sites | left out of the fit, block % | log % | known to it, block % | log % |"
    );
    println!("|---|---|---|---|---|---|");
    for source in 0..data.sources.len() {
        let unseen = fit(&data, &table, &neutral, Some(source));
        let (sites, blocked, logged) = rate(&data, &unseen, source);
        let (_, known_blocked, known_logged) = rate(&data, &all, source);
        println!(
            "| {} | {sites} | {blocked:.3} | {logged:.3} | {known_blocked:.3} | {known_logged:.3} |",
            data.sources[source]
        );
    }
}

/// The points of the table in units of the logit, where `keeps` says so, else none.
fn points(table: &Table, keeps: impl Fn(&str) -> bool) -> Vec<f64> {
    let of = |it: &(String, f64, String)| if keeps(&it.0) { it.1 / POINTS_PER_LOGIT } else { 0.0 };
    table.rows.iter().map(of).collect()
}

fn read_table(path: &Path) -> Table {
    let text = std::fs::read_to_string(path).expect("run in the project's folder");
    let (head, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|it| it.starts_with('#'));
    let rows = lines.iter().map(|line| {
        let mut fields = line.split('\t');
        let word = fields.next().unwrap_or("").to_owned();
        let points = fields.next().and_then(|it| it.parse().ok()).unwrap_or(0.0);
        (word, points, fields.next().unwrap_or("").to_owned())
    });
    Table { rows: rows.collect(), head: head.into_iter().map(str::to_owned).collect() }
}

/// Features that the data know too little of: they keep the points of the table.
fn is_fixed(word: &str) -> bool {
    word.starts_with("idn-")
        || matches!(
            word,
            "embed-suffix"
                | "embed-abroad"
                | "embed-broken"
                | "embed-machine"
                | "suffix-abroad"
                | "fold-short"
                | "hyphen-country"
                | "idn-word"
                | "glued-common"
                | "inside-long"
                | "slip-hosted"
                | "digits-many"
                | "token-lured"
                | "keyword-misspelt"
                | "common-bare"
                | "typo-far-long"
                | "sub-hosted"
                | "sub-bare"
                | "sub-portal"
                | "tld-swap"
                | "swap-country"
                | "swap-other"
                | "swap-own"
                | "slip-home"
                | "slip-home-faint"
                | "hyphen-less"
                | "own-slip"
                | "own-short"
                | "script"
                | "also"
                | "own"
                | "fan-page"
                | "start"
        )
}

fn collect(folder: &Path, table: &Table) -> Data {
    let engine = Engine::new(&Config { known_good: false, ..Config::default() });
    let ids: HashMap<&str, u16> =
        (0..).zip(&table.rows).map(|(id, it)| (it.0.as_str(), id)).collect();
    let mut data = Data { samples: vec![], sources: vec![], sizes: vec![], deceptive: vec![] };
    for (kind, deceptive) in [("phishing", true), ("benign", false)] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join(kind))
            .map(|it| it.filter_map(|it| Some(it.ok()?.path())).collect())
            .unwrap_or_default();
        files.sort();
        for file in files {
            let stem =
                file.file_stem().map(|it| it.to_string_lossy().into_owned()).unwrap_or_default();
            // Lists that are suffixes of others, or of names in other scripts.
            if stem.starts_with("idn_") || stem.starts_with("usgov") {
                continue;
            }
            let source = data.sources.len();
            let by_host = stem.contains("cisco") || stem.starts_with("pdd_legit");
            let mut sites: BTreeMap<String, Vec<Vec<u16>>> = BTreeMap::new();
            for name in names(&file) {
                let host = host(&name);
                if deceptive && host.hosting.is_none() && engine.owner_of(&host).is_some() {
                    continue;
                }
                let key = if by_host { host.name } else { site(&host) };
                let evidence = engine
                    .explain(&host)
                    .into_iter()
                    .map(|(_, features)| features.iter().map(|(it, _)| ids[it]).collect());
                sites.entry(key.to_owned()).or_default().extend(evidence);
            }
            data.sizes.push(sites.len());
            let sites = sites.into_values().filter(|it| !it.is_empty());
            data.samples.extend(sites.map(|evidence| Sample { evidence, source, deceptive }));
            data.sources.push(stem);
            data.deceptive.push(deceptive);
        }
    }
    data
}

struct Model {
    weights: Vec<f64>,
    /// The logits of scores 50 and 80.
    log_at: f64,
    block_at: f64,
}

impl Model {
    fn logit(&self, features: &[u16]) -> f64 {
        features.iter().map(|&it| self.weights[usize::from(it)]).sum()
    }

    /// The strongest piece of evidence.
    fn best<'a>(&self, sample: &'a Sample) -> (&'a [u16], f64) {
        let scored = sample.evidence.iter().map(|it| (it.as_slice(), self.logit(it)));
        scored.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((&[], f64::MIN))
    }

    fn share(&self) -> f64 {
        30.0 / (self.block_at - self.log_at).max(0.1)
    }
}

fn fit(data: &Data, table: &Table, prior: &[f64], left_out: Option<usize>) -> Model {
    let start = table.rows.iter().position(|it| it.0 == "start").unwrap_or(0);
    let mut model = Model { weights: prior.to_vec(), log_at: 3.0, block_at: 6.0 };
    let mut bias = -4.0;
    let kept: Vec<&Sample> = data.samples.iter().filter(|it| Some(it.source) != left_out).collect();
    // Every source weighs alike on its side, whatever its length.
    let sides = [false, true].map(|side| {
        (0..data.sources.len())
            .filter(|&it| data.deceptive[it] == side && Some(it) != left_out)
            .count() as f64
    });
    let mass = |it: &Sample| {
        let side = if it.deceptive { sides[1] } else { sides[0] };
        let scale = if it.deceptive { 6_000.0 } else { 60_000.0 };
        scale / side / data.sizes[it.source].max(2_000) as f64
    };
    for _ in 0..ROUNDS {
        let chosen: Vec<(&[u16], f64, f64)> = kept
            .iter()
            .map(|it| (model.best(it).0, f64::from(u8::from(it.deceptive)), mass(it)))
            .collect();
        let mut seen = vec![1e-6; prior.len() + 1];
        for step in 0..STEPS {
            let mut slope: Vec<f64> =
                model.weights.iter().zip(prior).map(|(it, prior)| PULL * (it - prior)).collect();
            slope.push(0.0);
            for (features, truth, mass) in &chosen {
                let logit =
                    bias + features.iter().map(|&it| model.weights[usize::from(it)]).sum::<f64>();
                let error = mass * (1.0 / (1.0 + (-logit).exp()) - truth);
                for &it in *features {
                    slope[usize::from(it)] += error;
                }
                slope[prior.len()] += error;
            }
            let rate = 0.3 / (1.0 + step as f64 / 60.0);
            for (at, slope) in slope.iter().enumerate() {
                seen[at] += slope * slope;
                let change = rate * slope / f64::sqrt(seen[at]);
                if at == prior.len() {
                    bias -= change;
                } else if at != start && !is_fixed(&table.rows[at].0) {
                    model.weights[at] -= change;
                }
            }
        }
    }
    thresholds(data, &mut model, left_out);
    restrain_typos(data, table, &mut model, left_out);
    thresholds(data, &mut model, left_out);
    model
}

/// Takes from the weight of slips what they cost over their own share.
fn restrain_typos(data: &Data, table: &Table, model: &mut Model, left_out: Option<usize>) {
    let slips: Vec<usize> = (0..table.rows.len())
        .filter(|&it| {
            matches!(
                table.rows[it].0.as_str(),
                "typo-whole" | "typo-token" | "typo-folded" | "typo-two"
            )
        })
        .collect();
    let mut excess: f64 = 0.0;
    for source in 0..data.sources.len() {
        let ranked =
            ["cloudflare", "alexa_100k"].iter().any(|it| data.sources[source].starts_with(it));
        if !ranked || Some(source) == left_out {
            continue;
        }
        let of = data.samples.iter().filter(|it| it.source == source).map(|it| model.best(it));
        let is_slip =
            |features: &[u16]| features.iter().any(|&it| slips.contains(&usize::from(it)));
        let mut logits: Vec<f64> = of.filter(|it| is_slip(it.0)).map(|it| it.1).collect();
        logits.sort_by(|a, b| b.total_cmp(a));
        let place = (TYPO_SHARE * data.sizes[source] as f64) as usize;
        if let Some(logit) = logits.get(place) {
            excess = excess.max(logit - model.log_at);
        }
    }
    for at in slips {
        model.weights[at] -= excess;
    }
}

/// Sets the logits of 50 and 80 so that each of the large ranked lists costs no more than it may.
fn thresholds(data: &Data, model: &mut Model, left_out: Option<usize>) {
    let (mut log_at, mut block_at) = (f64::MIN, f64::MIN);
    for source in 0..data.sources.len() {
        let ranked = ["cloudflare", "alexa_100k", "misp_cisco"]
            .iter()
            .any(|it| data.sources[source].starts_with(it));
        if !ranked || Some(source) == left_out {
            continue;
        }
        let mut logits: Vec<f64> = data
            .samples
            .iter()
            .filter(|it| it.source == source)
            .map(|it| model.best(it).1)
            .collect();
        logits.sort_by(|a, b| b.total_cmp(a));
        // Hosts of sites in use repeat their site's name: they may cost a little more.
        let hosts = data.sources[source].starts_with("misp_cisco");
        let more = |share: f64| if hosts && share == LOG_SHARE { 2.0 } else { 1.0 };
        let at = |share: f64| {
            let place = (more(share) * share * data.sizes[source] as f64) as usize;
            logits.get(place).copied().unwrap_or(f64::MIN)
        };
        log_at = log_at.max(at(LOG_SHARE));
        block_at = block_at.max(at(BLOCK_SHARE));
    }
    (model.log_at, model.block_at) = (log_at, block_at.max(log_at + 0.5));
}

/// Sites of a source, and the shares blocked and logged in percent.
fn rate(data: &Data, model: &Model, source: usize) -> (usize, f64, f64) {
    let of = data.samples.iter().filter(|it| it.source == source);
    let (mut blocked, mut logged) = (0, 0);
    for sample in of {
        let logit = model.best(sample).1;
        blocked += usize::from(logit > model.block_at);
        logged += usize::from(logit > model.log_at);
    }
    let all = data.sizes[source];
    let percent = |part: usize| 100.0 * part as f64 / all.max(1) as f64;
    (all, percent(blocked), percent(logged))
}

fn write_table(path: &Path, table: &Table, model: &Model) {
    let scale = model.share();
    let start = 50.0 - scale * model.log_at;
    let old_start = table.rows.iter().find(|it| it.0 == "start").map_or(0.0, |it| it.1);
    let mut text = table.head.join("\n");
    for (row, weight) in table.rows.iter().zip(&model.weights) {
        let points = match row.0.as_str() {
            "start" => start,
            // These stand for whole scores and keep them wherever the start lies.
            word if word.starts_with("idn-")
                && !matches!(word, "idn-marked" | "idn-weak" | "idn-token" | "idn-inside") =>
            {
                row.1 + old_start - start
            }
            "script" | "embed-suffix" => row.1 + old_start - start,
            word if is_fixed(word) => row.1,
            _ => weight * scale,
        };
        text.push_str(&format!("\n{}\t{:.0}\t{}", row.0, points + 0.0, row.2));
    }
    std::fs::write(path, text + "\n").expect("the table can be written");
}
