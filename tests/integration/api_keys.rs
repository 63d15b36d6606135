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
async fn a_wrong_setting_closes_the_service_and_shows_no_key() {
    let app = App::with(&[("api_keys", "hunter2")]).await;
    let answer = app.get(ROUTE).await.expect_status(500);
    assert!(!answer.text.contains("hunter2"), "{}", answer.text);
}
