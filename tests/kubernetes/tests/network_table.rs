//! Who may talk to whom (R17, R44, R62, R77): the table of the requirements, by the
//! NetworkPolicies as a network plugin reads them.

use kubernetes::cluster::Cluster;
use kubernetes::network::Protocol::{Tcp, Udp};
use kubernetes::network::{Network, Peer, Protocol};
use kubernetes::provided::AllProvided;
use kubernetes::workload::Workload;
use serde_json::json;

use crate::rendering::rendered;

/// Asks about every pair of an environment; the workloads are `app`, `redis`, `test` and `rollout`.
fn ask(environment: &str, questions: &[(&str, &str, u16, Protocol, bool)]) {
    let rendered = rendered(environment);
    let provided = AllProvided::listed().unwrap();
    let cluster = Cluster::new(&rendered, &provided, &mut Vec::new());
    let network = Network::new(cluster.own());
    let workload = |component: &str| -> Workload<'_> {
        let is_it = |one: &Workload<'_>| one.labels["app.kubernetes.io/component"] == component;
        cluster.workloads().find(is_it).unwrap()
    };
    let pod = |namespace: &'static str, labels| Peer::Pod { namespace, labels };
    let peer = |name: &str| match name {
        "app" | "redis" | "test" | "rollout" => Peer::Ours(workload(name)),
        "envoy" => pod(
            "envoy-gateway-system",
            json!({ "app.kubernetes.io/name": "envoy" }),
        ),
        "nginx" => pod(
            "ingress-nginx",
            json!({ "app.kubernetes.io/name": "ingress-nginx" }),
        ),
        "prometheus" => pod(
            "monitoring",
            json!({ "app.kubernetes.io/name": "prometheus" }),
        ),
        "grafana" => pod("monitoring", json!({ "app.kubernetes.io/name": "grafana" })),
        "dns" => pod("kube-system", json!({ "k8s-app": "kube-dns" })),
        "collector" => pod("observability", json!({ "app": "collector" })),
        "stranger" => pod("default", json!({ "app": "stranger" })),
        // In the same namespace, with none of our labels.
        "neighbour" => pod("edge-rates", json!({ "app": "neighbour" })),
        // Says that it is one of ours, but lives elsewhere.
        "impostor" => pod(
            "default",
            json!({
                "app.kubernetes.io/name": "edge-rates",
                "app.kubernetes.io/instance": "edge-rates",
                "app.kubernetes.io/component": "app",
            }),
        ),
        address => Peer::Address(address.parse().unwrap()),
    };
    let mut wrong = Vec::new();
    for (from, to, port, protocol, expected) in questions {
        let found = network.allows(&peer(from), &peer(to), *port, *protocol);
        if found != *expected {
            wrong.push(format!("{from} → {to}:{port} {protocol:?}: {found}"));
        }
    }
    assert!(wrong.is_empty(), "{environment}: {wrong:#?}");
}

#[test]
fn only_what_has_to_talk_does() {
    for environment in ["staging", "production"] {
        ask(
            environment,
            &[
                // internet → gateway → app → Redis, and nothing past one of them.
                ("envoy", "app", 80, Tcp, true),
                ("envoy", "app", 9090, Tcp, false),
                ("envoy", "redis", 6379, Tcp, false),
                ("8.8.8.8", "app", 80, Tcp, false),
                ("8.8.8.8", "redis", 6379, Tcp, false),
                ("app", "redis", 6379, Tcp, true),
                ("app", "redis", 22, Tcp, false),
                ("redis", "app", 80, Tcp, false),
                // Prometheus asks the app and its host.
                ("prometheus", "app", 80, Tcp, true),
                ("prometheus", "app", 9090, Tcp, true),
                ("prometheus", "redis", 6379, Tcp, false),
                ("grafana", "app", 80, Tcp, false),
                // Names, and upstreams on the internet by HTTPS.
                ("app", "dns", 53, Udp, true),
                ("app", "dns", 53, Tcp, true),
                ("app", "dns", 80, Tcp, false),
                ("app", "104.16.0.1", 443, Tcp, true),
                ("app", "104.16.0.1", 80, Tcp, false),
                ("app", "104.16.0.1", 443, Udp, false),
                ("app", "2606:4700::1", 443, Tcp, true),
                // Not what is near: the cloud's metadata, the nodes, private networks.
                ("app", "169.254.169.254", 443, Tcp, false),
                ("app", "10.0.0.7", 443, Tcp, false),
                ("app", "172.16.3.4", 443, Tcp, false),
                ("app", "192.168.0.180", 443, Tcp, false),
                ("app", "100.64.1.1", 443, Tcp, false),
                ("app", "fd00::1", 443, Tcp, false),
                ("app", "stranger", 80, Tcp, false),
                // Redis calls nobody.
                ("redis", "104.16.0.1", 443, Tcp, false),
                ("redis", "dns", 53, Udp, false),
                // `helm test` asks the app by its name.
                ("test", "app", 80, Tcp, true),
                ("test", "redis", 6379, Tcp, false),
                ("test", "dns", 53, Udp, true),
                ("test", "104.16.0.1", 443, Tcp, false),
                // So does the hook after an upgrade, which also asks the API server; the one before
                // has the same labels.
                ("rollout", "app", 80, Tcp, true),
                ("rollout", "app", 9090, Tcp, false),
                ("rollout", "redis", 6379, Tcp, false),
                ("rollout", "dns", 53, Udp, true),
                ("rollout", "10.96.0.1", 443, Tcp, true),
                ("rollout", "172.18.0.2", 6443, Tcp, true),
                ("rollout", "104.16.0.1", 80, Tcp, false),
                ("stranger", "rollout", 80, Tcp, false),
                // Everybody else stays outside.
                ("stranger", "app", 80, Tcp, false),
                ("stranger", "redis", 6379, Tcp, false),
                ("neighbour", "app", 80, Tcp, false),
                ("neighbour", "redis", 6379, Tcp, false),
                ("neighbour", "104.16.0.1", 443, Tcp, false),
                ("impostor", "redis", 6379, Tcp, false),
                ("nginx", "app", 80, Tcp, false),
            ],
        );
    }
}

#[test]
fn the_ingress_controller_takes_the_gateways_place() {
    for environment in ["ingress", "dev"] {
        ask(
            environment,
            &[
                ("nginx", "app", 80, Tcp, true),
                ("nginx", "redis", 6379, Tcp, false),
                ("envoy", "app", 80, Tcp, false),
            ],
        );
    }
}

#[test]
fn what_is_elsewhere_is_let_through_by_its_address() {
    ask(
        "elsewhere",
        &[
            ("app", "203.0.113.7", 6379, Tcp, true),
            ("app", "203.0.113.8", 6379, Tcp, false),
            ("app", "192.168.0.100", 5000, Tcp, true),
            ("app", "192.168.0.101", 5000, Tcp, false),
            ("app", "collector", 4318, Tcp, true),
            ("app", "collector", 22, Tcp, false),
        ],
    );
}

#[test]
fn the_shim_has_no_metrics_of_a_host() {
    ask(
        "shim",
        &[
            ("prometheus", "app", 80, Tcp, true),
            ("prometheus", "app", 9090, Tcp, false),
        ],
    );
}
