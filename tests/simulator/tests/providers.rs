//! What each provider answers over real HTTP while nothing is wrong with it.

use anyhow::{Context as _, Result, ensure};
use market_simulator::{Clock, Config, Market, Provider};
use reqwest::{Client, Response, StatusCode, header};
use serde_json::{Value, json};

/// 2026-05-18 12:30:05.250 UTC, a Monday.
const NOW_MS: i64 = 1_779_107_405_250;
/// The start of the ten seconds that lies in.
const UPDATED_S: i64 = 1_779_107_400;

async fn market() -> Result<Market> {
    Ok(Market::start(Config {
        clock: Clock::manual(NOW_MS),
        ..Config::default()
    })
    .await?)
}

async fn get(market: &Market, provider: Provider, path: &str) -> Result<Response> {
    let client = Client::builder().user_agent("tests").build()?;
    let url = format!("{}{path}", market.base_url(provider));
    Ok(client.get(url).send().await?)
}

async fn json(market: &Market, provider: Provider, path: &str) -> Result<Value> {
    let response = get(market, provider, path).await?;
    ensure!(
        response.status() == StatusCode::OK,
        "{path}: {}",
        response.status()
    );
    Ok(response.json().await?)
}

/// A number, be it a JSON number or text.
fn number(value: &Value) -> Result<f64> {
    match value {
        Value::String(text) => Ok(text.parse()?),
        other => other
            .as_f64()
            .with_context(|| format!("no number: {other}")),
    }
}

fn close(one: f64, other: f64) -> bool {
    (one / other - 1.0).abs() < 0.002
}

#[tokio::test]
async fn coingecko_prices_what_it_knows_and_leaves_out_the_rest() -> Result<()> {
    let market = market().await?;
    let path = "/simple/price?ids=bitcoin,dogecoin,no-such-coin&vs_currencies=usd,eur,nope\
                &include_24hr_change=true&include_last_updated_at=true&precision=full";
    let prices = json(&market, Provider::CoinGecko, path).await?;
    let coins = prices.as_object().context("an object")?;
    assert_eq!(coins.keys().collect::<Vec<_>>(), ["bitcoin", "dogecoin"]);
    let bitcoin = prices["bitcoin"].as_object().context("an object")?;
    assert_eq!(
        bitcoin.keys().collect::<Vec<_>>(),
        [
            "eur",
            "eur_24h_change",
            "last_updated_at",
            "usd",
            "usd_24h_change"
        ]
    );
    assert_eq!(prices["bitcoin"]["last_updated_at"], json!(UPDATED_S));
    assert!((40_000.0..140_000.0).contains(&number(&prices["bitcoin"]["usd"])?));
    assert!(number(&prices["bitcoin"]["eur"])? < number(&prices["bitcoin"]["usd"])?);
    Ok(())
}

#[tokio::test]
async fn coingecko_writes_many_digits_when_asked_for_full_precision_and_few_otherwise() -> Result<()>
{
    let market = market().await?;
    let raw = |path: &'static str| {
        let market = &market;
        async move { anyhow::Ok(get(market, Provider::CoinGecko, path).await?.text().await?) }
    };
    let full = raw("/simple/price?ids=bitcoin&vs_currencies=usd&precision=full").await?;
    let short = raw("/simple/price?ids=bitcoin&vs_currencies=usd").await?;
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).count();
    assert!(digits(&full) >= 11, "{full}");
    assert!(!short.contains('.'), "{short}");
    let small = raw("/simple/price?ids=shiba-inu&vs_currencies=usd&precision=full").await?;
    assert!(small.contains("e-6"), "{small}");
    let two = raw("/simple/price?ids=ethereum&vs_currencies=usd&precision=2").await?;
    let decimals = two.split('.').nth(1).context("a point")?;
    assert!(digits(decimals) <= 2, "{two}");
    Ok(())
}

