//! The objects that are in the cluster in the end: those of the chart, what controllers make of
//! them, and what whoever runs the cluster provides.

use serde_json::{Map, Value, json};

use crate::chart::Rendered;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::{Object, Origin};
use crate::provided::AllProvided;
use crate::workload::Workload;
use crate::{kyverno, operator};

/// All objects.
#[derive(Debug)]
pub struct Cluster<'a> {
    /// What the chart was rendered to.
    pub rendered: &'a Rendered,
    /// What controllers make, after admission.
    pub made: Vec<Object>,
    /// Those of the operator's own kinds as its webhooks leave them, which is what the API server
    /// holds against their schemas.
    pub admitted: Vec<Object>,
    /// What is provided.
    pub given: Vec<Object>,
    provided: &'a AllProvided,
}

impl<'a> Cluster<'a> {
    /// Lets the controllers do their work.
    pub fn new(
        rendered: &'a Rendered,
        provided: &'a AllProvided,
        findings: &mut Vec<Finding>,
    ) -> Self {
        let mut made = operator::makes(&rendered.objects, findings);
        kyverno::admit(&rendered.objects, &mut made, findings);
        made.extend(rendered.objects.iter().flat_map(secrets_made));
        Self {
            rendered,
            made,
            admitted: operator::webhooks::admit(&rendered.objects, findings),
            given: provided.objects(&rendered.values),
            provided,
        }
    }

    /// What the chart brings and what is made of it.
    pub fn own(&self) -> impl Iterator<Item = &Object> {
        self.rendered.objects.iter().chain(&self.made)
    }

    /// Everything that makes pods.
    pub fn workloads(&self) -> impl Iterator<Item = Workload<'_>> {
        self.own().filter_map(Workload::of)
    }

    /// The object of a kind and name. What belongs to the whole cluster is found from everywhere.
    pub fn find(&self, kind: &str, name: &str, namespace: Option<&str>) -> Option<&Object> {
        let is_it = |one: &&Object| {
            one.kind() == kind
                && one.name() == name
                && (one.namespace() == namespace
                    || one.namespace().is_none()
                    || namespace.is_none())
        };
        if let Some(found) = self.own().find(is_it) {
            return Some(found);
        }
        let given = self.given.iter().find(is_it)?;
        self.provided.note_use(given);
        Some(given)
    }
}

/// The Secrets that controllers make: cert-manager for a Certificate or an annotated Ingress or
/// Gateway, the External Secrets Operator for an ExternalSecret.
fn secrets_made(object: &Object) -> Vec<Object> {
    const CERTIFICATE: [&str; 3] = ["tls.crt", "tls.key", "ca.crt"];
    let secret = |name: &str, keys: Vec<String>, maker: &'static str| Object {
        body: json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": name, "namespace": object.namespace() },
            "data": keys
                .into_iter()
                .map(|key| (key, Value::String(String::new())))
                .collect::<Map<_, _>>(),
        }),
        origin: Origin::Controller(maker),
    };
    let certificate = |name: &str| {
        let keys = CERTIFICATE.map(str::to_owned).to_vec();
        secret(name, keys, "cert-manager")
    };
    let body = &object.body;
    let is_annotated = ["cluster-issuer", "issuer"].iter().any(|issuer| {
        let annotations = body.table("/metadata/annotations");
        annotations.is_some_and(|all| all.contains_key(&format!("cert-manager.io/{issuer}")))
    });
    match object.kind() {
        "Certificate" => body
            .text("/spec/secretName")
            .map(certificate)
            .into_iter()
            .collect(),
        "Ingress" if is_annotated => {
            let names = body.list("/spec/tls").iter();
            names
                .filter_map(|one| one.text("/secretName"))
                .map(certificate)
                .collect()
        }
        "Gateway" if is_annotated => {
            let listeners = body.list("/spec/listeners").iter();
            listeners
                .flat_map(|one| one.list("/tls/certificateRefs"))
                .filter_map(|one| one.text("/name"))
                .map(certificate)
                .collect()
        }
        "ExternalSecret" => {
            let name = body.text("/spec/target/name").unwrap_or(object.name());
            let templated = body.table("/spec/target/template/data");
            let keys = match templated {
                Some(data) => data.keys().cloned().collect(),
                None => {
                    let data = body.list("/spec/data").iter();
                    data.filter_map(|one| one.text("/secretKey"))
                        .map(str::to_owned)
                        .collect()
                }
            };
            vec![secret(name, keys, "the External Secrets Operator")]
        }
        _ => Vec::new(),
    }
}
