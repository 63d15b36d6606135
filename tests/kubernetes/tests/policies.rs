//! Kyverno's policies over time: what changes one reaches the pods at once, and what one no longer
//! says can be taken away.

use kubernetes::chart::{Chart, Rendered};
use kubernetes::environments;
use kubernetes::fields::Fields;
use kubernetes::kyverno::{self, merging};
use kubernetes::object::Object;
use kubernetes::{operator, project, yaml};
use serde_json::{Value, json};

use crate::rendering::rendered;

/// Production with values laid over it.
fn with(values: &Value) -> Rendered {
    let mut environment = environments::named("production").unwrap();
    yaml::lay_over(&mut environment.values, values);
    Chart::ours().unwrap().render(&environment).unwrap()
}

fn mutating(rendered: &Rendered) -> Vec<&Value> {
    let objects = rendered.objects.iter();
    let policies = objects.filter(|one| one.kind() == "NamespacedMutatingPolicy");
    policies.map(|one| &one.body["spec"]).collect()
}

fn app(rendered: &Rendered) -> &Value {
    let mut objects = rendered.objects.iter();
    &objects.find(|one| one.kind() == "SpinApp").unwrap().body["spec"]
}

/// The operator's Deployment, as it is before any policy was asked.
fn deployment(rendered: &Rendered) -> Object {
    let mut made = operator::makes(&rendered.objects, &mut Vec::new()).into_iter();
    made.find(|one| one.kind() == "Deployment").unwrap()
}

#[test]
fn a_changed_policy_changes_the_deployment_and_nothing_else_does() {
    const CHECKSUM: &str = "/deploymentAnnotations/checksum~1policies";
    let before = rendered("production");
    let checksum = app(&before).text(CHECKSUM).unwrap();
    for (values, changes) in [
        (
            json!({ "kyverno": { "spread": { "nodes": "ScheduleAnyway" } } }),
            true,
        ),
        (json!({ "kyverno": { "rollingUpdate": false } }), true),
        (
            json!({ "executor": { "host": { "drain": { "delaySeconds": 20 } } } }),
            true,
        ),
        (
            json!({ "checks": { "startup": { "failureThreshold": 60 } } }),
            true,
        ),
        (
            json!({ "kyverno": { "digests": { "action": "Audit" } } }),
            false,
        ),
        (json!({ "autoscaling": { "maxReplicas": 6 } }), false),
        (json!({ "podAnnotations": { "a": "b" } }), false),
    ] {
        let after = with(&values);
        assert_eq!(mutating(&after) != mutating(&before), changes, "{values}");
        let other = app(&after).text(CHECKSUM).unwrap();
        assert_eq!(other != checksum, changes, "{values}");
        let annotations = deployment(&after).body["metadata"]["annotations"].clone();
        assert_eq!(annotations["checksum/policies"], other, "{values}");
    }
    let none = with(&json!({ "kyverno": { "enabled": false }, "namespace": { "create": false } }));
    assert_eq!(app(&none).pointer(CHECKSUM), None);
}

#[test]
fn what_policies_set_is_taken_away_by_the_documented_command() {
    let readme = std::fs::read_to_string(project::root().join("k8s/README.md")).unwrap();
    let (_, command) = readme
        .split_once("patch deployment edge-rates -p '")
        .expect("k8s/README.md says how to take away what policies set");
    let patch: Value = yaml::read(command.split_once('\'').unwrap().0).unwrap();
    let everything = with(&json!({ "kyverno": { "spread": {
        "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 1,
            "preference": { "matchExpressions": [{ "key": "disk", "operator": "Exists" }] },
        }]},
        "nodeSelector": { "kubernetes.io/arch": "amd64" },
        "tolerations": [{ "key": "rates", "operator": "Exists" }],
        "priorityClassName": "high",
    }}}));
    for rendered in [
        everything,
        rendered("production"),
        rendered("shim"),
        rendered("dev"),
    ] {
        let before = deployment(&rendered);
        let mut made = [before.clone()];
        let mut findings = Vec::new();
        kyverno::admit(&rendered.objects, &mut made, &mut findings);
        assert_eq!(findings, []);
        let [mut after] = made;
        assert_ne!(after.body, before.body, "the policies set something");
        merging::merge(&mut after, &patch, merging::Way::Strategic).unwrap();
        assert_eq!(after.body, before.body, "{}", rendered.environment.name);
    }
}

#[test]
fn a_constraint_of_another_mode_does_not_stay() {
    let spread = |mode: &str| json!({ "kyverno": { "spread": { "nodes": mode } } });
    let (strict, relaxed) = (
        with(&spread("DoNotSchedule")),
        with(&spread("ScheduleAnyway")),
    );
    let mut live = [deployment(&strict)];
    kyverno::admit(&strict.objects, &mut live, &mut Vec::new());
    kyverno::admit(&relaxed.objects, &mut live, &mut Vec::new());
    let constraints = live[0]
        .body
        .list("/spec/template/spec/topologySpreadConstraints");
    let modes: Vec<_> = constraints
        .iter()
        .map(|one| &one["whenUnsatisfiable"])
        .collect();
    assert_eq!(modes, ["ScheduleAnyway", "ScheduleAnyway"]);
}

#[test]
fn a_cluster_without_the_kinds_gets_none_or_a_clear_no() {
    let bare = rendered("bare");
    for object in &bare.objects {
        let group = object.group();
        assert!(!group.ends_with("kyverno.io"), "{object}");
        assert!(!group.ends_with("monitoring.coreos.com"), "{object}");
    }
    for (group, value, kind) in [
        (
            "policies.kyverno.io",
            json!({ "kyverno": { "enabled": true } }),
            "NamespacedMutatingPolicy",
        ),
        (
            "monitoring.coreos.com",
            json!({ "observability": { "podMonitor": { "enabled": true } } }),
            "PodMonitor",
        ),
        (
            "monitoring.coreos.com",
            json!({ "observability": { "rules": { "enabled": true } } }),
            "PrometheusRule",
        ),
        (
            "monitoring.coreos.com",
            json!({ "observability": { "alertmanager": { "enabled": true } } }),
            "AlertmanagerConfig",
        ),
    ] {
        let mut environment = environments::named("bare").unwrap();
        environment.values = value;
        let said = Chart::ours()
            .unwrap()
            .render(&environment)
            .unwrap_err()
            .to_string();
        assert!(
            said.contains(&format!("the cluster has no {group}/v1")),
            "{said}"
        );
        assert!(
            said.contains(&format!("--api-versions {group}/")) && said.contains(kind),
            "{said}"
        );
        environment.without = Vec::new();
        let made = Chart::ours().unwrap().render(&environment).unwrap();
        assert!(made.objects.iter().any(|one| one.kind() == kind), "{kind}");
    }
}
