//! The policy scanner's opinion: every objection is met or has a reason, and every reason is needed.

use kubernetes::cluster::Cluster;
use kubernetes::environments;
use kubernetes::provided::AllProvided;
use kubernetes::scan::{self, Exception, Objection, Opinion};

use crate::rendering::rendered;

#[test]
fn every_objection_of_the_scanner_is_met_or_has_a_reason() {
    let provided = AllProvided::listed().unwrap();
    let all = environments::all().unwrap();
    let rendered: Vec<_> = all.iter().map(|one| rendered(&one.name)).collect();
    let clusters: Vec<Cluster<'_>> = rendered
        .iter()
        .map(|one| Cluster::new(one, &provided, &mut Vec::new()))
        .collect();
    let opinion = scan::scan(&clusters).unwrap();
    println!(
        "{} passed, {} objections",
        opinion.passed,
        opinion.objections.len()
    );
    let unsettled = scan::unsettled(&opinion, &scan::exceptions().unwrap());
    let lines: Vec<String> = unsettled.into_iter().collect();
    assert!(lines.is_empty(), "unsettled:\n{}", lines.join("\n"));
    // Each environment was looked at: many hundred rules hold.
    assert!(opinion.passed > 200, "{}", opinion.passed);
}

fn opinion() -> Opinion {
    Opinion {
        passed: 1,
        objections: vec![Objection {
            id: "CKV_K8S_15".to_owned(),
            rule: "Image Pull Policy should be Always".to_owned(),
            object: "Deployment/edge-rates".to_owned(),
            environment: "production".to_owned(),
        }],
    }
}

fn exception(id: &str, object: &str, reason: &str) -> Exception {
    Exception {
        id: id.to_owned(),
        object: object.to_owned(),
        environments: Vec::new(),
        reason: reason.to_owned(),
    }
}

#[test]
fn an_objection_needs_an_exception_of_its_own() {
    let unsettled = scan::unsettled(&opinion(), &[]);
    let expected = "Deployment/edge-rates: CKV_K8S_15: Image Pull Policy should be Always \
                    [production]";
    assert_eq!(unsettled.into_iter().collect::<Vec<_>>(), [expected]);
    let meant = exception(
        "CKV_K8S_15",
        "Deployment/*",
        "a digest says which image it is",
    );
    assert!(scan::unsettled(&opinion(), &[meant]).is_empty());
}

#[test]
fn an_exception_that_nothing_needs_is_an_error() {
    let meant = exception(
        "CKV_K8S_15",
        "Deployment/*",
        "a digest says which image it is",
    );
    let stale = exception(
        "CKV_K8S_15",
        "StatefulSet/*",
        "a digest says which image it is",
    );
    let unsettled = scan::unsettled(&opinion(), &[meant, stale]);
    assert_eq!(unsettled.len(), 1);
    assert!(
        unsettled
            .first()
            .unwrap()
            .contains("StatefulSet/* of CKV_K8S_15")
    );
}

#[test]
fn an_exception_needs_a_reason() {
    let unsettled = scan::unsettled(&opinion(), &[exception("CKV_K8S_15", "*", "no")]);
    assert!(unsettled.first().unwrap().contains("has no reason"));
}
