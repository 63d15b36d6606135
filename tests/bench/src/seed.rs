//! A store with a board in it, so that the cached path needs no upstream: what a server would
//! have fetched a moment ago, and what it has to be told to serve it.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use edge_rates_quotes::stored::{BODY_KEY, HEAD_KEY};
use edge_rates_quotes::{Board, Catalogue, Millis, Policy, Price, Quote, Version};
use runtime_host_keyvalue::{KeyValueStore, RedisUrl, StoreLabel, Stores};

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

/// What is in a store beforehand, and the settings that go with it.
#[derive(Debug)]
pub struct Seed {
    variables: Vec<(String, String)>,
    entries: Vec<(String, Vec<u8>)>,
}

impl Seed {
    /// A board of this size, fetched just now.
    ///
    /// # Errors
    /// If the rates code takes none of it: then this module is wrong.
    pub fn board(size: Size) -> Result<Seed> {
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
        // A board that cost nothing is never due early.
        let head = policy.head(version, now, 0, SOURCE, 0);
        let board = Board::new(version, now, SOURCE, "Made up", quotes(&catalogue, now)?);
        let variables = [
            ("assets", assets),
            ("currencies", currencies),
            ("fresh_seconds", FRESH_SECONDS.to_string()),
            ("jitter_seconds", "0".to_owned()),
            ("refuse_seconds", REFUSE_SECONDS.to_string()),
        ];
        Ok(Seed {
            variables: variables
                .map(|(name, value)| (name.to_owned(), value))
                .to_vec(),
            entries: vec![
                (BODY_KEY.to_owned(), board.encode()),
                (HEAD_KEY.to_owned(), head.encode()),
            ],
        })
    }

    /// One value, and no settings.
    pub fn value(key: &str, value: &str) -> Seed {
        Seed {
            variables: Vec::new(),
            entries: vec![(key.to_owned(), value.as_bytes().to_vec())],
        }
    }

    /// The variables with which a server serves this board, and never has to fetch another.
    pub fn variables(&self) -> &[(String, String)] {
        &self.variables
    }

    /// Puts it into the store of a state folder.
    ///
    /// # Errors
    /// If the store can't be written.
    pub async fn store_in(&self, state_folder: &Path) -> Result<()> {
        let path = Some(state_folder.join(DATABASE));
        self.store(KeyValueStore::Sqlite { path }).await
    }

    /// Puts it onto a Redis server.
    ///
    /// # Errors
    /// If the server can't be written.
    pub async fn store_on(&self, url: RedisUrl) -> Result<()> {
        let prefix = String::new();
        self.store(KeyValueStore::Redis { url, prefix }).await
    }

    async fn store(&self, store: KeyValueStore) -> Result<()> {
        let label: StoreLabel = "default".parse()?;
        let stores = Stores::open([(label.clone(), store)])?;
        let stored = stores.set_many(&label, self.entries.clone()).await;
        stored.context("the store can't be seeded")
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
        let price = Price::parse(&format!("{}.{:04}", price / 10_000, price % 10_000))?;
        quotes.push(Quote {
            change_24h_pct: Some("-1.4125".to_owned()),
            updated: Some(now.saturating_sub(10_000)),
            ..Quote::new(pair.asset.id(), pair.quote, price)
        });
    }
    Ok(quotes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_quotes::{Freshness, Head, freshness};

    #[tokio::test]
    async fn a_stored_board_reads_back_and_is_fresh() {
        for size in [Size::Small, Size::Medium, Size::Large] {
            let folder = tempfile::tempdir().unwrap();
            let seed = Seed::board(size).unwrap();
            seed.store_in(folder.path()).await.unwrap();

            let label: StoreLabel = "default".parse().unwrap();
            let database = folder.path().join(DATABASE);
            let stores = Stores::sqlite(&database, [label.clone()]).unwrap();
            let head = stores.get(&label, HEAD_KEY).await.unwrap().unwrap();
            let body = stores.get(&label, BODY_KEY).await.unwrap().unwrap();
            let (head, board) = (Head::decode(&head).unwrap(), Board::decode(&body).unwrap());
            assert_eq!(head.version, board.version);
            assert_eq!(board.quotes().len(), size.pairs());
            let policy = Policy::new(FRESH_SECONDS * 1000, 0, 0, REFUSE_SECONDS * 1000).unwrap();
            let in_an_hour = head.fetched.saturating_add(3_600_000);
            for random in [0, u32::MAX] {
                let freshness = freshness(&head, &policy, in_an_hour, random);
                assert_eq!(freshness, Freshness::Fresh);
            }
        }
    }

    #[test]
    fn the_routes_under_load_are_priced_on_the_smallest_board() {
        let seed = Seed::board(Size::Small).unwrap();
        let setting = |wanted: &str| {
            let found = seed.variables().iter().find(|(name, _)| name == wanted);
            found.unwrap().1.clone()
        };
        for asset in ["bitcoin:BTC", "ethereum:ETH", "litecoin:LTC"] {
            assert!(setting("assets").contains(asset));
        }
        for currency in ["USD", "EUR"] {
            assert!(setting("currencies").contains(currency));
        }
    }
}
