//! Which settings differ from the default, as lines that could stand in a file.

use toml::{Table, Value};

use super::Config;

/// The settings that differ from the default, one line each (`lookalike.mode = "enforce"`), then lists and rules as tables. The
/// lines together are a file that means the same.
pub fn differences(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tables = Vec::new();
    let default = table(&Config::default());
    for (section, value) in table(config) {
        match (value, default.get(&section)) {
            (Value::Table(keys), Some(Value::Table(default))) => {
                let differs = |it: &(String, Value)| default.get(&it.0) != Some(&it.1);
                let line = |(key, value)| format!("{section}.{key} = {value}");
                lines.extend(keys.into_iter().filter(differs).map(line));
            }
            (Value::Array(elements), _) => {
                for element in elements {
                    tables.push(format!("[[{section}]]"));
                    if let Value::Table(keys) = element {
                        tables.extend(
                            keys.into_iter().map(|(key, value)| format!("{key} = {value}")),
                        );
                    }
                }
            }
            (value, _) => lines.push(format!("{section} = {value}")),
        }
    }
    lines.append(&mut tables);
    lines
}

/// A configuration as the file would have it, keys in alphabetical order.
pub(super) fn table(config: &Config) -> Table {
    Table::try_from(config).expect("every setting has a form in TOML")
}
