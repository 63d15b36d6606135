//! What a quote currency is: its name, kind, sign and smallest amount.

use crate::asset::{Asset, Currency, Text};
use crate::listed::{self, ListedAsset, ListedCurrency};
use crate::spelling::{did_you_mean_or, nearest};
use serde::Serialize;
use thiserror::Error;

/// A currency with what is known about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denomination {
    currency: Currency,
    name: Text,
    kind: Kind,
    unit: Option<Text>,
    decimals: Option<u8>,
    asset: Equal,
    part: Option<(&'static str, u8)>,
}

/// What a currency is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Issued by a state, or a basket of such: `USD`, `XDR`.
    Fiat,
    /// A crypto asset, or a part of one: `BTC`, `SATS`.
    Crypto,
    /// A weight of something: `XAU`.
    Commodity,
}

impl Kind {
    /// `fiat`, `crypto` or `commodity`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Fiat => "fiat",
            Kind::Crypto => "crypto",
            Kind::Commodity => "commodity",
        }
    }
}

/// The asset that a currency is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Equal {
    /// None, whatever the symbols of assets are.
    None,
    /// The one with this id.
    Id(&'static str),
    /// The one that has the currency's code as its symbol.
    Symbol,
}

/// Why a text names no currency.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DenominationError {
    /// The code itself.
    #[error("a currency code has 2 to 10 letters or digits, such as USD")]
    Code,
    /// A code alone, of a currency that is not listed.
    #[error(
        "it is not among the listed currencies{} write it as CODE:Name:kind, where kind is fiat, crypto or commodity", did_you_mean_or(*.nearest)
    )]
    Unlisted {
        /// The listed currency that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A code with a name, but without one of the kinds.
    #[error("write it as CODE:Name:kind, where kind is fiat, crypto or commodity")]
    Form,
    /// A part after a semicolon.
    #[error("'{0}' is neither decimals=2 nor unit=$")]
    Detail(String),
}

impl Denomination {
    /// Reads a currency as settings name it, its code in any letter case: `USD` if it is
    /// listed or the symbol of a listed asset, otherwise `CODE:Name:kind`. `decimals=2` and
    /// `unit=$` may follow, each after a semicolon.
    ///
    /// # Errors
    /// [`DenominationError`] says which part is at fault.
    pub fn parse(text: &str) -> Result<Denomination, DenominationError> {
        let mut parts = text.split(';');
        let mut names = parts.next().unwrap_or_default().splitn(3, ':');
        let code = names.next().unwrap_or_default().trim();
        let currency = Currency::parse(code).map_err(|_| DenominationError::Code)?;
        let mut denomination = match (names.next(), names.next()) {
            (None, _) => Denomination::known(&currency).ok_or_else(|| {
                let codes = listed::CURRENCIES.iter().map(|listed| listed.code);
                DenominationError::Unlisted {
                    nearest: nearest(code, codes),
                }
            })?,
            (Some(name), Some(kind)) => Denomination::described(currency, name, kind)?,
            (Some(_), None) => return Err(DenominationError::Form),
        };
        for detail in parts.map(str::trim) {
            denomination
                .set(detail)
                .ok_or_else(|| DenominationError::Detail(detail.to_owned()))?;
        }
        Ok(denomination)
    }

    fn known(currency: &Currency) -> Option<Denomination> {
        let code = currency.as_str();
        listed::currency(code)
            .and_then(Denomination::listed)
            .or_else(|| {
                listed::asset_by_symbol(code).map(|asset| Denomination::of(currency, asset))
            })
    }

    pub(crate) fn listed(listed: &'static ListedCurrency) -> Option<Denomination> {
        Some(Denomination {
            currency: Currency::parse(listed.code).ok()?,
            name: listed.name.into(),
            kind: listed.kind,
            unit: Some(listed.unit.into()),
            decimals: listed.decimals,
            asset: listed.asset.map_or(Equal::None, Equal::Id),
            part: listed.part,
        })
    }

    /// An asset that prices are counted in.
    fn of(currency: &Currency, asset: &'static ListedAsset) -> Denomination {
        Denomination {
            currency: currency.clone(),
            name: asset.name.into(),
            kind: Kind::Crypto,
            unit: None,
            decimals: asset.decimals,
            asset: Equal::Id(asset.id),
            part: None,
        }
    }

