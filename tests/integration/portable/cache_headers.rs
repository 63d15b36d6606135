//! What every route tells caches is well-formed and makes sense.

use super::served::Served;
use crate::cache_lint;

/// A request for every kind of answer of every route, and the status that it gets.
const REQUESTS: [(&str, u16); 37] = [
    ("/v1/rates", 200),
    ("/v1/rates?symbols=BTC&vs=USD&format=csv", 200),
    ("/v1/rates?ids=bitcoin&expand=providers&numbers=number", 200),
    ("/v1/rates?ids=nonsense", 422),
    ("/v1/rates/BTC/USD", 200),
    ("/v1/rates/btc/usd/?precision=2", 200),
    ("/v1/rates/USD/USD", 200),
    ("/v1/rates/BTC/XXX", 404),
    ("/v1/rates/BTC/USD?at=2020-01-01T00:00:00Z", 422),
    ("/v1/convert?from=BTC&to=EUR&amount=1", 200),
    ("/v1/convert?from=BTC&to=EUR&amount=-1", 200),
    ("/v1/convert?from=BTC&to=EUR&amount=x", 422),
    ("/v1/rates:batch", 405),
    ("/v1/symbols", 200),
    ("/v1/currencies", 200),
    ("/v1/providers", 200),
    ("/v1/nonsense", 404),
    ("/api/v3/ping", 200),
    ("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd", 200),
    ("/api/v3/simple/price", 422),
    ("/api/v3/simple/supported_vs_currencies", 200),
    ("/api/v3/exchange_rates", 200),
    ("/api/v3/coins/list", 200),
    ("/api/v3/coins/markets?vs_currency=usd", 200),
    ("/api/v3/coins/markets?vs_currency=zzz", 400),
    ("/api/v3/coins/bitcoin/history", 404),
    ("/health", 200),
    ("/healthz", 200),
    ("/healthz/", 200),
    ("/ready", 200),
    ("/ready?x=1", 422),
    ("/metrics", 200),
    ("/api/metrics", 200),
    ("/", 200),
    ("/openapi.json", 200),
    ("/api/info", 200),
    ("/nonsense", 404),
];

#[tokio::test]
async fn what_caches_are_told_is_clean_on_every_route() {
    let app = Served::start().await;
    for (path, status) in REQUESTS {
        let answer = cache_lint::clean(&app, path).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        let options = app.request("OPTIONS", path, &[]).await;
        cache_lint::check(path, &options);
    }
}

#[tokio::test]
async fn no_body_changes_while_the_board_is_the_same() {
    let app = Served::start().await;
    for (path, _) in REQUESTS.iter().filter(|(_, status)| *status == 200) {
        let (first, again) = (app.get(path).await, app.get(path).await);
        if !first.header("etag").is_empty() && first.header("etag") == again.header("etag") {
            assert_eq!(first.text, again.text, "{path}");
        }
    }
}

#[tokio::test]
async fn fixed_documents_have_tags_too() {
    let app = Served::start().await;
    for path in ["/", "/openapi.json"] {
        let etag = app
            .get(path)
            .await
            .expect_status(200)
            .header("etag")
            .to_owned();
        app.get_with(path, &[("if-none-match", &etag)])
            .await
            .expect_status(304);
    }
}
