//! Every environment of `environments.yaml`, as it is: nothing is wrong with it.

use kubernetes::chart::Chart;
use kubernetes::environments;
use kubernetes::examination::Examination;
use kubernetes::provided::AllProvided;
use kubernetes::report;

use crate::rendering::{has_custom_schemas, rendered, schemas};

#[test]
fn every_object_of_every_environment_is_right() {
    let provided = AllProvided::listed().unwrap();
    let schemas = schemas();
    let examinations: Vec<Examination> = environments::all()
        .unwrap()
        .iter()
        .map(|one| Examination::of(&rendered(&one.name), schemas, &provided).unwrap())
        .collect();
    println!("{}", report::table(&examinations));
    println!("{}", report::skipped(&examinations));
    let knows_custom_kinds = has_custom_schemas();
    let findings = report::findings(&examinations);
    assert!(findings.is_empty(), "what is wrong:\n{findings}");
    assert_eq!(
        provided.unused(),
        Vec::<String>::new(),
        "nothing refers to these"
    );
    for one in &examinations {
        let objects: usize = one.rendered.values().sum();
        let checked = one.verdict.checked;
        if knows_custom_kinds {
            assert_eq!(checked, objects + one.made, "{}", one.environment);
            assert!(
                one.verdict.unevaluated.is_empty(),
                "{:?}",
                one.verdict.unevaluated
            );
        } else {
            assert!(checked >= 10, "{}: {checked} of {objects}", one.environment);
        }
    }
}

#[test]
fn the_newest_and_the_oldest_kubernetes_are_both_asked() {
    let oldest = Chart::ours().unwrap().oldest_kubernetes().unwrap();
    let schemas = schemas();
    let versions: Vec<&str> = schemas.versions().collect();
    assert_eq!(versions, ["1.37", &oldest]);
}

#[test]
fn helm_has_nothing_to_object_to() {
    let chart = Chart::ours().unwrap();
    let folder = kubernetes::project::chart();
    let output = chart
        .helm(&["lint", "--strict", folder.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
}
