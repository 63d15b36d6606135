//! Tests of [`convert`](super).

use super::*;
use crate::price::Price;
use proptest::prelude::*;

const FETCHED: Millis = Millis(1_795_225_200_000);

fn catalogue() -> Catalogue {
    Catalogue::parse(
        "bitcoin:BTC,ethereum:ETH,tether:USDT,dogecoin:DOGE",
        "EUR,USD,BTC,CHF",
    )
    .unwrap()
}

fn quote(asset: &str, currency: &str, price: &str, updated: Option<u64>) -> Quote {
    let currency = Currency::parse(currency).unwrap();
    Quote {
        updated: updated.map(Millis),
        ..Quote::new(asset, currency, Price::parse(price).unwrap())
    }
}

fn board(prices: &[(&str, &str, &str)]) -> Board {
    let quotes = prices
        .iter()
        .map(|(asset, currency, price)| quote(asset, currency, price, None))
        .collect();
    Board::new(FETCHED.into(), FETCHED, "kraken", "", quotes)
}

fn text(board: &Board, from: &str, to: &str) -> String {
    rate(board, &catalogue(), from, to)
        .unwrap()
        .text(Precision::Full, Rounding::HalfEven)
        .unwrap()
}

fn result(board: &Board, amount: &str, from: &str, to: &str, precision: Precision) -> String {
    let rate = rate(board, &catalogue(), from, to).unwrap();
    let amount = Amount::parse(amount).unwrap();
    convert(&rate, &amount, precision, Rounding::HalfEven)
        .unwrap()
        .result
}

#[test]
fn a_price_on_the_board_is_the_rate_as_it_came() {
    let board = board(&[("bitcoin", "USD", "76975.50")]);
    let rate = rate(&board, &catalogue(), "btc", "usd").unwrap();
    assert_eq!((rate.from.as_str(), rate.to.as_str()), ("BTC", "USD"));
    assert_eq!(rate.path, Path::Direct);
    assert_eq!(text(&board, "bitcoin", "USD"), "76975.50");
}

#[test]
fn of_assets_that_share_a_symbol_the_one_that_is_meant_is_converted() {
    let catalogue = Catalogue::parse(
        "bridged:USDT;rank=900,tether:USDT:Tether;rank=3",
        "USD,USDT",
    )
    .unwrap();
    let prices = [
        ("bridged", "USD", "0.5"),
        ("tether", "USD", "1"),
        ("tether", "USDT", "1"),
    ];
    let board = board(&prices);
    let of = |id: &str, to: &str| {
        let asset = catalogue.by_id(id).unwrap();
        let rate = rate_of(&board, &catalogue, asset, to).unwrap();
        rate.text(Precision::Full, Rounding::HalfEven).unwrap()
    };
    assert_eq!(of("bridged", "USDT"), "0.5");
    assert_eq!(of("tether", "USDT"), "1");
    assert_eq!(of("tether", "bridged"), "2");
}

#[test]
fn the_way_back_is_the_inverse() {
    let board = board(&[("bitcoin", "USD", "80000")]);
    let rate = rate(&board, &catalogue(), "USD", "BTC").unwrap();
    assert_eq!(rate.path, Path::Inverse);
    assert_eq!(text(&board, "USD", "BTC"), "0.0000125");
}

#[test]
fn two_assets_are_crossed_through_dollars_where_both_have_a_price_in_them() {
    let all = board(&[
        ("dogecoin", "EUR", "0.5"),
        ("dogecoin", "USD", "0.25"),
        ("ethereum", "EUR", "2000"),
        ("ethereum", "USD", "2500"),
    ]);
    let via = |board, from, to| rate(board, &catalogue(), from, to).unwrap().path;
    let cross = |via: &str| Path::Cross {
        via: via.to_owned(),
    };
    assert_eq!(via(&all, "ETH", "DOGE"), cross("USD"));
    assert_eq!(text(&all, "ETH", "DOGE"), "10000");
    let no_dollars = board(&[
        ("dogecoin", "CHF", "0.5"),
        ("dogecoin", "EUR", "0.5"),
        ("ethereum", "CHF", "2000"),
        ("ethereum", "EUR", "2000"),
    ]);
    assert_eq!(via(&no_dollars, "ETH", "DOGE"), cross("EUR"));
}

#[test]
fn two_currencies_are_crossed_through_an_asset() {
    let board = board(&[("ethereum", "EUR", "2000"), ("ethereum", "USD", "2500")]);
    let rate = rate(&board, &catalogue(), "EUR", "USD").unwrap();
    assert_eq!(
        rate.path,
        Path::Cross {
            via: "ETH".to_owned()
        }
    );
    assert_eq!(text(&board, "EUR", "USD"), "1.25");
}

