//! `make k8s-validate VALUES=…`: values files of somebody's own, good ones and broken ones, whose
//! messages say which file it is and what to do.

use std::path::Path;
use std::process::Command;

use kubernetes::chart::Chart;
use kubernetes::environments::{Environment, Stage};
use kubernetes::fields::Fields as _;
use kubernetes::project;

/// What the program says to a file with this text, which it refuses.
#[track_caller]
fn refused(text: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("mine.yaml"), text).unwrap();
    let said = validated(folder.path(), "mine.yaml");
    assert!(said.contains("mine.yaml"), "{said}");
    said
}

/// What the program says when it is called with a file in a folder.
#[track_caller]
fn validated(folder: &Path, file: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_k8s-validate"))
        .arg(file)
        .current_dir(folder)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{said}");
    said
}

#[test]
fn a_file_that_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let said = validated(folder.path(), "mine.yaml");
    let path = folder.path().join("mine.yaml");
    let expected = format!("the values file {} can't be read", path.display());
    assert!(said.contains(&expected), "{said}");
}

#[test]
fn a_file_that_is_no_yaml_or_no_table() {
    let said = refused("replicas: 3\n  image: [\n");
    assert!(said.contains("can't be used"), "{said}");
    assert!(said.contains("line 2"), "{said}");
    let said = refused("replicas: 2\nreplicas: 3\n");
    assert!(said.contains("duplicate mapping key: replicas\n"), "{said}");
    let said = refused("- replicas\n- 3\n");
    assert!(said.contains("names with values"), "{said}");
}

#[test]
fn values_that_the_chart_does_not_know_or_of_a_wrong_type() {
    let said = refused("replica: 3\n");
    assert!(said.contains("'replica' not allowed"), "{said}");
    let said = refused("autoscaling:\n  maxReplicas: many\n");
    assert!(
        said.contains("'/autoscaling/maxReplicas': got string"),
        "{said}"
    );
    let said = refused("redis:\n  mode: external\n");
    assert!(said.contains("redis.external.host is needed"), "{said}");
    assert!(!said.contains("--debug"), "{said}");
}

#[test]
fn files_are_laid_over_each_other_as_helm_does() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let production = project::chart().join("values-production.yaml");
    let digest = format!("sha256:{}", "0f".repeat(32));
    let files = [
        production.to_str().unwrap().to_owned(),
        write(
            "mine.yaml",
            &format!(
                "image: {{digest: '{digest}'}}\n\
                 executor: {{host: {{image: {{digest: '{digest}'}}}}}}\n\
                 redis: {{prefix: 'mine:'}}\n\
                 replicas: 3\n"
            ),
        ),
        write("last.yaml", "redis: {prefix: null}\nreplicas: 4\n"),
        write("empty.yaml", "# Nothing yet.\n"),
    ];
    let environment = Environment::of_files(&files).unwrap();
    assert_eq!(environment.stage, Stage::Production);
    let rendered = Chart::ours().unwrap().render(&environment).unwrap();
    assert_eq!(rendered.values["replicas"], 4, "the later file counts");
    let body = |name: &str| {
        let mut objects = rendered.objects.iter();
        &objects.find(|one| one.to_string() == name).unwrap().body
    };
    let image = body("SpinApp/edge-rates").text("/spec/image").unwrap();
    assert!(image.ends_with(&digest), "{image}");
    let config = body("ExternalSecret/edge-rates-runtime-config");
    let config = config.text("/spec/target/template/data/runtime-config.toml");
    assert!(
        !config.unwrap().contains("prefix"),
        "null takes a default away"
    );
}
