//! Problems: what is wrong with a file, where, and what to do about it, as a person reads it on a terminal.

use std::{
    error, fmt,
    path::{Path, PathBuf},
};

/// Everything that is wrong with a configuration file, and the warnings that came along, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// At least one error.
    pub problems: Vec<Problem>,
}

/// Something wrong with a configuration file, or allowed but probably not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether the file can be used nevertheless.
    pub severity: Severity,
    /// The file.
    pub path: PathBuf,
    /// Where in the file; nothing when the file as a whole is meant.
    pub place: Option<Place>,
    /// The key in dotted form (`lookalike.block`, `list.path`), empty at the top level.
    pub key: String,
    /// What is wrong, in one sentence without its final period.
    pub message: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file is used.
    Warning,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// The whole line.
    pub text: String,
    /// How many characters are meant, from `column` on; at least 1.
    pub width: usize,
}

impl Place {
    /// A whole line of a file, blanks around it left out; `number` from 1.
    pub(super) fn of_line(number: u32, text: &str) -> Self {
        let start = text.len() - text.trim_start().len();
        Self { line: number as usize, ..Self::new(text, start..text.trim_end().len().max(start)) }
    }

    /// The place of a span of octets; what reaches beyond its first line is left out.
    pub(super) fn new(text: &str, span: std::ops::Range<usize>) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end.max(start));
        let line_start = text[..start].rfind('\n').map_or(0, |it| it + 1);
        let line_end = text[start..].find('\n').map_or(text.len(), |it| start + it);
        let line = text[line_start..line_end].trim_end_matches('\r');
        let meant = &text[start..end.min(line_end)];
        Self {
            line: text[..line_start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: line.to_owned(),
            width: meant.trim_end().chars().count().max(1),
        }
    }
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&it| text.is_char_boundary(it)).unwrap_or(0)
}

impl Problem {
    /// Line and column, for sorting.
    pub(super) fn position(&self) -> (usize, usize) {
        self.place.as_ref().map_or((0, 0), |it| (it.line, it.column))
    }
}

impl ConfigErrors {
    /// A file that cannot be read at all.
    pub(super) fn of_file(path: &Path, message: String) -> Self {
        let problem = Problem {
            severity: Severity::Error,
            path: path.to_owned(),
            place: None,
            key: String::new(),
            message,
            hint: String::new(),
        };
        Self { problems: vec![problem] }
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl error::Error for ConfigErrors {}

/// Several lines without a final line feed:
///
/// ```text
/// error: config.toml:12:10: list.action: unknown action `blok`
///    |
/// 12 | action = "blok"
///    |          ^^^^^^
/// hint: one of pass, log, sinkhole, nxdomain, nodata, refused, drop
/// ```
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}: {}", self.path.display())?;
        if let Some(place) = &self.place {
            write!(f, ":{}:{}", place.line, place.column)?;
        }
        let colon = if self.key.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}: {}", self.key, self.message)?;
        if let Some(Place { line, column, text, width }) = &self.place {
            let number = line.to_string();
            let gutter = " ".repeat(number.len());
            let text: String = text.chars().map(harmless).collect();
            let indent = " ".repeat(column - 1);
            let carets = "^".repeat(*width);
            write!(f, "\n{gutter} |\n{number} | {text}\n{gutter} | {indent}{carets}")?;
        }
        if !self.hint.is_empty() {
            write!(f, "\nhint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// A character as a terminal may get it: tabs count as one column here, and controls and characters that hide or reorder
/// others become blanks.
fn harmless(c: char) -> char {
    let hides = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    if c.is_control() || hides { ' ' } else { c }
}
