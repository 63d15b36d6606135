//! What calculated prices promise, over a hundred thousand random cases each: exact where it is
//! said so, otherwise rounded as stated, checked in whole numbers of any size.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use edge_rates_quotes::consensus::{Consent, Mode, consensus};
use edge_rates_quotes::cross::crossed;
use edge_rates_quotes::{
    Amount, Board, Catalogue, Currency, Method, Millis, Percent, Precision, Price, Quote,
    ReferenceRate, Rounding, convert, rate,
};
use num_bigint::BigUint;
use proptest::prelude::*;

const NOW: Millis = Millis(1_795_225_200_000);

const QUORUM: Consent = Consent {
    mode: Mode::Quorum,
    outlier: Percent::whole(2),
    divergence: Percent::whole(2),
};

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 100_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// A number as units of 10^−60.
fn units(text: &str) -> BigUint {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{integer}{fraction:0<60}").parse().unwrap()
}

fn one() -> BigUint {
    units("1")
}

/// Digits from the first that is not zero.
fn significant_digits(text: &str) -> usize {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len()
}

fn fraction_digits(text: &str) -> usize {
    text.split_once('.')
        .map_or(0, |(_, fraction)| fraction.len())
}

/// Asserts that `text` is `numerator / denominator` exactly, or that it is the nearest number of
/// 18 significant digits, and that it can be calculated with.
fn assert_exact_or_rounded(text: &str, numerator: &BigUint, denominator: &BigUint) {
    let price = Price::parse(text).unwrap();
    price.decimal().unwrap();
    assert!(!text.contains('.') || !text.ends_with(['0', '.']), "{text}");
    let (got, wanted) = (units(text) * denominator, numerator * one());
    if got == wanted {
        return;
    }
    let off = if got > wanted {
        &got - &wanted
    } else {
        &wanted - &got
    };
    // Half of the last of 18 digits, as a part of the number: at most 5 / 10^18.
    assert!(
        &off * BigUint::from(10_u8).pow(18) <= wanted * 5_u8,
        "{text}"
    );
    assert!(significant_digits(text) <= 18, "{text}");
    // It was rounded only because 28 digits do not hold it.
    let scaled = numerator * BigUint::from(10_u8).pow(28);
    let is_held_by_28 = (&scaled % denominator) == BigUint::ZERO
        && (scaled / denominator)
            .to_string()
            .trim_end_matches('0')
            .len()
            <= 28;
    assert!(!is_held_by_28, "{text} is rounded without need");
}

/// Prices as they come: 1 to 17 digits, from cents of a cent to billions.
fn price_text() -> impl Strategy<Value = String> {
    (1_u64..100_000_000_000_000_000, 0_usize..=16).prop_map(|(mantissa, scale)| {
        let digits = format!("{mantissa:0>width$}", width = scale + 1);
        let (integer, fraction) = digits.split_at(digits.len() - scale);
        match scale {
            0 => integer.to_owned(),
            _ => format!("{integer}.{fraction}"),
        }
    })
}

