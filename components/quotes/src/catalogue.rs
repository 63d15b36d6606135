//! What this deployment serves: its assets and quote currencies, as its settings name them, and
//! what each code means among them.
//! Which of them have a price at the moment is the [board's](crate::board) business.
//!
//! Codes clash: several assets may share a symbol, and a symbol may be the code of a currency
//! that is something else, as SATS is a hundred-millionth of a bitcoin and a token. That is
//! decided here and nowhere else, so that any lists of assets and currencies go together:
//! a currency goes before all assets that it is not, and of several assets that share a symbol
//! the one of the highest market rank is meant, without ranks the first in the settings. What a
//! code does not mean is named by its id.

use crate::asset::{Asset, AssetError, Currency, Pair};
use crate::denomination::{Denomination, DenominationError};
use crate::listed;
use crate::order;
use crate::spelling::nearest;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use thiserror::Error;

/// An entry `top:50` stands for the first 50 listed assets.
const TOP: &str = "top:";

/// An entry that stands for all currencies that CoinGecko quotes prices in.
const COINGECKOS: &str = "coingecko";

/// Assets and currencies in the order of the settings. There is at least one of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalogue {
    assets: Vec<Asset>,
    currencies: Vec<Currency>,
    /// The same currencies in the same order.
    denominations: Vec<Denomination>,
    /// Positions in `assets`, ordered by id.
    by_id: Vec<usize>,
    /// Positions in `assets`, ordered by symbol. Of those that share one, the asset that it
    /// means comes first.
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
        reason: DenominationError,
    },
    /// `top:` with a number of assets that there are not.
    #[error("asset '{entry}': write a number from 1 to {listed} after top:")]
    Top {
        /// The entry as it stands in the settings.
        entry: String,
        /// How many assets are listed.
        listed: usize,
    },
    /// Two assets have this id.
    #[error("asset id '{0}' is there twice; remove one")]
    DuplicateId(String),
    /// This currency is listed twice.
    #[error("currency '{0}' is there twice; remove one")]
    DuplicateCurrency(String),
}

impl CatalogueError {
    /// Whether the list of currencies is at fault, and not that of assets.
    pub fn is_of_currencies(&self) -> bool {
        match self {
            CatalogueError::NoCurrencies
            | CatalogueError::Currency { .. }
            | CatalogueError::DuplicateCurrency(_) => true,
            CatalogueError::NoAssets
            | CatalogueError::Asset { .. }
            | CatalogueError::Top { .. }
            | CatalogueError::DuplicateId(_) => false,
        }
    }
}

/// What a code stands for: an asset, a currency, or a coin that prices are counted in too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning<'a> {
    /// The one name that means just this: a code in upper case, or the id of an asset whose
    /// symbol means something else.
    pub name: &'a str,
    /// The asset.
    pub asset: Option<&'a Asset>,
    /// The quote currency.
    pub currency: Option<&'a Currency>,
}

impl Catalogue {
    /// Reads lists such as `bitcoin, ethereum:ETH` and `USD, EUR`. An entry of the first is what
    /// [`Asset::parse`] takes, or `top:50`: the first 50 listed assets, apart from those that
    /// have entries of their own. An entry of the second is what [`Denomination::parse`] takes,
    /// or `coingecko`: the currencies that CoinGecko quotes prices in, likewise.
    ///
    /// # Errors
    /// [`CatalogueError`] names the first entry that is empty, unreadable or there twice.
    pub fn parse(assets: &str, currencies: &str) -> Result<Catalogue, CatalogueError> {
        let assets = read_assets(assets)?;
        let denominations = read_currencies(currencies)?;
        let currencies = denominations.iter().map(Denomination::currency).cloned();
        Ok(Catalogue {
            by_id: ordered(&assets, |a, b| ignoring_case(a.id(), b.id())),
            by_symbol: ordered(&assets, |a, b| {
                ignoring_case(a.symbol(), b.symbol()).then_with(|| by_rank(a, b))
            }),
            assets,
            currencies: currencies.collect(),
            denominations,
        })
    }

