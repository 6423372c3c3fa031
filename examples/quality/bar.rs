//! The bar that was set for detection, and what of it is met.

use crate::{
    benign::is_bucket,
    measure::{ByTechnique, Count, Judged},
};

/// Sources that have a bar of their own: what the name of a set begins with, and the shares to block and to log off platforms.
const DETECTION: [(&str, f64, f64); 3] =
    [("openphish", 8.0, 13.0), ("jpcert", 9.0, 11.0), ("pdd_phishtank", 14.0, 17.0)];

/// Shares to block and to log of the sites that carry a distinctive brand.
const DISTINCTIVE: (f64, f64) = (65.0, 93.0);

/// Sites below which the share of those with a distinctive brand says nothing.
const SITES_MIN: usize = 200;

/// Rows of the table.
#[derive(Debug, Default)]
pub(crate) struct Bar {
    rows: Vec<(String, String, String, bool)>,
    business: Count,
}

impl Bar {
    fn row(&mut self, what: String, goal: String, reached: String, is_met: bool) {
        self.rows.push((what, goal, reached, is_met));
    }

    /// Prints what was set and what is reached.
    pub(crate) fn print(mut self) {
        let Count { all, logged, .. } = self.business;
        self.row(
            format!("hosts of business platforms among real names of {all} flagged"),
            "0".to_owned(),
            logged.to_string(),
            logged == 0,
        );
        println!("\n| set | bar | reached | |\n|---|---|---|---|");
        for (what, goal, reached, is_met) in &self.rows {
            println!(
                "| {what} | {goal} | {reached} | {} |",
                if *is_met { "met" } else { "**missed**" }
            );
        }
    }

    /// Shares of sites to block and to log at least.
    fn shares(&mut self, what: String, count: Count, (block, log): (f64, f64)) {
        let (blocked, logged) = (count.blocked(), count.logged());
        self.row(
            format!("{what}, block / log %"),
            format!(">= {block} / {log}"),
            format!("{blocked:.2} / {logged:.2}"),
            blocked >= block && logged >= log,
        );
    }

    pub(crate) fn detection(&mut self, set: &str, off: Count) {
        if let Some((_, block, log)) = DETECTION.iter().find(|it| set.starts_with(it.0)) {
            self.shares(format!("{set}: sites off platforms"), off, (*block, *log));
        }
    }

    pub(crate) fn distinctive(&mut self, set: &str, brand: Count) {
        if brand.all >= SITES_MIN {
            let what = format!("{set}: sites with a distinctive brand");
            self.shares(what, brand, DISTINCTIVE);
        }
    }

    pub(crate) fn false_positives(&mut self, set: &str, judged: &[Judged], strict: &[Judged]) {
        let all = |it: &[Judged]| it.iter().map(|it| it.score).collect::<Count>();
        let (count, strict) = (all(judged), all(strict));
        let blocked = |it: Count| format!("{:.3}", it.blocked());
        if set.ends_with(" top 1000") {
            let none = count.blocked == 0;
            self.row(format!("{set}: blocked"), "0".to_owned(), count.blocked.to_string(), none);
        } else if set.ends_with(" top 10000") {
            let is_met = count.blocked() <= 0.02;
            self.row(format!("{set}: block %"), "<= 0.02".to_owned(), blocked(count), is_met);
        } else if set.ends_with(" top 100000") {
            let is_met = strict.blocked() <= 0.08;
            self.row(
                format!("{set}, without known-good: block %"),
                "<= 0.08".to_owned(),
                blocked(strict),
                is_met,
            );
            self.row(
                format!("{set}: block / log %"),
                "<= 0.05 / 0.40".to_owned(),
                format!("{:.3} / {:.3}", count.blocked(), count.logged()),
                count.blocked() <= 0.05 && count.logged() <= 0.40,
            );
        } else if set.contains("cisco_top20k") {
            let is_met = count.blocked() <= 0.05;
            self.row(
                format!("{set}, host names: block %"),
                "<= 0.05".to_owned(),
                blocked(count),
                is_met,
            );
        }
        let business = judged.iter().filter(|it| it.is_business && !is_bucket(set));
        business.for_each(|it| self.business.add(it.score));
    }

    /// Rules for slips of the keyboard together, over the ranked sets.
    pub(crate) fn typo_rules(&mut self, flagged: &[ByTechnique]) {
        let ranked = flagged.iter().filter(|it| it.set.ends_with(" top 100000"));
        let (all, slips) = ranked.fold((0, 0), |sum, it| (sum.0 + it.all, sum.1 + it.slips()));
        if all > 0 {
            let share = 100.0 * slips as f64 / all as f64;
            self.row(
                format!("typo, bitsquat, plural and hyphen on {all} ranked sites: log %"),
                "<= 0.03".to_owned(),
                format!("{share:.3}"),
                share <= 0.03,
            );
        }
    }

    pub(crate) fn homographs(&mut self, what: &str, count: Count) {
        let logged = count.logged();
        self.row(
            format!("registered homographs {what}: log %"),
            ">= 97".to_owned(),
            format!("{logged:.1}"),
            logged >= 97.0,
        );
    }

    pub(crate) fn vectors(&mut self, alike: usize, all: usize) {
        self.row(
            format!("browser vectors of {all} judged alike"),
            ">= 480".to_owned(),
            alike.to_string(),
            alike >= 480,
        );
    }

    pub(crate) fn real_idn(&mut self, count: Count) {
        self.row(
            format!("real names in other scripts of {} flagged", count.all),
            "0".to_owned(),
            count.logged.to_string(),
            count.logged == 0,
        );
    }

    pub(crate) fn platforms(&mut self, classed: usize, known: usize) {
        let share = 100.0 * classed as f64 / known as f64;
        self.row(
            format!("platform hosts of {known} classed right: %"),
            ">= 98".to_owned(),
            format!("{share:.2}"),
            share >= 98.0,
        );
    }
}
