//! Parameters that several of CoinGecko's routes share.

use super::unprocessable;
use crate::routes::asked::list;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Asset, Catalogue, Precision, order};

/// A parameter's value, unless it is blank.
pub(super) fn given<'q>(query: &'q Query, name: &str) -> Option<&'q str> {
    query.first(name).filter(|text| !text.trim().is_empty())
}

/// Whether a switch such as `include_market_cap` is on.
pub(super) fn is_on(query: &Query, name: &str) -> bool {
    query
        .first(name)
        .is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// `precision`: all digits that the upstream gave unless said otherwise.
pub(super) fn precision(query: &Query) -> Result<Precision, Problem> {
    match given(query, "precision") {
        None => Ok(Precision::Full),
        Some(text) => text
            .parse()
            .map_err(|_| unprocessable("precision must be full or an integer from 0 to 18")),
    }
}

/// An asset that is asked for, and the name that it is answered under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) name: String,
    pub(super) asset: &'a Asset,
}

/// The assets that `ids`, otherwise `names`, otherwise `symbols` ask for, ordered by the names
/// that they are answered under: the id, the name as it was given, the symbol in lower case.
/// Those that are not served are left out. None if none of the parameters is there.
///
/// A name or symbol that several assets share means the one of the highest rank. With
/// `include_tokens=all` the others that have the symbol follow under their ids.
pub(super) fn assets<'a>(query: &Query, catalogue: &'a Catalogue) -> Option<Vec<Named<'a>>> {
    let named = |name: &str, asset| Named {
        name: name.to_owned(),
        asset,
    };
    let mut found: Vec<Named<'a>> = if let Some(ids) = given(query, "ids") {
        list(ids)
            .filter_map(|id| catalogue.by_id(id))
            .map(|asset| named(asset.id(), asset))
            .collect()
    } else if let Some(names) = given(query, "names") {
        let known = catalogue.by_names();
        list(names)
            .filter_map(|name| Some(named(name, known.get(&name.to_lowercase()).copied()?)))
            .collect()
    } else {
        let most = match query.first("include_tokens") {
            Some("all") => usize::MAX,
            _ => 1,
        };
        let sharing = |symbol| {
            let sharing = catalogue.all_by_symbol(symbol).take(most).enumerate();
            sharing.map(move |(position, asset)| match position {
                0 => named(&symbol.to_ascii_lowercase(), asset),
                _ => named(asset.id(), asset),
            })
        };
        list(given(query, "symbols")?).flat_map(sharing).collect()
    };
    order::sort_by(&mut found, |a, b| a.name.cmp(&b.name));
    found.dedup_by(|a, b| a.name == b.name);
    Some(found)
}
