//! What several upstreams tell of one pair at one time, made into one price. Whether that price
//! may follow the one before it is decided in [`jump`](crate::jump), not here.
//!
//! - **Fallback**: the price of the first upstream, in the order of the settings. Those of others
//!   that were heard count as sources if they agree with it.
//! - **Quorum**, of three or more: the median. Before that, what is further from the median of
//!   all than `max(outlier, 10 · MAD)` is dropped, MAD being the median of the distances from
//!   that median. Of two, as in fallback: nobody can say which of them is wrong.
//!
//! A median of an even number of prices is the mean of the two in the middle: exact if 28
//! significant digits suffice, otherwise rounded, half to even, to 18 significant digits. Any
//! other price here is one that somebody told, digit by digit.

use crate::order;
use crate::percent::{Percent, distance};
use crate::price::Price;
use crate::quote::Method;
use crate::ratio::{Ratio, power_of_ten};
use num_bigint::BigUint;
use std::str::FromStr;
use thiserror::Error;

/// Upstreams that a median needs.
const QUORUM: usize = 3;

/// How many times the median distance a price may be off.
const MOST_DISTANCES: u8 = 10;

/// Prices are counted in quarters of their last digit, so that means of two and distances from
/// them are whole numbers.
const QUARTERS: u8 = 4;

/// Which of several prices is believed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Mode {
    /// The first upstream's.
    #[default]
    Fallback,
    /// The median, where three or more are heard.
    Quorum,
}

impl Mode {
    /// Its name in settings and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::Fallback => "fallback",
            Mode::Quorum => "quorum",
        }
    }
}

/// A text names no mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the mode is one of fallback and quorum")]
pub struct ModeError;

impl FromStr for Mode {
    type Err = ModeError;

    fn from_str(text: &str) -> Result<Mode, ModeError> {
        match text {
            "fallback" => Ok(Mode::Fallback),
            "quorum" => Ok(Mode::Quorum),
            _ => Err(ModeError),
        }
    }
}

/// How prices of several upstreams are made into one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consent {
    /// Which one is believed.
    pub mode: Mode,
    /// What is at most so far from the median is no outlier.
    pub outlier: Percent,
    /// Two prices that are further apart can't both be right.
    pub divergence: Percent,
}

/// Why a price was not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dropped {
    /// It is too far from the median.
    Outlier,
    /// It is too far from the price of the upstream that goes first.
    Divergent,
    /// It is too far from the price before it, and nobody else tells the same.
    Jump,
}

impl Dropped {
    /// The reason in a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Dropped::Outlier => "outlier",
            Dropped::Divergent => "divergent",
            Dropped::Jump => "jump",
        }
    }
}

/// One price, and what became of each that it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consensus {
    /// The price.
    pub price: Price,
    /// How it was made.
    pub method: Method,
    /// For each of the prices, in their order, why it was not used.
    pub dropped: Vec<Option<Dropped>>,
    /// Prices that were not dropped as outliers are too far apart to all be right.
    pub is_divergent: bool,
}

impl Consensus {
    /// The places of those that the price rests on, the first of them first.
    pub fn used(&self) -> impl Iterator<Item = usize> {
        let places = self.dropped.iter().enumerate();
        places.filter_map(|(place, dropped)| dropped.is_none().then_some(place))
    }
}

/// The price that follows from `prices`, which are in the order of their upstreams. None if
/// there are none.
pub fn consensus(prices: &[&Price], consent: &Consent) -> Option<Consensus> {
    if consent.mode == Mode::Quorum && prices.len() >= QUORUM {
        return median_of(prices, consent);
    }
    let all = vec![None; prices.len()];
    first_of(prices, all, consent)
}

/// The first price that is not dropped; others agree with it or not.
fn first_of(
    prices: &[&Price],
    mut dropped: Vec<Option<Dropped>>,
    consent: &Consent,
) -> Option<Consensus> {
    let first = dropped.iter().position(Option::is_none)?;
    let price = *prices.get(first)?;
    let mut is_divergent = false;
    for (told, dropped) in prices.iter().zip(&mut dropped) {
        if dropped.is_none() && consent.divergence.is_between(price, told) {
            *dropped = Some(Dropped::Divergent);
            is_divergent = true;
        }
    }
    Some(Consensus {
        price: price.clone(),
        method: Method::Single,
        dropped,
        is_divergent,
    })
}

