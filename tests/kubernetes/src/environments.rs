//! What is rendered: the values files of the chart, and the alternatives that values offer.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::{project, yaml};

/// How far from users an environment is, and so how strict the rules are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Somebody's own cluster: images by tag and secrets made up on the spot are fine.
    Dev,
    /// As production, with less of it.
    Staging,
    /// Where users are.
    Production,
}

/// One way to install the chart.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// What it is called in reports.
    pub name: String,
    /// How strict the rules are.
    pub stage: Stage,
    /// The values files of the chart, in order; or paths from the root, to somebody's own.
    #[serde(default)]
    pub files: Vec<String>,
    /// Values laid over them.
    #[serde(default)]
    pub values: Value,
    /// Groups of kinds that the cluster lacks.
    #[serde(default)]
    pub without: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    environments: Vec<Environment>,
}

impl Environment {
    /// Values files of somebody's own, laid over the chart's defaults in this order, by
    /// production's rules.
    ///
    /// # Errors
    /// If the current folder is not known, in which relative paths start.
    pub fn of_files(files: &[String]) -> Result<Self> {
        let paths = files.iter().map(|file| {
            let path = std::path::absolute(file).with_context(|| file.clone())?;
            Ok(path.to_string_lossy().into_owned())
        });
        Ok(Self {
            name: "yours".to_owned(),
            stage: Stage::Production,
            files: paths.collect::<Result<_>>()?,
            values: Value::Null,
            without: Vec::new(),
        })
    }

    /// Where its values are from, as people know it.
    #[must_use]
    pub fn sources(&self) -> String {
        let is_own = self.files.iter().any(|file| Path::new(file).is_absolute());
        if is_own {
            self.files.join(" and ")
        } else {
            format!("`{}` in environments.yaml", self.name)
        }
    }
}

/// All of them, as `environments.yaml` lists them.
///
/// # Errors
/// If the file can't be read, or forgets a values file of the chart.
pub fn all() -> Result<Vec<Environment>> {
    let path = project::root().join("tests/kubernetes/environments.yaml");
    let File { environments } = yaml::read_file(&path)?;
    for entry in std::fs::read_dir(project::chart()).context("the chart's folder")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_one = name.starts_with("values-") && name.ends_with(".yaml");
        let listed = environments.iter().any(|one| one.files.contains(&name));
        ensure!(
            !is_one || listed,
            "{} lists no environment with {name}: add one",
            path.display()
        );
    }
    Ok(environments)
}

/// The environment of a name.
///
/// # Errors
/// If there is none.
pub fn named(name: &str) -> Result<Environment> {
    all()?
        .into_iter()
        .find(|one| one.name == name)
        .with_context(|| format!("no environment is called {name}"))
}
