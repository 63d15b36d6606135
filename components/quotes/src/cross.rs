//! Prices of pairs that nobody prices: an asset in a currency is the asset in another currency,
//! times what that one costs.
//!
//! What a currency costs in another is, in this order,
//! - a [reference rate](crate::reference), or what follows from two of the same base;
//! - where one of the two is a coin, its price in the other: a tether costs what a tether costs,
//!   never a dollar by its name;
//! - the ratio of the prices of one asset in both.
//!
//! A cross is as old as the oldest part of it, be it a price or a rate. But a reference rate is
//! the current one until the next is out, so whether a cross is current is decided by the prices
//! of assets in it. The result is exact if 28 significant digits suffice for it. Otherwise it is rounded once,
//! half to even, to 18 significant digits: with it one can calculate as with any price.

use crate::asset::Currency;
use crate::board::Board;
use crate::catalogue::Catalogue;
use crate::millis::Millis;
use crate::quote::{Method, Quote, Told};
use crate::ratio::Ratio;
use crate::reference::{ReferenceRate, preferred_first};
use std::collections::BTreeMap;

/// `board` with crosses for the pairs of `catalogue` that it lacks, and for those whose price is
/// not current any more where a cross is.
#[must_use]
pub fn crossed(board: Board, catalogue: &Catalogue) -> Board {
    let crosses = Market::new(&board, catalogue).crosses(catalogue);
    match crosses.is_empty() {
        true => board,
        false => board.preferring(crosses),
    }
}

/// One price or several, multiplied or divided.
#[derive(Debug, Clone)]
struct Factor {
    value: Ratio,
    /// The prices that it is made of.
    told: Vec<Told>,
    /// The time of the oldest price of an asset among them, if there is one.
    priced: Option<Millis>,
    /// The time of the oldest reference rate among them, if one has a time.
    stated: Option<Millis>,
    sources: u32,
    is_current: bool,
    is_held: bool,
    is_divergent: bool,
}

impl Factor {
    /// A price of a board, of what `asset` names.
    fn of_quote(board: &Board, quote: &Quote, asset: &str) -> Option<Factor> {
        quote.method.is_told().then(|| Factor {
            value: Ratio::of(&quote.price),
            told: vec![Told {
                provider: quote.source.as_ref().unwrap_or(&board.source).clone(),
                price: quote.price.clone(),
                of: Some(format!("{asset}/{}", quote.quote)),
                dropped: None,
            }],
            priced: Some(board.made(quote)),
            stated: None,
            sources: quote.sources,
            is_current: board.is_current(quote),
            is_held: quote.is_held,
            is_divergent: quote.is_divergent,
        })
    }

    fn of_reference(rate: &ReferenceRate) -> Factor {
        Factor {
            value: Ratio::of(&rate.price),
            told: vec![Told {
                provider: rate.source.clone(),
                price: rate.price.clone(),
                of: Some(format!("{}/{}", rate.base, rate.quote)),
                dropped: None,
            }],
            priced: None,
            stated: rate.updated,
            sources: 1,
            is_current: true,
            is_held: false,
            is_divergent: false,
        }
    }

    fn times(mut self, other: Factor) -> Factor {
        self.value = self.value.by(&other.value);
        self.beside(other)
    }

    fn over(mut self, other: Factor) -> Factor {
        self.value = self.value.per(&other.value);
        self.beside(other)
    }

    fn inverse(mut self) -> Factor {
        self.value = Ratio::one().per(&self.value);
        self
    }

    fn beside(mut self, other: Factor) -> Factor {
        self.told.extend(other.told);
        Factor {
            priced: self.priced.into_iter().chain(other.priced).min(),
            stated: self.stated.into_iter().chain(other.stated).min(),
            sources: self.sources.min(other.sources),
            is_current: self.is_current && other.is_current,
            is_held: self.is_held || other.is_held,
            is_divergent: self.is_divergent || other.is_divergent,
            ..self
        }
    }
}

