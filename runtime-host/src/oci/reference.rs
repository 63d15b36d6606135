//! The name of an application in a registry: `registry/repository:tag`, or with `@sha256:…` for
//! exactly one version of it.

use std::fmt;
use std::str::FromStr;

use super::digest::Digest;
use super::error::OciError;

/// The tag that is meant when none is given.
const LATEST: &str = "latest";

/// A reference, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    name: oci_client::Reference,
    digest: Option<Digest>,
}

impl Reference {
    /// Whether a text that is no path on this machine means a reference. The rule is Spin's: a
    /// tag or digest makes it one, and otherwise a registry in front; `app/spin.toml` alone would
    /// be a repository of Docker's registry, and is meant as a path.
    pub(crate) fn is_meant_by(text: &str) -> bool {
        let Ok(name) = text.parse::<oci_client::Reference>() else {
            return false;
        };
        let says_which = name.tag() != Some(LATEST) || text.ends_with(":latest");
        let is_docker_by_default = name.registry().contains("docker") && !text.contains("docker");
        says_which || !is_docker_by_default
    }

    /// The registry: its host, and its port if it has one.
    pub(crate) fn registry(&self) -> &str {
        self.name.resolve_registry()
    }

    /// The repository in the registry.
    pub(crate) fn repository(&self) -> &str {
        self.name.repository()
    }

    pub(crate) fn tag(&self) -> Option<&str> {
        self.name.tag()
    }

    /// Which version it has to be, if that is said.
    pub(crate) fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    pub(super) fn name(&self) -> &oci_client::Reference {
        &self.name
    }
}

impl FromStr for Reference {
    type Err = OciError;

    fn from_str(text: &str) -> Result<Self, OciError> {
        let invalid = |reason: String| OciError::Reference {
            reference: text.to_owned(),
            reason,
        };
        let name: oci_client::Reference = text
            .parse()
            .map_err(|error: oci_client::ParseError| invalid(error.to_string()))?;
        let digest = name.digest().map(Digest::from_str).transpose();
        let digest = digest.map_err(|error| invalid(error.to_string()))?;
        Ok(Self { name, digest })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_paths_as_spin_does() {
        for (text, is_reference) in [
            ("ghcr.io/owner/app:v1", true),
            ("ghcr.io/owner/app", true),
            ("localhost/app", true),
            ("127.0.0.1:5000/app:1", true),
            ("docker.io/owner/app", true),
            ("owner/app:v1", true),
            ("owner/app:latest", true),
            (
                "registry.local:5000/edge-rates@sha256:\
                 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                true,
            ),
            ("app/spin.toml", false),
            ("spin.toml", false),
            ("/somewhere/spin.toml", false),
            ("../app", false),
            ("ftp://nothing to see", false),
        ] {
            assert_eq!(Reference::is_meant_by(text), is_reference, "{text}");
        }
    }

    #[test]
    fn a_reference_has_its_parts() {
        let digest = Digest::of(b"");
        let reference: Reference = format!("127.0.0.1:5000/a/b:1@{digest}").parse().unwrap();
        assert_eq!(reference.registry(), "127.0.0.1:5000");
        assert_eq!(reference.repository(), "a/b");
        assert_eq!(reference.tag(), Some("1"));
        assert_eq!(reference.digest(), Some(&digest));
        let latest: Reference = "registry.local/app".parse().unwrap();
        assert_eq!((latest.tag(), latest.digest()), (Some("latest"), None));
    }

    #[test]
    fn what_is_no_reference_is_told() {
        let said = "Upper/Case".parse::<Reference>().unwrap_err().to_string();
        assert!(
            said.contains("`Upper/Case`") && said.contains("registry/name:tag"),
            "{said}"
        );
        let sha512 = format!("registry.local/app@sha512:{}", "0".repeat(128));
        assert!(sha512.parse::<Reference>().is_err());
    }
}
