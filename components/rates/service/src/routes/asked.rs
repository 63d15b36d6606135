//! Parameters that several routes share, from text to valid values.

use super::number::Numbers;
use crate::cache::Served;
use edge_rates_kit::problem::{Problem, shortened};
use edge_rates_kit::request::Query;
use edge_rates_quotes::{ArithmeticError, Asset, Catalogue, Currency, Precision, Quote, Rounding};

/// Whether an answer that shows this quote has to be marked as stale: the whole board is, or the
/// quote was kept from an earlier one, or stayed because the new one was not believed.
pub(super) fn is_stale(served: &Served, quote: &Quote) -> bool {
    served.is_stale || !served.board.is_current(quote)
}

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

/// A price that can't be calculated with; `parameter` is what asked for that.
pub(super) fn not_calculated(parameter: &str, error: &ArithmeticError) -> Problem {
    Problem::parameter(
        parameter,
        format!("{error}; GET /v1/rates shows it as it came, with precision=full."),
    )
}

/// `numbers`: as strings, unless said otherwise, or as JSON numbers.
pub(super) fn numbers(query: &Query) -> Result<Numbers, Problem> {
    let forms = [Numbers::Strings, Numbers::Numbers].map(|form| (form.name(), form));
    Ok(one_of(query, "numbers", &forms)?.unwrap_or_default())
}

/// How a calculated number is to be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) precision: Precision,
    pub(super) rounding: Rounding,
    pub(super) numbers: Numbers,
}

impl Form {
    /// `precision`, `rounding` and `numbers`.
    pub(super) fn parse(query: &Query) -> Result<Form, Problem> {
        let modes = [
            ("half_even", Rounding::HalfEven),
            ("half_up", Rounding::HalfUp),
            ("down", Rounding::Down),
            ("up", Rounding::Up),
        ];
        Ok(Form {
            precision: precision(query)?,
            rounding: one_of(query, "rounding", &modes)?.unwrap_or_default(),
            numbers: numbers(query)?,
        })
    }
}

/// A parameter that is one of a few words; None where it is not given.
pub(super) fn one_of<T: Copy>(
    query: &Query,
    name: &str,
    words: &[(&str, T)],
) -> Result<Option<T>, Problem> {
    query
        .first(name)
        .map(|given| word(name, given, words))
        .transpose()
}

/// What a word stands for.
pub(super) fn word<T: Copy>(name: &str, given: &str, words: &[(&str, T)]) -> Result<T, Problem> {
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == given) {
        return Ok(*meaning);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Err(Problem::parameter(
        name,
        format!(
            "`{}` is not possible for `{name}`; possible: {}.",
            shortened(given),
            known.join(", ")
        ),
    ))
}

/// Refuses `at`: nothing but the present rate is known here.
pub(super) fn refuse_at(query: &Query) -> Result<(), Problem> {
    match query.first("at") {
        None => Ok(()),
        Some(_) => Err(no_history()),
    }
}

/// A rate of the past is asked for.
pub(super) fn no_history() -> Problem {
    Problem::parameter(
        "at",
        "No history of rates is recorded here; leave `at` out to get the present rate.".into(),
    )
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
        assets.push(found.ok_or_else(|| {
            let nearest = catalogue.nearest_id(id);
            unknown("ids", "asset with the id", id, nearest)
        })?);
    }
    for symbol in list(symbols.unwrap_or_default()) {
        let found = catalogue.by_symbol(symbol);
        assets.push(found.ok_or_else(|| {
            let nearest = catalogue.nearest_symbol(symbol);
            unknown("symbols", "asset with the symbol", symbol, nearest)
        })?);
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
    if currencies.is_empty() {
        return Err(Problem::parameter(
            "vs",
            "`vs` is empty; leave it out to get every quote currency.".into(),
        ));
    }
    Ok(currencies)
}

fn unknown(parameter: &str, kind: &str, given: &str, nearest: Option<&str>) -> Problem {
    Problem::parameter(parameter, no_such(kind, given, nearest))
}

/// The one name of an asset or a currency that is served, which means nothing else; otherwise
/// what to say.
pub(super) fn code<'a>(catalogue: &'a Catalogue, given: &str) -> Result<&'a str, String> {
    if let Some(meaning) = catalogue.meaning(given) {
        return Ok(meaning.name);
    }
    let nearest = catalogue
        .nearest_asset(given)
        .or_else(|| catalogue.nearest_currency(given));
    Err(no_such("asset or currency", given, nearest))
}

/// "There is no asset `XYZ` here", and what to try instead.
fn no_such(kind: &str, given: &str, nearest: Option<&str>) -> String {
    let given = shortened(given);
    match nearest {
        Some(name) => format!("There is no {kind} `{given}` here. Did you mean `{name}`?"),
        None => {
            format!("There is no {kind} `{given}` here. GET /v1/rates shows what is served.")
        }
    }
}
