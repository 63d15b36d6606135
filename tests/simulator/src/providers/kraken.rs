//! Kraken: every answer of the API is a 200 with a list of errors; the names in the result are
//! not the names asked for; one unknown pair fails the whole list.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::COINS;
use crate::figure::{Digits, Figure, Form};
use crate::reply::Reply;

const PRICE: Digits = Digits::Decimals(5);
const VOLUME: Digits = Digits::Fixed(8);

/// What every coin is sold for. Bitcoin and ether have some more, below.
const QUOTES: [&str; 3] = ["USD", "EUR", "GBP"];

/// The pairs listed in Kraken's first years: their result names mark coins with X and currencies
/// with Z. Every later pair's is the name it is asked by.
const OLD_PAIRS: [(&str, &str); 29] = [
    ("XBTUSD", "XXBTZUSD"),
    ("XBTEUR", "XXBTZEUR"),
    ("XBTGBP", "XXBTZGBP"),
    ("XBTJPY", "XXBTZJPY"),
    ("XBTCAD", "XXBTZCAD"),
    ("ETHUSD", "XETHZUSD"),
    ("ETHEUR", "XETHZEUR"),
    ("ETHGBP", "XETHZGBP"),
    ("ETHJPY", "XETHZJPY"),
    ("ETHCAD", "XETHZCAD"),
    ("ETHXBT", "XETHXXBT"),
    ("LTCUSD", "XLTCZUSD"),
    ("LTCEUR", "XLTCZEUR"),
    ("LTCXBT", "XLTCXXBT"),
    ("XRPUSD", "XXRPZUSD"),
    ("XRPEUR", "XXRPZEUR"),
    ("XRPCAD", "XXRPZCAD"),
    ("XRPXBT", "XXRPXXBT"),
    ("XLMUSD", "XXLMZUSD"),
    ("XLMEUR", "XXLMZEUR"),
    ("XLMGBP", "XXLMZGBP"),
    ("XLMXBT", "XXLMXXBT"),
    ("XMRUSD", "XXMRZUSD"),
    ("XMREUR", "XXMRZEUR"),
    ("ZECUSD", "XZECZUSD"),
    ("ZECEUR", "XZECZEUR"),
    ("ETCUSD", "XETCZUSD"),
    ("ETCEUR", "XETCZEUR"),
    ("USDTUSD", "USDTZUSD"),
];

/// Later pairs whose quote is not one every coin has.
const LATER_PAIRS: [&str; 8] = [
    "XBTCHF", "XBTAUD", "ETHCHF", "ETHAUD", "ADAAUD", "XRPAUD", "SOLXBT", "USDTCAD",
];

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    match asked.segments().as_slice() {
        ["0", "public", "Ticker"] => ("/0/public/Ticker", ticker(asked)),
        _ => (UNKNOWN, error("EGeneral:Unknown method")),
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    error(match refusal {
        Refusal::RateLimited { .. } => "EGeneral:Too many requests",
        Refusal::Banned { .. } => "EGeneral:Temporary lockout",
        Refusal::Unauthorised => "EAPI:Invalid key",
        Refusal::Legal => "EGeneral:Permission denied",
        Refusal::ServerError => "EService:Unavailable",
    })
}

/// A pair Kraken lists.
#[derive(Debug, Clone)]
struct Pair {
    /// What it is asked by.
    name: String,
    /// What it is called in the result.
    key: String,
    base: &'static str,
    quote: &'static str,
}

/// The tickers of `pair` (comma-separated names), or of every pair.
fn ticker(asked: &Asked) -> Reply {
    let listed = listed();
    let wanted: Option<Vec<Pair>> = match asked.list("pair") {
        None => Some(listed),
        Some(names) => names
            .into_iter()
            .map(|name| {
                listed
                    .iter()
                    .find(|pair| pair.name == name || pair.key == name)
                    .cloned()
            })
            .collect(),
    };
    let Some(wanted) = wanted else {
        return Reply::ok(&json!({"error": ["EQuery:Unknown asset pair"], "result": {}}));
    };
    let result: BTreeMap<String, Ticker> = wanted
        .into_iter()
        .filter_map(|pair| Some((pair.key.clone(), Ticker::of(asked, &pair)?)))
        .collect();
    Reply::ok(&Tickers { error: [], result })
}

#[derive(serde::Serialize)]
struct Tickers {
    error: [String; 0],
    result: BTreeMap<String, Ticker>,
}

