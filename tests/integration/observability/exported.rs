//! Every metric and label that a rule or a dashboard names is really exported: by the app, by its
//! host, by a recording rule, or by what a cluster's Prometheus collects anyhow.

use super::TARGET_LABELS;
use super::dashboards;
use super::promql::{Asked, name, wants};
use super::rules::rules;
use super::scrape::Scrape;
use crate::app::App;
use market_simulator::Fault;
use rusty_promql_parser::LabelMatchOp;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is exported by others: kube-state-metrics, the kubelet, and Prometheus itself.
const OF_THE_CLUSTER: &[(&str, &[&str])] = &[
    ("ALERTS", &["alertname", "alertstate", "severity"]),
    ("container_cpu_usage_seconds_total", &["container"]),
    ("container_memory_working_set_bytes", &["container"]),
    ("kube_deployment_spec_replicas", &["deployment"]),
    ("kube_deployment_status_replicas_available", &["deployment"]),
    (
        "kube_pod_container_resource_limits",
        &["container", "resource"],
    ),
    ("kube_pod_container_status_restarts_total", &["container"]),
    (
        "kube_pod_container_status_waiting_reason",
        &["container", "reason"],
    ),
    ("up", &[]),
];

/// Everything that rules and dashboards ask, each with who asks.
fn asked() -> Vec<(String, String)> {
    let rules = rules().into_iter();
    let mut asked: Vec<(String, String)> = rules.map(|rule| (rule.name, rule.expression)).collect();
    for query in dashboards::queries() {
        asked.push((query.panel, query.expression));
    }
    for expression in dashboards::other_expressions() {
        asked.push(("a variable or annotation".into(), expression));
    }
    asked
}

/// What the app and its host export once they have seen good and bad times.
async fn scrape() -> Scrape {
    let app = App::with(&[("coingecko_per_minute", "100")]).await;
    for path in [
        "/v1/rates/BTC/USD",
        "/v1/rates/BTC/EUR",
        "/v1/convert?from=BTC&to=EUR&amount=1",
        "/nonsense",
        "/health",
        "/healthz",
        "/ready",
        "/metrics",
        "/api/metrics",
    ] {
        app.get(path).await;
    }
    // Providers fail until their circuits open, and at last there is nothing left to serve.
    app.market.fail_all(Fault::ServerError);
    app.advance(Duration::from_secs(2 * 86_400));
    for _ in 0..6 {
        app.get("/v1/rates/BTC/USD").await.expect_unavailable();
        app.advance(Duration::from_secs(11));
    }
    let host = format!("http://{}/metrics", app.host.metrics_address().unwrap());
    let scrape = std::cell::RefCell::new(Scrape::default());
    app.until("what was counted has been written", async || {
        let mut found = Scrape::default();
        found.add(&app.get("/metrics").await.expect_status(200).text);
        found.add(&app.get_absolute(&host).await.expect_status(200).text);
        let is_complete = found.series("rates_circuit_transitions_total").is_some()
            && found
                .series("http_requests_total")
                .is_some_and(|all| all.iter().any(|labels| labels["status"] == "503"));
        scrape.replace(found);
        is_complete
    })
    .await;
    scrape.into_inner()
}

/// The labels of every metric that may be asked for, beside those of its target.
fn known(scrape: &Scrape, names: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut known = BTreeMap::new();
    for (metric, labels) in OF_THE_CLUSTER {
        let labels = labels.iter().map(ToString::to_string).collect();
        known.insert((*metric).to_owned(), labels);
    }
    for rule in rules().iter().filter(|rule| !rule.is_alert) {
        // Named by what it is for each of: namespace_app_provider:metric:operation.
        let (level, _) = rule.name.split_once(':').unwrap();
        let labels = level.split('_').map(str::to_owned).collect();
        known.insert(rule.name.clone(), labels);
    }
    for metric in names {
        if let Some(labels) = scrape.labels(metric) {
            let labels = labels.into_iter().map(str::to_owned).collect();
            let before = known.insert(metric.clone(), labels);
            assert!(before.is_none(), "{metric} comes from two sides");
        }
    }
    known
}

#[tokio::test]
async fn every_metric_and_label_that_is_asked_for_exists() {
    let scrape = scrape().await;
    let asked = asked();
    let names = asked
        .iter()
        .flat_map(|(_, expression)| Asked::of(expression).names());
    let names: BTreeSet<String> = names.collect();
    let known = known(&scrape, &names);
    let missing: BTreeSet<&String> = names
        .iter()
        .filter(|name| !known.contains_key(*name))
        .collect();
    assert!(missing.is_empty(), "nobody exports {missing:#?}");
    for (who, expression) in &asked {
        let asked = Asked::of(expression);
        for selector in &asked.selectors {
            let metric = name(selector);
            for matcher in &selector.matchers {
                let is_label = TARGET_LABELS.contains(&matcher.name.as_str())
                    || known[&metric].contains(&matcher.name);
                assert!(is_label, "{who}: {metric} has no label {}", matcher.name);
            }
            // What is asked for is also to be found, as far as it is this app that has it.
            let Some(all) = scrape.series(&metric) else {
                continue;
            };
            let wanted = selector.matchers.iter().filter(|matcher| {
                !TARGET_LABELS.contains(&matcher.name.as_str())
                    && matches!(matcher.op, LabelMatchOp::Equal | LabelMatchOp::RegexMatch)
            });
            for matcher in wanted {
                assert!(
                    all.iter().any(|labels| {
                        let value = labels.get(&matcher.name);
                        wants(matcher, value.map_or("", String::as_str))
                    }),
                    "{who}: no {metric} has {matcher}"
                );
            }
        }
        for (labels, names) in &asked.groupings {
            for label in labels {
                let is_label = TARGET_LABELS.contains(&label.as_str())
                    || names.iter().any(|name| known[name].contains(label))
                    || label == "le";
                assert!(is_label, "{who}: {label} of {names:?}");
            }
        }
    }
}

#[test]
fn what_others_export_is_asked_for() {
    let asked = asked();
    for (metric, _) in OF_THE_CLUSTER {
        assert!(
            asked
                .iter()
                .any(|(_, expression)| Asked::of(expression).names().contains(*metric)),
            "nobody asks for {metric} any more"
        );
    }
}

#[test]
fn what_an_alert_is_about_can_be_seen_on_a_dashboard() {
    let queries = dashboards::queries();
    let shown: BTreeSet<String> = queries
        .iter()
        .flat_map(|query| Asked::of(&query.expression).names())
        .collect();
    // Whether it crashes is told by its restarts.
    let elsewhere = ["kube_pod_container_status_waiting_reason"];
    for rule in rules().iter().filter(|rule| rule.is_alert) {
        for metric in Asked::of(&rule.expression).names() {
            assert!(
                shown.contains(&metric) || elsewhere.contains(&metric.as_str()),
                "{}: {metric}",
                rule.name
            );
        }
    }
}
