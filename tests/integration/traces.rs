//! OpenTelemetry: what arrives at a collector, and what those see who are called (R98).

use crate::app::{client, until};
use crate::guest::manifest;
use crate::process::Process;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use prost::Message;
use std::convert::Infallible;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A span as it arrived.
struct Arrived {
    span: Span,
    /// Of whoever sent it.
    resource: Vec<KeyValue>,
}

impl Arrived {
    fn trace(&self) -> String {
        hex(&self.span.trace_id)
    }

    fn id(&self) -> String {
        hex(&self.span.span_id)
    }

    fn parent(&self) -> String {
        hex(&self.span.parent_span_id)
    }

    fn is(&self, kind: SpanKind) -> bool {
        self.span.kind() == kind
    }

    /// An attribute as text; empty if there is none.
    fn attribute(&self, key: &str) -> String {
        value(&self.span.attributes, key)
    }

    fn failed(&self) -> bool {
        let status = self.span.status.as_ref();
        status.is_some_and(|status| status.code() == StatusCode::Error)
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn value(attributes: &[KeyValue], key: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == key);
    let value = found.and_then(|found| found.value.as_ref()?.value.as_ref());
    match value {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(other) => panic!("{key} is {other:?}"),
        None => String::new(),
    }
}

/// A collector on `/v1/traces`; on every other path a server that is called, and remembers the
/// `traceparent` of each call.
struct Collector {
    url: String,
    spans: Arc<Mutex<Vec<Arrived>>>,
    called_with: Arc<Mutex<Vec<String>>>,
}

impl Collector {
    async fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let collector = Collector {
            url: format!("http://{}", listener.local_addr().unwrap()),
            spans: Arc::default(),
            called_with: Arc::default(),
        };
        let (spans, called_with) = (collector.spans.clone(), collector.called_with.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (spans, called_with) = (spans.clone(), called_with.clone());
                let service = service_fn(move |request| {
                    let (spans, called_with) = (spans.clone(), called_with.clone());
                    async move { Ok::<_, Infallible>(answer(request, &spans, &called_with).await) }
                });
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        collector
    }

    /// Waits for spans that hold what is asked of them.
    async fn until(&self, what: &str, holds: impl Fn(&[Arrived]) -> bool) {
        until(what, async || holds(&self.spans.lock().unwrap())).await;
    }

    fn port(&self) -> &str {
        self.url.rsplit(':').next().unwrap()
    }
}

async fn answer(
    request: Request<Incoming>,
    spans: &Mutex<Vec<Arrived>>,
    called_with: &Mutex<Vec<String>>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    if head.uri.path() != "/v1/traces" {
        let parent = head.headers.get("traceparent");
        let parent = parent.map_or("", |parent| parent.to_str().unwrap());
        called_with.lock().unwrap().push(parent.to_owned());
        return Response::new(Full::from("called"));
    }
    assert_eq!(head.headers["content-type"], "application/x-protobuf");
    let sent = ExportTraceServiceRequest::decode(body).expect("OTLP in protobuf");
    for of_resource in sent.resource_spans {
        let resource = of_resource.resource.unwrap_or_default().attributes;
        for span in of_resource
            .scope_spans
            .into_iter()
            .flat_map(|scope| scope.spans)
        {
            let resource = resource.clone();
            spans.lock().unwrap().push(Arrived { span, resource });
        }
    }
    Response::new(Full::default())
}

/// The guests in a process with these variables, beside what is usual here.
async fn guests(folder: &TempDir, collector: &str, variables: &[(&str, &str)]) -> Process {
    let port = collector.rsplit(':').next().unwrap();
    let allowed = [
        format!("http://localhost:{port}"),
        "http://*.spin.internal".to_owned(),
    ];
    let allowed = allowed.each_ref().map(String::as_str);
    let mut command = Process::up(&manifest(folder.path(), &allowed), &[]);
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector)
        .env("OTEL_BSP_SCHEDULE_DELAY", "50")
        .envs(variables.iter().copied())
        .stderr(Stdio::from(std::fs::File::create(log(folder)).unwrap()));
    Process::of(command).await
}

fn log(folder: &TempDir) -> std::path::PathBuf {
    folder.path().join("log.txt")
}

