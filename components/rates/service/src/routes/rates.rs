//! GET /v1/rates: the board, or a selection of it.

use super::csv::{CSV, Table};
use super::number::{Number, Numbers};
use super::{asked, kept_as};
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::{JSON, Rendered};
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::accept;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{
    Asset, Board, Catalogue, Currency, Quote, Rounding, Selection, convert, quote,
};
use serde::Serialize;
use std::borrow::Cow;
use std::rc::Rc;

/// The parameters that this route knows.
pub(super) const PARAMETERS: &[&str] = &[
    "ids",
    "symbols",
    "vs",
    "include",
    "precision",
    "numbers",
    "format",
    "expand",
];

#[derive(Serialize)]
struct Body<'a> {
    version: String,
    as_of: String,
    stale: bool,
    source: &'a str,
    attribution: &'a str,
    rates: Vec<Rate<'a>>,
    /// Pairs that are served but have no price at the moment, as `BTC/USD`.
    missing: Vec<String>,
}

#[derive(Serialize)]
struct Rate<'a> {
    id: &'a str,
    symbol: &'a str,
    quote: &'a str,
    price: Number<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_24h_pct: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    market_cap: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume_24h: Option<Number<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// When what is shown beside the price was told, where that is older than the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    figures_at: Option<String>,
    /// Who told it, where that is not the board's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    method: &'static str,
    sources: u32,
    divergent: bool,
    /// It is this price that makes the answer stale.
    #[serde(skip_serializing_if = "is_false")]
    stale: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    providers: Option<Vec<Told<'a>>>,
}

/// What one upstream told.
#[derive(Serialize)]
struct Told<'a> {
    provider: &'a str,
    price: Number<'a>,
    /// What it is the price of, where that is not this pair.
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<&'a str>,
    /// Why it was not used.
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<&'a str>,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// What is shown of each price.
#[derive(Clone)]
pub(super) struct Question {
    selection: Selection,
    shown: Shown,
    numbers: Numbers,
    has_providers: bool,
    format: Format,
}

/// What is shown beside a price, where it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shown {
    market_cap: bool,
    volume: bool,
    change: bool,
}

/// What can be shown beside a price.
#[derive(Debug, Clone, Copy)]
enum Extra {
    MarketCap,
    Volume,
    Change,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    Csv,
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let preferred = preferred(request);
    let question = request.question(&[]);
    // No target has a line break.
    let key = match preferred {
        Format::Json => question,
        Format::Csv => Cow::Owned(format!("{question}\ncsv")),
    };
    let parse = || Question::parse(request.query(), catalogue, preferred);
    kept_as(service, request, &key, parse, |problem| problem, render).await
}

/// What the Accept header asks for.
fn preferred(request: &Request) -> Format {
    const CSV: &str = "text/csv";
    match request.header("accept") {
        Some(accept) if accept::preferred(&accept, &[JSON, CSV]) == Some(CSV) => Format::Csv,
        _ => Format::Json,
    }
}

impl Question {
    /// Every price of a selection, as it is shown without further wishes. That there are none is
    /// for the caller to see to.
    pub(super) fn plain(query: &Query, catalogue: &Catalogue) -> Result<Self, Problem> {
        Question::read(query, catalogue, Format::Json)
    }

    fn parse(query: &Query, catalogue: &Catalogue, preferred: Format) -> Result<Self, Problem> {
        asked::refuse_at(query)?;
        query.expect(PARAMETERS)?;
        Question::read(query, catalogue, preferred)
    }

    fn read(query: &Query, catalogue: &Catalogue, preferred: Format) -> Result<Self, Problem> {
        let selection = Selection::new(
            asked::assets(query, catalogue)?.into_iter().cloned(),
            asked::currencies(query, catalogue)?.into_iter().cloned(),
            asked::precision(query)?,
        );
        let formats = [("json", Format::Json), ("csv", Format::Csv)];
        let question = Question {
            selection,
            shown: Shown::parse(query)?,
            numbers: asked::numbers(query)?,
            has_providers: asked::one_of(query, "expand", &[("providers", ())])?.is_some(),
            format: asked::one_of(query, "format", &formats)?.unwrap_or(preferred),
        };
        if question.format == Format::Csv && question.has_providers {
            return Err(Problem::parameter(
                "expand",
                "A line of CSV has no room for what every provider told; use format=json.".into(),
            ));
        }
        Ok(question)
    }

    /// The same question has the same text, in whatever way it was put.
    fn canonical(&self) -> String {
        format!(
            "rates?{}&{:?}&{:?}&{}&{:?}",
            self.selection.canonical(),
            self.shown,
            self.numbers,
            self.has_providers,
            self.format
        )
    }
}

impl Shown {
    /// `include`: what to show, and nothing else; the change unless said otherwise.
    fn parse(query: &Query) -> Result<Shown, Problem> {
        let mut shown = Shown {
            market_cap: false,
            volume: false,
            change: false,
        };
        let Some(given) = query.first("include") else {
            shown.change = true;
            return Ok(shown);
        };
        let words = [
            ("market_cap", Extra::MarketCap),
            ("volume", Extra::Volume),
            ("change", Extra::Change),
        ];
        for name in asked::list(given) {
            match asked::word("include", name, &words)? {
                Extra::MarketCap => shown.market_cap = true,
                Extra::Volume => shown.volume = true,
                Extra::Change => shown.change = true,
            }
        }
        Ok(shown)
    }
}

