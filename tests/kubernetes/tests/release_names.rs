//! Names of releases: what Helm takes and a cluster doesn't is refused.

use kubernetes::chart::{self, Chart};
use kubernetes::project;

#[test]
fn a_release_whose_name_no_service_can_have() {
    let chart = Chart::ours().unwrap();
    let folder = project::chart();
    let template = |release: &str, more: &[&str]| {
        let mut command = chart.helm(&["template", release, folder.to_str().unwrap()]);
        let output = command
            .args(["--namespace", chart::NAMESPACE])
            .args(more)
            .output()
            .unwrap();
        (
            output.status.success(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    for release in ["edge.rates", "9rates"] {
        let (rendered, said) = template(release, &[]);
        assert!(!rendered && said.contains(release), "{said}");
        assert!(said.contains("Set fullnameOverride"), "{said}");
        let (rendered, said) = template(release, &["--set", "fullnameOverride=rates"]);
        assert!(rendered, "{said}");
    }
}
