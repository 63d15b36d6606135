//! POST /v1/rates:batch: many questions at once, all answered from one board. What can't be
//! answered is a problem in its place and leaves the others untouched.

use super::asked::Form;
use super::unanswered::Unanswered;
use super::{convert, pair};
use crate::adapters::Adapters;
use crate::cache::{self, Served};
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::body::parse_json;
use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::Request;
use edge_rates_quotes::{Amount, Catalogue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::rc::Rc;

/// Longest body in bytes.
const MOST_BYTES: usize = 64 << 10;

/// Most questions in one body.
const MOST_ITEMS: usize = 100;

/// What a body has to be.
const SHAPE: &str = r#"an array of objects such as [{"base":"BTC","quote":"USD"}]"#;

/// One question as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item<'a> {
    base: String,
    quote: String,
    /// A number, or its digits as text.
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
    at: Option<String>,
}

/// One question, understood.
enum Question<'a> {
    Pair(pair::Question<'a>),
    Convert(convert::Question<'a>),
}

#[derive(Serialize)]
struct Body<'a> {
    version: String,
    as_of: String,
    results: Vec<Outcome<'a>>,
}

/// What a question came to: as its own route would answer it, or the problem it has.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome<'a> {
    Result(Box<Found<'a>>),
    Problem(Problem),
}

#[derive(Serialize)]
#[serde(untagged)]
enum Found<'a> {
    Pair(pair::Body<'a>),
    Convert(convert::Body<'a>),
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    request.query().expect(&[])?;
    let catalogue = &service.settings.catalogue;
    let text = request.json_body(MOST_BYTES).await?;
    let items: Vec<&RawValue> = parse_json(&text, SHAPE)?;
    if items.is_empty() || items.len() > MOST_ITEMS {
        let detail = match items.len() {
            0 => format!("The body asks for nothing; send {SHAPE}."),
            many => {
                format!("The body has {many} entries; at most {MOST_ITEMS} are possible at once.")
            }
        };
        return Err(Problem::parameter("body", detail));
    }
    let questions: Vec<_> = items
        .iter()
        .map(|item| Question::read(item, catalogue))
        .collect();
    let served = cache::current(service, request.arrived()).await?;
    let mut results = Vec::with_capacity(questions.len());
    for question in &questions {
        results.push(Outcome::of(service, question, &served).await);
    }
    let body = Body {
        version: served.board.version.to_string(),
        as_of: rfc3339(served.board.fetched),
        results,
    };
    // Structs of strings and numbers always serialise.
    let mut answer = Answer::json(serde_json::to_vec(&body).unwrap_or_default());
    // What was answered depends on the body, which is no part of what caches tell apart.
    answer.set("cache-control", "no-store");
    answer.set("cache-status", served.cache_status());
    Ok(answer)
}

impl<'a> Outcome<'a> {
    async fn of<W: Capabilities, A: Adapters>(
        service: &'a Service<W, A>,
        question: &'a Result<Question<'_>, Problem>,
        served: &'a Served,
    ) -> Self {
        let question = match question {
            Ok(question) => question,
            Err(problem) => return Outcome::Problem(problem.clone()),
        };
        match question.answer(&service.settings.catalogue, served) {
            Ok(found) => Outcome::Result(Box::new(found)),
            Err(unanswered) => Outcome::Problem(unanswered.problem(service, pair::NAMES).await),
        }
    }
}

impl<'a> Question<'a> {
    fn read(item: &RawValue, catalogue: &'a Catalogue) -> Result<Question<'a>, Problem> {
        let Item {
            base,
            quote,
            amount,
            at,
        } = serde_json::from_str(item.get()).map_err(misshapen)?;
        if at.is_some() {
            let detail =
                "History is not recorded here yet; leave `at` out to get the present rate.";
            return Err(Problem::parameter("at", detail.to_owned()));
        }
        let asked = pair::Question::new(catalogue, base.trim(), quote.trim(), Form::default())?;
        Ok(match amount {
            None => Question::Pair(asked),
            Some(written) => {
                let amount = amount_of(written)?;
                Question::Convert(convert::Question::exact(asked.base, asked.quote, amount))
            }
        })
    }

    fn answer<'b>(
        &'b self,
        catalogue: &'b Catalogue,
        served: &'b Served,
    ) -> Result<Found<'b>, Unanswered> {
        Ok(match self {
            Question::Pair(question) => Found::Pair(pair::body(catalogue, question, served)?),
            Question::Convert(question) => {
                Found::Convert(convert::body(catalogue, question, served)?)
            }
        })
    }
}

/// An item that is JSON, but not a question.
fn misshapen(error: serde_json::Error) -> Problem {
    // Its message names fields, and at most a word of what was sent.
    let detail = format!(
        "The entry is no question ({}); it has `base` and `quote`, and may have `amount`.",
        shortened(&error.to_string())
    );
    Problem::parameter("body", detail)
}

/// The digits of a number pass as they are written: it never becomes a float.
fn amount_of(written: &RawValue) -> Result<Amount, Problem> {
    match serde_json::from_str::<String>(written.get()) {
        Ok(text) => convert::amount(&text),
        Err(_) => convert::amount(written.get()),
    }
}
