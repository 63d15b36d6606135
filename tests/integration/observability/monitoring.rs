//! A Prometheus and an Alertmanager of a test's own on free ports, and the receiver that
//! Alertmanager calls. Dropping them ends them.

use super::{APP_JOB, HOST_JOB, NAMESPACE, RELEASE, path, promql, rules, yaml};
use crate::app::{SOON, client};
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

/// How often a server is started again on another port, should somebody have taken the one that
/// was free a moment before.
const ATTEMPTS: usize = 3;

/// Alerts that nobody is told of here: a test's machine may well be slow, and what may take ten
/// seconds elsewhere has a sixth of one.
const LEFT_OUT: &str = "EdgeRates(Latency.*|NoTargetUp)";

/// What a release looks like to Prometheus.
pub(super) struct Release {
    /// Where the app's metrics are.
    pub(super) app: SocketAddr,
    /// Where its host's are.
    pub(super) host: SocketAddr,
    /// A replica that is not there.
    pub(super) gone: SocketAddr,
}

/// The two servers and what Alertmanager has sent.
pub(super) struct Monitoring {
    prometheus: Server,
    alertmanager: Server,
    receiver: Receiver,
    http: reqwest::Client,
    _folder: TempDir,
}

impl Monitoring {
    /// Starts both on the chart's files, in a world where time runs so many times faster.
    pub(super) async fn of(release: &Release, times: u32) -> Monitoring {
        let folder = TempDir::new().unwrap();
        let receiver = Receiver::start().await;
        let config = alertmanager_config(receiver.address, times);
        write(folder.path(), "alertmanager.json", &config);
        let alertmanager = Server::start(
            folder.path(),
            "prometheus-alertmanager",
            &[
                "--config.file=alertmanager.json",
                "--storage.path=alertmanager",
                // Alone.
                "--cluster.listen-address=",
            ],
        )
        .await;
        let mut rule_files = Vec::new();
        for (name, document) in rules::faster_rules(times) {
            write(folder.path(), &name, &document);
            rule_files.push(name);
        }
        let config = prometheus_config(release, &rule_files, alertmanager.address, times);
        write(folder.path(), "prometheus.json", &config);
        let sooner = |duration| promql::sooner(duration, times);
        let prometheus = Server::start(
            folder.path(),
            "prometheus",
            &[
                "--config.file=prometheus.json",
                "--storage.tsdb.path=prometheus",
                // Its defaults, sooner.
                &format!("--query.lookback-delta={}", sooner("5m")),
                &format!("--rules.alert.resend-delay={}", sooner("1m")),
                &format!("--rules.alert.for-grace-period={}", sooner("10m")),
            ],
        )
        .await;
        Monitoring {
            prometheus,
            alertmanager,
            receiver,
            http: client(),
            _folder: folder,
        }
    }

