//! Currencies that are names of the same money: 1 toman is 10 rials, 1 bitcoin is 100,000,000
//! sats. Prices in them that come from different upstreams, or at different times, do not fit
//! together. Here one of them leads, and the others are its digits with the point moved.

use crate::asset::{Asset, Currency};
use crate::board::Board;
use crate::catalogue::Catalogue;
use crate::listed;
use crate::percent::Percent;
use crate::price::Price;
use crate::quote::{Method, Quote, Told, signed_decimal_text};
use std::cmp::Reverse;

/// Why a price was not used, in a word: another name of the same money leads.
const PEGGED: &str = "pegged";

/// `board` with prices that fit together to the digit where they are in names of the same money.
/// A current one leads before one that is not, a told one before a calculated one, one that more
/// upstreams told before one that fewer did, and the whole before its parts. Where upstreams
/// disagree by more than `divergence`, all of them are divergent.
#[must_use]
pub fn aligned(board: Board, catalogue: &Catalogue, divergence: Percent) -> Board {
    let mut quotes = Vec::new();
    for money in monies(catalogue) {
        for asset in catalogue.assets() {
            quotes.extend(match money.coin == Some(asset.id()) {
                true => money.of_itself(&board, asset),
                false => money.aligned(&board, asset, divergence),
            });
        }
    }
    match quotes.is_empty() {
        true => board,
        false => board.preferring(quotes),
    }
}

/// One money, by the names of it that are quote currencies here.
struct Money<'a> {
    names: Vec<Name<'a>>,
    /// The asset that it is, if it is one.
    coin: Option<&'static str>,
}

/// A name of a money.
#[derive(Clone, Copy)]
struct Name<'a> {
    currency: &'a Currency,
    /// How many places to the right the point moves from a price in the whole to one in this.
    places: i16,
}

/// Every money of which a part is a quote currency.
fn monies(catalogue: &Catalogue) -> Vec<Money<'_>> {
    let mut wholes: Vec<&'static str> = Vec::new();
    for denomination in catalogue.denominations() {
        if let Some((whole, _)) = denomination.part()
            && !wholes.contains(&whole)
        {
            wholes.push(whole);
        }
    }
    let name = |whole| {
        catalogue.denominations().iter().filter_map(move |known| {
            let currency = known.currency();
            match known.part() {
                Some((of, places)) if of == whole => Some((currency, i16::from(places))),
                None if currency.as_str() == whole => Some((currency, 0)),
                _ => None,
            }
        })
    };
    let money = |whole| Money {
        names: name(whole)
            .map(|(currency, places)| Name { currency, places })
            .collect(),
        coin: listed::currency(whole).and_then(|listed| listed.asset),
    };
    wholes.into_iter().map(money).collect()
}

impl Money<'_> {
    /// The prices of this money in itself, where they are others: whatever anybody tells, they are
    /// powers of ten.
    fn of_itself(&self, board: &Board, asset: &Asset) -> Vec<Quote> {
        let exact = self.names.iter().filter_map(|name| {
            let price = moved("1", name.places)?;
            let known = board.get(asset.id(), name.currency);
            (!known.is_some_and(|known| is_same(&known.price, &price))).then(|| Quote {
                method: Method::Identity,
                sources: 0,
                ..Quote::new(asset.id(), name.currency.clone(), price)
            })
        });
        exact.collect()
    }

    /// The quotes of an asset that have to be others than they are.
    fn aligned(&self, board: &Board, asset: &Asset, divergence: Percent) -> Vec<Quote> {
        let quoted = self.names.iter().filter_map(|name| {
            let quote = board.get(asset.id(), name.currency)?;
            Some((name, quote))
        });
        let Some((leader, leading)) = quoted.max_by_key(|(name, quote)| {
            (
                board.is_current(quote),
                quote.method.is_told(),
                quote.sources,
                Reverse(name.places),
            )
        }) else {
            return Vec::new();
        };
        let mut aligned = Vec::new();
        let mut is_divergent = leading.is_divergent;
        for name in self
            .names
            .iter()
            .filter(|name| name.places != leader.places)
        {
            let Some(price) = moved(leading.price.as_str(), name.places - leader.places) else {
                continue;
            };
            let known = board.get(asset.id(), name.currency);
            let told = known.filter(|known| known.method.is_told());
            is_divergent |= told.is_some_and(|told| {
                board.is_current(told) && divergence.is_between(&told.price, &price)
            });
            aligned.push(match known.filter(|known| is_same(&known.price, &price)) {
                Some(known) => known.clone(),
                None => Quote {
                    quote: name.currency.clone(),
                    price,
                    ..following(board, asset, leading, name.places - leader.places, told)
                },
            });
        }
        aligned.push(leading.clone());
        aligned.retain_mut(|quote| {
            quote.is_divergent = is_divergent;
            board.get(asset.id(), &quote.quote) != Some(&*quote)
        });
        aligned
    }
}

