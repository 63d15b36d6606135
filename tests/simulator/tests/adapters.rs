//! What the adapters make of every answer of this market: each provider × each fault, over real
//! HTTP. It holds both sides: the market speaks as upstreams do, and the adapters understand it.

use anyhow::{Context as _, Result};
use edge_rates_adapters::{Endpoint, Error, Pair, Quote, Response, parse, request};
use market_simulator::{Clock, Config, Fault, Market, Provider};
use reqwest::Client;

const NOW_MS: i64 = 1_779_107_405_250;

async fn market() -> Result<Market> {
    Ok(Market::start(Config {
        clock: Clock::manual(NOW_MS),
        ..Config::default()
    })
    .await?)
}

fn pair(asset: &str, symbol: &str, quote: &str) -> Pair {
    Pair {
        asset: asset.to_owned(),
        symbol: symbol.to_owned(),
        quote: quote.to_owned(),
        code: None,
    }
}

/// Pairs that the provider prices, all in one answer.
fn pairs(provider: Provider) -> Vec<Pair> {
    let quotes: &[&str] = match provider {
        Provider::CoinGecko | Provider::Coinbase | Provider::Kraken => &["USD", "EUR"],
        Provider::Binance => &["USDT"],
        Provider::Bitpin => &["IRT", "IRR"],
        Provider::Frankfurter => return vec![pair("usd", "USD", "EUR"), pair("usd", "USD", "JPY")],
    };
    quotes
        .iter()
        .map(|quote| pair("bitcoin", "BTC", quote))
        .collect()
}

fn endpoint(base_url: String) -> Endpoint {
    Endpoint {
        base_url,
        api_key: None,
        plan: None,
    }
}

/// Plans, sends and reads, as a caller does.
async fn quotes(endpoint: &Endpoint, provider: Provider) -> Result<Result<Vec<Quote>, Error>> {
    let (name, pairs) = (provider.name(), pairs(provider));
    let mut planned = match request(name, endpoint, &pairs) {
        Ok(planned) => planned,
        Err(error) => return Ok(Err(error)),
    };
    assert_eq!(planned.len(), 1, "{provider}");
    let planned = planned.pop().context("a request")?;
    let mut sent = Client::builder().build()?.get(planned.url);
    for (name, value) in planned.headers {
        sent = sent.header(name, value);
    }
    let response = sent.send().await?;
    let headers = response.headers().iter();
    let response = Response {
        status: response.status().as_u16(),
        headers: headers
            .map(|(name, value)| Ok((name.to_string(), value.to_str()?.to_owned())))
            .collect::<Result<_>>()?,
        body: response.bytes().await?.to_vec(),
    };
    Ok(parse(name, &pairs, &response))
}

/// What comes out, in a word.
fn outcome(read: &Result<Vec<Quote>, Error>) -> &'static str {
    match read {
        Ok(_) => "quotes",
        Err(Error::RateLimited(Some(60))) => "rate limited for 60 s",
        Err(Error::RateLimited(Some(_))) => "rate limited for another time",
        Err(Error::RateLimited(None)) => "rate limited",
        Err(Error::Unauthorised(_)) => "unauthorised",
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::Malformed(_)) => "malformed",
        Err(Error::UnsupportedPair(_)) => "unsupported pair",
        Err(Error::Implausible(_)) => "implausible",
    }
}

/// None where nothing comes out: there is no answer, or one that no caller takes whole.
fn expected(provider: Provider, fault: Fault) -> Option<&'static str> {
    let kraken = provider == Provider::Kraken;
    Some(match fault {
        Fault::Hang | Fault::Reset | Fault::Huge | Fault::Delay(_) => return None,
        Fault::Scientific | Fault::Mislabelled | Fault::OldTimestamp => "quotes",
        // Kraken says everything with status 200, and no header.
        Fault::RateLimited { .. } | Fault::Banned | Fault::RateLimitedAs200 if kraken => {
            "rate limited"
        }
        Fault::Legal if kraken => "unauthorised",
        Fault::RateLimited { .. } => "rate limited for 60 s",
        // It has no word for this beside its status.
        Fault::RateLimitedAs200 if provider == Provider::Frankfurter => "malformed",
        Fault::Throttled | Fault::RateLimitedAs200 => "rate limited",
        Fault::Banned | Fault::Unauthorised | Fault::ForbiddenHtml => "unauthorised",
        Fault::Legal | Fault::ServerError => "unavailable",
        Fault::Page
        | Fault::Empty
        | Fault::EmptyObject
        | Fault::Nested
        | Fault::Truncated
        | Fault::WrongTypes
        | Fault::Null => "malformed",
        Fault::Zero | Fault::Negative | Fault::LongNumbers => "implausible",
    })
}

