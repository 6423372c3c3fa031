//! Names in other scripts: a browser's vectors, registered homographs, real names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use squint::lookalike::{Config, Engine};

use crate::{
    bar::Bar,
    files,
    measure::{browser, false_positives},
    names::names,
    stem,
};

/// Prints a line for each.
pub(crate) fn print(data: &Path, engine: &Engine, bar: &mut Bar) {
    println!();
    let (alike, all, others) = browser(data);
    if all > 0 {
        println!(
            "Browser vectors for names in other scripts: {alike} of {all} judged alike; others: {}",
            others.join(", ")
        );
        bar.vectors(alike, all);
    }
    homographs(data, engine, bar);
    let is_idn = |it: &PathBuf| stem(it).starts_with("idn_");
    let idn = files(&data.join("benign")).into_iter().filter(is_idn);
    let real: Vec<String> = idn.flat_map(|it| names(&it)).collect();
    if !real.is_empty() {
        let count = false_positives(engine, &real);
        println!(
            "Real names in other scripts: {} logged, {} blocked of {}",
            count.logged, count.blocked, count.all
        );
        bar.real_idn(count);
    }
}

/// Homographs that were registered.
fn homographs(data: &Path, engine: &Engine, bar: &mut Bar) {
    let path = data.join("vectors/shamfinder_imc2019_registered_homographs_dev.tsv");
    let names = names(&path);
    if names.is_empty() {
        return;
    }
    let text = fs::read_to_string(&path).unwrap_or_default();
    let targets = text.lines().filter_map(|it| it.split('\t').nth(2)).filter(|it| it.contains('.'));
    let domains = targets.map(str::to_owned).collect();
    let protecting = Engine::new(&Config { domains, ..Config::default() });
    for (what, engine) in
        [("with built-in data", engine), ("with their targets protected", &protecting)]
    {
        let count = false_positives(engine, &names);
        println!(
            "Registered homographs {what}: {:.2} % logged, {:.2} % blocked of {}",
            count.logged(),
            count.blocked(),
            count.all
        );
        bar.homographs(what, count);
    }
}