/// In Kraken's order: ask and bid (price, whole lots, lots), last trade (price, lots), and of
/// today and the last 24 hours volume, average, trades, low and high; today's first price.
#[derive(serde::Serialize)]
struct Ticker {
    a: [Figure; 3],
    b: [Figure; 3],
    c: [Figure; 2],
    v: [Figure; 2],
    p: [Figure; 2],
    t: [u32; 2],
    l: [Figure; 2],
    h: [Figure; 2],
    o: Figure,
}

impl Ticker {
    fn of(asked: &Asked, pair: &Pair) -> Option<Self> {
        let venue = &asked.venue;
        let coin = COINS.iter().find(|coin| coin.symbol == pair.base)?;
        let quote = venue.ticker(pair.quote)?;
        let last = venue.coin(coin) / quote;
        let (low, high) = venue.range_24h(coin);
        let (low, high) = (low / quote, high / quote);
        let volume = venue.volume_24h(coin) / venue.coin(coin) / 100.0;
        let price = |value| venue.text(value, PRICE);
        let lots = |value| Figure::text(value, VOLUME, Form::Plain);
        let order = |value| {
            let one = |digits| Figure::text(1.0, digits, Form::Plain);
            [price(value), one(Digits::Fixed(0)), one(Digits::Fixed(3))]
        };
        let trades = 34_619;
        Some(Self {
            a: order(last * 1.000_02),
            b: order(last * 0.999_98),
            c: [price(last), lots(0.000_676_43)],
            v: [lots(volume * 0.9), lots(volume)],
            p: [price(last), price((low + high) / 2.0)],
            t: [trades, trades + trades / 8],
            l: [price(low), price(low)],
            h: [price(high), price(high)],
            o: price((low + last) / 2.0),
        })
    }
}

/// Every pair.
fn listed() -> Vec<Pair> {
    let by_quote = COINS.iter().flat_map(|coin| {
        QUOTES.map(|quote| {
            (
                format!("{}{quote}", kraken_symbol(coin.symbol)),
                coin.symbol,
                quote,
            )
        })
    });
    let others = OLD_PAIRS
        .iter()
        .map(|(name, _)| *name)
        .chain(LATER_PAIRS)
        .filter_map(|name| {
            let (base, quote) = name.split_at_checked(name.len().checked_sub(3)?)?;
            let base = COINS
                .iter()
                .find(|coin| kraken_symbol(coin.symbol) == base)?;
            let quote = if quote == "XBT" { "BTC" } else { quote };
            Some((name.to_owned(), base.symbol, quote))
        });
    let mut pairs: Vec<Pair> = by_quote
        .chain(others)
        .map(|(name, base, quote)| Pair {
            key: result_key(&name).to_owned(),
            name,
            base,
            quote,
        })
        .collect();
    pairs.sort_by(|one, other| one.name.cmp(&other.name));
    pairs.dedup_by(|one, other| one.name == other.name);
    pairs
}

/// Kraken's own names for two coins.
fn kraken_symbol(symbol: &'static str) -> &'static str {
    match symbol {
        "BTC" => "XBT",
        "DOGE" => "XDG",
        other => other,
    }
}

fn result_key(name: &str) -> &str {
    OLD_PAIRS
        .iter()
        .find(|(old, _)| *old == name)
        .map_or(name, |(_, key)| key)
}

fn error(message: &str) -> Reply {
    Reply::json(StatusCode::OK, &json!({"error": [message]}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_old_pair_is_listed_under_its_own_key() {
        let listed = listed();
        for (name, key) in OLD_PAIRS {
            let pair = listed.iter().find(|pair| pair.name == name);
            assert_eq!(pair.map(|pair| pair.key.as_str()), Some(key), "{name}");
        }
        let tether = listed.iter().find(|pair| pair.name == "USDTUSD").unwrap();
        assert_eq!((tether.base, tether.quote), ("USDT", "USD"));
        let ether = listed.iter().find(|pair| pair.name == "ETHXBT").unwrap();
        assert_eq!((ether.base, ether.quote), ("ETH", "BTC"));
    }

    #[test]
    fn a_later_pair_keeps_its_name() {
        assert!(
            listed()
                .iter()
                .any(|pair| pair.name == "XDGUSD" && pair.key == "XDGUSD")
        );
        assert!(
            listed()
                .iter()
                .any(|pair| pair.name == "SOLUSD" && pair.key == "SOLUSD")
        );
    }
}