#[tokio::test]
async fn every_fault_of_every_provider_is_understood() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let endpoint = endpoint(market.base_url(provider));
        for fault in Fault::ALL {
            let Some(expected) = expected(provider, fault) else {
                continue;
            };
            market.fail(provider, fault);
            let read = quotes(&endpoint, provider).await?;
            assert_eq!(outcome(&read), expected, "{provider} {fault}: {read:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn every_provider_prices_all_that_it_is_asked_for() -> Result<()> {
    let market = market().await?;
    for provider in Provider::ALL {
        let endpoint = endpoint(market.base_url(provider));
        let truth = quotes(&endpoint, provider).await?.unwrap();
        let priced: Vec<_> = truth.iter().map(|quote| quote.quote.clone()).collect();
        let asked: Vec<_> = pairs(provider).into_iter().map(|pair| pair.quote).collect();
        assert_eq!(priced, asked, "{provider}");
        let rich = provider == Provider::CoinGecko;
        for quote in &truth {
            assert_eq!(quote.market_cap.is_some(), rich, "{quote:?}");
            assert_eq!(quote.volume_24h.is_some(), rich, "{quote:?}");
        }
        market.fail(provider, Fault::Scientific);
        let scientific = quotes(&endpoint, provider).await?.unwrap();
        for (one, other) in truth.iter().zip(&scientific) {
            let value = |quote: &Quote| quote.price.decimal().unwrap().normalize();
            assert_eq!(value(one), value(other), "{provider}: the same number");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_age_of_an_old_answer_is_known_where_the_provider_tells_it() -> Result<()> {
    let market = market().await?;
    market.fail_all(Fault::OldTimestamp);
    for provider in Provider::ALL {
        let read = quotes(&endpoint(market.base_url(provider)), provider).await?;
        let made = read.unwrap().first().context("a quote")?.updated_ms;
        let now = u64::try_from(NOW_MS)?;
        let hour_ago = (now - 3_600_000) / 10_000 * 10_000;
        match provider {
            Provider::CoinGecko | Provider::Bitpin => {
                assert_eq!(made, Some(hour_ago), "{provider}")
            }
            // It tells the day: a reference rate holds for six of them at most.
            Provider::Frankfurter => {
                let made = made.context("a day")?;
                assert!(made + 6 * 86_400_000 < now, "{provider}: {made}");
            }
            _ => assert_eq!(made, None, "{provider}"),
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_key_works_where_its_plan_says_and_the_wrong_one_is_told_what_to_do() -> Result<()> {
    let market = market().await?;
    let (public, paid) = (
        market.base_url(Provider::CoinGecko),
        market.coingecko_pro_url(),
    );
    for (plan, url, advice) in [
        ("demo", &public, None),
        ("pro", &paid, None),
        ("pro", &public, Some("set coingecko_plan to pro")),
        ("demo", &paid, Some("set coingecko_plan to demo")),
    ] {
        let endpoint = Endpoint {
            base_url: url.clone(),
            api_key: Some("CG-key".to_owned()),
            plan: Some(plan.to_owned()),
        };
        match (quotes(&endpoint, Provider::CoinGecko).await?, advice) {
            (Ok(_), None) => {}
            (Err(Error::Unauthorised(why)), Some(advice)) => assert!(why.contains(advice), "{why}"),
            (read, _) => panic!("{plan} at {url}: {read:?}"),
        }
    }
    Ok(())
}
