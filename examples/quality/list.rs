//! What single names are found for.

use std::path::Path;

use squint::lookalike::Engine;

use crate::{
    measure::{BLOCK, LOG},
    names::{host, names},
};

/// Lists what a source's names are found for: score, technique, name, sentence, points. With `miss`, what is not found; with `block`,
/// what is blocked.
pub(crate) fn print(engine: &Engine, path: &Path, mode: Option<&str>) {
    for name in names(path) {
        let mut found = Vec::new();
        let host = host(&name);
        let score = engine.judge(&host, &mut found);
        let wanted = match mode {
            Some("miss") => {
                score < LOG && host.hosting.is_none() && engine.owner_of(&host).is_none()
            }
            Some("block") => score >= BLOCK,
            Some(_) | None => score >= LOG,
        };
        if wanted {
            let first = found.first().map(|it| (it.technique.as_str(), it.why.as_str()));
            let (technique, why) = first.unwrap_or_default();
            let features: Vec<String> = engine
                .explain(&host)
                .into_iter()
                .map(|(it, features)| format!("{}:{features:?}", it.as_str()))
                .collect();
            println!("{score}\t{technique}\t{name}\t{why}\t{}", features.join(" "));
        }
    }
}
