//! The operator's webhooks, between the chart and the schemas: what they would add or refuse is
//! found without a cluster.

use std::collections::BTreeSet;

use kubernetes::fields::Fields as _;
use kubernetes::operator::types::{Go, Structure, TYPES, named};
use kubernetes::project;
use serde_json::{Value, json};

use crate::rendering::{broken, has_custom_schemas};

const APP: &str = "SpinApp/edge-rates";
const EXECUTOR: &str = "SpinAppExecutor/edge-rates.edge-rates";
const ADMITTED: &str = "SpinApp/edge-rates (as the webhook of the SpinKube operator leaves it)";

#[test]
fn a_field_that_the_webhook_would_make_null() {
    let headers = "/spec/checks/liveness/httpGet/httpHeaders";
    for environment in ["dev", "staging", "production"] {
        broken(environment)
            .remove(APP, headers)
            .must_show(APP, headers, "makes it null");
    }
    // A whole probe of which only the path is known is another case of the same.
    let probe = json!({ "httpGet": { "path": "/healthz" } });
    broken("production")
        .set(APP, "/spec/checks/liveness", probe)
        .must_show(APP, headers, "makes it null");
}

#[test]
fn what_comes_back_is_held_against_the_schema() {
    if !has_custom_schemas() {
        return;
    }
    let headers = "/spec/checks/readiness/httpGet/httpHeaders";
    broken("production").remove(APP, headers).must_show(
        ADMITTED,
        headers,
        "null is not of type \"array\"",
    );
}

#[test]
fn a_field_that_the_operator_does_not_know() {
    broken("production")
        .set(APP, "/spec/startupProbe", json!({}))
        .must_show(
            APP,
            "/spec/startupProbe",
            "the operator knows no such field",
        );
    broken("production")
        .set(APP, "/spec/volumes/0/hostPath", json!({ "path": "/" }))
        .must_show(APP, "/spec/volumes/0/hostPath", "not modelled");
}

#[test]
fn an_app_that_the_webhook_refuses() {
    let refused = |path: &str, words: &str, value: Value| {
        broken("defaults")
            .set(APP, path, value)
            .must_show(ADMITTED, path, words);
    };
    refused("/spec/replicas", "above 0", json!(0));
    refused(
        "/spec/invocationLimits/memory",
        "no quantity",
        json!("much"),
    );
    refused(
        "/spec/invocationLimits/memory",
        "more than the memory",
        json!("1Gi"),
    );
    broken("production")
        .set(APP, "/spec/replicas", 3)
        .must_show(ADMITTED, "/spec/replicas", "autoscaling is enabled");
    broken("production")
        .set(EXECUTOR, "/spec/createDeployment", false)
        .must_show(ADMITTED, "/spec/podAnnotations", "make the Deployment");
}

#[test]
fn an_executor_that_the_webhook_refuses() {
    let admitted =
        "SpinAppExecutor/edge-rates.edge-rates (as the webhook of the SpinKube operator leaves it)";
    broken("production")
        .set(
            EXECUTOR,
            "/spec/deploymentConfig/runtimeClassName",
            "wasmtime-spin-v2",
        )
        .must_show(admitted, "/spec/deploymentConfig", "set one of");
}

/// Both ways: a field that is missing in the model would be taken for unknown, and one too many
/// would hide a misspelling.
#[test]
fn the_model_has_the_fields_of_the_published_schemas() {
    if !has_custom_schemas() {
        return;
    }
    let folder = project::custom_schemas().unwrap();
    let mut seen = BTreeSet::new();
    for kind in ["SpinApp", "SpinAppExecutor"] {
        let file = folder.join(format!("core.spinkube.dev/{kind}_v1alpha1.json"));
        let text = std::fs::read_to_string(file).unwrap();
        let schema: Value = serde_json::from_str(&text).unwrap();
        compare(named(kind).unwrap(), &schema, kind, &mut seen);
    }
    let unseen: Vec<&str> = TYPES.iter().map(|one| one.name).collect();
    let unseen: Vec<_> = unseen.iter().filter(|one| !seen.contains(*one)).collect();
    assert!(unseen.is_empty(), "no field has these types: {unseen:?}");
}

fn compare(structure: &Structure, schema: &Value, at: &str, seen: &mut BTreeSet<&'static str>) {
    seen.insert(structure.name);
    let empty = serde_json::Map::new();
    let properties = schema.table("/properties").unwrap_or(&empty);
    let required = schema.list("/required");
    for field in structure.fields {
        let at = format!("{at}.{}", field.name);
        let found = properties.get(field.name);
        let found = found.unwrap_or_else(|| panic!("the schema has no {at}"));
        // What is required is always written, as Go has no third way.
        if required.contains(&json!(field.name)) {
            assert!(field.is_always_written, "{at}");
        }
        let (kind, inner) = match field.go {
            Go::List(_) | Go::Texts => ("array", found.get("items")),
            Go::Struct(_) | Go::Pointer(_) | Go::Table => ("object", Some(found)),
            Go::Text => ("string", None),
            Go::Flag => ("boolean", None),
            Go::Number => ("integer", None),
            Go::PointerToValue => ("", None),
        };
        assert!(
            kind.is_empty() || found.text("/type") == Some(kind),
            "{at} is no {kind}"
        );
        if let (Some(structure), Some(inner)) = (field.go.structure(), inner) {
            compare(structure, inner, &at, seen);
        }
    }
    if structure.is_own {
        let besides = ["apiVersion", "kind", "metadata", "status"];
        for name in properties
            .keys()
            .filter(|one| !besides.contains(&one.as_str()))
        {
            let is_there = structure.fields.iter().any(|one| one.name == name);
            assert!(is_there, "the model has no {at}.{name}");
        }
    }
}
