//! What can be said to the simulator over HTTP, and the program by itself.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use market_simulator::{Config, Market, Provider};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

/// Longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

async fn order(market: &Market, method: Method, path: &str, body: &str) -> Result<(u16, String)> {
    let response = Client::new()
        .request(method, format!("{}/_control/{path}", market.url()))
        .body(body.to_owned())
        .send()
        .await?;
    Ok((response.status().as_u16(), response.text().await?))
}

async fn carried_out(market: &Market, method: Method, path: &str, body: &str) -> Result<Value> {
    let (status, answer) = order(market, method, path, body).await?;
    ensure!(status == 200, "{path}: {status} {answer}");
    Ok(serde_json::from_str(&answer)?)
}

async fn status(market: &Market, provider: Provider, path: &str) -> Result<StatusCode> {
    let url = format!("{}{path}", market.base_url(provider));
    Ok(Client::new().get(url).send().await?.status())
}

const TICKER: &str = "/api/v3/ticker/price?symbol=BTCUSDT";

#[tokio::test]
async fn prices_are_skewed_and_straightened() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    market.set_now_ms(1_780_000_000_000);
    let price = async || -> Result<f64> {
        let url = format!("{}{TICKER}", market.base_url(Provider::Binance));
        let ticker: Value = Client::new().get(url).send().await?.json().await?;
        Ok(ticker["price"].as_str().context("a price")?.parse()?)
    };
    let honest = price().await?;
    let skews = carried_out(&market, Method::PUT, "skews/binance", r#"{"factor":2.5}"#).await?;
    assert_eq!(
        (&skews["binance"], &skews["kraken"]),
        (&json!(2.5), &json!(1.0))
    );
    assert!((price().await? / honest - 2.5).abs() < 1e-6);
    carried_out(&market, Method::DELETE, "skews", "").await?;
    assert_eq!(price().await?, honest);
    for wrong in [r#"{"factor":0}"#, r#"{"factor":-1}"#, "{}"] {
        let (status, _) = order(&market, Method::PUT, "skews/binance", wrong).await?;
        assert_eq!(status, 422, "{wrong}");
    }
    Ok(())
}

#[tokio::test]
async fn faults_are_set_seen_and_taken_back() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    let limited = r#"{"fault":"rate_limited","retry_after":30}"#;
    let faults = carried_out(&market, Method::PUT, "faults/binance", limited).await?;
    assert_eq!(
        faults["binance"],
        json!({"fault": "rate-limited", "retry_after": 30})
    );
    assert_eq!(faults["kraken"], json!({"fault": "none"}));
    assert_eq!(status(&market, Provider::Binance, TICKER).await?, 429);

    let delayed = r#"{"fault":"delay","ms":5}"#;
    carried_out(&market, Method::PUT, "faults/*", delayed).await?;
    let faults = carried_out(&market, Method::GET, "faults", "").await?;
    for provider in Provider::ALL {
        assert_eq!(faults[provider.name()], json!({"fault": "delay", "ms": 5}));
    }

    carried_out(&market, Method::DELETE, "faults/binance", "").await?;
    let none = r#"{"fault":"none"}"#;
    let faults = carried_out(&market, Method::PUT, "faults/kraken", none).await?;
    assert_eq!(faults["binance"], json!({"fault": "none"}));
    assert_eq!(faults["kraken"], json!({"fault": "none"}));
    assert_eq!(faults["coinbase"], json!({"fault": "delay", "ms": 5}));
    let faults = carried_out(&market, Method::DELETE, "faults", "").await?;
    assert_eq!(faults["coinbase"], json!({"fault": "none"}));
    Ok(())
}

#[tokio::test]
async fn calls_are_counted_by_endpoint() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    status(&market, Provider::Binance, TICKER).await?;
    status(&market, Provider::Binance, "/api/v3/nope").await?;
    status(&market, Provider::Coinbase, "/v2/prices/BTC-EUR/spot").await?;
    let calls = carried_out(&market, Method::GET, "calls", "").await?;
    assert_eq!(
        calls["binance"],
        json!({"total": 2, "/api/v3/ticker/price": 1, "(unknown)": 1})
    );
    assert_eq!(
        calls["coinbase"],
        json!({"total": 1, "/v2/prices/{pair}/spot": 1})
    );
    let calls = carried_out(&market, Method::DELETE, "calls", "").await?;
    assert_eq!(calls["binance"], json!({"total": 0}));
    Ok(())
}

