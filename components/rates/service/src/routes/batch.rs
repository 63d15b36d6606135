//! POST /v1/rates:batch: many questions at once, all answered from one board. What can't be
//! answered is a problem in its place and leaves the others untouched.

use super::asked::Form;
use super::unanswered::Unanswered;
use super::{asked, convert, pair};
use crate::adapters::Adapters;
use crate::cache::{self, Served};
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::body::parse_json;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::{Request, unknown_parameter};
use edge_rates_quotes::{Amount, Asset, Catalogue, Currency};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::fmt;
use std::rc::Rc;

/// Longest body in bytes.
pub(super) const MOST_BYTES: usize = 64 << 10;

/// Most questions in one body.
pub(super) const MOST_ITEMS: usize = 100;

/// The members of a question.
const MEMBERS: &[&str] = &["base", "quote", "amount"];

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

/// What a body has to be, with a question in it that has an answer here.
fn shape(catalogue: &Catalogue) -> String {
    format!("an array of objects such as [{}]", example(catalogue))
}

/// A question that has an answer here.
fn example(catalogue: &Catalogue) -> String {
    let base = catalogue.assets().first().map_or("BTC", Asset::symbol);
    let quote = catalogue.currencies().first();
    let quote = quote.map_or("USD", Currency::as_str);
    format!(r#"{{"base":"{base}","quote":"{quote}"}}"#)
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
    let shape = shape(catalogue);
    let items: Vec<&RawValue> = parse_json(&text, &shape)?;
    if items.is_empty() || items.len() > MOST_ITEMS {
        let detail = match items.len() {
            0 => format!("The body asks for nothing; send {shape}."),
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
        let members = Members::read(item, catalogue)?;
        let (base, quote) = (
            members.code("base", catalogue)?,
            members.code("quote", catalogue)?,
        );
        let asked = pair::Question::new(catalogue, base.trim(), quote.trim(), Form::default())?;
        Ok(match members.get("amount") {
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

/// What a question says, as it is written, in its order.
struct Members<'i>(Vec<(String, &'i RawValue)>);

impl<'i> Members<'i> {
    /// The members of an object, if they are those of a question.
    fn read(item: &'i RawValue, catalogue: &Catalogue) -> Result<Members<'i>, Problem> {
        let Ok(members) = serde_json::from_str::<Members<'i>>(item.get()) else {
            let (is, example) = (kind(item), example(catalogue));
            let detail = format!(
                "The entry is {is}, which can't be read as a question; write an object such as {example}."
            );
            return Err(Problem::parameter("body", detail));
        };
        for (index, (name, value)) in members.0.iter().enumerate() {
            if name == "at" && value.get() != "null" {
                return Err(asked::no_history());
            }
            if name != "at" && !MEMBERS.contains(&name.as_str()) {
                return Err(Problem::parameter(name, unknown_parameter(name, MEMBERS)));
            }
            let mut before = members.0.iter().take(index);
            if before.any(|(earlier, _)| earlier == name) {
                let detail = format!("`{name}` is there more than once; write it once.");
                return Err(Problem::parameter(name, detail));
            }
        }
        Ok(members)
    }

    /// A member that is there, and not null.
    fn get(&self, name: &str) -> Option<&'i RawValue> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(*value).filter(|value| value.get() != "null")
    }

    /// A code, which has to be there.
    fn code(&self, name: &str, catalogue: &Catalogue) -> Result<String, Problem> {
        let Some(written) = self.get(name) else {
            return Err(Problem::missing(name, &example(catalogue)));
        };
        serde_json::from_str(written.get()).map_err(|_| {
            let (is, example) = (kind(written), example(catalogue));
            let detail = format!(
                "`{name}` is {is}, which can't be read as a code; write text as in {example}."
            );
            Problem::parameter(name, detail)
        })
    }
}

impl<'de: 'i, 'i> Deserialize<'de> for Members<'i> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }

        from.deserialize_map(Object).map(Members)
    }
}

/// What a JSON value is, in words (RFC 8259 §3).
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'"') => "a text",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a truth value",
        Some(b'n') => "null",
        _ => "a number",
    }
}

/// The digits of a number pass as they are written: it never becomes a float.
fn amount_of(written: &RawValue) -> Result<Amount, Problem> {
    match serde_json::from_str::<String>(written.get()) {
        Ok(text) => convert::amount(&text),
        Err(_) => convert::amount(written.get()),
    }
}
