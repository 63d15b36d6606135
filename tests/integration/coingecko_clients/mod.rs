//! CoinGecko clients that no one here wrote get prices when their base URL is ours. Each script
//! calls every method that README.md names, and all of them have to get the same.

use crate::app::{App, root};
use serde_json::{Value, json};
use std::path::PathBuf;
use tokio::process::Command;

/// A client and the script that calls it.
#[derive(Debug, Clone, Copy)]
enum Client {
    PyCoinGecko,
    TypeScript,
    ApiV3,
}

impl Client {
    /// The script that calls all of its methods.
    fn script(self) -> &'static str {
        match self {
            Client::PyCoinGecko => include_str!("pycoingecko.py"),
            Client::TypeScript => include_str!("typescript.js"),
            Client::ApiV3 => include_str!("coingecko_api_v3.js"),
        }
    }

    /// What a script that calls it got from an app that it shows this key.
    async fn run(self, script: &str, app: &App, key: &str) -> Value {
        let python = root().join("target/python/bin/python");
        let modules = root().join("target/node");
        let node = PathBuf::from("node");
        let (program, option, installed) = match self {
            Client::PyCoinGecko => (python.clone(), "-c", python),
            Client::TypeScript => {
                let module = "node_modules/@coingecko/coingecko-typescript";
                (node, "-e", modules.join(module))
            }
            Client::ApiV3 => (node, "-e", modules.join("node_modules/coingecko-api-v3")),
        };
        let path = installed.display();
        assert!(installed.exists(), "{path} is missing: run `make packages`");
        let output = Command::new(program)
            .args([option, script, &app.url(), key])
            .env("NO_PROXY", "127.0.0.1")
            // Where Node looks for modules.
            .env("NODE_PATH", modules.join("node_modules"))
            .output()
            .await
            .unwrap();
        assert!(
            output.status.success(),
            "{self:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What all of its methods got.
    async fn answers(self, app: &App, key: &str) -> Value {
        self.run(self.script(), app, key).await
    }
}

fn fields(object: &Value) -> Vec<&str> {
    let fields = object.as_object().unwrap().keys();
    let mut fields: Vec<&str> = fields.map(String::as_str).collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn every_method_of_pycoingecko_that_needs_no_history_works() {
    every_method_works(Client::PyCoinGecko).await;
}

#[tokio::test]
async fn every_method_of_coingeckos_own_client_that_needs_no_history_works() {
    every_method_works(Client::TypeScript).await;
}

#[tokio::test]
async fn every_method_of_coingecko_api_v3_that_needs_no_history_works() {
    every_method_works(Client::ApiV3).await;
}

async fn every_method_works(client: Client) {
    let app = App::with(&[("currencies", "coingecko")]).await;
    let got = client.answers(&app, "any").await;
    assert_eq!(got["ping"], json!({"gecko_says": "(V3) To the Moon!"}));
    let exact = app
        .get("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd")
        .await
        .json();
    let exact = &exact["bitcoin"]["usd"];
    prices(&got, exact);
    rates(&got, exact);
    markets(&got, exact);
    let refused = &got["refused"];
    for (call, status, message) in [
        ("parameter", 400, "invalid vs_currency"),
        ("history", 404, "prices of the past are not served here"),
        ("chart", 404, "prices of the past are not served here"),
        ("elsewhere", 404, "this route of the API is not served here"),
    ] {
        assert_eq!(refused[call]["status"], status, "{call}: {refused}");
        // One of them shows no message.
        if let Some(shown) = refused[call]["message"].as_str() {
            assert!(shown.contains(message), "{call}: {shown}");
        }
    }
}

fn prices(got: &Value, exact: &Value) {
    assert_eq!(fields(&got["price"]), ["bitcoin", "ethereum"]);
    for id in ["bitcoin", "ethereum"] {
        let price = &got["price"][id];
        assert_eq!(
            fields(price),
            [
                "eur",
                "eur_24h_change",
                "eur_24h_vol",
                "eur_market_cap",
                "last_updated_at",
                "usd",
                "usd_24h_change",
                "usd_24h_vol",
                "usd_market_cap"
            ]
        );
        for field in ["usd", "eur", "usd_24h_change"] {
            assert!(price[field].is_number(), "{id} {field}: {price}");
        }
        assert!(price["last_updated_at"].is_u64(), "UNIX seconds: {price}");
        let crossed = &got["crossed"][id];
        assert_eq!(fields(crossed), ["btc", "eth", "eur", "gbp", "jpy", "usd"]);
        assert!(fields(crossed).iter().all(|code| crossed[code].is_number()));
    }
    assert_eq!(&got["price"]["bitcoin"]["usd"], exact);
    let cents = got["rounded"]["bitcoin"]["usd"].as_f64().unwrap() * 100.0;
    assert!((cents - cents.round()).abs() < 1e-6, "{cents}");
    assert_eq!(got["unknown"], json!({}));
}

fn rates(got: &Value, exact: &Value) {
    let currencies = got["currencies"].as_array().unwrap();
    assert_eq!(currencies.len(), 63);
    assert!(currencies.contains(&json!("usd")) && currencies.contains(&json!("sats")));
    let rates = &got["rates"]["rates"];
    for (code, name, unit, kind) in [
        ("btc", "Bitcoin", "BTC", "crypto"),
        ("usd", "US Dollar", "$", "fiat"),
        ("xau", "Gold - Troy Ounce", "XAU", "commodity"),
    ] {
        let rate = &rates[code];
        assert_eq!(fields(rate), ["name", "type", "unit", "value"], "{code}");
        assert_eq!(
            (&rate["name"], &rate["unit"], &rate["type"]),
            (&json!(name), &json!(unit), &json!(kind))
        );
        assert!(rate["value"].as_f64().unwrap() > 0.0, "{code}: {rate}");
    }
    assert_eq!(rates["btc"]["value"].as_f64(), Some(1.0));
    assert_eq!(rates["sats"]["value"].as_f64(), Some(100_000_000.0));
    assert_eq!(&rates["usd"]["value"], exact, "one bitcoin costs that much");
}

fn markets(got: &Value, exact: &Value) {
    let coins = got["coins"].as_array().unwrap();
    assert_eq!(
        coins[0],
        json!({"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"})
    );
    let markets = got["markets"].as_array().unwrap();
    assert_eq!(markets.len(), coins.len(), "all fit on a page");
    let bitcoin = markets.iter().find(|coin| coin["id"] == "bitcoin").unwrap();
    assert_eq!(bitcoin["symbol"], "btc");
    assert_eq!(bitcoin["market_cap_rank"], 1);
    assert_eq!(&bitcoin["current_price"], exact);
    assert!(bitcoin["price_change_percentage_24h"].is_number());
    assert!(bitcoin["last_updated"].as_str().unwrap().ends_with('Z'));
    let page = got["page"].as_array().unwrap();
    assert_eq!(page.len(), 2);
    let mut ids: Vec<&str> = coins
        .iter()
        .map(|coin| coin["id"].as_str().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(
        (&page[0]["id"], &page[1]["id"]),
        (&json!(ids[2]), &json!(ids[3]))
    );
    assert_eq!(page[0]["sparkline_in_7d"], json!({"price": []}));
    assert!(page[0]["price_change_percentage_24h_in_currency"].is_number());
    assert_eq!(
        page[0].get("price_change_percentage_1h_in_currency"),
        Some(&Value::Null)
    );
    let some = got["some"].as_array().unwrap();
    assert_eq!(some.len(), 2);
    assert_eq!(some[0]["current_price"].as_f64(), Some(1.0), "in bitcoins");
    assert!(some[0]["market_cap"].as_f64().unwrap() > 1e6, "bitcoins");
}

/// With the few currencies that are the default, prices in coins follow from others.
#[tokio::test]
async fn every_client_is_let_in_by_its_key_and_gets_prices_in_coins() {
    let app = App::with(&[("api_keys", "shop:secret")]).await;
    for client in [Client::PyCoinGecko, Client::TypeScript, Client::ApiV3] {
        let got = client.answers(&app, "secret").await;
        let crossed = &got["crossed"]["ethereum"];
        assert_eq!(crossed["eth"].as_f64(), Some(1.0), "{client:?}");
        let in_dollars = |id: &str| got["crossed"][id]["usd"].as_f64().unwrap();
        let expected = in_dollars("ethereum") / in_dollars("bitcoin");
        let off = crossed["btc"].as_f64().unwrap() / expected - 1.0;
        assert!(off.abs() < 1e-9, "{client:?}: {crossed}");
        let codes = got["currencies"].as_array().unwrap();
        for code in ["usd", "btc", "eth"] {
            assert!(codes.contains(&json!(code)), "{client:?}: {code}");
            let value = &got["rates"]["rates"][code]["value"];
            assert!(value.is_number(), "{client:?}: {code}");
        }
    }
}

#[tokio::test]
async fn coingeckos_own_client_knows_its_errors_again() {
    let app = App::with(&[("rate_limit", "1;w=3600")]).await;
    let script = r"
const Coingecko = require('@coingecko/coingecko-typescript').default;
const [, url, key] = process.argv;
const client = new Coingecko({ baseURL: `${url}/api/v3`, demoAPIKey: key, maxRetries: 0 });
const kind = async (call) => {
  try { await call; return []; } catch (error) {
    const { status } = error.error;
    return [error.constructor.name, status ? status.error_code : error.error.error];
  }
};
const long = { query: { x: 'x'.repeat(40000) } };
// Each instance counts for itself until it hears of the others.
const limited = async () => {
  for (let tries = 0; tries < 1000; tries += 1) {
    const got = await kind(client.ping.get());
    if (got.length) return got;
  }
  return [];
};
(async () => {
  console.log(JSON.stringify([
    await limited(),
    await kind(client.get('/nonsense')),
    await kind(client.get('//ping')),
    await kind(client.post('/ping')),
    await kind(client.get('/ping', long)),
  ]));
})();
";
    let kinds = Client::TypeScript.run(script, &app, "any").await;
    assert_eq!(kinds[0], json!(["RateLimitError", 429]), "{kinds}");
    for (place, name, beginning) in [
        (1, "NotFoundError", "Incorrect path."),
        (2, "NotFoundError", "Incorrect path."),
        (3, "APIError", "POST is not possible here"),
        (4, "APIError", "Path and query are longer"),
    ] {
        let message = kinds[place][1].as_str().unwrap();
        assert_eq!(kinds[place][0], name, "{kinds}");
        assert!(message.starts_with(beginning), "{kinds}");
    }
}