#[tokio::test]
async fn coingecko_answers_its_other_endpoints() -> Result<()> {
    let market = market().await?;
    let ask = |path: &'static str| json(&market, Provider::CoinGecko, path);
    assert_eq!(
        ask("/ping").await?,
        json!({"gecko_says": "(V3) To the Moon!"})
    );
    let codes = ask("/simple/supported_vs_currencies").await?;
    let codes = codes.as_array().context("a list")?;
    for code in ["btc", "usd", "eur", "jpy", "xau", "sats"] {
        assert!(codes.contains(&json!(code)), "{code}");
    }
    assert!(!codes.contains(&json!("irr")) && !codes.contains(&json!("usdt")));
    let rates = ask("/exchange_rates").await?;
    assert_eq!(number(&rates["rates"]["btc"]["value"])?, 1.0);
    assert_eq!(number(&rates["rates"]["sats"]["value"])?, 1e8);
    assert_eq!(rates["rates"]["eur"]["type"], "fiat");
    assert_eq!(rates["rates"]["xau"]["type"], "commodity");
    let list = ask("/coins/list").await?;
    assert!(
        list.as_array()
            .context("a list")?
            .contains(&json!({"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"}))
    );
    Ok(())
}

#[tokio::test]
async fn coingecko_lists_markets_by_value_a_page_at_a_time() -> Result<()> {
    let market = market().await?;
    let ask = |path: &'static str| json(&market, Provider::CoinGecko, path);
    let all = ask("/coins/markets?vs_currency=usd").await?;
    let all = all.as_array().context("a list")?;
    let first = all.first().context("a coin")?;
    assert_eq!(first["id"], "bitcoin");
    assert_eq!(first["market_cap_rank"], 1);
    assert_eq!(first["last_updated"], "2026-05-18T12:30:00.000Z");
    assert!(all.is_sorted_by_key(|row| -row["market_cap"].as_f64().unwrap_or_default()));
    let second = ask("/coins/markets?vs_currency=usd&per_page=1&page=2").await?;
    assert_eq!(second[0]["id"], "ethereum");
    let chosen = ask("/coins/markets?vs_currency=eur&ids=solana").await?;
    assert_eq!(chosen.as_array().map(Vec::len), Some(1));
    assert!(number(&chosen[0]["low_24h"])? <= number(&chosen[0]["high_24h"])?);
    Ok(())
}

#[tokio::test]
async fn coingecko_history_agrees_with_what_was_answered_at_the_time() -> Result<()> {
    let market = market().await?;
    let chart = json(
        &market,
        Provider::CoinGecko,
        "/coins/bitcoin/market_chart?vs_currency=usd&days=1",
    )
    .await?;
    let points = chart["prices"].as_array().context("a list")?;
    assert_eq!(points.len(), 289);
    let earlier = points.first().context("a point")?;
    market.set_now_ms(earlier[0].as_i64().context("milliseconds")?);
    let then = json(
        &market,
        Provider::CoinGecko,
        "/simple/price?ids=bitcoin&vs_currencies=usd&precision=full",
    )
    .await?;
    assert_eq!(then["bitcoin"]["usd"], earlier[1]);
    market.set_now_ms(NOW_MS);
    let candles = json(
        &market,
        Provider::CoinGecko,
        "/coins/bitcoin/ohlc?vs_currency=usd&days=1",
    )
    .await?;
    for candle in candles.as_array().context("a list")? {
        let [open, high, low, close] = [1, 2, 3, 4].map(|column| candle[column].as_f64());
        assert!(
            low <= open && open <= high && low <= close && close <= high,
            "{candle}"
        );
    }
    let day = json(
        &market,
        Provider::CoinGecko,
        "/coins/bitcoin/history?date=01-05-2026",
    )
    .await?;
    assert!(number(&day["market_data"]["current_price"]["usd"])? > 0.0);
    Ok(())
}

#[tokio::test]
async fn coingecko_complains_in_its_own_words() -> Result<()> {
    let market = market().await?;
    for (path, status, complaint) in [
        (
            "/simple/price?vs_currencies=usd",
            422,
            "Missing parameter ids",
        ),
        (
            "/simple/price?ids=bitcoin",
            422,
            "Missing parameter vs_currencies",
        ),
        (
            "/coins/markets?vs_currency=nope",
            400,
            "invalid vs_currency",
        ),
        (
            "/coins/nope/ohlc?vs_currency=usd&days=1",
            404,
            "coin not found",
        ),
    ] {
        let response = get(&market, Provider::CoinGecko, path).await?;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert_eq!(response.json::<Value>().await?, json!({"error": complaint}));
    }
    let path = "/coins/bitcoin/market_chart?vs_currency=usd&days=max";
    let response = get(&market, Provider::CoinGecko, path).await?;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let body = response.json::<Value>().await?;
    assert_eq!(body["error"]["status"]["error_code"], 10_012);
    Ok(())
}

