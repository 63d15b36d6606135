//! CoinGecko's plain prices: `/simple/price`, `/exchange_rates` and the lists of what there is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::{Asked, Complaint, Precision, Quote, quotes};
use crate::assets::{COINS, CURRENCIES, Coin};
use crate::figure::{Digits, Figure, Form};
use crate::reply::Reply;
use crate::venue::Venue;

const DAY: Duration = Duration::from_secs(86_400);

/// Prices of many coins in many currencies. Coins and currencies that are not known are absent.
pub(super) fn simple(asked: &Asked) -> Result<Reply, Complaint> {
    let wanted = wanted(asked)?;
    let codes = asked
        .list("vs_currencies")
        .ok_or(Complaint::Missing("vs_currencies"))?;
    let quotes: Vec<Quote> = quotes(&asked.venue)
        .into_iter()
        .filter(|quote| {
            codes
                .iter()
                .any(|code| code.eq_ignore_ascii_case(&quote.code))
        })
        .collect();
    let prices: BTreeMap<&str, BTreeMap<String, Figure>> = wanted
        .into_iter()
        .map(|(key, coin)| (key, priced(asked, coin, &quotes)))
        .collect();
    Ok(Reply::ok(&prices))
}

/// The known coins asked for, each under the name it was asked by.
fn wanted(asked: &Asked) -> Result<Vec<(&str, &'static Coin)>, Complaint> {
    let named = |parameter, matches: fn(&Coin, &str) -> bool| {
        asked.list(parameter).map(|names| {
            names
                .into_iter()
                .filter_map(|name| Some((name, COINS.iter().find(|coin| matches(coin, name))?)))
                .collect()
        })
    };
    named("ids", |coin, id| coin.id == id)
        .or_else(|| {
            named("symbols", |coin, symbol| {
                coin.symbol.eq_ignore_ascii_case(symbol)
            })
        })
        .or_else(|| named("names", |coin, name| coin.name.eq_ignore_ascii_case(name)))
        .ok_or(Complaint::Missing("ids"))
}

fn priced(asked: &Asked, coin: &Coin, quotes: &[Quote]) -> BTreeMap<String, Figure> {
    let venue = &asked.venue;
    let precision = Precision::of(asked);
    let mut figures = BTreeMap::new();
    for quote in quotes {
        let price = venue.coin(coin) / quote.usd;
        figures.insert(quote.code.clone(), precision.write(venue, price));
        if asked.flag("include_market_cap") {
            let figure = sound(price * coin.supply);
            figures.insert(format!("{}_market_cap", quote.code), figure);
        }
        if asked.flag("include_24hr_vol") {
            let figure = sound(venue.volume_24h(coin) / quote.usd);
            figures.insert(format!("{}_24h_vol", quote.code), figure);
        }
        if asked.flag("include_24hr_change") {
            let figure = sound(change(venue, coin, &quote.code));
            figures.insert(format!("{}_24h_change", quote.code), figure);
        }
    }
    if asked.flag("include_last_updated_at") {
        let second = venue.updated_at().as_second() as f64;
        figures.insert("last_updated_at".to_owned(), whole(second));
    }
    figures
}

/// What one coin has gained against `code` in a day, in percent.
fn change(venue: &Venue, coin: &Coin, code: &str) -> f64 {
    let price = |venue: &Venue| {
        let quote = quotes(venue).into_iter().find(|quote| quote.code == code);
        quote.map_or(f64::NAN, |quote| venue.coin(coin) / quote.usd)
    };
    (price(venue) / price(&venue.before(DAY)) - 1.0) * 100.0
}

/// A number that is no price, and that no fault changes.
fn sound(value: f64) -> Figure {
    Figure::number(value, Digits::Significant(15), Form::Plain)
}

fn whole(value: f64) -> Figure {
    Figure::number(value, Digits::Fixed(0), Form::Plain)
}

/// Every code `/simple/price` answers in.
pub(super) fn supported_vs_currencies() -> Reply {
    let coins = super::PRICED_IN.iter().copied();
    let currencies = CURRENCIES
        .iter()
        .map(|currency| currency.code)
        .filter(|code| !super::NOT_PRICED_IN.contains(code));
    let parts = super::BITCOIN_PARTS.iter().map(|(code, ..)| *code);
    let codes: Vec<String> = coins
        .chain(currencies)
        .chain(parts)
        .map(str::to_ascii_lowercase)
        .collect();
    Reply::ok(&codes)
}

#[derive(serde::Serialize)]
struct Rate {
    name: &'static str,
    unit: &'static str,
    value: Figure,
    r#type: &'static str,
}

#[derive(serde::Serialize)]
struct Rates {
    rates: BTreeMap<String, Rate>,
}

/// Units of everything for one bitcoin.
pub(super) fn exchange_rates(asked: &Asked) -> Reply {
    let venue = &asked.venue;
    let bitcoin = venue.ticker("BTC").unwrap_or(f64::NAN);
    let rates = quotes(venue)
        .into_iter()
        .map(|quote| {
            let rate = Rate {
                name: quote.name,
                unit: quote.unit,
                value: venue.number(bitcoin / quote.usd, Digits::Fixed(3)),
                r#type: quote.kind,
            };
            (quote.code, rate)
        })
        .collect();
    Reply::ok(&Rates { rates })
}

/// Every coin: id, symbol and name.
pub(super) fn coins_list() -> Reply {
    let coins: Vec<_> = COINS
        .iter()
        .map(|coin| {
            json!({
                "id": coin.id,
                "symbol": coin.symbol.to_ascii_lowercase(),
                "name": coin.name,
            })
        })
        .collect();
    Reply::ok(&coins)
}
