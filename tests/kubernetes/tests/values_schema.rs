//! Wrong values are refused by Helm before anything is rendered, with the name of the value.

use kubernetes::fields::Fields;
use kubernetes::{project, yaml};
use serde_json::{Value, json};

#[track_caller]
fn refused(environment: &str, values: Value) -> String {
    crate::rendering::refused(environment, &values)
}

#[test]
fn a_misspelt_value() {
    let said = refused("dev", json!({ "replica": 3 }));
    assert!(said.contains("'replica'"), "{said}");
    let said = refused("dev", json!({ "autoscaling": { "maxReplica": 3 } }));
    assert!(said.contains("maxReplica"), "{said}");
    let said = refused(
        "dev",
        json!({ "redis": { "builtin": { "sotrage": "1Gi" } } }),
    );
    assert!(said.contains("sotrage"), "{said}");
}

#[test]
fn a_value_of_a_wrong_type() {
    let said = refused("dev", json!({ "autoscaling": { "maxReplicas": "many" } }));
    assert!(said.contains("autoscaling/maxReplicas"), "{said}");
    let said = refused("dev", json!({ "executor": { "kind": "docker" } }));
    assert!(said.contains("executor/kind"), "{said}");
    let said = refused(
        "dev",
        json!({ "resources": { "limits": { "memory": "a lot" } } }),
    );
    assert!(said.contains("resources/limits/memory"), "{said}");
}

#[test]
fn an_image_without_its_digest_outside_of_development() {
    for environment in ["staging", "production"] {
        let said = refused(environment, json!({ "image": { "digest": "" } }));
        assert!(said.contains("digest"), "{said}");
        let said = refused(environment, json!({ "image": { "digest": null } }));
        assert!(said.contains("digest"), "{said}");
        let host = json!({ "executor": { "host": { "image": { "digest": "" } } } });
        let said = refused(environment, host);
        assert!(said.contains("digest"), "{said}");
    }
    let said = refused("dev", json!({ "image": { "tag": "latest" } }));
    assert!(said.contains("tag"), "{said}");
}

#[test]
fn secrets_made_by_the_chart_in_production() {
    let said = refused(
        "production",
        json!({ "secrets": { "source": "generated" } }),
    );
    assert!(said.contains("secrets"), "{said}");
}

#[test]
fn metrics_shown_outside() {
    let paths = json!({ "exposure": { "paths": { "prefix": ["/"] } } });
    let said = refused("production", paths);
    assert!(said.contains("/metrics"), "{said}");
}

#[test]
fn an_external_redis_without_its_host() {
    let said = refused(
        "elsewhere",
        json!({ "redis": { "external": { "host": "" } } }),
    );
    assert!(said.contains("redis"), "{said}");
}

/// What a cluster refuses is refused before anything is installed: by its name, with what is right.
#[test]
fn values_that_a_cluster_refuses() {
    for (environment, values, words) in [
        (
            "production",
            json!({ "autoscaling": { "minReplicas": 12 } }),
            ["minReplicas (12)", "maxReplicas (10)"],
        ),
        (
            "dev",
            json!({ "instanceMemory": "1Gi" }),
            ["instanceMemory (1Gi)", "(512Mi)"],
        ),
        (
            "dev",
            json!({ "resources": { "requests": { "cpu": 1 } } }),
            ["resources.requests.cpu (1)", "resources.limits.cpu (500m)"],
        ),
        (
            "dev",
            json!({ "redis": { "builtin": { "resources": { "requests": { "memory": "1Gi" } } } } }),
            ["redis.builtin.resources.requests.memory (1Gi)", "limits"],
        ),
        (
            "dev",
            json!({ "resources": { "limits": { "memory": "2Gi" } } }),
            [
                "resources.limits.memory (2Gi)",
                "quota.container.max.memory (1Gi)",
            ],
        ),
        (
            "dev",
            json!({ "resources": { "requests": { "cpu": "1m" } } }),
            [
                "resources.requests.cpu (1m)",
                "quota.container.min.cpu (10m)",
            ],
        ),
        (
            "dev",
            json!({ "redis": { "builtin": { "storage": "2Gi" } }, "quota": { "largestVolume": "1Gi" } }),
            ["redis.builtin.storage (2Gi)", "quota.largestVolume (1Gi)"],
        ),
        (
            "dev",
            json!({ "observability": { "podMonitor": { "timeout": "1m" } } }),
            ["podMonitor.timeout (1m)", "podMonitor.interval (15s)"],
        ),
        (
            "nodeport",
            json!({ "exposedService": { "nodePort": 80 } }),
            ["nodePort", "30,000"],
        ),
        (
            "dev",
            json!({ "disruption": { "maxUnavailable": 0 } }),
            ["maxUnavailable", "want 1"],
        ),
        (
            "dev",
            json!({ "commonLabels": { "team": "a b" } }),
            ["commonLabels/team", "'a b'"],
        ),
        (
            "dev",
            json!({ "podLabels": { "a//b": "c" } }),
            ["podLabels", "a//b"],
        ),
        (
            "dev",
            json!({ "podLabels": { "app.kubernetes.io/name": "mine" } }),
            ["podLabels", "app.kubernetes.io/name"],
        ),
        (
            "dev",
            json!({ "commonAnnotations": { "a b": "c" } }),
            ["commonAnnotations", "a b"],
        ),
        (
            "dev",
            json!({ "imagePullSecrets": ["a..b"] }),
            ["imagePullSecrets/0", "a..b"],
        ),
        (
            "dev",
            json!({ "networkPolicy": { "registry": { "cidrs": ["10.0.0.256/8"] } } }),
            ["networkPolicy/registry/cidrs/0", "10.0.0.256/8"],
        ),
        (
            "dev",
            json!({ "networkPolicy": { "registry": { "cidrs": ["10.0.0.0/33"] } } }),
            ["networkPolicy/registry/cidrs/0", "10.0.0.0/33"],
        ),
        (
            "dev",
            json!({ "redis": { "builtin": { "scheduling": { "tolerations": [{ "effect": "Never" }] } } } }),
            ["tolerations/0/effect", "NoExecute"],
        ),
    ] {
        let said = refused(environment, values);
        for word in words {
            assert!(said.contains(word), "{word}: {said}");
        }
    }
}

#[test]
fn values_that_nothing_reads() {
    let said = refused(
        "dev",
        json!({ "global": { "imageRegistry": "registry.example.com" } }),
    );
    assert!(said.contains("'imageRegistry' not allowed"), "{said}");
}

#[test]
fn every_variable_of_the_app_is_a_setting_of_the_chart() {
    let manifest = std::fs::read_to_string(project::root().join("spin.toml")).unwrap();
    let manifest: Value = toml::from_str(&manifest).unwrap();
    let schema: Value = yaml::read_file(&project::chart().join("values.schema.json")).unwrap();
    let settings = schema.table("/properties/settings/properties").unwrap();
    let variables = manifest.table("/variables").unwrap();
    for (name, variable) in variables {
        // Secrets come from a Secret, and a replica is called as its pod.
        let is_apart = variable.flag("/secret") || name == "replica";
        assert_eq!(settings.contains_key(name), !is_apart, "{name}");
    }
    for name in settings.keys() {
        assert!(
            variables.contains_key(name),
            "spin.toml has no variable {name}"
        );
    }
}
