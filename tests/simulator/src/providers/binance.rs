//! Binance spot: prices are text, and dollars are tethers.

use http::StatusCode;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::COINS;
use crate::figure::{Digits, Figure};
use crate::reply::Reply;

const PRICE: Digits = Digits::Decimals(8);
/// What coins are sold for, the dollar's stand-in first.
const QUOTES: [&str; 3] = ["USDT", "BTC", "EUR"];

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    match asked.segments().as_slice() {
        ["api", "v3", "ping"] => ("/api/v3/ping", Reply::ok(&json!({}))),
        ["api", "v3", "ticker", "price"] => ("/api/v3/ticker/price", price(asked)),
        _ => (UNKNOWN, Reply::html(StatusCode::NOT_FOUND, "")),
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::RateLimited { .. } => error(
            StatusCode::TOO_MANY_REQUESTS,
            -1003,
            "Too much request weight used; current limit is 6000 request weight per 1 MINUTE. \
             Please use WebSocket Streams for live updates to avoid polling the API.",
        ),
        Refusal::Banned { .. } => error(
            StatusCode::IM_A_TEAPOT,
            -1003,
            "Way too much request weight used; IP banned. Please use the websocket for live \
             updates to avoid bans.",
        ),
        Refusal::Unauthorised => error(
            StatusCode::UNAUTHORIZED,
            -2015,
            "Invalid API-key, IP, or permissions for action.",
        ),
        Refusal::Legal => error(
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            0,
            "Service unavailable from a restricted location according to 'b. Eligibility' in \
             https://www.binance.com/en/terms. Please contact customer service if you believe you \
             received this message in error.",
        ),
        Refusal::ServerError => error(
            StatusCode::INTERNAL_SERVER_ERROR,
            -1000,
            "An unknown error occurred while processing the request.",
        ),
    }
}

#[derive(serde::Serialize)]
struct Ticker {
    symbol: String,
    price: Figure,
}

/// One `symbol`, a JSON list of `symbols`, or all there are; of these only those in the
/// `symbolStatus` asked for, and all of them are trading.
fn price(asked: &Asked) -> Reply {
    let status = asked.parameter("symbolStatus").unwrap_or("TRADING");
    if !["TRADING", "HALT", "BREAK"].contains(&status) {
        return error(StatusCode::BAD_REQUEST, -1122, "Invalid symbolStatus.");
    }
    let is_trading = status == "TRADING";
    match (asked.parameter("symbol"), asked.parameter("symbols")) {
        (Some(_), Some(_)) => error(
            StatusCode::BAD_REQUEST,
            -1128,
            "Combination of optional parameters invalid.",
        ),
        (Some(symbol), None) => match ticker(asked, symbol) {
            Some(_) if !is_trading => error(
                StatusCode::BAD_REQUEST,
                -1220,
                "The symbol's status does not match the requested symbolStatus.",
            ),
            Some(ticker) => Reply::ok(&ticker),
            None => invalid_symbol(),
        },
        (None, Some(symbols)) => {
            let Ok(symbols) = serde_json::from_str::<Vec<String>>(symbols) else {
                return error(
                    StatusCode::BAD_REQUEST,
                    -1100,
                    "Illegal characters found in parameter 'symbols'; legal range is \
                     '^\\[(\"[A-Z0-9-_.]{1,20}\"(,\"[A-Z0-9-_.]{1,20}\"){0,}){0,1}\\]$'.",
                );
            };
            let tickers: Option<Vec<Ticker>> =
                symbols.iter().map(|symbol| ticker(asked, symbol)).collect();
            tickers.map_or_else(invalid_symbol, |mut tickers| {
                tickers.retain(|_| is_trading);
                Reply::ok(&tickers)
            })
        }
        (None, None) => {
            let tickers: Vec<Ticker> = COINS
                .iter()
                .flat_map(|coin| QUOTES.map(|quote| format!("{}{quote}", coin.symbol)))
                .filter_map(|symbol| ticker(asked, &symbol))
                .filter(|_| is_trading)
                .collect();
            Reply::ok(&tickers)
        }
    }
}

fn ticker(asked: &Asked, symbol: &str) -> Option<Ticker> {
    let (base, quote) = QUOTES
        .iter()
        .find_map(|quote| Some((symbol.strip_suffix(quote)?, *quote)))?;
    let coin = COINS.iter().find(|coin| coin.symbol == base)?;
    if base == quote {
        return None;
    }
    // What prices are counted in is true: a coin's price in a coin would not lie otherwise.
    let unit = asked.venue.skewed(1.0).ticker(quote)?;
    let price = asked.venue.coin(coin) / unit;
    Some(Ticker {
        symbol: symbol.to_owned(),
        price: asked.venue.text(price, PRICE),
    })
}

fn invalid_symbol() -> Reply {
    error(StatusCode::BAD_REQUEST, -1121, "Invalid symbol.")
}

fn error(status: StatusCode, code: i32, msg: &str) -> Reply {
    Reply::json(status, &json!({"code": code, "msg": msg}))
}
