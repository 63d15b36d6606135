//! The quota of the namespace, computed from the values: an update has room when there are most
//! replicas, and little more than that.

use kubernetes::chart::{Chart, Rendered};
use kubernetes::checks::resources::needed;
use kubernetes::cluster::Cluster;
use kubernetes::environments;
use kubernetes::fields::Fields;
use kubernetes::provided::AllProvided;
use kubernetes::quantity::thousandths;
use kubernetes::yaml;
use serde_json::{Value, json};

use crate::rendering::rendered;

fn quota(rendered: &Rendered) -> &Value {
    let mut objects = rendered.objects.iter();
    let found = objects.find(|one| one.kind() == "ResourceQuota");
    &found.unwrap().body["spec"]["hard"]
}

/// What is computed is what is needed and what is spare.
#[track_caller]
fn fits(rendered: &Rendered) {
    let provided = AllProvided::listed().unwrap();
    let cluster = Cluster::new(rendered, &provided, &mut Vec::new());
    let needed = needed(&cluster);
    let name = &rendered.environment.name;
    for (what, hard) in quota(rendered).as_object().unwrap() {
        let hard = thousandths(hard.as_str().unwrap()).unwrap();
        let needed = needed.get(what).copied().unwrap_or_default();
        let part = what.rsplit('.').next().unwrap();
        let spare = match rendered.values.pointer(&format!("/quota/spare/{part}")) {
            Some(Value::String(text)) => thousandths(text).unwrap(),
            Some(number) => thousandths(&number.to_string()).unwrap(),
            // A volume to restore to.
            None => needed,
        };
        assert!(
            hard >= needed,
            "{name}: {what} is {hard}, and {needed} are needed"
        );
        // Memory is given in whole Mi.
        let most = needed + spare + 1024 * 1024 * 1000;
        assert!(hard <= most, "{name}: {what} is {hard}, and {most} do");
    }
}

#[test]
fn every_environment_has_room_for_an_update() {
    for one in environments::all().unwrap() {
        fits(&rendered(&one.name));
    }
}

#[test]
fn other_values_have_room_for_an_update_too() {
    for (environment, values) in [
        (
            "production",
            json!({ "autoscaling": { "maxReplicas": 50 } }),
        ),
        (
            "production",
            json!({ "executor": { "host": { "drain": { "timeoutSeconds": 600 } } } }),
        ),
        (
            "production",
            json!({ "executor": { "host": { "drain": { "delaySeconds": 0, "timeoutSeconds": 1 } } } }),
        ),
        (
            "production",
            json!({ "resources": { "limits": { "cpu": "1.5", "memory": "1Gi" } } }),
        ),
        (
            "production",
            json!({ "kyverno": { "rollingUpdate": false } }),
        ),
        (
            "production",
            json!({ "redis": { "builtin": { "storage": "8Gi" } } }),
        ),
        ("production", json!({ "test": { "enabled": false } })),
        ("bare", json!({ "replicas": 7 })),
        ("bare", json!({ "replicas": 1 })),
        (
            "nodeport",
            json!({ "exposedService": { "type": "LoadBalancer" } }),
        ),
        (
            "defaults",
            json!({ "checks": { "readiness": { "initialDelaySeconds": 60 } } }),
        ),
    ] {
        let mut environment = environments::named(environment).unwrap();
        if environment.values.is_null() {
            environment.values = json!({});
        }
        yaml::lay_over(&mut environment.values, &values);
        environment.name = format!(
            "{environment} with {values}",
            environment = environment.name
        );
        fits(&Chart::ours().unwrap().render(&environment).unwrap());
    }
}

#[test]
fn a_rollout_at_ten_replicas_has_room_for_those_that_end() {
    let pods = quota(&rendered("production"))
        .text("/pods")
        .unwrap()
        .to_owned();
    // Ten, one more, nine that end while the tenth becomes ready; Redis, the test, three spare.
    assert_eq!(pods, "25");
}

#[test]
fn what_values_say_counts_instead() {
    let mut environment = environments::named("production").unwrap();
    let hard = json!({ "quota": { "hard": { "pods": 40, "count/jobs.batch": "5" } } });
    yaml::lay_over(&mut environment.values, &hard);
    let rendered = Chart::ours().unwrap().render(&environment).unwrap();
    assert_eq!(quota(&rendered)["pods"], "40");
    assert_eq!(quota(&rendered)["count/jobs.batch"], "5");
    assert_eq!(quota(&rendered)["persistentvolumeclaims"], "2");
}
