//! Every provider × every way to fail × what is stored at the time: nothing, a fresh board, a
//! board past its time. In each cell the answer is the one that is promised, headers included,
//! and after the failure is over everything is well again.

use crate::answer::Answer;
use crate::app::App;
use futures::FutureExt;
use futures::stream::{self, StreamExt};
use market_simulator::{Fault, Provider};
use std::sync::Mutex;
use std::time::Duration;

/// Cells that are looked at together: most of them wait.
const AT_ONCE: usize = 12;

/// Longer than any failure is remembered, a refusal for legal reasons included.
const ALL_FORGOTTEN: Duration = Duration::from_secs(25 * 3600);

/// Boards are past their time and their grace then, and still served.
const PAST_GRACE: Duration = Duration::from_secs(1_000);

/// A provider, and a pair whose price depends on it alone.
struct Row {
    provider: Provider,
    providers: &'static str,
    currencies: &'static str,
    path: &'static str,
}

const ROWS: [Row; 5] = [
    row(Provider::CoinGecko, "coingecko", "USD", "/v1/rates/BTC/USD"),
    row(Provider::Coinbase, "coinbase", "USD", "/v1/rates/BTC/USD"),
    row(Provider::Kraken, "kraken", "USD", "/v1/rates/BTC/USD"),
    row(Provider::Binance, "binance", "USDT", "/v1/rates/BTC/USDT"),
    row(Provider::Bitpin, "bitpin", "IRT", "/v1/rates/BTC/IRT"),
];

const fn row(
    provider: Provider,
    providers: &'static str,
    currencies: &'static str,
    path: &'static str,
) -> Row {
    Row {
        provider,
        providers,
        currencies,
        path,
    }
}

/// Faults after which the provider's answer can be used all the same: it is late, labelled
/// wrongly, or in a form that a correct client reads. Providers that give no times can't be
/// caught telling old prices.
fn is_usable(provider: Provider, fault: Fault) -> bool {
    let tells_times = matches!(
        provider,
        Provider::CoinGecko | Provider::Bitpin | Provider::Frankfurter
    );
    match fault {
        Fault::Delay(_) | Fault::Scientific | Fault::Mislabelled => true,
        Fault::OldTimestamp => !tells_times,
        _ => false,
    }
}

async fn app(row: &Row) -> App {
    App::with(&[
        ("providers", row.providers),
        ("currencies", row.currencies),
        ("assets", "bitcoin:BTC,ethereum:ETH"),
    ])
    .await
}

#[track_caller]
fn expect_fresh(answer: Answer, what: &str) -> String {
    let answer = answer.expect_status(200);
    assert_eq!(answer.json()["stale"], false, "{what}: {}", answer.text);
    let control = answer.header("cache-control");
    assert!(
        control.starts_with("public, max-age=15, s-maxage=300"),
        "{what}: {control}"
    );
    assert!(!answer.header("age").is_empty(), "{what}");
    assert!(!answer.header("etag").is_empty(), "{what}");
    assert!(!answer.header("last-modified").is_empty(), "{what}");
    price(&answer)
}

fn price(answer: &Answer) -> String {
    answer.json()["price"].as_str().unwrap().to_owned()
}

/// With nothing stored.
async fn cold(app: &App, row: &Row, fault: Fault) {
    let what = format!("{} {fault}, cold", row.provider);
    app.market.fail(row.provider, fault);
    if is_usable(row.provider, fault) {
        let filled = app.get(row.path).await;
        let status = filled.header("cache-status").to_owned();
        expect_fresh(filled, &what);
        assert_eq!(
            status, "edge-rates; fwd=uri-miss; fwd-status=200; stored",
            "{what}"
        );
    } else {
        let refused = app.get(row.path).await;
        assert_eq!(refused.status, 503, "{what}: {}", refused.text);
        refused.expect_unavailable();
        let calls = app.market.calls(row.provider);
        app.get(row.path).await.expect_unavailable();
        let repeated = app.market.calls(row.provider) - calls;
        assert_eq!(
            repeated, 0,
            "{what}: a failure a moment ago is not repeated at once"
        );
    }
    app.market.heal_all();
}

