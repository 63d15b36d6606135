//! Replicas that share a store on Redis: what one fetched the other serves.

use crate::app::App;
use futures::future::join_all;
use market_simulator::{Fault, Provider};
use redis_server::RedisServer;
use std::time::Duration;

/// Two hosts on one Redis server, in one market.
pub(crate) struct Replicas {
    pub(crate) first: App,
    pub(crate) second: App,
    pub(crate) redis: RedisServer,
}

impl Replicas {
    pub(crate) async fn start() -> Replicas {
        Replicas::with(&[]).await
    }

    /// Starts with some variables other than their defaults.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Replicas {
        let redis = RedisServer::start().unwrap();
        let named = |name| [variables, &[("replica", name)]].concat();
        let first = App::on(&runtime_config(&redis), &named("one")).await;
        let second = first.beside(&named("two")).await;
        Replicas {
            first,
            second,
            redis,
        }
    }
}

/// The store `default` on a server.
pub(crate) fn runtime_config(redis: &RedisServer) -> String {
    format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n",
        redis.url()
    )
}

#[tokio::test]
async fn what_one_replica_fetched_the_other_serves() {
    let Replicas { first, second, .. } = &Replicas::start().await;
    let fetched = first.get("/v1/rates/BTC/USD").await.expect_status(200);
    let served = second.get("/v1/rates/BTC/USD").await.expect_hit();
    assert_eq!(served.text, fetched.text);
    assert_eq!(served.header("etag"), fetched.header("etag"));
    assert_eq!(first.market.calls(Provider::CoinGecko), 1);
    // A client that moved from one to the other has it already.
    let tag = fetched.header("etag");
    let moved = second
        .get_with("/v1/rates/BTC/USD", &[("if-none-match", tag)])
        .await;
    moved.expect_status(304);
}

#[tokio::test]
async fn a_replica_with_another_key_asks_at_once_where_the_old_key_was_refused() {
    let redis = RedisServer::start().unwrap();
    let key = |key| [("providers", "coingecko"), ("coingecko_api_key", key)];
    let old = App::on(&runtime_config(&redis), &key("CG-old")).await;
    old.market.fail(Provider::CoinGecko, Fault::Unauthorised);
    old.get("/v1/rates/BTC/USD").await.expect_unavailable();
    old.market.heal_all();
    old.advance(Duration::from_secs(30));
    let held_off = old.get("/v1/rates/BTC/USD").await.expect_unavailable();
    assert_eq!(held_off.header("retry-after"), "870");
    assert_eq!(old.market.calls(Provider::CoinGecko), 1);

    let new = old.beside(&key("CG-new")).await;
    new.get("/v1/rates/BTC/USD").await.expect_status(200);
    assert_eq!(old.market.calls(Provider::CoinGecko), 2);
    old.until("the other serves the board too", async || {
        old.get("/v1/rates/BTC/USD").await.status == 200
    })
    .await;
    let providers = new.get("/v1/providers").await.json();
    assert_eq!(providers["providers"][0]["circuit"]["state"], "closed");
    // The keys are nowhere in the store.
    let (stores, label) = (new.host.stores(), "default".parse().unwrap());
    for key in stores.keys(&label).await.unwrap() {
        let value = stores.get(&label, &key).await.unwrap().unwrap_or_default();
        let value = String::from_utf8_lossy(&value).into_owned();
        assert!(!value.contains("CG-"), "{key}: {value}");
    }
}

#[tokio::test]
async fn first_requests_to_both_replicas_make_one_upstream_call() {
    let Replicas { first, second, .. } = &Replicas::start().await;
    let slow = Fault::Delay(Duration::from_millis(500));
    first.market.fail(Provider::CoinGecko, slow);
    let asks = (0..100).map(|n| [first, second][n % 2].get("/v1/rates/BTC/USD"));
    let mut bodies: Vec<String> = join_all(asks)
        .await
        .into_iter()
        .map(|answer| answer.expect_status(200).text)
        .collect();
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "all see the same board");
    assert_eq!(first.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn a_due_board_is_refreshed_by_one_replica_and_seen_by_both() {
    let Replicas { first, second, .. } = &Replicas::start().await;
    let before = first.get("/v1/rates/ETH/EUR").await.expect_status(200);
    second.get("/v1/rates/ETH/EUR").await.expect_hit();
    first.advance(Duration::from_secs(310));
    let asks = (0..60).map(|n| [first, second][n % 2].get("/v1/rates/ETH/EUR"));
    for answer in join_all(asks).await {
        answer.expect_status(200);
    }
    for app in [first, second] {
        app.until("it serves the new board", async || {
            let answer = app.get("/v1/rates/ETH/EUR").await;
            !answer.header("cache-status").contains("revalidating")
                && answer.header("etag") != before.header("etag")
        })
        .await;
    }
    assert_eq!(first.market.calls(Provider::CoinGecko), 2);
}

#[tokio::test]
async fn each_replica_counts_its_own_requests_exactly_and_both_tell_the_sum() {
    let Replicas { first, second, .. } = &Replicas::start().await;
    first.get("/v1/rates/BTC/USD").await.expect_status(200);
    let ask = async |app: &App, count: usize| {
        for _ in 0..count / 20 {
            join_all((0..20).map(|_| app.get("/healthz"))).await;
        }
    };
    futures::join!(ask(first, 400), ask(second, 600));
    let counted = async |app: &App, path: &str| -> u64 {
        let metrics = app.get(path).await.expect_status(200).text;
        metrics
            .lines()
            .filter(|line| line.starts_with("http_requests_total{") && line.contains("/healthz"))
            .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap() as u64)
            .sum()
    };
    first
        .until("everything is counted, once", async || {
            let (one, two) = (
                counted(first, "/metrics").await,
                counted(second, "/metrics").await,
            );
            assert!(one <= 400 && two <= 600, "{one} and {two}");
            (one, two) == (400, 600)
        })
        .await;
    for app in [first, second] {
        assert_eq!(counted(app, "/metrics?scope=app").await, 1_000);
    }
}
