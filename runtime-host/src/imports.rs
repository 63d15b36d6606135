//! What a component imports, compared with what this host has: when something is missing, one
//! sentence says what, which version is here, and what to do.

use wasmtime::Engine;
use wasmtime::component::Component;

/// The packages that this host implements, and the versions that a component can be built
/// against. A patch of 0.2 that is newer than the newest here works if it adds nothing.
const PROVIDED: [(&str, &[&str]); 10] = [
    ("spin:key-value", &["3.0.0"]),
    ("spin:variables", &["3.0.0"]),
    ("wasi:cli", WASI),
    ("wasi:clocks", WASI),
    ("wasi:filesystem", WASI),
    ("wasi:http", WASI),
    ("wasi:io", &["0.2"]),
    ("wasi:keyvalue", &["0.2.0-draft2"]),
    ("wasi:random", WASI),
    ("wasi:sockets", WASI),
];

const WASI: &[&str] = &["0.2", "0.3.0"];

/// Why a component cannot be linked.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It imports something that is not here at all.
    #[error("component `{component}` imports `{import}`, which this host does not have; {hint}")]
    Missing {
        /// The component.
        component: String,
        /// The import.
        import: String,
        /// What there is instead.
        hint: String,
    },
    /// It imports something under a known name with types that do not match.
    #[error("component `{component}` does not fit this host: {reason}")]
    Mismatch {
        /// The component.
        component: String,
        /// wasmtime's explanation.
        reason: String,
    },
}

/// Explains why `component` could not be linked, which failed with `error`.
pub(crate) fn explain(
    id: &str,
    component: &Component,
    engine: &Engine,
    error: &wasmtime::Error,
) -> ImportError {
    let missing = component
        .component_type()
        .imports(engine)
        .map(|(import, _)| import.to_owned())
        .find(|import| !is_provided(import));
    match missing {
        Some(import) => ImportError::Missing {
            component: id.to_owned(),
            hint: hint(id, &import),
            import,
        },
        None => ImportError::Mismatch {
            component: id.to_owned(),
            reason: format!("{error:#}"),
        },
    }
}

fn split(import: &str) -> (&str, Option<&str>) {
    let (interface, version) = match import.split_once('@') {
        Some((interface, version)) => (interface, Some(version)),
        None => (import, None),
    };
    let package = interface.split('/').next().unwrap_or(interface);
    (package, version)
}

fn versions_of(package: &str) -> Option<&'static [&'static str]> {
    PROVIDED
        .iter()
        .find(|(provided, _)| *provided == package)
        .map(|(_, versions)| *versions)
}

fn is_provided(import: &str) -> bool {
    let (package, version) = split(import);
    let (Some(provided), Some(version)) = (versions_of(package), version) else {
        return false;
    };
    provided.iter().any(|provided| {
        version == *provided
            || version
                .strip_prefix(provided)
                .is_some_and(|patch| patch.starts_with('.') && !patch.contains('-'))
    })
}

fn hint(component: &str, import: &str) -> String {
    let (package, version) = split(import);
    if package == "fermyon:spin" {
        return "it is an interface of older Spin SDKs: build the component with spin-sdk 7, \
                which uses `spin:key-value@3.0.0` and `spin:variables@3.0.0`"
            .to_owned();
    }
    match (versions_of(package), version) {
        (Some(versions), _) => format!(
            "of `{package}` it has version {}: build the component with an SDK for that version",
            versions.join(" and ")
        ),
        (None, Some(_)) => format!(
            "if another component exports it, name that in [component.{component}.dependencies]; \
             the host has {}",
            packages()
        ),
        (None, None) => format!("the host has {}", packages()),
    }
}

fn packages() -> String {
    PROVIDED
        .iter()
        .map(|(package, versions)| format!("`{package}` {}", versions.join(" and ")))
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_of_a_version_are_provided_and_drafts_are_not() {
        for import in [
            "wasi:http/types@0.2.3",
            "wasi:http/types@0.3.0",
            "wasi:io/streams@0.2.12",
            "wasi:keyvalue/store@0.2.0-draft2",
        ] {
            assert!(is_provided(import), "{import}");
        }
        for import in [
            "wasi:http/types@0.3.0-rc-2026-03-15",
            "wasi:keyvalue/store@0.2.0-draft",
            "spin:key-value/key-value@2.0.0",
            "spin:sqlite/sqlite@3.0.0",
            "env",
        ] {
            assert!(!is_provided(import), "{import}");
        }
    }

    #[test]
    fn a_known_package_of_another_version_is_told_with_the_version_here() {
        let hint = hint("rates", "wasi:http/handler@0.3.0-rc-2026-03-15");
        assert!(hint.contains("0.2 and 0.3.0"), "{hint}");
    }
}