/// Prices of one pair within about a percent of 100, and one factor for all.
fn honest(count: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = Vec<String>> {
    let near = (99_100_000_u64..=100_900_000).prop_map(|micros| {
        let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    });
    prop::collection::vec(near, count)
}

fn median(texts: &[String]) -> edge_rates_quotes::consensus::Consensus {
    let prices: Vec<_> = texts
        .iter()
        .map(|text| Price::parse(text).unwrap())
        .collect();
    consensus(&prices.iter().collect::<Vec<_>>(), &QUORUM).unwrap()
}

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn catalogue() -> Catalogue {
    Catalogue::parse("bitcoin:BTC", "USD,EUR").unwrap()
}

/// A board on which bitcoin costs this in dollars, and a dollar or a euro costs that.
fn crossing(price: &str, base: &str, quote: &str, reference: &str) -> Board {
    let price = Price::parse(price).unwrap();
    let quotes = vec![Quote::new("bitcoin", currency("USD"), price)];
    let mut board = Board::new(NOW.into(), NOW, "kraken", "", quotes);
    board.references = vec![ReferenceRate {
        base: currency(base),
        quote: currency(quote),
        price: Price::parse(reference).unwrap(),
        updated: None,
        heard: NOW,
        source: "frankfurter".to_owned(),
    }];
    crossed(board, &catalogue())
}

fn in_euros(board: &Board) -> Option<String> {
    let quote = board.get("bitcoin", &currency("EUR"))?;
    assert_eq!(quote.method, Method::Cross);
    Some(quote.price.as_str().to_owned())
}

fn converted(board: &Board, amount: &str, from: &str, to: &str, precision: Precision) -> String {
    let rate = rate(board, &catalogue(), from, to).unwrap();
    let amount = Amount::parse(amount).unwrap();
    convert(&rate, &amount, precision, Rounding::HalfEven)
        .unwrap()
        .result
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_median_lies_between_the_least_and_the_most_in_any_order(
        (texts, shuffled) in prop::collection::vec(price_text(), 3..8)
            .prop_flat_map(|texts| (Just(texts.clone()), Just(texts).prop_shuffle())),
    ) {
        let of_all = median(&texts);
        if of_all.method != Method::Median {
            // Two were left, and they disagree: then the order decides.
            return Ok(());
        }
        let price = units(of_all.price.as_str());
        let figures = || texts.iter().map(|text| units(text));
        prop_assert!(figures().min().unwrap() <= price && price <= figures().max().unwrap());
        prop_assert_eq!(of_all.price, median(&shuffled).price);
    }

    #[test]
    fn a_median_is_one_of_the_prices_or_the_mean_of_two(texts in honest(3..=8)) {
        let of_all = median(&texts);
        let mut used: Vec<_> = of_all.used().map(|place| units(&texts[place])).collect();
        used.sort();
        let (below, above) = (&used[(used.len() - 1) / 2], &used[used.len() / 2]);
        assert_exact_or_rounded(of_all.price.as_str(), &(below + above), &(one() * 2_u8));
        if used.len() % 2 == 1 {
            prop_assert!(texts.contains(&of_all.price.as_str().to_owned()));
        }
    }

    #[test]
    fn liars_never_move_the_median_beyond_the_honest(
        (honest, liars, turn) in honest(2..=6).prop_flat_map(|honest| {
            let fewer = 1..honest.len();
            (Just(honest), prop::collection::vec(price_text(), fewer), 0_usize..12)
        }),
    ) {
        let mut texts: Vec<_> = honest.iter().chain(&liars).cloned().collect();
        let by = turn % texts.len();
        texts.rotate_left(by);
        let price = units(median(&texts).price.as_str());
        let figures = || honest.iter().map(|text| units(text));
        prop_assert!(
            figures().min().unwrap() <= price && price <= figures().max().unwrap(),
            "{:?} and {:?}", honest, liars
        );
    }

    #[test]
    fn nobody_is_dropped_for_being_near(texts in honest(3..=8)) {
        let of_all = median(&texts);
        prop_assert_eq!(of_all.used().count(), texts.len());
        prop_assert!(!of_all.is_divergent);
    }

    #[test]
    fn a_cross_is_the_product_exactly_or_as_rounding_says(price in price_text(), euros in price_text()) {
        let product = units(&price) * units(&euros);
        match in_euros(&crossing(&price, "USD", "EUR", &euros)) {
            Some(text) if fraction_digits(&text) < 28 => {
                assert_exact_or_rounded(&text, &product, &(one() * one()));
            }
            // Below 10^−10, 28 digits after the point leave fewer than 18 significant ones.
            Some(text) => {
                let got = units(&text) * one();
                let off = if got > product { &got - &product } else { &product - &got };
                prop_assert!(off * BigUint::from(10_u8).pow(28) * 2_u8 <= one() * one(), "{}", text);
            }
            // Nothing costs that much.
            None => prop_assert!(product >= one() * one() * BigUint::from(10_u8).pow(17)),
        }
    }

    #[test]
    fn a_cross_backwards_is_the_quotient_exactly_or_as_rounding_says(
        price in 1_u64..1_000_000_000_000, dollars in 1_u32..100_000_000,
    ) {
        let (price, dollars) = (format!("{}.{:02}", price / 100 + 1, price % 100), format!("0.{dollars:08}"));
        if let Some(text) = in_euros(&crossing(&price, "EUR", "USD", &dollars)) {
            assert_exact_or_rounded(&text, &units(&price), &units(&dollars));
        }
    }

    /// With a price, told or crossed, an amount there and back is the amount, but for the half
    /// of the last digit that rounding took on the way, at the price it comes back for.
    #[test]
    fn there_and_back_is_the_amount_within_what_was_rounded(
        price in 1_u64..1_000_000_000_000, euros in 1_u32..100_000_000, amount in 1_u64..1_000_000_000_000, code in 0_usize..2,
    ) {
        let code = ["USD", "EUR"][code];
        let price = format!("{}.{:04}", price / 10_000, price % 10_000 + 1);
        let board = crossing(&price, "USD", "EUR", &format!("0.{euros:08}"));
        let price = board.get("bitcoin", &currency(code)).unwrap().price.as_str().to_owned();
        let amount = format!("{}.{:02}", amount / 100, amount % 100);
        let there = converted(&board, &amount, code, "BTC", Precision::Digits(18));
        let back = converted(&board, &there, "BTC", code, Precision::Full);
        let (wanted, got) = (units(&amount), units(&back));
        let off = if got > wanted { got - wanted } else { wanted - got };
        // Half of 10^−18 bitcoin at their price, and half of the last digit that is given.
        let most = units(&price) / BigUint::from(2_u64 * 10_u64.pow(18)) + units("0.000000000000000001");
        prop_assert!(off <= most, "{} {} {}", amount, there, back);
    }

    #[test]
    fn anything_in_itself_is_the_same_amount(amount in price_text(), name in 0_usize..3) {
        let name = ["BTC", "USD", "EUR"][name];
        let empty = Board::new(NOW.into(), NOW, "kraken", "", Vec::new());
        let same = converted(&empty, &amount, name, name, Precision::Full);
        prop_assert_eq!(units(&same), units(&amount));
    }
}
