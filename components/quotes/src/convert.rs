//! From one thing to another: which prices make the rate, and the arithmetic on it.

use crate::amount::Amount;
use crate::asset::{Asset, Currency};
use crate::board::Board;
use crate::catalogue::{Catalogue, Meaning};
use crate::decimal_text;
use crate::millis::Millis;
use crate::price::{ArithmeticError, Price};
use crate::quote::Quote;
use crate::ratio::Ratio;
use crate::rounding::{Precision, Rounding};
use crate::spelling::did_you_mean;
use rust_decimal::Decimal;
use thiserror::Error;

/// The currency that most markets are in, so that a cross through it is nearest to a real price.
const PREFERRED_VIA: &str = "USD";

/// Digits after the point of a figure that is worked out: as many as most coins have.
const FIGURE_DIGITS: Precision = Precision::Digits(8);

/// How a rate comes from the prices on the board.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Path {
    /// Both are the same: exactly 1.
    Identity,
    /// It is a price.
    Direct,
    /// It is 1 ÷ a price.
    Inverse,
    /// It is the ratio of two prices.
    Cross {
        /// What both prices have in common: a currency's code, or an asset's symbol.
        via: String,
    },
}

/// Units of one thing for one unit of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Symbol or code of what is given.
    pub from: String,
    /// Symbol or code of what is got.
    pub to: String,
    /// How the rate was found.
    pub path: Path,
    /// When the oldest price in it was made. One without a time counts as made when the board
    /// was fetched.
    pub as_of: Millis,
    numerator: Option<Quote>,
    denominator: Option<Quote>,
}

/// An amount converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// The rate at full precision, the same whatever is wished for the result. That is calculated
    /// from the exact rate, so where this one is rounded, it may be off in the last digits.
    pub rate: String,
    /// The amount times the rate, with the amount's sign unless it is zero.
    pub result: String,
}

/// Why there is no rate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConvertError {
    /// Neither an asset nor a currency of this deployment.
    #[error("'{name}' is not served here{}", did_you_mean(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// What was probably meant.
        nearest: Option<String>,
    },
    /// Both are known, but the board has no prices that lead from one to the other.
    #[error("there are no prices at the moment that lead from {from} to {to}")]
    NoRate {
        /// Symbol or code of what is given.
        from: String,
        /// Symbol or code of what is got.
        to: String,
    },
    /// A price in the rate can't be calculated with.
    #[error(transparent)]
    Arithmetic(#[from] ArithmeticError),
}

/// The rate between two things, each named by an asset's symbol or id or by a currency's code.
///
/// The price itself is taken where there is one, then the inverse of the opposite price. Then
/// two assets are crossed through a currency, USD or else the first that both are priced in,
/// and two currencies through the first asset that is priced in both.
///
/// # Errors
/// [`ConvertError`] if a name is not known or no prices lead from one to the other.
pub fn rate(
    board: &Board,
    catalogue: &Catalogue,
    from: &str,
    to: &str,
) -> Result<Rate, ConvertError> {
    let (from, to) = (meaning(catalogue, from)?, meaning(catalogue, to)?);
    between(board, catalogue, &from, &to)
}

/// The same for an asset that is known: where several share its symbol, it is this one that is
/// converted.
///
/// # Errors
/// [`ConvertError`] if `to` is not known or no prices lead to it.
pub fn rate_of(
    board: &Board,
    catalogue: &Catalogue,
    asset: &Asset,
    to: &str,
) -> Result<Rate, ConvertError> {
    let (from, to) = (catalogue.meaning_of(asset), meaning(catalogue, to)?);
    between(board, catalogue, &from, &to)
}

/// A figure of an asset that is counted in money, in what `to` stands for where that is an asset:
/// the figure in a currency, over what that asset costs in it. With it comes the quote that it is
/// of. None where `to` is no asset, or no provider gave such a figure.
pub fn figure_in<'b>(
    board: &'b Board,
    catalogue: &Catalogue,
    asset: &Asset,
    to: &str,
    figure: impl Fn(&Quote) -> Option<String>,
) -> Option<(String, &'b Quote)> {
    let unit = catalogue.asset(to)?;
    let preferred = catalogue.currency(PREFERRED_VIA).into_iter();
    preferred.chain(catalogue.currencies()).find_map(|via| {
        let quote = board.get(asset.id(), via)?;
        // Figures have the digits of prices.
        let figure = Price::parse(&figure(quote)?).ok()?.decimal().ok()?;
        let price = board.get(unit.id(), via)?.price.decimal().ok()?;
        let ratio = Ratio::one().times(figure).over(price);
        Some((ratio.to_text(FIGURE_DIGITS, Rounding::HalfEven), quote))
    })
}

fn between(
    board: &Board,
    catalogue: &Catalogue,
    from: &Meaning<'_>,
    to: &Meaning<'_>,
) -> Result<Rate, ConvertError> {
    let (path, numerator, denominator) = if is_same(from, to) {
        (Path::Identity, None, None)
    } else if let Some(price) = quoted(board, from.asset, to.currency) {
        (Path::Direct, Some(price), None)
    } else if let Some(price) = quoted(board, to.asset, from.currency) {
        (Path::Inverse, None, Some(price))
    } else if let Some((via, numerator, denominator)) = cross(board, catalogue, from, to) {
        let via = via.to_owned();
        (Path::Cross { via }, Some(numerator), Some(denominator))
    } else {
        return Err(ConvertError::NoRate {
            from: from.name.to_owned(),
            to: to.name.to_owned(),
        });
    };
    let as_of = [numerator, denominator]
        .into_iter()
        .flatten()
        .map(|quote| board.made(quote))
        .min()
        .unwrap_or(board.fetched);
    Ok(Rate {
        from: from.name.to_owned(),
        to: to.name.to_owned(),
        path,
        as_of,
        numerator: numerator.cloned(),
        denominator: denominator.cloned(),
    })
}