#[test]
fn a_coin_that_others_are_priced_in_is_one_thing() {
    let board = board(&[("ethereum", "BTC", "0.04"), ("bitcoin", "USD", "80000")]);
    assert_eq!(text(&board, "ETH", "bitcoin"), "0.04");
    assert_eq!(text(&board, "BTC", "ETH"), "25");
    assert_eq!(text(&board, "bitcoin", "BTC"), "1");
}

#[test]
fn dollars_are_not_tethers() {
    let board = board(&[("tether", "USD", "0.9995")]);
    assert_eq!(text(&board, "USDT", "USD"), "0.9995");
}

#[test]
fn a_thing_is_worth_itself_even_without_a_price() {
    let empty = board(&[]);
    let rate = rate(&empty, &catalogue(), "eth", "ethereum").unwrap();
    assert_eq!((rate.path.clone(), rate.as_of), (Path::Identity, FETCHED));
    let two = rate.text(Precision::Digits(2), Rounding::Up);
    assert_eq!(two.as_deref(), Ok("1.00"));
    assert_eq!(result(&empty, "0.5", "USD", "usd", Precision::Full), "0.5");
}

#[test]
fn a_rate_is_as_old_as_its_oldest_price() {
    let quotes = vec![
        quote("ethereum", "USD", "2500", Some(FETCHED.0 - 9_000)),
        quote("bitcoin", "USD", "80000", Some(FETCHED.0 - 4_000)),
        quote("dogecoin", "USD", "1", None),
    ];
    let board = Board::new(FETCHED.into(), FETCHED, "kraken", "", quotes);
    let as_of = |from, to| rate(&board, &catalogue(), from, to).unwrap().as_of;
    assert_eq!(as_of("BTC", "ETH"), Millis(FETCHED.0 - 9_000));
    assert_eq!(as_of("BTC", "USD"), Millis(FETCHED.0 - 4_000));
    assert_eq!(as_of("DOGE", "USD"), FETCHED);
}

#[test]
fn an_unknown_name_is_refused_with_what_was_probably_meant() {
    let message = |from, to| {
        rate(&board(&[]), &catalogue(), from, to)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(message("BTC", "XXX"), "'XXX' is not served here");
    assert_eq!(
        message("etherium", "USD"),
        "'etherium' is not served here; did you mean ethereum?"
    );
}

#[test]
fn without_prices_there_is_no_rate() {
    let board = board(&[("bitcoin", "USD", "80000")]);
    let error = rate(&board, &catalogue(), "ETH", "USD").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there are no prices at the moment that lead from ETH to USD"
    );
}

#[test]
fn a_price_that_is_too_long_is_passed_on_but_not_calculated_with() {
    let long = format!("0.{}", "1".repeat(40));
    let board = board(&[("dogecoin", "USD", &long)]);
    assert_eq!(text(&board, "DOGE", "USD"), long);
    let too_precise = ArithmeticError::TooPrecise(long);
    let direct = rate(&board, &catalogue(), "DOGE", "USD").unwrap();
    assert_eq!(
        direct.text(Precision::Digits(2), Rounding::Up),
        Err(too_precise.clone())
    );
    let one = Amount::parse("1").unwrap();
    assert_eq!(
        convert(&direct, &one, Precision::Full, Rounding::Up),
        Err(ConvertError::Arithmetic(too_precise))
    );
}

#[test]
fn a_result_has_the_digits_that_were_asked_for() {
    let board = board(&[("bitcoin", "EUR", "66123.45")]);
    let result = |precision| result(&board, "0.1", "BTC", "EUR", precision);
    assert_eq!(result(Precision::Full), "6612.345");
    assert_eq!(result(Precision::Digits(2)), "6612.34");
    assert_eq!(result(Precision::Digits(0)), "6612");
    assert_eq!(result(Precision::Digits(5)), "6612.34500");
}

#[test]
fn a_result_comes_from_the_exact_rate() {
    let board = board(&[("ethereum", "USD", "3")]);
    // With the rate as it is shown, 0.333333333333333333, it would be 0.999999999999999999.
    assert_eq!(result(&board, "3", "USD", "ETH", Precision::Full), "1");
}