fn said(folder: &TempDir) -> String {
    std::fs::read_to_string(log(folder)).unwrap()
}

async fn get(host: &Process, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = client().get(format!("{}{path}", host.url));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// The `traceparent` that a guest shows of its request.
async fn seen_by_guest(host: &Process, headers: &[(&str, &str)]) -> String {
    let (status, text) = get(host, "/modern/echo", headers).await;
    assert_eq!(status, 200);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let parent = &shown["headers"]["traceparent"];
    parent.as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_request_is_a_span_that_says_what_was_asked_and_what_came_of_it() {
    let (folder, collector) = (TempDir::new().unwrap(), Collector::start().await);
    let host = guests(&folder, &collector.url, &[]).await;
    assert_eq!(get(&host, "/modern/hello?key=secret", &[]).await.0, 200);
    assert_eq!(get(&host, "/neighbour/trap", &[]).await.0, 500);
    // Nobody wants a trace of every probe.
    assert_eq!(get(&host, "/.well-known/spin/health", &[]).await.0, 200);
    collector
        .until("both arrive", |spans| spans.len() >= 2)
        .await;
    let spans = collector.spans.lock().unwrap();
    assert_eq!(spans.len(), 2);
    let by = |component: &str| {
        let mut all = spans.iter();
        all.find(|span| span.attribute("component") == component)
            .expect(component)
    };
    let good = by("modern");
    assert!(good.is(SpanKind::Server) && !good.failed());
    assert_eq!(good.span.name, "GET /modern/...");
    for (key, expected) in [
        ("http.request.method", "GET"),
        ("http.route", "/modern/..."),
        ("http.response.status_code", "200"),
        ("url.path", "/modern/hello"),
    ] {
        assert_eq!(good.attribute(key), expected, "{key}");
    }
    assert!(!format!("{:?}", good.span).contains("secret"));
    assert_eq!(good.parent(), "", "nobody asked for it");
    assert!(good.span.end_time_unix_nano > good.span.start_time_unix_nano);
    assert_eq!(value(&good.resource, "service.name"), "guests");
    assert_eq!(value(&good.resource, "service.version"), "1.0.0");
    let bad = by("neighbour");
    assert!(bad.failed());
    assert_eq!(bad.attribute("http.response.status_code"), "500");
    assert_ne!(bad.trace(), good.trace());
}

#[tokio::test]
async fn a_trace_goes_on_from_the_client_through_components_to_others() {
    let (folder, collector) = (TempDir::new().unwrap(), Collector::start().await);
    let host = guests(&folder, &collector.url, &[]).await;
    // The client calls `modern`, which calls `hidden` in process.
    let call = "/modern/fetch?url=http://hidden.spin.internal/echo";
    let (status, text) = get(&host, call, &[("traceparent", PARENT)]).await;
    assert_eq!(status, 200);
    let shown: serde_json::Value = serde_json::from_str(&text).unwrap();
    let seen_inside = shown["headers"]["traceparent"].as_str().unwrap().to_owned();
    // And another server.
    let call = format!("/modern/fetch?url=http://localhost:{}/x", collector.port());
    let (status, text) = get(&host, &call, &[("traceparent", PARENT)]).await;
    assert_eq!((status, text.as_str()), (200, "called"));
    collector
        .until("all arrive", |spans| spans.len() >= 5)
        .await;

    let spans = collector.spans.lock().unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    assert!(spans.iter().all(|span| span.trace() == trace));
    let servers: Vec<_> = spans
        .iter()
        .filter(|span| span.is(SpanKind::Server))
        .collect();
    let calls: Vec<_> = spans
        .iter()
        .filter(|span| span.is(SpanKind::Client))
        .collect();
    assert_eq!((servers.len(), calls.len()), (3, 2));
    let outer = servers
        .iter()
        .filter(|span| span.attribute("component") == "modern");
    let outer: Vec<_> = outer.collect();
    assert_eq!(outer.len(), 2);
    assert!(outer.iter().all(|span| span.parent() == "00f067aa0ba902b7"));
    for call in &calls {
        let of_outer = outer.iter().any(|outer| outer.id() == call.parent());
        assert!(of_outer, "a call is made for a request: {:?}", call.span);
        assert_eq!(call.attribute("http.response.status_code"), "200");
    }
    let to = |host: &str| {
        let mut all = calls.iter();
        all.find(|call| call.attribute("server.address") == host)
            .expect(host)
    };
    let inner = servers
        .iter()
        .find(|span| span.attribute("component") == "hidden");
    let inner = inner.expect("a span of the component that was called");
    assert_eq!(inner.parent(), to("hidden.spin.internal").id());
    assert_eq!(seen_inside, format!("00-{trace}-{}-01", inner.id()));
    let outside = format!("00-{trace}-{}-01", to("localhost").id());
    assert_eq!(*collector.called_with.lock().unwrap(), [outside]);
}

#[tokio::test]
async fn a_call_over_wasi_0_2_belongs_to_its_request() {
    let (folder, collector) = (TempDir::new().unwrap(), Collector::start().await);
    let host = guests(&folder, &collector.url, &[]).await;
    // WASI 0.2 says nothing of who calls: there it is the one request of the instance.
    let call = format!("/classic/fetch?url=http://localhost:{}/x", collector.port());
    assert_eq!(get(&host, &call, &[]).await.0, 200);
    collector
        .until("both arrive", |spans| spans.len() >= 2)
        .await;
    let spans = collector.spans.lock().unwrap();
    let server = spans.iter().find(|span| span.is(SpanKind::Server)).unwrap();
    let call = spans.iter().find(|span| span.is(SpanKind::Client)).unwrap();
    assert_eq!((call.trace(), call.parent()), (server.trace(), server.id()));
}

#[tokio::test]
async fn who_sends_them_and_how_many_is_what_the_environment_says() {
    let (folder, collector) = (TempDir::new().unwrap(), Collector::start().await);
    let variables = [
        ("OTEL_SERVICE_NAME", "rates-in-production"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "deployment.environment.name=prod,service.version=7",
        ),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0"),
    ];
    let mut host = guests(&folder, &collector.url, &variables).await;
    for _ in 0..20 {
        let seen = seen_by_guest(&host, &[]).await;
        assert!(seen.ends_with("-00"), "told that it is not sampled: {seen}");
    }
    // Whoever asks has decided already.
    let seen = seen_by_guest(&host, &[("traceparent", PARENT)]).await;
    assert!(
        seen.starts_with(&PARENT[..36]) && seen.ends_with("-01"),
        "{seen}"
    );
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    let spans = collector.spans.lock().unwrap();
    assert_eq!(spans.len(), 1, "sent before the end");
    let resource = &spans[0].resource;
    assert_eq!(value(resource, "service.name"), "rates-in-production");
    assert_eq!(value(resource, "service.version"), "7");
    assert_eq!(value(resource, "deployment.environment.name"), "prod");
}

#[tokio::test]
async fn without_an_endpoint_headers_pass_as_they_came() {
    let folder = TempDir::new().unwrap();
    let host = guests(&folder, "", &[]).await;
    assert_eq!(
        seen_by_guest(&host, &[("traceparent", PARENT)]).await,
        PARENT
    );
    assert_eq!(seen_by_guest(&host, &[]).await, "");
}

#[tokio::test]
async fn a_collector_that_is_away_is_told_once_and_costs_nothing() {
    let folder = TempDir::new().unwrap();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let variables = [("OTEL_BSP_MAX_QUEUE_SIZE", "64")];
    let mut host = guests(&folder, &url, &variables).await;
    for _ in 0..200 {
        assert_eq!(get(&host, "/modern/hello", &[]).await.0, 200);
    }
    until("the log says so", async || {
        said(&folder).contains("traces do not reach")
    })
    .await;
    for _ in 0..100 {
        assert_eq!(get(&host, "/modern/hello", &[]).await.0, 200);
    }
    let told = Instant::now();
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
    assert_eq!(said(&folder).matches("traces do not reach").count(), 1);
}

#[tokio::test]
async fn a_protocol_that_is_not_spoken_is_told_and_the_application_is_served() {
    let (folder, collector) = (TempDir::new().unwrap(), Collector::start().await);
    let variables = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let host = guests(&folder, &collector.url, &variables).await;
    assert_eq!(get(&host, "/modern/hello", &[]).await.0, 200);
    until("the log says so", async || {
        said(&folder).contains("http/protobuf")
    })
    .await;
}
