//! Two replicas on one Redis under load, while upstreams fail in one way after the other. What
//! must hold is that no price is wrong, that every answer is an honest one, and that both together
//! ask each upstream no more than its quota allows.
//!
//! Whether a price is right is known from a second market of the same seed and the same time,
//! which only this asks. The time of both is moved on from window to window.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use comfy_table::Table;
use edge_rates_quotes::Price;
use futures::future::try_join_all;
use redis_server::RedisServer;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::load::Counted;
use crate::mix::Mix;
use crate::report::{aligned, table};
use crate::route::{self, Route};
use crate::run::Run;
use crate::server::{App, HostOptions, Launcher, Server, variables_of_market};
use crate::soak::shown;
use crate::statistics::rounded;

/// The names of the replicas.
const NAMES: [&str; 2] = ["replica one", "replica two"];

/// Connections to each of them.
const CONNECTIONS: u32 = 16;

/// How long one window takes, in seconds. In the middle half of it upstreams fail.
const WINDOW: u64 = 24;

/// Pause between two answers that are looked at in full.
const LOOK: Duration = Duration::from_millis(20);

/// How often calls are counted.
const COUNTING: Duration = Duration::from_millis(250);

/// The calls that are allowed in a minute, without a key.
const QUOTAS: [(&str, u64); 2] = [("coingecko", 8), ("kraken", 60)];

/// Whose prices are served.
const PROVIDERS: [&str; 3] = ["coingecko", "coinbase", "kraken"];

/// Every answer has one of these.
const HONEST: [u16; 6] = [200, 304, 404, 422, 429, 503];

/// Boards expire quickly, and are refused when a window's fault lasts.
const VARIABLES: [(&str, &str); 4] = [
    ("fresh_seconds", "5"),
    ("jitter_seconds", "1"),
    ("grace_seconds", "2"),
    ("refuse_seconds", "9"),
];

