//! Weights: the points of every feature, read from one table, and how they add up to a score.
//!
//! The score is additive: a start value and the points of each feature present, cut to 0..=100. 80 means safe to
//! sinkhole, 50 worth a look. Two independent pieces of evidence are stronger than one.

use std::sync::LazyLock;

use crate::verdict::{Share, Shares};

use super::{
    data,
    evidence::{Evidence, Feature, Features},
};

/// The points of every feature.
pub(super) struct Weights {
    start: i16,
    /// What a second, independent piece of evidence adds.
    also: i16,
    points: [i16; 128],
    /// Features with their points, and behind them the start, for people.
    shares: Vec<Share>,
}

static BUILTIN: LazyLock<Weights> = LazyLock::new(Weights::read);

impl Weights {
    /// The weights of `weights.tsv`.
    pub(super) fn builtin() -> &'static Self {
        &BUILTIN
    }

    /// Reads `weights.tsv`: feature, points, meaning.
    fn read() -> Self {
        let mut weights = Self { start: 0, also: 0, points: [0; 128], shares: Vec::new() };
        for [word, points, _] in data::rows(data::WEIGHTS) {
            let Ok(points) = points.parse() else { continue };
            match word {
                "start" => weights.start = points,
                "also" => weights.also = points,
                word => {
                    if let Some(at) = Feature::ALL.iter().position(|it| it.as_str() == word) {
                        weights.points[at] = points;
                    }
                }
            }
        }
        let share = |&it: &Feature| Share { name: it.as_str(), points: weights.points(it) };
        let start = Share { name: "start", points: weights.start };
        weights.shares = Feature::ALL.iter().map(share).chain([start]).collect();
        weights
    }

    /// What the score of one piece of evidence is the sum of.
    pub(super) fn shares(&'static self, features: Features) -> Shares {
        Shares::new(&self.shares, features.bits() | 1 << Feature::ALL.len())
    }

    /// The points of a feature.
    pub(super) const fn points(&self, feature: Feature) -> i16 {
        self.points[feature as usize]
    }

    /// The score of one piece of evidence.
    pub(super) fn score(&self, features: Features) -> u8 {
        let points = features.iter().map(|it| i32::from(self.points[it as usize])).sum::<i32>();
        u8::try_from((i32::from(self.start) + points).clamp(0, 100)).unwrap_or(0)
    }

    /// The score of a name: its strongest evidence, and something for another that is independent of it.
    ///
    /// `found` is sorted, the strongest first.
    pub(super) fn combine(&self, found: &[Evidence], odd: Odd) -> u8 {
        let Some(best) = found.first() else { return odd.score };
        let elsewhere = |it: &Evidence| {
            it.score >= ALSO_MIN && it.label != best.label && !it.span.overlaps(best.span)
        };
        let independent = found[1..].iter().any(elsewhere)
            || (odd.beside && odd.score.min(best.score) >= ALSO_MIN);
        let also = if independent { self.also } else { 0 };
        let score = i16::from(best.score.max(odd.score)) + also;
        u8::try_from(score.clamp(0, 100)).unwrap_or(100)
    }
}

/// Least score of evidence that makes other evidence stronger.
const ALSO_MIN: u8 = 40;

/// Odd characters in a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Odd {
    /// Their score, 0 where there are none.
    pub(super) score: u8,
    /// Whether the strongest evidence holds none of them.
    pub(super) beside: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_its_row() {
        let words: Vec<&str> = data::rows(data::WEIGHTS).map(|[word, _, _]| word).collect();
        for feature in Feature::ALL {
            assert!(words.contains(&feature.as_str()), "{}", feature.as_str());
        }
        for word in words {
            let known = Feature::ALL.iter().any(|it| it.as_str() == word);
            assert!(known || word == "start" || word == "also", "{word}");
        }
    }

    #[test]
    fn scores_add_up_and_stay_on_the_scale() {
        let mut points = [0; 128];
        points[Feature::Common as usize] = -50;
        points[Feature::EmbedMiddle as usize] = 90;
        let weights = Weights { start: 20, also: 10, points, shares: Vec::new() };
        assert_eq!(weights.score(Features::of(&[Feature::EmbedMiddle])), 100);
        assert_eq!(weights.score(Features::of(&[Feature::EmbedMiddle, Feature::Common])), 60);
        assert_eq!(weights.score(Features::of(&[Feature::Common])), 0);
    }
}
