//! Bodies that take their time. One that moves is never cut off; one that stands still has a limit
//! of its own, for a request's as for a response's, and its answer does not blame the component.

use crate::app::{SOON, until};
use crate::guest::Guests;
use crate::wire::Wire;
use runtime_host::{HostBuilder, Limits};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const GENERATIONS: [&str; 2] = ["modern", "classic"];

/// A component has half a second for the head of its response.
const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

async fn guests(request_body: Duration, response_body: Duration) -> Guests {
    Guests::with(&[], |builder: HostBuilder| {
        builder
            .metrics_listen("127.0.0.1:0".parse().unwrap())
            .workers(1)
            .limits(Limits {
                request_timeout: REQUEST_TIMEOUT,
                request_body_timeout: request_body,
                response_body_timeout: response_body,
                ..Limits::default()
            })
    })
    .await
}

/// The value of a series of the host's metrics; 0 if there is none.
async fn metric(guests: &Guests, series: &str) -> f64 {
    let address = guests.host.metrics_address().expect("metrics are served");
    let url = format!("http://{address}/metrics");
    let text = crate::app::client().get(url).send().await.unwrap();
    let text = text.text().await.unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series));
    value.map_or(0.0, |value| value.trim().parse().unwrap())
}

#[tokio::test]
async fn a_stream_that_moves_outlives_the_time_for_its_head() {
    let guests = guests(SOON, SOON).await;
    for path in [
        "/modern/stream?chunks=15&ms=100",
        "/classic/respond?bytes=8&more=8&ms=100&times=15",
    ] {
        let answer = guests.get(path).await.expect_status(200);
        let whole = if path.contains("chunks") {
            15 * 8 + 5
        } else {
            16 * 8
        };
        assert_eq!(answer.text.len(), whole, "{path}");
    }
}

#[tokio::test]
async fn a_guest_may_compute_what_it_streams() {
    let guests = guests(SOON, SOON).await;
    // All of it takes twice as long as a head may.
    let busy = (2 * REQUEST_TIMEOUT).as_millis() / 20;
    let path = format!("/classic/respond?more=8&times=20&busy={busy}");
    let answer = guests.get(&path).await.expect_status(200);
    assert_eq!(answer.text.len(), 20 * 8);
}

#[tokio::test]
async fn a_slow_client_gets_all_of_a_large_answer() {
    const LENGTH: usize = 4 << 20;
    let guests = guests(SOON, SOON).await;
    for path in [
        "/modern/big?bytes=4194304",
        "/classic/respond?bytes=4194304",
    ] {
        let mut wire = Wire::narrow(&guests.host.url()).await;
        let head = wire.ask("GET", path).await;
        assert_eq!(head.status, 200, "{path}");
        // Nothing is taken for several times as long as the head may take, and then little.
        sleep(3 * REQUEST_TIMEOUT).await;
        let mut read = 0;
        while read < LENGTH / 64 {
            read += wire.read(4 << 10).await.unwrap().len();
            sleep(Duration::from_millis(20)).await;
        }
        let rest = wire.read_to_end_of_chunks().await;
        assert!(read + rest > LENGTH, "{path}: {read} and {rest} bytes");
    }
}

#[tokio::test]
async fn an_answer_to_which_nothing_is_written_is_cut_off_and_the_log_names_the_limit() {
    let guests = guests(SOON, Duration::from_millis(700)).await;
    for (number, guest) in (1_u32..).zip(GENERATIONS) {
        let mut wire = Wire::to(&guests.host.url()).await;
        let path = format!("/{guest}/respond?bytes=4&ms=60000&more=4");
        let began = Instant::now();
        let head = wire.ask("GET", &path).await;
        assert_eq!(head.status, 200, "{guest}");
        wire.read_to_end().await;
        assert!(began.elapsed() >= Duration::from_millis(700), "{guest}");
        until("the log says why", async || {
            guests.stderr_of(guest).contains("--response-body-timeout")
        })
        .await;
        let closed = r#"runtime_host_connections_closed_total{reason="body_timeout"}"#;
        assert_eq!(metric(&guests, closed).await, f64::from(number));
    }
}

#[tokio::test]
async fn an_answer_that_its_client_does_not_take_is_cut_off() {
    let guests = guests(SOON, Duration::from_millis(700)).await;
    for (number, path) in (1_u32..).zip([
        "/modern/big?bytes=67108864",
        "/classic/respond?bytes=67108864",
    ]) {
        let mut wire = Wire::narrow(&guests.host.url()).await;
        let head = wire.ask("GET", path).await;
        assert_eq!(head.status, 200, "{path}");
        until("the connection is cut", async || {
            let closed = r#"runtime_host_connections_closed_total{reason="body_timeout"}"#;
            metric(&guests, closed).await == f64::from(number)
        })
        .await;
        assert!(wire.read_to_end().await < 64 << 20, "{path}");
        guests.get("/modern/hello").await.expect_status(200);
    }
    until("nothing is left of them", async || {
        metric(&guests, "runtime_host_requests_in_flight").await == 0.0
    })
    .await;
}

#[tokio::test]
async fn an_upload_that_moves_is_waited_for_as_long_as_it_takes() {
    let guests = guests(SOON, SOON).await;
    for guest in GENERATIONS {
        let mut wire = Wire::to(&guests.host.url()).await;
        let head =
            format!("POST /{guest}/read HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n");
        wire.send(head).await.unwrap();
        // Four times as long as the component may take for the head of its response.
        for _ in 0..20 {
            sleep(REQUEST_TIMEOUT / 5).await;
            wire.send([b'x'; 100]).await.unwrap();
        }
        let head = wire.head().await.unwrap();
        assert_eq!(head.status, 200, "{guest}");
        assert_eq!(wire.body(&head).await.unwrap(), "2000", "{guest}");
        assert!(wire.is_usable().await, "{guest}");
    }
}

#[tokio::test]
async fn an_upload_that_stands_still_is_408_and_no_fault_of_the_component() {
    let guests = guests(Duration::from_millis(700), SOON).await;
    for (number, guest) in (1_u32..).zip(GENERATIONS) {
        let mut wire = Wire::to(&guests.host.url()).await;
        let began = Instant::now();
        let head =
            format!("POST /{guest}/read HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n");
        wire.send(head).await.unwrap();
        wire.send([b'x'; 100]).await.unwrap();
        let head = wire.head().await.unwrap();
        assert_eq!(head.status, 408, "{guest}");
        assert!(began.elapsed() >= Duration::from_millis(700), "{guest}");
        assert_eq!(head.header("connection"), Some("close"), "{guest}");
        assert_eq!(
            head.header("content-type"),
            Some("application/problem+json")
        );
        wire.read_to_end().await;
        let refused = r#"runtime_host_requests_refused_total{reason="body_stalled"}"#;
        assert_eq!(metric(&guests, refused).await, f64::from(number));
        guests
            .get(&format!("/{guest}/hello"))
            .await
            .expect_status(200);
    }
}

#[tokio::test]
async fn a_component_that_does_not_read_an_upload_has_no_more_time_than_others() {
    let guests = guests(SOON, SOON).await;
    let mut wire = Wire::to(&guests.host.url()).await;
    let head = "POST /modern/read?ms=60000 HTTP/1.1\r\nhost: x\r\ncontent-length: 2000\r\n\r\n";
    wire.send(head).await.unwrap();
    let head = wire.head().await.unwrap();
    assert_eq!(head.status, 504);
}
