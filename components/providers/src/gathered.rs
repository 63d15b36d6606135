//! The quotes found in one answer, and why others were not taken.
//!
//! Here a number in an answer becomes a price, or is refused.

use edge_rates_quotes::price::Price;

use crate::excerpt::excerpt;
use crate::json::Stated;
use crate::upstream::{Error, Pair, Quote};

/// Collects what one answer prices.
#[derive(Debug)]
pub(crate) struct Gathered {
    provider: &'static str,
    asked: usize,
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
            quotes: Vec::new(),
            refused: None,
            wrong_type: None,
        }
    }

    /// Takes what the upstream states as the price of `pair`.
    pub(crate) fn price(
        &mut self,
        pair: &Pair,
        stated: Stated,
        change_24h_pct: Option<String>,
        updated_ms: Option<u64>,
    ) {
        match stated {
            Stated::Absent => {}
            Stated::WrongType => self.wrong_type(pair),
            Stated::Text(text) => match Price::parse(&text) {
                Ok(price) => self.quotes.push(Quote {
                    asset: pair.asset.clone(),
                    quote: pair.quote.clone(),
                    price,
                    change_24h_pct,
                    updated_ms,
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
        let provider = self.provider;
        self.wrong_type.get_or_insert_with(|| {
            format!(
                "{provider} answered with a wrong type where the price of {} in {} belongs",
                excerpt(&pair.asset),
                excerpt(&pair.quote)
            )
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> Pair {
        Pair {
            asset: "bitcoin".to_owned(),
            symbol: "BTC".to_owned(),
            quote: "USD".to_owned(),
        }
    }

    fn gathered(stated: &[Stated]) -> Result<Vec<Quote>, Error> {
        let mut gathered = Gathered::new("kraken", stated.len());
        for stated in stated {
            gathered.price(&pair(), stated.clone(), None, None);
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
    fn a_wrong_type_is_malformed() {
        let Err(Error::Malformed(why)) = gathered(&[Stated::WrongType]) else {
            panic!("a price was taken");
        };
        assert!(why.contains("wrong type"), "{why}");
    }
}
