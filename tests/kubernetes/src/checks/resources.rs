//! What containers ask for and may take (R18, R45, R74), and whether the namespace's quota and
//! limits leave room for all of it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::Object;
use crate::quantity::thousandths;
use crate::rollout::Rollout;
use crate::workload::Workload;

/// Looks at every container, and at the quota.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    for workload in cluster.workloads() {
        for (at, container) in workload.containers() {
            let path = workload.at(&format!("{at}/resources"));
            one_container(workload.object, &path, container, to);
        }
    }
    for object in cluster.own() {
        match object.kind() {
            "ResourceQuota" => quota(cluster, object, to),
            "LimitRange" => limits(cluster, object, to),
            _ => {}
        }
    }
}

fn amount(value: Option<&Value>) -> Option<i128> {
    match value? {
        Value::String(text) => thousandths(text),
        Value::Number(number) => thousandths(&number.to_string()),
        _ => None,
    }
}

fn one_container(object: &Object, path: &str, container: &Value, to: &mut Vec<Finding>) {
    for resource in ["cpu", "memory"] {
        let of = |which: &str| container.pointer(&format!("/resources/{which}/{resource}"));
        for which in ["requests", "limits"] {
            if amount(of(which)).is_none() {
                let path = format!("{path}/{which}/{resource}");
                to.push(Finding::new(object, path, "is missing (R18, R74)"));
            }
        }
        if let (Some(request), Some(limit)) = (amount(of("requests")), amount(of("limits")))
            && request > limit
        {
            let path = format!("{path}/requests/{resource}");
            to.push(Finding::new(object, path, "is more than the limit"));
        }
    }
}

/// The most pods of a workload at a time.
fn most(cluster: &Cluster<'_>, workload: &Workload<'_>) -> i128 {
    let name = workload.object.name();
    let scaled = cluster.own().find_map(|one| {
        let body = &one.body;
        let is_target = body.text("/spec/scaleTargetRef/name") == Some(name);
        let number = body
            .number("/spec/maxReplicas")
            .or(body.number("/spec/maxReplicaCount"));
        number.filter(|_| is_target)
    });
    let replicas = scaled
        .or(workload.object.body.number("/spec/replicas"))
        .unwrap_or(1);
    i128::from(match workload.object.kind() {
        "Deployment" => Rollout::of(&workload.object.body, replicas).most_pods(),
        // Of the others none is replaced before it is gone.
        _ => replicas,
    })
}

/// What all pods and claims take together when there are most of them, in thousandths, by the names
/// that a ResourceQuota has for it.
#[must_use]
pub fn needed(cluster: &Cluster<'_>) -> BTreeMap<String, i128> {
    let mut needed: BTreeMap<String, i128> = BTreeMap::new();
    let mut add = |what: &str, amount: i128| *needed.entry(what.to_owned()).or_default() += amount;
    for workload in cluster.workloads() {
        let pods = most(cluster, &workload);
        add("pods", pods * 1000);
        for (_, container) in workload.containers() {
            for which in ["requests", "limits"] {
                for resource in ["cpu", "memory"] {
                    let one = container.pointer(&format!("/resources/{which}/{resource}"));
                    let one = amount(one).unwrap_or_default();
                    add(&format!("{which}.{resource}"), one * pods);
                }
            }
        }
        for claim in workload.object.body.list("/spec/volumeClaimTemplates") {
            let storage = amount(claim.pointer("/spec/resources/requests/storage"));
            add("requests.storage", storage.unwrap_or_default() * pods);
            add("persistentvolumeclaims", pods * 1000);
        }
    }
    for service in cluster.own().filter(|one| one.kind() == "Service") {
        let kind = service.body.text("/spec/type");
        // A load balancer has ports of the nodes, too.
        if matches!(kind, Some("NodePort" | "LoadBalancer")) {
            let ports = service.body.list("/spec/ports").len();
            add(
                "services.nodeports",
                i128::try_from(ports * 1000).unwrap_or(i128::MAX),
            );
        }
        if kind == Some("LoadBalancer") {
            add("services.loadbalancers", 1000);
        }
    }
    needed
}

fn quota(cluster: &Cluster<'_>, quota: &Object, to: &mut Vec<Finding>) {
    let needed = needed(cluster);
    for (what, hard) in quota.body.table("/spec/hard").into_iter().flatten() {
        let (Some(hard), Some(needed)) = (amount(Some(hard)), needed.get(what)) else {
            continue;
        };
        if *needed > hard {
            let problem = format!(
                "is less than what all pods take together when there are most of them ({})",
                needed / 1000
            );
            let path = format!("/spec/hard{}", step(what));
            to.push(Finding::new(quota, path, problem));
        }
    }
}

fn limits(cluster: &Cluster<'_>, range: &Object, to: &mut Vec<Finding>) {
    for (index, limit) in range.body.list("/spec/limits").iter().enumerate() {
        if limit.text("/type") != Some("Container") {
            continue;
        }
        for workload in cluster.workloads() {
            for (_, container) in workload.containers() {
                for resource in ["cpu", "memory"] {
                    let of = |which: &str| {
                        amount(container.pointer(&format!("/resources/{which}/{resource}")))
                    };
                    let bound =
                        |which: &str| amount(limit.pointer(&format!("/{which}/{resource}")));
                    let mut add = |which: &str, problem: &str| {
                        let path = format!("/spec/limits/{index}/{which}/{resource}");
                        let problem = format!("{} {problem}", workload.object);
                        to.push(Finding::new(range, path, problem));
                    };
                    if let (Some(max), Some(limit)) = (bound("max"), of("limits"))
                        && limit > max
                    {
                        add("max", "has a higher limit, so its pods are refused");
                    }
                    if let (Some(min), Some(request)) = (bound("min"), of("requests"))
                        && request < min
                    {
                        add("min", "requests less, so its pods are refused");
                    }
                }
            }
        }
    }
}
