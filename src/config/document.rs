//! A configuration file as a tree that knows the place of each key and value.
//!
//! Reading it into [`Config`] stops at the first error. To tell all errors of a file, what the error is about is taken
//! out of the tree and the rest is read again, until it can be.

use std::{mem, ops::Range, path::Path};

use serde::Deserialize as _;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue, Deserializer},
};

use super::{
    Config,
    problem::{Place, Problem, Severity},
    value, wording,
};

/// Most errors told of one file.
const ERRORS_MAX: usize = 50;

/// The tree, its text, and where the text came from.
pub(super) struct Document<'t> {
    tree: Spanned<DeTable<'t>>,
    text: &'t str,
    path: &'t Path,
}

impl<'t> Document<'t> {
    /// Reads the text, with all that is wrong with it; where something is, the configuration lacks it.
    pub(super) fn read(text: &'t str, path: &'t Path) -> (Self, Config, Vec<Problem>) {
        let (tree, errors) = DeTable::parse_recoverable(text);
        let mut document = Self { tree, text, path };
        if !errors.is_empty() {
            let told = errors.iter().take(ERRORS_MAX).map(|it| document.told(it)).collect();
            // The tree is a guess at what was meant, and further errors would be guesses as well.
            document.tree.get_mut().clear();
            return (document, Config::default(), told);
        }
        let whole = document.tree.get_ref().clone();
        let mut problems = Vec::new();
        // Each turn takes something out, so the turns end.
        loop {
            let error = match Config::deserialize(Deserializer::from(document.tree.clone())) {
                Ok(config) => return (document, config, problems),
                Err(error) => error,
            };
            let span = error.span();
            let was_taken_out = || {
                let key = wording::missing(error.message())?;
                table_at(&whole, span.as_ref()?)?.get(key)
            };
            if was_taken_out().is_none() {
                problems.push(document.told(&error));
            }
            let removed = span.is_some_and(|it| document.remove(&it));
            if !removed || problems.len() == ERRORS_MAX {
                document.tree.get_mut().clear();
                return (document, Config::default(), problems);
            }
        }
    }

