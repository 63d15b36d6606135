//! What is looked at across objects, file by file; [`all`] runs every one of them.

pub mod application;
pub mod drift;
pub mod exposure;
pub mod hardening;
pub mod images;
pub mod references;
pub mod resources;
pub mod runtime_config;
pub mod scaling;
pub mod secrets;
pub mod selectors;

use crate::cluster::Cluster;
use crate::finding::Finding;
use crate::object::Object;
use crate::project;

/// Looks at everything.
///
/// # Errors
/// If the app's manifest can't be read.
pub fn all(cluster: &Cluster<'_>) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    for check in [
        duplicates,
        drift::check,
        exposure::check,
        hardening::check,
        images::check,
        references::check,
        resources::check,
        scaling::check,
        secrets::check,
        selectors::check,
    ] {
        check(cluster, &mut findings);
    }
    let manifest = application::manifest(&project::root())?;
    application::check(cluster, &manifest, &mut findings);
    runtime_config::check(cluster, &manifest, &mut findings);
    findings.sort();
    findings.dedup();
    Ok(findings)
}

/// Two objects of one kind and name: the later one wins, or Helm refuses them.
fn duplicates(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    let objects = &cluster.rendered.objects;
    for (index, object) in objects.iter().enumerate() {
        let is_same = |other: &Object| {
            other.kind() == object.kind()
                && other.group() == object.group()
                && other.name() == object.name()
                && other.namespace() == object.namespace()
        };
        if objects.iter().take(index).any(is_same) {
            to.push(Finding::new(
                object,
                "/metadata/name",
                "it is rendered twice",
            ));
        }
    }
}