/// With a fresh board, and then with the same past its time.
async fn warm(app: &App, row: &Row, fault: Fault) {
    let what = format!("{} {fault}, fresh", row.provider);
    app.market.fail(row.provider, fault);
    let calls = app.market.calls(row.provider);
    let hit = app.get(row.path).await.expect_hit();
    let before = expect_fresh(hit, &what);
    assert_eq!(
        app.market.calls(row.provider),
        calls,
        "{what}: nobody is asked"
    );

    let what = format!("{} {fault}, stale", row.provider);
    app.advance(PAST_GRACE);
    if is_usable(row.provider, fault) {
        app.until(&what, async || {
            let answer = app.get(row.path).await.expect_status(200);
            answer.header("cache-status").contains("; hit; ttl=") && answer.json()["stale"] == false
        })
        .await;
    } else {
        // The answer that says so, and not the next one, of a moment when it is tried again.
        let answers = Mutex::new(Vec::new());
        app.until(&what, async || {
            let answer = app.get(row.path).await.expect_status(200);
            assert_eq!(answer.json()["stale"], true, "{what}: {}", answer.text);
            assert_eq!(price(&answer), before, "{what}");
            let is_told = answer.header("cache-status").contains("stale-if-error");
            answers.lock().unwrap().push(answer);
            is_told
        })
        .await;
        let stale = answers.into_inner().unwrap().pop().unwrap().expect_stale();
        let status = stale.header("cache-status");
        assert!(
            status.starts_with("edge-rates; fwd=stale;"),
            "{what}: {status}"
        );
        assert_eq!(price(&stale), before, "{what}");
        let age: u64 = stale.header("age").parse().unwrap();
        assert!(age >= PAST_GRACE.as_secs(), "{what}: {age}");
        let tag = stale.header("etag").to_owned();
        let again = app.get_with(row.path, &[("if-none-match", &tag)]).await;
        assert_eq!(again.status, 304, "{what}");
    }
    app.market.heal_all();
}

/// The failure is over, and so is all that was remembered of it.
async fn recover(app: &App, row: &Row, fault: Fault) {
    app.advance(ALL_FORGOTTEN);
    app.until(
        &format!("{} is well after {fault}", row.provider),
        async || {
            let answer = app.get(row.path).await;
            answer.status == 200 && answer.json()["stale"] == false
        },
    )
    .await;
}

async fn cell(row: &Row, fault: Fault) {
    let app = app(row).await;
    cold(&app, row, fault).await;
    recover(&app, row, fault).await;
    warm(&app, row, fault).await;
    recover(&app, row, fault).await;
}

// Boxed: all cells at once are more than the stack of a test holds.
#[tokio::test]
async fn every_fault_of_every_provider_is_answered_as_promised_whatever_is_stored() {
    let cells = ROWS
        .iter()
        .flat_map(|row| Fault::ALL.map(|fault| cell(row, fault).boxed_local()));
    stream::iter(cells)
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}

/// What currencies cost in each other is asked of another provider than what assets cost. While
/// that fails, only the prices that follow from it are missing; once it was heard, none are.
async fn reference_cell(fault: Fault) {
    let what = format!("frankfurter {fault}");
    let app = App::with(&[
        ("providers", "coingecko,frankfurter"),
        ("currencies", "USD,RON"),
        ("assets", "bitcoin:BTC,ethereum:ETH"),
    ])
    .await;
    let (direct, crossed) = ("/v1/rates/BTC/USD", "/v1/rates/BTC/RON");
    app.market.fail(Provider::Frankfurter, fault);
    let usable = is_usable(Provider::Frankfurter, fault);
    app.get(direct).await.expect_status(200);
    let cold = app.get(crossed).await;
    match usable {
        true => assert_eq!(cold.status, 200, "{what}: {}", cold.text),
        false => {
            assert!(
                matches!(cold.status.as_u16(), 404 | 503),
                "{what}: {}",
                cold.text
            );
            assert_eq!(
                cold.header("content-type"),
                "application/problem+json",
                "{what}"
            );
        }
    }
    app.market.heal_all();
    app.advance(ALL_FORGOTTEN);
    app.until(&format!("{what}: it is over"), async || {
        let answer = app.get(crossed).await;
        answer.status == 200 && answer.json()["stale"] == false
    })
    .await;
    let before = app.get(crossed).await.expect_status(200);
    assert_eq!(before.json()["method"], "cross", "{what}");

    app.market.fail(Provider::Frankfurter, fault);
    app.get(crossed).await.expect_hit();
    // Reference rates are stated once a day and hold until the next ones are. What was being
    // fetched as the clock moved has the price of before; what is fetched after that has another.
    for attempt in 1.. {
        app.advance(PAST_GRACE);
        app.until(&format!("{what}: it is fresh"), async || {
            let answer = app.get(crossed).await.expect_status(200);
            answer.json()["stale"] == false
        })
        .await;
        app.get(direct).await.expect_status(200);
        let after = app.get(crossed).await.expect_status(200);
        assert_eq!(after.json()["method"], "cross", "{what}: {}", after.text);
        if price(&after) != price(&before) {
            break;
        }
        assert!(attempt < 3, "{what}: the price stays: {}", after.text);
    }
}

#[tokio::test]
async fn every_fault_of_the_reference_rates_leaves_the_other_prices_alone() {
    stream::iter(Fault::ALL.map(|fault| reference_cell(fault).boxed_local()))
        .buffer_unordered(AT_ONCE)
        .collect::<Vec<()>>()
        .await;
}
