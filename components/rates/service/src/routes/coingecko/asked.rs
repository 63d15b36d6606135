//! Parameters that several of CoinGecko's routes share.

use super::Refusal;
use crate::routes::asked::list;
use edge_rates_kit::request::Query;
use edge_rates_quotes::{Asset, Catalogue, Precision};

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
pub(super) fn precision(query: &Query) -> Result<Precision, Refusal> {
    match given(query, "precision") {
        None => Ok(Precision::Full),
        Some(text) => text.parse().map_err(|_| {
            Refusal::unprocessable("precision must be full or an integer from 0 to 18")
        }),
    }
}

/// The assets that `ids`, otherwise `names`, otherwise `symbols` ask for, each once; those that
/// are not served are left out. None if none of the parameters is there.
///
/// A name or symbol that several assets share means the one of the highest rank, or with
/// `include_tokens=all` each of them.
pub(super) fn assets<'a>(query: &Query, catalogue: &'a Catalogue) -> Option<Vec<&'a Asset>> {
    let most = match query.first("include_tokens") {
        Some("all") => usize::MAX,
        _ => 1,
    };
    let mut found: Vec<&Asset> = if let Some(ids) = given(query, "ids") {
        list(ids).filter_map(|id| catalogue.by_id(id)).collect()
    } else if let Some(names) = given(query, "names") {
        list(names)
            .flat_map(|name| {
                let mut named: Vec<&Asset> = catalogue.by_name(name).collect();
                named.sort_by_key(|asset| asset.rank().unwrap_or(u32::MAX));
                named.into_iter().take(most)
            })
            .collect()
    } else {
        list(given(query, "symbols")?)
            .flat_map(|symbol| catalogue.all_by_symbol(symbol).take(most))
            .collect()
    };
    found.sort_by(|a, b| a.id().cmp(b.id()));
    found.dedup_by(|a, b| a.id() == b.id());
    Some(found)
}
