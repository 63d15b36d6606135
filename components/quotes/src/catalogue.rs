//! What this deployment serves: its assets and quote currencies, as its settings name them.
//! Which of them have a price at the moment is the [board's](crate::board) business.

use crate::asset::{Asset, AssetError, Currency, CurrencyError, Pair};
use std::cmp::Ordering;
use thiserror::Error;

/// Longer names are typing errors of nothing that is served.
const LONGEST_NAME: usize = 40;

/// Assets and currencies in the order of the settings. There is at least one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    assets: Vec<Asset>,
    currencies: Vec<Currency>,
    /// Positions in `assets`, ordered by id.
    by_id: Vec<usize>,
    /// Positions in `assets`, ordered by symbol.
    by_symbol: Vec<usize>,
}

/// What is wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CatalogueError {
    /// The list of assets is empty.
    #[error("no assets are set; name at least one, such as bitcoin:BTC")]
    NoAssets,
    /// The list of currencies is empty.
    #[error("no currencies are set; name at least one, such as USD")]
    NoCurrencies,
    /// An entry of the list of assets can't be read.
    #[error("asset '{entry}': {reason}")]
    Asset {
        /// The entry as it stands in the settings.
        entry: String,
        /// What is wrong with it.
        reason: AssetError,
    },
    /// An entry of the list of currencies can't be read.
    #[error("currency '{entry}': {reason}")]
    Currency {
        /// The entry as it stands in the settings.
        entry: String,
        /// What is wrong with it.
        reason: CurrencyError,
    },
    /// Two assets have this id.
    #[error("asset id '{0}' is there twice; remove one")]
    DuplicateId(String),
    /// Two assets have this symbol, so that it would not say which of them is meant.
    #[error("symbol '{0}' is there twice; each asset needs its own")]
    DuplicateSymbol(String),
    /// This currency is listed twice.
    #[error("currency '{0}' is there twice; remove one")]
    DuplicateCurrency(String),
}

impl Catalogue {
    /// Reads `bitcoin:BTC, ethereum:ETH` and `USD, EUR`.
    ///
    /// # Errors
    /// [`CatalogueError`] names the first entry that is empty, unreadable or there twice.
    pub fn parse(assets: &str, currencies: &str) -> Result<Catalogue, CatalogueError> {
        let assets = entries(assets, CatalogueError::NoAssets, |entry| {
            Asset::parse(entry).map_err(|reason| CatalogueError::Asset {
                entry: entry.to_owned(),
                reason,
            })
        })?;
        let currencies = entries(currencies, CatalogueError::NoCurrencies, |entry| {
            Currency::parse(entry).map_err(|reason| CatalogueError::Currency {
                entry: entry.to_owned(),
                reason,
            })
        })?;
        if let Some(id) = duplicate(assets.iter().map(Asset::id)) {
            return Err(CatalogueError::DuplicateId(id.to_owned()));
        }
        if let Some(symbol) = duplicate(assets.iter().map(Asset::symbol)) {
            return Err(CatalogueError::DuplicateSymbol(symbol.to_owned()));
        }
        if let Some(code) = duplicate(currencies.iter().map(Currency::as_str)) {
            return Err(CatalogueError::DuplicateCurrency(code.to_owned()));
        }
        Ok(Catalogue {
            by_id: ordered(&assets, Asset::id),
            by_symbol: ordered(&assets, Asset::symbol),
            assets,
            currencies,
        })
    }

    /// All assets, in the order of the settings.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// All quote currencies, in the order of the settings.
    pub fn currencies(&self) -> &[Currency] {
        &self.currencies
    }

    /// Every asset in every currency.
    pub fn pairs(&self) -> impl Iterator<Item = Pair> {
        self.assets.iter().flat_map(|asset| {
            self.currencies.iter().map(|quote| Pair {
                asset: asset.clone(),
                quote: quote.clone(),
            })
        })
    }

    /// The asset with this id, in any letter case.
    pub fn by_id(&self, id: &str) -> Option<&Asset> {
        self.find(&self.by_id, Asset::id, id)
    }

    /// The asset with this symbol, in any letter case.
    pub fn by_symbol(&self, symbol: &str) -> Option<&Asset> {
        self.find(&self.by_symbol, Asset::symbol, symbol)
    }

    /// The asset with this symbol or, if there is none, with this id.
    pub fn asset(&self, id_or_symbol: &str) -> Option<&Asset> {
        self.by_symbol(id_or_symbol)
            .or_else(|| self.by_id(id_or_symbol))
    }

    /// The currency with this code, in any letter case.
    pub fn currency(&self, code: &str) -> Option<&Currency> {
        self.currencies
            .iter()
            .find(|currency| currency.as_str().eq_ignore_ascii_case(code))
    }

    /// The symbol or id that `name` was probably meant to be, for "did you mean".
    pub fn nearest_asset(&self, name: &str) -> Option<&str> {
        let symbols = self.assets.iter().map(Asset::symbol);
        nearest(name, symbols.chain(self.assets.iter().map(Asset::id)))
    }

    /// The currency code that `name` was probably meant to be, for "did you mean".
    pub fn nearest_currency(&self, name: &str) -> Option<&str> {
        nearest(name, self.currencies.iter().map(Currency::as_str))
    }

    fn find(&self, order: &[usize], key: fn(&Asset) -> &str, wanted: &str) -> Option<&Asset> {
        let asset_at = |position: &usize| self.assets.get(*position);
        let at = order
            .binary_search_by(|position| {
                asset_at(position).map_or(Ordering::Less, |asset| ignoring_case(key(asset), wanted))
            })
            .ok()?;
        order.get(at).and_then(asset_at)
    }
}