    /// Reads the second list alone, where the first one is wrong too.
    ///
    /// # Errors
    /// [`CatalogueError`] names the first entry that is empty, unreadable or there twice.
    pub fn check_currencies(currencies: &str) -> Result<(), CatalogueError> {
        read_currencies(currencies).map(|_| ())
    }

    /// All assets, in the order of the settings.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// All quote currencies, in the order of the settings.
    pub fn currencies(&self) -> &[Currency] {
        &self.currencies
    }

    /// What is known about the quote currencies, in the order of the settings.
    pub fn denominations(&self) -> &[Denomination] {
        &self.denominations
    }

    /// The currencies of CoinGecko's list that are assets here and no quote currencies: nobody is
    /// asked for prices in them, but they follow from others.
    pub fn coins(&self) -> impl Iterator<Item = Denomination> {
        let listed = listed::CURRENCIES.iter();
        listed
            .filter(|listed| {
                let meant = self.by_symbol(listed.code).map(Asset::id);
                let is_currency = self.currency(listed.code).is_some();
                listed.is_coingeckos && !is_currency && meant.is_some() && listed.asset == meant
            })
            .filter_map(Denomination::listed)
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

    /// The asset that this symbol means, in any letter case: of several that share it, the one
    /// of the highest rank, and without ranks the first in the settings.
    pub fn by_symbol(&self, symbol: &str) -> Option<&Asset> {
        self.find(&self.by_symbol, Asset::symbol, symbol)
    }

    /// All assets with this symbol, in any letter case. The one that it means comes first.
    pub fn all_by_symbol(&self, symbol: &str) -> impl Iterator<Item = &Asset> {
        let first = self.first_from(&self.by_symbol, Asset::symbol, symbol);
        let assets = self.by_symbol.get(first..).unwrap_or_default().iter();
        assets
            .filter_map(|position| self.assets.get(*position))
            .take_while(move |asset| asset.symbol().eq_ignore_ascii_case(symbol))
    }

    /// The assets by their names in lower case. Of several that share one, it means the one of
    /// the highest rank, and without ranks the first in the settings.
    pub fn by_names(&self) -> BTreeMap<String, &Asset> {
        let mut known = BTreeMap::<String, &Asset>::new();
        for asset in &self.assets {
            let Some(name) = asset.name() else { continue };
            known
                .entry(name.to_lowercase())
                .and_modify(|first| {
                    if by_rank(asset, first).is_lt() {
                        *first = asset;
                    }
                })
                .or_insert(asset);
        }
        known
    }

    /// What `name`, in any letter case, means where it stands alone: a currency, else the asset
    /// that this symbol means, else the one with this id.
    pub fn meaning(&self, name: &str) -> Option<Meaning<'_>> {
        if let Some(currency) = self.currency(name) {
            return Some(Meaning {
                name: currency.as_str(),
                asset: self.asset_of(currency),
                currency: Some(currency),
            });
        }
        let asset = self.by_symbol(name).or_else(|| self.by_id(name))?;
        Some(self.meaning_of(asset))
    }

    /// What this very asset is called, and the quote currency that it is too.
    pub fn meaning_of<'a>(&'a self, asset: &'a Asset) -> Meaning<'a> {
        match self.is_meant(asset) {
            true => Meaning {
                name: asset.symbol(),
                asset: Some(asset),
                currency: self.currency(asset.symbol()),
            },
            false => Meaning {
                name: asset.id(),
                asset: Some(asset),
                currency: None,
            },
        }
    }

    /// The asset that `name` [means](Catalogue::meaning), if it means one.
    pub fn asset(&self, name: &str) -> Option<&Asset> {
        self.meaning(name)?.asset
    }

    /// Whether the symbol of an asset, where it stands alone, means this asset.
    pub fn is_meant(&self, asset: &Asset) -> bool {
        let meant = match self.currency(asset.symbol()) {
            Some(currency) => self.asset_of(currency),
            None => self.by_symbol(asset.symbol()),
        };
        meant.is_some_and(|meant| meant.id() == asset.id())
    }

