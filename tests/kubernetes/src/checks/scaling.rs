//! How many replicas: one thing says so and nothing contradicts it (R15, R16, R75, R92).

use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;
use crate::selector;
use crate::workload::Workload;

/// Looks at autoscalers, the app, and disruption budgets.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    for app in cluster.own().filter(|one| one.kind() == "SpinApp") {
        let scalers: Vec<&Object> = scalers(cluster, app.name()).collect();
        let is_autoscaled = app.body.flag("/spec/enableAutoscaling");
        let has_replicas = app.body.pointer("/spec/replicas").is_some();
        let mut add = |path: &str, problem: &str| to.push(Finding::new(app, path, problem));
        match (is_autoscaled, has_replicas) {
            (true, true) => add(
                "/spec/replicas",
                "has to be absent with enableAutoscaling: the autoscaler's number would be undone",
            ),
            (false, false) => add("/spec/replicas", "is missing, and nothing scales the app"),
            _ => {}
        }
        match (is_autoscaled, scalers.as_slice()) {
            (true, []) => add(
                "/spec/enableAutoscaling",
                "there is no autoscaler for the app's Deployment",
            ),
            (false, [one, ..]) => {
                let problem = format!("is needed: {one} scales the Deployment");
                add("/spec/enableAutoscaling", &problem);
            }
            (_, [first, second, ..]) => {
                let problem = format!("both {first} and {second} scale the Deployment");
                add("/spec/enableAutoscaling", &problem);
            }
            _ => {}
        }
    }
    for scaler in cluster.own() {
        let (least, most) = match scaler.kind() {
            "HorizontalPodAutoscaler" => ("/spec/minReplicas", "/spec/maxReplicas"),
            "ScaledObject" => ("/spec/minReplicaCount", "/spec/maxReplicaCount"),
            _ => continue,
        };
        let fewest = scaler.body.number(least).unwrap_or(1);
        let greatest = scaler.body.number(most).unwrap_or(100);
        if fewest > greatest {
            let problem = format!("{fewest} is more than {most}, {greatest}");
            to.push(Finding::new(scaler, least, problem));
        }
        requests(cluster, scaler, to);
    }
    for budget in cluster
        .own()
        .filter(|one| one.kind() == "PodDisruptionBudget")
    {
        disruption(cluster, budget, to);
    }
}

fn target(scaler: &Object) -> Option<&str> {
    scaler.body.text("/spec/scaleTargetRef/name")
}

fn scalers<'a>(cluster: &'a Cluster<'_>, deployment: &'a str) -> impl Iterator<Item = &'a Object> {
    cluster
        .own()
        .filter(|one| matches!(one.kind(), "HorizontalPodAutoscaler" | "ScaledObject"))
        .filter(move |one| target(one) == Some(deployment))
}

/// A share of what is requested needs a request of every container.
fn requests(cluster: &Cluster<'_>, scaler: &Object, to: &mut Vec<Finding>) {
    let workload = cluster
        .workloads()
        .find(|one| Some(one.object.name()) == target(scaler));
    let Some(workload) = workload else {
        return;
    };
    for (index, metric) in scaler.body.list("/spec/metrics").iter().enumerate() {
        let Some(resource) = metric.text("/resource/name") else {
            continue;
        };
        let is_requested = |(_, container): &(String, &Value)| {
            container
                .pointer(&format!("/resources/requests/{resource}"))
                .is_some()
        };
        if !workload.containers().iter().all(is_requested) {
            let path = format!("/spec/metrics/{index}/resource/name");
            let problem = format!("{} requests no {resource}", workload.object);
            to.push(Finding::new(scaler, path, problem));
        }
    }
}

/// The fewest pods that there are of a workload.
fn fewest(cluster: &Cluster<'_>, workload: &Workload<'_>) -> i64 {
    let scaled = scalers(cluster, workload.object.name()).find_map(|one| {
        let body = &one.body;
        body.number("/spec/minReplicas")
            .or(body.number("/spec/minReplicaCount"))
    });
    scaled
        .or(workload.object.body.number("/spec/replicas"))
        .unwrap_or(1)
}

/// A budget that lets nobody go keeps nodes from being emptied for ever.
fn disruption(cluster: &Cluster<'_>, budget: &Object, to: &mut Vec<Finding>) {
    let by = budget
        .body
        .pointer("/spec/selector")
        .unwrap_or(&Value::Null);
    let workloads = cluster
        .workloads()
        .filter(|one| selector::selects(by, one.labels));
    for workload in workloads {
        let fewest = fewest(cluster, &workload);
        let at_least = budget.body.number("/spec/minAvailable");
        if at_least.is_some_and(|kept| kept >= fewest) {
            let problem = format!("{} may have {fewest}: none could ever go", workload.object);
            to.push(Finding::new(budget, "/spec/minAvailable", problem));
        }
        let most = budget.body.pointer("/spec/maxUnavailable");
        if most.is_some_and(|most| *most == 0 || *most == "0%") {
            let problem = "no pod could ever go";
            to.push(Finding::new(budget, "/spec/maxUnavailable", problem));
        }
    }
}
