//! What fills an import of a component: which import, from where, and with which of the
//! component's rights. Fetching and composing are not done here.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::names::ComponentId;

/// One line of `[component.<id>.dependencies]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Which imports of the component it fills.
    pub name: DependencyName,
    /// Where the Wasm file that fills them comes from.
    pub source: DependencySource,
    /// The export that fills the import, if it has another name than the import.
    pub export: Option<String>,
    /// What the dependency may do besides computing.
    pub inherits: Inheritance,
}

/// Where a dependency comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DependencySource {
    /// A file, by its absolute path. Whether it exists is not checked here.
    Path(PathBuf),
    /// Another component of the application; only its Wasm file counts.
    Component(ComponentId),
    /// A package of a registry.
    Registry {
        /// The registry, or the default one if not given.
        registry: Option<String>,
        /// The package, or that of the dependency's name if not given.
        package: Option<String>,
        /// Which versions will do, such as `>=1.2.0`.
        version: String,
    },
    /// A download.
    Url {
        /// Where to get it.
        url: String,
        /// What it must hash to: `sha256:` and 64 hex digits.
        digest: String,
    },
    /// What came along with the application, out of a registry.
    Content {
        /// What it hashes to: `sha256:` and 64 hex digits.
        digest: String,
    },
}

/// Which rights of its component a dependency gets. Without being told it gets none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Inheritance {
    /// None.
    #[default]
    Nothing,
    /// All.
    Everything,
    /// Those under these keys of the component, such as `allowed_outbound_hosts`.
    Only(Vec<String>),
}

impl Inheritance {
    /// Whether the rights under a key of the component, such as `key_value_stores`, are passed on.
    pub fn includes(&self, key: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Only(keys) => keys.iter().any(|inherited| inherited == key),
        }
    }
}

/// Which imports a dependency fills: `namespace:package`, then `/interface` and `@version` if
/// they matter, or the plain name of an import.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DependencyName {
    written: String,
    name: Name,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Name {
    Plain,
    Package {
        package: String,
        interface: Option<String>,
        version: Option<String>,
    },
}

/// A dependency name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` does not name an import: write `namespace:package/interface@version`, of which \
     `/interface` and `@version` may be left out"
)]
pub struct InvalidDependencyName(String);

impl DependencyName {
    /// The name as written in the manifest.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Whether an import, by its full name such as `wasi:http/types@0.2.6`, is filled by this
    /// dependency. A name without interface or version stands for all of them.
    pub fn fills(&self, import: &str) -> bool {
        match (&self.name, import.parse::<Self>()) {
            (Name::Package { .. }, Ok(import)) => self.covers(&import),
            _ => self.written == import,
        }
    }

    /// Whether there can be an import that both names stand for.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (
                Name::Package {
                    package,
                    interface,
                    version,
                },
                Name::Package {
                    package: package2,
                    interface: interface2,
                    version: version2,
                },
            ) => {
                package == package2
                    && agree(interface.as_deref(), interface2.as_deref())
                    && agree(version.as_deref(), version2.as_deref())
            }
            _ => self == other,
        }
    }

    /// Whether the name stands for whole packages rather than one interface.
    pub(crate) fn is_whole_package(&self) -> bool {
        matches!(
            self.name,
            Name::Package {
                interface: None,
                ..
            }
        )
    }

    /// Whether the name has no package in it.
    pub(crate) fn is_plain(&self) -> bool {
        self.name == Name::Plain
    }

    /// Whether everything that this name fixes is the same in the other.
    fn covers(&self, import: &Self) -> bool {
        match (&self.name, &import.name) {
            (
                Name::Package {
                    package,
                    interface,
                    version,
                },
                Name::Package {
                    package: package2,
                    interface: interface2,
                    version: version2,
                },
            ) => {
                package == package2
                    && (interface.is_none() || interface == interface2)
                    && (version.is_none() || version == version2)
            }
            _ => false,
        }
    }
}