    /// The asset that one unit of this currency is, if it is one that is served. Another asset
    /// with the currency's code as its symbol is none.
    pub fn asset_of(&self, currency: &Currency) -> Option<&Asset> {
        let mut sharing = self.all_by_symbol(currency.as_str()).peekable();
        sharing.peek()?;
        let mut known = self.denominations.iter();
        let known = known.find(|known| known.currency() == currency)?;
        sharing.find(|asset| known.is(asset))
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

    /// The id of the asset that was probably meant, be it its symbol that was given or an id or
    /// symbol with a typing error.
    pub fn nearest_id(&self, name: &str) -> Option<&str> {
        let meant = || nearest(name, self.assets.iter().map(Asset::id));
        match self.by_symbol(name) {
            Some(asset) => Some(asset.id()),
            None => meant().or_else(|| Some(self.asset(self.nearest_asset(name)?)?.id())),
        }
    }

    /// The symbol of the asset that was probably meant, be it its id that was given or an id or
    /// symbol with a typing error.
    pub fn nearest_symbol(&self, name: &str) -> Option<&str> {
        let meant = || nearest(name, self.assets.iter().map(Asset::symbol));
        match self.by_id(name) {
            Some(asset) => Some(asset.symbol()),
            None => meant().or_else(|| Some(self.asset(self.nearest_asset(name)?)?.symbol())),
        }
    }

    /// The currency code that `name` was probably meant to be, for "did you mean".
    pub fn nearest_currency(&self, name: &str) -> Option<&str> {
        nearest(name, self.currencies.iter().map(Currency::as_str))
    }

    fn find(&self, order: &[usize], key: fn(&Asset) -> &str, wanted: &str) -> Option<&Asset> {
        let first = self.first_from(order, key, wanted);
        let asset = self.assets.get(*order.get(first)?)?;
        key(asset).eq_ignore_ascii_case(wanted).then_some(asset)
    }

    /// Where in `order` the names begin that are `wanted` or follow it.
    fn first_from(&self, order: &[usize], key: fn(&Asset) -> &str, wanted: &str) -> usize {
        order.partition_point(|position| {
            self.assets
                .get(*position)
                .is_some_and(|asset| ignoring_case(key(asset), wanted).is_lt())
        })
    }
}

fn read_assets(list: &str) -> Result<Vec<Asset>, CatalogueError> {
    let mut assets = Vec::new();
    let mut tops = Vec::new();
    for entry in entries(list, CatalogueError::NoAssets)? {
        match top(entry)? {
            // They may have entries of their own further on.
            Some(listed) => tops.push((assets.len(), listed)),
            None => assets.push(Asset::parse(entry).map_err(|reason| CatalogueError::Asset {
                entry: entry.to_owned(),
                reason,
            })?),
        }
    }
    if let Some(id) = duplicate(assets.iter().map(Asset::id)) {
        return Err(CatalogueError::DuplicateId(id.to_owned()));
    }
    let mut before = 0;
    for (position, listed) in tops {
        let is_new = |asset: &Asset| assets.iter().all(|known| known.id() != asset.id());
        let new: Vec<Asset> = listed.iter().map(Asset::listed).filter(is_new).collect();
        let at = position + before;
        before += new.len();
        assets.splice(at..at, new);
    }
    Ok(assets)
}

/// The assets that `top:50` stands for, if it is such an entry.
fn top(entry: &str) -> Result<Option<&'static [listed::ListedAsset]>, CatalogueError> {
    let Some(count) = entry.strip_prefix(TOP).map(str::trim) else {
        return Ok(None);
    };
    if count.is_empty() || !count.bytes().all(|byte| byte.is_ascii_digit()) {
        // An asset whose id is `top`.
        return Ok(None);
    }
    let listed = count.parse().ok().filter(|count| *count > 0);
    listed
        .and_then(listed::top)
        .map(Some)
        .ok_or_else(|| CatalogueError::Top {
            entry: entry.to_owned(),
            listed: listed::ASSETS.len(),
        })
}

