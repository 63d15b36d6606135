//! CoinGecko's past prices: one day, a chart, and candles. They are points of the same walk, so
//! they agree with what was answered at the time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Asked, Complaint, Precision, Quote, coin, quote_at, quotes, vs_currency};
use crate::assets::Coin;
use crate::figure::Figure;
use crate::reply::Reply;
use crate::venue::Venue;

const MINUTE_S: u64 = 60;
const HOUR_S: u64 = 60 * MINUTE_S;
const DAY_S: u64 = 24 * HOUR_S;
/// Days a free key may look back.
const DAYS_BACK: u64 = 365;

/// Prices as a day began, in every currency.
pub(super) fn of_day(asked: &Asked, id: &str) -> Result<Reply, Complaint> {
    let coin = coin(id)?;
    let date = asked.parameter("date").ok_or(Complaint::Missing("date"))?;
    let date = Date::strptime("%d-%m-%Y", date).map_err(|_| Complaint::InvalidDate)?;
    let day = date
        .to_zoned(TimeZone::UTC)
        .map_err(|_| Complaint::InvalidDate)?
        .timestamp();
    let now = asked.venue.at();
    let named = json!({
        "id": coin.id,
        "symbol": coin.symbol.to_ascii_lowercase(),
        "name": coin.name,
    });
    if day > now {
        return Ok(Reply::ok(&named));
    }
    if now.duration_since(day).as_secs() > (DAYS_BACK * DAY_S).cast_signed() {
        return Err(Complaint::TooLongAgo);
    }
    let venue = asked.venue.seen_at(day);
    let in_every_currency = |usd: f64| -> BTreeMap<String, Figure> {
        quotes(&venue)
            .into_iter()
            .map(|quote| {
                let figure = Precision::Full.write(&venue, usd / quote.usd);
                (quote.code, figure)
            })
            .collect()
    };
    Ok(Reply::ok(&Day {
        id: coin.id,
        symbol: coin.symbol.to_ascii_lowercase(),
        name: coin.name,
        market_data: MarketData {
            current_price: in_every_currency(venue.coin(coin)),
            market_cap: in_every_currency(venue.coin(coin) * coin.supply),
            total_volume: in_every_currency(venue.volume_24h(coin)),
        },
    }))
}

#[derive(serde::Serialize)]
struct Day {
    id: &'static str,
    symbol: String,
    name: &'static str,
    market_data: MarketData,
}

#[derive(serde::Serialize)]
struct MarketData {
    current_price: BTreeMap<String, Figure>,
    market_cap: BTreeMap<String, Figure>,
    total_volume: BTreeMap<String, Figure>,
}

/// Milliseconds since the Unix epoch, and a price.
type Point = (i64, Figure);

#[derive(serde::Serialize)]
struct Chart {
    prices: Vec<Point>,
    market_caps: Vec<Point>,
    total_volumes: Vec<Point>,
}

/// Points over `days`, closer together the fewer days they cover, the last one being now.
pub(super) fn market_chart(asked: &Asked, id: &str) -> Result<Reply, Complaint> {
    let coin = coin(id)?;
    let quote = vs_currency(asked)?;
    let days = days(asked)?;
    let step = match (asked.parameter("interval"), days) {
        (Some("daily"), _) => DAY_S,
        (Some("hourly"), _) => HOUR_S,
        (_, 0..=1) => 5 * MINUTE_S,
        (_, 2..=90) => HOUR_S,
        _ => DAY_S,
    };
    let precision = match asked.parameter("precision") {
        Some(_) => Precision::of(asked),
        None => Precision::Full,
    };
    let moments = moments(&asked.venue, days, step);
    let points = |value: fn(&Venue, &Coin) -> f64| -> Vec<Point> {
        moments
            .iter()
            .map(|venue| {
                let price = value(venue, coin) / quote_at(venue, &quote);
                (venue.at().as_millisecond(), precision.write(venue, price))
            })
            .collect()
    };
    Ok(Reply::ok(&Chart {
        prices: points(|venue, coin| venue.coin(coin)),
        market_caps: points(|venue, coin| venue.coin(coin) * coin.supply),
        total_volumes: points(|venue, coin| venue.volume_24h(coin)),
    }))
}

/// Candles over `days`: when each closes, and what it opened at, reached, fell to and closed at.
pub(super) fn ohlc(asked: &Asked, id: &str) -> Result<Reply, Complaint> {
    let coin = coin(id)?;
    let quote = vs_currency(asked)?;
    let days = days(asked)?;
    let candle = match days {
        1 => 30 * MINUTE_S,
        7 | 14 | 30 => 4 * HOUR_S,
        90 | 180 | 365 => 4 * DAY_S,
        _ => return Err(Complaint::InvalidDays),
    };
    let figure = |value| Precision::Short.write(&asked.venue, value);
    let rows: Vec<(i64, Figure, Figure, Figure, Figure)> = moments(&asked.venue, days, candle)
        .iter()
        .skip(1)
        .map(|close| {
            let [open, high, low, end] = prices(close, coin, &quote, candle);
            let at = close.at().as_millisecond();
            (at, figure(open), figure(high), figure(low), figure(end))
        })
        .collect();
    Ok(Reply::ok(&rows))
}

/// Open, high, low and close of the `candle` seconds that end at `close`.
fn prices(close: &Venue, coin: &Coin, quote: &Quote, candle: u64) -> [f64; 4] {
    const LOOKS: u32 = 8;
    let span = Duration::from_secs(candle);
    let price = |venue: &Venue| venue.coin(coin) / quote_at(venue, quote);
    let seen = (0..=LOOKS).map(|look| price(&close.before(span / LOOKS * look)));
    let (low, high) = seen.fold((f64::INFINITY, 0.0), |(low, high), price: f64| {
        (price.min(low), price.max(high))
    });
    [price(&close.before(span)), high, low, price(close)]
}

/// Whole days back, one at least.
fn days(asked: &Asked) -> Result<u64, Complaint> {
    match asked.parameter("days").ok_or(Complaint::Missing("days"))? {
        "max" => Err(Complaint::TooLongAgo),
        days => match days.parse::<u64>() {
            Ok(days) if days > DAYS_BACK => Err(Complaint::TooLongAgo),
            Ok(days) => Ok(days.max(1)),
            Err(_) => Err(Complaint::InvalidDays),
        },
    }
}

/// The market at every whole `step` of the last `days`, and now.
fn moments(venue: &Venue, days: u64, step: u64) -> Vec<Venue> {
    let step = step.cast_signed();
    let now = venue.at().as_second();
    let last = now - now.rem_euclid(step);
    let count = (days * DAY_S).cast_signed() / step;
    (0..count)
        .rev()
        .filter_map(|back| Timestamp::from_second(last - back * step).ok())
        .filter(|at| *at != venue.at())
        .map(|at| venue.seen_at(at))
        .chain([*venue])
        .collect()
}
