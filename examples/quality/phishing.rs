//! Detection by source.

use std::path::Path;

use crate::{
    Engines,
    bar::Bar,
    files,
    measure::{ByTechnique, detection, distinctive, sites, split},
    names::names,
    stem,
};

/// Prints a row for each source.
pub(crate) fn print(data: &Path, engines: &Engines, bar: &mut Bar) -> Vec<ByTechnique> {
    println!(
        "\n| phishing, sites | off platforms | block % | log % | without known-good | on platforms | block % | log % \
         | without known-good | with a distinctive brand | block % | log % |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|---|");
    let mut techniques = Vec::new();
    for file in files(&data.join("phishing")) {
        let (set, names) = (stem(&file), names(&file));
        let sites = sites(&engines.usual, &names);
        let (off, on) = split(sites.values());
        let (off_strict, on_strict) = detection(&engines.strict, &names);
        let brand = distinctive(&engines.usual, &names);
        println!(
            "| {set} | {} | {:.2} | {:.2} | {:.2} / {:.2} | {} | {:.2} | {:.2} | {:.2} / {:.2} | {} | {:.1} | {:.1} |",
            off.all,
            off.blocked(),
            off.logged(),
            off_strict.blocked(),
            off_strict.logged(),
            on.all,
            on.blocked(),
            on.logged(),
            on_strict.blocked(),
            on_strict.logged(),
            brand.all,
            brand.blocked(),
            brand.logged()
        );
        bar.detection(&set, off);
        bar.distinctive(&set, brand);
        techniques.push(ByTechnique::new(&set, sites.values()));
    }
    techniques
}
