//! Dashboards: what Grafana needs to show them, and what people need to read them.

use super::promql::{Asked, parsed};
use super::{NAMESPACE, RELEASE, files};
use serde_json::Value;
use std::collections::BTreeSet;

/// The version of the model that Grafana 12 and 13 write.
const SCHEMA_VERSION: u64 = 42;

/// Columns of the grid.
const COLUMNS: u64 = 24;

/// What a query stands for where nobody has chosen anything.
const CHOICES: [(&str, &str); 4] = [
    ("$__rate_interval", "5m"),
    ("$namespace", NAMESPACE),
    ("$app", RELEASE),
    ("$pod", ".*"),
];

/// One query of a panel.
pub(super) struct Query {
    /// The dashboard and the panel.
    pub(super) panel: String,
    /// PromQL, with the variables replaced.
    pub(super) expression: String,
    legend: String,
}

/// Puts the choices of a dashboard's variables into an expression.
fn chosen(expression: &str) -> String {
    let mut chosen = expression.to_owned();
    for (variable, choice) in CHOICES {
        chosen = chosen.replace(variable, choice);
    }
    assert!(!chosen.contains('$'), "there is no such variable: {chosen}");
    chosen
}

fn dashboards() -> Vec<Value> {
    let files = files("dashboards", "json");
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    texts
        .map(|text| serde_json::from_str(&text).unwrap())
        .collect()
}

fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    of[member]
        .as_str()
        .unwrap_or_else(|| panic!("{member} of {of}"))
}

fn list<'a>(of: &'a Value, member: &str) -> &'a [Value] {
    of[member]
        .as_array()
        .unwrap_or_else(|| panic!("{member} of {of}"))
}

fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    let panels = list(dashboard, "panels").iter();
    panels.filter(|panel| panel["type"] != "row")
}

/// Every query of every panel of every dashboard.
pub(super) fn queries() -> Vec<Query> {
    let mut queries = Vec::new();
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            for target in list(panel, "targets") {
                queries.push(Query {
                    panel: format!("{} / {}", text(&dashboard, "title"), text(panel, "title")),
                    expression: chosen(text(target, "expr")),
                    legend: text(target, "legendFormat").to_owned(),
                });
            }
        }
    }
    queries
}

/// What dashboards ask beside their panels: for the choices of variables, and for annotations.
pub(super) fn other_expressions() -> Vec<String> {
    let mut expressions = Vec::new();
    for dashboard in dashboards() {
        for variable in list(&dashboard["templating"], "list") {
            if let Some(definition) = variable["definition"].as_str() {
                assert_eq!(definition, text(&variable["query"], "query"));
                let inside = definition.strip_prefix("label_values(").unwrap();
                let (series, label) = inside.strip_suffix(')').unwrap().rsplit_once(", ").unwrap();
                expressions.push(format!("count by ({label}) ({})", chosen(series)));
            }
        }
        for annotation in list(&dashboard["annotations"], "list") {
            expressions.push(chosen(text(annotation, "expr")));
        }
    }
    expressions
}

#[test]
fn each_is_one_that_grafana_shows_as_it_is() {
    let dashboards = dashboards();
    let mut uids = BTreeSet::new();
    for dashboard in &dashboards {
        let title = text(dashboard, "title");
        assert!(uids.insert(text(dashboard, "uid")), "{title}");
        assert!(text(dashboard, "uid").len() <= 40, "{title}");
        assert_eq!(dashboard["schemaVersion"], SCHEMA_VERSION, "{title}");
        // Grafana gives it one of its own.
        assert!(dashboard["id"].is_null(), "{title}");
        let mut variables = Vec::new();
        for variable in list(&dashboard["templating"], "list") {
            variables.push(text(variable, "name"));
        }
        // What is recorded of objectives is about all pods.
        let expected: &[&str] = match text(dashboard, "uid") {
            "edge-rates-slo" => &["datasource", "namespace", "app"],
            _ => &["datasource", "namespace", "app", "pod"],
        };
        assert_eq!(variables, expected, "{title}");
        let mut ids = BTreeSet::new();
        for panel in list(dashboard, "panels") {
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        }
    }
    assert_eq!(uids.len(), 3);
}

#[test]
fn panels_lie_within_the_grid_and_not_over_each_other() {
    for dashboard in dashboards() {
        let mut taken = BTreeSet::new();
        for panel in list(&dashboard, "panels") {
            let title = text(panel, "title");
            let [x, y, width, height] =
                ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
            assert!(width > 0 && height > 0, "{title}");
            assert!(x + width <= COLUMNS, "{title}");
            for column in x..x + width {
                for line in y..y + height {
                    assert!(taken.insert((column, line)), "{title} lies on another");
                }
            }
        }
        // Without holes from top to bottom: each line has something.
        let lines: BTreeSet<u64> = taken.iter().map(|(_, line)| *line).collect();
        let last = *lines.last().unwrap();
        assert_eq!(u64::try_from(lines.len()).unwrap(), last + 1);
    }
}

#[test]
fn every_panel_says_what_it_shows_and_in_what_unit() {
    for dashboard in dashboards() {
        for panel in panels(&dashboard) {
            let title = text(panel, "title");
            assert!(!title.is_empty());
            assert!(text(panel, "description").ends_with('.'), "{title}");
            let unit = text(&panel["fieldConfig"]["defaults"], "unit");
            assert!(
                [
                    "bytes",
                    "cpm",
                    "none",
                    "ops",
                    "percentunit",
                    "reqps",
                    "s",
                    "short"
                ]
                .contains(&unit),
                "{title}: Grafana has no unit {unit}, or it is new here"
            );
            let mut ids = BTreeSet::new();
            assert_eq!(
                text(&panel["datasource"], "uid"),
                "${datasource}",
                "{title}"
            );
            for target in list(panel, "targets") {
                assert!(ids.insert(text(target, "refId")), "{title}");
                assert_eq!(
                    text(&target["datasource"], "uid"),
                    "${datasource}",
                    "{title}"
                );
            }
            assert!(!ids.is_empty(), "{title} shows something");
        }
    }
}

#[test]
fn every_query_is_valid_and_is_about_the_chosen_release() {
    for query in queries() {
        let expression = &query.expression;
        for selector in Asked::of(expression).selectors {
            let matchers = &selector.matchers;
            let is = |label: &str, value: &str| {
                let mut all = matchers.iter();
                all.any(|matcher| matcher.name == label && matcher.value == value)
            };
            assert!(is("namespace", NAMESPACE), "{}: {expression}", query.panel);
            assert!(
                ["app", "container", "deployment"]
                    .iter()
                    .any(|label| is(label, RELEASE)),
                "{}: {expression}",
                query.panel
            );
        }
    }
    for expression in other_expressions() {
        parsed(&expression);
    }
}

#[test]
fn every_legend_names_labels_that_are_left() {
    for query in queries() {
        let asked = Asked::of(&query.expression);
        let mut left: BTreeSet<&str> = BTreeSet::new();
        for (labels, _) in &asked.groupings {
            left.extend(labels.iter().map(String::as_str));
        }
        // Recorded series say by what they are.
        for name in asked.names() {
            if name.starts_with("namespace_app") {
                left.insert("provider");
            }
        }
        for part in query.legend.split("{{").skip(1) {
            let (label, _) = part.split_once("}}").unwrap();
            assert!(left.contains(label), "{}: {label} of {left:?}", query.panel);
        }
    }
}
