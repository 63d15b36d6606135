//! The assets and currencies that need no description in the settings: the tables of
//! `data/assets.csv` and `data/currencies.csv`. What of them is served is the
//! [catalogue's](crate::catalogue) business.

use crate::denomination::Kind;

include!(concat!(env!("OUT_DIR"), "/listed.rs"));

/// A line of `data/assets.csv`.
#[derive(Debug)]
pub(crate) struct ListedAsset {
    pub(crate) id: &'static str,
    pub(crate) symbol: &'static str,
    pub(crate) name: &'static str,
    pub(crate) rank: Option<u32>,
    pub(crate) decimals: Option<u8>,
    pub(crate) codes: &'static [(&'static str, &'static str)],
}

/// A line of `data/currencies.csv`.
#[derive(Debug)]
pub(crate) struct ListedCurrency {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) unit: &'static str,
    pub(crate) decimals: Option<u8>,
    pub(crate) is_coingeckos: bool,
    pub(crate) asset: Option<&'static str>,
    /// The currency that this one is a part of, and how many digits to the left the point moves in
    /// an amount of it to become an amount of that one.
    pub(crate) part: Option<(&'static str, u8)>,
}

/// The asset with this id, lower case.
pub(crate) fn asset(id: &str) -> Option<&'static ListedAsset> {
    let at = |position: &u16| ASSETS.get(usize::from(*position));
    let found = BY_ID.partition_point(|position| at(position).is_some_and(|asset| asset.id < id));
    BY_ID.get(found).and_then(at).filter(|asset| asset.id == id)
}

/// The asset that this symbol, in any letter case, means: the one of the highest rank.
pub(crate) fn asset_by_symbol(symbol: &str) -> Option<&'static ListedAsset> {
    // The file is ordered by rank.
    ASSETS
        .iter()
        .find(|asset| asset.symbol.eq_ignore_ascii_case(symbol))
}

/// The first `count` assets by rank, or None if there are fewer.
pub(crate) fn top(count: usize) -> Option<&'static [ListedAsset]> {
    ASSETS.get(..count)
}

/// The currency with this code, upper case.
pub(crate) fn currency(code: &str) -> Option<&'static ListedCurrency> {
    CURRENCIES.iter().find(|currency| currency.code == code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::asset::{Asset, Currency};
    use std::collections::BTreeSet;

    #[test]
    fn there_are_as_many_as_promised() {
        assert!(ASSETS.len() >= 250, "{}", ASSETS.len());
        assert!(CURRENCIES.len() >= 60, "{}", CURRENCIES.len());
        let coingeckos = CURRENCIES.iter().filter(|listed| listed.is_coingeckos);
        assert_eq!(coingeckos.count(), 63);
    }

    #[test]
    fn every_asset_is_one_that_settings_could_name_and_is_found() {
        for listed in ASSETS {
            let written = format!("{}:{}:{}", listed.id, listed.symbol, listed.name);
            let asset = Asset::parse(&written).unwrap();
            assert_eq!(asset.id(), listed.id);
            assert_eq!(asset.symbol(), listed.symbol);
            assert_eq!(asset.name(), Some(listed.name));
            assert_eq!(super::asset(listed.id).unwrap().id, listed.id);
            assert!(listed.decimals <= Some(30), "{}", listed.id);
        }
        assert!(super::asset("no-such-coin").is_none());
        assert!(super::asset("").is_none());
        assert!(super::asset("zzz").is_none());
    }

    #[test]
    fn the_assets_are_ordered_by_rank_and_those_without_one_come_last() {
        let ranks: Vec<u32> = ASSETS.iter().map_while(|listed| listed.rank).collect();
        assert!(ranks.is_sorted_by(|a, b| a < b));
        let rest = ASSETS.get(ranks.len()..).unwrap();
        assert!(rest.iter().all(|listed| listed.rank.is_none()));
        assert_eq!(asset_by_symbol("doge").unwrap().id, "dogecoin");
        assert_eq!(asset_by_symbol("USDC").unwrap().id, "usd-coin");
    }

    #[test]
    fn every_currency_has_a_code_of_its_own_and_a_name() {
        let codes: BTreeSet<_> = CURRENCIES.iter().map(|listed| listed.code).collect();
        assert_eq!(codes.len(), CURRENCIES.len());
        for listed in CURRENCIES {
            assert_eq!(
                Currency::parse(listed.code).unwrap().as_str(),
                listed.code,
                "upper case"
            );
            assert!(!listed.name.is_empty() && !listed.unit.is_empty());
            if let Some(id) = listed.asset {
                assert_eq!(asset(id).unwrap().symbol, listed.code);
                assert_eq!(listed.kind, Kind::Crypto);
            }
        }
    }

    #[test]
    fn parts_are_of_one_money() {
        let parts: Vec<_> = CURRENCIES
            .iter()
            .filter_map(|listed| Some((listed.code, listed.part?)))
            .collect();
        let expected = [
            ("BITS", ("BTC", 6)),
            ("SATS", ("BTC", 8)),
            ("IRR", ("IRT", 1)),
        ];
        assert_eq!(parts, expected);
    }

    #[test]
    fn some_facts_that_anyone_can_check() {
        let bitcoin = asset("bitcoin").unwrap();
        assert_eq!((bitcoin.rank, bitcoin.decimals), (Some(1), Some(8)));
        assert_eq!(bitcoin.codes, [("kraken", "XBT")]);
        assert_eq!(asset("dogecoin").unwrap().codes, [("kraken", "XDG")]);
        let decimals = |code| currency(code).unwrap().decimals;
        // ISO 4217: no cents of the yen, three digits of the Kuwaiti dinar, none of gold.
        assert_eq!(decimals("JPY"), Some(0));
        assert_eq!(decimals("KWD"), Some(3));
        assert_eq!(decimals("EUR"), Some(2));
        assert_eq!(decimals("XAU"), None);
        assert_eq!(currency("XAU").unwrap().kind, Kind::Commodity);
        assert!(currency("IRT").is_some() && currency("IRR").is_some());
    }
}
