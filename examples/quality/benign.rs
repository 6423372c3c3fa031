//! False positives by source and rank.

use std::path::Path;

use crate::{
    Engines,
    bar::Bar,
    files,
    measure::{ByTechnique, Count, Judged, real, split},
    names::ranked,
    stem,
};

/// Ranks up to which sites are counted, where a source has ranks.
const TOPS: [usize; 3] = [1_000, 10_000, 100_000];

/// Prints a row for each source, and for each bucket of ranks.
pub(crate) fn print(data: &Path, engines: &Engines, bar: &mut Bar) -> Vec<ByTechnique> {
    println!(
        "\n| real names | off platforms | block | log | block % | log % | without known-good | on platforms | block | log \
         | without known-good | of a business platform | log |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut techniques = Vec::new();
    for (set, names) in sets(data) {
        let judged = real(&engines.usual, &names);
        let strict = real(&engines.strict, &names);
        row(&set, &judged, &strict);
        bar.false_positives(&set, &judged, &strict);
        techniques.push(ByTechnique::new(&set, &judged));
    }
    techniques
}

/// Whether a set is a part of another one.
pub(crate) fn is_bucket(set: &str) -> bool {
    TOPS.iter().take(TOPS.len() - 1).any(|it| set.ends_with(&format!(" top {it}")))
}

fn row(set: &str, judged: &[Judged], strict: &[Judged]) {
    let ((off, on), (off_strict, on_strict)) = (split(judged), split(strict));
    let business: Count = judged.iter().filter(|it| it.is_business).map(|it| it.score).collect();
    println!(
        "| {set} | {} | {} | {} | {:.3} | {:.3} | {:.3} / {:.3} | {} | {} | {} | {} / {} | {} | {} |",
        off.all,
        off.blocked,
        off.logged,
        off.blocked(),
        off.logged(),
        off_strict.blocked(),
        off_strict.logged(),
        on.all,
        on.blocked,
        on.logged,
        on_strict.blocked,
        on_strict.logged,
        business.all,
        business.logged
    );
}

/// Real names by source, in buckets where the source has ranks. Names in other scripts have a place of their own.
fn sets(data: &Path) -> Vec<(String, Vec<String>)> {
    let mut sets = Vec::new();
    let folder = files(&data.join("benign"));
    // The others are what the known-good list is made of.
    for file in folder.iter().filter(|it| it.extension().is_some_and(|it| it != "list")) {
        let (stem, ranked) = (stem(file), ranked(file));
        if stem.starts_with("idn_") {
            continue;
        }
        // A year is no rank.
        if ranked.windows(2).any(|it| it[0].0 != it[1].0) {
            for top in TOPS {
                let part = ranked.iter().filter(|it| it.0 <= top).map(|it| it.1.clone());
                sets.push((format!("{stem} top {top}"), part.collect()));
            }
        } else {
            sets.push((stem, ranked.into_iter().map(|it| it.1).collect()));
        }
    }
    sets
}
