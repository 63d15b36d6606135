//! Parameters that several routes share, from text to valid values.

use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Asset, Catalogue, Currency, Precision};

/// Most quote currencies that may be asked for at once.
const MOST_CURRENCIES: usize = 10;

/// `precision`: how many fraction digits; all that the upstream gave unless said otherwise.
pub(super) fn precision(query: &Query) -> Result<Precision, Problem> {
    let Some(text) = query.first("precision") else {
        return Ok(Precision::Full);
    };
    text.parse().map_err(|_| {
        Problem::parameter(
            "precision",
            format!(
                "`{}` is no precision; use `full` or a number of fraction digits from 0 to 18.",
                shortened(text)
            ),
        )
    })
}

/// The values of a comma-separated list; blanks and empty entries don't count.
pub(super) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
}

/// `ids` and `symbols`: some of the assets, or all.
pub(super) fn assets<'a>(
    query: &Query,
    catalogue: &'a Catalogue,
) -> Result<Vec<&'a Asset>, Problem> {
    let (ids, symbols) = (query.first("ids"), query.first("symbols"));
    if ids.is_none() && symbols.is_none() {
        return Ok(catalogue.assets().iter().collect());
    }
    let mut assets = Vec::new();
    for id in list(ids.unwrap_or_default()) {
        let found = catalogue.by_id(&id.to_ascii_lowercase());
        assets.push(found.ok_or_else(|| unknown("ids", "asset", id, catalogue.nearest_asset(id)))?);
    }
    for symbol in list(symbols.unwrap_or_default()) {
        let found = catalogue.by_symbol(symbol);
        assets.push(
            found.ok_or_else(|| {
                unknown("symbols", "asset", symbol, catalogue.nearest_asset(symbol))
            })?,
        );
    }
    if assets.is_empty() {
        let name = if ids.is_some() { "ids" } else { "symbols" };
        return Err(Problem::parameter(
            name,
            format!("`{name}` is empty; leave it out to get every asset."),
        ));
    }
    Ok(assets)
}

/// `vs`: some of the quote currencies, or all.
pub(super) fn currencies<'a>(
    query: &Query,
    catalogue: &'a Catalogue,
) -> Result<Vec<&'a Currency>, Problem> {
    let Some(text) = query.first("vs") else {
        return Ok(catalogue.currencies().iter().collect());
    };
    let mut currencies = Vec::new();
    for code in list(text) {
        let found = catalogue.currency(code);
        currencies.push(found.ok_or_else(|| {
            unknown(
                "vs",
                "quote currency",
                code,
                catalogue.nearest_currency(code),
            )
        })?);
    }
    match currencies.len() {
        0 => Err(Problem::parameter(
            "vs",
            "`vs` is empty; leave it out to get every quote currency.".into(),
        )),
        1..=MOST_CURRENCIES => Ok(currencies),
        many => Err(Problem::parameter(
            "vs",
            format!("`vs` names {many} quote currencies; at most {MOST_CURRENCIES} are possible."),
        )),
    }
}

fn unknown(parameter: &str, kind: &str, given: &str, nearest: Option<&str>) -> Problem {
    let detail = format!("{} {}", no_such(kind, given), suggestion(nearest));
    Problem::parameter(parameter, detail)
}

/// "There is no asset `XYZ` here."
pub(super) fn no_such(kind: &str, given: &str) -> String {
    format!("There is no {kind} `{}` here.", shortened(given))
}

/// What to try instead of a name that is not served.
pub(super) fn suggestion(nearest: Option<&str>) -> String {
    match nearest {
        Some(name) => format!("Did you mean `{name}`?"),
        None => "GET /v1/rates shows what is served.".to_owned(),
    }
}
