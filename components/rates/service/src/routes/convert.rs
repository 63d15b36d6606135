//! GET /v1/convert: an amount in another currency.

use super::asked::Form;
use super::number::Number;
use super::unanswered::Unanswered;
use super::{asked, pair};
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{Amount, Asset, Catalogue, ConvertError, Currency, convert};
use serde::Serialize;
use std::rc::Rc;

#[derive(Serialize)]
pub(super) struct Body<'a> {
    from: &'a str,
    to: &'a str,
    amount: Number<'a>,
    rate: Number<'a>,
    result: Number<'a>,
    as_of: String,
    stale: bool,
    source: String,
    attribution: &'a str,
    method: &'static str,
    sources: u32,
    divergent: bool,
}

/// The parameters that this route knows.
pub(super) const PARAMETERS: &[&str] =
    &["from", "to", "amount", "precision", "rounding", "numbers"];

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let parse = || Question::parse(request.query(), catalogue);
    let names = || parse().map(|question| [question.from, question.to]);
    let render = |question, served: &Served| render(catalogue, &question, served);
    pair::answer_of_rate(service, request, &parse, render, names, ["from", "to"]).await
}

pub(super) struct Question<'a> {
    from: &'a str,
    to: &'a str,
    amount: Amount,
    form: Form,
}

impl<'a> Question<'a> {
    fn parse(query: &'a Query, catalogue: &'a Catalogue) -> Result<Question<'a>, Problem> {
        asked::refuse_at(query)?;
        query.expect(PARAMETERS)?;
        let asset = catalogue.assets().first().map(Asset::symbol);
        let currency = catalogue.currencies().first().map(Currency::as_str);
        let from = code(query, catalogue, "from", asset)?;
        let to = code(query, catalogue, "to", currency)?;
        let amount = amount(&plus_as_blank(query.required("amount", "amount=0.1")?))?;
        let form = Form::parse(query)?;
        Ok(Question {
            from,
            to,
            amount,
            form,
        })
    }

    /// The amount in another currency with all its digits, as it is without further wishes.
    pub(super) fn exact(from: &'a str, to: &'a str, amount: Amount) -> Question<'a> {
        Question {
            from,
            to,
            amount,
            form: Form::default(),
        }
    }
}

/// In a query a plus is read as a blank, unless it is sent as `%2B`
/// (application/x-www-form-urlencoded of the URL standard). In `1e+16` it can't be meant as one.
fn plus_as_blank(given: &str) -> String {
    given.replace("e ", "e+").replace("E ", "E+")
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
) -> Result<Rendered, Unanswered> {
    let Question {
        from,
        to,
        amount,
        form,
    } = question;
    let body = body(catalogue, question, served)?;
    let canonical = format!("convert/{from}/{to}/{}?{form:?}", amount.as_str());
    // A struct of strings and numbers always serialises.
    let text = serde_json::to_vec(&body).unwrap_or_default();
    Ok(served.render(&canonical, body.stale, text))
}

/// The answer to one question.
pub(super) fn body<'a>(
    catalogue: &Catalogue,
    question: &'a Question<'_>,
    served: &'a Served,
) -> Result<Body<'a>, Unanswered> {
    let Question {
        from,
        to,
        amount,
        form,
    } = question;
    let board = &served.board;
    let rate = pair::between(board, catalogue, from, to)?;
    let conversion = convert::convert(&rate, amount, form.precision, form.rounding).map_err(
        |error| match error {
            ConvertError::Arithmetic(error) => asked::not_calculated("amount", &error),
            error => Problem::parameter("amount", error.to_string()),
        },
    )?;
    let told = pair::Told::of(&rate, served);
    let numbers = form.numbers;
    Ok(Body {
        from,
        to,
        amount: numbers.of(amount.as_str()),
        rate: numbers.of(conversion.rate),
        result: numbers.of(conversion.result),
        as_of: rfc3339(board.fetched),
        stale: told.is_stale,
        source: told.source,
        attribution: &board.attribution,
        method: told.method,
        sources: told.sources,
        divergent: told.is_divergent,
    })
}

/// The one name of an asset or a currency that is served. `example` is one.
fn code<'a>(
    query: &Query,
    catalogue: &'a Catalogue,
    parameter: &str,
    example: Option<&str>,
) -> Result<&'a str, Problem> {
    let Some(given) = query.first(parameter).map(str::trim) else {
        let example = format!("{parameter}={}", example.unwrap_or("BTC"));
        return Err(Problem::missing(parameter, &example));
    };
    asked::code(catalogue, given).map_err(|detail| Problem::parameter(parameter, detail))
}
