//! What the reader of TOML says, in the words of whoever wrote the file.

use toml::Value;

use super::{Config, differences, value};

/// The message and a hint; the hint may be empty. `key` is where the error stands.
pub(super) fn plain(message: &str, key: &str) -> (String, String) {
    if let Some((message, hint)) = message.split_once("\nhint: ") {
        return (message.to_owned(), hint.to_owned());
    }
    if let Some((unknown, rest)) = quoted(message, "unknown field ") {
        // What stands between backticks in the rest are the keys that there are.
        let keys: Vec<&str> = rest.split('`').skip(1).step_by(2).collect();
        return (format!("unknown key `{}`", value::shown(unknown)), key_hint(unknown, &keys));
    }
    if let Some(missing) = missing(message) {
        let hint = match key {
            "list" => "every list has a `name` and a `path`",
            "rule" => "every rule has a `name` and an `action`",
            "route" => "every route has a `suffix` and `servers`",
            _ => "",
        };
        return (format!("the key `{missing}` is missing"), hint.to_owned());
    }
    let mismatch = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|it| it.rsplit_once(", expected "));
    if let Some((found, expected)) = mismatch {
        let hint = match key {
            "list" | "rule" | "route" => format!("head each one with `[[{key}]]`"),
            _ => String::new(),
        };
        return (format!("expected {}, found {}", kind(expected), kind(found)), hint);
    }
    (message.replace('\n', " "), String::new())
}

/// What TOML calls a kind of value.
fn kind(told: &str) -> &str {
    match told {
        "i64" => "a whole number",
        "a boolean" => "`true` or `false`",
        "a sequence" | "sequence" => "an array",
        "map" => "a table",
        it if it.starts_with("struct ") => "a table",
        it => it,
    }
}

/// Which key may be meant: one of this table that is a letter away, one of this very name in another table, or one of
/// this table that is less alike.
fn key_hint(unknown: &str, keys: &[&str]) -> String {
    let home = differences::table(&Config::default()).into_iter().find(|(_, keys)| match keys {
        Value::Table(keys) => keys.contains_key(unknown),
        _ => false,
    });
    match home {
        Some((section, _)) if value::closest(unknown, keys, 1).is_none() => {
            format!("`{unknown}` belongs under `[{section}]`")
        }
        _ => value::choices(unknown, keys),
    }
}

/// The key that an error says is missing.
pub(super) fn missing(message: &str) -> Option<&str> {
    quoted(message, "missing field ").map(|it| it.0)
}

/// The text between backticks behind `head`, and what follows.
fn quoted<'m>(message: &'m str, head: &str) -> Option<(&'m str, &'m str)> {
    message.strip_prefix(head)?.strip_prefix('`')?.split_once('`')
}
