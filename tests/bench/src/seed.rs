//! A store with a board in it, so that the cached path needs no upstream: what a server would
//! have fetched a moment ago, and what it has to be told to serve it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use edge_rates_quotes::stored::{BODY_KEY, HEAD_KEY};
use edge_rates_quotes::{Board, Catalogue, Head, Millis, Policy, Price, Quote, Version};
use runtime_host_keyvalue::{StoreLabel, Stores};

use crate::twin::DATABASE;

/// The board is fresh for a day: longer than any run.
const FRESH_SECONDS: u64 = 24 * 60 * 60;

/// It is served for another day after that.
const REFUSE_SECONDS: u64 = 2 * FRESH_SECONDS;

const SOURCE: &str = "seed";

/// Made-up prices are below this many ten-thousandths, and above nothing.
const DEAREST: u64 = 900_000_000;

/// The assets and currencies that routes ask for by name.
const NAMED_ASSETS: [(&str, &str); 3] =
    [("bitcoin", "BTC"), ("ethereum", "ETH"), ("litecoin", "LTC")];
const CURRENCIES: [&str; 10] = [
    "USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK", "NOK", "DKK",
];

/// How many pairs a board has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// 50 pairs: 10 assets in 5 currencies.
    Small,
    /// 500 pairs: 50 assets in 10 currencies.
    Medium,
    /// 5,000 pairs: 500 assets in 10 currencies.
    Large,
}

impl Size {
    /// Assets and currencies.
    fn sides(self) -> (usize, usize) {
        match self {
            Size::Small => (10, 5),
            Size::Medium => (50, 10),
            Size::Large => (500, 10),
        }
    }

    /// The number of pairs.
    pub fn pairs(self) -> usize {
        let (assets, currencies) = self.sides();
        assets * currencies
    }
}

/// A board, its head, and the settings that go with it.
#[derive(Debug)]
pub struct Seed {
    assets: String,
    currencies: String,
    head: Head,
    board: Board,
}

impl Seed {
    /// A board of this size, fetched just now.
    ///
    /// # Errors
    /// If the rates code takes none of it: then this module is wrong.
    pub fn new(size: Size) -> Result<Seed> {
        let (assets, currencies) = size.sides();
        let assets = (0..assets).map(asset).collect::<Vec<_>>().join(",");
        let currencies = CURRENCIES
            .into_iter()
            .take(currencies)
            .collect::<Vec<_>>()
            .join(",");
        let catalogue = Catalogue::parse(&assets, &currencies)?;
        let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
        let now = Millis(u64::try_from(since.as_millis())?);
        let version = Version::from(now);
        let policy = Policy::new(FRESH_SECONDS * 1000, 0, 0, REFUSE_SECONDS * 1000)?;
        Ok(Seed {
            // A board that cost nothing is never due early.
            head: policy.head(version, now, 0, SOURCE, 0),
            board: Board::new(version, now, SOURCE, "Made up", quotes(&catalogue, now)?),
            assets,
            currencies,
        })
    }

    /// The variables with which a server serves this board, and never has to fetch another.
    pub fn variables(&self) -> Vec<(String, String)> {
        [
            ("assets", self.assets.clone()),
            ("currencies", self.currencies.clone()),
            ("fresh_seconds", FRESH_SECONDS.to_string()),
            ("jitter_seconds", "0".to_owned()),
            ("refuse_seconds", REFUSE_SECONDS.to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    /// Puts the board into the store of a state folder.
    ///
    /// # Errors
    /// If the store can't be written.
    pub async fn store_in(&self, state_folder: &Path) -> Result<()> {
        let label: StoreLabel = "default".parse()?;
        let stores = Stores::sqlite(&state_folder.join(DATABASE), [label.clone()])?;
        let entries = vec![
            (BODY_KEY.to_owned(), self.board.encode()),
            (HEAD_KEY.to_owned(), self.head.encode()),
        ];
        stores
            .set_many(&label, entries)
            .await
            .context("the board can't be stored")
    }
}

/// One entry of the setting `assets`.
fn asset(number: usize) -> String {
    match NAMED_ASSETS.get(number) {
        Some((id, symbol)) => format!("{id}:{symbol}"),
        None => format!("asset-{number:04}:A{number:04}"),
    }
}

fn quotes(catalogue: &Catalogue, now: Millis) -> Result<Vec<Quote>> {
    let mut price = 7;
    let mut quotes = Vec::new();
    for pair in catalogue.pairs() {
        // Any numbers of various lengths do, as long as they are the same in every run.
        price = (price * 7_919 + 104_729) % DEAREST + 1;
        quotes.push(Quote {
            asset: pair.asset.id().to_owned(),
            quote: pair.quote,
            price: Price::parse(&format!("{}.{:04}", price / 10_000, price % 10_000))?,
            change_24h_pct: Some("-1.4125".to_owned()),
            updated: Some(now.saturating_sub(10_000)),
            source: None,
        });
    }
    Ok(quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_stored_reads_back() {
        for size in [Size::Small, Size::Medium, Size::Large] {
            let folder = tempfile::tempdir().unwrap();
            let seed = Seed::new(size).unwrap();
            seed.store_in(folder.path()).await.unwrap();

            let label: StoreLabel = "default".parse().unwrap();
            let database = folder.path().join(DATABASE);
            let stores = Stores::sqlite(&database, [label.clone()]).unwrap();
            let head = stores.get(&label, HEAD_KEY).await.unwrap().unwrap();
            let body = stores.get(&label, BODY_KEY).await.unwrap().unwrap();
            assert_eq!(Head::decode(&head).unwrap(), seed.head);
            let board = Board::decode(&body).unwrap();
            assert_eq!(board.quotes().len(), size.pairs());
            assert_eq!(board, seed.board);
        }
    }
}
