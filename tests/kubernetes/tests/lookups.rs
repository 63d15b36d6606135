//! What the chart asks a cluster before it installs anything: what is there already, and which kinds
//! there are.

use serde_json::{Value, json};

use crate::discovery::ApiServer;

fn redis(storage: &str, class: Value) -> Value {
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {
            "name": "edge-rates-redis",
            "namespace": "edge-rates",
            "labels": { "app.kubernetes.io/managed-by": "Helm" },
            "annotations": {
                "meta.helm.sh/release-name": "edge-rates",
                "meta.helm.sh/release-namespace": "edge-rates",
            },
        },
        "spec": { "volumeClaimTemplates": [{
            "metadata": { "name": "data" },
            "spec": {
                "storageClassName": class,
                "resources": { "requests": { "storage": storage } },
            },
        }]},
    })
}

#[track_caller]
fn rendered(cluster: &ApiServer, values: &[&str]) -> String {
    let output = cluster.render(values);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn refused(cluster: &ApiServer, values: &[&str]) -> String {
    let output = cluster.render(values);
    assert!(!output.status.success(), "rendered with {values:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn a_changed_volume_of_redis_is_refused_with_the_way_out() {
    let cluster = ApiServer::start(&[], &[redis("1Gi", json!("fast"))]);
    let said = refused(&cluster, &["redis.builtin.storage=2Gi"]);
    assert!(said.contains("redis.builtin.storage is 2Gi"), "{said}");
    assert!(
        said.contains("StatefulSet edge-rates-redis has 1Gi"),
        "{said}"
    );
    assert!(said.contains("patch pvc data-edge-rates-redis-0"), "{said}");
    assert!(
        said.contains("delete statefulset edge-rates-redis --cascade=orphan"),
        "{said}"
    );
    let said = refused(&cluster, &["redis.builtin.storageClass=slow"]);
    assert!(said.contains("is of class fast"), "{said}");

    let same = [
        "redis.builtin.storage=1024Mi",
        "redis.builtin.storageClass=fast",
    ];
    rendered(&cluster, &same);
    rendered(&cluster, &[]);
    rendered(&ApiServer::start(&[], &[]), &["redis.builtin.storage=2Gi"]);
}

#[test]
fn a_cluster_tells_which_kinds_it_has() {
    let bare = rendered(&ApiServer::start(&[], &[]), &[]);
    assert!(!bare.contains("policies.kyverno.io/v1"), "{bare}");
    let cluster = ApiServer::start(
        &[
            (
                "policies.kyverno.io/v1",
                "NamespacedValidatingPolicy",
                "namespacedvalidatingpolicies",
            ),
            (
                "policies.kyverno.io/v1",
                "NamespacedMutatingPolicy",
                "namespacedmutatingpolicies",
            ),
            ("monitoring.coreos.com/v1", "PodMonitor", "podmonitors"),
        ],
        &[],
    );
    let made = rendered(&cluster, &[]);
    for (kind, is_made) in [
        ("NamespacedMutatingPolicy", true),
        ("PodMonitor", true),
        ("PrometheusRule", false),
    ] {
        assert_eq!(made.contains(&format!("kind: {kind}\n")), is_made, "{kind}");
    }
    let said = refused(&cluster, &["observability.rules.enabled=true"]);
    assert!(
        said.contains("the cluster has no monitoring.coreos.com/v1/PrometheusRule"),
        "{said}"
    );
}