/// Reads a comma-separated list.
fn entries<T>(
    list: &str,
    none: CatalogueError,
    parse: impl Fn(&str) -> Result<T, CatalogueError>,
) -> Result<Vec<T>, CatalogueError> {
    if list.trim().is_empty() {
        return Err(none);
    }
    list.split(',').map(|entry| parse(entry.trim())).collect()
}

/// The first name, in their order, that is there twice.
fn duplicate<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
        .windows(2)
        .find_map(|pair| match pair {
            [first, second] if first == second => Some(first),
            _ => None,
        })
        .copied()
}

fn ordered(assets: &[Asset], key: fn(&Asset) -> &str) -> Vec<usize> {
    let mut named: Vec<_> = assets.iter().map(key).enumerate().collect();
    named.sort_unstable_by(|(_, a), (_, b)| ignoring_case(a, b));
    named.into_iter().map(|(position, _)| position).collect()
}

fn ignoring_case(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
}

/// The candidate that is one typing error away from `name`, or two if `name` is long enough
/// for two errors to leave something of it.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let allowed = if name.len() < 5 { 1 } else { 2 };
    candidates
        .map(|candidate| {
            let distance = strsim::osa_distance(&name, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn catalogue() -> Catalogue {
        Catalogue::parse("bitcoin:BTC, ethereum:ETH,Tether:usdt", "usd, EUR").unwrap()
    }

    #[test]
    fn everything_stays_in_the_order_of_the_settings() {
        let pairs: Vec<_> = catalogue()
            .pairs()
            .map(|pair| format!("{}/{}", pair.asset.symbol(), pair.quote))
            .collect();
        assert_eq!(
            pairs,
            [
                "BTC/USD", "BTC/EUR", "ETH/USD", "ETH/EUR", "USDT/USD", "USDT/EUR"
            ]
        );
    }

    #[test]
    fn an_asset_is_found_by_id_and_by_symbol_in_any_letter_case() {
        let catalogue = catalogue();
        assert_eq!(catalogue.by_id("TETHER").unwrap().symbol(), "USDT");
        assert_eq!(catalogue.by_symbol("eth").unwrap().id(), "ethereum");
        assert_eq!(catalogue.by_symbol("ethereum"), None);
        assert_eq!(catalogue.asset("Bitcoin").unwrap().symbol(), "BTC");
        assert_eq!(catalogue.currency("eur").unwrap().as_str(), "EUR");
        assert_eq!(catalogue.currency("GBP"), None);
    }

    #[test]
    fn a_symbol_goes_before_an_id() {
        let catalogue = Catalogue::parse("btc:WRAPPED,bitcoin:BTC", "USD").unwrap();
        assert_eq!(catalogue.asset("btc").unwrap().id(), "bitcoin");
        assert_eq!(catalogue.by_id("btc").unwrap().symbol(), "WRAPPED");
    }

    #[test]
    fn bad_settings_are_refused_by_the_entry_at_fault() {
        for (assets, currencies, message) in [
            (
                " ",
                "USD",
                "no assets are set; name at least one, such as bitcoin:BTC",
            ),
            (
                "bitcoin:BTC",
                "",
                "no currencies are set; name at least one, such as USD",
            ),
            (
                "bitcoin:BTC,",
                "USD",
                "asset '': write it as id:SYMBOL, such as bitcoin:BTC",
            ),
            (
                "bitcoin:B C",
                "USD",
                "asset 'bitcoin:B C': its symbol needs 1 to 20 of A-Z, 0-9, '-', '_' and '.'",
            ),
            (
                "bitcoin:BTC",
                "USD,$",
                "currency '$': a currency code has 2 to 10 letters or digits, such as USD",
            ),
            ("a:A,A:B", "USD", "asset id 'a' is there twice; remove one"),
            (
                "a:X,b:x",
                "USD",
                "symbol 'X' is there twice; each asset needs its own",
            ),
            (
                "a:A",
                "USD,usd",
                "currency 'USD' is there twice; remove one",
            ),
        ] {
            let error = Catalogue::parse(assets, currencies).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }

    #[test]
    fn a_typing_error_finds_what_was_meant() {
        let catalogue = catalogue();
        assert_eq!(catalogue.nearest_asset("BCT"), Some("BTC"));
        assert_eq!(catalogue.nearest_asset("etherium"), Some("ethereum"));
        assert_eq!(catalogue.nearest_asset("etherem"), Some("ethereum"));
        assert_eq!(catalogue.nearest_asset("eterem"), Some("ethereum"));
        assert_eq!(catalogue.nearest_currency("USF"), Some("USD"));
    }

    #[test]
    fn a_name_like_nothing_finds_nothing() {
        let catalogue = catalogue();
        let long = "USD".repeat(1000);
        for name in ["", "XXX", "BTXX", "USXX", "nonsense", "€€€", &long] {
            assert_eq!(catalogue.nearest_currency(name), None, "{name}");
            assert_eq!(catalogue.nearest_asset(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_asset_is_found(names in prop::collection::btree_map("[a-z0-9_.-]{1,4}", "[A-Z0-9_.-]{1,4}", 1..40)) {
            let symbols: std::collections::BTreeSet<_> = names.values().collect();
            prop_assume!(symbols.len() == names.len());
            let list: Vec<_> = names.iter().map(|(id, symbol)| format!("{id}:{symbol}")).collect();
            let catalogue = Catalogue::parse(&list.join(","), "USD").unwrap();
            for asset in catalogue.assets() {
                prop_assert_eq!(catalogue.by_id(&asset.id().to_uppercase()), Some(asset));
                prop_assert_eq!(catalogue.by_symbol(&asset.symbol().to_lowercase()), Some(asset));
            }
        }
    }
}
