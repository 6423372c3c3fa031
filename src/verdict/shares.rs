//! Shares: what the score of a finding is the sum of.

use std::{
    fmt::{self, Write as _},
    iter,
};

use super::Finding;

/// Shares that a sum in words names one by one; what is left is told together.
const NAMED_MAX: usize = 5;

/// Something that speaks for or against a name, and its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The word for it.
    pub name: &'static str,
    /// What it adds to the score, or takes from it.
    pub points: i16,
}

/// Some shares of a table, one bit each, so that a remembered finding grows by four words and no more.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Shares {
    table: &'static [Share],
    bits: [u64; 2],
}

impl Shares {
    /// No shares: the score is no sum.
    pub const NONE: Self = Self { table: &[], bits: [0; 2] };

    /// The shares of a table whose bits are set, the first one's being the lowest.
    pub const fn new(table: &'static [Share], bits: u128) -> Self {
        Self { table, bits: [bits as u64, (bits >> 64) as u64] }
    }

    /// The shares in the order of the table, but for those without points.
    pub fn iter(self) -> impl Iterator<Item = Share> {
        let mut bits = u128::from(self.bits[0]) | u128::from(self.bits[1]) << 64;
        let set = iter::from_fn(move || {
            let at = bits.trailing_zeros();
            bits &= bits.checked_sub(1)?;
            self.table.get(at as usize).copied()
        });
        set.filter(|it| it.points != 0)
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|it| (it.name, it.points))).finish()
    }
}

impl Finding {
    /// What the score is the sum of. `limit` stands for what a bound of the scale or of the kind of name took away, `also` for what
    /// independent evidence added.
    pub fn shares(&self) -> impl Iterator<Item = Share> {
        self.shares.iter().chain(self.rest())
    }

    /// What the table's shares leave over.
    fn rest(&self) -> Option<Share> {
        let sum = self.shares.iter().map(|it| it.points).sum::<i16>();
        let points = i16::from(self.score) - sum;
        let name = match points {
            _ if self.shares == Shares::NONE => self.technique.as_str(),
            1.. if self.score > 0 => "also",
            _ => "limit",
        };
        Some(Share { name, points }).filter(|it| it.points != 0)
    }

    /// That sum in words, what counts most first: `75 = combo-token 30 + start 28 - suffix-generic 11 + 3 others 29 - limit 1`. Empty where
    /// there is nothing to add up.
    pub fn sum(&self) -> String {
        let mut shares: Vec<Share> = self.shares.iter().collect();
        if self.shares().count() < 2 {
            return String::new();
        }
        shares.sort_by_key(|it| std::cmp::Reverse(it.points.unsigned_abs()));
        let others = shares.split_off(shares.len().min(NAMED_MAX));
        let mut text = format!("{} =", self.score);
        for (at, share) in shares.iter().enumerate() {
            add(at == 0, share.points, share.name, &mut text);
        }
        if !others.is_empty() {
            let name = format!("{} others", others.len());
            add(false, others.iter().map(|it| it.points).sum(), &name, &mut text);
        }
        if let Some(rest) = self.rest() {
            add(false, rest.points, rest.name, &mut text);
        }
        text
    }
}

fn add(is_first: bool, points: i16, name: &str, text: &mut String) {
    let sign = match (is_first, points < 0) {
        (true, false) => "",
        (_, true) => "- ",
        (false, false) => "+ ",
    };
    write!(text, " {sign}{name} {}", points.unsigned_abs()).expect("writing to a String");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Technique;

    const TABLE: &[Share] = &[
        Share { name: "combo", points: 30 },
        Share { name: "nothing", points: 0 },
        Share { name: "generic", points: -11 },
        Share { name: "start", points: 28 },
    ];

    fn finding(bits: u128, score: u8) -> Finding {
        Finding {
            technique: Technique::Combo,
            target: String::new(),
            matched: String::new(),
            score,
            shares: Shares::new(TABLE, bits),
            why: String::new(),
            attack: &[],
        }
    }

    #[test]
    fn sums_are_told_in_words() {
        let check = |bits, score, expected: &str| assert_eq!(finding(bits, score).sum(), expected);
        check(0b1111, 47, "47 = combo 30 + start 28 - generic 11");
        check(0b1001, 50, "50 = combo 30 + start 28 - limit 8");
        check(0b1001, 68, "68 = combo 30 + start 28 + also 10");
        check(0b1000, 28, "");
        check(0b0110, 0, "0 = - generic 11 + limit 11");
    }

    #[test]
    fn a_score_that_is_no_sum_is_its_technique() {
        let plain = Finding { shares: Shares::NONE, ..finding(0, 50) };
        assert_eq!(plain.shares().collect::<Vec<_>>(), [Share { name: "combo", points: 50 }]);
        assert_eq!(plain.sum(), "");
        assert_eq!(Finding { score: 0, ..plain }.shares().count(), 0);
    }

    #[test]
    fn many_shares_are_told_together() {
        static MANY: [Share; 9] = [Share { name: "some", points: 2 }; 9];
        let many = Finding { shares: Shares::new(&MANY, 0b1_1111_1111), ..finding(0, 18) };
        assert!(many.sum().ends_with("+ some 2 + 4 others 8"), "{}", many.sum());
    }
}
