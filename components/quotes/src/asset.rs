//! Names of what is priced and of what it is priced in. Which of them a deployment serves is
//! the [catalogue's](crate::catalogue) business.

use crate::listed::{self, ListedAsset};
use crate::spelling::{did_you_mean_or, nearest};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use thiserror::Error;

/// What is priced. Its id is CoinGecko's, its symbol the ticker that exchanges use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset {
    id: Text,
    symbol: Text,
    name: Option<Text>,
    decimals: Option<u8>,
    rank: Option<u32>,
    /// What providers call it: provider and code.
    codes: Vec<(Text, Text)>,
    /// The symbol that it is listed with, where the settings give it another one.
    listed_symbol: Option<&'static str>,
}

/// Text from the tables or from the settings.
pub(crate) type Text = Cow<'static, str>;

/// Why a text names no asset.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AssetError {
    /// An id alone, of an asset that is not listed.
    #[error(
        "it is not among the listed assets{} write it as id:SYMBOL, such as bitcoin:BTC", did_you_mean_or(*.nearest)
    )]
    Unlisted {
        /// The listed asset that was probably meant.
        nearest: Option<&'static str>,
    },
    /// The part before the first colon.
    #[error("its id needs 1 to 100 of a-z, 0-9, '-', '_' and '.'")]
    Id,
    /// The part after the first colon.
    #[error("its symbol needs 1 to 20 of A-Z, 0-9, '-', '_' and '.'")]
    Symbol,
    /// The part after the second colon.
    #[error("its name needs 1 to 100 characters")]
    Name,
    /// A part after a semicolon.
    #[error("'{0}' is none of decimals=8, rank=50 and provider=CODE, such as kraken=XBT")]
    Detail(String),
}

impl Asset {
    /// Reads an asset as settings name it, in any letter case: `bitcoin` if it is listed,
    /// otherwise `id:SYMBOL` or `id:SYMBOL:Name`. Details may follow, each after a semicolon:
    /// `decimals=8`, `rank=50`, and what a provider calls it, such as `kraken=XBT`. They go
    /// before those that are listed.
    ///
    /// # Errors
    /// [`AssetError`] says which part is at fault.
    pub fn parse(text: &str) -> Result<Asset, AssetError> {
        let mut parts = text.split(';');
        let mut names = parts.next().unwrap_or_default().splitn(3, ':');
        let mut name = || names.next().map(str::trim);
        let id = name().unwrap_or_default();
        if !is_name(id, 100) {
            return Err(AssetError::Id);
        }
        let id = id.to_ascii_lowercase();
        let listed = listed::asset(&id).map(Asset::listed);
        let mut asset = match (listed, name()) {
            (Some(listed), None) => listed,
            (None, None) => {
                return Err(AssetError::Unlisted {
                    nearest: nearest_listed(&id),
                });
            }
            (listed, Some(symbol)) if is_name(symbol, 20) => {
                Asset::with_symbol(listed, id, symbol.to_ascii_uppercase())
            }
            (_, Some(_)) => return Err(AssetError::Symbol),
        };
        if let Some(name) = name() {
            if !(1..=100).contains(&name.chars().count()) {
                return Err(AssetError::Name);
            }
            asset.name = Some(name.to_owned().into());
        }
        for detail in parts.map(str::trim) {
            asset
                .set(detail)
                .ok_or_else(|| AssetError::Detail(detail.to_owned()))?;
        }
        Ok(asset)
    }

    pub(crate) fn listed(listed: &'static ListedAsset) -> Asset {
        let codes = listed.codes.iter();
        Asset {
            id: listed.id.into(),
            symbol: listed.symbol.into(),
            name: Some(listed.name.into()),
            decimals: listed.decimals,
            rank: listed.rank,
            codes: codes
                .map(|(provider, code)| ((*provider).into(), (*code).into()))
                .collect(),
            listed_symbol: None,
        }
    }

