//! A CoinGecko client that no one here wrote gets prices when its base URL is ours.

use crate::app::{App, root};
use serde_json::{Value, json};
use tokio::process::Command;

/// Calls every method that README.md says works, as its users would.
const SCRIPT: &str = r"
import json, sys
from pycoingecko import CoinGeckoAPI
client = CoinGeckoAPI()
client.api_base_url = sys.argv[1] + '/api/v3/'
ids = ['bitcoin', 'ethereum']

def refused(call):
    try:
        call()
    except Exception as error:
        return str(error)

print(json.dumps({
    'ping': client.ping(),
    'price': client.get_price(
        ids=ids, vs_currencies=['usd', 'eur'], include_market_cap=True, include_24hr_vol=True,
        include_24hr_change=True, include_last_updated_at=True),
    'rounded': client.get_price(ids='bitcoin', vs_currencies='usd', precision=2),
    'unknown': client.get_price(ids='no-such-coin', vs_currencies='usd'),
    'currencies': client.get_supported_vs_currencies(),
    'rates': client.get_exchange_rates(),
    'coins': client.get_coins_list(),
    'markets': client.get_coins_markets(vs_currency='usd'),
    'page': client.get_coins_markets(
        vs_currency='eur', order='id_asc', per_page=2, page=2, sparkline=True,
        price_change_percentage='1h,24h'),
    'some': client.get_coins_markets(vs_currency='usd', ids=ids),
    'bad_currency': refused(lambda: client.get_coins_markets(vs_currency='zzz')),
    'history': refused(lambda: client.get_coin_history_by_id('bitcoin', date='30-12-2025')),
    'chart': refused(lambda: client.get_coin_market_chart_by_id('bitcoin', 'usd', 1)),
}))
";

/// What pycoingecko got, from an app with CoinGecko's quote currencies.
async fn answers(app: &App) -> Value {
    let python = root().join("target/python/bin/python");
    assert!(
        python.exists(),
        "pycoingecko is missing: run `make packages`"
    );
    let output = Command::new(python)
        .args(["-c", SCRIPT, &app.url()])
        .env("NO_PROXY", "127.0.0.1")
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

fn fields(object: &Value) -> Vec<&str> {
    let mut fields: Vec<&str> = object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    fields
}

#[tokio::test]
async fn every_method_of_pycoingecko_that_needs_no_history_works() {
    let app = App::with(&[("currencies", "coingecko")]).await;
    let got = answers(&app).await;
    assert_eq!(got["ping"], json!({"gecko_says": "(V3) To the Moon!"}));

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
    }
    let exact = app
        .get("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd")
        .await
        .json();
    assert_eq!(got["price"]["bitcoin"]["usd"], exact["bitcoin"]["usd"]);
    let cents = got["rounded"]["bitcoin"]["usd"].as_f64().unwrap() * 100.0;
    assert!((cents - cents.round()).abs() < 1e-6, "{cents}");
    assert_eq!(got["unknown"], json!({}));

    let currencies = got["currencies"].as_array().unwrap();
    assert_eq!(currencies.len(), 63);
    assert!(currencies.contains(&json!("usd")) && currencies.contains(&json!("sats")));

    // pycoingecko leaves the wrapping object.
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
    assert_eq!(
        rates["usd"]["value"], got["price"]["bitcoin"]["usd"],
        "one bitcoin costs that much"
    );

    let coins = got["coins"].as_array().unwrap();
    assert_eq!(
        coins[0],
        json!({"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"})
    );
    let markets = got["markets"].as_array().unwrap();
    assert_eq!(markets.len(), coins.len(), "all fit on a page");
    let bitcoin = markets.iter().find(|coin| coin["id"] == "bitcoin").unwrap();
    assert_eq!(bitcoin["symbol"], "btc");
    assert_eq!(bitcoin["current_price"], exact["bitcoin"]["usd"]);
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
    assert_eq!(got["some"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_not_served_is_an_error_that_pycoingecko_understands() {
    let app = App::with(&[("currencies", "coingecko")]).await;
    let got = answers(&app).await;
    for (call, message) in [
        ("bad_currency", "invalid vs_currency"),
        ("history", "prices of the past are not served here"),
        ("chart", "prices of the past are not served here"),
    ] {
        let error = got[call].as_str();
        assert!(
            error.unwrap_or_default().contains(message),
            "{call}: {error:?}"
        );
    }
}
