//! What a configuration means as a whole: values that must agree with each other or with what is there.

use std::{collections::HashMap, fs::File, hash::Hash, path::Path, slice};

use super::{
    Config, Problem,
    document::{Document, Step},
    value::shown,
};
use crate::{
    list::{Kind, LISTS_MAX},
    name,
    platform::Allow,
    upstream::SET_MAX,
};
use Step::{At, Key};

/// Longest name of a list, in characters.
const LIST_NAME_LEN_MAX: usize = 60;

/// Most addresses to listen on.
const LISTEN_MAX: usize = 256;

/// Makes the paths of lists, which are meant from the file's own folder, work from the working folder.
pub(super) fn take_paths_from(config: &mut Config, folder: &Path) {
    for list in &mut config.lists {
        list.path = folder.join(&list.path);
    }
}

/// Everything that can be told without looking at other files.
pub(super) fn problems(config: &Config, document: &Document<'_>) -> Vec<Problem> {
    let mut told = Vec::new();
    listen(config, document, &mut told);
    clients(config, document, &mut told);
    servers(config, document, &mut told);
    thresholds(config, document, &mut told);
    protect(config, document, &mut told);
    own_platforms(config, document, &mut told);
    lists(config, document, &mut told);
    let rules = config.rules.iter().map(|it| &it.name).enumerate();
    repeated(rules, |at| [Key("rule"), At(at), Key("name")], document, &mut told);
    told
}

/// Lists whose file cannot be opened.
pub(super) fn unreadable_lists(config: &Config, document: &Document<'_>) -> Vec<Problem> {
    let opened = |path: &Path| match File::open(path).and_then(|it| it.metadata()) {
        Ok(it) if it.is_dir() => Some("is a folder".to_owned()),
        Ok(_) => None,
        Err(error) => Some(format!("cannot be read: {error}")),
    };
    let mut told = Vec::new();
    for (at, list) in config.lists.iter().enumerate() {
        if let Some(why) = opened(&list.path) {
            let message = format!("`{}` {why}", shown(&list.path.to_string_lossy()));
            let hint = "a relative path starts at the folder of this file";
            let hint = if list.path.exists() { "" } else { hint };
            told.push(document.error(&[Key("list"), At(at), Key("path")], message, hint));
        }
    }
    told
}

fn listen(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let key = [Key("server"), Key("listen")];
    match config.server.listen.len() {
        0 => told.push(document.error(
            &key,
            "there is no address to listen on".to_owned(),
            "leave the key out for the default",
        )),
        len if len > LISTEN_MAX => told.push(document.error(
            &key,
            format!("{len} addresses are too many; the limit is {LISTEN_MAX}"),
            "`0.0.0.0:53` and `[::]:53` listen on every address of the machine",
        )),
        _ => (),
    }
    // Port 0 is a new port each time.
    let fixed = config.server.listen.iter().enumerate().filter(|it| it.1.port() != 0);
    repeated(fixed, |at| [Key("server"), Key("listen"), At(at)], document, told);
}

fn clients(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, prefix) in config.server.allow.iter().enumerate() {
        if prefix.bits() == 0 {
            told.push(document.warning(
                &[Key("server"), Key("allow"), At(at)],
                format!("`{prefix}` serves everybody on the Internet"),
                "open resolvers are abused for attacks on others; name the networks of your clients",
            ));
        }
    }
}

fn servers(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let servers = &config.upstream.servers;
    if servers.len() > SET_MAX {
        let message = format!("{} servers are too many; the limit is {SET_MAX}", servers.len());
        told.push(document.error(&[Key("upstream"), Key("servers")], message, ""));
    }
    let key = |at| [Key("upstream"), Key("servers"), At(at)];
    repeated(servers.iter().enumerate(), key, document, told);
}

fn own_platforms(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, entry) in config.platform.allow.iter().enumerate() {
        let key = [Key("platform"), Key("allow"), At(at)];
        // One by one, so that every wrong entry is told.
        match Allow::parse(slice::from_ref(entry)) {
            Err(error) => {
                let message = format!("`{}`: {}", shown(entry), error.problem);
                told.push(document.error(&key, message, ""));
            }
            Ok(allow) => {
                let warnings = allow.warnings().iter();
                told.extend(warnings.map(|it| document.warning(&key, it.text.clone(), "")));
            }
        }
    }
}

fn thresholds(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    let (log, block) = (config.lookalike.log, config.lookalike.block);
    if log > block {
        let given = [Key("lookalike"), Key("log")];
        let other = [Key("lookalike"), Key("block")];
        let key = if document.has(&other) { other } else { given };
        told.push(document.error(
            &key,
            format!("`log` is {log} and above `block`, which is {block}"),
            "what is blocked is logged as well, so `log` is the lower score",
        ));
    }
}

fn protect(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    for (at, domain) in config.protect.domains.iter().enumerate() {
        if domain.contains('\\') {
            told.push(document.error(
                &[Key("protect"), Key("domains"), At(at)],
                format!("`{domain}` has a character that no host name holds"),
                "",
            ));
        }
        if name::registrable(domain).is_empty() {
            told.push(document.error(
                &[Key("protect"), Key("domains"), At(at)],
                format!("`{domain}` is a public suffix that nobody owns as a whole"),
                "name a domain under it",
            ));
        }
    }
}

fn lists(config: &Config, document: &Document<'_>, told: &mut Vec<Problem>) {
    if config.lists.len() > LISTS_MAX {
        let message = format!("there are {} lists; the limit is {LISTS_MAX}", config.lists.len());
        told.push(document.error(&[Key("list"), At(LISTS_MAX)], message, ""));
    }
    for (at, list) in config.lists.iter().enumerate() {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if list.name.is_empty()
            || list.name.len() > LIST_NAME_LEN_MAX
            || !list.name.chars().all(is_plain)
        {
            told.push(document.error(
                &[Key("list"), At(at), Key("name")],
                format!("`{}` cannot name a list", shown(&list.name)),
                "letters, digits, `-`, `_` and `.`, at most 60 of them",
            ));
        }
        let action = [Key("list"), At(at), Key("action")];
        if list.kind == Kind::Allow && document.has(&action) {
            told.push(document.warning(
                &action,
                "a list of allowed names takes no action".to_owned(),
                "leave `action` out, or write `kind = \"block\"`",
            ));
        }
    }
    let names = config.lists.iter().map(|it| &it.name).enumerate();
    repeated(names, |at| [Key("list"), At(at), Key("name")], document, told);
}

/// Tells of every value that stood before, by the number of its line.
fn repeated<'k, T: Eq + Hash + ToString, const N: usize>(
    values: impl Iterator<Item = (usize, T)>,
    key: impl Fn(usize) -> [Step<'k>; N],
    document: &Document<'_>,
    told: &mut Vec<Problem>,
) {
    let mut first = HashMap::new();
    for (at, value) in values {
        let text = value.to_string();
        let Some(before) = first.insert(value, at) else { continue };
        let mut problem = document.error(&key(at), String::new(), "");
        let before = document.error(&key(before), String::new(), "").position().0;
        problem.message = format!("`{}` stands on line {before} already", shown(&text));
        told.push(problem);
    }
}
