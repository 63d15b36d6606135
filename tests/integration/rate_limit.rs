//! Clients get their quota and are told what is left of it.

use crate::app::App;

const ROUTE: &str = "/v1/rates/BTC/USD";

/// `r` and `t` of a RateLimit header.
fn left(text: &str) -> (u64, u64) {
    let parameters = text.strip_prefix("\"default\";r=").expect(text);
    let (remaining, reset) = parameters.split_once(";t=").expect(text);
    (remaining.parse().unwrap(), reset.parse().unwrap())
}

#[tokio::test]
async fn without_a_limit_nothing_is_said_of_one() {
    let app = App::start().await;
    let answer = app.get(ROUTE).await.expect_status(200);
    assert_eq!(answer.header("ratelimit"), "");
    assert_eq!(answer.header("ratelimit-policy"), "");
}

#[tokio::test]
async fn a_client_that_has_used_up_its_quota_is_told_when_to_come_back() {
    let app = App::with(&[("rate_limit", "5;w=60")]).await;
    let mut reset = 0;
    // Whatever is answered counts: also what is wrong, and what the client has already.
    let etag = app
        .get(ROUTE)
        .await
        .expect_status(200)
        .header("etag")
        .to_owned();
    for (path, headers, status, remaining) in [
        (ROUTE, &[][..], 200, 3),
        ("/v1/rates?vs=XXX", &[], 422, 2),
        (ROUTE, &[("if-none-match", etag.as_str())], 304, 1),
        ("/api/v3/ping", &[], 200, 0),
    ] {
        let answer = app.get_with(path, headers).await.expect_status(status);
        assert_eq!(answer.header("ratelimit-policy"), "\"default\";q=5;w=60");
        let (r, t) = left(answer.header("ratelimit"));
        assert_eq!(r, remaining, "{path}");
        assert!((1..=60).contains(&t), "{t}");
        reset = t;
    }
    let refused = app.get(ROUTE).await.expect_status(429);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    assert_eq!(refused.header("cache-control"), "no-store");
    assert_eq!(refused.header("ratelimit-policy"), "\"default\";q=5;w=60");
    assert_eq!(left(refused.header("ratelimit")), (0, reset));
    assert_eq!(refused.header("retry-after"), reset.to_string());
    let problem = refused.json();
    assert_eq!(
        problem["type"],
        "https://iana.org/assignments/http-problem-types#quota-exceeded"
    );
    assert_eq!(problem["violated-policies"], serde_json::json!(["default"]));
    // CoinGecko's clients know its own shape.
    let refused = app.get("/api/v3/ping").await.expect_status(429);
    assert_eq!(refused.json()["status"]["error_code"], 429);
    assert_eq!(refused.header("retry-after"), reset.to_string());
    // The rest of the service is not limited, and questions about a route are not counted.
    for path in ["/healthz", "/metrics", "/"] {
        let answer = app.get(path).await.expect_status(200);
        assert_eq!(answer.header("ratelimit"), "", "{path}");
    }
    app.request("OPTIONS", ROUTE, &[]).await.expect_status(204);
    app.advance(std::time::Duration::from_secs(reset));
    app.get(ROUTE).await.expect_status(200);
}

#[tokio::test]
async fn clients_behind_a_trusted_proxy_are_told_apart() {
    let limits = [("rate_limit", "2;w=60"), ("trusted_proxies", "127.0.0.0/8")];
    let app = App::with(&limits).await;
    let ask = async |client: &str| {
        let list = format!("198.51.100.99, {client}");
        let headers = [("x-forwarded-for", list.as_str())];
        app.get_with(ROUTE, &headers).await.status.as_u16()
    };
    for _ in 0..2 {
        assert_eq!(ask("203.0.113.7").await, 200);
        assert_eq!(ask("2001:db8::1").await, 200);
    }
    assert_eq!(ask("203.0.113.7").await, 429);
    assert_eq!(ask("2001:db8::ffff").await, 429, "the same network");
    assert_eq!(ask("2001:db8:0:1::1").await, 200);
    assert_eq!(ask("203.0.113.8").await, 200);
}

#[tokio::test]
async fn nobody_gets_a_new_quota_by_making_up_an_address() {
    let app = App::with(&[("rate_limit", "2;w=60")]).await;
    let ask = async |made_up: &str| {
        let headers = [
            ("x-forwarded-for", made_up),
            ("forwarded", &format!("for={made_up}")),
            ("spin-client-addr", &format!("{made_up}:80")),
        ];
        app.get_with(ROUTE, &headers).await.status.as_u16()
    };
    assert_eq!(ask("203.0.113.1").await, 200);
    assert_eq!(ask("203.0.113.2").await, 200);
    assert_eq!(ask("203.0.113.3").await, 429);
}

#[tokio::test]
async fn all_instances_count_together() {
    let app = App::with(&[("rate_limit", "400;w=3600")]).await;
    app.get(ROUTE).await.expect_status(200);
    // Many connections keep several instances busy, each of which counts for itself at first.
    let burst = async || {
        let asked = (0..300).map(|_| app.get(ROUTE));
        let answers = futures::future::join_all(asked).await;
        answers.iter().filter(|answer| answer.status == 200).count()
    };
    let first = burst().await;
    assert_eq!(first, 300, "within the quota nobody is refused");
    let (stores, label) = (app.host.stores(), "default".parse().unwrap());
    app.until("the instances have shared what they counted", async || {
        let keys = stores.keys(&label).await.unwrap();
        let key = keys.iter().find(|key| key.ends_with("/127.0.0.1"));
        match key {
            Some(key) => stores.increment(&label, key, 0).await.unwrap() == 301,
            None => false,
        }
    })
    .await;
    let second = burst().await;
    assert!(second >= 99, "{second} of the remaining 99");
    app.until("the quota is used up everywhere", async || {
        app.get(ROUTE).await.status == 429
    })
    .await;
}
