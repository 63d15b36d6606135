//! Who is told: what Alertmanager's own tool says of the routes.

use super::{path, run, said, yaml};
use std::process::Command;

#[test]
fn amtool_finds_nothing_to_complain_about() {
    let output = amtool(&["check-config"], &[]);
    assert!(output.0, "{}", output.1);
    assert!(
        output.1.contains("1 inhibit rules") && output.1.contains("2 receivers"),
        "{}",
        output.1
    );
}

#[test]
fn every_severity_goes_to_its_receiver() {
    for (labels, receiver) in [
        (
            &["severity=critical", "alertname=EdgeRatesBoardOld"][..],
            "pager",
        ),
        (
            &["severity=warning", "alertname=EdgeRatesBudgetLow"],
            "tickets",
        ),
        // A severity that nobody has thought of gets lost nowhere.
        (&["severity=info"], "tickets"),
        (&[], "tickets"),
    ] {
        let verified = format!("--verify.receivers={receiver}");
        let (is_so, said) = amtool(&["config", "routes", "test", &verified], labels);
        assert!(is_so, "{labels:?} → {receiver}: {said}");
        let other = if receiver == "pager" {
            "tickets"
        } else {
            "pager"
        };
        let verified = format!("--verify.receivers={other}");
        let (is_so, said) = amtool(&["config", "routes", "test", &verified], labels);
        assert!(!is_so, "{labels:?} → {other}: {said}");
    }
}

#[test]
fn one_message_tells_of_a_release_and_warnings_are_kept_back_while_it_is_critical() {
    let config = yaml::read(&path("alertmanager.yaml"));
    let route = &config["route"];
    assert_eq!(
        route["group_by"],
        serde_json::json!(["namespace", "app", "severity"])
    );
    let rule = &config["inhibit_rules"][0];
    assert_eq!(rule["source_matchers"][0], r#"severity="critical""#);
    assert_eq!(rule["target_matchers"][0], r#"severity="warning""#);
    assert_eq!(rule["equal"], serde_json::json!(["namespace", "app"]));
    for receiver in config["receivers"].as_array().unwrap() {
        assert_eq!(receiver["webhook_configs"][0]["send_resolved"], true);
    }
}

/// Whether amtool is content, and what it says.
fn amtool(command: &[&str], labels: &[&str]) -> (bool, String) {
    let mut amtool = Command::new("amtool");
    amtool.args(command);
    if command[0] == "check-config" {
        amtool.arg(path("alertmanager.yaml"));
    } else {
        let file = format!("--config.file={}", path("alertmanager.yaml").display());
        amtool.arg(file).args(labels);
    }
    let output = run(&mut amtool, "prometheus-alertmanager");
    (output.status.success(), said(&output))
}
