//! Renders the chart, with the real Helm.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value};
use tempfile::TempDir;

use crate::environments::Environment;
use crate::fields::Fields;
use crate::object::{Object, Origin};
use crate::{project, yaml};

/// The release that is rendered, and where to. Alerts and dashboards are written for these names.
pub const RELEASE: &str = "edge-rates";
/// Its namespace.
pub const NAMESPACE: &str = "edge-rates";

/// The kinds that a cluster may lack and for which the chart looks, as Helm is told of them.
const KINDS: [&str; 4] = [
    "policies.kyverno.io/v1/NamespacedMutatingPolicy",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "monitoring.coreos.com/v1alpha1/AlertmanagerConfig",
];

/// A chart, and Helm to render it.
#[derive(Debug)]
pub struct Chart {
    folder: PathBuf,
    helm: PathBuf,
    // Helm wants folders for what it caches; nothing of the user's own is to play a part.
    home: TempDir,
}

/// An environment with what Helm made of it.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// What was rendered.
    pub environment: Environment,
    /// All values, defaults included.
    pub values: Value,
    /// The objects, in Helm's order.
    pub objects: Vec<Object>,
}

impl Chart {
    /// The chart of this repository.
    ///
    /// # Errors
    /// If Helm is not installed.
    pub fn ours() -> Result<Self> {
        Self::at(&project::chart())
    }

    /// A chart in a folder.
    ///
    /// # Errors
    /// If Helm is not installed.
    pub fn at(folder: &Path) -> Result<Self> {
        Ok(Self {
            folder: folder.to_owned(),
            helm: project::installed("helm/helm")?,
            home: TempDir::new()?,
        })
    }

    /// The oldest version of Kubernetes that the chart promises to run on, such as `1.28`.
    ///
    /// # Errors
    /// If Chart.yaml does not say.
    pub fn oldest_kubernetes(&self) -> Result<String> {
        let chart: Value = yaml::read_file(&self.folder.join("Chart.yaml"))?;
        let range = chart
            .text("/kubeVersion")
            .context("Chart.yaml has no kubeVersion")?;
        let version = range
            .strip_prefix(">=")
            .context("kubeVersion in Chart.yaml does not start with >=")?;
        let mut parts = version.trim().split('.');
        match (parts.next(), parts.next()) {
            (Some(major), Some(minor)) => Ok(format!("{major}.{minor}")),
            _ => bail!("kubeVersion in Chart.yaml is {range}: write >=1.N.0-0"),
        }
    }

    /// A Helm command.
    #[must_use]
    pub fn helm(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.helm);
        command.args(arguments);
        for (name, folder) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
        ] {
            command.env(name, self.home.path().join(folder));
        }
        command.env("KUBECONFIG", self.home.path().join("no-cluster"));
        command
    }

    /// Renders an environment, as the release and in the namespace that everything is written for.
    ///
    /// # Errors
    /// If Helm refuses the values, with what it says; or if what comes out is no YAML.
    pub fn render(&self, environment: &Environment) -> Result<Rendered> {
        self.render_as(RELEASE, NAMESPACE, environment)
    }

    /// Renders an environment as another release, or in another namespace.
    ///
    /// # Errors
    /// As [`Chart::render`].
    pub fn render_as(
        &self,
        release: &str,
        namespace: &str,
        environment: &Environment,
    ) -> Result<Rendered> {
        let folder = self.folder.to_string_lossy();
        let mut command = self.helm(&["template", release, &folder, "--namespace", namespace]);
        let mut values: Value = yaml::read_file(&self.folder.join("values.yaml"))?;
        for file in &environment.files {
            // One of somebody's own has a path from the root, which stays what it is.
            let path = self.folder.join(file);
            yaml::lay_over(&mut values, &values_in(&path)?);
            command.arg("--values").arg(path);
        }
        let overlay = tempfile::NamedTempFile::new_in(self.home.path())?;
        if environment.values.is_object() {
            serde_json::to_writer(&overlay, &environment.values)?;
            yaml::lay_over(&mut values, &environment.values);
            command.arg("--values").arg(overlay.path());
        }
        for kind in KINDS {
            let is_of = |group: &String| kind.starts_with(&format!("{group}/"));
            if !environment.without.iter().any(is_of) {
                command.args(["--api-versions", kind]);
            }
        }
        let output = command.output().context("helm does not start")?;
        if !output.status.success() {
            let said = refusal(&String::from_utf8_lossy(&output.stderr));
            bail!(
                "Helm refuses the values of {}:\n{said}",
                environment.sources()
            );
        }
        let mut objects = Vec::new();
        for (comments, body) in yaml::documents(&String::from_utf8(output.stdout)?)? {
            let template = comments
                .lines()
                .find_map(|line| line.strip_prefix("# Source: "))
                .unwrap_or("(unknown template)");
            // A List is only a way to write several down; Helm sends what is in it.
            let listed = if body.text("/kind") == Some("List") {
                body.list("/items").to_vec()
            } else {
                vec![body]
            };
            objects.extend(listed.into_iter().map(|body| Object {
                body,
                origin: Origin::Template(template.to_owned()),
            }));
        }
        Ok(Rendered {
            environment: environment.clone(),
            values,
            objects,
        })
    }
}

/// The values in a file; none in an empty one.
fn values_in(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("the values file {} can't be read", path.display()))?;
    let unusable = || format!("the values file {} can't be used", path.display());
    if !yaml::has_content(&text) {
        return Ok(Value::Object(Map::new()));
    }
    let values: Value = yaml::read(&text).with_context(unusable)?;
    ensure!(
        values.is_object(),
        "{}: it has to hold names with values, such as `replicas: 3`",
        unusable()
    );
    Ok(values)
}

/// What Helm says, without what is of no use to who wrote the values.
fn refusal(said: &str) -> String {
    let is_of_no_use = |line: &str| {
        line.trim().is_empty()
            || line.starts_with("Use --debug")
            || line.starts_with("Error: values don't meet the specifications of the schema")
            // The name of the chart, above what its schema objects to.
            || (line.ends_with(':') && !line.contains(' '))
    };
    let lines = said.lines().filter(|line| !is_of_no_use(line));
    let lines = lines.map(|line| format!("  {}", line.trim_start_matches("Error: ")));
    lines.collect::<Vec<_>>().join("\n")
}
