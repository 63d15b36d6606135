//! GET /v1/rates: the board, or a selection of it.

use super::{asked, from_board};
use crate::adapters::Adapters;
use crate::cache::Served;
use crate::rendered::Rendered;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::{Answer, rfc3339};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::{Query, Request};
use edge_rates_quotes::{
    Asset, Board, Catalogue, Currency, Precision, Quote, Rounding, Selection, convert,
};
use serde::Serialize;
use std::rc::Rc;

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
    price: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_24h_pct: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<String>,
    /// Who told it, where that is not the board's source.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    method: &'static str,
    sources: u32,
}

pub(super) async fn answer<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
    request: &Request,
) -> Result<Answer, Problem> {
    let catalogue = &service.settings.catalogue;
    let parse = || parse(request.query(), catalogue);
    from_board(service, request, parse, |problem| problem, render).await
}

fn parse(query: &Query, catalogue: &Catalogue) -> Result<Selection, Problem> {
    query.expect(&["ids", "symbols", "vs", "precision"])?;
    let precision = asked::precision(query)?;
    Ok(Selection::new(
        asked::assets(query, catalogue)?.into_iter().cloned(),
        asked::currencies(query, catalogue)?.into_iter().cloned(),
        precision,
    ))
}

fn render(selection: Selection, served: &Served) -> Result<Rendered, Problem> {
    let board = &served.board;
    let oldest = asked::oldest(board, selection.assets(), selection.currencies());
    let is_stale = served.is_stale_with(oldest);
    let body = body(board, &selection, is_stale)?;
    let canonical = format!("rates?{}", selection.canonical());
    Ok(served.render(&canonical, is_stale, body))
}

fn body(board: &Board, selection: &Selection, is_stale: bool) -> Result<Vec<u8>, Problem> {
    let (mut rates, mut missing) = (Vec::new(), Vec::new());
    for asset in selection.assets() {
        for currency in selection.currencies() {
            match board.get(asset.id(), currency) {
                Some(quote) => rates.push(rate(asset, quote, selection.precision())?),
                None => missing.push(missing_name(asset, currency)),
            }
        }
    }
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
    Ok(serde_json::to_vec(&body).unwrap_or_default())
}

fn missing_name(asset: &Asset, currency: &Currency) -> String {
    format!("{}/{currency}", asset.symbol())
}

fn rate<'a>(asset: &'a Asset, quote: &'a Quote, precision: Precision) -> Result<Rate<'a>, Problem> {
    let price = convert::round_price(&quote.price, precision, Rounding::HalfEven)
        .map_err(|error| Problem::parameter("precision", error.to_string()))?;
    Ok(Rate {
        id: asset.id(),
        symbol: asset.symbol(),
        quote: quote.quote.as_str(),
        price,
        change_24h_pct: quote.change_24h_pct.as_deref(),
        updated_at: quote.updated.map(rfc3339),
        source: quote.source.as_deref(),
        method: quote.method.as_str(),
        sources: quote.sources,
    })
}
