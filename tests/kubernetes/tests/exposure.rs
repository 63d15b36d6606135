//! The way in from outside shows what is listed, and nothing else; and the NetworkPolicy lets in the
//! pods that requests really come from.

use kubernetes::chart::Rendered;
use kubernetes::fields::Fields as _;
use kubernetes::routing::{Destination, destination};
use serde_json::{Value, json};

use crate::rendering::{refused, rendered_with};

fn shown(rendered: &Rendered, path: &str) -> bool {
    let found = destination(&rendered.objects, "rates.example.com", path);
    matches!(found, Destination::Service(..))
}

#[test]
fn no_path_at_all_is_refused() {
    for environment in ["production", "ingress"] {
        for none in [json!([]), Value::Null] {
            let paths = json!({ "exposure": { "paths": { "exact": none, "prefix": none } } });
            let said = refused(environment, &paths);
            assert!(
                said.contains("exposure.paths is empty"),
                "{environment}: {said}"
            );
            assert!(said.contains("list what is to be seen"), "{said}");
        }
    }
}

#[test]
fn one_kind_of_path_is_enough() {
    for environment in ["production", "ingress"] {
        let exact =
            json!({ "exposure": { "paths": { "exact": ["/openapi.json"], "prefix": [] } } });
        let rendered = rendered_with(environment, &exact);
        assert!(shown(&rendered, "/openapi.json"), "{environment}");
        for path in ["/", "/v1/rates", "/v1/stream", "/metrics", "/health"] {
            assert!(!shown(&rendered, path), "{environment}: {path}");
        }
        let prefix = json!({ "exposure": { "paths": { "exact": [], "prefix": ["/v1"] } } });
        let rendered = rendered_with(environment, &prefix);
        assert!(shown(&rendered, "/v1/stream"), "{environment}");
        assert!(!shown(&rendered, "/openapi.json"), "{environment}");
    }
}

#[test]
fn streams_are_shown_only_where_they_are_listed() {
    let with = |exact: Value, prefix: Value| {
        let paths = json!({ "exact": exact, "prefix": prefix });
        rendered_with("production", &json!({ "exposure": { "paths": paths } }))
    };
    let timeouts = |rendered: &Rendered| {
        let mut objects = rendered.objects.iter();
        let route = objects.find(|one| one.to_string() == "HTTPRoute/edge-rates");
        let rules = route.unwrap().body.list("/spec/rules").iter();
        let timeouts = rules.map(|one| one.text("/timeouts/request").unwrap().to_owned());
        timeouts.collect::<Vec<_>>()
    };
    let compatible = with(json!([]), json!(["/api/v3"]));
    assert!(!shown(&compatible, "/v1/stream"));
    assert_eq!(timeouts(&compatible), ["30s"]);
    for (exact, prefix) in [
        (json!(["/v1/stream"]), json!(["/api/v3"])),
        (json!([]), json!(["/v1"])),
        (json!([]), json!(["/v1/"])),
        (json!([]), json!(["/v1/stream"])),
    ] {
        let rendered = with(exact, prefix);
        assert!(shown(&rendered, "/v1/stream"));
        // They last longer than any answer.
        assert_eq!(timeouts(&rendered), ["0s", "30s"]);
    }
    // Another path that begins alike.
    assert!(!shown(&with(json!([]), json!(["/v1/st"])), "/v1/stream"));
}

#[test]
fn what_is_hidden_can_not_be_listed_in_any_spelling() {
    for path in ["/metrics", "/metrics/", "/health", "/health/", "/ready/"] {
        let paths = json!({ "exposure": { "paths": { "exact": [path] } } });
        let said = refused("production", &paths);
        assert!(
            said.contains(&format!("shows {path} to everybody")),
            "{said}"
        );
    }
    for prefix in ["/", "/api", "/api/", "/metrics", "/health/", "/.well-known"] {
        let paths = json!({ "exposure": { "paths": { "prefix": [prefix] } } });
        let said = refused("ingress", &paths);
        assert!(said.contains("to everybody"), "{prefix}: {said}");
    }
}

/// The namespaces from which the policy of the app lets pods in, the first is that of the gateway.
fn let_in(rendered: &Rendered) -> String {
    let mut objects = rendered.objects.iter();
    let policy = objects.find(|one| one.to_string() == "NetworkPolicy/edge-rates-app");
    let path = "/spec/ingress/0/from/0/namespaceSelector/matchLabels/kubernetes.io~1metadata.name";
    policy.unwrap().body.text(path).unwrap().to_owned()
}

#[test]
fn requests_come_from_where_the_class_has_its_pods() {
    let ingress = |class: &str| {
        let values =
            json!({ "exposure": { "kind": "ingress", "ingress": { "className": class } } });
        let_in(&rendered_with("production", &values))
    };
    assert_eq!(ingress("nginx"), "ingress-nginx");
    assert_eq!(ingress("traefik"), "traefik");
    assert_eq!(
        let_in(&rendered_with("production", &json!({}))),
        "envoy-gateway-system"
    );
    let said = json!({
        "exposure": { "kind": "ingress", "ingress": { "className": "haproxy" } },
        "networkPolicy": { "gateway": { "namespace": "haproxy-controller" } },
    });
    assert_eq!(
        let_in(&rendered_with("production", &said)),
        "haproxy-controller"
    );
}

#[test]
fn a_class_whose_pods_are_not_known_needs_their_namespace() {
    let class = json!({ "exposure": { "kind": "ingress", "ingress": { "className": "haproxy" } } });
    let said = refused("production", &class);
    assert!(said.contains("networkPolicy.gateway.namespace"), "{said}");
    assert!(said.contains("the class \"haproxy\""), "{said}");
    let class = json!({ "exposure": { "gateway": { "className": "istio" } } });
    assert!(refused("production", &class).contains("\"istio\""));
    let theirs = json!({ "networkPolicy": { "gateway": { "namespace": "" } } });
    let said = refused("elsewhere", &theirs);
    assert!(said.contains("exposure.gateway.parentRefs"), "{said}");
}

/// A list that is empty or that null takes away would mean everybody, or everything.
#[test]
fn nobody_is_let_in_because_a_list_is_empty() {
    for none in [json!([]), Value::Null] {
        for kind in ["NodePort", "LoadBalancer"] {
            let from = json!({ "exposedService": { "type": kind, "from": none } });
            let said = refused("nodeport", &from);
            assert!(said.contains("exposedService"), "{said}");
            assert!(said.contains("from"), "{said}");
        }
        for list in ["except", "except6"] {
            let upstreams = json!({ "networkPolicy": { "upstreams": { list: none } } });
            let said = refused("production", &upstreams);
            assert!(said.contains(list), "{said}");
        }
    }
}