    /// An error about the value of a key, or about its table where the file does not give it.
    pub(super) fn error(&self, key: &[Step<'_>], message: String, hint: &str) -> Problem {
        self.problem(Severity::Error, key, message, hint)
    }

    /// A warning about the value of a key.
    pub(super) fn warning(&self, key: &[Step<'_>], message: String, hint: &str) -> Problem {
        self.problem(Severity::Warning, key, message, hint)
    }

    /// Whether the file gives a key.
    pub(super) fn has(&self, key: &[Step<'_>]) -> bool {
        self.spans(key).len() == key.len()
    }

    fn problem(
        &self,
        severity: Severity,
        key: &[Step<'_>],
        message: String,
        hint: &str,
    ) -> Problem {
        let place = self.spans(key).pop().map(|it| Place::new(self.text, it));
        Problem {
            severity,
            path: self.path.to_owned(),
            place,
            key: dotted(key),
            message,
            hint: hint.to_owned(),
        }
    }

    /// The places of the values on the way to a key, as far as the file gives them.
    fn spans(&self, key: &[Step<'_>]) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        let mut table = Some(self.tree.get_ref());
        let mut value: Option<&Spanned<DeValue<'_>>> = None;
        for step in key {
            value = match *step {
                Step::Key(name) => table.and_then(|it| it.get(name)),
                Step::At(index) => {
                    value.and_then(|it| it.get_ref().as_array()).and_then(|it| it.get(index))
                }
            };
            let Some(found) = value else { break };
            spans.push(found.span());
            table = found.get_ref().as_table();
        }
        spans
    }

    fn told(&self, error: &toml::de::Error) -> Problem {
        let span = error.span();
        let mut way = Vec::new();
        if let Some(span) = &span {
            way_to(self.tree.get_ref(), span, &mut way);
        }
        let key = dotted(&way);
        let (message, hint) = wording::plain(error.message(), &key);
        Problem {
            severity: Severity::Error,
            path: self.path.to_owned(),
            place: span.map(|it| Place::new(self.text, it)),
            key,
            message,
            hint,
        }
    }

    /// Takes out the smallest key or element that holds a place; false when there is none.
    fn remove(&mut self, span: &Range<usize>) -> bool {
        remove_from_table(self.tree.get_mut(), span)
    }
}

/// One step on the way to a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'k> {
    /// A key of a table.
    Key(&'k str),
    /// An element of an array.
    At(usize),
}

/// The key with dots; which element of an array is meant, line and column tell better than a number.
fn dotted(key: &[Step<'_>]) -> String {
    let names: Vec<String> = key
        .iter()
        .filter_map(|step| match step {
            Step::Key(name) => Some(value::shown(name)),
            Step::At(_) => None,
        })
        .collect();
    names.join(".")
}

fn holds(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Follows a place down the tree. A key itself belongs to the table that it stands in.
fn way_to<'t>(table: &'t DeTable<'_>, span: &Range<usize>, way: &mut Vec<Step<'t>>) {
    for (key, value) in table {
        if holds(&key.span(), span) {
            return;
        }
        if is_within(value, span) {
            way.push(Step::Key(key.get_ref().as_ref()));
            return way_into(value, span, way);
        }
    }
}

fn way_into<'t>(value: &'t Spanned<DeValue<'_>>, span: &Range<usize>, way: &mut Vec<Step<'t>>) {
    match value.get_ref() {
        DeValue::Table(table) => way_to(table, span, way),
        DeValue::Array(array) => {
            if let Some(index) = array.iter().position(|it| is_within(it, span)) {
                way.push(Step::At(index));
                way_into(&array[index], span, way);
            }
        }
        _ => (),
    }
}

/// The table that a place stands for.
fn table_at<'t, 'i>(table: &'t DeTable<'i>, span: &Range<usize>) -> Option<&'t DeTable<'i>> {
    fn of_value<'t, 'i>(
        value: &'t Spanned<DeValue<'i>>,
        span: &Range<usize>,
    ) -> Option<&'t DeTable<'i>> {
        match value.get_ref() {
            DeValue::Table(table) if value.span() == *span => Some(table),
            DeValue::Table(table) => table_at(table, span),
            DeValue::Array(array) => array.iter().find_map(|it| of_value(it, span)),
            _ => None,
        }
    }
    table.values().find_map(|it| of_value(it, span))
}

/// Whether a place lies in a value. The span of a table with a header is that of its header alone, so its keys and
/// values are looked at as well.
fn is_within(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    holds(&value.span(), span)
        || match value.get_ref() {
            DeValue::Table(table) => {
                table.iter().any(|(key, value)| holds(&key.span(), span) || is_within(value, span))
            }
            DeValue::Array(array) => array.iter().any(|it| is_within(it, span)),
            _ => false,
        }
}

fn remove_from_table(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let found = table
        .iter()
        .find(|(key, value)| holds(&key.span(), span) || is_within(value, span))
        .map(|(key, _)| key.clone());
    let Some(key) = found else { return false };
    let deeper = table.get_mut(&key).is_some_and(|it| remove_from_value(it, span));
    deeper || table.remove(&key).is_some()
}

fn remove_from_value(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>) -> bool {
    match value.get_mut() {
        DeValue::Table(table) => remove_from_table(table, span),
        DeValue::Array(array) => {
            let Some(index) = array.iter().position(|it| is_within(it, span)) else {
                return false;
            };
            if remove_from_value(&mut array.as_mut()[index], span) {
                return true;
            }
            let rest = mem::replace(array, DeArray::new()).into_iter().enumerate();
            *array = rest.filter(|it| it.0 != index).map(|it| it.1).collect();
            true
        }
        _ => false,
    }
}
