//! Images are named so that they stay what they are: never `latest`, and by digest outside of
//! development.

use crate::cluster::Cluster;
use crate::environments::Stage;
use crate::fields::Fields;
use crate::finding::Finding;

/// Looks at the images of containers, of the app and of its executor.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    let stage = cluster.rendered.environment.stage;
    for object in &cluster.rendered.objects {
        for path in ["/spec/image", "/spec/deploymentConfig/spinImage"] {
            let is_ours = object.group() == "core.spinkube.dev";
            if let Some(image) = object.body.text(path).filter(|_| is_ours)
                && let Some(problem) = problem(image, stage)
            {
                to.push(Finding::new(object, path, problem));
            }
        }
    }
    for workload in cluster.workloads() {
        for (at, container) in workload.containers() {
            let image = container.text("/image").unwrap_or_default();
            if let Some(problem) = problem(image, stage) {
                let path = workload.at(&format!("{at}/image"));
                to.push(Finding::new(workload.object, path, problem));
            }
        }
    }
}

/// What is wrong with a reference to an image.
fn problem(image: &str, stage: Stage) -> Option<String> {
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (image, None),
    };
    // A colon before the last slash is that of the registry's port.
    let last = name.rsplit('/').next().unwrap_or(name);
    let tag = last.split_once(':').map(|(_, tag)| tag);
    let is_digest = |digest: &str| {
        let hex = digest.strip_prefix("sha256:").unwrap_or_default();
        hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit())
    };
    match (tag, digest) {
        _ if last.is_empty() => Some("there is no image".to_owned()),
        (_, Some(digest)) if !is_digest(digest) => {
            Some(format!("`{digest}` is not the digest of an image"))
        }
        (_, Some(_)) => None,
        (Some("latest"), None) | (None, None) => Some(format!(
            "{image} is whatever is newest when a pod starts: name a version"
        )),
        (Some(_), None) if stage == Stage::Dev => None,
        (Some(_), None) => Some(format!(
            "{image} is named by a tag, which can be moved: outside of development name its digest"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::problem;
    use crate::environments::Stage::{Dev, Production};

    #[test]
    fn only_what_stays_is_taken() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let by_digest = format!("registry.example:5000/edge-rates@{digest}");
        assert_eq!(problem(&by_digest, Production), None);
        assert_eq!(problem("registry.example:5000/edge-rates:v1", Dev), None);
        assert!(problem("registry.example:5000/edge-rates:v1", Production).is_some());
        assert!(problem("registry.example:5000/edge-rates", Dev).is_some());
        assert!(problem("edge-rates:latest", Dev).is_some());
        assert!(problem("edge-rates@sha256:abc", Dev).is_some());
        assert!(problem("", Dev).is_some());
    }
}
