//! CoinGecko API v3: its paths, its errors, and how it writes prices. What each path answers is
//! in `prices` (now), `markets` (now, with everything around it) and `history`.

mod history;
mod markets;
mod prices;

use http::StatusCode;
use http::header::USER_AGENT;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::{COINS, CURRENCIES, Coin};
use crate::figure::{Digits, Figure};
use crate::reply::Reply;
use crate::venue::Venue;
use crate::{COINGECKO_PRO, Provider};

/// Currencies Coinbase or Frankfurter know and CoinGecko does not price in.
const NOT_PRICED_IN: [&str; 4] = ["IRR", "IRT", "ISK", "RON"];
/// Coins CoinGecko prices others in.
const PRICED_IN: [&str; 11] = [
    "BTC", "ETH", "LTC", "BCH", "BNB", "XRP", "XLM", "LINK", "DOT", "YFI", "SOL",
];
/// Parts of a bitcoin that are priced in: code, name, unit, how many make one.
const BITCOIN_PARTS: [(&str, &str, &str, f64); 2] = [
    ("bits", "Bits", "μBTC", 1e6),
    ("sats", "Satoshi", "sats", 1e8),
];

const DEMO_KEY: &str = "x-cg-demo-api-key";
const PRO_KEY: &str = "x-cg-pro-api-key";

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    let (endpoint, reply) = match asked.segments().as_slice() {
        ["key"] if is_pro(asked) => ("/key", Ok(usage())),
        ["ping"] => (
            "/ping",
            Ok(Reply::ok(&json!({"gecko_says": "(V3) To the Moon!"}))),
        ),
        ["simple", "price"] => ("/simple/price", prices::simple(asked)),
        ["simple", "supported_vs_currencies"] => (
            "/simple/supported_vs_currencies",
            Ok(prices::supported_vs_currencies()),
        ),
        ["exchange_rates"] => ("/exchange_rates", Ok(prices::exchange_rates(asked))),
        ["coins", "list"] => ("/coins/list", Ok(prices::coins_list())),
        ["coins", "markets"] => ("/coins/markets", markets::markets(asked)),
        ["coins", id, "history"] => ("/coins/{id}/history", history::of_day(asked, id)),
        ["coins", id, "market_chart"] => {
            ("/coins/{id}/market_chart", history::market_chart(asked, id))
        }
        ["coins", id, "ohlc"] => ("/coins/{id}/ohlc", history::ohlc(asked, id)),
        _ => (UNKNOWN, Err(Complaint::NotFound)),
    };
    (
        endpoint,
        rejected_at_the_door(asked).unwrap_or(reply.unwrap_or_else(Reply::from)),
    )
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::RateLimited { .. } => status(
            StatusCode::TOO_MANY_REQUESTS,
            429,
            "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing \
             to subscribe to our API plans for higher rate limits.",
        ),
        Refusal::Banned { .. } => status(StatusCode::IM_A_TEAPOT, 418, "I'm a teapot"),
        Refusal::Unauthorised => key_missing(),
        Refusal::Legal => plain(
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            "Unavailable For Legal Reasons",
        ),
        Refusal::ServerError => status(
            StatusCode::INTERNAL_SERVER_ERROR,
            500,
            "Internal Server Error",
        ),
    }
}

/// What stops a request whatever it asks for.
fn rejected_at_the_door(asked: &Asked) -> Option<Reply> {
    if !asked.headers.contains_key(USER_AGENT) {
        return Some(Reply::blocked_by_cdn(super::host(Provider::CoinGecko)));
    }
    let has = |header| asked.headers.contains_key(header);
    match is_pro(asked) {
        true if has(PRO_KEY) => None,
        true if has(DEMO_KEY) => Some(status(
            StatusCode::BAD_REQUEST,
            10_011,
            "If you are using Demo API key, please change your root URL from \
             pro-api.coingecko.com to api.coingecko.com",
        )),
        true => Some(key_missing()),
        false => has(PRO_KEY).then(|| {
            status(
                StatusCode::BAD_REQUEST,
                10_010,
                "If you are using Pro API key, please change your root URL from \
                 api.coingecko.com to pro-api.coingecko.com",
            )
        }),
    }
}

/// Whether the host for paid plans was asked.
fn is_pro(asked: &Asked) -> bool {
    asked.base == COINGECKO_PRO
}

fn key_missing() -> Reply {
    status(
        StatusCode::UNAUTHORIZED,
        10_002,
        "API Key Missing. Please make sure you're using the right authentication method.",
    )
}

/// What a pro key has used up.
fn usage() -> Reply {
    Reply::ok(&json!({
        "plan": "Analyst",
        "rate_limit_request_per_minute": 500,
        "monthly_call_credit": 500_000,
        "current_total_monthly_calls": 104,
        "current_remaining_monthly_calls": 499_896,
    }))
}

/// What is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Complaint {
    Missing(&'static str),
    InvalidCurrency,
    InvalidDate,
    InvalidDays,
    UnknownCoin,
    /// More history than a key of the free plan may ask for.
    TooLongAgo,
    NotFound,
}

