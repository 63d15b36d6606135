//! How each fault looks over real HTTP, at every provider.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use market_simulator::{Clock, Config, Fault, Market, Provider};
use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const NOW_MS: i64 = 1_779_107_405_250;
/// Longer than anything here takes, even on a busy machine.
const DEADLINE: Duration = Duration::from_secs(20);

async fn market() -> Result<Market> {
    Ok(Market::start(Config {
        clock: Clock::manual(NOW_MS),
        ..Config::default()
    })
    .await?)
}

/// A path that gives bitcoin's price, and where in the JSON it is.
fn bitcoin(provider: Provider) -> (&'static str, &'static str) {
    match provider {
        Provider::CoinGecko => (
            "/simple/price?ids=bitcoin&vs_currencies=usd&precision=full&include_last_updated_at=true",
            "/bitcoin/usd",
        ),
        Provider::Coinbase => ("/v2/exchange-rates?currency=BTC", "/data/rates/USD"),
        Provider::Kraken => ("/0/public/Ticker?pair=XBTUSD", "/result/XXBTZUSD/c/0"),
        Provider::Binance => ("/api/v3/ticker/price?symbol=BTCUSDT", "/price"),
        Provider::Bitpin => ("/api/v1/mkt/tickers/", "/0/price"),
        // It trades no bitcoin.
        Provider::Frankfurter => ("/v1/latest?base=USD&symbols=JPY", "/rates/JPY"),
    }
}

async fn ask(market: &Market, provider: Provider) -> Result<Response> {
    let client = Client::builder().user_agent("tests").build()?;
    let url = format!("{}{}", market.base_url(provider), bitcoin(provider).0);
    Ok(client.get(url).send().await?)
}

async fn body(market: &Market, provider: Provider) -> Result<Value> {
    let response = ask(market, provider).await?;
    ensure!(
        response.status() == StatusCode::OK,
        "{provider}: {}",
        response.status()
    );
    Ok(response.json().await?)
}

/// The price as it stands in the JSON.
async fn price(market: &Market, provider: Provider) -> Result<Value> {
    let body = body(market, provider).await?;
    let price = body.pointer(bitcoin(provider).1);
    price
        .cloned()
        .with_context(|| format!("{provider}: {body}"))
}

/// The characters of a price, whether it is a number or text.
fn text(price: &Value) -> String {
    price
        .as_str()
        .map_or_else(|| price.to_string(), str::to_owned)
}

