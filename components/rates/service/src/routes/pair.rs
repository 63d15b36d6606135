//! GET /v1/rates/{base}/{quote}: one rate between any two things that are served.

use super::asked::Form;
use super::number::Number;
use super::unanswered::{Unanswered, unpriced};
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
use edge_rates_quotes::{Board, Catalogue, ConvertError, Precision, Rate};
use serde::Serialize;
use std::cell::Cell;
use std::rc::Rc;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    version: String,
    as_of: String,
    stale: bool,
    source: String,
    attribution: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    symbol: &'a str,
    quote: &'a str,
    price: Number<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_24h_pct: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// When the change was told, where that is older than the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures_at: Option<String>,
    method: &'static str,
    sources: u32,
    divergent: bool,
}

/// The parameters that this route knows.
pub(super) const PARAMETERS: &[&str] = &["precision", "rounding", "numbers"];

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    base: &str,
    quote: &str,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let parse = || {
        asked::refuse_at(request.query())?;
        request.query().expect(PARAMETERS)?;
        Question::new(catalogue, base, quote, Form::parse(request.query())?)
    };
    let names = || parse().map(|question| [question.base, question.quote]);
    let render = |question, served: &Served| render(catalogue, &question, served);
    answer_of_rate(service, request, &parse, render, names, NAMES).await
}

/// The parameters that name the two.
pub(super) const NAMES: [&str; 2] = ["base", "quote"];

/// Answers about the rate between two `names`, which these `parameters` name.
pub(super) async fn answer_of_rate<'a, W: Capabilities, A: Adapters + 'static, Q>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    parse: impl Fn() -> Result<Q, Problem>,
    render: impl FnOnce(Q, &Served) -> Result<Rendered, Unanswered>,
    names: impl FnOnce() -> Result<[&'a str; 2], Problem>,
    parameters: [&'static str; 2],
) -> Result<Answer, Problem> {
    let is_unserved = Cell::new(false);
    let parse = || parse().map_err(Unanswered::Problem);
    let unserved = |problem| {
        is_unserved.set(true);
        Unanswered::Problem(problem)
    };
    let unanswered = match from_board(service, request, parse, unserved, render).await {
        Ok(answer) => return Ok(answer),
        Err(unanswered) => unanswered,
    };
    if is_unserved.get() {
        // Where nobody prices anything there will never be a board.
        if let Some(unpriced) = unpriced(service, names()?, parameters, None).await {
            return Err(unpriced);
        }
    }
    Err(unanswered.problem(service, parameters).await)
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) base: &'a str,
    pub(super) quote: &'a str,
    form: Form,
}

impl<'a> Question<'a> {
    /// The rate between two codes, if both are served.
    pub(super) fn new(
        catalogue: &'a Catalogue,
        base: &str,
        quote: &str,
        form: Form,
    ) -> Result<Question<'a>, Problem> {
        Ok(Question {
            base: known(catalogue, "base", base)?,
            quote: known(catalogue, "quote", quote)?,
            form,
        })
    }
}

fn render(
    catalogue: &Catalogue,
    question: &Question<'_>,
    served: &Served,
) -> Result<Rendered, Unanswered> {
    let Question { base, quote, form } = *question;
    let body = body(catalogue, question, served)?;
    let canonical = format!("rate/{base}/{quote}?{form:?}");
    // A struct of strings and numbers always serialises.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    Ok(served.render(&canonical, body.stale, text))
}

/// The answer to one question.
pub(super) fn body<'a>(
    catalogue: &'a Catalogue,
    question: &Question<'a>,
    served: &'a Served,
) -> Result<Body<'a>, Unanswered> {
    let Question { base, quote, form } = *question;
    let board = &served.board;
    let rate = between(board, catalogue, base, quote)?;
    let told = Told::of(&rate, served);
    let price = rate.text(form.precision, form.rounding).map_err(|error| {
        let asked_for = match form.precision {
            Precision::Full => "quote",
            Precision::Digits(_) => "precision",
        };
        asked::not_calculated(asked_for, &error)
    })?;
    let numbers = form.numbers;
    let direct = catalogue
        .asset(base)
        .zip(catalogue.currency(quote))
        .and_then(|(asset, currency)| board.get(asset.id(), currency));
    let change = direct.and_then(|quote| quote.change_24h_pct.as_deref());
    Ok(Body {
        version: board.version.to_string(),
        as_of: rfc3339(board.fetched),
        stale: told.is_stale,
        source: told.source,
        attribution: &board.attribution,
        id: catalogue.asset(base).map(|asset| asset.id()),
        symbol: catalogue.asset(base).map_or(base, |asset| asset.symbol()),
        quote,
        price: numbers.of(price),
        change_24h_pct: change.map(|change| numbers.of(change)),
        updated_at: rate.updated().map(rfc3339),
        figures_at: change.and_then(|_| direct?.figures).map(rfc3339),
        method: told.method,
        sources: told.sources,
        divergent: told.is_divergent,
    })
}

/// The one name of an asset or a currency that is served.
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

/// The rate between two things that are served.
pub(super) fn between(
    board: &Board,
    catalogue: &Catalogue,
    from: &str,
    to: &str,
) -> Result<Rate, Unanswered> {
    convert::rate(board, catalogue, from, to).map_err(|error| match error {
        ConvertError::NoRate { from, to } => Unanswered::NoRate {
            from,
            to,
            as_of: board.fetched,
        },
        error => Problem::parameter("amount", error.to_string()).into(),
    })
}

/// Where a rate comes from, and how far it can be trusted.
pub(super) struct Told {
    /// Who told the prices in it; several names are separated by commas.
    pub(super) source: String,
    /// How it was found.
    pub(super) method: &'static str,
    /// How many upstreams it rests on, at its weakest: 0 where none is needed.
    pub(super) sources: u32,
    /// Upstreams disagree about a price in it.
    pub(super) is_divergent: bool,
    /// A price in it is not of its time.
    pub(super) is_stale: bool,
}

impl Told {
    pub(super) fn of(rate: &Rate, served: &Served) -> Told {
        let mut names: Vec<&str> = Vec::new();
        for quote in rate.quotes() {
            let name = quote.source.as_deref().unwrap_or(&served.board.source);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            names.push(&served.board.source);
        }
        let is_stale = |quote| asked::is_stale(served, quote);
        Told {
            source: names.join(","),
            method: method(rate),
            sources: rate.quotes().map(|quote| quote.sources).min().unwrap_or(0),
            is_divergent: rate.quotes().any(|quote| quote.is_divergent),
            is_stale: served.is_stale || rate.quotes().any(is_stale),
        }
    }
}

/// How the rate was found, for the `method` of an answer.
fn method(rate: &Rate) -> &'static str {
    match rate.path {
        Path::Identity => "identity",
        Path::Direct => {
            let quote = rate.quotes().next();
            quote.map_or("single", |quote| quote.method.as_str())
        }
        Path::Inverse => "inverse",
        Path::Cross { .. } => "cross",
    }
}
