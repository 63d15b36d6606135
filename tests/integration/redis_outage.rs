//! Redis goes away and comes back: answers go on from memory or say honestly that there are none,
//! `/ready` turns within a second, and nothing has to be restarted.

use crate::answer::Answer;
use crate::app::{App, SOON};
use crate::redis_replicas::Replicas;
use market_simulator::Provider;
use std::time::{Duration, Instant};

/// `/ready` says within this time what is the case.
const TURN: Duration = Duration::from_secs(1);

/// Asks until `/ready` has this status, and gives how long that took.
async fn until_ready_is(app: &App, status: u16) -> Duration {
    let began = Instant::now();
    while app.get("/ready").await.status != status {
        assert!(began.elapsed() < SOON, "/ready isn't {status}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    began.elapsed()
}

/// 200 from memory, or 503 that says when to come back; nothing else, and soon.
async fn honest_answer(app: &App) -> Answer {
    let asked = tokio::time::timeout(Duration::from_secs(6), app.get("/v1/rates/BTC/USD"));
    let answer = asked.await.expect("an answer comes soon");
    if answer.status == 200 {
        assert_eq!(answer.json()["symbol"], "BTC", "{}", answer.text);
        return answer;
    }
    answer.expect_unavailable()
}

#[tokio::test]
async fn readiness_turns_within_a_second_and_answers_go_on() {
    let mut replicas = Replicas::start().await;
    let known = replicas.first.get("/v1/rates/BTC/USD").await;
    let known = known.expect_status(200).json();
    for round in 1..=2 {
        for app in [&replicas.first, &replicas.second] {
            app.get("/ready").await.expect_status(200);
            app.get("/v1/rates/BTC/USD").await.expect_status(200);
        }
        replicas.redis.kill().unwrap();
        for app in [&replicas.first, &replicas.second] {
            // Its instance has the board in its memory, and is kept warm by these very requests.
            let answer = honest_answer(app).await;
            if answer.status == 200 {
                assert_eq!(answer.json()["price"], known["price"]);
            }
            let turned = until_ready_is(app, 503).await;
            assert!(turned < TURN, "round {round}: after {turned:?}");
            let ready = app.get("/ready").await.expect_status(503);
            assert_eq!(ready.text, r#"{"ready":false}"#);
            app.get("/health").await.expect_status(503);
            app.get("/healthz").await.expect_status(200);
        }
        for _ in 0..50 {
            honest_answer(&replicas.first).await;
            honest_answer(&replicas.second).await;
        }
        replicas.redis.start_again().unwrap();
        for app in [&replicas.first, &replicas.second] {
            let turned = until_ready_is(app, 200).await;
            assert!(turned < TURN, "round {round}: after {turned:?}");
            app.get("/v1/rates/BTC/USD").await.expect_status(200);
            app.get("/health").await.expect_status(200);
        }
    }
    assert_eq!(replicas.first.market.calls(Provider::CoinGecko), 1);
}

#[tokio::test]
async fn a_redis_that_hangs_is_told_by_readiness_and_holds_no_answer_up() {
    let replicas = Replicas::start().await;
    let app = &replicas.first;
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    replicas.redis.freeze().unwrap();
    let turned = until_ready_is(app, 503).await;
    assert!(turned < TURN, "after {turned:?}");
    for _ in 0..20 {
        honest_answer(app).await;
    }
    replicas.redis.thaw().unwrap();
    let turned = until_ready_is(app, 200).await;
    assert!(turned < TURN, "after {turned:?}");
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
}

#[tokio::test]
async fn a_host_starts_without_redis_and_serves_when_it_comes() {
    let mut replicas = Replicas::start().await;
    replicas.redis.kill().unwrap();
    let app = replicas.first.beside(&[]).await;
    app.get("/ready").await.expect_status(503);
    honest_answer(&app).await.expect_unavailable();
    replicas.redis.start_again().unwrap();
    let turned = until_ready_is(&app, 200).await;
    assert!(turned < TURN, "after {turned:?}");
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
}
