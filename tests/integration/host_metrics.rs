//! `--metrics-listen`: what the host tells Prometheus about requests, instances, stores and calls.
//! R9, R33, R71 and R81 are the application's own metrics; these are of what runs it.

use crate::app::{SOON, client, until};
use crate::guest::{Guests, manifest};
use crate::process::Process;
use crate::promtool::accepted_by_promtool;
use futures::StreamExt;
use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The series of one scrape, by name and labels as they are written.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(url: &str) -> Scrape {
        let text = client().get(url).send().await.expect("metrics");
        Scrape::read(&text.text().await.unwrap())
    }

    fn read(text: &str) -> Scrape {
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let series = series.map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a name and a value");
            (name.to_owned(), value.parse().expect("a number"))
        });
        Scrape(series.collect())
    }

    /// The value of a series; 0 if there is none.
    fn value(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or(0.0)
    }

    /// The sum of all series of that name, whatever their labels.
    fn sum(&self, name: &str) -> f64 {
        let series = self.0.iter();
        series
            .filter(|(series, _)| series.split('{').next() == Some(name))
            .map(|(_, value)| value)
            .sum()
    }

    fn has(&self, name: &str) -> bool {
        let mut names = self.0.keys();
        names.any(|series| series.split('{').next() == Some(name))
    }
}

/// The guests in a host that serves metrics.
async fn guests() -> Guests {
    Guests::with(&["http://localhost:1"], |builder| {
        builder
            .metrics_listen("127.0.0.1:0".parse().unwrap())
            .request_timeout(Duration::from_secs(1))
            .max_instance_memory(32 << 20)
    })
    .await
}

fn url(guests: &Guests, path: &str) -> String {
    let address = guests.host.metrics_address().expect("metrics are served");
    format!("http://{address}{path}")
}

async fn scrape(guests: &Guests) -> Scrape {
    Scrape::of(&url(guests, "/metrics")).await
}

const MODERN: &str = r#"component="modern",route="/modern/...""#;

