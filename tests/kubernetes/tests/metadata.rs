//! Labels, annotations and places that values give to objects and pods reach them, and can't break
//! what the chart finds its objects by.

use kubernetes::chart::{Chart, Rendered};
use kubernetes::cluster::Cluster;
use kubernetes::environments;
use kubernetes::object::Object;
use kubernetes::provided::AllProvided;
use kubernetes::workload::Workload;
use kubernetes::yaml;
use serde_json::{Value, json};

/// An environment with values laid over it.
fn with(environment: &str, values: &Value) -> Rendered {
    let mut environment = environments::named(environment).unwrap();
    if environment.values.is_null() {
        environment.values = json!({});
    }
    yaml::lay_over(&mut environment.values, values);
    Chart::ours().unwrap().render(&environment).unwrap()
}

fn cluster<'a>(rendered: &'a Rendered, provided: &'a AllProvided) -> Cluster<'a> {
    let mut findings = Vec::new();
    let cluster = Cluster::new(rendered, provided, &mut findings);
    assert_eq!(findings, []);
    cluster
}

#[test]
fn every_object_and_pod_has_what_all_have() {
    let provided = AllProvided::listed().unwrap();
    let values = json!({
        "commonLabels": { "example.com/team": "rates" },
        "commonAnnotations": { "example.com/owner": "somebody" },
        "namespace": { "create": true },
    });
    for one in environments::all().unwrap() {
        let rendered = with(&one.name, &values);
        for object in &rendered.objects {
            let metadata = &object.body["metadata"];
            let at = format!("{} in {}", object, one.name);
            assert_eq!(metadata["labels"]["example.com/team"], "rates", "{at}");
            assert_eq!(
                metadata["annotations"]["example.com/owner"], "somebody",
                "{at}"
            );
        }
        let cluster = cluster(&rendered, &provided);
        for object in &cluster.made {
            // What it makes has the annotations that a SpinApp can give.
            if matches!(object.kind(), "Deployment" | "Service") {
                let owner = &object.body["metadata"]["annotations"]["example.com/owner"];
                assert_eq!(owner, "somebody", "{object}");
            }
        }
        for workload in cluster.workloads() {
            let team = &workload.labels["example.com/team"];
            assert_eq!(team, "rates", "{} in {}", workload.object, one.name);
        }
    }
}

#[test]
fn each_object_has_its_own() {
    let provided = AllProvided::listed().unwrap();
    let own = |name: &str| json!({ format!("example.com/{name}"): "x" });
    let rendered = with(
        "nodeport",
        &json!({
            "commonAnnotations": own("service"),
            "podAnnotations": own("pod"),
            "podLabels": own("pod"),
            "serviceAnnotations": own("made"),
            "deploymentAnnotations": own("deployment"),
            "serviceAccountAnnotations": own("account"),
            "exposedService": { "annotations": own("exposed") },
            "redis": { "builtin": { "podAnnotations": own("redis"), "podLabels": own("redis") } },
        }),
    );
    let cluster = cluster(&rendered, &provided);
    let found = |name: &str| -> &Object {
        let is_it = |one: &&Object| one.to_string().split(' ').next() == Some(name);
        cluster.own().find(is_it).unwrap()
    };
    for (object, path) in [
        (
            "Service/edge-rates",
            "/metadata/annotations/example.com~1made",
        ),
        (
            "Deployment/edge-rates",
            "/metadata/annotations/example.com~1deployment",
        ),
        (
            "Deployment/edge-rates",
            "/spec/template/metadata/annotations/example.com~1pod",
        ),
        (
            "Deployment/edge-rates",
            "/spec/template/metadata/labels/example.com~1pod",
        ),
        (
            "ServiceAccount/edge-rates",
            "/metadata/annotations/example.com~1account",
        ),
        (
            "Service/edge-rates-exposed",
            "/metadata/annotations/example.com~1exposed",
        ),
        (
            "StatefulSet/edge-rates-redis",
            "/spec/template/metadata/annotations/example.com~1redis",
        ),
        (
            "StatefulSet/edge-rates-redis",
            "/spec/template/metadata/labels/example.com~1redis",
        ),
    ] {
        assert_eq!(
            found(object).body.pointer(path),
            Some(&json!("x")),
            "{object}{path}"
        );
    }
}

#[test]
fn every_pod_is_where_values_want_it() {
    let provided = AllProvided::listed().unwrap();
    let place = json!({
        "nodeSelector": { "disk": "ssd" },
        "tolerations": [{ "key": "rates", "operator": "Exists", "effect": "NoSchedule" }],
        "priorityClassName": "high",
    });
    let rendered = with(
        "production",
        &json!({
            "redis": { "builtin": { "scheduling": place } },
            "rollout": { "scheduling": place },
            "test": { "scheduling": place },
            "kyverno": { "spread": place },
        }),
    );
    let cluster = cluster(&rendered, &provided);
    let workloads: Vec<Workload<'_>> = cluster.workloads().collect();
    assert!(workloads.len() >= 3, "{}", workloads.len());
    for workload in workloads {
        for (field, wanted) in place.as_object().unwrap() {
            let found = workload.pod.get(field);
            assert_eq!(found, Some(wanted), "{} {field}", workload.object);
        }
    }
    let affinity =
        json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [] } });
    let rendered = with(
        "production",
        &json!({
            "redis": { "builtin": { "scheduling": { "affinity": affinity } } },
            "test": { "scheduling": { "affinity": affinity } },
        }),
    );
    let has_it = |one: &&Object| {
        let pod = Workload::of(one).map(|workload| workload.pod);
        pod.is_some_and(|pod| pod.get("affinity") == Some(&affinity))
    };
    assert!(rendered.objects.iter().filter(has_it).count() >= 2);
}