fn median_of(prices: &[&Price], consent: &Consent) -> Option<Consensus> {
    let (figures, parts) = aligned(prices);
    let middle = median(figures.iter())?;
    let distances: Vec<_> = figures
        .iter()
        .map(|figure| distance(figure, &middle))
        .collect();
    let spread = median(distances.iter())? * MOST_DISTANCES;
    let dropped: Vec<_> = distances
        .iter()
        .map(|off| {
            let is_off = *off > spread && consent.outlier.is_exceeded(off, &middle);
            is_off.then_some(Dropped::Outlier)
        })
        .collect();
    let mut rest: Vec<_> = prices
        .iter()
        .zip(&figures)
        .zip(&dropped)
        .filter_map(|((price, figure), dropped)| dropped.is_none().then_some((figure, *price)))
        .collect();
    // Equal numbers are ordered by their text, so that it does not matter who told which.
    order::sort_by(&mut rest, |(a, price_a), (b, price_b)| {
        (a, price_a.as_str()).cmp(&(b, price_b.as_str()))
    });
    let ((lowest, _), (highest, _)) = (rest.first()?, rest.last()?);
    let is_divergent = consent
        .divergence
        .is_exceeded(&(*highest - *lowest), lowest);
    if rest.len() < QUORUM && is_divergent {
        return first_of(prices, dropped, consent);
    }
    let (below, above) = (rest.get((rest.len() - 1) / 2)?, rest.get(rest.len() / 2)?);
    let price = match below.0 == above.0 {
        true => Some(below.1.clone()),
        false => Ratio::of_parts(below.0 + above.0, parts * 2_u8).to_price(),
    };
    Some(Consensus {
        // What is too small to be calculated with is not calculated.
        price: price.unwrap_or_else(|| below.1.clone()),
        method: Method::Median,
        dropped,
        is_divergent,
    })
}

/// The prices in one unit, as many of which as the second number make 1.
fn aligned(prices: &[&Price]) -> (Vec<BigUint>, BigUint) {
    let units: Vec<_> = prices.iter().map(|price| price.units()).collect();
    let scale = units.iter().map(|(_, scale)| *scale).max().unwrap_or(0);
    let figures = units
        .into_iter()
        .map(|(units, of)| units * power_of_ten(scale - of) * QUARTERS)
        .collect();
    (figures, power_of_ten(scale) * QUARTERS)
}