#[tokio::test]
async fn requests_are_counted_by_component_route_and_status() {
    let guests = guests().await;
    for _ in 0..3 {
        guests.get("/modern/hello").await.expect_status(200);
    }
    guests.get("/modern/nothing").await.expect_status(404);
    guests.get("/classic/hello").await.expect_status(200);
    guests.get("/modern/error").await.expect_status(500);
    guests.get("/nowhere/42").await.expect_status(404);
    guests
        .get("/.well-known/spin/health")
        .await
        .expect_status(200);
    let scrape = scrape(&guests).await;
    let requests = "runtime_host_requests_total";
    for (labels, count) in [
        (format!(r#"{MODERN},status="200""#), 3.0),
        (format!(r#"{MODERN},status="404""#), 1.0),
        (format!(r#"{MODERN},status="500""#), 1.0),
        (
            r#"component="classic",route="/classic/...",status="200""#.to_owned(),
            1.0,
        ),
        (r#"component="",route="",status="404""#.to_owned(), 1.0),
        (r#"component="",route="",status="200""#.to_owned(), 1.0),
    ] {
        let series = format!("{requests}{{{labels}}}");
        assert_eq!(scrape.value(&series), count, "{series}");
    }
    assert_eq!(scrape.sum(requests), 8.0);
    let durations = "runtime_host_request_duration_seconds";
    assert_eq!(scrape.sum(&format!("{durations}_count")), 8.0);
    let all = format!("{durations}_bucket{{{MODERN},le=\"+Inf\"}}");
    assert_eq!(scrape.value(&all), 5.0);
    assert!(scrape.value(&format!("{durations}_sum{{{MODERN}}}")) > 0.0);
    assert_eq!(
        scrape.value(r#"runtime_host_requests_refused_total{reason="no_route"}"#),
        1.0
    );
}

#[tokio::test]
async fn nothing_is_lost_between_the_cores() {
    let guests = guests().await;
    futures::stream::iter(0..5_000)
        .map(|_: usize| guests.get("/modern/hello"))
        .buffer_unordered(64)
        .for_each(async |answer| drop(answer.expect_status(200)))
        .await;
    let scrape = scrape(&guests).await;
    let series = format!(r#"runtime_host_requests_total{{{MODERN},status="200"}}"#);
    assert_eq!(scrape.value(&series), 5_000.0);
    let created = scrape.value(r#"runtime_host_instances_created_total{component="modern"}"#);
    let reused = scrape.value(r#"runtime_host_instances_reused_total{component="modern"}"#);
    assert!(created >= 1.0);
    assert_eq!(created + reused, 5_000.0, "each first request is no reuse");
    let starts = r#"runtime_host_instance_start_seconds_count{component="modern"}"#;
    assert_eq!(scrape.value(starts), created);
    until("the answers are read", async || {
        let scrape = self::scrape(&guests).await;
        scrape.value("runtime_host_requests_in_flight") == 0.0
            && scrape.value("runtime_host_connections_open") >= 1.0
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_instance_has_a_reason() {
    let guests = guests().await;
    guests.get("/modern/trap").await.expect_status(500);
    guests.get("/modern/allocate").await.expect_status(500);
    guests.get("/modern/loop").await.expect_status(504);
    guests.get("/classic/hello").await.expect_status(200);
    guests.get("/neighbour/hello").await.expect_status(200);
    until("all have ended", async || {
        let scrape = scrape(&guests).await;
        [
            ("modern", "trapped"),
            ("modern", "memory"),
            ("modern", "timed_out"),
            ("classic", "retired"),
            ("neighbour", "idle"),
        ]
        .iter()
        .all(|(component, reason)| {
            let labels = format!(r#"component="{component}",reason="{reason}""#);
            let ended = format!("runtime_host_instances_ended_total{{{labels}}}");
            scrape.value(&ended) == 1.0
        })
    })
    .await;
    let scrape = scrape(&guests).await;
    assert_eq!(scrape.sum("runtime_host_instances_created_total"), 5.0);
    assert_eq!(scrape.sum("runtime_host_instances_ended_total"), 5.0);
    assert_eq!(scrape.sum("runtime_host_instances"), 0.0);
}

#[tokio::test]
async fn what_a_request_waits_for_is_seen_while_it_waits() {
    let guests = guests().await;
    let waiting = guests.get("/modern/sleep?ms=800");
    let watching = until("it is in flight", async || {
        let scrape = scrape(&guests).await;
        scrape.value("runtime_host_requests_in_flight") == 1.0
            && scrape.value(r#"runtime_host_instances{component="modern"}"#) == 1.0
            && scrape.value("runtime_host_connections_open") == 1.0
    });
    let (answer, ()) = futures::join!(waiting, watching);
    answer.expect_status(200);
    let queue = scrape(&guests).await;
    assert_eq!(
        queue.value(r#"runtime_host_queue_depth{component="modern"}"#),
        0.0
    );
    assert!(queue.has("runtime_host_queue_depth"));
}

#[tokio::test]
async fn refusals_have_a_reason() {
    let guests = Guests::with(&[], |builder| {
        builder
            .metrics_listen("127.0.0.1:0".parse().unwrap())
            .workers(1)
            .limits(runtime_host::Limits {
                max_concurrent_requests: 1,
                max_request_body: 10,
                ..runtime_host::Limits::default()
            })
    })
    .await;
    let asleep = guests.get("/modern/sleep?ms=1000");
    let refused = async {
        until("a second one is too many", async || {
            guests.get("/modern/hello").await.status == 503
        })
        .await;
    };
    let (answer, ()) = futures::join!(asleep, refused);
    answer.expect_status(200);
    let address = guests.host.address();
    for (request, status) in [
        (
            "CONNECT example.com:80 HTTP/1.1\r\nhost: example.com:80\r\n\r\n".to_owned(),
            "405",
        ),
        ("GET /modern/hello HTTP/1.1\r\n\r\n".to_owned(), "400"),
        (
            "POST /modern/body HTTP/1.1\r\nhost: x\r\ncontent-length: 11\r\n\r\nhello world"
                .to_owned(),
            "413",
        ),
        (
            format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(70_000)),
            "4",
        ),
        ("nonsense\r\n\r\n".to_owned(), "400"),
    ] {
        let mut stream = TcpStream::connect(address).await.unwrap();
        // The server may have answered, and closed, before it has read all.
        let _closed = stream.write_all(request.as_bytes()).await;
        let mut answer = [0; 12];
        if stream.read_exact(&mut answer).await.is_ok() {
            let line = String::from_utf8_lossy(&answer);
            assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{line}");
        }
    }
    let expected = [
        ("method_not_allowed", 1.0),
        ("bad_request", 2.0),
        ("body_too_large", 1.0),
        ("head_too_large", 1.0),
        ("no_route", 0.0),
    ];
    until("all are counted", async || {
        let scrape = scrape(&guests).await;
        let reason = |reason: &str| {
            let series = format!("runtime_host_requests_refused_total{{reason=\"{reason}\"}}");
            scrape.value(&series)
        };
        reason("overload") >= 1.0 && expected.iter().all(|(name, count)| reason(name) == *count)
    })
    .await;
}

#[tokio::test]
async fn stores_and_calls_are_timed() {
    let guests = guests().await;
    guests
        .get("/modern/kv?op=set&key=a&value=b")
        .await
        .expect_status(200);
    guests
        .get("/modern/kv?op=get&key=a")
        .await
        .expect_status(200);
    guests
        .get("/modern/increment?key=count&delta=1")
        .await
        .expect_status(200);
    // Nobody listens there; and the second may not be asked at all.
    guests
        .get("/modern/fetch?url=http://localhost:1/")
        .await
        .expect_status(502);
    guests
        .get("/modern/fetch?url=http://localhost:2/")
        .await
        .expect_status(502);
    let scrape = scrape(&guests).await;
    let store = "runtime_host_store_duration_seconds_count";
    for operation in ["get", "set", "increment"] {
        let series = format!(r#"{store}{{backend="sqlite",operation="{operation}"}}"#);
        assert_eq!(scrape.value(&series), 1.0, "{series}");
    }
    assert_eq!(
        scrape
            .0
            .get(r#"runtime_host_store_errors_total{backend="sqlite"}"#),
        Some(&0.0)
    );
    let outbound = "runtime_host_outbound_duration_seconds_count";
    for outcome in ["error", "refused"] {
        let series = format!(r#"{outbound}{{component="modern",outcome="{outcome}"}}"#);
        assert_eq!(scrape.value(&series), 1.0, "{series}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_before_its_answer_is_counted_as_such() {
    let guests = guests().await;
    let mut stream = TcpStream::connect(guests.host.address()).await.unwrap();
    let request = b"GET /modern/sleep?ms=900 HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(request).await.unwrap();
    until("it is in flight", async || {
        scrape(&guests)
            .await
            .value("runtime_host_requests_in_flight")
            == 1.0
    })
    .await;
    drop(stream);
    let series = format!(r#"runtime_host_requests_total{{{MODERN},status="499"}}"#);
    until("it is noticed", async || {
        scrape(&guests).await.value(&series) == 1.0
    })
    .await;
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about_and_no_name_is_missing() {
    let guests = guests().await;
    guests.get("/modern/hello").await.expect_status(200);
    guests
        .get("/modern/kv?op=set&key=a")
        .await
        .expect_status(200);
    guests
        .get("/modern/fetch?url=http://localhost:1/")
        .await
        .expect_status(502);
    let answer = client().get(url(&guests, "/metrics")).send().await.unwrap();
    assert_eq!(
        answer.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let text = answer.text().await.unwrap();
    accepted_by_promtool(&text);
    let scrape = Scrape::read(&text);
    for name in [
        "runtime_host_requests_total",
        "runtime_host_request_duration_seconds_bucket",
        "runtime_host_requests_in_flight",
        "runtime_host_requests_refused_total",
        "runtime_host_queue_depth",
        "runtime_host_connections_open",
        "runtime_host_connections_max",
        "runtime_host_connections_closed_total",
        "runtime_host_instances",
        "runtime_host_instances_created_total",
        "runtime_host_instances_reused_total",
        "runtime_host_instances_ended_total",
        "runtime_host_instance_start_seconds_bucket",
        "runtime_host_store_duration_seconds_bucket",
        "runtime_host_store_errors_total",
        "runtime_host_outbound_duration_seconds_bucket",
        "runtime_host_draining",
        "runtime_host_build_info",
        "process_resident_memory_bytes",
        "process_cpu_seconds_total",
        "process_open_fds",
        "process_max_fds",
        "process_start_time_seconds",
    ] {
        assert!(scrape.has(name), "{name} is missing in\n{text}");
    }
    assert!(scrape.value("process_resident_memory_bytes") > 1e6);
    assert!(scrape.value("process_open_fds") > 3.0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let started = scrape.value("process_start_time_seconds");
    let age = now.unwrap().as_secs_f64() - started;
    assert!((-2.0..3_600.0).contains(&age), "started {age} s ago");
}

#[tokio::test]
async fn the_port_for_operators_has_probes_too() {
    let guests = guests().await;
    let status = async |path: &str| {
        let answer = client().get(url(&guests, path)).send().await.unwrap();
        answer.status().as_u16()
    };
    for (path, expected) in [("/livez", 200), ("/readyz", 200), ("/modern/hello", 404)] {
        assert_eq!(status(path).await, expected, "{path}");
    }
    let post = client()
        .post(url(&guests, "/metrics"))
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 405);
    guests.host.leave().await;
    for (path, expected) in [("/livez", 200), ("/readyz", 503)] {
        assert_eq!(status(path).await, expected, "{path}");
    }
    assert_eq!(scrape(&guests).await.value("runtime_host_draining"), 1.0);
    // The last scrape before the end is worth having.
    guests.host.drain(SOON).await;
    assert_eq!(scrape(&guests).await.value("runtime_host_draining"), 1.0);
}

#[tokio::test]
async fn a_process_serves_metrics_where_it_is_told_and_sums_up_at_its_end() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let log = folder.path().join("log.txt");
    let mut command = Process::up(&manifest, &[]);
    command
        .env("RUNTIME_HOST_METRICS_LISTEN", "127.0.0.1:0")
        .stderr(Stdio::from(std::fs::File::create(&log).unwrap()));
    let mut host = Process::of(command).await;
    let said = || std::fs::read_to_string(&log).unwrap();
    until("the log says where", async || said().contains("/metrics")).await;
    let text = said();
    let url = text
        .split_whitespace()
        .find(|word| word.starts_with("http://"));
    let url = url.expect("a URL").to_owned();
    for _ in 0..7 {
        let hello = format!("{}/modern/hello", host.url);
        assert_eq!(client().get(&hello).send().await.unwrap().status(), 200);
    }
    let scrape = Scrape::of(&url).await;
    assert_eq!(scrape.sum("runtime_host_requests_total"), 7.0);
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    let text = said();
    assert!(text.contains("answered 7 requests in "), "{text}");
    assert!(text.contains("0 of them with a failure"), "{text}");
    assert!(text.contains("MiB of memory"), "{text}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_the_way_out() {
    let folder = TempDir::new().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let started = runtime_host::Host::builder(manifest(folder.path(), &[]))
        .listen("127.0.0.1:0".parse().unwrap())
        .metrics_listen(taken.local_addr().unwrap())
        .start()
        .await;
    let error = started.err().expect("it does not start").to_string();
    assert!(error.contains("--metrics-listen"), "{error}");
    assert!(
        error.contains(&taken.local_addr().unwrap().to_string()),
        "{error}"
    );
}
