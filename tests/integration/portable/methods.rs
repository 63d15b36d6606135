//! What can be done with a path: GET, HEAD and OPTIONS everywhere but where something is sent.

use super::served::Served;

#[tokio::test]
async fn a_wrong_method_is_told_which_are_right() {
    let app = Served::start().await;
    for path in ["/v1/rates", "/healthz", "/metrics", "/"] {
        let answer = app.request("POST", path, &[]).await.expect_status(405);
        assert_eq!(answer.header("allow"), "GET, HEAD, OPTIONS", "{path}");
        let answer = app.request("OPTIONS", path, &[]).await.expect_status(204);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET, HEAD, OPTIONS"
        );
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = Served::start().await;
    let get = app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let head = app
        .request("HEAD", "/v1/rates/BTC/USD", &[])
        .await
        .expect_status(200);
    assert_eq!(head.text, "");
    assert_eq!(head.header("content-length"), get.text.len().to_string());
    assert_eq!(head.header("etag"), get.header("etag"));
}
