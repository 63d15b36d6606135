//! Holds the routes against the API's description: each is in it under its own name, and with
//! the parameters that it knows.

use super::{Route, batch, coingecko, convert, pair, rates, stream};
use edge_rates_kit::serving::LONGEST_TARGET;
use std::collections::{BTreeMap, BTreeSet};

/// The source of what the site component serves as /openapi.json.
const DESCRIPTION: &str = include_str!("../../../../site/src/openapi.yaml");

/// The route after this one, so that a new one can't be forgotten here.
fn after(route: &Route<'_>) -> Option<Route<'static>> {
    use coingecko::Route as Gecko;
    Some(match route {
        Route::Rates => Route::Pair {
            base: "",
            quote: "",
        },
        Route::Pair { .. } => Route::Convert,
        Route::Convert => Route::Batch,
        Route::Batch => Route::Stream,
        Route::Stream => Route::Symbols,
        Route::Symbols => Route::Currencies,
        Route::Currencies => Route::Providers,
        Route::Providers => Route::CoinGecko(Gecko::Ping),
        Route::CoinGecko(route) => Route::CoinGecko(match route {
            Gecko::Ping => Gecko::SimplePrice,
            Gecko::SimplePrice => Gecko::SupportedVsCurrencies,
            Gecko::SupportedVsCurrencies => Gecko::ExchangeRates,
            Gecko::ExchangeRates => Gecko::CoinsList,
            Gecko::CoinsList => Gecko::CoinsMarkets,
            Gecko::CoinsMarkets | Gecko::History | Gecko::Elsewhere | Gecko::Unknown => {
                return None;
            }
        }),
        Route::Unknown => return None,
    })
}

fn routes() -> Vec<Route<'static>> {
    std::iter::successors(Some(Route::Rates), after).collect()
}

/// The parameters that a route reads.
fn parameters(route: &Route<'_>) -> BTreeSet<&'static str> {
    const ASKED: &str = include_str!("coingecko/asked.rs");
    use coingecko::Route as Gecko;
    match route {
        Route::Rates => rates::PARAMETERS.iter().copied().collect(),
        Route::Pair { .. } => pair::PARAMETERS.iter().copied().collect(),
        Route::Convert => convert::PARAMETERS.iter().copied().collect(),
        Route::Stream => stream::PARAMETERS.iter().copied().collect(),
        Route::CoinGecko(Gecko::SimplePrice) => {
            read_by(&[ASKED, include_str!("coingecko/simple_price.rs")])
        }
        Route::CoinGecko(Gecko::CoinsMarkets) => {
            read_by(&[ASKED, include_str!("coingecko/markets.rs")])
        }
        _ => BTreeSet::new(),
    }
}

/// The names of parameters that some files read. CoinGecko's routes ignore unknown ones, so they
/// have no list of those that they know.
fn read_by(files: &[&'static str]) -> BTreeSet<&'static str> {
    files
        .iter()
        .flat_map(|file| file.split("#[cfg(test)]").next())
        .flat_map(|code| ["(query, \"", "query.first(\""].map(|call| (code, call)))
        .flat_map(|(code, call)| code.split(call).skip(1))
        .filter_map(|rest| rest.split('"').next())
        .collect()
}

/// The paths that are described, each with its lines. The file is read as text, which it is made
/// for: paths are indented by two blanks, and `name` begins what describes a parameter.
fn paths() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut paths = BTreeMap::<_, Vec<_>>::new();
    let mut present = None;
    for line in DESCRIPTION.lines() {
        let path = line.strip_prefix("  /").and(line.trim().strip_suffix(':'));
        if path.is_some() || !line.starts_with("  ") {
            present = path;
        }
        if let Some(path) = present {
            paths.entry(path).or_default().push(line.trim());
        }
    }
    paths
}

/// The names of a path's parameters.
fn described(lines: &[&'static str]) -> BTreeSet<&'static str> {
    let own = lines
        .iter()
        .filter_map(|line| line.strip_prefix("- name: "));
    let shared = lines.iter().filter_map(|line| {
        let name = line.strip_prefix("- $ref: \"#/components/parameters/")?;
        let name = name.strip_suffix('"')?;
        Some(if name == "digits" { "precision" } else { name })
    });
    own.chain(shared).collect()
}

#[test]
fn every_route_is_described_with_its_parameters() {
    let paths = paths();
    for route in routes() {
        let lines = paths.get(route.name());
        let lines = lines.unwrap_or_else(|| panic!("{} is not in openapi.yaml", route.name()));
        let in_path = route.name().split(['{', '}']).skip(1).step_by(2);
        let known: BTreeSet<&str> = in_path.chain(parameters(&route)).collect();
        assert_eq!(
            described(lines),
            known,
            "{}: described, known",
            route.name()
        );
    }
}

#[test]
fn the_limits_that_stay_are_described() {
    let written = |number: usize| {
        let digits = number.to_string();
        let (thousands, rest) = digits.split_at(digits.len() - 3);
        format!("{thousands},{rest} bytes")
    };
    for (limit, places) in [(LONGEST_TARGET, 2), (batch::MOST_BYTES, 1)] {
        let said = DESCRIPTION.matches(&written(limit)).count();
        assert_eq!(said, places, "{}", written(limit));
    }
    let most = batch::MOST_ITEMS;
    assert!(DESCRIPTION.contains(&format!("maxItems: {most}\n")));
    assert!(DESCRIPTION.contains(&format!("Up to {most} questions")));
}

#[test]
fn every_described_path_is_the_route_of_that_name() {
    let served: BTreeSet<&str> = routes().iter().map(Route::name).collect();
    let paths = paths();
    let ours = paths
        .keys()
        .filter(|path| path.starts_with("/v1/") || path.starts_with("/api/v3/"));
    for path in ours {
        assert!(served.contains(path), "{path} is no route");
        let segments: Vec<&str> = path.split('/').skip(1).collect();
        assert_eq!(Route::of(&segments).name(), *path);
    }
    assert!(
        paths.len() > served.len(),
        "other components' paths are described too"
    );
}
