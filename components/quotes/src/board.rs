//! Everything that one refresh yields. How old it may be is not known here: see
//! [`freshness`](mod@crate::freshness).

use crate::asset::Currency;
use crate::millis::Millis;
use crate::order;
use crate::plausibility;
use crate::quote::Quote;
use crate::reference::ReferenceRate;
use crate::version::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The prices of all assets in all currencies, as upstreams told them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub struct Board {
    /// Name of this state of the board.
    pub version: Version,
    /// When the answer came.
    pub fetched: Millis,
    /// Who told the prices, unless a quote says otherwise: `coingecko`.
    pub source: String,
    /// The credit that the source asks for.
    pub attribution: String,
    /// What currencies cost in each other, as far as that was needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceRate>,
    /// Ordered by asset and currency, each pair once.
    quotes: Vec<Quote>,
}

/// Why stored bytes are not what they should be.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// The body of the board.
    #[error("the stored board can't be read: {0}")]
    Board(#[from] serde_json::Error),
    /// The head of the board.
    #[error("the stored head can't be read: {0}")]
    Head(&'static str),
}

impl Board {
    /// A board of `quotes`. Of two for the same pair the first counts.
    pub fn new(
        version: Version,
        fetched: Millis,
        source: impl Into<String>,
        attribution: impl Into<String>,
        mut quotes: Vec<Quote>,
    ) -> Board {
        order::sort_by(&mut quotes, |a, b| key(a).cmp(&key(b)));
        quotes.dedup_by(|later, first| key(later) == key(first));
        Board {
            version,
            fetched,
            source: source.into(),
            attribution: attribution.into(),
            references: Vec::new(),
            quotes,
        }
    }

    /// This board with the quotes of an `older` one for the pairs that it lacks: what another
    /// upstream does not price is still known from before. They keep their time and their
    /// source. What was made before `not_before` is left behind, and so is what was calculated:
    /// it is calculated anew.
    #[must_use]
    pub fn keeping(self, older: &Board, not_before: Millis) -> Board {
        let kept = older.quotes.iter().filter_map(|quote| {
            let made = older.made(quote);
            (quote.method.is_told() && made >= not_before).then(|| Quote {
                updated: Some(made),
                source: Some(quote.source.clone().unwrap_or_else(|| older.source.clone())),
                ..quote.clone()
            })
        });
        let mut board = self;
        let quotes = board.quotes.drain(..).chain(kept).collect();
        board.preferring(quotes)
    }

    /// This board with the figures of an `older` one beside the prices that came without: who
    /// steps in for another upstream often tells prices only. They keep their time, and are left
    /// behind once they are from before `not_before`.
    #[must_use]
    pub fn with_figures_of(mut self, older: &Board, not_before: Millis) -> Board {
        for quote in &mut self.quotes {
            if let Some(known) = older.get(&quote.asset, &quote.quote) {
                let made = known.figures.unwrap_or_else(|| older.priced(known));
                if made >= not_before {
                    quote.keep_figures(known, made);
                }
            }
        }
        self
    }

    /// This board with `quotes` in the place of its own for the same pairs.
    pub(crate) fn preferring(self, mut quotes: Vec<Quote>) -> Board {
        quotes.extend(self.quotes);
        let board = Board::new(
            self.version,
            self.fetched,
            self.source,
            self.attribution,
            quotes,
        );
        Board {
            references: self.references,
            ..board
        }
    }

    /// When a quote of this board was made.
    pub fn made(&self, quote: &Quote) -> Millis {
        quote.updated.unwrap_or(self.fetched)
    }

    /// When a market priced the asset of a quote: the same, but for reference rates in a cross.
    pub fn priced(&self, quote: &Quote) -> Millis {
        quote.priced.unwrap_or_else(|| self.made(quote))
    }

    /// Whether a quote of this board was current when the board was fetched: not held, and not
    /// kept for so long that nobody would believe it any more.
    pub fn is_current(&self, quote: &Quote) -> bool {
        !quote.is_held && plausibility::is_of_its_time(self.priced(quote), self.fetched)
    }

    /// The quote of an asset, by its id, in a currency.
    pub fn get(&self, asset_id: &str, currency: &Currency) -> Option<&Quote> {
        let wanted = (asset_id, currency.as_str());
        let at = self
            .quotes
            .binary_search_by(|quote| key(quote).cmp(&wanted))
            .ok()?;
        self.quotes.get(at)
    }

    /// Whether an asset, by its id, has a quote in any currency.
    pub fn has(&self, asset_id: &str) -> bool {
        let at = self
            .quotes
            .partition_point(|quote| quote.asset.as_str() < asset_id);
        let first = self.quotes.get(at);
        first.is_some_and(|quote| quote.asset == asset_id)
    }

    /// All quotes, ordered by asset id and currency.
    pub fn quotes(&self) -> &[Quote] {
        &self.quotes
    }

    /// The stored form: JSON.
    pub fn encode(&self) -> Vec<u8> {
        // Numbers and strings under fixed names always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else, and if a price or currency in it is invalid.
    pub fn decode(bytes: &[u8]) -> Result<Board, DecodeError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// What quotes are ordered by.
fn key(quote: &Quote) -> (&str, &str) {
    (&quote.asset, quote.quote.as_str())
}

/// A board as it was read, in whatever order.
#[derive(Deserialize)]
struct Stored {
    version: Version,
    fetched: Millis,
    source: String,
    attribution: String,
    #[serde(default)]
    references: Vec<ReferenceRate>,
    quotes: Vec<Quote>,
}

impl From<Stored> for Board {
    fn from(stored: Stored) -> Board {
        let board = Board::new(
            stored.version,
            stored.fetched,
            stored.source,
            stored.attribution,
            stored.quotes,
        );
        Board {
            references: stored.references,
            ..board
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::price::Price;
    use crate::quote::Method;
    use proptest::prelude::*;

    fn quote(asset: &str, currency: &str, price: &str) -> Quote {
        let currency = Currency::parse(currency).unwrap();
        Quote::new(asset, currency, Price::parse(price).unwrap())
    }

    fn board(quotes: Vec<Quote>) -> Board {
        let fetched = Millis(1_795_225_200_000);
        Board::new(
            fetched.into(),
            fetched,
            "kraken",
            "Prices by Kraken",
            quotes,
        )
    }

    #[test]
    fn a_quote_is_found_by_asset_and_currency() {
        let board = board(vec![
            quote("ethereum", "USD", "3000"),
            quote("bitcoin", "USD", "76975"),
            quote("bitcoin", "EUR", "66000"),
        ]);
        let dollar = Currency::parse("USD").unwrap();
        assert_eq!(
            board.get("bitcoin", &dollar).unwrap().price.as_str(),
            "76975"
        );
        assert_eq!(board.get("Bitcoin", &dollar), None);
        assert_eq!(board.get("bitcoin", &Currency::parse("GBP").unwrap()), None);
    }

    #[test]
    fn of_two_quotes_for_a_pair_the_first_counts() {
        let board = board(vec![
            quote("bitcoin", "USD", "1"),
            quote("ethereum", "USD", "5"),
            quote("bitcoin", "USD", "2"),
        ]);
        assert_eq!(board.quotes().len(), 2);
        let dollar = Currency::parse("USD").unwrap();
        assert_eq!(board.get("bitcoin", &dollar).unwrap().price.as_str(), "1");
    }

    #[test]
    fn what_a_newer_board_lacks_is_kept_from_the_older_with_its_time_and_source() {
        let at = |ms: u64| Millis(1_795_225_200_000 + ms);
        let older = board(vec![
            quote("bitcoin", "USD", "1"),
            quote("tron", "USD", "2"),
        ]);
        let newer = Board::new(
            at(300_000).into(),
            at(300_000),
            "coinbase",
            "",
            vec![quote("bitcoin", "USD", "3")],
        );
        let dollar = Currency::parse("USD").unwrap();
        let kept = newer.clone().keeping(&older, at(0));
        assert_eq!(kept.get("bitcoin", &dollar).unwrap().price.as_str(), "3");
        let tron = kept.get("tron", &dollar).unwrap();
        assert_eq!(tron.updated, Some(at(0)));
        assert_eq!(tron.source.as_deref(), Some("kraken"));
        // Kept once more, it is still from where it was from.
        let again = board(Vec::new()).keeping(&kept, at(0));
        assert_eq!(again.get("tron", &dollar), Some(tron));
        assert_eq!(newer.keeping(&older, at(1)).get("tron", &dollar), None);
    }

    #[test]
    fn figures_that_nobody_tells_any_more_are_kept_with_their_time() {
        let at = |ms: u64| Millis(1_795_225_200_000 + ms);
        let told = Quote {
            change_24h_pct: Some("-1.5".to_owned()),
            market_cap: Some("9".to_owned()),
            volume_24h: Some("3".to_owned()),
            ..quote("bitcoin", "USD", "1")
        };
        let older = board(vec![told.clone(), quote("tron", "USD", "2")]);
        let newer = |made: Millis, quotes| Board::new(made.into(), made, "kraken", "", quotes);
        let bare = newer(
            at(1),
            vec![quote("bitcoin", "USD", "5"), quote("tron", "USD", "6")],
        );
        let dollar = Currency::parse("USD").unwrap();
        let kept = bare.clone().with_figures_of(&older, at(0));
        let bitcoin = kept.get("bitcoin", &dollar).unwrap();
        let expected = Quote {
            price: Price::parse("5").unwrap(),
            figures: Some(at(0)),
            ..told.clone()
        };
        assert_eq!(bitcoin, &expected);
        assert_eq!(kept.get("tron", &dollar).unwrap().figures, None);
        // Once more they are still from when they are from, and a new one goes before.
        let changed = Quote {
            change_24h_pct: Some("7".to_owned()),
            ..quote("bitcoin", "USD", "5")
        };
        let again = newer(at(2), vec![changed]).with_figures_of(&kept, at(0));
        let bitcoin = again.get("bitcoin", &dollar).unwrap();
        assert_eq!(bitcoin.change_24h_pct.as_deref(), Some("7"));
        assert_eq!(bitcoin.market_cap.as_deref(), Some("9"));
        assert_eq!(bitcoin.figures, Some(at(0)));
        // What is told again is of its own time, and what is too old is left behind.
        let whole = newer(at(3), vec![told.clone()]).with_figures_of(&kept, at(0));
        assert_eq!(whole.get("bitcoin", &dollar), Some(&told));
        assert_eq!(bare.clone().with_figures_of(&kept, at(1)), bare);
        assert_eq!(Board::decode(&kept.encode()).unwrap(), kept);
    }

    #[test]
    fn what_was_calculated_is_not_kept() {
        let of = |method| Quote {
            method,
            ..quote("tron", "USD", "2")
        };
        for (method, count) in [
            (Method::Single, 1),
            (Method::Median, 1),
            (Method::Cross, 0),
            (Method::Identity, 0),
        ] {
            let kept = board(Vec::new()).keeping(&board(vec![of(method)]), Millis(0));
            assert_eq!(kept.quotes().len(), count, "{method:?}");
        }
    }

    #[test]
    fn a_quote_is_current_for_as_long_as_it_would_be_believed_and_unless_it_is_held() {
        let is_current = |age_ms: u64, method, is_held| {
            let quote = Quote {
                updated: Some(Millis(1_795_225_200_000 - age_ms)),
                method,
                is_held,
                ..quote("tron", "USD", "2")
            };
            let board = board(vec![quote]);
            board.is_current(&board.quotes()[0])
        };
        assert!(is_current(900_000, Method::Single, false));
        assert!(!is_current(900_001, Method::Median, false));
        for method in [Method::Single, Method::Cross] {
            assert!(!is_current(0, method, true));
        }
    }

    #[test]
    fn reference_rates_are_stored_and_outlive_what_is_kept() {
        let mut board = board(vec![quote("tron", "USD", "2")]);
        board.references.push(ReferenceRate {
            base: Currency::parse("USD").unwrap(),
            quote: Currency::parse("EUR").unwrap(),
            price: Price::parse("0.9").unwrap(),
            updated: Some(Millis(5)),
            heard: Millis(7),
            source: "frankfurter".to_owned(),
        });
        assert_eq!(Board::decode(&board.encode()).unwrap(), board);
        let kept = board.clone().keeping(&board, Millis(0));
        assert_eq!(kept.references, board.references);
    }

    #[test]
    fn a_stored_board_in_another_order_is_still_searchable() {
        let json = br#"{"version":"a","fetched":10,"source":"s","attribution":"","quotes":[
            {"asset":"b","quote":"USD","price":"2"},{"asset":"a","quote":"USD","price":"1"}]}"#;
        let board = Board::decode(json).unwrap();
        let dollar = Currency::parse("USD").unwrap();
        assert_eq!(board.get("a", &dollar).unwrap().price.as_str(), "1");
    }

    #[test]
    fn a_stored_board_with_an_impossible_price_is_refused() {
        let json = br#"{"version":"a","fetched":10,"source":"s","attribution":"","quotes":[
            {"asset":"a","quote":"USD","price":"-1"}]}"#;
        let message = Board::decode(json).unwrap_err().to_string();
        assert!(message.contains("a price is above zero"), "{message}");
    }

    proptest! {
        #[test]
        fn a_board_reads_back(
            rows in prop::collection::vec(
                ("[a-z]{1,3}", "[A-Z]{2}", 1_u32.., prop::option::of("-?[0-9]{1}\\.[0-9]{2}"), prop::option::of(0_u64..)),
                0..20,
            ),
            source: String,
        ) {
            let quotes = rows.into_iter().map(|(asset, currency, price, change, updated)| Quote {
                change_24h_pct: change,
                updated: updated.map(Millis),
                ..quote(&asset, &currency, &price.to_string())
            });
            let fetched = Millis(7);
            let board = Board::new(fetched.into(), fetched, source, "©", quotes.collect());
            prop_assert_eq!(Board::decode(&board.encode()).unwrap(), board);
        }

        #[test]
        fn every_quote_of_a_board_is_found(
            rows in prop::collection::vec(("[a-c]{1,2}", "[A-C]{2}"), 0..30),
        ) {
            let quotes: Vec<_> = rows.iter().map(|(a, c)| quote(a, c, "1")).collect();
            let board = board(quotes.clone());
            for quote in &quotes {
                prop_assert_eq!(board.get(&quote.asset, &quote.quote), Some(quote));
            }
        }

        #[test]
        fn junk_bytes_are_an_error(bytes: Vec<u8>) {
            prop_assert!(Board::decode(&bytes).is_err());
        }
    }
}
