//! Recording rules and alerts: promtool accepts them and finds that they do what they are meant
//! to, and every alert says what to do.

use super::promql::{faster, sooner};
use super::{files, path, run, said, yaml};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// One rule.
pub(super) struct Rule {
    /// The name of the series that it makes, or of the alert.
    pub(super) name: String,
    /// Whether it is an alert.
    pub(super) is_alert: bool,
    /// What it evaluates.
    pub(super) expression: String,
    document: Value,
}

impl Rule {
    fn text(&self, pointer: &str) -> &str {
        let text = self.document.pointer(pointer).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("{} has {pointer}", self.name))
    }
}

/// Every rule of every file.
pub(super) fn rules() -> Vec<Rule> {
    let mut rules = Vec::new();
    for file in files("rules", "yaml") {
        let document = yaml::read(&file);
        for group in document["groups"].as_array().unwrap() {
            for rule in group["rules"].as_array().unwrap() {
                let is_alert = rule.get("alert").is_some();
                let name = &rule[if is_alert { "alert" } else { "record" }];
                rules.push(Rule {
                    name: name.as_str().unwrap().to_owned(),
                    is_alert,
                    expression: rule["expr"].as_str().unwrap().to_owned(),
                    document: rule.clone(),
                });
            }
        }
    }
    rules
}

fn alerts() -> Vec<Rule> {
    let mut rules = rules();
    rules.retain(|rule| rule.is_alert);
    rules
}

/// The very rule files, where time runs so many times faster: intervals, windows and durations are
/// shorter, and nothing else is different. By file name.
pub(super) fn faster_rules(times: u32) -> Vec<(String, Value)> {
    let files = files("rules", "yaml");
    let faster_rules = files.iter().map(|file| {
        let mut document = yaml::read(file);
        for group in document["groups"].as_array_mut().unwrap() {
            make_sooner(group, "interval", times);
            for rule in group["rules"].as_array_mut().unwrap() {
                make_sooner(rule, "for", times);
                make_sooner(rule, "keep_firing_for", times);
                rule["expr"] = faster(rule["expr"].as_str().unwrap(), times).into();
            }
        }
        let name = file.file_name().unwrap().to_str().unwrap();
        (name.to_owned(), document)
    });
    faster_rules.collect()
}

fn make_sooner(of: &mut Value, member: &str, times: u32) {
    if let Some(duration) = of.get_mut(member) {
        *duration = sooner(duration.as_str().unwrap(), times).into();
    }
}

#[test]
fn promtool_finds_nothing_to_complain_about_in_the_rules() {
    let output = run(
        Command::new("promtool")
            .args(["check", "rules", "--lint=all", "--lint-fatal"])
            .args(files("rules", "yaml")),
        "prometheus",
    );
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn rules_do_in_every_case_what_they_are_meant_to() {
    // All at once: each is busy for some seconds.
    let tests = files("tests", "yaml");
    let threads = tests.into_iter().map(|file| {
        std::thread::spawn(move || {
            let mut promtool = Command::new("promtool");
            let output = run(promtool.args(["test", "rules"]).arg(&file), "prometheus");
            (output.status.success(), said(&output))
        })
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        let (is_as_meant, said) = thread.join().unwrap();
        assert!(is_as_meant, "{said}");
    }
}

#[test]
fn every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not() {
    let mut fires: BTreeMap<String, BTreeSet<bool>> = BTreeMap::new();
    for file in files("tests", "yaml") {
        for case in yaml::read(&file)["tests"].as_array().unwrap() {
            let Some(tests) = case.get("alert_rule_test") else {
                continue;
            };
            for test in tests.as_array().unwrap() {
                let alert = test["alertname"].as_str().unwrap().to_owned();
                let expected = test["exp_alerts"].as_array().unwrap();
                fires.entry(alert).or_default().insert(!expected.is_empty());
            }
        }
    }
    let alerts: Vec<String> = alerts().into_iter().map(|alert| alert.name).collect();
    for alert in &alerts {
        let cases = fires.remove(alert).unwrap_or_default();
        assert_eq!(cases, BTreeSet::from([false, true]), "{alert}");
    }
    assert!(fires.is_empty(), "there are no such alerts: {fires:?}");
    assert!(alerts.len() >= 8, "{alerts:?}");
}

#[test]
fn every_recorded_series_has_a_case_that_says_what_it_is() {
    let mut expressions = String::new();
    for file in files("tests", "yaml") {
        for case in yaml::read(&file)["tests"].as_array().unwrap() {
            for test in case["promql_expr_test"].as_array().into_iter().flatten() {
                expressions.push_str(test["expr"].as_str().unwrap());
                expressions.push('\n');
            }
        }
    }
    for rule in rules().iter().filter(|rule| !rule.is_alert) {
        let is_asked = expressions
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':')
            .any(|word| word == rule.name);
        assert!(is_asked, "{}", rule.name);
    }
}

#[test]
fn every_alert_says_how_bad_it_is_what_happened_and_what_to_do() {
    let runbooks = std::fs::read_to_string(path("runbooks.md")).unwrap();
    let mut names = BTreeSet::new();
    for alert in alerts() {
        let name = &alert.name;
        assert!(names.insert(name.clone()), "{name} is the name of two");
        let severity = alert.text("/labels/severity");
        assert!(["critical", "warning"].contains(&severity), "{name}");
        // What goes away by itself is not told (R65).
        assert!(!alert.text("/for").is_empty());
        for text in ["/annotations/summary", "/annotations/description"] {
            assert!(alert.text(text).ends_with('.'), "{name}{text}");
        }
        let url = format!(
            "https://runbooks.example/edge-rates/runbooks.md#{}",
            name.to_ascii_lowercase()
        );
        assert_eq!(alert.text("/annotations/runbook_url"), url);
        let heading = format!("\n## {name}\n");
        assert_eq!(runbooks.matches(&heading).count(), 1, "{name}");
    }
    let headings = runbooks.lines().filter(|line| line.starts_with("## "));
    assert_eq!(headings.count(), names.len(), "and no other");
}

#[test]
fn the_alerts_that_are_required_are_there() {
    // R82, and what operators of this service need beside it.
    let required = [
        ("EdgeRatesCrashLooping", "5m", "CrashLoopBackOff"),
        ("EdgeRatesCpuHigh", "5m", "> 0.8"),
        ("EdgeRatesServerErrors", "5m", "> 0.05"),
        ("EdgeRatesBoardOld", "1m", "> 900"),
        ("EdgeRatesAllProvidersOpen", "2m", "rates_circuit_state"),
        ("EdgeRatesBudgetLow", "15m", "< 0.1"),
        ("EdgeRatesNoTargetUp", "5m", "absent(up"),
    ];
    let alerts = alerts();
    for (name, duration, part) in required {
        let alert = alerts.iter().find(|alert| alert.name == name);
        let alert = alert.unwrap_or_else(|| panic!("{name}"));
        assert_eq!(alert.text("/for"), duration, "{name}");
        assert!(alert.expression.contains(part), "{name}: {part}");
    }
    // Two windows for each of four burn rates.
    for objective in ["Availability", "Latency"] {
        for (pace, windows) in [
            ("Fast", ["1h", "5m", "6h", "30m"]),
            ("Slow", ["1d", "2h", "3d", "6h"]),
        ] {
            let name = format!("EdgeRates{objective}Burn{pace}");
            let alert = alerts.iter().find(|alert| alert.name == name).unwrap();
            for window in windows {
                let series = format!(":ratio_rate{window}{{");
                assert!(alert.expression.contains(&series), "{name}: {window}");
            }
        }
    }
}