/// What a name stands for.
fn meaning<'a>(catalogue: &'a Catalogue, name: &str) -> Result<Meaning<'a>, ConvertError> {
    catalogue
        .meaning(name)
        .ok_or_else(|| ConvertError::Unknown {
            name: name.to_owned(),
            nearest: catalogue
                .nearest_currency(name)
                .or_else(|| catalogue.nearest_asset(name))
                .map(str::to_owned),
        })
}

fn is_same(one: &Meaning<'_>, other: &Meaning<'_>) -> bool {
    one.name == other.name && one.asset.map(Asset::id) == other.asset.map(Asset::id)
}

fn quoted<'b>(
    board: &'b Board,
    asset: Option<&Asset>,
    currency: Option<&Currency>,
) -> Option<&'b Quote> {
    board.get(asset?.id(), currency?)
}

/// What two have in common, and the prices whose ratio is the rate.
fn cross<'a>(
    board: &'a Board,
    catalogue: &'a Catalogue,
    from: &Meaning<'_>,
    to: &Meaning<'_>,
) -> Option<(&'a str, &'a Quote, &'a Quote)> {
    let through = |via: &'a Currency| {
        let numerator = quoted(board, from.asset, Some(via))?;
        let denominator = quoted(board, to.asset, Some(via))?;
        Some((via.as_str(), numerator, denominator))
    };
    let through_asset = |via: &'a Asset| {
        let numerator = quoted(board, Some(via), to.currency)?;
        let denominator = quoted(board, Some(via), from.currency)?;
        Some((via.symbol(), numerator, denominator))
    };
    catalogue
        .currency(PREFERRED_VIA)
        .into_iter()
        .chain(catalogue.currencies())
        .find_map(through)
        .or_else(|| catalogue.assets().iter().find_map(through_asset))
}

impl Rate {
    /// The prices that it is made of: none, one or two.
    pub fn quotes(&self) -> impl Iterator<Item = &Quote> {
        self.numerator.iter().chain(&self.denominator)
    }

    /// When it was made: for a price the time that its upstream says, if it says one, and for a
    /// rate that is worked out that of the oldest price in it. What needs no price has none.
    pub fn updated(&self) -> Option<Millis> {
        match self.path {
            Path::Identity => None,
            Path::Direct => self.quotes().next()?.updated,
            Path::Inverse | Path::Cross { .. } => Some(self.as_of),
        }
    }

    /// The rate in plain digits. A rate that is a price is passed on as it came at full
    /// precision.
    ///
    /// # Errors
    /// [`ArithmeticError`] if it must be calculated and a price in it has too many digits.
    pub fn text(
        &self,
        precision: Precision,
        rounding: Rounding,
    ) -> Result<String, ArithmeticError> {
        match (&self.numerator, &self.denominator) {
            (Some(quote), None) => round_price(&quote.price, precision, rounding),
            _ => Ok(self.ratio()?.to_text(precision, rounding)),
        }
    }

    fn ratio(&self) -> Result<Ratio, ArithmeticError> {
        let mut ratio = Ratio::one();
        if let Some(quote) = &self.numerator {
            ratio = ratio.times(quote.price.decimal()?);
        }
        if let Some(quote) = &self.denominator {
            ratio = ratio.over(quote.price.decimal()?);
        }
        Ok(ratio)
    }
}

/// Converts an amount. Precision and rounding are those of the result; the rate is given at
/// full precision. The exact product is rounded once. An amount of 1 or −1 is not multiplied: its
/// result is the rate, digit by digit.
///
/// # Errors
/// [`ConvertError::Arithmetic`] if a price in the rate has too many digits.
pub fn convert(
    rate: &Rate,
    amount: &Amount,
    precision: Precision,
    rounding: Rounding,
) -> Result<Conversion, ConvertError> {
    let exact = rate.ratio()?;
    let factor = amount.decimal();
    let size = match factor.abs() == Decimal::ONE {
        true => rate.text(precision, rounding)?,
        false => exact.times(factor).to_text(precision, rounding),
    };
    Ok(Conversion {
        rate: rate.text(Precision::Full, Rounding::default())?,
        result: match factor.is_sign_negative() {
            true => decimal_text::negative(size),
            false => size,
        },
    })
}

/// A price with the digits that are wanted: at full precision as it came, otherwise rounded.
///
/// # Errors
/// [`ArithmeticError`] if it must be rounded and has too many digits for that.
pub fn round_price(
    price: &Price,
    precision: Precision,
    rounding: Rounding,
) -> Result<String, ArithmeticError> {
    match precision {
        Precision::Full => Ok(price.as_str().to_owned()),
        Precision::Digits(_) => Ok(Ratio::one()
            .times(price.decimal()?)
            .to_text(precision, rounding)),
    }
}

#[cfg(test)]
mod tests;
