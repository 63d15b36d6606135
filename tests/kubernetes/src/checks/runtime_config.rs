//! The runtime config that pods get is read by the host's own parser, which refuses what it does
//! not know: with one key too many no pod would start.

use std::io::Write as _;

use runtime_host_manifest::{RuntimeConfig, RuntimeConfigError, load_runtime_config};
use serde_json::Value;

use super::secrets::decoded;
use crate::cluster::Cluster;
use crate::fields::{Fields, step};
use crate::finding::Finding;

/// What it is called, in whatever holds it.
const KEY: &str = "runtime-config.toml";

/// Reads every runtime config: of the chart, of the Secrets that it shows how to make, and the one that
/// the operator writes where the app brings none.
/// `manifest` is that of the app.
pub fn check(cluster: &Cluster<'_>, manifest: &Value, to: &mut Vec<Finding>) {
    let rendered = cluster.rendered.objects.iter().map(|one| (one, ""));
    let shown = cluster.given.iter();
    let shown = shown.map(|one| (one, "in k8s/chart/secret.example.yaml: "));
    let made = cluster.made.iter().filter(|one| {
        let is_labelled = one.labels().get(crate::operator::APP_LABEL).is_some();
        one.kind() == "Secret" && is_labelled
    });
    let made = made.map(|one| (one, ""));
    for (object, place) in rendered.chain(shown).chain(made) {
        for at in ["/data", "/stringData", "/spec/target/template/data"] {
            let path = format!("{at}{}", step(KEY));
            let Some(text) = object.body.text(&path) else {
                continue;
            };
            let text = filled_in(&decoded(object, &path, text));
            let problems = match read(&text) {
                Ok(config) => stores(&config, manifest),
                Err(problem) => vec![format!("the host refuses it: {problem}")],
            };
            for problem in problems {
                to.push(Finding::new(object, &path, format!("{place}{problem}")));
            }
        }
    }
}

fn read(text: &str) -> Result<RuntimeConfig, String> {
    let file = || {
        let mut file = tempfile::NamedTempFile::new()?;
        file.write_all(text.as_bytes())?;
        Ok(file)
    };
    let file = file().map_err(|error: std::io::Error| format!("not written down: {error}"))?;
    load_runtime_config(file.path()).map_err(|error| match error {
        // In the cluster it has another path.
        RuntimeConfigError::Syntax { line, message, .. } => {
            format!("not valid TOML in line {line}: {message}")
        }
        RuntimeConfigError::Invalid { problem, .. } => problem.to_string(),
        RuntimeConfigError::Unreadable { .. } => error.to_string(),
    })
}

/// A store that the config does not name is a file of the pod's own, and replicas share nothing.
fn stores(config: &RuntimeConfig, manifest: &Value) -> Vec<String> {
    let components = manifest.table("/component").into_iter().flatten();
    let mut missing: Vec<&str> = components
        .flat_map(|(_, component)| component.list("/key_value_stores"))
        .filter_map(Value::as_str)
        .filter(|used| {
            let mut named = config.key_value_stores.keys();
            !named.any(|label| label.as_str() == *used)
        })
        .collect();
    missing.sort_unstable();
    missing.dedup();
    missing
        .into_iter()
        .map(|label| {
            format!(
                "it has no [key_value_store.{label}], which the app uses: every pod would keep a \
                 store of its own"
            )
        })
        .collect()
}

/// With something in the place of what is not known here: `{{ … }}` is what the External Secrets
/// Operator writes, `<…>` what people do.
fn filled_in(text: &str) -> String {
    let mut text = text.to_owned();
    for (open, close) in [("{{", "}}"), ("<", ">")] {
        while let Some((before, rest)) = text.split_once(open) {
            let Some((_, after)) = rest.split_once(close) else {
                break;
            };
            text = format!("{before}secret{after}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{filled_in, read, stores};
    use serde_json::json;

    #[test]
    fn what_is_not_known_here_is_filled_in() {
        let url = "redis://:{{ .password | urlquery }}@redis:6379/<number of it>";
        assert_eq!(filled_in(url), "redis://:secret@redis:6379/secret");
        assert_eq!(filled_in("a < b"), "a < b");
    }

    #[test]
    fn every_store_of_the_app_is_named() {
        let manifest = json!({ "component": {
            "rates": { "key_value_stores": ["default"] },
            "metrics": { "key_value_stores": ["default"] },
            "site": {},
        }});
        let config = |label: &str| {
            let text = format!("[key_value_store.{label}]\ntype = \"spin\"\n");
            read(&text).unwrap()
        };
        assert_eq!(stores(&config("default"), &manifest), Vec::<String>::new());
        let problems = stores(&config("defalt"), &manifest);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains("[key_value_store.default]"),
            "{problems:?}"
        );
    }
}
