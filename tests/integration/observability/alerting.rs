//! A real Prometheus and a real Alertmanager watch the app by the chart's own files, while its
//! upstreams break and are mended.
//!
//! A day of theirs lasts 24 minutes here: time runs 60 times faster for everything that has to do
//! with it. The app's clock and the market's are moved so; and of the chart's files only the
//! durations are changed, all by the same factor: windows, `for`, intervals, waits. Expressions,
//! thresholds, labels and routes are as they are. Only what tells of slow answers is left out: how
//! quick a machine is that is busy with other tests is nobody's fault.

use super::dashboards;
use super::monitoring::{Monitoring, Release};
use super::promql::faster;
use crate::app::App;
use market_simulator::{Fault, Provider};
use std::time::{Duration, Instant};

/// So many times faster.
const TIMES: u32 = 60;

/// How often the clock is moved, and clients ask.
const STEP: Duration = Duration::from_millis(25);

/// How long something may take that is a matter of minutes or hours there.
const PATIENCE: Duration = Duration::from_secs(90);

/// Lets time run, for the app and for the market.
async fn live(app: &App) {
    let mut before = Instant::now();
    loop {
        tokio::time::sleep(STEP).await;
        let now = Instant::now();
        app.advance((now - before) * TIMES);
        before = now;
    }
}

/// Clients ask all the time, whatever the answer.
async fn ask(app: &App) {
    let mut paths = [
        "/v1/rates/BTC/USD",
        "/v1/rates?vs=eur",
        "/v1/convert?from=ETH&to=EUR&amount=2",
        "/api/v3/simple/price?ids=bitcoin&vs_currencies=usd",
        "/v1/rates/NOTHING/USD",
        "/ready",
    ]
    .iter()
    .cycle();
    loop {
        app.get(paths.next().unwrap()).await;
        tokio::time::sleep(STEP).await;
    }
}

/// Waits until something holds that takes its time.
async fn in_the_end(what: &str, monitoring: &Monitoring, holds: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !holds().await {
        if began.elapsed() > PATIENCE {
            panic!(
                "not within {PATIENCE:?}: {what}; firing: {:?}, the pager was told of {:?}",
                monitoring.firing().await,
                monitoring.ever_told("pager")
            );
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    eprintln!("after {:.1} s: {what}", began.elapsed().as_secs_f32());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_upstreams_break_somebody_is_called_and_told_when_they_are_mended() {
    let app = App::start().await;
    // A first board that takes long on a busy machine is no failure of what is tested here.
    app.get("/v1/rates/BTC/USD").await.expect_status(200);
    let release = Release {
        app: app.host.address(),
        host: app.host.metrics_address().unwrap(),
        // Nobody listens on this port of the loopback network.
        gone: "127.0.0.2:1".parse().unwrap(),
    };
    let monitoring = Monitoring::of(&release, TIMES).await;
    let story = async {
        a_good_hour(&app, &monitoring).await;
        broken(&app, &monitoring).await;
        mended(&app, &monitoring).await;
    };
    tokio::select! {
        () = story => {}
        () = live(&app) => {}
        () = ask(&app) => {}
    }
}

/// Nobody is called while all is well; a ticket tells of the replica that is not there.
async fn a_good_hour(app: &App, monitoring: &Monitoring) {
    let gone = "EdgeRatesTargetDown";
    in_the_end(
        "a ticket tells that a replica is gone",
        monitoring,
        async || monitoring.told("tickets", gone).is_some(),
    )
    .await;
    let ticket = monitoring.told("tickets", gone).unwrap();
    assert_eq!(ticket["labels"]["pod"], "edge-rates-b");
    assert_eq!(ticket["labels"]["severity"], "warning");
    in_the_end("the board was refreshed again", monitoring, async || {
        app.market.calls(Provider::CoinGecko) >= 3
    })
    .await;
    assert_eq!(monitoring.firing().await, [gone]);
    assert!(monitoring.ever_told("pager").is_empty());
    every_panel_shows_something(monitoring).await;
}

/// Dashboards ask nothing that Prometheus refuses, and show what there is.
async fn every_panel_shows_something(monitoring: &Monitoring) {
    let mut empty = Vec::new();
    for query in dashboards::queries() {
        let found = monitoring.query(&faster(&query.expression, TIMES)).await;
        let found = found.unwrap_or_else(|error| panic!("{}: {error}", query.panel));
        if found.is_empty() {
            empty.push(query);
        }
    }
    for expression in dashboards::other_expressions() {
        let found = monitoring.query(&expression).await;
        found.unwrap_or_else(|error| panic!("{expression}: {error}"));
    }
    // What is not there: a cluster, a failure, or a month.
    empty.retain(|query| {
        let expression = &query.expression;
        ![
            "kube_",
            "container_",
            r#"status=~"5..""#,
            "circuit_transitions",
            "rate30d",
        ]
        .iter()
        .any(|part| expression.contains(part))
    });
    let empty: Vec<String> = empty
        .into_iter()
        .map(|query| format!("{}: {}", query.panel, query.expression))
        .collect();
    assert!(empty.is_empty(), "{empty:#?}");
}

/// The pager is called for what clients suffer, and tickets are kept back.
async fn broken(app: &App, monitoring: &Monitoring) {
    app.market.fail_all(Fault::ServerError);
    for alert in ["EdgeRatesAllProvidersOpen", "EdgeRatesBoardOld"] {
        in_the_end(
            &format!("the pager tells of {alert}"),
            monitoring,
            async || monitoring.told("pager", alert).is_some(),
        )
        .await;
        let told = monitoring.told("pager", alert).unwrap();
        assert_eq!(told["status"], "firing");
        assert_eq!(told["labels"]["severity"], "critical");
        assert_eq!(told["labels"]["namespace"], "edge-rates");
        assert_eq!(told["labels"]["app"], "edge-rates");
        let runbook = told["annotations"]["runbook_url"].as_str().unwrap();
        assert!(runbook.ends_with(&alert.to_ascii_lowercase()), "{runbook}");
    }
    in_the_end("tickets are kept back", monitoring, async || {
        monitoring.is_kept_back("EdgeRatesTargetDown").await
    })
    .await;
    // Clients get the old prices, marked as such: no alert about failed requests.
    let called = monitoring.ever_told("pager");
    assert_eq!(called, ["EdgeRatesAllProvidersOpen", "EdgeRatesBoardOld"]);
}

/// And told that it is over.
async fn mended(app: &App, monitoring: &Monitoring) {
    app.market.heal_all();
    for alert in ["EdgeRatesAllProvidersOpen", "EdgeRatesBoardOld"] {
        in_the_end(
            &format!("the pager tells that {alert} is over"),
            monitoring,
            async || {
                let told = monitoring.told("pager", alert).unwrap();
                told["status"] == "resolved"
            },
        )
        .await;
    }
    in_the_end("tickets are no longer kept back", monitoring, async || {
        !monitoring.is_kept_back("EdgeRatesTargetDown").await
    })
    .await;
}
