//! Names that lists alone decide about, without a word of memory: nearly all that are blocked.

use super::Policy;
use crate::{
    list::{Index, Match},
    name::{Class, Name, write_wire_text},
    verdict::{Action, Mode},
};
use std::fmt::Write as _;

/// Other lists with the same entry that a sentence names.
const OTHERS_MAX: usize = 3;

/// Entries that cover one name and are kept track of.
const HELD_MAX: usize = 16;

/// What lists and own rules say of a name, as far as that is told at a glance.
#[derive(Debug)]
pub enum Listed<'p> {
    /// A list alone decides, and blocks it.
    Blocked(Blocked<'p>),
    /// No rule and no list of blocked names has it.
    No,
    /// It takes a closer look: [`super::decided_by_rules`].
    Perhaps,
}

/// What is done with a name because a list has it.
#[derive(Debug)]
pub struct Blocked<'p> {
    index: &'p Index,
    found: Match,
    held: [Match; HELD_MAX],
    count: usize,
}

impl<'p> Listed<'p> {
    /// Looks a name up. It is blocked by a list where that is enforced and nobody else may speak before it; what knowledge says of the
    /// name cannot matter then. `text` is room for the name; `now` is Unix time in seconds.
    pub fn find(policy: &'p Policy, name: &Name, now: u64, text: &mut String) -> Self {
        let (rules, index) = (&policy.rules, &policy.rules.index);
        let none = Match { list: 0, line: 0, octets: 0 };
        let (mut held, mut count) = ([none; HELD_MAX], 0);
        index.each(name, |it| {
            if let Some(place) = held.get_mut(count) {
                *place = it;
            }
            count += 1;
        });
        let ruled = rules.own.find(name).is_some();
        let Some(all) = held.get(..count) else { return Self::Perhaps };
        let found = index.first_of(all);
        let Some(block) = found.block else { return if ruled { Self::Perhaps } else { Self::No } };
        let list = index.list(block);
        let acts = list.mode == Mode::Enforce && list.action.changes_answer();
        if ruled || found.allow.is_some() || !acts {
            return Self::Perhaps;
        }
        text.clear();
        name.write_text(text);
        let hosting = policy.knowledge.platforms.find(text, super::today(now));
        // Simulated phishing may come before block lists.
        if hosting.is_some_and(|it| it.class == Class::SimulatedPhishing) {
            return Self::Perhaps;
        }
        Self::Blocked(Blocked { index, found: block, held, count })
    }
}

impl Blocked<'_> {
    /// What is done.
    pub fn action(&self) -> Action {
        self.index.list(self.found).action
    }

    /// Octets of the name's suffix that the entry matched.
    pub const fn matched_len(&self) -> u8 {
        self.found.octets
    }

    /// Writes why into `out`, in place of what is there.
    pub fn write_why(&self, name: &Name, out: &mut String) {
        out.clear();
        write_why(self.index, "blocks", self.found, self.held(), name, out);
    }

    /// The lists that hold the name, each once, and whether it is the one that decided.
    pub fn lists(&self) -> impl Iterator<Item = (u16, bool)> {
        let held = self.held();
        let firsts = held
            .iter()
            .enumerate()
            .filter(|(at, it)| held[..*at].iter().all(|e| e.list != it.list));
        firsts.map(|(_, it)| (it.list, it.list == self.found.list))
    }

    fn held(&self) -> &[Match] {
        &self.held[..self.count]
    }
}

/// Appends the sentence that says which list holds a name, `verb` being what it does.
pub(super) fn write_why(
    index: &Index,
    verb: &str,
    found: Match,
    held: &[Match],
    name: &Name,
    out: &mut String,
) {
    // Writing to a string cannot fail.
    let _ = write!(out, "list `{}` {verb} `", index.list(found).name);
    write_wire_text(found.suffix(name), out);
    let _ = write!(out, "` (line {})", found.line);
    let is_same = |it: &&Match| {
        it.list != found.list
            && it.octets == found.octets
            && index.list(**it).kind == index.list(found).kind
    };
    let others = || held.iter().filter(is_same);
    let mut told = None;
    for at in 0..OTHERS_MAX {
        // In the order of the lists, without room to sort them in.
        let rest = others().filter(|it| told.is_none_or(|told| it.list > told));
        let Some(it) = rest.min_by_key(|it| it.list) else { return };
        told = Some(it.list);
        let before = if at == 0 { "; also in" } else { "," };
        let _ = write!(out, "{before} `{}` (line {})", index.list(*it).name, it.line);
    }
    if let more @ 1.. = others().count().saturating_sub(OTHERS_MAX) {
        let _ = write!(out, " and {more} more");
    }
}
