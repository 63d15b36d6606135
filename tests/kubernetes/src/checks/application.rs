//! What the objects say to the app has to be something that the app knows: variables, components
//! and routes of `spin.toml`.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;
use crate::workload::Workload;

/// The app's manifest.
///
/// # Errors
/// If it can't be read.
pub fn manifest(root: &Path) -> Result<Value> {
    let path = root.join("spin.toml");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    toml::from_str(&text).with_context(|| path.display().to_string())
}

/// Looks at every app.
pub fn check(cluster: &Cluster<'_>, manifest: &Value, to: &mut Vec<Finding>) {
    for app in cluster.own().filter(|one| one.kind() == "SpinApp") {
        variables(manifest, app, to);
        components(manifest, app, to);
    }
    for workload in cluster.workloads() {
        if workload
            .object
            .labels()
            .get(crate::operator::APP_LABEL)
            .is_some()
        {
            probes(manifest, &workload, to);
        }
    }
}

fn variables(manifest: &Value, app: &Object, to: &mut Vec<Finding>) {
    let known = manifest.table("/variables");
    let given = app.body.list("/spec/variables");
    for (index, variable) in given.iter().enumerate() {
        let name = variable.text("/name").unwrap_or_default();
        if !known.is_some_and(|known| known.contains_key(name)) {
            let problem = format!("spin.toml has no variable {name}");
            let path = format!("/spec/variables/{index}/name");
            to.push(Finding::new(app, path, problem));
        }
        let is_secret = known
            .and_then(|known| known.get(name))
            .is_some_and(|one| one.flag("/secret"));
        if is_secret && variable.pointer("/valueFrom/secretKeyRef").is_none() {
            let problem = format!("{name} is secret in spin.toml: take it from a Secret");
            let path = format!("/spec/variables/{index}");
            to.push(Finding::new(app, path, problem));
        }
    }
    for (name, variable) in known.into_iter().flatten() {
        let is_given = given.iter().any(|one| one.text("/name") == Some(name));
        if variable.flag("/required") && !is_given {
            let problem = format!("{name} is missing, and spin.toml has no default for it");
            to.push(Finding::new(app, "/spec/variables", problem));
        }
    }
}

fn components(manifest: &Value, app: &Object, to: &mut Vec<Finding>) {
    let known = manifest.table("/component");
    for (index, component) in app.body.list("/spec/components").iter().enumerate() {
        let name = component.as_str().unwrap_or_default();
        if !known.is_some_and(|known| known.contains_key(name)) {
            let problem = format!("spin.toml has no component {name}");
            to.push(Finding::new(
                app,
                format!("/spec/components/{index}"),
                problem,
            ));
        }
    }
}

/// Probes ask for routes that there are, of components that are served. What is for every path
/// doesn't count: it answers that there is no such thing.
fn probes(manifest: &Value, workload: &Workload<'_>, to: &mut Vec<Finding>) {
    let retained = workload
        .pod
        .list("/containers/0/env")
        .iter()
        .find(|one| one.text("/name") == Some("SPIN_COMPONENTS_TO_RETAIN"))
        .and_then(|one| one.text("/value"));
    let is_served = |trigger: &&Value| {
        let component = trigger.text("/component").unwrap_or_default();
        retained.is_none_or(|all| all.split(',').any(|one| one == component))
    };
    let has_route = |path: &str| {
        let triggers = manifest.list("/trigger/http").iter().filter(is_served);
        triggers.into_iter().any(|trigger| {
            let route = trigger.text("/route").unwrap_or_default();
            match route.strip_suffix("/...") {
                Some(prefix) => !prefix.is_empty() && path.starts_with(prefix),
                None => route.trim_end_matches('/') == path.trim_end_matches('/'),
            }
        })
    };
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        let at = format!("/containers/0/{probe}/httpGet/path");
        if let Some(path) = workload.pod.text(&at)
            && !has_route(path)
        {
            let problem = format!("spin.toml has no route for {path} among what is served");
            to.push(Finding::new(workload.object, workload.at(&at), problem));
        }
    }
}