pub(super) fn render(question: Question, served: &Served) -> Result<Rendered, Problem> {
    let board = &served.board;
    let (assets, currencies) = (question.selection.assets(), question.selection.currencies());
    let (mut rates, mut missing) = (Vec::new(), Vec::new());
    let mut is_stale = served.is_stale;
    for asset in assets {
        for currency in currencies {
            match board.get(asset.id(), currency) {
                Some(quote) => {
                    let rate = rate(&question, served, asset, quote)?;
                    is_stale |= rate.stale;
                    rates.push(rate);
                }
                None => missing.push(missing_name(asset, currency)),
            }
        }
    }
    let canonical = question.canonical();
    match question.format {
        Format::Csv => {
            let table = table(board, &rates, question.shown, is_stale);
            Ok(Rendered {
                media_type: CSV,
                ..served.render(&canonical, is_stale, table.into_text())
            })
        }
        Format::Json => {
            let body = Body {
                version: board.version.to_string(),
                as_of: rfc3339(board.fetched),
                stale: is_stale,
                source: &board.source,
                attribution: &board.attribution,
                rates,
                missing,
            };
            // A struct of strings and numbers always serialises.
            let body = serde_json::to_vec(&body).unwrap_or_default();
            Ok(served.render(&canonical, is_stale, body))
        }
    }
}

fn missing_name(asset: &Asset, currency: &Currency) -> String {
    format!("{}/{currency}", asset.symbol())
}

fn rate<'a>(
    question: &Question,
    served: &'a Served,
    asset: &'a Asset,
    quote: &'a Quote,
) -> Result<Rate<'a>, Problem> {
    let precision = question.selection.precision();
    let price = convert::round_price(&quote.price, precision, Rounding::HalfEven);
    let price = price.map_err(|error| asked::not_calculated("precision", &error))?;
    let number = |text: &'a str| question.numbers.of(text);
    let shown = |is_shown, text: &'a Option<String>| {
        let text = text.as_deref().filter(|_| is_shown);
        text.map(number)
    };
    let change = shown(question.shown.change, &quote.change_24h_pct);
    let market_cap = shown(question.shown.market_cap, &quote.market_cap);
    let volume_24h = shown(question.shown.volume, &quote.volume_24h);
    let shown_figures = change.as_ref().or(market_cap.as_ref());
    let shown_figures = shown_figures.or(volume_24h.as_ref()).map(|_| ());
    Ok(Rate {
        id: asset.id(),
        symbol: asset.symbol(),
        quote: quote.quote.as_str(),
        price: question.numbers.of(price),
        change_24h_pct: change,
        market_cap,
        volume_24h,
        updated_at: quote.updated.map(rfc3339),
        figures_at: shown_figures.and(quote.figures).map(rfc3339),
        source: quote.source.as_deref(),
        method: quote.method.as_str(),
        sources: quote.sources,
        divergent: quote.is_divergent,
        stale: !served.is_stale && asked::is_stale(served, quote),
        providers: question
            .has_providers
            .then(|| providers(question.numbers, &served.board, quote)),
    })
}

/// Who told what; of a price that only one upstream told, that one.
fn providers<'a>(numbers: Numbers, board: &'a Board, quote: &'a Quote) -> Vec<Told<'a>> {
    let told = |told: &'a quote::Told| Told {
        provider: &told.provider,
        price: numbers.of(told.price.as_str()),
        of: told.of.as_deref(),
        dropped: told.dropped.as_deref(),
    };
    if quote.told.is_empty() {
        return vec![Told {
            provider: quote.source.as_deref().unwrap_or(&board.source),
            price: numbers.of(quote.price.as_str()),
            of: None,
            dropped: None,
        }];
    }
    quote.told.iter().map(told).collect()
}

/// One line for each rate. What JSON says once about the whole board stands in every line.
fn table(board: &Board, rates: &[Rate<'_>], shown: Shown, is_stale: bool) -> Table {
    let optional = [
        (shown.change, "change_24h_pct"),
        (shown.market_cap, "market_cap"),
        (shown.volume, "volume_24h"),
    ];
    let optional_names = optional
        .iter()
        .filter_map(|(is_shown, name)| is_shown.then_some(*name));
    let has_figures = optional.iter().any(|(is_shown, _)| *is_shown);
    let columns = ["id", "symbol", "quote", "price"]
        .into_iter()
        .chain(optional_names)
        .chain(["updated_at", "source", "method", "sources", "divergent"])
        .chain(["stale", "as_of"])
        .chain(has_figures.then_some("figures_at"));
    let mut table = Table::new(columns);
    let is_whole_board = is_stale && !rates.iter().any(|rate| rate.stale);
    let as_of = rfc3339(board.fetched);
    let yes_no = |flag: bool| if flag { "true" } else { "false" };
    for rate in rates {
        let numbers = [&rate.change_24h_pct, &rate.market_cap, &rate.volume_24h];
        let numbers = optional
            .iter()
            .zip(numbers)
            .filter(|((is_shown, _), _)| *is_shown)
            .map(|(_, number)| number.as_ref().map_or("", Number::text));
        let sources = rate.sources.to_string();
        let fields = [rate.id, rate.symbol, rate.quote, rate.price.text()]
            .into_iter()
            .chain(numbers)
            .chain([
                rate.updated_at.as_deref().unwrap_or_default(),
                rate.source.unwrap_or(&board.source),
                rate.method,
                &sources,
                yes_no(rate.divergent),
                yes_no(is_whole_board || rate.stale),
                &as_of,
            ])
            .chain(has_figures.then(|| rate.figures_at.as_deref().unwrap_or_default()));
        table.row(fields);
    }
    table
}