/// What is known of a price that follows another: what that one is made of, and what was `told`
/// instead and is not used. Its figures are those of that one with the point moved.
fn following(
    board: &Board,
    asset: &Asset,
    leading: &Quote,
    places: i16,
    instead: Option<&Quote>,
) -> Quote {
    let figure = |figure: &Option<String>| {
        let figure = figure.as_deref()?;
        signed_decimal_text(&format!("{figure}e{places}"))
    };
    let told_by = |quote: &Quote, of, dropped: Option<&str>| Told {
        provider: quote.source.as_ref().unwrap_or(&board.source).clone(),
        price: quote.price.clone(),
        of,
        dropped: dropped.map(str::to_owned),
    };
    let of = format!("{}/{}", asset.symbol(), leading.quote);
    let mut told = leading.told.clone();
    if told.is_empty() {
        told.push(told_by(leading, None, None));
    }
    for told in &mut told {
        told.of.get_or_insert_with(|| of.clone());
    }
    told.extend(instead.map(|quote| told_by(quote, None, Some(PEGGED))));
    Quote {
        market_cap: figure(&leading.market_cap),
        volume_24h: figure(&leading.volume_24h),
        method: Method::Cross,
        told,
        ..leading.clone()
    }
}

/// A price with the point moved so many places to the right. None if that has more digits than a
/// price may have.
fn moved(price: &str, places: i16) -> Option<Price> {
    Price::parse(&format!("{price}e{places}")).ok()
}

