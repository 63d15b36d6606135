//! What part of the board is asked for, in one canonical form, so that the same question has
//! the same text however it was put. How questions look in HTTP is not known here.

use crate::asset::{Asset, Currency};
use crate::catalogue::Catalogue;
use crate::order;
use crate::rounding::Precision;

/// Some assets in some currencies at some precision: sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    assets: Vec<Asset>,
    currencies: Vec<Currency>,
    precision: Precision,
}

impl Selection {
    /// These assets in these currencies.
    pub fn new(
        assets: impl IntoIterator<Item = Asset>,
        currencies: impl IntoIterator<Item = Currency>,
        precision: Precision,
    ) -> Selection {
        Selection {
            assets: sorted(assets),
            currencies: sorted(currencies),
            precision,
        }
    }

    /// The whole board as it is.
    pub fn all(catalogue: &Catalogue) -> Selection {
        Selection::new(
            catalogue.assets().iter().cloned(),
            catalogue.currencies().iter().cloned(),
            Precision::Full,
        )
    }

    /// The assets, ordered by id.
    pub fn assets(&self) -> &[Asset] {
        &self.assets
    }

    /// The currencies, ordered by code.
    pub fn currencies(&self) -> &[Currency] {
        &self.currencies
    }

    /// The digits that prices get.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The question's one text: `ids=bitcoin,ethereum&vs=EUR,USD&precision=full`.
    pub fn canonical(&self) -> String {
        let ids: Vec<_> = self.assets.iter().map(Asset::id).collect();
        let codes: Vec<_> = self.currencies.iter().map(Currency::as_str).collect();
        format!(
            "ids={}&vs={}&precision={}",
            ids.join(","),
            codes.join(","),
            self.precision
        )
    }
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<_> = items.into_iter().collect();
    order::sort(&mut items);
    items.dedup();
    items
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ASSETS: [&str; 4] = ["BTC", "bitcoin", "ETH", "Tether"];
    const CURRENCIES: [&str; 3] = ["USD", "eur", "Chf"];

    fn catalogue() -> Catalogue {
        Catalogue::parse("tether:USDT,bitcoin:BTC,ethereum:ETH", "USD,EUR,CHF").unwrap()
    }

    fn selection(assets: &[String], currencies: &[String]) -> Selection {
        let catalogue = catalogue();
        let assets = assets.iter().map(|name| catalogue.asset(name).unwrap());
        let currencies = currencies
            .iter()
            .map(|code| catalogue.currency(code).unwrap());
        Selection::new(assets.cloned(), currencies.cloned(), Precision::Digits(2))
    }

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_canonical_text_is_sorted_and_has_nothing_twice() {
        let selection = selection(&names(&["ETH", "BTC", "bitcoin"]), &names(&["usd", "EUR"]));
        assert_eq!(
            selection.canonical(),
            "ids=bitcoin,ethereum&vs=EUR,USD&precision=2"
        );
    }

    #[test]
    fn everything_by_name_is_the_same_question_as_everything() {
        let catalogue = catalogue();
        let all = Selection::all(&catalogue);
        let named = selection(&names(&ASSETS), &names(&CURRENCIES));
        assert_eq!(all.assets(), named.assets());
        assert_eq!(all.currencies(), named.currencies());
        assert_eq!(
            all.canonical(),
            "ids=bitcoin,ethereum,tether&vs=CHF,EUR,USD&precision=full"
        );
    }

    #[test]
    fn another_question_has_another_text() {
        let one = |assets, currencies| selection(&names(assets), &names(currencies)).canonical();
        let question = one(&["BTC"], &["USD"]);
        assert_ne!(question, one(&["ETH"], &["USD"]));
        assert_ne!(question, one(&["BTC"], &["EUR"]));
        assert_ne!(question, one(&["BTC", "ETH"], &["USD"]));
    }

    fn some_of(names: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        let any_case = prop::sample::select(names).prop_flat_map(|name| {
            prop_oneof![
                Just(name.to_owned()),
                Just(name.to_lowercase()),
                Just(name.to_uppercase())
            ]
        });
        prop::collection::vec(any_case, 1..6)
    }

    proptest! {
        #[test]
        fn order_case_and_repetition_do_not_matter(
            (assets, shuffled) in some_of(&ASSETS).prop_flat_map(|names| (Just(names.clone()), Just(names).prop_shuffle())),
            currencies in some_of(&CURRENCIES),
        ) {
            let again: Vec<_> = shuffled.iter().map(|name| name.to_uppercase()).chain(assets.clone()).collect();
            prop_assert_eq!(
                selection(&assets, &currencies).canonical(),
                selection(&again, &currencies).canonical()
            );
        }
    }
}
