//! A policy scanner's opinion (checkov) on what is in the cluster in the end, and the exceptions
//! from it that are meant: each with its reason, and none that nothing needs.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::Fields;
use crate::{project, yaml};

/// A rule that is not followed somewhere, and why.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exception {
    /// The id of the rule.
    pub id: String,
    /// The object as `Kind/name`; `*` stands for any text.
    pub object: String,
    /// The environments, if it is not meant everywhere.
    #[serde(default)]
    pub environments: Vec<String>,
    /// Why.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    exceptions: Vec<Exception>,
}

/// Something that the scanner would have otherwise.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Objection {
    /// The id of the rule.
    pub id: String,
    /// What the rule says.
    pub rule: String,
    /// The object as `Kind/name`.
    pub object: String,
    /// The environment.
    pub environment: String,
}

impl std::fmt::Display for Objection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            id,
            rule,
            object,
            environment,
        } = self;
        write!(f, "{object}: {id}: {rule} [{environment}]")
    }
}

/// What came out.
#[derive(Debug)]
pub struct Opinion {
    /// How often a rule was found followed.
    pub passed: usize,
    /// Where it was not.
    pub objections: Vec<Objection>,
}

/// The exceptions of `exceptions.yaml`.
///
/// # Errors
/// If it can't be read.
pub fn exceptions() -> Result<Vec<Exception>> {
    let path = project::root().join("tests/kubernetes/exceptions.yaml");
    let File { exceptions } = yaml::read_file(&path)?;
    Ok(exceptions)
}

/// Has the scanner look at clusters. It starts slowly, so it does that once for all of them.
///
/// # Errors
/// If it is not installed, or fails.
pub fn scan(clusters: &[Cluster<'_>]) -> Result<Opinion> {
    let scanner = project::installed("checkov/bin/checkov")?;
    // It passes over folders whose names begin with a dot, as temporary ones do otherwise.
    let folder = tempfile::Builder::new().prefix("clusters-").tempdir()?;
    for cluster in clusters {
        let mut text = String::new();
        for object in cluster.own() {
            // What the operator makes is looked at as policies left it.
            text.push_str("---\n");
            text.push_str(&serde_json::to_string_pretty(&object.body)?);
            text.push('\n');
        }
        let name = &cluster.rendered.environment.name;
        std::fs::write(folder.path().join(format!("{name}.yaml")), text)?;
    }
    let output = Command::new(scanner)
        .args(["--skip-download", "--framework", "kubernetes", "--quiet"])
        .args(["--compact", "--output", "json", "--directory"])
        .arg(folder.path())
        .env("HOME", folder.path())
        // It asks its makers for news otherwise.
        .env("CHECKOV_RUN_SCA_PACKAGE_SCAN_V2", "false")
        .output()
        .context("checkov does not start")?;
    let said: Value = serde_json::from_slice(&output.stdout).with_context(|| {
        let problem = String::from_utf8_lossy(&output.stderr);
        format!("checkov gives no answer: {problem}")
    })?;
    ensure!(
        said.list("/results/parsing_errors").is_empty(),
        "checkov can't read what it was given: {said}"
    );
    let passed = said.number("/summary/passed").unwrap_or_default();
    if passed == 0 {
        bail!("checkov looked at nothing: {said}");
    }
    let failed = said.list("/results/failed_checks").iter();
    let mut objections: Vec<Objection> = failed.map(objection).collect();
    objections.sort();
    objections.dedup();
    Ok(Opinion {
        passed: usize::try_from(passed)?,
        objections,
    })
}

fn objection(said: &Value) -> Objection {
    let text = |path| said.text(path).unwrap_or_default().to_owned();
    // `Kind.namespace.name`; names of policies have dots of their own.
    let resource = text("/resource");
    let mut parts = resource.splitn(3, '.');
    let kind = parts.next().unwrap_or_default();
    let name = parts.nth(1).unwrap_or_default();
    Objection {
        id: text("/check_id"),
        rule: text("/check_name"),
        object: format!("{kind}/{name}"),
        environment: text("/file_path")
            .trim_start_matches('/')
            .trim_end_matches(".yaml")
            .to_owned(),
    }
}

impl Exception {
    fn is_for(&self, objection: &Objection) -> bool {
        self.id == objection.id
            && is_like(&self.object, &objection.object)
            && (self.environments.is_empty() || self.environments.contains(&objection.environment))
    }
}

/// The objections without an exception, and the exceptions without an objection.
#[must_use]
pub fn unsettled(opinion: &Opinion, exceptions: &[Exception]) -> BTreeSet<String> {
    let mut unsettled = BTreeSet::new();
    for objection in &opinion.objections {
        if !exceptions.iter().any(|one| one.is_for(objection)) {
            unsettled.insert(objection.to_string());
        }
    }
    for exception in exceptions {
        let is_needed = |objection| exception.is_for(objection);
        if !opinion.objections.iter().any(is_needed) {
            unsettled.insert(format!(
                "tests/kubernetes/exceptions.yaml: {} of {} is no exception any more: remove it",
                exception.object, exception.id
            ));
        }
        if exception.reason.trim().len() < 10 {
            unsettled.insert(format!(
                "tests/kubernetes/exceptions.yaml: {} of {} has no reason",
                exception.object, exception.id
            ));
        }
    }
    unsettled
}

/// Whether a text is like a pattern with `*` for any text.
fn is_like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    match pattern.next() {
        None => text.next().is_none(),
        Some('*') => {
            let rest = pattern.as_str();
            let all = text.as_str();
            all.char_indices()
                .map(|(at, _)| at)
                .chain([all.len()])
                .any(|at| is_like(rest, all.get(at..).unwrap_or_default()))
        }
        Some(letter) => text.next() == Some(letter) && is_like(pattern.as_str(), text.as_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_like;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(is_like("*", ""));
        assert!(is_like("edge-*", "edge-rates"));
        assert!(is_like("e*e*s", "edge-rates"));
        assert!(!is_like("edge", "edge-rates"));
    }
}
