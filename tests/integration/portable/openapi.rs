//! /openapi.json says what is served: every path, every parameter, every answer.

use super::served::Served;
use crate::answer::Answer;
use crate::app::root;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A name that no route knows.
const UNKNOWN: &str = "zzzzzzzzzzzzzzzzzzzzzzzz";

/// A validator that isn't ours: reads places, schemas and values, and prints what is wrong.
const VALIDATE: &str = r"
import json, sys
from jsonschema_rs import Draft202012Validator, meta
for case in json.load(sys.stdin):
    meta.validate(case['schema'])
    for error in Draft202012Validator(case['schema']).iter_errors(case['value']):
        print(case['place'], error.instance_path, error.message)
";

struct Description {
    document: Value,
    gathered: RefCell<Vec<Value>>,
}

impl Description {
    async fn of(app: &Served) -> Description {
        Description {
            document: app.get("/openapi.json").await.expect_status(200).json(),
            gathered: RefCell::default(),
        }
    }

    /// Where a `$ref` leads.
    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(at) => {
                let found = self.document.pointer(at.trim_start_matches('#'));
                found.unwrap_or_else(|| panic!("{at} leads nowhere"))
            }
            None => value,
        }
    }

    /// Path, method and operation of each.
    fn operations(&self) -> Vec<(&str, &str, &Value)> {
        let mut operations = Vec::new();
        for (path, methods) in self.document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                operations.push((path.as_str(), method.as_str(), operation));
            }
        }
        operations
    }

    fn parameters<'a>(&'a self, operation: &'a Value) -> Vec<&'a Value> {
        let parameters = operation["parameters"].as_array();
        parameters
            .into_iter()
            .flatten()
            .map(|parameter| self.resolved(parameter))
            .collect()
    }

    /// The path with its examples put in, and the required query parameters with theirs.
    fn example_of(&self, path: &str, operation: &Value) -> String {
        let mut path = path.to_owned();
        let mut query = Vec::new();
        for parameter in self.parameters(operation) {
            let name = parameter["name"].as_str().unwrap();
            let example = match &parameter["example"] {
                Value::String(text) => text.clone(),
                Value::Array(texts) => {
                    let texts: Vec<_> = texts.iter().map(|text| text.as_str().unwrap()).collect();
                    texts.join(",")
                }
                Value::Null => continue,
                other => other.to_string(),
            };
            match parameter["in"].as_str().unwrap() {
                "path" => path = path.replace(&format!("{{{name}}}"), &example),
                _ => query.push(format!("{name}={example}")),
            }
        }
        match query.is_empty() {
            true => path,
            false => format!("{path}?{}", query.join("&")),
        }
    }

    /// Checks that an answer is one of those that are described.
    #[track_caller]
    fn check(&self, place: &str, operation: &Value, answer: &Answer) {
        let status = answer.status.as_str();
        let response = self.resolved(&operation["responses"][status]);
        assert!(response.is_object(), "{place}: {status} is not described");
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            let header = self.resolved(header);
            let value = answer.header(name);
            let is_required = header["required"] == true;
            assert!(!value.is_empty() || !is_required, "{place}: no {name}");
            if value.is_empty() {
                continue;
            }
            let value = match header["schema"]["type"] == "integer" {
                true => json!(value.parse::<i64>().unwrap()),
                false => json!(value),
            };
            self.validate(&format!("{place}: {name}"), &header["schema"], &value);
        }
        let Some(content) = response["content"].as_object() else {
            assert_eq!(answer.text, "", "{place}: a body");
            return;
        };
        let kind = answer.header("content-type");
        let kind = kind.split(';').next().unwrap();
        let described = content.get(kind);
        let described = described.unwrap_or_else(|| panic!("{place}: {kind} is not described"));
        if kind.ends_with("json") {
            self.validate(place, &described["schema"], &answer.json());
        }
    }

    /// Has a value held against a schema, once all are gathered.
    fn validate(&self, place: &str, schema: &Value, value: &Value) {
        let mut schema = schema.clone();
        // So that references find what they name.
        schema["components"] = self.document["components"].clone();
        self.gathered
            .borrow_mut()
            .push(json!({"place": place, "schema": schema, "value": value}));
    }

    /// Holds all values against their schemas, and gives how many there were.
    async fn validated(self) -> usize {
        let python = root().join("target/python/bin/python");
        let mut child = Command::new(&python)
            .args(["-c", VALIDATE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} ({error}): run `make packages`", python.display()));
        let gathered = self.gathered.into_inner();
        let mut stdin = child.stdin.take().unwrap();
        let sent = Value::from(gathered.clone()).to_string();
        stdin.write_all(sent.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let errors = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && errors.is_empty(), "{errors}");
        gathered.len()
    }
}