#[tokio::test]
async fn coingecko_shows_a_page_of_html_to_a_client_without_a_name() -> Result<()> {
    let market = market().await?;
    let url = format!("{}/ping", market.base_url(Provider::CoinGecko));
    let response = Client::new().get(url).send().await?;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(
        response.headers()[header::CONTENT_TYPE],
        "text/html; charset=UTF-8"
    );
    assert!(response.text().await?.contains("Cloudflare"));
    assert_eq!(market.calls_to(Provider::CoinGecko, "/ping"), 1);
    Ok(())
}

#[tokio::test]
async fn coingecko_sends_a_paying_client_to_the_other_host() -> Result<()> {
    let market = market().await?;
    let client = Client::builder().user_agent("tests").build()?;
    let url = format!("{}/ping", market.base_url(Provider::CoinGecko));
    let ask = |header: &'static str| client.get(&url).header(header, "key").send();
    assert_eq!(ask("x-cg-demo-api-key").await?.status(), StatusCode::OK);
    let refused = ask("x-cg-pro-api-key").await?;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    let body = refused.json::<Value>().await?;
    assert_eq!(body["status"]["error_code"], 10_010);
    Ok(())
}

#[tokio::test]
async fn the_host_for_paid_plans_takes_pro_keys_only() -> Result<()> {
    let market = market().await?;
    let client = Client::builder().user_agent("tests").build()?;
    let path = "/simple/price?ids=bitcoin&vs_currencies=usd";
    let url = format!("{}{path}", market.coingecko_pro_url());
    let paid = client.get(&url).header("x-cg-pro-api-key", "key").send();
    let public = get(&market, Provider::CoinGecko, path).await?;
    assert_eq!(paid.await?.text().await?, public.text().await?);
    let demo = client.get(&url).header("x-cg-demo-api-key", "key").send();
    for (response, status, code) in [
        (demo.await?, StatusCode::BAD_REQUEST, 10_011),
        (
            client.get(&url).send().await?,
            StatusCode::UNAUTHORIZED,
            10_002,
        ),
    ] {
        assert_eq!(response.status(), status);
        let body = response.json::<Value>().await?;
        assert_eq!(body["status"]["error_code"], code);
    }
    let usage = format!("{}/key", market.coingecko_pro_url());
    let usage = client.get(usage).header("x-cg-pro-api-key", "key").send();
    assert_eq!(usage.await?.json::<Value>().await?["plan"], "Analyst");
    let public = get(&market, Provider::CoinGecko, "/key").await?;
    assert_eq!(public.status(), StatusCode::NOT_FOUND);
    assert_eq!(market.calls_to(Provider::CoinGecko, "/simple/price"), 4);
    Ok(())
}

#[tokio::test]
async fn coinbase_gives_text_for_every_currency() -> Result<()> {
    let market = market().await?;
    let rates = json(
        &market,
        Provider::Coinbase,
        "/v2/exchange-rates?currency=BTC",
    )
    .await?;
    assert_eq!(rates["data"]["currency"], "BTC");
    assert_eq!(rates["data"]["rates"]["BTC"], "1.00000000000");
    for code in ["USD", "EUR", "JPY", "IRR", "ETH"] {
        assert!(rates["data"]["rates"][code].is_string(), "{code}");
    }
    let spot = json(&market, Provider::Coinbase, "/v2/prices/BTC-USD/spot").await?;
    assert_eq!(spot["data"]["base"], "BTC");
    assert_eq!(spot["data"]["currency"], "USD");
    assert!(close(
        number(&spot["data"]["amount"])?,
        number(&rates["data"]["rates"]["USD"])?
    ));
    Ok(())
}

#[tokio::test]
async fn coinbase_does_not_know_every_currency() -> Result<()> {
    let market = market().await?;
    for path in [
        "/v2/exchange-rates?currency=NOPE",
        "/v2/prices/NOPE-USD/spot",
    ] {
        let response = get(&market, Provider::Coinbase, path).await?;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(
            response.json::<Value>().await?,
            json!({"errors": [{"id": "not_found", "message": "Invalid base currency"}]})
        );
    }
    Ok(())
}

