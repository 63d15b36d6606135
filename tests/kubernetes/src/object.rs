//! One Kubernetes object, and who makes it.

use std::fmt;

use serde_json::Value;

use crate::fields::Fields;

/// Who makes an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A template of the chart.
    Template(String),
    /// A controller in the cluster, as modelled here.
    Controller(&'static str),
    /// A template of the chart, and then a webhook in the cluster, as modelled here.
    Webhook(&'static str),
    /// Whoever runs the cluster.
    Operator,
}

/// One object.
#[derive(Debug, Clone)]
pub struct Object {
    /// All of it, from `apiVersion` on.
    pub body: Value,
    /// Who makes it.
    pub origin: Origin,
}

impl Object {
    /// Its kind, such as `Deployment`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.body.text("/kind").unwrap_or("(no kind)")
    }

    /// Its apiVersion, such as `apps/v1`.
    #[must_use]
    pub fn api_version(&self) -> &str {
        self.body.text("/apiVersion").unwrap_or("(no apiVersion)")
    }

    /// The group of its apiVersion; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version()
            .split_once('/')
            .map_or("", |(group, _)| group)
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.body.text("/metadata/name").unwrap_or("(no name)")
    }

    /// Its namespace; none for what belongs to the whole cluster.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        self.body.text("/metadata/namespace")
    }

    /// Its labels.
    #[must_use]
    pub fn labels(&self) -> &Value {
        self.body
            .pointer("/metadata/labels")
            .unwrap_or(&Value::Null)
    }

    /// Whether it is a test that `helm test` starts, which is not there otherwise.
    #[must_use]
    pub fn is_test_hook(&self) -> bool {
        self.body
            .text("/metadata/annotations/helm.sh~1hook")
            .is_some_and(|hook| hook.split(',').any(|one| one.trim() == "test"))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind(), self.name())?;
        match &self.origin {
            Origin::Template(_) | Origin::Operator => Ok(()),
            Origin::Controller(name) => write!(f, " (made by {name})"),
            Origin::Webhook(name) => write!(f, " (as the webhook of {name} leaves it)"),
        }
    }
}