    fn with_symbol(listed: Option<Asset>, id: String, symbol: String) -> Asset {
        match listed {
            Some(listed) if listed.symbol == symbol => listed,
            Some(listed) => Asset {
                listed_symbol: match listed.symbol {
                    Cow::Borrowed(symbol) => Some(symbol),
                    Cow::Owned(_) => None,
                },
                symbol: symbol.into(),
                ..listed
            },
            None => Asset {
                id: id.into(),
                symbol: symbol.into(),
                name: None,
                decimals: None,
                rank: None,
                codes: Vec::new(),
                listed_symbol: None,
            },
        }
    }

    /// Takes `key=value`, if it makes sense.
    fn set(&mut self, detail: &str) -> Option<()> {
        let (key, value) = detail.split_once('=')?;
        let (key, value) = (key.trim(), value.trim());
        match key {
            "decimals" => self.decimals = Some(value.parse().ok()?),
            "rank" => self.rank = Some(value.parse().ok()?),
            provider if is_name(provider, 40) && is_name(value, 20) => {
                let provider = provider.to_ascii_lowercase();
                self.codes.retain(|(known, _)| *known != provider);
                self.codes
                    .push((provider.into(), value.to_ascii_uppercase().into()));
            }
            _ => return None,
        }
        Some(())
    }

    /// Lower-case id: `bitcoin`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Upper-case ticker: `BTC`.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }

    /// What people call it: `Bitcoin`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Fraction digits of its smallest amount, on its own chain or in its main token contract.
    pub fn decimals(&self) -> Option<u8> {
        self.decimals
    }

    /// Where it stood among all assets by market capitalisation when the list was made; 1 is
    /// the largest.
    pub fn rank(&self) -> Option<u32> {
        self.rank
    }

    /// What this provider calls it, where that is neither its [`ticker`](Asset::ticker) nor its
    /// id: `XBT`.
    pub fn code(&self, provider: &str) -> Option<&str> {
        self.codes
            .iter()
            .find(|(known, _)| known == provider)
            .map(|(_, code)| &**code)
    }

    /// The ticker that exchanges know it by: its symbol, but the listed one where the settings
    /// give it another.
    pub fn ticker(&self) -> &str {
        self.listed_symbol.unwrap_or(&self.symbol)
    }
}

/// The id of the listed asset that was probably meant: the one with that symbol, or nearly
/// that id.
fn nearest_listed(id: &str) -> Option<&'static str> {
    listed::asset_by_symbol(id)
        .map(|listed| listed.id)
        .or_else(|| nearest(id, listed::ASSETS.iter().map(|listed| listed.id)))
}

/// What a price is counted in: `USD`, `EUR`, `BTC`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Currency(String);

/// A text is no currency code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a currency code has 2 to 10 letters or digits, such as USD")]
pub struct CurrencyError;

impl Currency {
    /// Reads a code of 2 to 10 ASCII letters or digits, in any letter case.
    ///
    /// # Errors
    /// [`CurrencyError`] if it is anything else.
    pub fn parse(text: &str) -> Result<Currency, CurrencyError> {
        let is_code =
            (2..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        match is_code {
            true => Ok(Currency(text.to_ascii_uppercase())),
            false => Err(CurrencyError),
        }
    }

    /// The upper-case code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;

    fn try_from(text: String) -> Result<Currency, CurrencyError> {
        Currency::parse(&text)
    }
}

/// An asset and what it is priced in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pair {
    /// What is priced.
    pub asset: Asset,
    /// What the price is counted in.
    pub quote: Currency,
}

