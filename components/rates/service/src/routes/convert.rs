//! GET /v1/convert: an amount in another currency.

use super::{asked, from_board, pair};
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{Amount, Catalogue, Precision, Rounding, convert};
use serde::Serialize;
use std::rc::Rc;

#[derive(Serialize)]
pub(super) struct Body<'a> {
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
    let catalogue = &service.settings.catalogue;
    let parse = || Question::parse(request.query(), catalogue);
    let render = |question, served: &Served| render(catalogue, &question, served);
    from_board(service, request, parse, |problem| problem, render).await
}

pub(super) struct Question<'a> {
    from: &'a str,
    to: &'a str,
    amount: Amount,
    precision: Precision,
    rounding: Rounding,
    rounding_name: &'a str,
}

impl<'a> Question<'a> {
    fn parse(query: &'a Query, catalogue: &'a Catalogue) -> Result<Question<'a>, Problem> {
        query.expect(&["from", "to", "amount", "precision", "rounding"])?;
        let from = code(query, catalogue, "from", "from=BTC")?;
        let to = code(query, catalogue, "to", "to=EUR")?;
        let amount = amount(query.required("amount", "amount=0.1")?)?;
        let precision = asked::precision(query)?;
        let (rounding, rounding_name) = rounding(query)?;
        Ok(Question {
            from,
            to,
            amount,
            precision,
            rounding,
            rounding_name,
        })
    }

    /// The amount in another currency with all its digits, as it is without further wishes.
    pub(super) fn exact(from: &'a str, to: &'a str, amount: Amount) -> Question<'a> {
        Question {
            from,
            to,
            amount,
            precision: Precision::Full,
            rounding: Rounding::HalfEven,
            rounding_name: "half_even",
        }
    }
}

/// Reads an amount.
pub(super) fn amount(given: &str) -> Result<Amount, Problem> {
    let given = given.trim();
    Amount::parse(given)
        .map_err(|error| Problem::parameter("amount", format!("`{}`: {error}", shortened(given))))
}

fn render(
    catalogue: &Catalogue,
    question: &Question<'_>,
    served: &Served,
) -> Result<Rendered, Problem> {
    let Question {
        from,
        to,
        amount,
        precision,
        rounding_name,
        ..
    } = question;
    let body = body(catalogue, question, served)?;
    let canonical = format!(
        "convert/{from}/{to}/{}?{precision}&{rounding_name}",
        amount.as_str()
    );
    // A struct of strings and numbers always serialises.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    Ok(served.render(&canonical, body.stale, text))
}

/// The answer to one question.
pub(super) fn body<'a>(
    catalogue: &Catalogue,
    question: &'a Question<'_>,
    served: &'a Served,
) -> Result<Body<'a>, Problem> {
    let Question {
        from,
        to,
        amount,
        precision,
        rounding,
        ..
    } = question;
    let board = &served.board;
    let rate = pair::between(board, catalogue, from, to)?;
    let conversion = convert::convert(&rate, amount, *precision, *rounding)
        .map_err(|error| Problem::parameter("amount", error.to_string()))?;
    let is_stale = served.is_stale_with(Some(rate.as_of));
    Ok(Body {
        from,
        to,
        amount: amount.as_str(),
        rate: conversion.rate,
        result: conversion.result,
        as_of: rfc3339(board.fetched),
        stale: is_stale,
        source: &board.source,
        method: pair::method(&rate),
    })
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
