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
    let mut slowest = Duration::ZERO;
    for _ in 0..20 {
        let asked = Instant::now();
        honest_answer(app).await;
        slowest = slowest.max(asked.elapsed());
    }
    // The host gives a command half a second, and as long to a new connection.
    assert!(slowest < Duration::from_millis(1_500), "{slowest:?}");
    replicas.redis.thaw().unwrap();
    let turned = until_ready_is(app, 200).await;
    assert!(turned < TURN, "after {turned:?}");
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
}

/// Answers for a pair, as the metrics have it.
async fn counted(app: &App) -> u64 {
    let text = app.get("/metrics").await.expect_status(200).text;
    let of_pair = |line: &&str| {
        line.starts_with("http_requests_total{") && line.contains("/v1/rates/{base}/{quote}")
    };
    let values = text.lines().filter(of_pair).map(|line| {
        let value = line.rsplit(' ').next().unwrap();
        value.parse::<u64>().unwrap()
    });
    values.sum()
}

#[tokio::test]
async fn no_request_is_counted_twice_because_redis_hung() {
    let replicas = Replicas::start().await;
    let app = &replicas.first;
    let mut asked = 0;
    for _ in 0..3 {
        app.get("/v1/rates/BTC/USD").await.expect_status(200);
        asked += 1;
        // In the middle of counting, or before it, or after it: commands that are on their way are
        // done when Redis goes on.
        tokio::time::sleep(Duration::from_millis(170)).await;
        replicas.redis.freeze().unwrap();
        until_ready_is(app, 503).await;
        for _ in 0..20 {
            honest_answer(app).await;
            asked += 1;
        }
        replicas.redis.thaw().unwrap();
        until_ready_is(app, 200).await;
    }
    app.until("everything is counted that will be", async || {
        let before = counted(app).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        before > 0 && counted(app).await == before
    })
    .await;
    let so_far = counted(app).await;
    println!("{asked} asked, {so_far} counted");
    assert!(so_far <= asked, "{so_far} counted, {asked} asked");
    // From then on every one counts again.
    for _ in 0..10 {
        app.get("/v1/rates/BTC/USD").await.expect_status(200);
    }
    app.until("ten more are counted", async || {
        counted(app).await == so_far + 10
    })
    .await;
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