/// The number in the middle, or the mean of the two there.
fn median<'a>(numbers: impl Iterator<Item = &'a BigUint>) -> Option<BigUint> {
    let mut numbers: Vec<_> = numbers.collect();
    order::sort(&mut numbers);
    let below = numbers.get(numbers.len().checked_sub(1)? / 2)?;
    let above = numbers.get(numbers.len() / 2)?;
    Some((*below + *above) / 2_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONSENT: Consent = Consent {
        mode: Mode::Quorum,
        outlier: Percent::whole(2),
        divergence: Percent::whole(2),
    };

    fn of(texts: &[&str], consent: &Consent) -> Consensus {
        let prices: Vec<_> = texts
            .iter()
            .map(|text| Price::parse(text).unwrap())
            .collect();
        consensus(&prices.iter().collect::<Vec<_>>(), consent).unwrap()
    }

    fn quorum(texts: &[&str]) -> Consensus {
        of(texts, &CONSENT)
    }

    fn fallback(texts: &[&str]) -> Consensus {
        let consent = Consent {
            mode: Mode::Fallback,
            ..CONSENT
        };
        of(texts, &consent)
    }

    #[test]
    fn a_mode_has_a_name() {
        assert_eq!("quorum".parse(), Ok(Mode::Quorum));
        assert_eq!("fallback".parse(), Ok(Mode::Fallback));
        assert_eq!("Quorum".parse::<Mode>(), Err(ModeError));
    }

    #[test]
    fn nothing_heard_is_no_price() {
        assert_eq!(consensus(&[], &CONSENT), None);
    }

    #[test]
    fn in_fallback_the_first_is_believed_and_others_agree_or_not() {
        let agreed = fallback(&["100.0", "101", "99"]);
        assert_eq!(agreed.price.as_str(), "100.0");
        assert_eq!((agreed.used().count(), agreed.method), (3, Method::Single));
        assert!(!agreed.is_divergent);
        let apart = fallback(&["100", "103", "101"]);
        assert_eq!(apart.price.as_str(), "100");
        assert!(apart.is_divergent);
        assert_eq!(apart.dropped, [None, Some(Dropped::Divergent), None]);
    }

    #[test]
    fn two_make_no_quorum() {
        let apart = quorum(&["100", "103"]);
        assert_eq!((apart.price.as_str(), apart.is_divergent), ("100", true));
        let near = quorum(&["100", "102"]);
        assert_eq!((near.price.as_str(), near.is_divergent), ("100", false));
        assert_eq!(near.used().count(), 2);
    }

    #[test]
    fn of_three_the_one_in_the_middle_is_believed_digit_by_digit() {
        let three = quorum(&["101", "100.50", "100"]);
        assert_eq!(three.price.as_str(), "100.50");
        assert_eq!((three.used().count(), three.method), (3, Method::Median));
    }

    #[test]
    fn of_four_it_is_the_exact_mean_of_the_two_in_the_middle() {
        let four = quorum(&["101", "100.1", "100.25", "99.9"]);
        assert_eq!(four.price.as_str(), "100.175");
        let small = quorum(&["0.00000001", "0.000000010", "0.0000000101", "0.0000000101"]);
        assert_eq!(small.price.as_str(), "0.00000001005");
    }

    #[test]
    fn one_liar_of_three_is_dropped_and_the_honest_are_averaged() {
        let liar = quorum(&["200", "100", "100.1"]);
        assert_eq!(liar.price.as_str(), "100.05");
        assert_eq!(liar.dropped, [Some(Dropped::Outlier), None, None]);
        assert!(!liar.is_divergent, "the honest agree");
    }

    #[test]
    fn prices_that_spread_widely_drop_nobody_but_are_flagged() {
        let wide = quorum(&["100", "103", "106", "109"]);
        assert_eq!(wide.used().count(), 4);
        assert_eq!((wide.price.as_str(), wide.is_divergent), ("104.5", true));
    }

    #[test]
    fn two_that_remain_and_disagree_are_the_first_ones_price() {
        // 103 is the median, 3 the median distance, 97 more than ten times that.
        let two = quorum(&["103", "200", "100"]);
        assert_eq!((two.price.as_str(), two.is_divergent), ("103", true));
        assert_eq!(
            two.dropped,
            [None, Some(Dropped::Outlier), Some(Dropped::Divergent)]
        );
    }

    #[test]
    fn what_is_near_is_no_outlier_even_where_the_others_agree_exactly() {
        let three = quorum(&["100", "100", "102"]);
        assert_eq!(three.used().count(), 3);
        let more = quorum(&["100", "100", "102.01"]);
        assert_eq!(more.dropped, [None, None, Some(Dropped::Outlier)]);
    }

    #[test]
    fn of_equal_prices_one_text_is_taken_in_any_order() {
        for texts in [
            ["1.00", "1", "1.0"],
            ["1", "1.0", "1.00"],
            ["1.0", "1.00", "1"],
        ] {
            assert_eq!(quorum(&texts).price.as_str(), "1.0");
        }
    }

    #[test]
    fn prices_too_long_for_arithmetic_are_compared_all_the_same() {
        let long = format!("1.{}", "0".repeat(59) + "1");
        let prices = quorum(&[&long, "1.01", "0.99"]);
        assert_eq!(prices.price.as_str(), long);
    }
}