#[tokio::test]
async fn kraken_answers_under_its_own_names() -> Result<()> {
    let market = market().await?;
    let path = "/0/public/Ticker?pair=XBTUSD,ETHEUR,XDGUSD,USDTUSD,SOLUSD";
    let tickers = json(&market, Provider::Kraken, path).await?;
    assert_eq!(tickers["error"], json!([]));
    let result = tickers["result"].as_object().context("an object")?;
    assert_eq!(
        result.keys().collect::<Vec<_>>(),
        ["SOLUSD", "USDTZUSD", "XDGUSD", "XETHZEUR", "XXBTZUSD"]
    );
    for (key, ticker) in result {
        let [ask, last, bid] = ["a", "c", "b"].map(|field| number(&ticker[field][0]));
        let (ask, last, bid) = (ask?, last?, bid?);
        assert!(bid <= last && last <= ask, "{key}: {ticker}");
        assert!(ticker["c"][0].is_string() && ticker["o"].is_string());
    }
    Ok(())
}

#[tokio::test]
async fn kraken_fails_a_whole_list_for_one_unknown_pair_and_still_says_200() -> Result<()> {
    let market = market().await?;
    let path = "/0/public/Ticker?pair=XBTUSD,NOPEUSD";
    assert_eq!(
        json(&market, Provider::Kraken, path).await?,
        json!({"error": ["EQuery:Unknown asset pair"], "result": {}})
    );
    Ok(())
}

#[tokio::test]
async fn binance_prices_in_tethers() -> Result<()> {
    let market = market().await?;
    let ask = |path: &'static str| json(&market, Provider::Binance, path);
    let one = ask("/api/v3/ticker/price?symbol=BTCUSDT").await?;
    assert_eq!(one["symbol"], "BTCUSDT");
    let price = one["price"].as_str().context("text")?;
    assert_eq!(price.split('.').nth(1).map(str::len), Some(8), "{price}");
    let two = ask("/api/v3/ticker/price?symbols=%5B%22BTCUSDT%22,%22ETHUSDT%22%5D").await?;
    assert_eq!(two[0], one);
    assert_eq!(two[1]["symbol"], "ETHUSDT");
    assert_eq!(two.as_array().map(Vec::len), Some(2));
    let all = ask("/api/v3/ticker/price").await?;
    assert!(all.as_array().context("a list")?.contains(&one));
    let trading = ask("/api/v3/ticker/price?symbolStatus=TRADING").await?;
    assert_eq!(trading, all);
    assert_eq!(
        ask("/api/v3/ticker/price?symbolStatus=BREAK").await?,
        json!([])
    );
    Ok(())
}

