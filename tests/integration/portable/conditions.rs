//! ETag, Last-Modified and 304 (RFC 9110 §13).

use super::served::Served;

const ROUTES: [&str; 4] = [
    "/v1/rates/BTC/USD",
    "/v1/rates?symbols=BTC&vs=USD",
    "/v1/convert?from=BTC&to=EUR&amount=1",
    "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
];

#[tokio::test]
async fn a_client_that_has_the_answer_gets_304_without_a_body() {
    let app = Served::start().await;
    for route in ROUTES {
        let full = app.get(route).await.expect_status(200);
        let etag = full.header("etag").to_owned();
        assert!(
            etag.starts_with('"') && etag.ends_with('"'),
            "{route}: {etag}"
        );
        for condition in [etag.clone(), format!("\"x\", W/{etag}"), "*".to_owned()] {
            let got = app
                .get_with(route, &[("if-none-match", &condition)])
                .await
                .expect_status(304);
            assert_eq!(got.text, "");
            assert_eq!(got.header("etag"), etag, "{route}");
            assert!(!got.header("cache-control").is_empty());
        }
        app.get_with(route, &[("if-none-match", "\"other\"")])
            .await
            .expect_status(200);
        let modified = full.header("last-modified").to_owned();
        app.get_with(route, &[("if-modified-since", &modified)])
            .await
            .expect_status(304);
    }
}

#[tokio::test]
async fn equal_questions_have_equal_etags_and_different_ones_differ() {
    let app = Served::start().await;
    let etag = async |route: &str| {
        app.get(route)
            .await
            .expect_status(200)
            .header("etag")
            .to_owned()
    };
    assert_eq!(
        etag("/v1/rates?symbols=BTC,ETH&vs=USD,EUR").await,
        etag("/v1/rates/?vs=eur,usd&ids=ethereum,bitcoin").await
    );
    assert_eq!(
        etag("/v1/rates/BTC/USD").await,
        etag("/v1/rates/btc/usd").await
    );
    assert_ne!(
        etag("/v1/rates/BTC/USD").await,
        etag("/v1/rates/BTC/EUR").await
    );
    assert_ne!(
        etag("/v1/rates/BTC/USD").await,
        etag("/v1/rates/BTC/USD?precision=2").await
    );
}
