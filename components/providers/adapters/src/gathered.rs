//! The quotes found in one answer, and why others were not taken.
//!
//! Here a number in an answer becomes a price, or is refused.

use edge_rates_quotes::price::Price;

use crate::excerpt::excerpt;
use crate::json::Stated;
use crate::upstream::{Error, Pair, Quote};

/// What an upstream states beside a price.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Beside {
    /// See [`Quote::change_24h_pct`].
    pub(crate) change_24h_pct: Option<String>,
    /// See [`Quote::market_cap`].
    pub(crate) market_cap: Option<String>,
    /// See [`Quote::volume_24h`].
    pub(crate) volume_24h: Option<String>,
    /// See [`Quote::updated_ms`].
    pub(crate) updated_ms: Option<u64>,
}

/// Collects what one answer prices.
#[derive(Debug)]
pub(crate) struct Gathered {
    provider: &'static str,
    asked: usize,
    /// Something stood where a price belongs, be it null.
    any_found: bool,
    quotes: Vec<Quote>,
    /// Why the first price that can't be true was refused.
    refused: Option<String>,
    /// Where the first value of a wrong type was.
    wrong_type: Option<String>,
}

impl Gathered {
    /// Nothing yet, out of `asked` pairs.
    pub(crate) fn new(provider: &'static str, asked: usize) -> Self {
        Self {
            provider,
            asked,
            any_found: false,
            quotes: Vec::new(),
            refused: None,
            wrong_type: None,
        }
    }

    /// Takes what the upstream states as the price of `pair`.
    pub(crate) fn price(&mut self, pair: &Pair, stated: Stated, beside: Beside) {
        self.any_found = true;
        match stated {
            Stated::Absent => {}
            Stated::WrongType => self.wrong_type(pair),
            Stated::Text(text) => match Price::parse(&text) {
                Ok(price) => self.quotes.push(Quote {
                    asset: pair.asset.clone(),
                    quote: pair.quote.clone(),
                    price,
                    change_24h_pct: beside.change_24h_pct,
                    market_cap: beside.market_cap,
                    volume_24h: beside.volume_24h,
                    updated_ms: beside.updated_ms,
                }),
                Err(reason) => {
                    let provider = self.provider;
                    self.refused.get_or_insert_with(|| {
                        format!(
                            "{provider} prices {} in {} at '{}': {reason}",
                            excerpt(&pair.asset),
                            excerpt(&pair.quote),
                            excerpt(&text)
                        )
                    });
                }
            },
        }
    }

    /// Notes that the answer has a value of a wrong type where the price of `pair` belongs.
    pub(crate) fn wrong_type(&mut self, pair: &Pair) {
        self.any_found = true;
        let provider = self.provider;
        self.wrong_type.get_or_insert_with(|| {
            format!(
                "{provider} answered with a wrong type where the price of {} in {} belongs",
                excerpt(&pair.asset),
                excerpt(&pair.quote)
            )
        });
    }

    /// The quotes in a list of all markets that the upstream has, `listed` in number.
    ///
    /// # Errors
    /// [`Error::UnsupportedPair`] if there are markets and no pair is among them; otherwise those
    /// of [`Gathered::finish`].
    pub(crate) fn finish_listing(self, listed: usize) -> Result<Vec<Quote>, Error> {
        if listed > 0 && !self.any_found {
            return Err(Error::UnsupportedPair(format!(
                "{} lists {listed} markets, and none for the {} pairs asked for",
                self.provider, self.asked
            )));
        }
        self.finish()
    }

    /// The quotes, if there is one at least.
    ///
    /// # Errors
    /// [`Error::Implausible`] if prices were refused and none was taken, [`Error::Malformed`] if
    /// there was nothing to take.
    pub(crate) fn finish(self) -> Result<Vec<Quote>, Error> {
        if !self.quotes.is_empty() {
            return Ok(self.quotes);
        }
        if let Some(reason) = self.refused {
            return Err(Error::Implausible(reason));
        }
        Err(Error::Malformed(self.wrong_type.unwrap_or_else(|| {
            format!("{} priced none of the {} pairs", self.provider, self.asked)
        })))
    }
}

/// The pairs that an answer about `name` prices, which is what `name_of` gives for their assets.
///
/// # Errors
/// [`Error::Malformed`] if nothing was asked about it.
pub(crate) fn about<'a>(
    provider: &str,
    name: &str,
    pairs: &'a [Pair],
    name_of: impl Fn(&Pair) -> Option<&str>,
) -> Result<Vec<&'a Pair>, Error> {
    let asked = pairs.iter().filter(|pair| name_of(pair) == Some(name));
    let asked: Vec<&Pair> = asked.collect();
    match asked.is_empty() {
        true => Err(Error::Malformed(format!(
            "{provider} answered about '{}', which it wasn't asked for",
            excerpt(name)
        ))),
        false => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        crate::sample::pair("bitcoin", "BTC", "USD")
    }

    fn gathered(stated: &[Stated]) -> Result<Vec<Quote>, Error> {
        let mut gathered = Gathered::new("kraken", stated.len());
        for stated in stated {
            gathered.price(&pair(), stated.clone(), Beside::default());
        }
        gathered.finish()
    }

    fn text(text: &str) -> Stated {
        Stated::Text(text.to_owned())
    }

    #[test]
    fn a_price_keeps_its_digits_and_loses_its_exponent() {
        for (stated, price) in [
            ("76975", "76975"),
            ("1.50", "1.50"),
            ("1.051e-05", "0.00001051"),
            ("7.5E+3", "7500"),
        ] {
            let quotes = gathered(&[text(stated)]).unwrap();
            assert_eq!(quotes[0].price.as_str(), price);
        }
    }

    #[test]
    fn an_impossible_price_does_not_spoil_the_others() {
        let quotes = gathered(&[text("0"), Stated::Absent, Stated::WrongType, text("2")]);
        assert_eq!(quotes.unwrap().len(), 1);
    }

    #[test]
    fn nothing_but_impossible_prices_is_implausible_for_the_first_reason() {
        let Err(Error::Implausible(why)) = gathered(&[Stated::WrongType, text("-1"), text("0")])
        else {
            panic!("a price was taken");
        };
        assert!(
            why.starts_with("kraken prices bitcoin in USD at '-1': "),
            "{why}"
        );
    }

    #[test]
    fn nothing_at_all_is_malformed() {
        assert_eq!(
            gathered(&[Stated::Absent, Stated::Absent]),
            Err(Error::Malformed(
                "kraken priced none of the 2 pairs".to_owned()
            ))
        );
    }

    #[test]
    fn a_listing_without_the_pairs_is_not_malformed() {
        let listing = |listed| Gathered::new("kraken", 2).finish_listing(listed);
        assert_eq!(
            listing(900),
            Err(Error::UnsupportedPair(
                "kraken lists 900 markets, and none for the 2 pairs asked for".to_owned()
            ))
        );
        assert!(matches!(listing(0), Err(Error::Malformed(_))));
        let mut null = Gathered::new("kraken", 1);
        null.price(&pair(), Stated::Absent, Beside::default());
        assert!(matches!(null.finish_listing(9), Err(Error::Malformed(_))));
    }

    #[test]
    fn a_wrong_type_is_malformed() {
        let Err(Error::Malformed(why)) = gathered(&[Stated::WrongType]) else {
            panic!("a price was taken");
        };
        assert!(why.contains("wrong type"), "{why}");
    }
}
