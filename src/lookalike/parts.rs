//! Parts of names that techniques know, from `parts.tsv`: suffixes of registries, host names, second levels of countries.

use std::{collections::HashMap, sync::LazyLock};

use super::{data, hash::Texts};

/// What a part of a name is known as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// A private company registers names for anybody below it: `uk.com`.
    Registry,
    /// Companies keep buckets and services there under their own names.
    Store,
    /// It stands before official domains as a rule: `www`.
    Host,
    /// Countries register below it: the `co` of `co.jp`.
    Second,
    /// So do states alone: the `gov` of `gov.ae`.
    State,
    /// A country's code that names begin with as a word: `in-berlin`.
    Word,
    /// A country in which others than its own people register domains to deceive those of other countries.
    Abroad,
    /// A country's suffix under which companies of all countries stand.
    Worldwide,
}

impl Part {
    const ALL: [(&'static str, Self); 8] = [
        ("registry", Self::Registry),
        ("store", Self::Store),
        ("host", Self::Host),
        ("second", Self::Second),
        ("state", Self::State),
        ("word", Self::Word),
        ("abroad", Self::Abroad),
        ("worldwide", Self::Worldwide),
    ];

    /// Whether a text is known as this.
    pub(super) fn is(self, text: impl AsRef<[u8]>) -> bool {
        let text = text.as_ref();
        text.len() <= PARTS.len_max[self as usize]
            && PARTS.kinds.get_bytes(text).is_some_and(|it| it >> self as u32 & 1 == 1)
    }

    /// Whether a name or some last labels of it are known as this.
    pub(super) fn ends(self, name: &str) -> bool {
        let behind_dots = name.match_indices('.').map(|(at, _)| &name[at + 1..]);
        std::iter::once(name).chain(behind_dots).any(|it| self.is(it))
    }
}

static PARTS: LazyLock<Parts> = LazyLock::new(Parts::read);

struct Parts {
    /// The kinds of each text, one bit each.
    kinds: Texts,
    /// The longest text of each kind: most names are longer, and need no look-up.
    len_max: [usize; Part::ALL.len()],
}

impl Parts {
    fn read() -> Self {
        let mut kinds: HashMap<&str, u32> = HashMap::new();
        let mut len_max = [0; Part::ALL.len()];
        for [text, kind] in data::rows(data::PARTS) {
            let Some(&(_, part)) = Part::ALL.iter().find(|it| it.0 == kind) else { continue };
            *kinds.entry(text).or_default() |= 1 << part as u32;
            len_max[part as usize] = text.len().max(len_max[part as usize]);
        }
        Self { kinds: Texts::new(kinds), len_max }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_a_kind_and_every_kind_a_row() {
        for [text, kind] in data::rows(data::PARTS) {
            assert!(Part::ALL.iter().any(|it| it.0 == kind), "{text}: {kind}");
        }
        for (word, part) in Part::ALL {
            let has = data::rows(data::PARTS).any(|[text, _]| part.is(text));
            assert!(has, "{word}");
        }
    }

    #[test]
    fn parts_are_known_by_kind() {
        assert!(Part::State.is("gov") && Part::Second.is(b"gov") && !Part::Host.is("gov"));
        assert!(
            Part::Store.ends("s3.eu-central-1.amazonaws.com") && Part::Store.ends("windows.net")
        );
        assert!(!Part::Store.ends("notwindows.net") && !Part::Store.ends(""));
    }
}