fn read_currencies(list: &str) -> Result<Vec<Denomination>, CatalogueError> {
    let mut currencies = Vec::new();
    let mut all_at = None;
    for entry in entries(list, CatalogueError::NoCurrencies)? {
        if entry.eq_ignore_ascii_case(COINGECKOS) {
            all_at = all_at.or(Some(currencies.len()));
            continue;
        }
        currencies.push(
            Denomination::parse(entry).map_err(|reason| CatalogueError::Currency {
                entry: entry.to_owned(),
                reason,
            })?,
        );
    }
    let codes = currencies.iter().map(|known| known.currency().as_str());
    if let Some(code) = duplicate(codes) {
        return Err(CatalogueError::DuplicateCurrency(code.to_owned()));
    }
    if let Some(at) = all_at {
        let is_new = |new: &Denomination| {
            let mut known = currencies.iter().map(Denomination::currency);
            known.all(|known| known != new.currency())
        };
        let listed = listed::CURRENCIES.iter();
        let listed = listed.filter(|listed| listed.is_coingeckos);
        let new = listed.filter_map(Denomination::listed).filter(is_new);
        let new: Vec<Denomination> = new.collect();
        currencies.splice(at..at, new);
    }
    Ok(currencies)
}

/// The entries of a comma-separated list.
fn entries(list: &str, none: CatalogueError) -> Result<impl Iterator<Item = &str>, CatalogueError> {
    match list.trim() {
        "" => Err(none),
        list => Ok(list.split(',').map(str::trim)),
    }
}

/// The first name, in their order, that is there twice.
fn duplicate<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let mut names: Vec<_> = names.collect();
    order::sort(&mut names);
    names
        .windows(2)
        .find_map(|pair| match pair {
            [first, second] if first == second => Some(first),
            _ => None,
        })
        .copied()
}

/// The positions of the assets in this order.
fn ordered(assets: &[Asset], compare: impl Fn(&Asset, &Asset) -> Ordering) -> Vec<usize> {
    let mut numbered: Vec<_> = assets.iter().enumerate().collect();
    // Stable: what compares equal stays in the order of the settings.
    order::sort_by(&mut numbered, |(_, a), (_, b)| compare(a, b));
    numbered.into_iter().map(|(position, _)| position).collect()
}

/// The highest rank first; without a rank, last.
fn by_rank(a: &Asset, b: &Asset) -> Ordering {
    let rank = |asset: &Asset| asset.rank().unwrap_or(u32::MAX);
    rank(a).cmp(&rank(b))
}

