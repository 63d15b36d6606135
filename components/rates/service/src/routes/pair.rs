//! GET /v1/rates/{base}/{quote}: one rate between any two things that are served.

use super::{asked, from_board};
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Request;
use edge_rates_quotes::convert::{self, Path};
use edge_rates_quotes::{Board, Catalogue, ConvertError, Precision, Rate, Rounding};
use serde::Serialize;
use std::rc::Rc;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    version: String,
    as_of: String,
    stale: bool,
    source: &'a str,
    attribution: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    symbol: &'a str,
    quote: &'a str,
    price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_24h_pct: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    method: &'static str,
    sources: u32,
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    base: &str,
    quote: &str,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let parse = || {
        request.query().expect(&["precision"])?;
        let precision = asked::precision(request.query())?;
        Question::new(catalogue, base, quote, precision)
    };
    let render = |question, served: &Served| render(catalogue, &question, served);
    from_board(service, request, parse, |problem| problem, render).await
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) base: &'a str,
    pub(super) quote: &'a str,
    precision: Precision,
}

impl<'a> Question<'a> {
    /// The rate between two codes, if both are served.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        base: &str,
        quote: &str,
        precision: Precision,
    ) -> Result<Question<'a>, Problem> {
        Ok(Question {
            base: known(catalogue, "base", base)?,
            quote: known(catalogue, "quote", quote)?,
            precision,
        })
    }
}

fn render(
    catalogue: &Catalogue,
    question: &Question<'_>,
    served: &Served,
) -> Result<Rendered, Problem> {
    let Question {
        base,
        quote,
        precision,
    } = *question;
    let body = body(catalogue, question, served)?;
    let canonical = format!("rate/{base}/{quote}?{precision}");
    // A struct of strings and numbers always serialises.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    Ok(served.render(&canonical, body.stale, text))
}

/// The answer to one question.
pub(super) fn body<'a>(
    catalogue: &'a Catalogue,
    question: &Question<'a>,
    served: &'a Served,
) -> Result<Body<'a>, Problem> {
    let Question {
        base,
        quote,
        precision,
    } = *question;
    let board = &served.board;
    let rate = between(board, catalogue, base, quote)?;
    let direct = catalogue
        .asset(base)
        .zip(catalogue.currency(quote))
        .and_then(|(asset, currency)| board.get(asset.id(), currency));
    let is_stale = served.is_stale_with(Some(rate.as_of));
    let source = direct.and_then(|quote| quote.source.as_deref());
    Ok(Body {
        version: board.version.to_string(),
        as_of: rfc3339(board.fetched),
        stale: is_stale,
        source: source.unwrap_or(&board.source),
        attribution: &board.attribution,
        id: catalogue.asset(base).map(|asset| asset.id()),
        symbol: base,
        quote,
        price: rate
            .text(precision, Rounding::HalfEven)
            .map_err(|error| Problem::parameter("precision", error.to_string()))?,
        change_24h_pct: direct.and_then(|quote| quote.change_24h_pct.as_deref()),
        updated_at: direct.and_then(|quote| quote.updated).map(rfc3339),
        method: method(&rate),
        sources: 1,
    })
}

/// The code, upper case, of an asset or a currency that is served.
fn known<'a>(
    catalogue: &'a Catalogue,
    parameter: &'static str,
    given: &str,
) -> Result<&'a str, Problem> {
    asked::code(catalogue, given).map_err(|detail| {
        let kind = "urn:edge-rates:problem:unknown-code";
        Problem::unknown(kind, "Unknown code", parameter, detail)
    })
}

/// The rate between two codes that are served.
pub(super) fn between(
    board: &Board,
    catalogue: &Catalogue,
    from: &str,
    to: &str,
) -> Result<Rate, Problem> {
    convert::rate(board, catalogue, from, to).map_err(|error| match error {
        ConvertError::NoRate { .. } => Problem::unavailable(
            format!(
                "There is no price of {from} in {to} at the moment; the next refresh may bring it."
            ),
            60,
        ),
        error => Problem::parameter("amount", error.to_string()),
    })
}

/// How the rate was found, for the `method` of an answer.
pub(super) fn method(rate: &Rate) -> &'static str {
    match rate.path {
        Path::Identity => "identity",
        Path::Direct => "single",
        Path::Inverse => "inverse",
        Path::Cross { .. } => "cross",
    }
}