#[test]
fn one_of_a_thing_costs_what_its_price_says_digit_by_digit() {
    let board = board(&[("bitcoin", "USD", "76975.50")]);
    for one in ["1", "1.00"] {
        let of = |from, to, precision| result(&board, one, from, to, precision);
        assert_eq!(of("BTC", "USD", Precision::Full), "76975.50");
        assert_eq!(of("BTC", "USD", Precision::Digits(1)), "76975.5");
        assert_eq!(
            of("USD", "BTC", Precision::Full),
            text(&board, "USD", "BTC")
        );
        assert_eq!(of("BTC", "BTC", Precision::Full), "1");
    }
    assert_eq!(result(&board, "2", "BTC", "USD", Precision::Full), "153951");
}

#[test]
fn the_rate_is_shown_the_same_whatever_is_wished_for_the_result() {
    let board = board(&[("ethereum", "USD", "3")]);
    let rate = rate(&board, &catalogue(), "USD", "ETH").unwrap();
    let two = Amount::parse("2").unwrap();
    for (rounding, result) in [
        (Rounding::HalfEven, "0.666666666666666667"),
        (Rounding::HalfUp, "0.666666666666666667"),
        (Rounding::Down, "0.666666666666666666"),
        (Rounding::Up, "0.666666666666666667"),
    ] {
        let converted = convert(&rate, &two, Precision::Full, rounding).unwrap();
        assert_eq!(converted.result, result, "{rounding:?}");
        assert_eq!(converted.rate, "0.333333333333333333", "{rounding:?}");
    }
}

#[test]
fn a_result_that_ends_is_not_cut() {
    let board = board(&[("bitcoin", "USD", "76975.123456789012345678")]);
    let result = |amount, precision| result(&board, amount, "BTC", "USD", precision);
    let amount = "123456.123456789012345678";
    assert_eq!(
        result(amount, Precision::Full),
        "9503050344.582920112209826054527968299765279684"
    );
    assert_eq!(
        result(amount, Precision::Digits(18)),
        "9503050344.582920112209826055"
    );
    assert_eq!(
        result("1e-28", Precision::Full),
        "0.0000000000000000000000076975123456789012345678"
    );
}

#[test]
fn a_negative_amount_has_the_result_of_the_positive_one_and_its_sign() {
    let board = board(&[("bitcoin", "USD", "76975.505")]);
    let rate = rate(&board, &catalogue(), "BTC", "USD").unwrap();
    let convert = |amount: &str, precision, rounding| {
        let amount = Amount::parse(amount).unwrap();
        convert(&rate, &amount, precision, rounding).unwrap()
    };
    for (rounding, one, half) in [
        (Rounding::HalfEven, "76975.50", "38487.75"),
        (Rounding::HalfUp, "76975.51", "38487.75"),
        (Rounding::Down, "76975.50", "38487.75"),
        (Rounding::Up, "76975.51", "38487.76"),
    ] {
        for (amount, expected) in [("1", one), ("0.5", half)] {
            let paid = convert(amount, Precision::Digits(2), rounding);
            let refunded = convert(&format!("-{amount}"), Precision::Digits(2), rounding);
            assert_eq!(paid.result, expected, "{amount} {rounding:?}");
            assert_eq!(refunded.result, format!("-{expected}"), "{rounding:?}");
            assert_eq!(refunded.rate, "76975.505");
        }
    }
    let small = convert("-0.00000001", Precision::Digits(2), Rounding::HalfEven);
    assert_eq!(small.result, "0.00", "zero has no sign");
    let small = convert("-0.00000001", Precision::Digits(2), Rounding::Up);
    assert_eq!(small.result, "-0.01");
}

#[test]
fn a_worked_out_rate_was_made_when_the_oldest_price_in_it_was() {
    let quotes = vec![
        quote("ethereum", "USD", "2500", Some(FETCHED.0 - 9_000)),
        quote("bitcoin", "USD", "80000", Some(FETCHED.0 - 4_000)),
        quote("dogecoin", "USD", "1", None),
    ];
    let board = Board::new(FETCHED.into(), FETCHED, "kraken", "", quotes);
    let updated = |from, to| rate(&board, &catalogue(), from, to).unwrap().updated();
    for (from, to, expected) in [
        ("BTC", "USD", Some(FETCHED.0 - 4_000)),
        ("USD", "BTC", Some(FETCHED.0 - 4_000)),
        ("BTC", "ETH", Some(FETCHED.0 - 9_000)),
        ("ETH", "DOGE", Some(FETCHED.0 - 9_000)),
        // Without a time, a price was made when it was fetched at the latest.
        ("DOGE", "USD", None),
        ("USD", "DOGE", Some(FETCHED.0)),
        ("BTC", "BTC", None),
    ] {
        assert_eq!(updated(from, to), expected.map(Millis), "{from}/{to}");
    }
}