/// Whether two prices are the same number, however many zeros they end in.
fn is_same(one: &Price, other: &Price) -> bool {
    let digits = |price: &Price| match price.as_str().split_once('.') {
        Some((whole, fraction)) => (whole.to_owned(), fraction.trim_end_matches('0').to_owned()),
        None => (price.as_str().to_owned(), String::new()),
    };
    digits(one) == digits(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::millis::Millis;
    use proptest::prelude::*;

    const FETCHED: Millis = Millis(1_795_225_200_000);

    fn currency(code: &str) -> Currency {
        Currency::parse(code).unwrap()
    }

    fn quote(asset: &str, code: &str, price: &str, source: &str) -> Quote {
        Quote {
            source: Some(source.to_owned()),
            ..Quote::new(asset, currency(code), Price::parse(price).unwrap())
        }
    }

    fn board(quotes: Vec<Quote>) -> Board {
        Board::new(FETCHED.into(), FETCHED, "coingecko", "", quotes)
    }

    fn align(currencies: &str, quotes: Vec<Quote>) -> Board {
        let catalogue = Catalogue::parse("bitcoin,tether", currencies).unwrap();
        aligned(board(quotes), &catalogue, Percent::whole(2))
    }

    fn price(board: &Board, asset: &str, code: &str) -> Option<String> {
        let quote = board.get(asset, &currency(code))?;
        Some(quote.price.to_string())
    }

    #[test]
    fn a_rial_is_a_tenth_of_a_toman_from_any_provider() {
        let told = vec![
            quote("tether", "IRT", "112350.05", "bitpin"),
            quote("tether", "IRR", "42000", "coinbase"),
        ];
        let board = align("IRR,IRT", told);
        assert_eq!(price(&board, "tether", "IRT").unwrap(), "112350.05");
        let rials = board.get("tether", &currency("IRR")).unwrap();
        assert_eq!(rials.price.as_str(), "1123500.5");
        assert_eq!(rials.source.as_deref(), Some("bitpin"));
        assert_eq!((rials.method, rials.sources), (Method::Cross, 1));
        let told: Vec<_> = rials
            .told
            .iter()
            .map(|told| {
                let (of, dropped) = (told.of.as_deref(), told.dropped.as_deref());
                (told.provider.as_str(), told.price.as_str(), of, dropped)
            })
            .collect();
        assert_eq!(
            told,
            [
                ("bitpin", "112350.05", Some("USDT/IRT"), None),
                ("coinbase", "42000", None, Some("pegged")),
            ]
        );
        for code in ["IRT", "IRR"] {
            assert!(board.get("tether", &currency(code)).unwrap().is_divergent);
        }
    }

    #[test]
    fn what_only_one_tells_is_known_in_all_names() {
        let figures = Quote {
            change_24h_pct: Some("-1.5".to_owned()),
            market_cap: Some("1000.5".to_owned()),
            updated: Some(FETCHED),
            ..quote("tether", "IRR", "1123505", "coinbase")
        };
        let board = align("IRT,IRR", vec![figures.clone()]);
        assert_eq!(board.get("tether", &currency("IRR")), Some(&figures));
        let tomans = board.get("tether", &currency("IRT")).unwrap();
        assert_eq!(tomans.price.as_str(), "112350.5");
        assert_eq!(tomans.change_24h_pct.as_deref(), Some("-1.5"));
        assert_eq!(tomans.market_cap.as_deref(), Some("100.05"));
        assert_eq!(tomans.updated, Some(FETCHED));
        assert!(!tomans.is_divergent);
        assert_eq!(align("USD,IRR", vec![figures]).quotes().len(), 1);
    }

    #[test]
    fn what_is_current_leads_and_then_what_more_tell() {
        let leads = |tomans: Quote, rials: Quote| {
            let board = align("IRT,IRR", vec![tomans, rials]);
            price(&board, "tether", "IRT").unwrap()
        };
        let tomans = || quote("tether", "IRT", "100", "bitpin");
        let rials = || quote("tether", "IRR", "1010", "coinbase");
        assert_eq!(leads(tomans(), rials()), "100", "the whole");
        let two = Quote {
            sources: 2,
            ..rials()
        };
        assert_eq!(leads(tomans(), two), "101.0");
        let cross = Quote {
            method: Method::Cross,
            ..tomans()
        };
        assert_eq!(leads(cross, rials()), "101.0");
        let held = Quote {
            is_held: true,
            ..tomans()
        };
        assert_eq!(leads(held, rials()), "101.0");
        let old = Quote {
            updated: Some(FETCHED.saturating_sub(3_600_000)),
            ..tomans()
        };
        assert_eq!(leads(old, rials()), "101.0");
    }

    #[test]
    fn a_bitcoin_is_100_million_sats_whatever_is_told() {
        let told = vec![quote("bitcoin", "SATS", "100000007", "coingecko")];
        let board = align("USD,SATS,BITS", told);
        let sats = board.get("bitcoin", &currency("SATS")).unwrap();
        assert_eq!(
            (sats.price.as_str(), sats.method),
            ("100000000", Method::Identity)
        );
        assert_eq!(price(&board, "bitcoin", "BITS").unwrap(), "1000000");
        assert_eq!(price(&board, "bitcoin", "USD"), None);
        let told = vec![
            quote("tether", "BTC", "0.0000129", "coingecko"),
            quote("tether", "SATS", "1290.01", "coingecko"),
        ];
        let board = align("BTC,SATS,BITS", told);
        assert_eq!(price(&board, "tether", "SATS").unwrap(), "1290");
        assert_eq!(price(&board, "tether", "BITS").unwrap(), "12.9");
    }

    #[test]
    fn prices_that_fit_together_stay_as_they_were_told() {
        let told = vec![
            quote("tether", "IRT", "112350.0", "bitpin"),
            quote("tether", "IRR", "1123500", "bitpin"),
        ];
        let before = board(told.clone());
        assert_eq!(align("IRT,IRR", told), before);
    }

    proptest! {
        #[test]
        fn every_name_differs_by_its_power_of_ten(
            tomans in proptest::option::of(1_u64..1_000_000_000_000),
            rials in proptest::option::of(1_u64..1_000_000_000_000),
            scale in 0_u32..12,
        ) {
            let told = [("IRT", tomans), ("IRR", rials)].into_iter().filter_map(|(code, units)| {
                Some(quote("tether", code, &format!("{}e-{scale}", units?), "x"))
            });
            let board = align("IRT,IRR", told.collect());
            let of = |code| board.get("tether", &currency(code)).map(|quote| quote.price.clone());
            match (of("IRT"), of("IRR")) {
                (Some(tomans), Some(rials)) => {
                    prop_assert!(is_same(&moved(tomans.as_str(), 1).unwrap(), &rials));
                }
                (tomans, rials) => prop_assert_eq!(tomans, rials),
            }
        }
    }
}