/// What is known, by what is looked for.
struct Market<'a> {
    board: &'a Board,
    catalogue: &'a Catalogue,
    /// Currencies to go through, the best first.
    vias: Vec<&'a Currency>,
    /// The quotes in each currency.
    quotes_in: BTreeMap<&'a Currency, Vec<&'a Quote>>,
}

impl<'a> Market<'a> {
    fn new(board: &'a Board, catalogue: &'a Catalogue) -> Market<'a> {
        let mut quotes_in = BTreeMap::<_, Vec<_>>::new();
        for quote in board.quotes() {
            quotes_in.entry(&quote.quote).or_default().push(quote);
        }
        let mut vias: Vec<_> = catalogue.currencies().iter().collect();
        preferred_first(&mut vias);
        Market {
            board,
            catalogue,
            vias,
            quotes_in,
        }
    }

    fn crosses(&self, catalogue: &Catalogue) -> Vec<Quote> {
        let mut exchanges = BTreeMap::new();
        let mut crosses = Vec::new();
        for pair in catalogue.pairs() {
            let (asset, currency) = (pair.asset.id(), &pair.quote);
            let told = self.board.get(asset, currency);
            if told.is_some_and(|quote| self.board.is_current(quote)) {
                continue;
            }
            let mut best: Option<Factor> = None;
            for via in &self.vias {
                let Some(price) = self.price(asset, via) else {
                    continue;
                };
                let exchange = exchanges
                    .entry((*via, currency.clone()))
                    .or_insert_with(|| self.exchange(via, currency));
                let Some(exchange) = exchange.clone() else {
                    continue;
                };
                let cross = price.times(exchange);
                if cross.is_current {
                    best = Some(cross);
                    break;
                }
                best = best.or(Some(cross));
            }
            let best = best.filter(|cross| cross.is_current || told.is_none());
            let source = &self.board.source;
            crosses.extend(best.and_then(|cross| quote(asset, currency, cross, source)));
        }
        crosses
    }

    /// What an asset costs in a currency, as somebody told.
    fn price(&self, asset: &str, currency: &Currency) -> Option<Factor> {
        let symbol = self.catalogue.by_id(asset).map(|asset| asset.symbol());
        let quote = self.board.get(asset, currency)?;
        Factor::of_quote(self.board, quote, symbol.unwrap_or(asset))
    }

    /// What one currency costs in another.
    fn exchange(&self, from: &Currency, to: &Currency) -> Option<Factor> {
        self.by_reference(from, to)
            .or_else(|| self.by_coin(from, to))
            .or_else(|| self.by_ratio(from, to))
    }

    fn by_reference(&self, from: &Currency, to: &Currency) -> Option<Factor> {
        let rates = &self.board.references;
        let rate = |base: &Currency, quote: &Currency| {
            let mut rates = rates.iter();
            let rate = rates.find(|rate| rate.base == *base && rate.quote == *quote);
            rate.map(Factor::of_reference)
        };
        let by_base = || {
            let mut bases = rates.iter().map(|rate| &rate.base);
            bases.find_map(|base| Some(rate(base, to)?.over(rate(base, from)?)))
        };
        rate(from, to)
            .or_else(|| rate(to, from).map(Factor::inverse))
            .or_else(by_base)
    }

    fn by_coin(&self, from: &Currency, to: &Currency) -> Option<Factor> {
        let price = |coin: &Currency, currency: &Currency| {
            let coin = self.catalogue.asset_of(coin)?;
            self.price(coin.id(), currency)
        };
        price(from, to).or_else(|| price(to, from).map(Factor::inverse))
    }

    fn by_ratio(&self, from: &Currency, to: &Currency) -> Option<Factor> {
        let quotes = self.quotes_in.get(to)?.iter();
        let mut ratios = quotes.filter_map(|quote| {
            let (to, from) = (
                self.price(&quote.asset, to)?,
                self.price(&quote.asset, from)?,
            );
            Some(to.over(from))
        });
        let first = ratios.next()?;
        match first.is_current {
            true => Some(first),
            false => ratios.find(|ratio| ratio.is_current).or(Some(first)),
        }
    }
}