    fn described(
        currency: Currency,
        name: &str,
        kind: &str,
    ) -> Result<Denomination, DenominationError> {
        let (kind, asset) = match kind.trim() {
            "fiat" => (Kind::Fiat, Equal::None),
            "crypto" => (Kind::Crypto, Equal::Symbol),
            "commodity" => (Kind::Commodity, Equal::None),
            _ => return Err(DenominationError::Form),
        };
        let name = name.trim();
        if !(1..=100).contains(&name.chars().count()) {
            return Err(DenominationError::Form);
        }
        Ok(Denomination {
            currency,
            name: name.to_owned().into(),
            kind,
            unit: None,
            decimals: None,
            asset,
            part: None,
        })
    }

    /// Takes `key=value`, if it makes sense.
    fn set(&mut self, detail: &str) -> Option<()> {
        let (key, value) = detail.split_once('=')?;
        let value = value.trim();
        match key.trim() {
            "decimals" => self.decimals = Some(value.parse().ok()?),
            "unit" if (1..=10).contains(&value.chars().count()) => {
                self.unit = Some(value.to_owned().into());
            }
            _ => return None,
        }
        Some(())
    }

    /// Its code.
    pub fn currency(&self) -> &Currency {
        &self.currency
    }

    /// What people call it: `US Dollar`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is made of.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its sign, or its code where it has none: `$`.
    pub fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or(self.currency.as_str())
    }

    /// Fraction digits of its smallest amount (ISO 4217), if there is such a thing.
    pub fn decimals(&self) -> Option<u8> {
        self.decimals
    }

    /// The code of the currency that it is a part of, and how many places to the left the point
    /// moves in an amount of it to become an amount of that one: 100,000,000 SATS are 1 BTC.
    pub fn part(&self) -> Option<(&'static str, u8)> {
        self.part
    }

    /// Whether one unit of this currency is one of `asset`.
    pub fn is(&self, asset: &Asset) -> bool {
        match self.asset {
            Equal::None => false,
            Equal::Id(id) => asset.id() == id,
            Equal::Symbol => asset.symbol() == self.currency.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_currency_needs_its_code_only() {
        let euro = Denomination::parse("eur").unwrap();
        assert_eq!(euro.currency().as_str(), "EUR");
        assert_eq!((euro.name(), euro.unit()), ("Euro", "€"));
        assert_eq!((euro.kind(), euro.decimals()), (Kind::Fiat, Some(2)));
        let gold = Denomination::parse("XAU").unwrap();
        assert_eq!((gold.unit(), gold.decimals()), ("XAU", None));
    }

    #[test]
    fn a_listed_asset_is_a_currency_too() {
        let tether = Denomination::parse("usdt").unwrap();
        assert_eq!((tether.name(), tether.unit()), ("Tether", "USDT"));
        assert_eq!((tether.kind(), tether.decimals()), (Kind::Crypto, Some(6)));
        assert!(tether.is(&Asset::parse("tether").unwrap()));
        assert!(!tether.is(&Asset::parse("fake-tether:USDT").unwrap()));
    }

    #[test]
    fn an_unlisted_currency_is_described() {
        let shells = Denomination::parse("shl: Shells :commodity; decimals=0; unit=🐚").unwrap();
        assert_eq!(shells.currency().as_str(), "SHL");
        assert_eq!((shells.name(), shells.unit()), ("Shells", "🐚"));
        assert_eq!(
            (shells.kind(), shells.decimals()),
            (Kind::Commodity, Some(0))
        );
        let mine = Denomination::parse("MY:My Coin:crypto").unwrap();
        assert!(mine.is(&Asset::parse("my-coin:MY").unwrap()));
        assert_eq!(mine.unit(), "MY");
    }

    #[test]
    fn what_is_no_currency_is_refused_for_its_own_reason() {
        for (text, message) in [
            (
                "$",
                "a currency code has 2 to 10 letters or digits, such as USD",
            ),
            (
                "USX",
                "it is not among the listed currencies; did you mean USD? If not, write it as CODE:Name:kind, where kind is fiat, crypto or commodity",
            ),
            (
                "QQQQQ",
                "it is not among the listed currencies; write it as CODE:Name:kind, where kind is fiat, crypto or commodity",
            ),
            (
                "SHL:Shells",
                "write it as CODE:Name:kind, where kind is fiat, crypto or commodity",
            ),
            (
                "SHL:Shells:money",
                "write it as CODE:Name:kind, where kind is fiat, crypto or commodity",
            ),
            ("USD;cents=2", "'cents=2' is neither decimals=2 nor unit=$"),
        ] {
            let error = Denomination::parse(text).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
    }
}