#[tokio::test]
async fn every_example_gets_an_answer_as_described() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    for (path, method, operation) in description.operations() {
        let target = description.example_of(path, operation);
        let answer = match method {
            // It does not end by itself; see tests/integration/stream.rs.
            "get" if path == "/v1/stream" => continue,
            "get" => app.get(&target).await,
            "post" => {
                let body = &operation["requestBody"]["content"]["application/json"]["example"];
                let headers = [("content-type", "application/json")];
                app.post(&target, &headers, body.to_string()).await
            }
            other => panic!("{path}: {other} is not tested"),
        };
        let place = format!("{method} {target}");
        assert_eq!(answer.status.as_u16(), 200, "{place}: {}", answer.text);
        description.check(&place, operation, &answer);
    }
    assert!(description.validated().await > 20);
}

#[tokio::test]
async fn the_examples_of_answers_are_as_described() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    let responses = description.document["components"]["responses"]
        .as_object()
        .unwrap();
    let in_operations = description
        .operations()
        .into_iter()
        .flat_map(|(path, _, operation)| {
            let responses = operation["responses"].as_object().unwrap();
            responses
                .iter()
                .map(move |(status, response)| (format!("{path} {status}"), response))
        });
    let shared = responses
        .iter()
        .map(|(name, response)| (name.clone(), response));
    for (place, response) in in_operations.chain(shared) {
        for (kind, content) in response["content"].as_object().into_iter().flatten() {
            if kind.ends_with("json") && !content["example"].is_null() {
                description.validate(&place, &content["schema"], &content["example"]);
            }
        }
    }
    assert!(description.validated().await > 10);
}

#[tokio::test]
async fn every_form_of_an_answer_is_as_described() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    for (path, target) in [
        ("/v1/rates", "/v1/rates"),
        (
            "/v1/rates",
            "/v1/rates?include=market_cap,volume,change&expand=providers&numbers=number",
        ),
        ("/v1/rates", "/v1/rates?format=csv&precision=2"),
        ("/v1/rates", "/v1/rates?ids=nonsense"),
        ("/v1/rates/{base}/{quote}", "/v1/rates/USD/BTC"),
        (
            "/v1/rates/{base}/{quote}",
            "/v1/rates/BTC/ETH?numbers=number&precision=18&rounding=up",
        ),
        ("/v1/rates/{base}/{quote}", "/v1/rates/EUR/EUR"),
        ("/v1/rates/{base}/{quote}", "/v1/rates/BTC/XXX"),
        ("/v1/rates/{base}/{quote}", "/v1/rates/BTC/USD?precision=x"),
        (
            "/v1/convert",
            "/v1/convert?from=BTC&to=BTC&amount=0&numbers=number",
        ),
        ("/v1/convert", "/v1/convert?from=BTC&to=BTC"),
        ("/api/v3/simple/price", "/api/v3/simple/price"),
        ("/metrics", "/metrics?scope=galaxy"),
        ("/", "/?x=1"),
    ] {
        let operation = &description.document["paths"][path]["get"];
        description.check(target, operation, &app.get(target).await);
    }
    description.validated().await;
}

/// A route that knows its parameters lists them when it is given another one.
#[tokio::test]
async fn every_parameter_that_is_known_is_described_and_the_other_way_round() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    for (path, method, operation) in description.operations() {
        // CoinGecko's routes ignore what they do not know; the service's own tests hold them.
        if method != "get" || path.starts_with("/api/v3/") {
            continue;
        }
        let target = description.example_of(path, operation);
        let joint = if target.contains('?') { '&' } else { '?' };
        let problem = app.get(&format!("{target}{joint}{UNKNOWN}=1")).await;
        let problem = problem.expect_status(422).json();
        assert_eq!(problem["parameter"], UNKNOWN, "{path}");
        let detail = problem["detail"].as_str().unwrap();
        let known: BTreeSet<&str> = detail
            .split_once("known are ")
            .map(|(_, names)| names.trim_end_matches('.').split(", ").collect())
            .unwrap_or_default();
        let described: BTreeSet<&str> = description
            .parameters(operation)
            .into_iter()
            .filter(|parameter| parameter["in"] == "query")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        assert_eq!(described, known, "{path}: described, known");
    }
}

#[tokio::test]
async fn every_route_of_the_manifest_is_described() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    let manifest = std::fs::read_to_string(root().join("spin.toml")).unwrap();
    let manifest: toml::Table = manifest.parse().unwrap();
    for trigger in manifest["trigger"]["http"].as_array().unwrap() {
        let route = trigger["route"].as_str().unwrap();
        let paths = description.document["paths"].as_object().unwrap();
        let is_described = match route.strip_suffix("...") {
            Some(prefix) => paths.keys().any(|path| path.starts_with(prefix)),
            None => paths.contains_key(route),
        };
        assert!(is_described, "{route} of spin.toml is not described");
    }
}

#[tokio::test]
async fn the_page_links_to_every_path_that_is_read() {
    let app = Served::start().await;
    let description = Description::of(&app).await;
    let page = app.get("/").await.expect_status(200).text;
    for (path, method, _) in description.operations() {
        let fixed = path.split('{').next().unwrap();
        assert!(
            method != "get" || page.contains(&format!("\"{fixed}")),
            "{path} is not on the page"
        );
    }
}