/// The cross as a quote. None if it is too small or too large for a price.
fn quote(asset: &str, currency: &Currency, cross: Factor, of_board: &str) -> Option<Quote> {
    // The upstream that told of the asset; all of them are in `told`.
    let mut sources = cross.told.iter().map(|told| &told.provider);
    let source = sources.next().filter(|source| *source != of_board);
    let updated = cross.priced.into_iter().chain(cross.stated).min();
    Some(Quote {
        updated,
        priced: cross.priced.filter(|priced| Some(*priced) != updated),
        source: source.cloned(),
        method: Method::Cross,
        sources: cross.sources,
        is_divergent: cross.is_divergent,
        is_held: cross.is_held,
        told: cross.told,
        ..Quote::new(asset, currency.clone(), cross.value.to_price()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Price;

    const FETCHED: Millis = Millis(1_795_225_200_000);
    const DAY: u64 = 86_400_000;

    fn catalogue() -> Catalogue {
        let assets = "bitcoin:BTC,tron:TRX,tether:USDT";
        Catalogue::parse(assets, "CHF,EUR,USD,USDT,BTC").unwrap()
    }

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn told(asset: &str, code: &str, price: &str) -> Quote {
        Quote::new(asset, currency(code), Price::parse(price).unwrap())
    }

    fn reference(base: &str, quote: &str, price: &str) -> ReferenceRate {
        ReferenceRate {
            base: currency(base),
            quote: currency(quote),
            price: Price::parse(price).unwrap(),
            updated: Some(FETCHED.saturating_sub(DAY)),
            heard: FETCHED,
            source: "frankfurter".to_owned(),
        }
    }

    fn board(quotes: Vec<Quote>, references: Vec<ReferenceRate>) -> Board {
        let mut board = Board::new(FETCHED.into(), FETCHED, "coinbase", "", quotes);
        board.references = references;
        crossed(board, &catalogue())
    }

    fn price(board: &Board, asset: &str, code: &str) -> Option<String> {
        let quote = board.get(asset, &currency(code))?;
        Some(format!("{} {}", quote.method.as_str(), quote.price))
    }

    #[test]
    fn a_price_in_dollars_times_a_reference_rate_is_one_in_euros() {
        let made = Some(FETCHED.saturating_sub(40_000));
        let bitcoin = Quote {
            updated: made,
            ..told("bitcoin", "USD", "76975.5")
        };
        let board = board(vec![bitcoin], vec![reference("USD", "EUR", "0.8594")]);
        let euros = board.get("bitcoin", &currency("EUR")).unwrap();
        assert_eq!(euros.price.as_str(), "66152.7447", "exactly");
        assert_eq!((euros.method, euros.sources), (Method::Cross, 1));
        let day = Some(FETCHED.saturating_sub(DAY));
        assert_eq!(euros.updated, day, "as old as the oldest part of it");
        assert_eq!(euros.priced, made);
        assert!(
            board.is_current(euros),
            "a reference rate holds until the next"
        );
        let legs: Vec<_> = euros
            .told
            .iter()
            .map(|told| (told.provider.as_str(), told.of.as_deref().unwrap()))
            .collect();
        assert_eq!(legs, [("coinbase", "BTC/USD"), ("frankfurter", "USD/EUR")]);
        assert_eq!(euros.source, None, "the board's");
        assert_eq!(price(&board, "bitcoin", "CHF"), None);
    }

    #[test]
    fn a_reference_rate_serves_backwards_and_by_its_base_too() {
        let backwards = board(
            vec![told("tron", "USD", "1")],
            vec![reference("EUR", "USD", "1.2")],
        );
        assert_eq!(
            price(&backwards, "tron", "EUR").unwrap(),
            "cross 0.833333333333333333"
        );
        let by_base = board(
            vec![told("tron", "CHF", "0.25")],
            vec![
                reference("USD", "CHF", "0.8"),
                reference("USD", "EUR", "0.9"),
            ],
        );
        assert_eq!(price(&by_base, "tron", "EUR").unwrap(), "cross 0.28125");
        assert_eq!(price(&by_base, "tron", "USD").unwrap(), "cross 0.3125");
    }

    #[test]
    fn without_reference_rates_an_asset_that_is_priced_in_both_tells_what_they_cost() {
        let board = board(
            vec![
                told("bitcoin", "USD", "80000"),
                told("bitcoin", "EUR", "68000"),
                told("tron", "USD", "0.5"),
            ],
            Vec::new(),
        );
        assert_eq!(price(&board, "tron", "EUR").unwrap(), "cross 0.425");
        assert_eq!(price(&board, "tron", "BTC").unwrap(), "cross 0.00000625");
        let legs = &board.get("tron", &currency("EUR")).unwrap().told;
        let of: Vec<_> = legs.iter().filter_map(|leg| leg.of.as_deref()).collect();
        assert_eq!(of, ["TRX/USD", "BTC/EUR", "BTC/USD"]);
    }

    #[test]
    fn tethers_are_no_dollars() {
        let only_tethers = board(
            vec![
                told("bitcoin", "USDT", "80000"),
                told("tron", "USDT", "0.5"),
            ],
            vec![reference("USD", "EUR", "0.9")],
        );
        for asset in ["bitcoin", "tron", "tether"] {
            assert_eq!(price(&only_tethers, asset, "USD"), None);
            assert_eq!(price(&only_tethers, asset, "EUR"), None);
        }
        let with_their_price = board(
            vec![
                told("bitcoin", "USDT", "80000"),
                told("tether", "USD", "0.99"),
            ],
            vec![reference("USD", "EUR", "0.9")],
        );
        assert_eq!(
            price(&with_their_price, "bitcoin", "USD").unwrap(),
            "cross 79200"
        );
        assert_eq!(
            price(&with_their_price, "tether", "EUR").unwrap(),
            "cross 0.891"
        );
    }

    #[test]
    fn a_price_that_somebody_told_is_not_replaced_while_it_is_current() {
        let old = |age_ms| Quote {
            updated: Some(FETCHED.saturating_sub(age_ms)),
            source: Some("coingecko".to_owned()),
            ..told("tron", "EUR", "7")
        };
        let with = |quote| {
            let quotes = vec![quote, told("tron", "USD", "0.5")];
            let board = board(quotes, vec![reference("USD", "EUR", "0.9")]);
            price(&board, "tron", "EUR").unwrap()
        };
        assert_eq!(with(old(900_000)), "single 7");
        assert_eq!(with(old(900_001)), "cross 0.45");
    }

    #[test]
    fn a_cross_of_an_old_price_says_so() {
        let old = Quote {
            updated: Some(FETCHED.saturating_sub(900_001)),
            ..told("tron", "USD", "0.5")
        };
        let board = board(vec![old], vec![reference("USD", "EUR", "0.9")]);
        let euros = board.get("tron", &currency("EUR")).unwrap();
        assert!(!board.is_current(euros));
    }

    #[test]
    fn a_cross_of_prices_that_are_doubted_is_doubted() {
        let held = Quote {
            is_held: true,
            ..told("tron", "USD", "0.5")
        };
        let divergent = Quote {
            is_divergent: true,
            ..told("bitcoin", "USD", "80000")
        };
        let board = board(vec![held, divergent], vec![reference("USD", "EUR", "0.9")]);
        assert!(board.get("tron", &currency("EUR")).unwrap().is_held);
        assert!(board.get("bitcoin", &currency("EUR")).unwrap().is_divergent);
    }

    #[test]
    fn there_are_no_crosses_of_crosses() {
        let quotes = vec![told("tron", "CHF", "0.5")];
        let board = board(quotes, vec![reference("CHF", "EUR", "1.1")]);
        assert_eq!(price(&board, "tron", "EUR").unwrap(), "cross 0.55");
        let again = crossed(board.clone(), &catalogue());
        assert_eq!(again, board);
        assert_eq!(price(&board, "tron", "USD"), None);
    }
}
