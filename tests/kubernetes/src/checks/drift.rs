//! What is applied is what is read back. Kubernetes drops what its types leave out (`omitempty`:
//! empty lists and texts, zeros, false) and writes quantities in one way; the SpinKube operator's
//! webhooks do the same to its kinds. Whatever is rendered otherwise differs from what is in the
//! cluster at every look.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::Object;
use crate::quantity;
use crate::schema::built_in::is_built_in;

/// Fields that keep a value which others lose, as their types are pointers in Kubernetes or are
/// always written.
const KEPT: [&str; 24] = [
    "allowPrivilegeEscalation",
    "automountServiceAccountToken",
    "averageUtilization",
    "defaultMode",
    "emptyDir",
    "enableServiceLinks",
    "fsGroup",
    // Of a check: the operator always writes it, and refuses null.
    "httpHeaders",
    "maxSurge",
    "maxUnavailable",
    "minAvailable",
    "minReplicas",
    "namespaceSelector",
    "optional",
    "podSelector",
    "privileged",
    "readOnlyRootFilesystem",
    "replicas",
    "runAsGroup",
    "runAsNonRoot",
    "runAsUser",
    "stabilizationWindowSeconds",
    "terminationGracePeriodSeconds",
    "ttlSecondsAfterFinished",
];

/// Tables whose keys are names that somebody chose: their values are kept, whatever they are.
const MAPS: [&str; 8] = [
    "annotations",
    "binaryData",
    "data",
    "labels",
    "matchLabels",
    "podAnnotations",
    "podLabels",
    "stringData",
];

/// Tables of quantities, and fields that are one.
const QUANTITIES: [&str; 9] = [
    "default",
    "defaultRequest",
    "hard",
    "invocationLimits",
    "limits",
    "max",
    "min",
    "requests",
    "sizeLimit",
];

/// Looks at everything that the chart renders.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    // A hook is made anew each time, so nothing of it is compared.
    let is_hook = |one: &&Object| {
        one.body
            .text("/metadata/annotations/helm.sh~1hook")
            .is_some()
    };
    for object in cluster.rendered.objects.iter().filter(|one| !is_hook(one)) {
        // What other operators get is kept as it is written.
        let is_rewritten = is_built_in(object) || object.group() == "core.spinkube.dev";
        Looking {
            object,
            is_rewritten,
            to,
        }
        .table("", &object.body);
    }
}

struct Looking<'a> {
    object: &'a Object,
    is_rewritten: bool,
    to: &'a mut Vec<Finding>,
}

impl Looking<'_> {
    fn add(&mut self, path: &str, problem: String) {
        self.to.push(Finding::new(self.object, path, problem));
    }

    fn table(&mut self, path: &str, table: &Value) {
        for (name, value) in table.table("").into_iter().flatten() {
            let path = format!("{path}{}", step(name));
            let is_lost = match value {
                Value::Null => true,
                Value::Bool(flag) => !flag,
                Value::Number(number) => number.as_i64() == Some(0),
                Value::String(text) => text.is_empty(),
                Value::Array(items) => items.is_empty(),
                Value::Object(fields) => fields.is_empty(),
            };
            let is_amount = QUANTITIES.contains(&name.as_str()) && !value.is_array();
            let loses = value.is_null() || (self.is_rewritten && !KEPT.contains(&name.as_str()));
            if is_lost && loses {
                let problem = format!("{value} is not kept by a cluster: leave the field out");
                self.add(&path, problem);
            } else if self.is_rewritten && is_amount {
                self.quantities(&path, value);
            } else if !MAPS.contains(&name.as_str()) {
                self.value(&path, value);
            }
        }
    }

    fn value(&mut self, path: &str, value: &Value) {
        self.table(path, value);
        for (index, item) in value.list("").iter().enumerate() {
            self.value(&format!("{path}/{index}"), item);
        }
    }

    fn quantities(&mut self, path: &str, value: &Value) {
        match value {
            Value::Object(amounts) => {
                for (name, amount) in amounts {
                    self.quantities(&format!("{path}{}", step(name)), amount);
                }
            }
            Value::String(text) => {
                if let Some(kept) = quantity::canonical(text).filter(|kept| kept != text) {
                    self.add(path, format!("a cluster keeps {text} as {kept}"));
                }
            }
            other => self.add(path, format!("a cluster keeps {other} as a text")),
        }
    }
}
