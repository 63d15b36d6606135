//! What makes pods, and their containers.

use serde_json::Value;

use crate::fields::Fields;
use crate::object::Object;

/// A template for pods.
#[derive(Debug, Clone, Copy)]
pub struct Workload<'a> {
    /// What makes the pods.
    pub object: &'a Object,
    /// Where the template is in it.
    pub path: &'static str,
    /// The labels of the pods.
    pub labels: &'a Value,
    /// The spec of the pods.
    pub pod: &'a Value,
}

/// Where the kinds that make pods have their template.
const TEMPLATES: [(&str, &str); 6] = [
    ("Pod", ""),
    ("Deployment", "/spec/template"),
    ("StatefulSet", "/spec/template"),
    ("DaemonSet", "/spec/template"),
    ("Job", "/spec/template"),
    ("CronJob", "/spec/jobTemplate/spec/template"),
];

impl<'a> Workload<'a> {
    /// The template of an object that makes pods.
    #[must_use]
    pub fn of(object: &'a Object) -> Option<Self> {
        let &(_, path) = TEMPLATES.iter().find(|(kind, _)| *kind == object.kind())?;
        let at = |part: &str| object.body.pointer(&format!("{path}{part}"));
        Some(Self {
            object,
            path,
            labels: at("/metadata/labels").unwrap_or(&Value::Null),
            pod: at("/spec")?,
        })
    }

    /// A path in the spec of the pods as one in the object.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}/spec{path}", self.path)
    }

    /// All containers, with their path in the spec of the pod.
    #[must_use]
    pub fn containers(&self) -> Vec<(String, &'a Value)> {
        let lists = ["/initContainers", "/containers"].into_iter();
        lists
            .flat_map(|list| {
                let containers = self.pod.list(list).iter().enumerate();
                containers.map(move |(index, one)| (format!("{list}/{index}"), one))
            })
            .collect()
    }

    /// The number of a port that is given by name or number; none if no container has that name.
    #[must_use]
    pub fn port(&self, port: &Value) -> Option<i64> {
        match port {
            Value::Number(number) => number.as_i64(),
            Value::String(name) => self
                .ports()
                .find(|port| port.text("/name") == Some(name.as_str()))
                .and_then(|port| port.number("/containerPort")),
            _ => None,
        }
    }

    /// The ports that its containers declare.
    pub fn ports(&self) -> impl Iterator<Item = &'a Value> {
        let containers = self.containers().into_iter();
        containers.flat_map(|(_, container)| container.list("/ports"))
    }
}
