//! `Merge`: repeats of a query within a second become one row, with how many there were and when the last one came.

use super::Record;
use foldhash::{HashMap, HashMapExt as _, fast::FixedState};
use std::{
    hash::{BuildHasher as _, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

/// Most rows held at once; a few hundred octets each.
pub(super) const ROWS_MAX: usize = 4096;

/// Repeats that come later than that after the first have a row of their own.
const WITHIN: Duration = Duration::from_secs(1);

/// A record, and what it stands for.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) record: Record,
    pub(super) count: u64,
    pub(super) last: Instant,
}

/// Rows in the making.
#[derive(Debug)]
pub(super) struct Merge {
    rows: Vec<Row>,
    /// The latest row for each hash of what has to be the same.
    places: HashMap<u64, usize>,
}

impl Merge {
    pub(super) fn new() -> Self {
        Self { rows: Vec::new(), places: HashMap::new() }
    }

    /// Adds a record to the row of its like, or begins one.
    pub(super) fn add(&mut self, record: Record) {
        let hash = hash(&record);
        let row = self.places.get(&hash).and_then(|&at| self.rows.get_mut(at));
        if let Some(row) = row.filter(|it| is_repeat(&it.record, &record)) {
            row.count += 1;
            row.last = row.last.max(record.received);
            return;
        }
        self.places.insert(hash, self.rows.len());
        self.rows.push(Row { last: record.received, count: 1, record });
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows.len() >= ROWS_MAX
    }

    /// Hands out all rows, in the order in which they began.
    pub(super) fn take(&mut self) -> impl Iterator<Item = Row> {
        self.places.clear();
        self.rows.drain(..)
    }
}

fn hash(record: &Record) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    record.client.address.ip().hash(&mut hasher);
    record.name.hash(&mut hasher);
    hasher.write_u16(record.qtype);
    hasher.finish()
}

fn is_repeat(first: &Record, next: &Record) -> bool {
    first.client.address.ip() == next.client.address.ip()
        && first.name == next.name
        && (first.qtype, first.rcode) == (next.qtype, next.rcode)
        && first.client.transport == next.client.transport
        && first.verdict().applied == next.verdict().applied
        && first.facts.says_the_same(&next.facts)
        && next.received.saturating_duration_since(first.received) < WITHIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dns::{Facts, Rcode, Told, Transport},
        event::writer::tests::record,
        verdict::{Action, Verdict},
    };
    use std::sync::Arc;

    /// Counts of the rows that come of records.
    fn counts(records: impl IntoIterator<Item = Record>) -> Vec<u64> {
        let mut merge = Merge::new();
        records.into_iter().for_each(|it| merge.add(it));
        merge.take().map(|it| it.count).collect()
    }

    #[test]
    fn what_differs_has_its_own_row() {
        let first = record("www.example");
        let check = |change: fn(&mut Record), expected: &[u64]| {
            let mut other = first.clone();
            change(&mut other);
            let records = [first.clone(), other.clone(), first.clone(), other];
            assert_eq!(counts(records), expected);
        };
        check(|_| (), &[4]);
        check(|it| it.client.address.set_port(9), &[4]);
        check(|it| it.client.address.set_ip([192, 0, 2, 8].into()), &[2, 2]);
        check(|it| it.name = crate::name::Name::parse("example").unwrap(), &[2, 2]);
        check(|it| it.qtype = 28, &[2, 2]);
    }

    #[test]
    fn what_the_client_got_has_its_own_row() {
        let first = record("www.example");
        let check = |change: fn(&mut Record), expected: &[u64]| {
            let mut other = first.clone();
            change(&mut other);
            assert_eq!(counts([first.clone(), first.clone(), other]), expected);
        };
        check(|it| it.rcode = Rcode::SERVFAIL, &[2, 1]);
        check(|it| it.client.transport = Transport::Tcp, &[2, 1]);
        check(
            |it| it.verdict = Some(Arc::new(Verdict { applied: Action::Log, ..Verdict::PASS })),
            &[2, 1],
        );
        let answers = |it: &mut Record| {
            it.facts = Facts::new([Told::Address([192, 0, 2, 1].into())], 0, "");
        };
        check(answers, &[2, 1]);
    }

    #[test]
    fn a_row_spans_a_second_from_its_first() {
        let first = record("www.example");
        let at = |ms: u64| Record {
            received: first.received + Duration::from_millis(ms),
            ..first.clone()
        };
        let mut merge = Merge::new();
        [0, 600, 999, 1000, 1500].into_iter().for_each(|ms| merge.add(at(ms)));
        let rows: Vec<(u64, Instant)> = merge.take().map(|it| (it.count, it.last)).collect();
        assert_eq!(rows, [(3, at(999).received), (2, at(1500).received)]);
        assert!(merge.take().next().is_none());
    }
}
