//! Who may talk to whom, by the NetworkPolicies: what a network plugin would let through.

use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use crate::fields::Fields;
use crate::object::Object;
use crate::selector;
use crate::workload::Workload;

/// One end of a connection.
#[derive(Debug, Clone)]
pub enum Peer<'a> {
    /// A pod that the chart or a controller makes.
    Ours(Workload<'a>),
    /// A pod of somebody else's: the name of its namespace, and its labels.
    Pod {
        /// The name of its namespace.
        namespace: &'a str,
        /// Its labels.
        labels: Value,
    },
    /// An address outside of the cluster.
    Address(IpAddr),
}

/// The protocol of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
}

/// The policies in a cluster.
#[derive(Debug)]
pub struct Network<'a> {
    policies: Vec<&'a Object>,
}

impl<'a> Network<'a> {
    /// The policies among some objects.
    pub fn new(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let policies = objects
            .into_iter()
            .filter(|one| one.kind() == "NetworkPolicy")
            .collect();
        Self { policies }
    }

    /// Whether a connection from one to the other comes about: the one has to be let out and the
    /// other has to let it in.
    #[must_use]
    pub fn allows(&self, from: &Peer<'_>, to: &Peer<'_>, port: u16, protocol: Protocol) -> bool {
        let out = self.one_side(from, to, to, port, protocol, "Egress", "egress", "/to");
        let into = self.one_side(to, from, to, port, protocol, "Ingress", "ingress", "/from");
        out && into
    }

    /// Whether what applies to `own` lets the connection with `other` pass; `server` is the one
    /// whose port it is.
    #[allow(
        clippy::too_many_arguments,
        reason = "both directions differ in the last three, and in nothing else"
    )]
    fn one_side(
        &self,
        own: &Peer<'_>,
        other: &Peer<'_>,
        server: &Peer<'_>,
        port: u16,
        protocol: Protocol,
        direction: &str,
        rules: &str,
        peers: &str,
    ) -> bool {
        let mut isolated = false;
        for policy in &self.policies {
            let spec = policy.body.get("spec").unwrap_or(&Value::Null);
            let Some((namespace, labels)) = own.pod() else {
                return true;
            };
            let subject = spec.get("podSelector").unwrap_or(&Value::Null);
            let applies = policy.namespace() == Some(namespace)
                && selector::selects(subject, labels)
                && directions(spec).contains(&direction);
            if !applies {
                continue;
            }
            isolated = true;
            let is_let = spec.list(&format!("/{rules}")).iter().any(|rule| {
                let listed = rule.list(peers);
                let is_peer = listed.is_empty()
                    || listed
                        .iter()
                        .any(|one| other.is(one, policy.namespace().unwrap_or_default()));
                is_peer && is_port(rule.list("/ports"), server, port, protocol)
            });
            if is_let {
                return true;
            }
        }
        !isolated
    }
}

/// The directions that a policy is about. If it doesn't say, ingress, and egress if it has rules.
fn directions(spec: &Value) -> Vec<&str> {
    let said: Vec<&str> = spec
        .list("/policyTypes")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    match (said.is_empty(), spec.get("egress").is_some()) {
        (false, _) => said,
        (true, true) => vec!["Ingress", "Egress"],
        (true, false) => vec!["Ingress"],
    }
}

fn is_port(listed: &[Value], server: &Peer<'_>, port: u16, protocol: Protocol) -> bool {
    listed.is_empty()
        || listed.iter().any(|one| {
            let of = match one.text("/protocol") {
                Some("UDP") => Protocol::Udp,
                _ => Protocol::Tcp,
            };
            let number = match (one.get("port"), server) {
                (None, _) => return of == protocol,
                (Some(port), Peer::Ours(workload)) => workload.port(port),
                (Some(port), _) => port.as_i64(),
            };
            let last = one.number("/endPort").or(number);
            let asked = i64::from(port);
            of == protocol
                && number.is_some_and(|first| first <= asked)
                && last.is_some_and(|last| asked <= last)
        })
}

impl Peer<'_> {
    fn pod(&self) -> Option<(&str, &Value)> {
        match self {
            Self::Ours(workload) => Some((
                workload.object.namespace().unwrap_or_default(),
                workload.labels,
            )),
            Self::Pod { namespace, labels } => Some((namespace, labels)),
            Self::Address(_) => None,
        }
    }

    /// Whether this is what a rule lists.
    fn is(&self, listed: &Value, policy_namespace: &str) -> bool {
        match self {
            Self::Address(address) => listed.get("ipBlock").is_some_and(|block| {
                let contains =
                    |text: &str| text.parse::<IpNet>().is_ok_and(|net| net.contains(address));
                let except = block.list("/except").iter().filter_map(Value::as_str);
                block.text("/cidr").is_some_and(contains) && !except.into_iter().any(contains)
            }),
            _ => {
                let Some((namespace, labels)) = self.pod() else {
                    return false;
                };
                if listed.get("ipBlock").is_some() {
                    return false;
                }
                let in_namespace = match listed.get("namespaceSelector") {
                    // A cluster labels every namespace with its name.
                    Some(by) => {
                        let labels = json!({ "kubernetes.io/metadata.name": namespace });
                        selector::selects(by, &labels)
                    }
                    None => namespace == policy_namespace,
                };
                let pods = listed.get("podSelector").unwrap_or(&Value::Null);
                in_namespace && selector::selects(pods, labels)
            }
        }
    }
}
