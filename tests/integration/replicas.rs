//! Several hosts on one store: together they ask upstream as often as one would, and when one of
//! them dies another takes over.

use crate::answer::Answer;
use crate::app::{client, root, until};
use crate::process::Process;
use futures::future::join_all;
use market_simulator::{Config, Fault, Market, Provider};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const PAIR: &str = "/v1/rates/BTC/USD";

struct Replicas {
    market: Market,
    hosts: Vec<Process>,
    client: reqwest::Client,
    _state: TempDir,
}

impl Replicas {
    /// Two hosts that only CoinGecko gives prices to, in real time.
    async fn start(variables: &[(&str, &str)]) -> Replicas {
        let market = Market::start(Config::default()).await.unwrap();
        let state = TempDir::new().unwrap();
        let mut arguments: Vec<String> = vec![
            "--state-dir".into(),
            state.path().to_str().unwrap().to_owned(),
        ];
        let (upstream, coingecko) = (market.url(), market.base_url(Provider::CoinGecko));
        let fixed = [
            ("other_upstream", upstream.as_str()),
            ("coingecko_url", coingecko.as_str()),
            ("providers", "coingecko"),
            ("jitter_seconds", "0"),
        ];
        for (name, value) in fixed.iter().chain(variables) {
            arguments.extend(["--variable".into(), format!("{name}={value}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let manifest = root().join("spin.toml");
        let mut hosts = Vec::new();
        for _ in 0..2 {
            hosts.push(Process::start(&manifest, &arguments).await);
        }
        Replicas {
            market,
            hosts,
            client: client(),
            _state: state,
        }
    }

    async fn get(&self, host: usize, path: &str) -> Answer {
        let url = format!("{}{path}", self.hosts[host].url);
        Answer::read(self.client.get(url).send().await.expect("an answer")).await
    }

    fn calls(&self) -> u64 {
        self.market.calls(Provider::CoinGecko)
    }

    /// Asks all hosts at once, over and over, until `is_enough` is true of what was answered.
    async fn ask_until(&self, is_enough: impl Fn(&Answer) -> bool) {
        let started = Instant::now();
        loop {
            let asking = (0..8).map(|n| self.get(n % self.hosts.len(), PAIR));
            let answers = join_all(asking).await;
            if answers.iter().any(&is_enough) {
                return;
            }
            assert!(started.elapsed() < Duration::from_secs(60), "not in time");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

#[tokio::test]
async fn both_together_make_one_upstream_call_for_each_board() {
    // A budget that does not come into it.
    let variables = [("fresh_seconds", "2"), ("coingecko_per_minute", "1000")];
    let replicas = Replicas::start(&variables).await;
    let versions = std::cell::RefCell::new(BTreeSet::new());
    replicas
        .ask_until(|answer| {
            assert_eq!(answer.status, 200, "{}", answer.text);
            let etag = answer.header("etag").to_owned();
            let mut versions = versions.borrow_mut();
            versions.insert(etag.split('-').next().unwrap().to_owned());
            versions.len() == 5
        })
        .await;
    let (calls, boards) = (replicas.calls(), versions.borrow().len() as u64);
    println!("two replicas made {calls} upstream calls for {boards} boards");
    // One more may be under way.
    assert!((boards..=boards + 1).contains(&calls), "{calls} calls");
}

#[tokio::test]
async fn both_together_send_one_probe() {
    let replicas = Replicas::start(&[]).await;
    let limited = Fault::RateLimited { retry_after_s: 5 };
    replicas.market.fail(Provider::CoinGecko, limited);
    replicas.ask_until(|answer| answer.status == 503).await;
    assert_eq!(replicas.calls(), 1);
    replicas.ask_until(|_| replicas.calls() > 1).await;
    // The probe was answered alike; for seconds there is no other.
    let probed = Instant::now();
    replicas
        .ask_until(|answer| {
            assert_eq!(answer.status, 503);
            probed.elapsed() > Duration::from_secs(3)
        })
        .await;
    assert_eq!(replicas.calls(), 2);
    replicas.market.heal_all();
    replicas.ask_until(|answer| answer.status == 200).await;
    assert_eq!(replicas.calls(), 3);
}

#[tokio::test]
async fn a_leader_that_is_killed_while_it_refreshes_is_replaced_within_ten_seconds() {
    let mut replicas = Replicas::start(&[]).await;
    replicas.market.fail(Provider::CoinGecko, Fault::Hang);
    let url = format!("{}{PAIR}", replicas.hosts[0].url);
    let client = client();
    let leading = tokio::spawn(async move { client.get(url).send().await });
    until("the leader waits for the upstream", async || {
        replicas.calls() == 1
    })
    .await;
    replicas.hosts[0].signal("-KILL");
    let killed = Instant::now();
    replicas.hosts[0].ended().await;
    assert!(leading.await.unwrap().is_err(), "its client is cut off");
    replicas.market.heal_all();
    replicas.hosts.remove(0);
    replicas.ask_until(|answer| answer.status == 200).await;
    let took = killed.elapsed();
    println!("the leader was replaced after {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    assert_eq!(replicas.calls(), 2);
}
