//! Names of what is priced and of what it is priced in. Which of them a deployment serves is
//! the [catalogue's](crate::catalogue) business.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// What is priced. Its id is CoinGecko's, its symbol the ticker that exchanges use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Asset {
    id: String,
    symbol: String,
}

/// Why a text names no asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AssetError {
    /// There is no colon.
    #[error("write it as id:SYMBOL, such as bitcoin:BTC")]
    NoSymbol,
    /// The part before the colon.
    #[error("its id needs 1 to 100 of a-z, 0-9, '-', '_' and '.'")]
    Id,
    /// The part after the colon.
    #[error("its symbol needs 1 to 20 of A-Z, 0-9, '-', '_' and '.'")]
    Symbol,
}

impl Asset {
    /// Reads `id:SYMBOL`, such as `bitcoin:BTC`, in any letter case.
    ///
    /// # Errors
    /// [`AssetError`] says which part is at fault.
    pub fn parse(text: &str) -> Result<Asset, AssetError> {
        let (id, symbol) = text.split_once(':').ok_or(AssetError::NoSymbol)?;
        let (id, symbol) = (id.trim(), symbol.trim());
        if !is_name(id, 100) {
            return Err(AssetError::Id);
        }
        if !is_name(symbol, 20) {
            return Err(AssetError::Symbol);
        }
        Ok(Asset {
            id: id.to_ascii_lowercase(),
            symbol: symbol.to_ascii_uppercase(),
        })
    }

    /// Lower-case id: `bitcoin`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Upper-case ticker: `BTC`.
    pub fn symbol(&self) -> &str {
        &self.symbol
    }
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
            ("bitcoin", AssetError::NoSymbol),
            (":BTC", AssetError::Id),
            ("bit coin:BTC", AssetError::Id),
            ("bitcoin/x:BTC", AssetError::Id),
            (&long, AssetError::Id),
            ("bitcoin:", AssetError::Symbol),
            ("bitcoin:BTC:X", AssetError::Symbol),
            ("bitcoin:₿", AssetError::Symbol),
        ] {
            assert_eq!(Asset::parse(text), Err(reason), "{text}");
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
