//! GET /v1/convert: an amount in another currency.

use super::{asked, pair};
use crate::adapters::Adapters;
use crate::cache;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{Amount, Catalogue, Rounding, convert};
use serde::Serialize;
use std::rc::Rc;

#[derive(Serialize)]
struct Body<'a> {
    from: &'a str,
    to: &'a str,
    amount: &'a str,
    rate: String,
    result: String,
    as_of: String,
    stale: bool,
    source: &'a str,
    method: &'static str,
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    let query = request.query();
    query.expect(&["from", "to", "amount", "precision", "rounding"])?;
    let catalogue = &service.settings.catalogue;
    let from = code(query, catalogue, "from", "from=BTC")?;
    let to = code(query, catalogue, "to", "to=EUR")?;
    let given = query.required("amount", "amount=0.1")?.trim();
    let amount = Amount::parse(given).map_err(|error| {
        Problem::parameter("amount", format!("`{}`: {error}", shortened(given)))
    })?;
    let precision = asked::precision(query)?;
    let (rounding, rounding_name) = rounding(query)?;

    let served = cache::current(service).await?;
    let board = &served.board;
    let rate = pair::between(board, catalogue, from, to)?;
    let conversion = convert::convert(&rate, &amount, precision, rounding)
        .map_err(|error| Problem::parameter("amount", error.to_string()))?;
    let is_stale = served.is_stale_with(Some(rate.as_of));
    let body = Body {
        from,
        to,
        amount: amount.as_str(),
        rate: conversion.rate,
        result: conversion.result,
        as_of: rfc3339(board.fetched),
        stale: is_stale,
        source: &board.source,
        method: pair::method(&rate),
    };
    // A struct of strings and numbers always serialises.
    let answer = Answer::json(serde_json::to_vec(&body).unwrap_or_default());
    let canonical = format!(
        "convert/{from}/{to}/{}?{precision}&{rounding_name}",
        amount.as_str()
    );
    let times = &service.settings.cache_times;
    Ok(served.finish(answer, &canonical, is_stale, times, service.world.now()))
}

/// The rounding mode and its name.
fn rounding(query: &Query) -> Result<(Rounding, &str), Problem> {
    let name = query.first("rounding").unwrap_or("half_even");
    let rounding = name.parse().map_err(|_| {
        Problem::parameter(
            "rounding",
            format!(
                "`{}` is no rounding mode; use half_even, half_up, down or up.",
                shortened(name)
            ),
        )
    })?;
    Ok((rounding, name))
}

/// The code, upper case, of an asset or a currency that is served.
fn code<'a>(
    query: &Query,
    catalogue: &'a Catalogue,
    parameter: &str,
    example: &str,
) -> Result<&'a str, Problem> {
    let given = query.required(parameter, example)?.trim();
    asked::code(catalogue, given).map_err(|detail| Problem::parameter(parameter, detail))
}