fn ignoring_case(a: &str, b: &str) -> Ordering {
    a.bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .cmp(b.bytes().map(|byte| byte.to_ascii_lowercase()))
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
                "asset '': its id needs 1 to 100 of a-z, 0-9, '-', '_' and '.'",
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
                "bitcoin,etherium",
                "USD",
                "asset 'etherium': it is not among the listed assets; did you mean ethereum? If not, write it as id:SYMBOL, such as bitcoin:BTC",
            ),
            (
                "top:0",
                "USD",
                "asset 'top:0': write a number from 1 to 282 after top:",
            ),
            (
                "top:9999",
                "USD",
                "asset 'top:9999': write a number from 1 to 282 after top:",
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

    fn ids(catalogue: &Catalogue) -> Vec<&str> {
        catalogue.assets().iter().map(Asset::id).collect()
    }

    #[test]
    fn top_stands_for_the_first_listed_assets() {
        let catalogue = Catalogue::parse("top:3", "USD").unwrap();
        assert_eq!(ids(&catalogue), ["bitcoin", "ethereum", "tether"]);
        let all = Catalogue::parse("top:282", "USD").unwrap();
        assert_eq!(all.assets().len(), listed::ASSETS.len());
        let named = Catalogue::parse("top:TOP", "USD").unwrap();
        assert_eq!(ids(&named), ["top"], "an asset may be called so");
    }

    #[test]
    fn what_has_an_entry_of_its_own_is_not_taken_from_the_top() {
        let list = "my-coin:MY, top:3, ethereum:ETHER, top:2";
        let catalogue = Catalogue::parse(list, "USD").unwrap();
        assert_eq!(
            ids(&catalogue),
            ["my-coin", "bitcoin", "tether", "ethereum"]
        );
        assert_eq!(catalogue.by_symbol("ETHER").unwrap().id(), "ethereum");
        assert_eq!(catalogue.by_symbol("ETH"), None);
    }

    #[test]
    fn coingecko_stands_for_its_quote_currencies() {
        let catalogue = Catalogue::parse("top:5", "IRT,coingecko,USDT,USD").unwrap();
        let codes: Vec<_> = catalogue
            .currencies()
            .iter()
            .map(Currency::as_str)
            .collect();
        assert_eq!(codes.len(), 65);
        assert_eq!(codes.first(), Some(&"IRT"));
        assert_eq!(codes.get(1), Some(&"BTC"));
        assert_eq!(codes.get(63..), Some(&["USDT", "USD"][..]));
        for (currency, denomination) in catalogue.currencies().iter().zip(catalogue.denominations())
        {
            assert_eq!(currency, denomination.currency());
        }
    }

    #[test]
    fn of_two_assets_with_one_symbol_it_means_the_one_of_the_higher_rank() {
        let list = "my-dollar:usdc,binance-bridged-usdc-bnb-smart-chain,usd-coin,bitcoin";
        let catalogue = Catalogue::parse(list, "USD,USDC").unwrap();
        assert_eq!(catalogue.by_symbol("usdc").unwrap().id(), "usd-coin");
        assert_eq!(catalogue.asset("USDC").unwrap().id(), "usd-coin");
        let all: Vec<_> = catalogue.all_by_symbol("Usdc").map(Asset::id).collect();
        assert_eq!(
            all,
            [
                "usd-coin",
                "binance-bridged-usdc-bnb-smart-chain",
                "my-dollar"
            ]
        );
        assert_eq!(catalogue.all_by_symbol("BTC").count(), 1);
        assert_eq!(catalogue.all_by_symbol("XYZ").count(), 0);
        let raised = Catalogue::parse("usd-coin,my-dollar:USDC;rank=1", "USD").unwrap();
        assert_eq!(raised.by_symbol("USDC").unwrap().id(), "my-dollar");
        let unranked = Catalogue::parse("b:X,a:X", "USD").unwrap();
        assert_eq!(unranked.by_symbol("X").unwrap().id(), "b");
    }

    #[test]
    fn a_code_that_is_a_currency_means_no_asset_of_another_kind() {
        let catalogue = Catalogue::parse("bitcoin,ronin,fork:BTC;rank=9", "USD,RON,BTC").unwrap();
        let lei = catalogue.meaning("ron").unwrap();
        assert_eq!((lei.name, lei.asset), ("RON", None));
        assert_eq!(lei.currency.map(Currency::as_str), Some("RON"));
        let ronin = catalogue.meaning("Ronin").unwrap();
        assert_eq!((ronin.name, ronin.currency), ("ronin", None));
        assert_eq!(ronin.asset.map(Asset::id), Some("ronin"));
        let bitcoin = catalogue.meaning("bitcoin").unwrap();
        assert_eq!(bitcoin.name, "BTC");
        assert_eq!(bitcoin.currency.map(Currency::as_str), Some("BTC"));
        assert_eq!(bitcoin, catalogue.meaning("btc").unwrap());
        let fork = catalogue.meaning("fork").unwrap();
        assert_eq!((fork.name, fork.currency), ("fork", None));
        assert_eq!(catalogue.meaning("XYZ"), None);
    }

    #[test]
    fn a_currency_goes_before_an_asset_of_any_rank() {
        let catalogue = Catalogue::parse("fork:BTC;rank=1", "USD,BTC").unwrap();
        assert_eq!(catalogue.asset("BTC"), None, "bitcoin, which is not served");
        assert_eq!(catalogue.asset("fork").unwrap().symbol(), "BTC");
        assert_eq!(catalogue.by_symbol("BTC").unwrap().id(), "fork");
        let own = Catalogue::parse("b:MY,a:MY;rank=7", "USD,MY:My Coin:crypto").unwrap();
        assert_eq!(own.asset("MY").unwrap().id(), "a");
        assert_eq!(own.meaning("b").unwrap().name, "b");
    }

    #[test]
    fn the_name_of_a_meaning_means_the_same() {
        let catalogue = Catalogue::parse("top:282", "coingecko,RON,USDT").unwrap();
        let symbols = catalogue.assets().iter().map(Asset::symbol);
        let ids = catalogue.assets().iter().map(Asset::id);
        let codes = catalogue.currencies().iter().map(Currency::as_str);
        for name in symbols.chain(ids).chain(codes) {
            let meaning = catalogue.meaning(name).unwrap();
            assert_eq!(catalogue.meaning(meaning.name), Some(meaning), "{name}");
        }
        for asset in catalogue.assets() {
            let found = [asset.id(), asset.symbol()].map(|name| catalogue.asset(name));
            assert!(found.contains(&Some(asset)), "{}", asset.id());
        }
    }

    #[test]
    fn all_listed_assets_go_with_all_currencies() {
        let codes: Vec<_> = listed::CURRENCIES
            .iter()
            .map(|listed| listed.code)
            .collect();
        let catalogue = Catalogue::parse("top:282", &codes.join(",")).unwrap();
        for (currency, known) in catalogue.currencies().iter().zip(catalogue.denominations()) {
            if let Some(asset) = catalogue.asset_of(currency) {
                assert!(known.is(asset), "{currency}");
            }
        }
        let sats = catalogue.meaning("SATS").unwrap();
        assert_eq!(sats.asset, None, "a part of a bitcoin, not the token");
    }

    #[test]
    fn coins_that_prices_may_be_counted_in_are_coingeckos_own_and_no_quote_currencies() {
        let codes = |assets: &str, currencies: &str| {
            let catalogue = Catalogue::parse(assets, currencies).unwrap();
            let coins = catalogue.coins();
            let codes: Vec<_> = coins.map(|coin| coin.currency().to_string()).collect();
            codes.join(",")
        };
        assert_eq!(
            codes("solana,tether,ethereum,bitcoin", "USD"),
            "BTC,ETH,SOL"
        );
        assert_eq!(codes("ethereum,bitcoin", "USD,BTC"), "ETH");
        assert_eq!(codes("bitcoin:XBT,my-coin:ETH", "USD"), "");
    }

    #[test]
    fn an_asset_is_found_by_its_name() {
        let list = "low:A:Shared;rank=9,high:B:SHARED;rank=3,none:C:Shared,bitcoin,my-coin:MY";
        let catalogue = Catalogue::parse(list, "USD").unwrap();
        let names = catalogue.by_names();
        let named: Vec<_> = names
            .iter()
            .map(|(name, asset)| (name.as_str(), asset.id()))
            .collect();
        assert_eq!(named, [("bitcoin", "bitcoin"), ("shared", "high")]);
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
    fn what_was_meant_is_told_by_the_name_that_is_asked_for() {
        let catalogue = catalogue();
        for name in ["ETH", "eth", "ethereum1", "etherium", "ETHX"] {
            assert_eq!(catalogue.nearest_id(name), Some("ethereum"), "{name}");
        }
        for name in ["ethereum", "Ethereum", "etherium", "ETHX"] {
            assert_eq!(catalogue.nearest_symbol(name), Some("ETH"), "{name}");
        }
        assert_eq!(catalogue.nearest_id("nonsense"), None);
        assert_eq!(catalogue.nearest_symbol("nonsense"), None);
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
        fn every_asset_is_found(names in prop::collection::btree_map("[a-z_.-]{1,4}", "[A-C0-9_.-]{1,2}", 1..40)) {
            prop_assume!(names.values().all(|symbol| symbol != "USD"));
            let list: Vec<_> = names.iter().map(|(id, symbol)| format!("{id}:{symbol}")).collect();
            let catalogue = Catalogue::parse(&list.join(","), "USD").unwrap();
            for asset in catalogue.assets() {
                prop_assert_eq!(catalogue.by_id(&asset.id().to_uppercase()), Some(asset));
                let symbol = asset.symbol().to_lowercase();
                let sharing = catalogue.assets().iter().filter(|other| other.symbol() == asset.symbol());
                // Some of these ids may be listed, with a rank. Of equal ones it is the first.
                let first = sharing.min_by_key(|other| other.rank().unwrap_or(u32::MAX));
                prop_assert_eq!(catalogue.by_symbol(&symbol), first);
                prop_assert!(catalogue.all_by_symbol(&symbol).any(|other| other == asset));
            }
        }
    }
}
