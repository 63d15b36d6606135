//! Frankfurter v1: reference rates of currencies, one set for each working day.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{Asked, Refusal, UNKNOWN};
use crate::assets::{self, Currency};
use crate::figure::{Digits, Figure};
use crate::reply::Reply;

/// The currencies the European Central Bank gives a reference rate for.
const LISTED: [&str; 30] = [
    "AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "IDR", "ILS",
    "INR", "ISK", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "RON", "SEK", "SGD",
    "THB", "TRY", "USD", "ZAR",
];
const RATE: Digits = Digits::Significant(6);
/// The day's rates are out by this hour, UTC.
const PUBLISHED_HOUR: i8 = 15;
/// Days in the longest range answered.
const LONGEST_RANGE: usize = 3_660;

pub(super) fn answer(asked: &Asked) -> (&'static str, Reply) {
    match asked.segments().as_slice() {
        ["v1", "currencies"] => ("/v1/currencies", currencies()),
        ["v1", "latest"] => {
            let day = latest(asked);
            ("/v1/latest", of_day(asked, day))
        }
        ["v1", dates] => match dates.split_once("..") {
            Some((from, until)) => ("/v1/{date}..{date}", of_range(asked, from, until)),
            None => match dates.parse::<Date>() {
                Ok(date) => (
                    "/v1/{date}",
                    of_day(asked, working_day(date.min(latest(asked)))),
                ),
                Err(_) => (UNKNOWN, not_found()),
            },
        },
        _ => (UNKNOWN, not_found()),
    }
}

pub(super) fn refuse(refusal: Refusal) -> Reply {
    match refusal {
        Refusal::RateLimited { .. } => message(StatusCode::TOO_MANY_REQUESTS, "too many requests"),
        Refusal::Banned { .. } => message(StatusCode::IM_A_TEAPOT, "i'm a teapot"),
        Refusal::Unauthorised => message(StatusCode::UNAUTHORIZED, "unauthorized"),
        Refusal::Legal => message(
            StatusCode::UNAVAILABLE_FOR_LEGAL_REASONS,
            "unavailable for legal reasons",
        ),
        Refusal::ServerError => message(StatusCode::INTERNAL_SERVER_ERROR, "internal server error"),
    }
}

fn currencies() -> Reply {
    let names: BTreeMap<&str, &str> = LISTED
        .iter()
        .filter_map(|code| Some((*code, assets::currency_by_code(code)?.name)))
        .collect();
    Reply::ok(&names)
}

#[derive(serde::Serialize)]
struct Day<'a> {
    amount: f64,
    base: &'a str,
    date: Date,
    rates: BTreeMap<&'static str, Figure>,
}

#[derive(serde::Serialize)]
struct Range<'a> {
    amount: f64,
    base: &'a str,
    start_date: Date,
    end_date: Date,
    rates: BTreeMap<Date, BTreeMap<&'static str, Figure>>,
}

fn of_day(asked: &Asked, date: Date) -> Reply {
    let Some(wanted) = Wanted::of(asked) else {
        return not_found();
    };
    Reply::ok(&Day {
        amount: wanted.amount,
        base: wanted.base.code,
        date,
        rates: wanted.rates(asked, date),
    })
}

/// The rates of every working day between two dates; without a second one, up to the latest.
fn of_range(asked: &Asked, from: &str, until: &str) -> Reply {
    let latest = latest(asked);
    let until = match until {
        "" => Ok(latest),
        date => date.parse::<Date>().map(|date| date.min(latest)),
    };
    let (Ok(from), Ok(until)) = (from.parse::<Date>(), until) else {
        return not_found();
    };
    let Some(wanted) = Wanted::of(asked) else {
        return not_found();
    };
    let rates: BTreeMap<Date, _> = from
        .series(1.day())
        .take_while(|date| *date <= until)
        .take(LONGEST_RANGE)
        .filter(|date| working_day(*date) == *date)
        .map(|date| (date, wanted.rates(asked, date)))
        .collect();
    let (Some(start_date), Some(end_date)) =
        (rates.keys().next().copied(), rates.keys().last().copied())
    else {
        return not_found();
    };
    Reply::ok(&Range {
        amount: wanted.amount,
        base: wanted.base.code,
        start_date,
        end_date,
        rates,
    })
}

/// What the query asks for.
struct Wanted {
    amount: f64,
    base: &'static Currency,
    symbols: Vec<&'static Currency>,
}

impl Wanted {
    /// `None` if the base is not listed, or none of the symbols is.
    fn of(asked: &Asked) -> Option<Self> {
        let base = asked
            .parameter("base")
            .or_else(|| asked.parameter("from"))
            .unwrap_or("EUR");
        let base = listed(base)?;
        let symbols: Vec<_> = asked
            .list("symbols")
            .or_else(|| asked.list("to"))
            .unwrap_or_else(|| LISTED.to_vec())
            .into_iter()
            .filter_map(listed)
            .filter(|currency| currency.code != base.code)
            .collect();
        let amount = asked.parameter("amount").map_or(Ok(1.0), str::parse).ok()?;
        (!symbols.is_empty()).then_some(Self {
            amount,
            base,
            symbols,
        })
    }

    fn rates(&self, asked: &Asked, date: Date) -> BTreeMap<&'static str, Figure> {
        let at = date
            .to_zoned(TimeZone::UTC)
            .map_or(asked.venue.at(), |day| day.timestamp());
        let venue = asked.venue.seen_at(at);
        self.symbols
            .iter()
            .map(|currency| {
                let rate = venue.currency(self.base) / venue.currency(currency);
                (currency.code, venue.number(rate * self.amount, RATE))
            })
            .collect()
    }
}

fn listed(code: &str) -> Option<&'static Currency> {
    let code = LISTED
        .iter()
        .find(|listed| listed.eq_ignore_ascii_case(code))?;
    assets::currency_by_code(code)
}

/// The last working day whose rates are out.
fn latest(asked: &Asked) -> Date {
    let now = asked.venue.at().to_zoned(TimeZone::UTC);
    let today = now.date();
    working_day(if now.hour() < PUBLISHED_HOUR {
        today.yesterday().unwrap_or(today)
    } else {
        today
    })
}

/// `date`, or the Friday before it.
fn working_day(date: Date) -> Date {
    let back = match date.weekday() {
        Weekday::Saturday => 1,
        Weekday::Sunday => 2,
        _ => 0,
    };
    date.saturating_sub(back.days())
}

fn not_found() -> Reply {
    message(StatusCode::NOT_FOUND, "not found")
}

fn message(status: StatusCode, message: &str) -> Reply {
    Reply::json(status, &json!({"message": message}))
}