impl From<Complaint> for Reply {
    fn from(complaint: Complaint) -> Self {
        match complaint {
            Complaint::Missing(parameter) => plain(
                StatusCode::UNPROCESSABLE_ENTITY,
                &format!("Missing parameter {parameter}"),
            ),
            Complaint::InvalidCurrency => plain(StatusCode::BAD_REQUEST, "invalid vs_currency"),
            Complaint::InvalidDate => plain(StatusCode::BAD_REQUEST, "invalid date"),
            Complaint::InvalidDays => plain(StatusCode::BAD_REQUEST, "invalid days"),
            Complaint::UnknownCoin => plain(StatusCode::NOT_FOUND, "coin not found"),
            Complaint::NotFound => plain(StatusCode::NOT_FOUND, "Incorrect path. Please check."),
            Complaint::TooLongAgo => Self::json(
                StatusCode::UNAUTHORIZED,
                &json!({"error": {"status": {
                    "error_code": 10_012,
                    "error_message": "Your request exceeds the allowed time range. Public API \
                        users are limited to querying historical data within the past 365 days.",
                }}}),
            ),
        }
    }
}

fn plain(status: StatusCode, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message}))
}

fn status(status: StatusCode, code: u32, message: &str) -> Reply {
    Reply::json(
        status,
        &json!({"status": {"error_code": code, "error_message": message}}),
    )
}

/// A code prices can be asked in.
struct Quote {
    /// As CoinGecko writes it, lower case.
    code: String,
    name: &'static str,
    unit: &'static str,
    kind: &'static str,
    /// US dollars for one.
    usd: f64,
}

/// Every code prices can be asked in.
fn quotes(venue: &Venue) -> Vec<Quote> {
    let coins = PRICED_IN
        .iter()
        .filter_map(|symbol| COINS.iter().find(|coin| coin.symbol == *symbol))
        .map(|coin| Quote {
            code: coin.symbol.to_ascii_lowercase(),
            name: coin.name,
            unit: coin.symbol,
            kind: "crypto",
            usd: venue.coin(coin),
        });
    let currencies = CURRENCIES
        .iter()
        .filter(|currency| !NOT_PRICED_IN.contains(&currency.code))
        .map(|currency| Quote {
            code: currency.code.to_ascii_lowercase(),
            name: currency.name,
            unit: currency.unit,
            kind: match currency.code {
                "XAG" | "XAU" => "commodity",
                _ => "fiat",
            },
            usd: venue.currency(currency),
        });
    let bitcoin = venue.ticker("BTC").unwrap_or(f64::NAN);
    let parts = BITCOIN_PARTS.map(|(code, name, unit, per_bitcoin)| Quote {
        code: code.to_owned(),
        name,
        unit,
        kind: "crypto",
        usd: bitcoin / per_bitcoin,
    });
    coins.chain(currencies).chain(parts).collect()
}

/// The `vs_currency` parameter, which must be there and known.
fn vs_currency(asked: &Asked) -> Result<Quote, Complaint> {
    let code = asked
        .parameter("vs_currency")
        .ok_or(Complaint::Missing("vs_currency"))?;
    quotes(&asked.venue)
        .into_iter()
        .find(|quote| quote.code.eq_ignore_ascii_case(code))
        .ok_or(Complaint::InvalidCurrency)
}

/// US dollars for one of `quote` at another moment than the one it was looked up at.
fn quote_at(venue: &Venue, quote: &Quote) -> f64 {
    quotes(venue)
        .into_iter()
        .find(|other| other.code == quote.code)
        .map_or(quote.usd, |other| other.usd)
}

fn coin(id: &str) -> Result<&'static Coin, Complaint> {
    crate::assets::coin_by_id(id).ok_or(Complaint::UnknownCoin)
}

/// How exactly prices were asked for.
#[derive(Debug, Clone, Copy)]
enum Precision {
    /// A few digits; whole numbers from ten thousand up.
    Short,
    Full,
    Decimals(u8),
}

impl Precision {
    fn of(asked: &Asked) -> Self {
        match asked.parameter("precision") {
            Some("full") => Self::Full,
            Some(decimals) => decimals
                .parse()
                .ok()
                .filter(|decimals| *decimals <= 18)
                .map_or(Self::Short, Self::Decimals),
            None => Self::Short,
        }
    }

    /// As CoinGecko does, numbers below a ten-thousandth get an exponent.
    fn write(self, venue: &Venue, value: f64) -> Figure {
        let digits = match self {
            Self::Full => Digits::Significant(13),
            Self::Decimals(decimals) => Digits::Fixed(decimals),
            Self::Short if value >= 10_000.0 => Digits::Fixed(0),
            Self::Short if value >= 1.0 => Digits::Fixed(2),
            Self::Short => Digits::Significant(6),
        };
        match value < 1e-4 {
            true => venue.exponent(value, digits),
            false => venue.number(value, digits),
        }
    }
}