fn is_name(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_asset_has_a_lower_case_id_and_an_upper_case_symbol() {
        let asset = Asset::parse("USD-Coin:usdc").unwrap();
        assert_eq!(asset.id(), "usd-coin");
        assert_eq!(asset.symbol(), "USDC");
    }

    #[test]
    fn what_is_no_asset_is_refused_for_its_own_reason() {
        let long = format!("{}:BTC", "a".repeat(101));
        for (text, reason) in [
            ("bitcoin:", AssetError::Symbol),
            (":BTC", AssetError::Id),
            ("bit coin:BTC", AssetError::Id),
            ("bitcoin/x:BTC", AssetError::Id),
            (&long, AssetError::Id),
            ("bitcoin:BTC:", AssetError::Name),
            ("bitcoin:₿", AssetError::Symbol),
        ] {
            assert_eq!(Asset::parse(text), Err(reason), "{text}");
        }
    }

    #[test]
    fn a_listed_asset_needs_its_id_only() {
        let bitcoin = Asset::parse("Bitcoin").unwrap();
        assert_eq!(bitcoin.id(), "bitcoin");
        assert_eq!(bitcoin.symbol(), "BTC");
        assert_eq!(bitcoin.name(), Some("Bitcoin"));
        assert_eq!((bitcoin.decimals(), bitcoin.rank()), (Some(8), Some(1)));
        assert_eq!(bitcoin.code("kraken"), Some("XBT"));
        assert_eq!(bitcoin.code("coinbase"), None);
        // As it has always been written.
        assert_eq!(Asset::parse("bitcoin:BTC").unwrap(), bitcoin);
    }

    #[test]
    fn an_unlisted_asset_needs_a_symbol_and_may_have_the_rest() {
        let plain = Asset::parse("my-coin:my").unwrap();
        assert_eq!((plain.id(), plain.symbol()), ("my-coin", "MY"));
        assert_eq!(
            (plain.name(), plain.decimals(), plain.rank()),
            (None, None, None)
        );
        let full = "my-coin:MY:My Coin; kraken=xmy; decimals=6;rank=7";
        let full = Asset::parse(full).unwrap();
        assert_eq!(full.name(), Some("My Coin"));
        assert_eq!((full.decimals(), full.rank()), (Some(6), Some(7)));
        assert_eq!(full.code("kraken"), Some("XMY"));
        assert_eq!(full.code("binance"), None);
    }

    #[test]
    fn an_id_alone_that_is_not_listed_is_refused_with_what_was_meant() {
        for (text, meant) in [
            ("bitcion", Some("bitcoin")),
            ("btc", Some("bitcoin")),
            ("quite-another", None),
        ] {
            let nearest = AssetError::Unlisted { nearest: meant };
            assert_eq!(Asset::parse(text), Err(nearest), "{text}");
        }
        assert_eq!(
            Asset::parse("bitcion").unwrap_err().to_string(),
            "it is not among the listed assets; did you mean bitcoin? If not, write it as id:SYMBOL, such as bitcoin:BTC"
        );
    }

    #[test]
    fn settings_go_before_the_list() {
        let asset = Asset::parse("bitcoin:BITCOIN:Digital Gold;kraken=BTC;decimals=3").unwrap();
        assert_eq!(asset.symbol(), "BITCOIN");
        assert_eq!(asset.name(), Some("Digital Gold"));
        assert_eq!(asset.decimals(), Some(3));
        assert_eq!(asset.rank(), Some(1), "as listed");
        assert_eq!(asset.code("kraken"), Some("BTC"));
        assert_eq!(asset.code("coinbase"), None);
        assert_eq!(asset.ticker(), "BTC", "exchanges know it by the listed one");
    }

    #[test]
    fn a_detail_that_makes_no_sense_is_named() {
        for detail in [
            "decimals=many",
            "decimals=256",
            "rank=-1",
            "kraken",
            "kraken=",
            "=X",
            "",
        ] {
            let text = format!("bitcoin;{detail}");
            let error = AssetError::Detail(detail.to_owned());
            assert_eq!(Asset::parse(&text), Err(error), "{text}");
        }
    }

    #[test]
    fn a_currency_is_upper_case() {
        assert_eq!(Currency::parse("usd").unwrap().as_str(), "USD");
        assert_eq!(Currency::parse("USDT").unwrap().to_string(), "USDT");
    }

    #[test]
    fn what_is_no_currency_is_refused() {
        for text in ["", "U", "EUROEUROEUR", "US D", "US-D", "€€"] {
            assert_eq!(Currency::parse(text), Err(CurrencyError), "{text}");
        }
    }

    #[test]
    fn json_holds_a_currency_as_a_string_and_checks_it_on_the_way_in() {
        let euro = Currency::parse("EUR").unwrap();
        assert_eq!(serde_json::to_string(&euro).unwrap(), "\"EUR\"");
        assert_eq!(serde_json::from_str::<Currency>("\"eur\"").unwrap(), euro);
        assert!(serde_json::from_str::<Currency>("\"?\"").is_err());
    }
}
