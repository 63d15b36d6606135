//! Numbers of the requirements that no rule could guess: how many replicas, when, and by what.

use kubernetes::fields::Fields;
use serde_json::{Value, json};

use crate::rendering::rendered;

fn body(environment: &str, object: &str) -> Value {
    let rendered = rendered(environment);
    let found = rendered
        .objects
        .iter()
        .find(|one| one.to_string() == object);
    found
        .unwrap_or_else(|| panic!("{environment} has no {object}"))
        .body
        .clone()
}

fn utilizations(environment: &str) -> Vec<(String, i64)> {
    let scaler = body(environment, "HorizontalPodAutoscaler/edge-rates");
    let metrics = scaler.list("/spec/metrics").iter();
    metrics
        .map(|one| {
            let name = one.text("/resource/name").unwrap().to_owned();
            let target = one.number("/resource/target/averageUtilization").unwrap();
            (name, target)
        })
        .collect()
}

#[test]
fn r15_r75_r92_the_app_scales_within_its_bounds() {
    for (environment, least, most) in [("dev", 1, 5), ("production", 2, 10)] {
        let scaler = body(environment, "HorizontalPodAutoscaler/edge-rates");
        assert_eq!(scaler["spec"]["minReplicas"], least, "{environment}");
        assert_eq!(scaler["spec"]["maxReplicas"], most, "{environment}");
    }
    assert_eq!(utilizations("dev"), [("cpu".to_owned(), 70)]);
    assert_eq!(
        utilizations("production"),
        [("cpu".to_owned(), 70), ("memory".to_owned(), 80)]
    );
}

#[test]
fn r14_there_are_two_replicas_where_nothing_scales() {
    assert_eq!(
        body("defaults", "SpinApp/edge-rates")["spec"]["replicas"],
        2
    );
}

#[test]
fn r16_one_pod_at_a_time_may_go() {
    for environment in ["dev", "staging", "production"] {
        let budget = body(environment, "PodDisruptionBudget/edge-rates");
        assert_eq!(budget["spec"]["maxUnavailable"], 1, "{environment}");
    }
}

#[test]
fn r18_r45_r74_pods_ask_for_what_they_need() {
    let small = json!({ "cpu": "100m", "memory": "128Mi" });
    let large = json!({ "cpu": "500m", "memory": "512Mi" });
    let dev = body("dev", "SpinApp/edge-rates");
    assert_eq!(
        dev["spec"]["resources"],
        json!({ "requests": small, "limits": large })
    );
    // Guaranteed.
    let production = body("production", "SpinApp/edge-rates");
    let resources = json!({ "requests": large, "limits": large });
    assert_eq!(production["spec"]["resources"], resources);
    let redis = body("production", "StatefulSet/edge-rates-redis");
    let resources = redis.pointer("/spec/template/spec/containers/0/resources");
    assert_eq!(
        resources,
        Some(&json!({
            "requests": { "cpu": "100m", "memory": "128Mi" },
            "limits": { "cpu": "200m", "memory": "256Mi" },
        }))
    );
}

#[test]
fn r20_r53_r73_probes_ask_when_they_are_to() {
    let numbers = |environment: &str, check: &str| {
        let app = body(environment, "SpinApp/edge-rates");
        let check = app
            .pointer(&format!("/spec/checks/{check}"))
            .unwrap()
            .clone();
        let number = |field: &str| check.number(&format!("/{field}")).unwrap();
        let path = check.text("/httpGet/path").unwrap().to_owned();
        (
            path,
            number("initialDelaySeconds"),
            number("periodSeconds"),
            number("timeoutSeconds"),
            number("failureThreshold"),
        )
    };
    let of = |path: &str, delay, period| (path.to_owned(), delay, period, 5, 3);
    assert_eq!(numbers("defaults", "liveness"), of("/healthz", 30, 10));
    assert_eq!(numbers("defaults", "readiness"), of("/ready", 5, 5));
    assert_eq!(numbers("dev", "liveness"), of("/healthz/", 10, 20));
    assert_eq!(numbers("dev", "readiness"), of("/ready", 5, 10));
    for environment in ["staging", "production"] {
        assert_eq!(numbers(environment, "liveness"), of("/healthz", 1, 10));
        assert_eq!(numbers(environment, "readiness"), of("/ready", 1, 10));
    }
}

#[test]
fn r52_a_port_of_the_nodes_if_wanted() {
    let service = body("nodeport", "Service/edge-rates-exposed");
    assert_eq!(service["spec"]["type"], "NodePort");
    assert_eq!(service["spec"]["ports"][0]["port"], 80);
    assert_eq!(service["spec"]["ports"][0]["nodePort"], 30505);
}

#[test]
fn r59_r81_prometheus_asks_every_quarter_of_a_minute() {
    let monitor = body("production", "PodMonitor/edge-rates");
    assert_eq!(monitor["metadata"]["labels"]["release"], "mon");
    for endpoint in monitor.list("/spec/podMetricsEndpoints") {
        assert_eq!(endpoint["interval"], "15s");
        assert_eq!(endpoint["path"], "/metrics");
    }
}

#[test]
fn r63_the_namespace_is_restricted() {
    let namespace = body("elsewhere", "Namespace/edge-rates");
    let enforced = namespace.pointer("/metadata/labels/pod-security.kubernetes.io~1enforce");
    assert_eq!(enforced, Some(&json!("restricted")));
}

#[test]
fn r44_roles_get_at_no_secrets() {
    let rendered = rendered("elsewhere");
    let roles = rendered
        .objects
        .iter()
        .filter(|one| one.kind().ends_with("Role"));
    let mut looked_at = 0;
    for role in roles {
        for rule in role.body.list("/rules") {
            for field in ["/resources", "/verbs", "/apiGroups"] {
                assert!(!rule.list(field).contains(&json!("*")), "{role}: {field}");
            }
            assert!(
                !rule.list("/resources").contains(&json!("secrets")),
                "{role}"
            );
            looked_at += 1;
        }
    }
    assert!(looked_at > 3, "{looked_at}");
}

#[test]
fn r76_redis_keeps_a_gibibyte() {
    let redis = body("production", "StatefulSet/edge-rates-redis");
    let claim = redis.pointer("/spec/volumeClaimTemplates/0/spec/resources/requests/storage");
    assert_eq!(claim, Some(&json!("1Gi")));
}