/// Who fails, and how. What closes a provider for long comes last.
const FAULTS: [(&str, &str); 13] = [
    ("coingecko", r#"{"fault":"zero"}"#),
    ("*", r#"{"fault":"negative"}"#),
    ("coingecko", r#"{"fault":"hang"}"#),
    ("*", r#"{"fault":"reset"}"#),
    ("*", r#"{"fault":"scientific"}"#),
    ("coingecko", r#"{"fault":"rate-limited","retry_after":5}"#),
    ("*", r#"{"fault":"null"}"#),
    ("coingecko", r#"{"fault":"long-numbers"}"#),
    ("*", r#"{"fault":"truncated"}"#),
    ("*", r#"{"fault":"delay","ms":1500}"#),
    ("coingecko", r#"{"fault":"old-timestamp"}"#),
    ("*", r#"{"fault":"server-error"}"#),
    ("coingecko", r#"{"fault":"forbidden-html"}"#),
];

/// One window.
#[derive(Debug, Clone, Serialize)]
pub struct Window {
    /// Who failed in the middle of it, and how.
    pub fault: String,
    /// Answers to the load, by status, of both replicas.
    pub answers: BTreeMap<u16, u64>,
    /// Answers that were looked at in full.
    pub seen: Seen,
    /// Calls of each upstream.
    pub calls: Calls,
}

/// What was found in answers that were looked at in full.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Seen {
    /// A price of the market, not marked as stale.
    pub fresh: u64,
    /// A price of the market, marked as stale.
    pub stale: u64,
    /// 503 with Retry-After.
    pub unavailable: u64,
    /// Anything else.
    pub wrong: Vec<String>,
}

/// What the whole run comes to.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Its course.
    pub windows: Vec<Window>,
    /// The most calls of a provider within one minute of the clock.
    pub most_in_a_minute: Calls,
    /// How long it took, in seconds.
    pub seconds: u64,
}

/// Prices as the market tells them, of now and of the window before.
#[derive(Debug, Default)]
struct Known {
    now: BTreeSet<String>,
    before: BTreeSet<String>,
}

/// Calls of each provider so far, by name.
pub type Calls = BTreeMap<String, u64>;

/// Runs for `minutes`.
///
/// # Errors
/// If a server does not start or ends early.
pub async fn run(
    run: &mut Run,
    launcher: &Launcher<'_>,
    manifest: &Path,
    minutes: u64,
) -> Result<Trial> {
    let redis = RedisServer::start()?;
    let stage = Stage {
        market: launcher.market().await?,
        reference: launcher.market().await?,
        client: run.client.clone(),
    };
    let mut known = Known::default();
    stage.move_on(&mut known).await?;
    let config = redis.folder().join("runtime-config.toml");
    let store = format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n",
        redis.url()
    );
    std::fs::write(&config, store)?;
    let mut hosts = Vec::new();
    for name in NAMES {
        hosts.push(replica(launcher, name, manifest, &stage.market, &config).await?);
    }

    let began = Instant::now();
    let minutes_seen = RefCell::new(Calls::new());
    let count = (minutes * 60).div_ceil(WINDOW);
    let windows = tokio::select! {
        windows = load_all(run, &stage, &mut hosts, &mut known, count) => windows?,
        uncounted = stage.count_by_minute(&minutes_seen) => return Err(uncounted),
    };
    let trial = Trial {
        windows,
        most_in_a_minute: minutes_seen.into_inner(),
        seconds: began.elapsed().as_secs(),
    };
    for (provider, quota) in QUOTAS {
        let most = trial.most_in_a_minute.get(provider);
        let most = most.copied().unwrap_or_default();
        if most > quota {
            run.fail(format!(
                "{most} calls of {provider} in a minute; {quota} are allowed"
            ));
        }
    }
    for server in hosts.into_iter().chain([stage.reference, stage.market]) {
        server.stop().await?;
    }
    Ok(trial)
}

async fn replica(
    launcher: &Launcher<'_>,
    name: &str,
    manifest: &Path,
    market: &Server,
    config: &Path,
) -> Result<Server> {
    let mut variables = variables_of_market(market);
    variables.extend(VARIABLES.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.push(("replica".to_owned(), name.replace(' ', "-")));
    let app = App {
        manifest,
        seed: None,
        variables: &variables,
        probe: route::PAIR.path,
    };
    let options = HostOptions {
        arguments: &["--runtime-config-file", &config.to_string_lossy()],
        ..HostOptions::default()
    };
    launcher.host(name, &app, &options).await
}

async fn load_all(
    run: &mut Run,
    stage: &Stage,
    hosts: &mut [Server],
    known: &mut Known,
    count: u64,
) -> Result<Vec<Window>> {
    let routes: Vec<Route> = route::ALL.into_iter().chain([route::INVALID]).collect();
    let mix = Mix::of(&routes);
    let urls: Vec<String> = hosts.iter().map(Server::url).collect();
    let mut windows = Vec::new();
    let mut calls_before = stage.calls().await?;
    for (number, (whom, fault)) in (1..=count).zip(FAULTS.into_iter().cycle()) {
        stage.move_on(known).await?;
        let loads = urls
            .iter()
            .map(|url| run.wrk.rotate(url, &mix.sent, CONNECTIONS, WINDOW));
        let (counted, seen, failed) = tokio::join!(
            try_join_all(loads),
            stage.look(&urls, known),
            stage.fail_for_a_while(whom, fault),
        );
        failed?;
        for host in hosts.iter_mut() {
            host.must_run()?;
        }
        let calls = stage.calls().await?;
        let window = Window {
            fault: shown(whom, fault),
            answers: sum(&counted?),
            seen,
            calls: difference(&calls, &calls_before),
        };
        calls_before = calls;
        for wrong in window.wrong() {
            run.fail(format!("window {number}, {}: {wrong}", window.fault));
        }
        eprintln!("{number}/{count}: {}", window.line());
        windows.push(window);
    }
    Ok(windows)
}

/// What surrounds the replicas.
struct Stage {
    market: Server,
    /// Tells what the market's prices are, and does not count as one who asks.
    reference: Server,
    client: reqwest::Client,
}

impl Stage {
    /// Brings the time of both markets to the present, where it stays, and learns the prices.
    async fn move_on(&self, known: &mut Known) -> Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        for market in [&self.market, &self.reference] {
            let clock = format!("{}/_control/clock", market.url());
            let order = self
                .client
                .put(clock)
                .body(format!(r#"{{"now_ms":{now}}}"#));
            order.send().await?.error_for_status()?;
        }
        known.before = std::mem::take(&mut known.now);
        known.now = self.prices().await?;
        Ok(())
    }

    /// What each provider tells about bitcoin in dollars.
    async fn prices(&self) -> Result<BTreeSet<String>> {
        #[derive(Deserialize)]
        struct CoinGecko {
            bitcoin: BTreeMap<String, Box<RawValue>>,
        }
        let url = self.reference.url();
        let text = async |path: &str| -> Result<String> {
            let answer = self.client.get(format!("{url}{path}")).send().await?;
            Ok(answer.error_for_status()?.text().await?)
        };
        let path = "/coingecko/simple/price?ids=bitcoin&vs_currencies=usd&precision=full";
        let coins: CoinGecko = serde_json::from_str(&text(path).await?)?;
        let coingecko = coins.bitcoin.get("usd").map(|price| price.get().to_owned());
        let rates = text("/coinbase/v2/exchange-rates?currency=BTC").await?;
        let rates: Value = serde_json::from_str(&rates)?;
        let ticker = text("/kraken/0/public/Ticker?pair=XBTUSD").await?;
        let ticker: Value = serde_json::from_str(&ticker)?;
        let told = [
            coingecko,
            string_at(&rates, "/data/rates/USD"),
            string_at(&ticker, "/result/XXBTZUSD/c/0"),
        ];
        let mut prices = BTreeSet::new();
        for (provider, price) in PROVIDERS.into_iter().zip(told) {
            let price = price.with_context(|| format!("{provider} tells no price"))?;
            prices.insert(Price::parse(&price)?.as_str().to_owned());
        }
        Ok(prices)
    }

    /// Lets providers fail in the middle half of a window.
    async fn fail_for_a_while(&self, whom: &str, fault: &'static str) -> Result<()> {
        let quarter = Duration::from_secs(WINDOW) / 4;
        let faults = format!("{}/_control/faults", self.market.url());
        sleep(quarter).await;
        let order = self.client.put(format!("{faults}/{whom}")).body(fault);
        order.send().await?.error_for_status()?;
        sleep(2 * quarter).await;
        let order = self.client.delete(faults);
        order.send().await?.error_for_status()?;
        Ok(())
    }

    async fn calls(&self) -> Result<Calls> {
        let url = format!("{}/_control/calls", self.market.url());
        let answer = self.client.get(url).send().await?.error_for_status()?;
        let all: BTreeMap<String, Calls> = serde_json::from_str(&answer.text().await?)?;
        let totals = all.into_iter().filter_map(|(provider, calls)| {
            PROVIDERS
                .contains(&provider.as_str())
                .then(|| (provider, calls.get("total").copied().unwrap_or_default()))
        });
        Ok(totals.collect())
    }

    /// Notes the most calls that each provider gets within a minute of the clock. Ends only with
    /// an error.
    async fn count_by_minute(&self, most: &RefCell<Calls>) -> anyhow::Error {
        let mut ticks = interval(COUNTING);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut at_start: Option<(u64, Calls)> = None;
        loop {
            ticks.tick().await;
            // A call of the next minute must not be taken for one of this: so the time comes
            // first, and what cannot be told apart counts for the earlier minute.
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let minute = now.map_or(0, |now| now.as_secs() / 60);
            let calls = match self.calls().await {
                Ok(calls) => calls,
                Err(error) => return error,
            };
            let is_another = at_start.as_ref().is_none_or(|(at, _)| *at != minute);
            if is_another {
                at_start = Some((minute, calls.clone()));
            }
            let Some((_, before)) = &at_start else {
                continue;
            };
            let mut most = most.borrow_mut();
            for (provider, count) in difference(&calls, before) {
                let known = most.entry(provider).or_default();
                *known = count.max(*known);
            }
        }
    }

    /// Looks at answers of both replicas in full, for almost a whole window.
    async fn look(&self, urls: &[String], known: &Known) -> Seen {
        let end = Instant::now() + Duration::from_secs(WINDOW) - Duration::from_millis(500);
        let mut seen = Seen::default();
        for url in urls.iter().cycle() {
            if Instant::now() >= end {
                break;
            }
            match self.look_once(url).await {
                Ok(answer) => seen.judge(&answer, known),
                Err(error) => seen.complain(format!("no answer: {error:#}")),
            }
            sleep(LOOK).await;
        }
        seen
    }

    async fn look_once(&self, url: &str) -> Result<Looked> {
        let answer = self.client.get(format!("{url}{}", route::PAIR.path));
        let answer = answer.send().await?;
        Ok(Looked {
            status: answer.status().as_u16(),
            says_when_to_retry: answer.headers().contains_key("retry-after"),
            body: answer.text().await?,
        })
    }
}

/// An answer that is looked at in full.
struct Looked {
    status: u16,
    says_when_to_retry: bool,
    body: String,
}

impl Seen {
    fn judge(&mut self, answer: &Looked, known: &Known) {
        #[derive(Deserialize)]
        struct Body {
            price: String,
            stale: bool,
        }
        match answer.status {
            200 => {}
            503 if answer.says_when_to_retry => {
                self.unavailable += 1;
                return;
            }
            status => return self.complain(format!("{status}: {}", answer.body)),
        }
        match serde_json::from_str::<Body>(&answer.body) {
            Ok(Body { price, stale }) => {
                // A board lives for less than a window, so no price is older than the one before.
                if !known.now.contains(&price) && !known.before.contains(&price) {
                    return self.complain(format!(
                        "the price {price} is none of {:?} and {:?}",
                        known.now, known.before
                    ));
                }
                match stale {
                    true => self.stale += 1,
                    false => self.fresh += 1,
                }
            }
            Err(error) => self.complain(format!("{error}: {}", answer.body)),
        }
    }

    fn complain(&mut self, what: String) {
        self.wrong.push(what);
    }
}

impl Window {
    /// What must not have been.
    fn wrong(&self) -> Vec<String> {
        let dishonest = self
            .answers
            .iter()
            .filter(|(status, _)| !HONEST.contains(status))
            .map(|(status, count)| format!("{count} answers with {status}"));
        dishonest.chain(self.seen.wrong.iter().cloned()).collect()
    }

    fn line(&self) -> String {
        let Seen {
            fresh,
            stale,
            unavailable,
            wrong,
        } = &self.seen;
        format!(
            "{:<26} {:?}; looked at: {fresh} fresh, {stale} stale, {unavailable} unavailable, \
             {} wrong; calls {:?}",
            self.fault,
            self.answers,
            wrong.len(),
            self.calls,
        )
    }
}

fn string_at(value: &Value, pointer: &str) -> Option<String> {
    Some(value.pointer(pointer)?.as_str()?.to_owned())
}

fn sum(counted: &[Counted]) -> BTreeMap<u16, u64> {
    let mut sum = BTreeMap::new();
    for (status, count) in counted.iter().flat_map(|counted| &counted.answers) {
        *sum.entry(*status).or_default() += count;
    }
    sum
}

fn difference(now: &Calls, before: &Calls) -> Calls {
    let since = now.iter().map(|(provider, count)| {
        let before = before.get(provider).copied().unwrap_or_default();
        (provider.clone(), count.saturating_sub(before))
    });
    since.collect()
}

impl Trial {
    /// The run in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let wrong: usize = self.windows.iter().map(|window| window.wrong().len()).sum();
        let answers: u64 = self
            .windows
            .iter()
            .flat_map(|window| window.answers.values())
            .sum();
        let seen = self.windows.iter().map(|window| &window.seen);
        let looked_at: u64 = seen
            .map(|seen| seen.fresh + seen.stale + seen.unavailable)
            .sum();
        let mut sentences = vec![format!(
            "{} answers in {} s, {} of them looked at in full: {wrong} wrong",
            rounded(answers as f64),
            self.seconds,
            rounded(looked_at as f64),
        )];
        for (provider, most) in &self.most_in_a_minute {
            let quota = QUOTAS.iter().find(|(known, _)| known == provider);
            let allowed = quota.map_or("any number".to_owned(), |(_, quota)| quota.to_string());
            sentences.push(format!(
                "{provider}: at most {most} calls in a minute by both together, of {allowed} allowed"
            ));
        }
        sentences
    }

    /// The windows as a table.
    pub fn as_table(&self) -> Table {
        let header = [
            "upstream fault",
            "fresh",
            "stale",
            "503",
            "wrong",
            "answers by status",
        ];
        let mut table = table(header.into_iter().chain(PROVIDERS));
        for window in &self.windows {
            let answers = window.answers.iter();
            let answers: Vec<String> = answers
                .map(|(status, count)| format!("{status}: {}", rounded(*count as f64)))
                .collect();
            let mut row = vec![
                window.fault.clone(),
                window.seen.fresh.to_string(),
                window.seen.stale.to_string(),
                window.seen.unavailable.to_string(),
                window.wrong().len().to_string(),
                answers.join(", "),
            ];
            row.extend(PROVIDERS.map(|provider| {
                let calls = window.calls.get(provider);
                calls.map_or_else(String::new, u64::to_string)
            }));
            table.add_row(row);
        }
        aligned(table, 1..5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Known {
        Known {
            now: ["2.5".to_owned()].into(),
            before: ["2".to_owned()].into(),
        }
    }

    fn looked(status: u16, says_when_to_retry: bool, body: &str) -> Seen {
        let mut seen = Seen::default();
        let body = body.to_owned();
        let answer = Looked {
            status,
            says_when_to_retry,
            body,
        };
        seen.judge(&answer, &known());
        seen
    }

    #[test]
    fn only_the_markets_prices_are_right() {
        assert_eq!(
            looked(200, false, r#"{"price":"2.5","stale":false}"#).fresh,
            1
        );
        assert_eq!(looked(200, false, r#"{"price":"2","stale":true}"#).stale, 1);
        let wrong = looked(200, false, r#"{"price":"2.50","stale":false}"#).wrong;
        assert!(wrong[0].contains("2.50 is none of"), "{wrong:?}");
    }

    #[test]
    fn only_honest_refusals_are_right() {
        assert_eq!(looked(503, true, "").unavailable, 1);
        assert_eq!(looked(503, false, "").wrong.len(), 1);
        assert_eq!(looked(500, true, "").wrong.len(), 1);
    }

    #[test]
    fn a_status_that_is_not_honest_is_wrong() {
        let window = Window {
            fault: String::new(),
            answers: [(200, 5), (500, 1)].into(),
            seen: Seen::default(),
            calls: Calls::new(),
        };
        assert_eq!(window.wrong(), ["1 answers with 500"]);
    }

    #[test]
    fn calls_count_from_where_they_were() {
        let before = Calls::from([("kraken".to_owned(), 3)]);
        let now = Calls::from([("kraken".to_owned(), 5), ("coinbase".to_owned(), 1)]);
        let since = Calls::from([("kraken".to_owned(), 2), ("coinbase".to_owned(), 1)]);
        assert_eq!(difference(&now, &before), since);
    }
}
