//! The lists of what is served, and settings that change them.

use crate::app::App;
use serde_json::{Value, json};

fn texts<'a>(body: &'a Value, list: &str, field: &str) -> Vec<&'a str> {
    let entries = body[list].as_array().unwrap().iter();
    entries
        .map(|entry| entry[field].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn symbols_and_currencies_are_those_that_have_rates() {
    let app = App::start().await;
    let symbols = app.get("/v1/symbols").await.expect_status(200);
    let currencies = app.get("/v1/currencies").await.expect_status(200);
    let rates = app.get("/v1/rates").await.expect_status(200).json();
    let (symbols, currencies) = (symbols.json(), currencies.json());
    for rate in rates["rates"].as_array().unwrap() {
        let (id, code) = (
            rate["id"].as_str().unwrap(),
            rate["quote"].as_str().unwrap(),
        );
        assert!(texts(&symbols, "symbols", "id").contains(&id), "{id}");
        assert!(
            texts(&currencies, "currencies", "code").contains(&code),
            "{code}"
        );
    }
    assert_eq!(symbols["symbols"][0]["name"], "Bitcoin");
    assert_eq!(currencies["currencies"][0]["unit"], "$");
}

#[tokio::test]
async fn a_list_is_kept_by_its_tag_and_is_there_while_everything_else_is_down() {
    let app = App::with(&[
        ("coingecko_url", "http://127.0.0.1:9"),
        ("providers", "coingecko"),
    ])
    .await;
    for path in ["/v1/symbols", "/v1/currencies", "/api/v3/coins/list"] {
        let first = app.get(path).await.expect_status(200);
        let tag = first.header("etag");
        let again = app.get_with(path, &[("if-none-match", tag)]).await;
        again.expect_status(304);
    }
    app.get("/v1/rates/BTC/USD").await.expect_status(503);
}

#[tokio::test]
async fn assets_are_named_by_id_by_rank_and_in_full() {
    let app = App::with(&[
        ("assets", "my-coin:MY:My Coin;decimals=4,top:4,dogecoin"),
        ("currencies", "USD,IRT,SHL:Shells:commodity;decimals=0"),
    ])
    .await;
    let symbols = app.get("/v1/symbols").await.expect_status(200).json();
    assert_eq!(
        texts(&symbols, "symbols", "id"),
        [
            "my-coin",
            "bitcoin",
            "ethereum",
            "tether",
            "binancecoin",
            "dogecoin"
        ]
    );
    assert_eq!(symbols["symbols"][0]["name"], "My Coin");
    assert_eq!(symbols["symbols"][0]["decimals"], json!(4));
    let currencies = app.get("/v1/currencies").await.expect_status(200).json();
    assert_eq!(
        texts(&currencies, "currencies", "name"),
        ["US Dollar", "Iranian Toman", "Shells"]
    );
    let rates = app.get("/v1/rates?vs=USD").await.expect_status(200).json();
    assert_eq!(
        texts(&rates, "rates", "symbol"),
        ["BNB", "BTC", "DOGE", "ETH", "USDT"]
    );
    assert_eq!(rates["missing"], json!(["MY/USD"]));
}

#[tokio::test]
async fn a_symbol_that_two_assets_share_is_marked_and_means_the_higher_rank() {
    let app = App::with(&[("assets", "my-dogecoin:DOGE,bitcoin,dogecoin")]).await;
    let symbols = app.get("/v1/symbols").await.expect_status(200).json();
    let doge = &symbols["symbols"][2];
    assert_eq!(doge["primary"], json!(true));
    assert_eq!(doge["ambiguous_with"], json!(["my-dogecoin"]));
    assert_eq!(symbols["symbols"][0]["primary"], json!(false));
    let by_symbol = app.get("/v1/rates?symbols=DOGE&vs=USD").await;
    let by_id = app.get("/v1/rates?ids=dogecoin&vs=USD").await;
    assert_eq!(by_symbol.json()["rates"][0]["id"], "dogecoin");
    assert_eq!(by_symbol.text, by_id.text);
    assert_eq!(by_symbol.header("etag"), by_id.header("etag"));
}
