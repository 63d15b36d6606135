//! Coinbase v2: prices are text, and one call gives a currency's rate in every other one.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::{COINS, CURRENCIES};
use crate::figure::{Digits, Figure};
use crate::reply::Reply;

const PRICE: Digits = Digits::Decimals(2);
const RATE: Digits = Digits::Significant(12);

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    match asked.segments().as_slice() {
        ["v2", "exchange-rates"] => ("/v2/exchange-rates", exchange_rates(asked)),
        ["v2", "prices", pair, "spot"] => ("/v2/prices/{pair}/spot", spot(asked, pair)),
        _ => (UNKNOWN, not_found("Not found")),
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    let (status, id, message) = match refusal {
        Refusal::RateLimited { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "rate_limit_exceeded",
            "Too many requests",
        ),
        Refusal::Banned { .. } => (StatusCode::IM_A_TEAPOT, "banned", "I'm a teapot"),
        Refusal::Unauthorised => (
            StatusCode::UNAUTHORIZED,
            "authentication_error",
            "invalid api key",
        ),
        Refusal::Legal => (
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            "restricted",
            "Not available in your region",
        ),
        Refusal::ServerError => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_server_error",
            "Internal server error",
        ),
    };
    error(status, id, message)
}

/// Units of everything for one of `currency`, US dollars by default.
fn exchange_rates(asked: &Asked) -> Reply {
    let base = asked
        .parameter("currency")
        .unwrap_or("USD")
        .to_ascii_uppercase();
    let Some(base_usd) = traded(asked, &base) else {
        return not_found("Invalid base currency");
    };
    let rates: BTreeMap<&str, Figure> = COINS
        .iter()
        .map(|coin| coin.symbol)
        .chain(CURRENCIES.iter().map(|currency| currency.code))
        .filter_map(|code| {
            let rate = base_usd / traded(asked, code)?;
            Some((code, asked.venue.text(rate, RATE)))
        })
        .collect();
    Reply::ok(&json_data(&Rates {
        currency: base,
        rates,
    }))
}

/// One pair such as `BTC-USD`; with `date` (YYYY-MM-DD), as it stood when that day began.
fn spot(asked: &Asked, pair: &str) -> Reply {
    let Some((base, quote)) = pair.split_once('-') else {
        return not_found("Invalid base currency");
    };
    let at = match asked.parameter("date") {
        None => asked.venue,
        Some(date) => {
            let day = date
                .parse::<jiff::civil::Date>()
                .and_then(|date| date.to_zoned(jiff::tz::TimeZone::UTC));
            match day {
                Ok(day) => asked.venue.seen_at(day.timestamp()),
                Err(_) => return error(StatusCode::BAD_REQUEST, "invalid_request", "Invalid date"),
            }
        }
    };
    if traded(asked, base).is_none() {
        return not_found("Invalid base currency");
    }
    let (Some(base_usd), Some(quote_usd)) = (at.ticker(base), at.ticker(quote)) else {
        return not_found("Invalid currency");
    };
    Reply::ok(&json_data(&Spot {
        amount: at.text(base_usd / quote_usd, PRICE),
        base: base.to_ascii_uppercase(),
        currency: quote.to_ascii_uppercase(),
    }))
}

#[derive(serde::Serialize)]
struct Rates<'a> {
    currency: String,
    rates: BTreeMap<&'a str, Figure>,
}

#[derive(serde::Serialize)]
struct Spot {
    amount: Figure,
    base: String,
    currency: String,
}

#[derive(serde::Serialize)]
struct Data<'a, T> {
    data: &'a T,
}

fn json_data<T: serde::Serialize>(data: &T) -> Data<'_, T> {
    Data { data }
}

/// US dollars for one of what Coinbase trades: everything but the toman, which has no code.
fn traded(asked: &Asked, code: &str) -> Option<f64> {
    match code {
        "IRT" => None,
        _ => asked.venue.ticker(code),
    }
}

fn not_found(message: &str) -> Reply {
    error(StatusCode::NOT_FOUND, "not_found", message)
}

fn error(status: StatusCode, id: &str, message: &str) -> Reply {
    Reply::json(status, &json!({"errors": [{"id": id, "message": message}]}))
}
