//! What the operator's webhooks (v0.6.1) make of its two kinds on their way into the cluster. The
//! mutating ones read an object into Go's types and write it down again, and the API server holds
//! what comes back against the schema; the validating ones refuse what the operator could not run.

use serde_json::{Map, Value};

use super::types::{Structure, named};
use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::{Object, Origin};
use crate::quantity;

/// The objects of the operator's kinds as the API server gets to check and store them.
pub fn admit(objects: &[Object], findings: &mut Vec<Finding>) -> Vec<Object> {
    let mut admitted = Vec::new();
    for object in objects {
        if object.group() != "core.spinkube.dev" {
            continue;
        }
        let Some(structure) = named(object.kind()) else {
            continue;
        };
        let mut body = object.body.clone();
        let mut trip = RoundTrip { object, findings };
        // What else every object has is written as it was.
        trip.structure(
            structure,
            &mut body,
            "",
            &["apiVersion", "kind", "metadata", "status"],
        );
        let stored = Object {
            body,
            origin: Origin::Webhook("the SpinKube operator"),
        };
        match stored.kind() {
            "SpinApp" => app(&stored, objects, findings),
            _ => executor(&stored, findings),
        }
        admitted.push(stored);
    }
    admitted
}

struct RoundTrip<'a> {
    object: &'a Object,
    findings: &'a mut Vec<Finding>,
}

impl RoundTrip<'_> {
    fn structure(
        &mut self,
        structure: &Structure,
        value: &mut Value,
        path: &str,
        besides: &[&str],
    ) {
        let Value::Object(present) = value else {
            // Of a wrong type, which its schema says.
            return;
        };
        for (key, value) in present.iter_mut() {
            let path = format!("{path}{}", step(key));
            match structure.fields.iter().find(|one| one.name == key) {
                Some(field) => {
                    if let Some(structure) = field.go.structure() {
                        self.inside(structure, value, &path);
                    }
                }
                None if besides.contains(&key.as_str()) => {}
                None if structure.is_own => self.add(&path, "the operator knows no such field"),
                None => self.add(
                    &path,
                    "not modelled: add the field to tests/kubernetes/src/operator/types.rs, with \
                     what Go writes where it is absent",
                ),
            }
        }
        self.absent(structure, present, path);
    }

    fn inside(&mut self, structure: &Structure, value: &mut Value, path: &str) {
        if let Value::Array(items) = value {
            for (index, item) in items.iter_mut().enumerate() {
                self.structure(structure, item, &format!("{path}/{index}"), &[]);
            }
        } else {
            self.structure(structure, value, path, &[]);
        }
    }

    /// Writes what is always written.
    fn absent(&mut self, structure: &Structure, present: &mut Map<String, Value>, path: &str) {
        for field in structure.fields {
            if !field.is_always_written || present.contains_key(field.name) {
                continue;
            }
            let path = format!("{path}{}", step(field.name));
            let mut zero = field.go.zero();
            if zero.is_null() {
                self.add(
                    &path,
                    "is absent, and so the operator's webhook makes it null, which the schema \
                     refuses: render it, if only empty",
                );
            }
            if let Some(structure) = field.go.structure() {
                self.structure(structure, &mut zero, &path, &[]);
            }
            present.insert(field.name.to_owned(), zero);
        }
    }

    fn add(&mut self, path: &str, problem: &str) {
        self.findings.push(Finding::new(self.object, path, problem));
    }
}

/// What the validating webhook says of an app.
fn app(app: &Object, objects: &[Object], to: &mut Vec<Finding>) {
    let spec = app.body.get("spec").unwrap_or(&Value::Null);
    let mut refuse = |path: &str, problem: String| {
        let problem = format!("the operator's webhook refuses it: {problem}");
        to.push(Finding::new(app, format!("/spec{path}"), problem));
    };
    let name = spec.text("/executor").unwrap_or_default();
    let executor = objects.iter().find(|one| {
        one.kind() == "SpinAppExecutor" && one.name() == name && one.namespace() == app.namespace()
    });
    let replicas = spec.number("/replicas").unwrap_or_default();
    match spec.flag("/enableAutoscaling") {
        true if replicas != 0 => refuse(
            "/replicas",
            "it can't be set when autoscaling is enabled".to_owned(),
        ),
        false if replicas < 1 => refuse("/replicas", "it has to be above 0".to_owned()),
        _ => {}
    }
    // Of an executor that is not there another check speaks.
    if executor.is_some_and(|one| !one.body.flag("/spec/createDeployment")) {
        for field in ["/deploymentAnnotations", "/podAnnotations"] {
            if spec.table(field).is_some_and(|table| !table.is_empty()) {
                let problem = "the executor does not have the operator make the Deployment";
                refuse(field, problem.to_owned());
            }
        }
    }
    if let Some(limit) = spec.text("/invocationLimits/memory") {
        let bound = ["limits", "requests"]
            .iter()
            .find_map(|which| spec.text(&format!("/resources/{which}/memory")));
        let path = "/invocationLimits/memory";
        match (
            quantity::thousandths(limit),
            bound.map(quantity::thousandths),
        ) {
            (None, _) => refuse(path, format!("{limit} is no quantity")),
            (Some(limit), Some(Some(bound))) if limit > bound => {
                refuse(
                    path,
                    "it is more than the memory of the container".to_owned(),
                );
            }
            _ => {}
        }
    }
}

/// What the validating webhook says of an executor.
fn executor(executor: &Object, to: &mut Vec<Finding>) {
    let Some(config) = executor.body.pointer("/spec/deploymentConfig") else {
        return;
    };
    let is_set = |field: &str| config.text(field).is_some();
    if is_set("/runtimeClassName") == is_set("/spinImage") {
        to.push(Finding::new(
            executor,
            "/spec/deploymentConfig",
            "the operator's webhook refuses it: set one of runtimeClassName and spinImage",
        ));
    }
}
