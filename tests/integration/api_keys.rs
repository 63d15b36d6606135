//! Where keys are configured, rates are for those who show one.

use crate::app::App;

const ROUTE: &str = "/v1/rates/BTC/USD";
/// SHA-256 of `abc` (FIPS 180-2).
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

async fn app() -> App {
    App::with(&[("api_keys", &format!("shop:k-1, {ABC}"))]).await
}

#[tokio::test]
async fn only_holders_of_a_key_get_rates() {
    let app = app().await;
    let missing = app.get(ROUTE).await.expect_status(401);
    assert_eq!(
        missing.header("www-authenticate"),
        "Bearer realm=\"edge-rates\""
    );
    assert_eq!(missing.header("content-type"), "application/problem+json");
    assert_eq!(missing.header("cache-control"), "no-store");
    let wrong = app
        .get_with(ROUTE, &[("x-api-key", "k-2")])
        .await
        .expect_status(401);
    assert!(
        wrong
            .header("www-authenticate")
            .contains("error=\"invalid_token\"")
    );
    assert!(!wrong.text.contains("k-2"), "{}", wrong.text);
    for header in [
        ("authorization", "Bearer k-1"),
        ("x-api-key", "k-1"),
        ("x-api-key", "abc"),
    ] {
        let answer = app.get_with(ROUTE, &[header]).await.expect_status(200);
        let control = answer.header("cache-control");
        assert!(control.starts_with("private, max-age=15"), "{control}");
        assert!(!control.contains("s-maxage"), "{control}");
    }
}

#[tokio::test]
async fn coingeckos_clients_show_their_key_as_they_are_used_to() {
    let app = app().await;
    let price = "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd";
    let refused = app.get(price).await.expect_status(401).json();
    assert_eq!(refused["status"]["error_code"], 10_002, "{refused}");
    for name in ["x-cg-demo-api-key", "x-cg-pro-api-key"] {
        app.get_with(price, &[(name, "k-1")])
            .await
            .expect_status(200);
    }
    for name in ["x_cg_demo_api_key", "x_cg_pro_api_key"] {
        app.get(&format!("{price}&{name}=k-1"))
            .await
            .expect_status(200);
        app.get(&format!("{price}&{name}=k-2"))
            .await
            .expect_status(401);
    }
}

#[tokio::test]
async fn a_key_in_the_query_is_refused_with_what_to_do_unless_it_is_allowed() {
    let app = app().await;
    for (target, is_coingecko) in [
        ("/v1/rates/BTC/USD", false),
        ("/v1/symbols", false),
        ("/v1/stream", false),
        ("/api/v3/simple/price?ids=bitcoin&vs_currencies=usd", true),
    ] {
        let separator = if target.contains('?') { '&' } else { '?' };
        let refused = app.get(&format!("{target}{separator}api_key=k-1")).await;
        let refused = refused.expect_status(401);
        let body = refused.json();
        let said = match is_coingecko {
            true => &body["status"]["error_message"],
            false => &body["detail"],
        };
        let said = said.as_str().unwrap();
        for expected in ["X-API-Key", "api_key_in_query", "logs"] {
            assert!(said.contains(expected), "{target}: {said}");
        }
        assert!(!refused.text.contains("k-1"), "{}", refused.text);
    }
    let posted = app.post("/v1/rates:batch?api_key=k-1", &[], "[]").await;
    posted.expect_status(401);
    // With a key where it belongs, one in the query is still no parameter.
    let shown = [("x-api-key", "k-1")];
    for _ in 0..2 {
        let beside = app.get_with(&format!("{ROUTE}?api_key=k-1"), &shown).await;
        assert_eq!(beside.expect_status(422).json()["parameter"], "api_key");
        app.get_with(ROUTE, &shown).await.expect_status(200);
    }
}

