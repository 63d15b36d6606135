//! Who may do what (R44, R63): people look and restart, hooks do the one thing that they are for, and
//! only while they run.

use kubernetes::fields::Fields as _;
use kubernetes::object::Object;
use kubernetes::workload::Workload;
use serde_json::{Value, json};

use crate::rendering::{rendered, rendered_with};

fn is_hook(object: &Object) -> bool {
    let annotations = object.body.table("/metadata/annotations");
    annotations.is_some_and(|all| all.contains_key("helm.sh/hook"))
}

/// The rights of a role, as `group/resource: verb`.
fn rights(role: &Object) -> Vec<String> {
    let mut rights = Vec::new();
    for rule in role.body.list("/rules") {
        for resource in rule.list("/resources") {
            for verb in rule.list("/verbs") {
                let (group, resource) = (&rule["apiGroups"][0], resource);
                let right = [group, resource, verb].map(|one| one.as_str().unwrap());
                rights.push(format!("{}/{}: {}", right[0], right[1], right[2]));
            }
        }
    }
    rights
}

#[test]
fn nobody_changes_what_a_release_says_past_helm() {
    let rendered = rendered("elsewhere");
    let roles = rendered.objects.iter().filter(|one| one.kind() == "Role");
    let mut writing = Vec::new();
    for role in roles.filter(|one| !is_hook(one)) {
        let rights = rights(role);
        let looks = |right: &&String| {
            ["get", "list", "watch"]
                .iter()
                .any(|verb| right.ends_with(verb))
        };
        writing.extend(rights.iter().filter(|one| !looks(one)).cloned());
    }
    // A restart is all: a pod that goes is made again as the release says.
    assert_eq!(writing, ["/pods: delete", "/pods/eviction: create"]);
}

#[test]
fn hooks_may_do_what_they_are_for_to_their_own_deployment() {
    let rendered = rendered("production");
    let role = |name: &str| {
        let mut roles = rendered.objects.iter().filter(|one| one.kind() == "Role");
        roles.find(|one| one.name() == name).unwrap()
    };
    assert_eq!(
        rights(role("edge-rates-rollout")),
        ["apps/deployments: get"]
    );
    assert_eq!(
        rights(role("edge-rates-handover")),
        ["apps/deployments/scale: get", "apps/deployments: patch"]
    );
    for role in ["edge-rates-rollout", "edge-rates-handover"].map(role) {
        assert!(is_hook(role));
        for rule in role.body.list("/rules") {
            assert_eq!(rule["resourceNames"], json!(["edge-rates"]), "{role}");
        }
    }
    // Where nothing is handed over, nobody may.
    let off = rendered_with("production", &json!({ "rollout": { "handover": false } }));
    assert!(
        off.objects
            .iter()
            .all(|one| one.name() != "edge-rates-handover")
    );
}

#[test]
fn only_hooks_have_a_token_and_only_for_as_long_as_they_run() {
    for environment in ["dev", "staging", "production", "elsewhere"] {
        let rendered = rendered(environment);
        let mut tokens = 0;
        for object in &rendered.objects {
            let Some(workload) = Workload::of(object) else {
                continue;
            };
            let sources = workload.pod.list("/volumes").iter();
            let sources = sources.flat_map(|one| one.list("/projected/sources"));
            for token in sources.filter_map(|one| one.get("serviceAccountToken")) {
                assert!(is_hook(object), "{object}");
                let lives = token.number("/expirationSeconds").unwrap();
                let runs = object.body.number("/spec/activeDeadlineSeconds").unwrap();
                assert_eq!(lives, runs.max(600), "{object}");
                tokens += 1;
            }
        }
        assert_eq!(tokens, 2, "{environment}");
        // All that belongs to a hook goes with it.
        for hook in rendered.objects.iter().filter(|one| is_hook(one)) {
            let policy = "/metadata/annotations/helm.sh~1hook-delete-policy";
            let policy = hook.body.text(policy).unwrap_or_default();
            let is_gone = policy.split(',').any(|one| one == "hook-succeeded");
            assert!(is_gone, "{hook}: {policy}");
        }
    }
    let value: Value = json!({ "rollout": { "timeoutSeconds": 30 } });
    let short = rendered_with("production", &value);
    let mut jobs = short.objects.iter().filter(|one| one.kind() == "Job");
    assert_eq!(
        jobs.next().unwrap().body["spec"]["activeDeadlineSeconds"],
        120
    );
}