fn agree(one: Option<&str>, other: Option<&str>) -> bool {
    one.is_none() || other.is_none() || one == other
}

impl FromStr for DependencyName {
    type Err = InvalidDependencyName;

    fn from_str(written: &str) -> Result<Self, InvalidDependencyName> {
        let name = parse_name(written).ok_or_else(|| InvalidDependencyName(written.to_owned()))?;
        Ok(Self {
            written: written.to_owned(),
            name,
        })
    }
}

fn parse_name(written: &str) -> Option<Name> {
    let is_id = |id: &str| id.parse::<ComponentId>().is_ok();
    let Some((namespace, rest)) = written.split_once(':') else {
        return is_id(written).then_some(Name::Plain);
    };
    let (path, version) = match rest.split_once('@') {
        Some((path, version)) => (path, Some(version)),
        None => (rest, None),
    };
    let (package, interface) = match path.split_once('/') {
        Some((package, interface)) => (package, Some(interface)),
        None => (path, None),
    };
    let version_is_version =
        version.is_none_or(|v| v.starts_with(|c: char| c.is_ascii_digit()) && !v.contains(' '));
    let valid =
        is_id(namespace) && is_id(package) && interface.is_none_or(is_id) && version_is_version;
    valid.then(|| Name::Package {
        package: format!("{namespace}:{package}"),
        interface: interface.map(str::to_owned),
        version: version.map(str::to_owned),
    })
}

impl fmt::Display for DependencyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(written: &str) -> DependencyName {
        written.parse().unwrap()
    }

    #[test]
    fn a_name_fills_the_imports_it_stands_for() {
        for (dependency, import, fills) in [
            ("a:b/c@1.0.0", "a:b/c@1.0.0", true),
            ("a:b/c@1.0.0", "a:b/c@1.0.1", false),
            ("a:b/c@1.0.0", "a:b/c", false),
            ("a:b/c", "a:b/c@1.0.0", true),
            ("a:b@1.0.0", "a:b/c@1.0.0", true),
            ("a:b@1.0.0", "a:b/d@1.0.0", true),
            ("a:b@1.0.0", "a:x/c@1.0.0", false),
            ("a:b", "a:b/c@2.0.0", true),
            ("plain", "plain", true),
            ("plain", "a:plain/x", false),
            ("a:b/c", "not an import", false),
        ] {
            assert_eq!(
                name(dependency).fills(import),
                fills,
                "{dependency} and {import}"
            );
        }
    }

    #[test]
    fn names_overlap_if_one_import_could_be_meant_by_both() {
        for (one, other, overlap) in [
            ("a:b", "a:b/c", true),
            ("a:b@1.0.0", "a:b/c@1.0.0", true),
            ("a:b@1.0.0", "a:b/c", true),
            ("a:b/c@1.0.0", "a:b/c@2.0.0", false),
            ("a:b/c", "a:b/d", false),
            ("a:b", "a:c", false),
        ] {
            assert_eq!(
                name(one).overlaps(&name(other)),
                overlap,
                "{one} and {other}"
            );
            assert_eq!(
                name(other).overlaps(&name(one)),
                overlap,
                "{other} and {one}"
            );
        }
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        for bad in [
            "", ":", "a:", ":b", "a:b/", "a:b@", "a:b@x", "a b", "a:b/c d", "a:b/c/d",
        ] {
            assert!(
                bad.parse::<DependencyName>().is_err(),
                "{bad} should be refused"
            );
        }
    }

    #[test]
    fn rights_are_inherited_by_key() {
        assert!(!Inheritance::default().includes("key_value_stores"));
        assert!(Inheritance::Everything.includes("key_value_stores"));
        let only = Inheritance::Only(vec!["allowed_outbound_hosts".to_owned()]);
        assert!(only.includes("allowed_outbound_hosts"));
        assert!(!only.includes("key_value_stores"));
    }
}