    /// What Prometheus answers to a query, or why it does not.
    pub(super) async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let url = format!("http://{}/api/v1/query", self.prometheus.address);
        let url = reqwest::Url::parse_with_params(&url, [("query", expression)]).unwrap();
        let answer = self.http.get(url).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap();
        match answer["data"]["result"].as_array() {
            Some(result) => Ok(result.clone()),
            None => Err(answer["error"].to_string()),
        }
    }

    /// The names of the alerts that Prometheus holds to be firing, and tells of.
    pub(super) async fn firing(&self) -> Vec<String> {
        let firing = format!(r#"ALERTS{{alertstate="firing",alertname!~"{LEFT_OUT}"}}"#);
        let found = self.query(&firing).await.unwrap();
        let names = found
            .iter()
            .map(|alert| alert["metric"]["alertname"].as_str());
        names.map(|name| name.unwrap().to_owned()).collect()
    }

    /// Whether Alertmanager keeps an alert back because of another one.
    pub(super) async fn is_kept_back(&self, alert: &str) -> bool {
        let address = self.alertmanager.address;
        let url = format!("http://{address}/api/v2/alerts");
        let answer: Value = self
            .http
            .get(url)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        let mut alerts = answer.as_array().unwrap().iter();
        alerts.any(|found| {
            found["labels"]["alertname"] == alert
                && found["status"]["state"] == "suppressed"
                && found["status"]["inhibitedBy"] != json!([])
        })
    }

    /// The last thing that a receiver was told of an alert: its part of the message.
    pub(super) fn told(&self, receiver: &str, alert: &str) -> Option<Value> {
        let messages = self.receiver.messages.lock().unwrap();
        let mut alerts = messages
            .iter()
            .rev()
            .filter(|message| message["receiver"] == receiver)
            .flat_map(|message| message["alerts"].as_array().unwrap());
        alerts
            .find(|found| found["labels"]["alertname"] == alert)
            .cloned()
    }

    /// The names of all alerts that a receiver was ever told of.
    pub(super) fn ever_told(&self, receiver: &str) -> Vec<String> {
        let messages = self.receiver.messages.lock().unwrap();
        let alerts = messages
            .iter()
            .filter(|message| message["receiver"] == receiver)
            .flat_map(|message| message["alerts"].as_array().unwrap());
        let mut names: Vec<String> = alerts
            .map(|alert| alert["labels"]["alertname"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// The chart's configuration, with the receivers where they are here, and sooner.
fn alertmanager_config(receiver: SocketAddr, times: u32) -> Value {
    let mut config = yaml::read(&path("alertmanager.yaml"));
    let mut routes = vec![&mut config["route"]];
    while let Some(route) = routes.pop() {
        for member in ["group_wait", "group_interval", "repeat_interval"] {
            if let Some(duration) = route.get_mut(member) {
                *duration = promql::sooner(duration.as_str().unwrap(), times).into();
            }
        }
        if let Some(below) = route.get_mut("routes") {
            routes.extend(below.as_array_mut().unwrap());
        }
    }
    for of in config["receivers"].as_array_mut().unwrap() {
        for webhook in of["webhook_configs"].as_array_mut().unwrap() {
            webhook["url"] = format!("http://{receiver}/").into();
        }
    }
    config
}

/// Scrapes as the PodMonitor does (R81), with the same labels, and sooner.
fn prometheus_config(
    release: &Release,
    rule_files: &[String],
    alertmanager: SocketAddr,
    times: u32,
) -> Value {
    let target = |address: SocketAddr, pod: &str| {
        json!({
            "targets": [address.to_string()],
            "labels": {"namespace": NAMESPACE, "app": RELEASE, "pod": pod},
        })
    };
    json!({
        "global": {
            "scrape_interval": promql::sooner("15s", times),
            "scrape_timeout": promql::sooner("15s", times),
            "evaluation_interval": promql::sooner("30s", times),
        },
        "rule_files": rule_files,
        "alerting": {
            "alertmanagers": [{"static_configs": [{"targets": [alertmanager.to_string()]}]}],
            "alert_relabel_configs": [
                {"source_labels": ["alertname"], "regex": LEFT_OUT, "action": "drop"},
            ],
        },
        "scrape_configs": [
            {
                "job_name": APP_JOB,
                "static_configs": [target(release.app, "edge-rates-a"), target(release.gone, "edge-rates-b")],
            },
            {"job_name": HOST_JOB, "static_configs": [target(release.host, "edge-rates-a")]},
        ],
    })
}

/// JSON is YAML too.
fn write(folder: &Path, name: &str, document: &Value) {
    std::fs::write(folder.join(name), document.to_string()).unwrap();
}

/// A server that is ready.
struct Server {
    address: SocketAddr,
    _process: Child,
}

impl Server {
    /// Starts a program of the Debian package of its name.
    async fn start(folder: &Path, program: &str, arguments: &[&str]) -> Server {
        for _ in 0..ATTEMPTS {
            if let Some(server) = Server::try_start(folder, program, arguments).await {
                return server;
            }
        }
        let log = std::fs::read_to_string(folder.join(format!("{program}.log")));
        panic!("{program} does not start:\n{}", log.unwrap_or_default());
    }

    async fn try_start(folder: &Path, program: &str, arguments: &[&str]) -> Option<Server> {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let log = std::fs::File::create(folder.join(format!("{program}.log"))).unwrap();
        let started = Command::new(program)
            .args(arguments)
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn")
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .kill_on_drop(true)
            .spawn();
        let mut process = started.unwrap_or_else(|error| {
            panic!(
                "{program} does not run ({error}): install Debian's package `{program}`, or run `make packages`"
            )
        });
        let http = client();
        let began = Instant::now();
        while began.elapsed() < SOON {
            if process.try_wait().unwrap().is_some() {
                return None;
            }
            let ready = http.get(format!("http://{address}/-/ready")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Some(Server {
                    address,
                    _process: process,
                });
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        None
    }
}

/// What Alertmanager calls.
struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Value>>>,
    serving: JoinHandle<()>,
}

impl Receiver {
    async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let messages = Arc::default();
        Receiver {
            address: listener.local_addr().unwrap(),
            messages: Arc::clone(&messages),
            serving: tokio::spawn(receive(listener, messages)),
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(listener: TcpListener, messages: Arc<Mutex<Vec<Value>>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let messages = Arc::clone(&messages);
        let service = service_fn(move |request: Request<Incoming>| {
            let messages = Arc::clone(&messages);
            async move {
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let message = serde_json::from_slice(&body).unwrap();
                messages.lock().unwrap().push(message);
                Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new()))
            }
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}
