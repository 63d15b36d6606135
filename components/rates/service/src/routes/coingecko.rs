//! Routes of CoinGecko's API, in its own shapes and with its own errors, so that its clients
//! work when only their base URL changes: unknown parameters are ignored, unknown ids are
//! absent, numbers are JSON numbers with the upstream's digits.

use super::asked::{list, oldest};
use super::from_board;
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{Asset, Board, Catalogue, Currency, Precision, Quote, Rounding, convert};
use http::StatusCode;
use serde_json::json;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The routes there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Ping,
    SimplePrice,
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
    route: Route,
) -> Answer {
    match route {
        Route::Ping => {
            let mut answer = Answer::json(r#"{"gecko_says":"(V3) To the Moon!"}"#);
            answer.set("cache-control", "no-store");
            answer
        }
        Route::SimplePrice => simple_price(service, request).await,
    }
}

/// An error in CoinGecko's plainest shape.
fn error(status: StatusCode, message: &str) -> Answer {
    let body = json!({"error": message}).to_string();
    let mut answer = Answer::json(body).with_status(status);
    answer.set("cache-control", "no-store");
    answer
}

/// A question that CoinGecko would refuse too: 422 and its message.
struct Refusal(String);

impl Refusal {
    fn answer(&self) -> Answer {
        error(StatusCode::UNPROCESSABLE_ENTITY, &self.0)
    }
}

/// What /simple/price is asked for.
struct Asked<'a> {
    assets: Vec<&'a Asset>,
    currencies: Vec<&'a Currency>,
    precision: Precision,
    has_change: bool,
    has_updated: bool,
}

impl<'a> Asked<'a> {
    fn read(query: &Query, catalogue: &'a Catalogue) -> Result<Asked<'a>, Refusal> {
        let missing = |name: &str| Refusal(format!("Missing parameter {name}"));
        let is_true = |name: &str| query.first(name).is_some_and(|text| text == "true");
        let vs = query.first("vs_currencies").unwrap_or_default();
        if vs.trim().is_empty() {
            return Err(missing("vs_currencies"));
        }
        let ids = query.first("ids").map(|ids| {
            list(ids)
                .filter_map(|id| catalogue.by_id(&id.to_ascii_lowercase()))
                .collect()
        });
        let symbols = query.first("symbols").map(|symbols| {
            list(symbols)
                .filter_map(|symbol| catalogue.by_symbol(symbol))
                .collect()
        });
        let assets: Vec<&Asset> = ids.or(symbols).ok_or_else(|| missing("ids"))?;
        let precision = match query.first("precision") {
            None => Precision::Full,
            Some(text) => text.parse().map_err(|_| {
                Refusal("precision must be full or an integer from 0 to 18".to_owned())
            })?,
        };
        Ok(Asked {
            assets,
            currencies: list(vs)
                .filter_map(|code| catalogue.currency(code))
                .collect(),
            precision,
            has_change: is_true("include_24hr_change"),
            has_updated: is_true("include_last_updated_at"),
        })
    }

    /// The same question has the same text, in whatever order it was put.
    fn canonical(&self) -> String {
        let mut ids: Vec<&str> = self.assets.iter().map(|asset| asset.id()).collect();
        let mut codes: Vec<&str> = self.currencies.iter().map(|code| code.as_str()).collect();
        for names in [&mut ids, &mut codes] {
            names.sort_unstable();
            names.dedup();
        }
        format!(
            "simple/price/{}/{}?{}&{}&{}",
            ids.join(","),
            codes.join(","),
            self.precision,
            self.has_change,
            self.has_updated
        )
    }
}

async fn simple_price<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Answer {
    let catalogue = &service.settings.catalogue;
    let parse = || {
        let asked = Asked::read(request.query(), catalogue);
        asked.map_err(|refusal| refusal.answer())
    };
    let unserved = |problem: Problem| {
        let in_problem = problem.into_answer(request.path());
        let mut answer = error(
            StatusCode::SERVICE_UNAVAILABLE,
            "No prices are available at the moment; try again later.",
        );
        if let Some(seconds) = in_problem.header("retry-after") {
            answer.set("retry-after", seconds.to_owned());
        }
        answer
    };
    let render = |asked, served: &Served| Ok(render(&asked, served));
    let answered = from_board(service, request, parse, unserved, render).await;
    answered.unwrap_or_else(|error| error)
}

fn render(asked: &Asked<'_>, served: &Served) -> Rendered {
    let board = &served.board;
    // A map of numbers always serialises.
    let body = serde_json::to_vec(&prices(board, asked)).unwrap_or_default();
    let is_stale = served.is_stale_with(oldest(
        board,
        asked.assets.iter().copied(),
        asked.currencies.iter().copied(),
    ));
    served.render(&asked.canonical(), is_stale, body)
}

type Prices<'a> = BTreeMap<&'a str, BTreeMap<String, Option<Box<RawValue>>>>;

fn prices<'a>(board: &Board, asked: &Asked<'a>) -> Prices<'a> {
    let mut prices = Prices::new();
    for asset in &asked.assets {
        let mut entry = BTreeMap::new();
        let mut updated = None;
        for currency in &asked.currencies {
            let Some(quote) = board.get(asset.id(), currency) else {
                continue;
            };
            let code = currency.as_str().to_ascii_lowercase();
            entry.insert(code.clone(), price(quote, asked.precision));
            if asked.has_change {
                let change = quote.change_24h_pct.as_deref().and_then(number);
                entry.insert(format!("{code}_24h_change"), change);
            }
            updated = updated.max(Some(quote.updated.unwrap_or(board.fetched)));
        }
        if asked.has_updated
            && let Some(updated) = updated
        {
            entry.insert(
                "last_updated_at".into(),
                number(&updated.secs().to_string()),
            );
        }
        prices.insert(asset.id(), entry);
    }
    prices
}

fn price(quote: &Quote, precision: Precision) -> Option<Box<RawValue>> {
    let text = convert::round_price(&quote.price, precision, Rounding::HalfEven).ok()?;
    number(&text)
}

/// Decimal text as a JSON number with the same digits.
fn number(text: &str) -> Option<Box<RawValue>> {
    RawValue::from_string(text.to_owned()).ok()
}
