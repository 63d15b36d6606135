//! The operator's Deployment, as the policies leave it: field by field, so that a model that is
//! too forgiving is seen here.

use kubernetes::cluster::Cluster;
use kubernetes::fields::Fields;
use kubernetes::provided::AllProvided;
use serde_json::{Value, json};

use crate::rendering::rendered;

fn deployment(environment: &str) -> Value {
    let rendered = rendered(environment);
    let provided = AllProvided::listed().unwrap();
    let mut findings = Vec::new();
    let cluster = Cluster::new(&rendered, &provided, &mut findings);
    assert_eq!(findings, []);
    let is_it = |one: &&kubernetes::object::Object| one.kind() == "Deployment";
    cluster.own().find(is_it).unwrap().body.clone()
}

#[test]
fn the_operators_fields_are_all_still_there() {
    let made = deployment("production");
    let container = made.pointer("/spec/template/spec/containers/0").unwrap();
    assert_eq!(made["metadata"]["name"], "edge-rates");
    assert_eq!(
        made["spec"].get("replicas"),
        None,
        "the autoscaler says how many"
    );
    let selector = json!({
        "core.spinkube.dev/app-name": "edge-rates",
        "core.spinkube.dev/app.edge-rates.status": "ready",
    });
    assert_eq!(made["spec"]["selector"]["matchLabels"], selector);
    assert_eq!(
        container["ports"],
        json!([{ "name": "http-app", "containerPort": 80 }])
    );
    let arguments = container["args"].as_array().unwrap();
    assert_eq!(arguments[..4], ["up", "--listen", "0.0.0.0:80", "-f"]);
    assert!(arguments[4].as_str().unwrap().contains("@sha256:"));
    assert_eq!(
        arguments[5..],
        ["--runtime-config-file", "/runtime-config.toml"]
    );
    let mounts = container.list("/volumeMounts");
    let is_config = |one: &&Value| one["mountPath"] == "/runtime-config.toml";
    assert!(mounts.iter().any(|one| is_config(&one)));
    let replica = &container["env"][0];
    assert_eq!(replica["name"], "SPIN_VARIABLE_REPLICA");
    assert_eq!(
        replica["valueFrom"]["fieldRef"]["fieldPath"],
        "metadata.name"
    );
}

#[test]
fn the_policies_have_added_theirs() {
    for environment in [
        "staging",
        "production",
        "shim",
        "keda",
        "ingress",
        "elsewhere",
    ] {
        let made = deployment(environment);
        let pod = made.pointer("/spec/template/spec").unwrap();
        let container = &pod["containers"][0];
        // R14, R80.
        assert_eq!(
            made["spec"]["strategy"],
            json!({
                "type": "RollingUpdate",
                "rollingUpdate": { "maxSurge": 1, "maxUnavailable": 0 },
            }),
            "{environment}"
        );
        // R19, R83.
        assert_eq!(pod["securityContext"]["runAsUser"], 1000);
        assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true);
        assert_eq!(
            container["securityContext"]["capabilities"]["drop"],
            json!(["ALL"])
        );
        assert_eq!(pod["automountServiceAccountToken"], false);
        // R73.
        let probe = &container["startupProbe"];
        assert_eq!(probe["httpGet"], json!({ "path": "/healthz", "port": 80 }));
        assert_eq!(probe["failureThreshold"], 30);
        // R97.
        let spread = pod.list("/topologySpreadConstraints");
        let keys: Vec<_> = spread
            .iter()
            .filter_map(|one| one.text("/topologyKey"))
            .collect();
        assert_eq!(
            keys,
            ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        );
    }
}

#[test]
fn a_second_admission_changes_nothing() {
    // The operator applies its fields again and again, and each time the policies are asked.
    let rendered = rendered("production");
    let mut once = vec![kubernetes::object::Object {
        body: deployment("production"),
        origin: kubernetes::object::Origin::Operator,
    }];
    let before = once[0].body.clone();
    kubernetes::kyverno::admit(&rendered.objects, &mut once, &mut Vec::new());
    assert_eq!(once[0].body, before);
}

#[test]
fn the_shim_runs_the_app_itself() {
    let made = deployment("shim");
    let pod = made.pointer("/spec/template/spec").unwrap();
    assert_eq!(pod["runtimeClassName"], "wasmtime-spin-v2");
    assert_eq!(pod["containers"][0]["command"], json!(["/"]));
    assert_eq!(pod["containers"][0].get("args"), None);
}
