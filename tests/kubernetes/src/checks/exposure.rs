//! What the outside gets to see: the routes for clients, not metrics and the details of health, and
//! outside of development by TLS only (R66, R76, R77, R92).

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cluster::Cluster;
use crate::environments::Stage;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;
use crate::routing::{Destination, destination};

/// Paths that are for people and programs inside.
pub const HIDDEN: [&str; 8] = [
    "/metrics",
    "/metrics/",
    "/api/metrics",
    "/health",
    "/health/",
    "/ready",
    "/.well-known/spin/health",
    "/.well-known/spin/info",
];

/// Paths that clients ask for.
pub const PUBLIC: [&str; 9] = [
    "/",
    "/v1/rates",
    "/v1/rates/BTC/USD",
    "/v1/rates:batch",
    "/v1/convert",
    "/v1/stream",
    "/api/v3/simple/price",
    "/api/info",
    "/openapi.json",
];

/// Looks at routes and Ingresses, for every host that they name.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    let ways: Vec<&Object> = cluster
        .own()
        .filter(|one| matches!(one.kind(), "HTTPRoute" | "Ingress"))
        .collect();
    let Some(way) = ways.last() else {
        return;
    };
    for host in hosts(&ways) {
        for path in HIDDEN {
            let found = destination(ways.iter().copied(), host, path);
            if let Destination::Service(name, _) = found {
                let problem = format!("https://{host}{path} gets to Service {name} from outside");
                to.push(Finding::new(way, "/spec/rules", problem));
            }
        }
        for path in PUBLIC {
            let found = destination(ways.iter().copied(), host, path);
            if !matches!(found, Destination::Service(..)) {
                let problem = format!("https://{host}{path} gets to no Service");
                to.push(Finding::new(way, "/spec/rules", problem));
            }
        }
    }
    if cluster.rendered.environment.stage > Stage::Dev {
        encrypted(cluster, to);
    }
}

fn hosts<'a>(ways: &[&'a Object]) -> BTreeSet<&'a str> {
    let mut hosts = BTreeSet::new();
    for way in ways {
        let named = way.body.list("/spec/hostnames").iter();
        hosts.extend(named.filter_map(Value::as_str));
        let rules = way.body.list("/spec/rules").iter();
        hosts.extend(rules.filter_map(|rule| rule.text("/host")));
    }
    hosts
}

fn encrypted(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    for object in cluster.own() {
        match object.kind() {
            "Ingress" if object.body.list("/spec/tls").is_empty() => {
                to.push(Finding::new(object, "/spec/tls", "is missing (R66)"));
            }
            "Gateway" => {
                let listeners = object.body.list("/spec/listeners");
                if !listeners
                    .iter()
                    .any(|one| one.text("/protocol") == Some("HTTPS"))
                {
                    let problem = "no listener is for HTTPS (R66)";
                    to.push(Finding::new(object, "/spec/listeners", problem));
                }
            }
            _ => {}
        }
    }
}