#[tokio::test]
async fn the_clock_is_held_and_let_go() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    let held = carried_out(&market, Method::PUT, "clock", r#"{"now_ms":1700000000000}"#).await?;
    assert_eq!(held, json!({"now_ms": 1_700_000_000_000_i64}));
    assert_eq!(market.now_ms(), 1_700_000_000_000);
    carried_out(&market, Method::DELETE, "clock", "").await?;
    assert!(market.now_ms() > 1_700_000_000_000);
    Ok(())
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_answered_with_what_would() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    for (method, path, body, status, hint) in [
        (
            Method::PUT,
            "faults/binance",
            "delay",
            400,
            r#"{"fault":"delay","ms":500}"#,
        ),
        (
            Method::PUT,
            "faults/binance",
            r#"{"fault":"slow"}"#,
            422,
            "forbidden-html",
        ),
        (
            Method::PUT,
            "faults/binance",
            r#"{"fault":"delay","s":1}"#,
            422,
            "unknown field",
        ),
        (
            Method::PUT,
            "faults/binance",
            r#"{"fault":"hang","ms":1}"#,
            422,
            "`ms` goes with",
        ),
        (
            Method::PUT,
            "faults/bitstamp",
            r#"{"fault":"hang"}"#,
            422,
            "coingecko",
        ),
        (Method::PUT, "clock", r#"{"now":5}"#, 422, "now_ms"),
        (Method::POST, "calls", "", 405, "GET /"),
        (
            Method::GET,
            "nothing",
            "",
            404,
            "faults, skews, calls and clock",
        ),
    ] {
        let (answered, sentence) = order(&market, method, path, body).await?;
        assert_eq!(answered, status, "{path} {body}: {sentence}");
        assert!(sentence.contains(hint), "{path} {body}: {sentence}");
    }
    Ok(())
}

#[tokio::test]
async fn it_explains_itself_with_its_own_address() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    let text = reqwest::get(market.url()).await?.text().await?;
    for provider in Provider::ALL {
        assert!(text.contains(&market.base_url(provider)), "{provider}");
    }
    assert!(text.contains("old-timestamp"), "{text}");
    Ok(())
}

/// The program, ended when a test is over.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(listen: &str) -> Result<Program> {
    let child = Command::new(env!("CARGO_BIN_EXE_market-simulator"))
        .args(["--listen", listen, "--seed", "7"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(Program(child))
}

fn ended(program: &mut Program) -> Result<Option<i32>> {
    let start = Instant::now();
    loop {
        if let Some(status) = program.0.try_wait()? {
            return Ok(status.code());
        }
        ensure!(start.elapsed() < DEADLINE, "the program goes on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[tokio::test]
async fn the_program_says_where_it_is_and_ends_when_told() -> Result<()> {
    for signal in ["TERM", "INT"] {
        let mut program = start("127.0.0.1:0")?;
        let out = program.0.stdout.take().context("its output")?;
        let mut lines = BufReader::new(out).lines();
        let first = lines.next().context("a line")??;
        let url = first
            .strip_prefix("Simulating the market on ")
            .with_context(|| first.clone())?;
        let second = lines.next().context("a line")??;
        assert_eq!(second, format!("  coingecko    {url}/coingecko"));
        let answer = reqwest::get(format!("{url}/binance{TICKER}")).await?;
        assert_eq!(answer.status(), StatusCode::OK);
        let told = Command::new("kill")
            .args([format!("-{signal}"), program.0.id().to_string()])
            .status()?;
        ensure!(told.success(), "kill -{signal} failed");
        assert_eq!(ended(&mut program)?, Some(0), "SIG{signal}");
    }
    Ok(())
}

#[tokio::test]
async fn a_busy_port_is_one_sentence() -> Result<()> {
    let market = Market::start(Config::default()).await?;
    let mut program = start(&market.address().to_string())?;
    assert_eq!(ended(&mut program)?, Some(1));
    let mut sentence = String::new();
    let mut errors = program.0.stderr.take().context("its errors")?;
    errors.read_to_string(&mut sentence)?;
    assert_eq!(sentence.lines().count(), 1, "{sentence}");
    let address = market.address().to_string();
    assert!(
        sentence.contains(&address) && sentence.contains("taken"),
        "{sentence}"
    );
    Ok(())
}