#[tokio::test]
async fn a_key_in_the_query_that_is_allowed_leaves_no_trace() {
    let app = App::with(&[
        ("api_keys", "page:k-secret,other:k-2"),
        ("api_key_in_query", "true"),
        ("log_requests", "true"),
    ])
    .await;
    let tag = async |target: &str| {
        let answer = app.get(target).await.expect_status(200);
        assert!(!answer.text.contains("k-secret"), "{}", answer.text);
        for (name, value) in &answer.headers {
            assert!(!format!("{value:?}").contains("k-secret"), "{name}");
        }
        let control = answer.header("cache-control");
        assert!(control.starts_with("private"), "{target}: {control}");
        answer.header("etag").to_owned()
    };
    for target in [
        "/v1/rates?vs=usd&",
        "/v1/rates/BTC/USD?",
        "/v1/convert?from=BTC&to=EUR&amount=1&",
        "/v1/symbols?",
        "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd&",
    ] {
        let one = tag(&format!("{target}api_key=k-secret")).await;
        let other = tag(&format!("{target}_=17&api_key=k-2")).await;
        assert_eq!(one, other, "{target}: who asks does not matter");
        app.get(&format!("{target}api_key=k-wrong"))
            .await
            .expect_status(401);
        app.get(&format!("{target}api_key="))
            .await
            .expect_status(401);
    }
    let batch = r#"[{"base":"BTC","quote":"USD"}]"#;
    let json = [("content-type", "application/json")];
    let posted = app.post("/v1/rates:batch?api_key=k-secret", &json, batch);
    posted.await.expect_status(200);
    let unknown = app.get("/v1/rates?api_key=k-secret&x=1").await;
    assert!(!unknown.expect_status(422).text.contains("k-secret"));
    let missing = app.get(ROUTE).await.expect_status(401).json();
    let said = missing["detail"].as_str().unwrap();
    assert!(said.contains("the parameter `api_key`"), "{said}");
    app.until("requests are in the log", async || {
        app.log("rates").contains("\"status\":401")
    })
    .await;
    assert!(!app.log("rates").contains("k-secret"));
}

#[tokio::test]
async fn where_no_key_is_asked_for_one_in_the_query_is_taken_only_if_that_is_allowed() {
    let open = App::start().await;
    open.get(&format!("{ROUTE}?api_key=x"))
        .await
        .expect_status(422);
    let allowed = App::with(&[("api_key_in_query", "true")]).await;
    allowed
        .get(&format!("{ROUTE}?api_key=x"))
        .await
        .expect_status(200);
}

#[tokio::test]
async fn what_is_not_about_rates_stays_open() {
    let app = app().await;
    for path in ["/", "/healthz", "/ready", "/metrics", "/api/info"] {
        app.get(path).await.expect_status(200);
    }
    // Browsers ask beforehand, without any key.
    let options = app.request("OPTIONS", ROUTE, &[]).await.expect_status(204);
    let allowed = options.header("access-control-allow-headers");
    assert!(allowed.contains("Authorization"), "{allowed}");
}

#[tokio::test]
async fn a_key_has_its_own_quota() {
    let app = App::with(&[("api_keys", "a:k-1,b:k-2"), ("rate_limit", "2;w=60")]).await;
    let ask = async |key: &str| {
        let answer = app.get_with(ROUTE, &[("x-api-key", key)]).await;
        answer.status.as_u16()
    };
    assert_eq!(
        [ask("k-1").await, ask("k-1").await, ask("k-1").await],
        [200, 200, 429]
    );
    assert_eq!(ask("k-2").await, 200);
    let guesses = [ask("x").await, ask("y").await, ask("z").await];
    assert_eq!(guesses, [401, 401, 429], "guessing is limited by address");
    assert_eq!(ask("k-2").await, 200);
}

#[tokio::test]
async fn a_wrong_setting_closes_the_service() {
    let app = App::with(&[("api_keys", "hunter2")]).await;
    app.get(ROUTE).await.expect_status(500);
}
