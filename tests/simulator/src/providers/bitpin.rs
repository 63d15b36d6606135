//! Bitpin: coins in tethers and in tomans; prices are text, times are seconds with a fraction.

use http::StatusCode;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::{COINS, Coin};
use crate::figure::{Digits, Figure};
use crate::reply::Reply;

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    match asked.segments().as_slice() {
        ["api", "v1", "mkt", "tickers"] => ("/api/v1/mkt/tickers/", tickers(asked)),
        _ => (UNKNOWN, detail(StatusCode::NOT_FOUND, "Not found.")),
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::RateLimited { retry_after_s } => detail(
            StatusCode::TOO_MANY_REQUESTS,
            &format!(
                "Request was throttled. Expected available in {retry_after_s} second{}.",
                if retry_after_s == 1 { "" } else { "s" }
            ),
        ),
        Refusal::Banned { .. } => detail(StatusCode::IM_A_TEAPOT, "I'm a teapot"),
        Refusal::Unauthorised => detail(
            StatusCode::UNAUTHORIZED,
            "Authentication credentials were not provided.",
        ),
        Refusal::Legal => detail(
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            "Not available in your region.",
        ),
        Refusal::ServerError => Reply::html(
            StatusCode::INTERNAL_SERVER_ERROR,
            "<!doctype html>\n<html lang=\"en\">\n<head><title>Server Error (500)</title></head>\n\
             <body><h1>Server Error (500)</h1></body>\n</html>\n",
        ),
    }
}

#[derive(serde::Serialize)]
struct Ticker {
    symbol: String,
    price: Figure,
    daily_change_price: f64,
    low: Figure,
    high: Figure,
    timestamp: f64,
}

fn tickers(asked: &Asked) -> Reply {
    let tickers: Vec<Ticker> = COINS
        .iter()
        .flat_map(|coin| ["USDT", "IRT"].map(|quote| (coin, quote)))
        .filter(|(coin, quote)| coin.symbol != *quote)
        .filter_map(|(coin, quote)| ticker(asked, coin, quote))
        .collect();
    Reply::ok(&tickers)
}

fn ticker(asked: &Asked, coin: &Coin, quote: &str) -> Option<Ticker> {
    let venue = &asked.venue;
    let quote_usd = venue.ticker(quote)?;
    let (low, high) = venue.range_24h(coin);
    let digits = match quote {
        "IRT" => Digits::Decimals(0),
        _ => Digits::Decimals(2),
    };
    let price = |usd: f64| venue.text(usd / quote_usd, digits);
    let change = venue.change_percent(coin, std::time::Duration::from_secs(86_400));
    Some(Ticker {
        symbol: format!("{}_{quote}", coin.symbol),
        price: price(venue.coin(coin)),
        daily_change_price: (change * 100.0).round() / 100.0,
        low: price(low),
        high: price(high),
        timestamp: venue.updated_at().as_millisecond() as f64 / 1_000.0,
    })
}

fn detail(status: StatusCode, detail: &str) -> Reply {
    Reply::json(status, &json!({"detail": detail}))
}
