//! Every selector has to select something: one that doesn't is a budget, a policy or a monitor of
//! nothing, and no cluster complains.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;
use crate::selector;
use crate::workload::Workload;

/// Pods that come and go by themselves: cert-manager's for answering an authority.
const TRANSIENT: [&str; 1] = ["acme.cert-manager.io/http01-solver"];

/// Looks at every selector.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    for object in cluster.own() {
        let body = &object.body;
        match object.kind() {
            "Service" => {
                if let Some(table) = body.pointer("/spec/selector")
                    && !any(cluster, object, |one| {
                        selector::table_selects(table, one.labels)
                    })
                {
                    to.push(nothing(object, "/spec/selector"));
                }
            }
            "PodDisruptionBudget" | "PodMonitor" => {
                by_labels(cluster, object, "/spec/selector", to);
            }
            "NetworkPolicy" => network_policy(cluster, object, to),
            _ => {}
        }
    }
    for workload in cluster.workloads() {
        own(&workload, to);
    }
}

fn nothing(object: &Object, path: &str) -> Finding {
    Finding::new(object, path, "it selects no pods")
}

fn any(cluster: &Cluster<'_>, object: &Object, selects: impl Fn(&Workload<'_>) -> bool) -> bool {
    cluster
        .workloads()
        .any(|one| one.object.namespace() == object.namespace() && selects(&one))
}

fn by_labels(cluster: &Cluster<'_>, object: &Object, path: &str, to: &mut Vec<Finding>) {
    let by = object.body.pointer(path).unwrap_or(&Value::Null);
    if !any(cluster, object, |one| selector::selects(by, one.labels)) {
        to.push(nothing(object, path));
    }
}

fn network_policy(cluster: &Cluster<'_>, object: &Object, to: &mut Vec<Finding>) {
    let subject = object.body.table("/spec/podSelector/matchLabels");
    let is_transient = subject
        .into_iter()
        .flatten()
        .any(|(key, _)| TRANSIENT.contains(&key.as_str()));
    if !is_transient {
        by_labels(cluster, object, "/spec/podSelector", to);
    }
    for (rules, peers) in [("ingress", "from"), ("egress", "to")] {
        let at = format!("/spec/{rules}");
        for (rule, one) in object.body.list(&at).iter().enumerate() {
            for (index, peer) in one.list(&format!("/{peers}")).iter().enumerate() {
                let path = format!("{at}/{rule}/{peers}/{index}");
                // Pods of other namespaces are not known here.
                if peer.get("podSelector").is_some() && peer.get("namespaceSelector").is_none() {
                    by_labels(cluster, object, &format!("{path}/podSelector"), to);
                }
            }
        }
    }
}

/// A workload selects its own pods, and so do its rules for spreading them.
fn own(workload: &Workload<'_>, to: &mut Vec<Finding>) {
    let object = workload.object;
    let mut selectors = Vec::new();
    if matches!(object.kind(), "Deployment" | "StatefulSet" | "DaemonSet") {
        selectors.push("/spec/selector".to_owned());
    }
    let spread = workload.pod.list("/topologySpreadConstraints").len();
    for index in 0..spread {
        let path = format!("/topologySpreadConstraints/{index}/labelSelector");
        selectors.push(workload.at(&path));
    }
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    for (list, term) in [(required, ""), (preferred, "/podAffinityTerm")] {
        let at = format!("/affinity/podAntiAffinity/{list}");
        for index in 0..workload.pod.list(&at).len() {
            selectors.push(workload.at(&format!("{at}/{index}{term}/labelSelector")));
        }
    }
    for path in selectors {
        let by = object.body.pointer(&path).unwrap_or(&Value::Null);
        if by.is_null() || !selector::selects(by, workload.labels) {
            to.push(Finding::new(
                object,
                path,
                "it doesn't select the pods of its own template",
            ));
        }
    }
}