/// Waits until as many connections are open as told.
async fn until_connections(market: &Market, wanted: usize) -> Result<()> {
    let start = Instant::now();
    while market.connections() != wanted {
        ensure!(
            start.elapsed() < DEADLINE,
            "{} connections are open, not {wanted}",
            market.connections()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Waits until `provider` has been asked, and a little longer.
async fn until_asked(market: &Market, provider: Provider) -> Result<()> {
    let start = Instant::now();
    while market.calls(provider) == 0 {
        ensure!(start.elapsed() < DEADLINE, "{provider} was never asked");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    Ok(())
}

#[tokio::test]
async fn a_delayed_answer_is_late_and_true() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let truth = body(&market, provider).await?;
        market.fail(provider, Fault::Delay(Duration::from_millis(120)));
        let start = Instant::now();
        assert_eq!(body(&market, provider).await?, truth, "{provider}");
        assert!(start.elapsed() >= Duration::from_millis(120), "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_hanging_provider_reads_and_never_answers() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        market.fail(provider, Fault::Hang);
        tokio::select! {
            answer = ask(&market, provider) => bail!("{provider} answered: {answer:?}"),
            waited = until_asked(&market, provider) => waited?,
        }
    }
    until_connections(&market, 0).await
}

#[tokio::test]
async fn a_reset_connection_ends_with_rst_and_not_a_byte() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        market.fail(provider, Fault::Reset);
        let mut stream = TcpStream::connect(market.address()).await?;
        let path = bitcoin(provider).0;
        let head = format!("GET /{provider}{path} HTTP/1.1\r\nhost: x\r\nuser-agent: x\r\n\r\n");
        stream.write_all(head.as_bytes()).await?;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(DEADLINE, stream.read_to_end(&mut answer)).await?;
        let error = read
            .err()
            .with_context(|| format!("{provider} closed quietly"))?;
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{provider}");
        assert!(answer.is_empty(), "{provider}");
        assert_eq!(market.calls(provider), 1, "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn each_provider_refuses_in_its_own_shape() -> Result<()> {
    let market = market().await?;
    let rate_limited = Fault::RateLimited { retry_after_s: 17 };
    for (provider, fault, status, pointer, value) in [
        (
            Provider::CoinGecko,
            rate_limited,
            429,
            "/status/error_code",
            json!(429),
        ),
        (
            Provider::CoinGecko,
            Fault::Unauthorised,
            401,
            "/status/error_code",
            json!(10_002),
        ),
        (
            Provider::Coinbase,
            rate_limited,
            429,
            "/errors/0/id",
            json!("rate_limit_exceeded"),
        ),
        (
            Provider::Coinbase,
            Fault::Unauthorised,
            401,
            "/errors/0/id",
            json!("authentication_error"),
        ),
        (
            Provider::Kraken,
            rate_limited,
            200,
            "/error/0",
            json!("EGeneral:Too many requests"),
        ),
        (
            Provider::Kraken,
            Fault::Unauthorised,
            200,
            "/error/0",
            json!("EAPI:Invalid key"),
        ),
        (
            Provider::Kraken,
            Fault::ServerError,
            200,
            "/error/0",
            json!("EService:Unavailable"),
        ),
        (
            Provider::Kraken,
            Fault::Legal,
            200,
            "/error/0",
            json!("EGeneral:Permission denied"),
        ),
        (Provider::Binance, rate_limited, 429, "/code", json!(-1003)),
        (
            Provider::Binance,
            Fault::Unauthorised,
            401,
            "/code",
            json!(-2015),
        ),
        (Provider::Binance, Fault::Legal, 451, "/code", json!(0)),
        (
            Provider::Binance,
            Fault::ServerError,
            500,
            "/code",
            json!(-1000),
        ),
        (Provider::Binance, Fault::Banned, 418, "/code", json!(-1003)),
        (
            Provider::Kraken,
            Fault::Banned,
            200,
            "/error/0",
            json!("EGeneral:Temporary lockout"),
        ),
        (
            Provider::Bitpin,
            rate_limited,
            429,
            "/detail",
            json!("Request was throttled. Expected available in 17 seconds."),
        ),
        (
            Provider::Frankfurter,
            rate_limited,
            429,
            "/message",
            json!("too many requests"),
        ),
    ] {
        market.fail(provider, fault);
        let response = ask(&market, provider).await?;
        assert_eq!(response.status().as_u16(), status, "{provider} {fault}");
        let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
        let expected = match status {
            429 => Some("17"),
            418 => Some("120"),
            _ => None,
        };
        assert_eq!(
            retry_after.as_ref().and_then(|value| value.to_str().ok()),
            expected,
            "{provider} {fault}"
        );
        let body: Value = response.json().await?;
        assert_eq!(
            body.pointer(pointer),
            Some(&value),
            "{provider} {fault}: {body}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn statuses_are_those_the_faults_are_named_for() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        for (fault, status) in [
            (Fault::RateLimited { retry_after_s: 1 }, 429),
            (Fault::Banned, 418),
            (Fault::Unauthorised, 401),
            (Fault::Legal, 451),
            (Fault::ServerError, 500),
        ] {
            market.fail(provider, fault);
            let expected = if provider == Provider::Kraken {
                200
            } else {
                status
            };
            let status = ask(&market, provider).await?.status();
            assert_eq!(status.as_u16(), expected, "{provider} {fault}");
        }
        market.fail(provider, Fault::ForbiddenHtml);
        let page = ask(&market, provider).await?;
        assert_eq!(page.status(), StatusCode::FORBIDDEN, "{provider}");
        assert_eq!(
            page.headers()[header::CONTENT_TYPE],
            "text/html; charset=UTF-8"
        );
        assert!(
            page.text().await?.starts_with("<!DOCTYPE html>"),
            "{provider}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_empty_answer_has_a_200_and_no_body() -> Result<()> {
    let market = market().await?;
    market.fail_all(Fault::Empty);
    for provider in Provider::ALL {
        let response = ask(&market, provider).await?;
        assert_eq!(response.status(), StatusCode::OK, "{provider}");
        assert!(response.bytes().await?.is_empty(), "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_limiter_in_front_of_any_provider_says_one_word() -> Result<()> {
    let market = market().await?;
    market.fail_all(Fault::Throttled);
    for provider in Provider::ALL {
        let response = ask(&market, provider).await?;
        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(response.text().await?.trim(), "Throttled", "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_limit_can_be_told_with_status_200() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        market.fail(provider, Fault::RateLimited { retry_after_s: 0 });
        let open = ask(&market, provider).await?.text().await?;
        market.fail(provider, Fault::RateLimitedAs200);
        let hidden = ask(&market, provider).await?;
        assert_eq!(hidden.status(), StatusCode::OK, "{provider}");
        assert!(!hidden.headers().contains_key(header::RETRY_AFTER));
        assert_eq!(hidden.text().await?, open, "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_answer_of_the_api_comes_with_status_200_too() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let truth = ask(&market, provider).await?.text().await?;
        let with = async |fault| {
            market.fail(provider, fault);
            let response = ask(&market, provider).await?;
            ensure!(response.status() == StatusCode::OK, "{provider} {fault}");
            let kind = response.headers()[header::CONTENT_TYPE]
                .to_str()?
                .to_owned();
            anyhow::Ok((kind, response.text().await?))
        };
        let (kind, page) = with(Fault::Page).await?;
        assert!(kind.starts_with("text/html") && page.starts_with("<!DOCTYPE html>"));
        let (kind, empty) = with(Fault::EmptyObject).await?;
        assert!(kind.starts_with("application/json") && empty == "{}");
        let (_, nested) = with(Fault::Nested).await?;
        assert_eq!(nested.len(), 2_000_000, "{provider}");
        assert!(
            nested.starts_with("[[") && nested.ends_with("]]"),
            "{provider}"
        );
        let (kind, mislabelled) = with(Fault::Mislabelled).await?;
        assert!(kind.starts_with("text/html"), "{provider}: {kind}");
        assert_eq!(mislabelled, truth, "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_truncated_answer_is_half_of_the_true_one_and_of_the_length_it_says() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let truth = ask(&market, provider).await?.text().await?;
        market.fail(provider, Fault::Truncated);
        let response = ask(&market, provider).await?;
        assert_eq!(response.status(), StatusCode::OK, "{provider}");
        let half = response.text().await?;
        assert_eq!(half.len(), truth.len() / 2, "{provider}");
        assert!(truth.starts_with(&half), "{provider}");
        assert!(serde_json::from_str::<Value>(&half).is_err(), "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn prices_are_replaced_by_what_the_fault_says() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        market.heal_all();
        let truth: f64 = text(&price(&market, provider).await?).parse()?;

        market.fail(provider, Fault::Null);
        assert!(price(&market, provider).await?.is_null(), "{provider}");

        market.fail(provider, Fault::WrongTypes);
        assert!(price(&market, provider).await?.is_object(), "{provider}");

        market.fail(provider, Fault::Zero);
        let zero: f64 = text(&price(&market, provider).await?).parse()?;
        assert_eq!(zero, 0.0, "{provider}");

        market.fail(provider, Fault::Negative);
        let negative: f64 = text(&price(&market, provider).await?).parse()?;
        assert_eq!(negative, -truth, "{provider}");

        market.fail(provider, Fault::Scientific);
        let raw = ask(&market, provider).await?.text().await?;
        assert!(raw.contains('e'), "{provider}: {raw}");
        let scientific = text(&price(&market, provider).await?);
        assert_eq!(scientific.parse::<f64>()?, truth, "{provider}");

        market.fail(provider, Fault::LongNumbers);
        let raw = ask(&market, provider).await?.text().await?;
        let longest = raw.split(|character: char| !character.is_ascii_digit());
        assert_eq!(longest.map(str::len).max(), Some(70), "{provider}: {raw}");
    }
    Ok(())
}

#[tokio::test]
async fn a_scientific_price_stands_in_the_json_with_an_exponent() -> Result<()> {
    let market = market().await?;
    market.fail_all(Fault::Scientific);
    for provider in [Provider::Coinbase, Provider::Kraken, Provider::Binance] {
        let written = text(&price(&market, provider).await?);
        assert!(written.contains("e4"), "{provider}: {written}");
    }
    let raw = ask(&market, Provider::CoinGecko).await?.text().await?;
    assert!(raw.contains("e4,") || raw.contains("e4}"), "{raw}");
    Ok(())
}

#[tokio::test]
async fn a_huge_answer_is_100_mb_of_json_from_every_provider() -> Result<()> {
    let market = market().await?;
    market.fail_all(Fault::Huge);
    for provider in Provider::ALL {
        let mut response = ask(&market, provider).await?;
        assert_eq!(response.status(), StatusCode::OK, "{provider}");
        let mut bytes = 0;
        let mut last = None;
        while let Some(chunk) = response.chunk().await? {
            bytes += chunk.len();
            last = chunk.last().copied().or(last);
        }
        assert!(
            (100_000_000..101_000_000).contains(&bytes),
            "{provider}: {bytes}"
        );
        assert_eq!(last, Some(b'}'), "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_huge_answer_stops_when_the_client_hangs_up() -> Result<()> {
    let market = market().await?;
    market.fail(Provider::CoinGecko, Fault::Huge);
    let mut response = ask(&market, Provider::CoinGecko).await?;
    response.chunk().await?.context("a first chunk")?;
    until_connections(&market, 1).await?;
    drop(response);
    until_connections(&market, 0).await
}

#[tokio::test]
async fn an_old_answer_is_the_one_of_an_hour_ago() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let age_ms = match provider {
            Provider::Frankfurter => 7 * 86_400_000,
            _ => 3_600_000,
        };
        market.set_now_ms(NOW_MS - age_ms);
        let earlier = body(&market, provider).await?;
        market.set_now_ms(NOW_MS);
        assert_ne!(body(&market, provider).await?, earlier, "{provider}");
        market.fail(provider, Fault::OldTimestamp);
        let response = ask(&market, provider).await?;
        let age = response.headers()[header::AGE].to_str()?.parse::<i64>()?;
        assert_eq!(age * 1_000, age_ms, "{provider}");
        assert_eq!(response.json::<Value>().await?, earlier, "{provider}");
    }
    Ok(())
}

#[tokio::test]
async fn a_fault_of_one_provider_leaves_the_others_alone_until_it_is_healed() -> Result<()> {
    let market = market().await?;
    market.fail(Provider::Kraken, Fault::ForbiddenHtml);
    assert_eq!(ask(&market, Provider::Kraken).await?.status(), 403);
    assert_eq!(ask(&market, Provider::Coinbase).await?.status(), 200);
    market.heal(Provider::Kraken);
    assert_eq!(ask(&market, Provider::Kraken).await?.status(), 200);
    Ok(())
}

#[tokio::test]
async fn every_call_is_counted_whatever_becomes_of_it() -> Result<()> {
    let market = market().await?;
    let faults = Fault::ALL.into_iter();
    let answered = faults.filter(|fault| !matches!(fault, Fault::Hang | Fault::Delay(_)));
    let mut asked = 0;
    for fault in answered {
        market.fail(Provider::CoinGecko, fault);
        // A reset is an error here; it counts all the same.
        let _ = ask(&market, Provider::CoinGecko).await;
        asked += 1;
    }
    assert_eq!(market.calls_to(Provider::CoinGecko, "/simple/price"), asked);
    assert_eq!(market.calls(Provider::CoinGecko), asked);
    assert_eq!(market.calls(Provider::Coinbase), 0);
    market.reset_calls();
    assert_eq!(market.calls(Provider::CoinGecko), 0);
    Ok(())
}

#[tokio::test]
async fn a_stopped_market_refuses_connections() -> Result<()> {
    let market = market().await?;
    let address = market.address();
    let mut open = TcpStream::connect(address).await?;
    until_connections(&market, 1).await?;
    market.stop().await;
    let refused = TcpStream::connect(address).await;
    assert_eq!(
        refused.err().map(|error| error.kind()),
        Some(ErrorKind::ConnectionRefused)
    );
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(DEADLINE, open.read_to_end(&mut rest)).await?;
    assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    Ok(())
}

#[tokio::test]
async fn a_market_comes_back_on_the_same_port() -> Result<()> {
    let market = market().await?;
    let listen = market.address();
    ask(&market, Provider::Coinbase).await?;
    market.stop().await;
    let again = Market::start(Config {
        listen,
        ..Config::default()
    })
    .await?;
    assert_eq!(ask(&again, Provider::Coinbase).await?.status(), 200);
    Ok(())
}