#[tokio::test]
async fn binance_refuses_what_it_does_not_list() -> Result<()> {
    let market = market().await?;
    for (query, code) in [
        ("symbol=BTCUSD", -1121),
        ("symbol=USDTUSDT", -1121),
        ("symbols=[\"BTCUSDT\",\"NOPE\"]", -1121),
        ("symbols=BTCUSDT", -1100),
        ("symbol=BTCUSDT&symbols=[]", -1128),
        ("symbolStatus=OPEN", -1122),
        ("symbol=BTCUSDT&symbolStatus=HALT", -1220),
    ] {
        let path = format!("/api/v3/ticker/price?{query}");
        let response = get(&market, Provider::Binance, &path).await?;
        assert_eq!(response.status(), StatusCode::BAD_REQUEST, "{query}");
        assert_eq!(response.json::<Value>().await?["code"], code, "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn bitpin_prices_in_tethers_and_tomans() -> Result<()> {
    let market = market().await?;
    let tickers = json(&market, Provider::Bitpin, "/api/v1/mkt/tickers/").await?;
    let tickers = tickers.as_array().context("a list")?;
    let of = |symbol: &str| tickers.iter().find(|ticker| ticker["symbol"] == symbol);
    let tether = of("USDT_IRT").context("USDT_IRT")?;
    assert!(close(number(&tether["price"])?, 112_350.0));
    assert!(tether["price"].is_string());
    assert_eq!(tether["timestamp"], json!(UPDATED_S as f64));
    let bitcoin = of("BTC_IRT").context("BTC_IRT")?;
    let in_tether = of("BTC_USDT").context("BTC_USDT")?;
    assert!(close(
        number(&bitcoin["price"])?,
        number(&in_tether["price"])? * number(&tether["price"])?
    ));
    Ok(())
}

#[tokio::test]
async fn frankfurter_gives_the_rates_of_the_last_working_day() -> Result<()> {
    let market = market().await?;
    let ask = |path: &'static str| json(&market, Provider::Frankfurter, path);
    let rates = ask("/v1/latest?base=EUR&symbols=USD,GBP").await?;
    // On a Monday at noon, Friday's are the latest.
    assert_eq!(rates["date"], "2026-05-15");
    assert_eq!(rates["base"], "EUR");
    assert_eq!(rates["amount"], json!(1.0));
    let codes = rates["rates"].as_object().context("an object")?;
    assert_eq!(codes.keys().collect::<Vec<_>>(), ["GBP", "USD"]);
    let sunday = ask("/v1/2026-05-10?base=EUR").await?;
    assert_eq!(sunday["date"], "2026-05-08");
    assert!(
        sunday["rates"]["EUR"].is_null(),
        "the base is not among its own rates"
    );
    let range = ask("/v1/2026-05-08..2026-05-12?symbols=USD").await?;
    let days = range["rates"].as_object().context("an object")?;
    assert_eq!(
        days.keys().collect::<Vec<_>>(),
        ["2026-05-08", "2026-05-11", "2026-05-12"]
    );
    let currencies = ask("/v1/currencies").await?;
    assert_eq!(currencies["EUR"], "Euro");
    assert_eq!(currencies["ZAR"], "South African Rand");
    let unknown = get(&market, Provider::Frankfurter, "/v1/latest?base=NOPE").await?;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
    assert_eq!(
        unknown.json::<Value>().await?,
        json!({"message": "not found"})
    );
    Ok(())
}

#[tokio::test]
async fn all_agree_on_bitcoin_and_on_the_euro() -> Result<()> {
    let market = market().await?;
    let gecko = json(
        &market,
        Provider::CoinGecko,
        "/simple/price?ids=bitcoin,tether&vs_currencies=usd,eur&precision=full",
    )
    .await?;
    let usd = number(&gecko["bitcoin"]["usd"])?;
    let coinbase = json(
        &market,
        Provider::Coinbase,
        "/v2/exchange-rates?currency=BTC",
    )
    .await?;
    let kraken = json(&market, Provider::Kraken, "/0/public/Ticker?pair=XBTUSD").await?;
    let binance = json(
        &market,
        Provider::Binance,
        "/api/v3/ticker/price?symbol=BTCUSDT",
    )
    .await?;
    let tether = number(&gecko["tether"]["usd"])?;
    for (who, price) in [
        ("coinbase", number(&coinbase["data"]["rates"]["USD"])?),
        ("kraken", number(&kraken["result"]["XXBTZUSD"]["c"][0])?),
        ("binance", number(&binance["price"])? * tether),
    ] {
        assert!(close(price, usd), "{who} says {price}, CoinGecko {usd}");
        assert_ne!(price, usd, "{who} is a market of its own");
    }
    let fiat = json(
        &market,
        Provider::Frankfurter,
        "/v1/latest?base=EUR&symbols=USD",
    )
    .await?;
    let crossed = usd / number(&fiat["rates"]["USD"])?;
    assert!(close(crossed, number(&gecko["bitcoin"]["eur"])?));
    Ok(())
}

#[tokio::test]
async fn two_markets_of_one_seed_agree_and_of_two_seeds_differ() -> Result<()> {
    let body = |seed| async move {
        let market = Market::start(Config {
            seed,
            clock: Clock::manual(NOW_MS),
            ..Config::default()
        })
        .await?;
        let path = "/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur&precision=full";
        anyhow::Ok(
            get(&market, Provider::CoinGecko, path)
                .await?
                .text()
                .await?,
        )
    };
    assert_eq!(body(3).await?, body(3).await?);
    assert_ne!(body(3).await?, body(4).await?);
    Ok(())
}

#[tokio::test]
async fn prices_move_with_the_clock_and_answers_bear_its_date() -> Result<()> {
    let market = market().await?;
    let path = "/simple/price?ids=bitcoin&vs_currencies=usd&precision=full";
    let before = get(&market, Provider::CoinGecko, path).await?;
    assert_eq!(
        before.headers()[header::DATE],
        "Mon, 18 May 2026 12:30:05 GMT"
    );
    let before = before.text().await?;
    assert_eq!(
        get(&market, Provider::CoinGecko, path)
            .await?
            .text()
            .await?,
        before
    );
    market.set_now_ms(NOW_MS + 300_000);
    assert_ne!(
        get(&market, Provider::CoinGecko, path)
            .await?
            .text()
            .await?,
        before
    );
    Ok(())
}
