//! Lists in parameters are as long as the URL may be, and what is named twice counts once.

use super::served::Served;
use serde_json::Value;

/// The ids that are served unless settings say otherwise.
const SERVED: [&str; 15] = [
    "bitcoin",
    "ethereum",
    "tether",
    "ripple",
    "binancecoin",
    "solana",
    "usd-coin",
    "dogecoin",
    "cardano",
    "tron",
    "chainlink",
    "litecoin",
    "polkadot",
    "stellar",
    "bitcoin-cash",
];

/// How many ids clients send to CoinGecko in one URL.
const MANY: usize = 515;

/// So many ids, each another one, of which the first are served. The others are as long as
/// CoinGecko's are: 15 letters on average.
fn ids() -> Vec<String> {
    let lengths = [9, 12, 15, 18, 21];
    let others = lengths.iter().cycle().enumerate().map(|(number, &length)| {
        let name = format!("coin-{number}-");
        format!("{name:x<length$}")
    });
    let served = SERVED.iter().map(|id| (*id).to_owned());
    served.chain(others).take(MANY).collect()
}

#[tokio::test]
async fn coingecko_clients_name_more_than_500_coins_at_once() {
    let app = Served::start().await;
    let ids = ids();
    // Browsers and their URLSearchParams send commas as %2C.
    for comma in [",", "%2C"] {
        let list = ids.join(comma);
        for (path, count) in [
            ("/api/v3/simple/price?vs_currencies=usd&", 15),
            ("/api/v3/coins/markets?vs_currency=usd&per_page=250&", 15),
        ] {
            let body = app.get(&format!("{path}ids={list}")).await;
            let body = body.expect_status(200).json();
            let found = match &body {
                Value::Array(coins) => coins.len(),
                other => other.as_object().unwrap().len(),
            };
            assert_eq!(found, count, "{path}");
        }
        for parameter in ["names", "symbols"] {
            let path = format!("/api/v3/simple/price?vs_currencies=usd&{parameter}={list}");
            app.get(&path).await.expect_status(200);
        }
    }
}

#[tokio::test]
async fn what_is_named_twice_counts_once() {
    let app = Served::start().await;
    let often = |names: &[&str]| {
        let names = names.iter().cycle().take(MANY).copied();
        names.collect::<Vec<_>>().join(",")
    };
    let ids = often(&["bitcoin", "ethereum", "BITCOIN"]);
    let symbols = often(&["eth", "BTC"]);
    let codes = often(&["usd", "EUR"]);
    for (path, same) in [
        (
            format!("/v1/rates?ids={ids}&vs={codes}"),
            "/v1/rates?ids=bitcoin,ethereum&vs=USD,EUR",
        ),
        (
            format!("/v1/rates?symbols={symbols}&vs={codes}"),
            "/v1/rates?symbols=BTC,ETH&vs=USD,EUR",
        ),
        (
            format!("/api/v3/simple/price?ids={ids}&vs_currencies={codes}"),
            "/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur",
        ),
        (
            format!("/api/v3/coins/markets?ids={ids}&vs_currency=usd"),
            "/api/v3/coins/markets?ids=bitcoin,ethereum&vs_currency=usd",
        ),
    ] {
        let often = app.get(&path).await.expect_status(200);
        let once = app.get(same).await.expect_status(200);
        assert_eq!(often.header("etag"), once.header("etag"), "{same}");
        assert_eq!(often.text, once.text, "{same}");
    }
    let path = format!("/v1/stream?ids={ids}&vs={codes}");
    let stream = app.request("HEAD", &path, &[]).await.expect_status(200);
    assert_eq!(stream.header("content-type"), "text/event-stream");
}

#[tokio::test]
async fn the_limit_of_a_url_is_the_one_that_is_described() {
    let app = Served::start().await;
    let description = app.get("/openapi.json").await.expect_status(200).json();
    let said = description["info"]["description"].as_str().unwrap();
    let (before, _) = said.split_once(" bytes together").unwrap();
    let most = before.rsplit(' ').next().unwrap().replace(',', "");
    let most: usize = most.parse().unwrap();
    let path = "/v1/rates?vs=USD&ids=";
    let fill = |length: usize| {
        let list = "bitcoin,".repeat(length);
        format!("{path}{}", &list[..length - path.len()])
    };
    // What is cut off at the end must be an id too.
    let mut longest = (0..8).map(|less| fill(most - less));
    let longest = longest.find(|path| path.ends_with("bitcoin")).unwrap();
    app.get(&longest).await.expect_status(200);
    let problem = app.get(&fill(most + 1)).await.expect_status(414).json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(&most.to_string()), "{detail}");
}