#[test]
fn a_rounded_price_is_rounded_and_a_full_one_is_not() {
    let price = Price::parse("1.2350").unwrap();
    let round = |precision| round_price(&price, precision, Rounding::HalfUp).unwrap();
    assert_eq!(round(Precision::Full), "1.2350");
    assert_eq!(round(Precision::Digits(2)), "1.24");
}

fn price_text() -> impl Strategy<Value = String> {
    (1_i64..10_i64.pow(16), 0_u32..=20)
        .prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).to_string())
}

fn decimal(text: &str) -> Decimal {
    text.parse().unwrap()
}

proptest! {
    #[test]
    fn the_same_thing_converts_to_itself(amount in price_text()) {
        let amount_in = decimal(&amount).normalize().to_string();
        prop_assert_eq!(result(&board(&[]), &amount, "BTC", "BTC", Precision::Full), amount_in);
    }

    /// There and back gives the amount, but for what rounding took: less than one in 10^15.
    #[test]
    fn there_and_back_gives_the_amount(price in 1_i64..10_i64.pow(12), scale in 0_u32..=6, amount in 1_i64..10_i64.pow(8)) {
        let board = board(&[("bitcoin", "USD", &Decimal::new(price, scale).to_string())]);
        let there = result(&board, &amount.to_string(), "USD", "BTC", Precision::Digits(18));
        prop_assume!(there.trim_matches(['0', '.']).len() >= 12);
        let back = decimal(&result(&board, &there, "BTC", "USD", Precision::Full));
        let off = (back - Decimal::from(amount)).abs();
        // Half a unit in the last place of what was got, at the price it is changed back for.
        prop_assert!(off <= Decimal::new(5, 19) * Decimal::new(price, scale) + Decimal::new(1, 18), "{}", off);
    }

    /// from → USD → to in two steps is the cross in one, but for the rounding of the steps.
    #[test]
    fn a_cross_is_the_product_of_its_steps(a in 1_i64..10_i64.pow(9), b in 1_i64..10_i64.pow(9), x in 0_u32..=4, y in 0_u32..=4) {
        let (a, b) = (Decimal::new(a, x), Decimal::new(b, y));
        let board = board(&[("ethereum", "USD", &a.to_string()), ("dogecoin", "USD", &b.to_string())]);
        let dollars = result(&board, "1", "ETH", "USD", Precision::Full);
        let steps = result(&board, &dollars, "USD", "DOGE", Precision::Full);
        prop_assert_eq!(&steps, &text(&board, "ETH", "DOGE"));
    }

    #[test]
    fn the_inverse_times_the_price_is_one(price in 1_i64..10_i64.pow(9), scale in 0_u32..=4) {
        let price = Decimal::new(price, scale);
        let board = board(&[("bitcoin", "USD", &price.to_string())]);
        let inverse = decimal(&text(&board, "USD", "BTC"));
        let off = (inverse * price - Decimal::ONE).abs();
        prop_assert!(off <= Decimal::new(1, 17), "{}", off);
    }

    #[test]
    fn no_result_has_an_exponent_or_needless_zeros(price in price_text(), amount in price_text()) {
        // The result for 1 is the price as it came.
        prop_assume!(decimal(&amount) != Decimal::ONE);
        let board = board(&[("bitcoin", "USD", &price)]);
        for (from, to) in [("BTC", "USD"), ("USD", "BTC")] {
            let result = result(&board, &amount, from, to, Precision::Full);
            prop_assert!(result.bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{}", result);
            prop_assert!(!result.contains('.') || !result.ends_with(['0', '.']), "{}", result);
        }
    }
}

#[test]
fn of_things_that_share_a_code_each_has_its_own_rates() {
    let assets = "bitcoin,usd-coin,other:USDC,sats-ordinals";
    let catalogue = Catalogue::parse(assets, "USD,USDC,SATS").unwrap();
    let board = board(&[
        ("bitcoin", "USD", "80000"),
        ("bitcoin", "SATS", "100000000"),
        ("usd-coin", "USD", "1"),
        ("other", "USD", "0.5"),
        ("sats-ordinals", "USD", "0.25"),
    ]);
    let text = |from, to| {
        let rate = rate(&board, &catalogue, from, to).unwrap();
        rate.text(Precision::Full, Rounding::HalfEven).unwrap()
    };
    assert_eq!(text("USDC", "USD"), "1");
    assert_eq!(text("other", "USD"), "0.5");
    assert_eq!(text("other", "USDC"), "0.5", "no identity");
    assert_eq!(text("USDC", "other"), "2");
    assert_eq!(text("sats-ordinals", "USD"), "0.25");
    assert_eq!(text("SATS", "USD"), "0.0008", "the part of a bitcoin");
}
