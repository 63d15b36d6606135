//! From what upstreams told to the prices of the board.

use crate::adapters::Pair;
use crate::refresh::{Heard, Told};
use crate::settings::Upstream;
use edge_rates_quotes::{Board, Millis, Quote};
use std::collections::HashSet;

/// The prices of a new board.
#[derive(Debug)]
pub(crate) struct Believed {
    /// Who told the prices that do not say otherwise.
    pub(crate) source: Upstream,
    pub(crate) quotes: Vec<Quote>,
}

/// What the next upstream is to be asked for, after these were heard: the pairs of `all` that
/// nobody priced yet.
pub(crate) fn wanted(
    all: &[Pair],
    heard: &[Heard],
    _last: Option<&Board>,
    _now: Millis,
) -> Vec<Pair> {
    let priced: HashSet<(&str, &str)> = heard
        .iter()
        .flat_map(|heard| &heard.quotes)
        .map(|quote| (quote.asset.as_str(), quote.quote.as_str()))
        .collect();
    all.iter()
        .filter(|pair| !priced.contains(&(pair.asset.as_str(), pair.quote.as_str())))
        .cloned()
        .collect()
}

/// What the next upstream that prices currencies is to be asked for. No price is made by way of
/// another currency yet.
pub(crate) fn wanted_currencies(_all: &[Pair], _told: &Told) -> Vec<Pair> {
    Vec::new()
}

/// The prices to be served: of several that were told for a pair, the first. None if no market
/// was heard. `last` is the board that is to be replaced.
pub(crate) fn believe(told: Told, _last: Option<&Board>, _now: Millis) -> Option<Believed> {
    let mut market = told.market.into_iter();
    let first = market.next()?;
    let mut quotes = first.quotes;
    for Heard {
        upstream,
        quotes: more,
    } in market
    {
        quotes.extend(more.into_iter().map(|quote| Quote {
            source: Some(upstream.id.clone()),
            ..quote
        }));
    }
    Some(Believed {
        source: first.upstream,
        quotes,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::{Endpoint, Scope};
    use edge_rates_quotes::budget::Limits;
    use edge_rates_quotes::{Currency, Price};

    const NOW: Millis = Millis(1_795_225_200_000);

    fn pair(asset: &str) -> Pair {
        Pair {
            asset: asset.into(),
            symbol: asset.to_uppercase(),
            quote: "USD".into(),
            code: None,
        }
    }

    fn heard(id: &str, prices: &[(&str, &str)]) -> Heard {
        let quotes = prices.iter().map(|(asset, price)| {
            let dollar = Currency::parse("USD").unwrap();
            Quote::new(*asset, dollar, Price::parse(price).unwrap())
        });
        Heard {
            upstream: Upstream {
                id: id.into(),
                endpoint: Endpoint {
                    base_url: String::new(),
                    api_key: None,
                    plan: None,
                },
                scope: Scope::Market,
                attribution: String::new(),
                limits: Limits::default(),
            },
            quotes: quotes.collect(),
        }
    }

    #[test]
    fn the_next_upstream_is_asked_for_what_is_missing() {
        let all = [pair("a"), pair("b"), pair("c")];
        let first = heard("first", &[("b", "1")]);
        assert_eq!(wanted(&all, &[first], None, NOW), [pair("a"), pair("c")]);
    }

    #[test]
    fn a_price_of_another_upstream_than_the_boards_says_so() {
        let told = Told {
            market: vec![
                heard("first", &[("a", "1")]),
                heard("second", &[("b", "2")]),
            ],
            currencies: Vec::new(),
        };
        let believed = believe(told, None, NOW).unwrap();
        assert_eq!(believed.source.id, "first");
        let sources: Vec<_> = believed
            .quotes
            .iter()
            .map(|quote| (quote.asset.as_str(), quote.source.as_deref()))
            .collect();
        assert_eq!(sources, [("a", None), ("b", Some("second"))]);
    }
}
