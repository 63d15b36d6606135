//! Fills a component's imports with its dependencies, so that what is compiled is one component.
//! A dependency computes and nothing else, unless the manifest passes the component's rights on
//! to it. Reading the files is not done here.

use runtime_host_manifest::{Component, Dependency};
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions, NodeId, PackageId};

use crate::causes::causes;

/// Why a component and its dependencies do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum CompositionError {
    /// A file that is not a component, or not one that can be read.
    #[error("{file} of [component.{component}] cannot be composed: {reason}")]
    Unreadable {
        /// The component whose dependencies are composed.
        component: String,
        /// Which file.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The component has no import that the dependency could fill.
    #[error(
        "[component.{component}.dependencies] names `{dependency}`, but the component imports \
         nothing of that name; it imports {imports}"
    )]
    NothingToFill {
        /// The component.
        component: String,
        /// The dependency's name.
        dependency: String,
        /// What could be filled instead.
        imports: String,
    },
    /// The dependency does not export what the component needs from it.
    #[error(
        "the dependency `{dependency}` of [component.{component}] does not export `{export}`; \
         it exports {exports}"
    )]
    MissingExport {
        /// The component.
        component: String,
        /// The dependency's name.
        dependency: String,
        /// What it should export.
        export: String,
        /// What it exports.
        exports: String,
    },
    /// The export has another type than the import.
    #[error(
        "the dependency `{dependency}` of [component.{component}] exports `{export}` with other \
         types than the component imports: build both against the same WIT ({reason})"
    )]
    TypeMismatch {
        /// The component.
        component: String,
        /// The dependency's name.
        dependency: String,
        /// The export.
        export: String,
        /// Where they differ.
        reason: String,
    },
    /// The dependency would use a right that was given to the component alone.
    #[error(
        "the dependency `{dependency}` of [component.{component}] imports `{import}`, so it would \
         use the component's `{right}`: allow it with `dependencies_inherit_configuration = true` \
         in [component.{component}], or use a dependency that does not need it"
    )]
    RightNotPassedOn {
        /// The component.
        component: String,
        /// The dependency's name.
        dependency: String,
        /// The import that uses the right.
        import: String,
        /// The key of the component under which the right was given.
        right: &'static str,
    },
    /// The composed component is not valid.
    #[error("[component.{component}] and its dependencies do not compose: {reason}")]
    Encoding {
        /// The component.
        component: String,
        /// What is wrong.
        reason: String,
    },
}

/// Composes `component`, whose Wasm file is `socket`, with its dependencies, given in the order
/// of the manifest, each with its Wasm file.
pub(crate) fn compose(
    component: &Component,
    socket: Vec<u8>,
    plugs: Vec<(&Dependency, Vec<u8>)>,
) -> Result<Vec<u8>, CompositionError> {
    if plugs.is_empty() {
        return Ok(socket);
    }
    let mut composition = Composition {
        component,
        graph: CompositionGraph::new(),
    };
    let socket = composition.register("the component", "component", socket)?;
    let instance = composition.graph.instantiate(socket);
    for (number, (dependency, bytes)) in plugs.into_iter().enumerate() {
        composition.plug(socket, instance, number, dependency, bytes)?;
    }
    composition.export_all(socket, instance)
}

struct Composition<'a> {
    component: &'a Component,
    graph: CompositionGraph,
}

impl Composition<'_> {
    fn id(&self) -> String {
        self.component.id.to_string()
    }

    fn register(
        &mut self,
        file: &str,
        package: &str,
        bytes: Vec<u8>,
    ) -> Result<PackageId, CompositionError> {
        let unreadable = |reason: String| CompositionError::Unreadable {
            component: self.component.id.to_string(),
            file: file.to_owned(),
            reason,
        };
        let package = Package::from_bytes(package, None, bytes, self.graph.types_mut())
            .map_err(|error| unreadable(format!("{error:#}")))?;
        self.graph
            .register_package(package)
            .map_err(|error| unreadable(error.to_string()))
    }

    fn imports(&self, package: PackageId) -> Vec<String> {
        let world = &self.graph.types()[self.graph[package].ty()];
        world.imports.keys().cloned().collect()
    }

    fn exports(&self, package: PackageId) -> Vec<String> {
        let world = &self.graph.types()[self.graph[package].ty()];
        world.exports.keys().cloned().collect()
    }

    fn plug(
        &mut self,
        socket: PackageId,
        socket_instance: NodeId,
        number: usize,
        dependency: &Dependency,
        bytes: Vec<u8>,
    ) -> Result<(), CompositionError> {
        let name = dependency.name.as_str();
        let package = self.register(
            &format!("the dependency `{name}`"),
            &format!("dependency:d{number}"),
            bytes,
        )?;
        self.check_rights(dependency, package)?;

        let imports = self.imports(socket);
        let filled: Vec<_> = imports
            .iter()
            .filter(|import| dependency.name.fills(import))
            .collect();
        if filled.is_empty() {
            return Err(CompositionError::NothingToFill {
                component: self.id(),
                dependency: name.to_owned(),
                imports: listed(imports.iter().filter(|import| !is_wasi(import))),
            });
        }

        let instance = self.graph.instantiate(package);
        let exports = self.exports(package);
        for import in filled {
            let export = dependency.export.as_ref().unwrap_or(import);
            if !exports.contains(export) {
                return Err(CompositionError::MissingExport {
                    component: self.id(),
                    dependency: name.to_owned(),
                    export: export.clone(),
                    exports: listed(&exports),
                });
            }
            let mismatch = |reason: String| CompositionError::TypeMismatch {
                component: self.component.id.to_string(),
                dependency: name.to_owned(),
                export: export.clone(),
                reason,
            };
            let provided = self
                .graph
                .alias_instance_export(instance, export)
                .map_err(|error| mismatch(error.to_string()))?;
            self.graph
                .set_instantiation_argument(socket_instance, import, provided)
                .map_err(|error| mismatch(causes(&error)))?;
        }
        Ok(())
    }

    fn check_rights(
        &self,
        dependency: &Dependency,
        package: PackageId,
    ) -> Result<(), CompositionError> {
        for import in self.imports(package) {
            let Some(right) = right_used_by(&import) else {
                continue;
            };
            if is_granted(self.component, right) && !dependency.inherits.includes(right) {
                return Err(CompositionError::RightNotPassedOn {
                    component: self.id(),
                    dependency: dependency.name.as_str().to_owned(),
                    import,
                    right,
                });
            }
        }
        Ok(())
    }

    fn export_all(
        mut self,
        socket: PackageId,
        instance: NodeId,
    ) -> Result<Vec<u8>, CompositionError> {
        let component = self.id();
        let failed = |reason: String| CompositionError::Encoding {
            component: component.clone(),
            reason,
        };
        for name in self.exports(socket) {
            let export = self
                .graph
                .alias_instance_export(instance, &name)
                .map_err(|error| failed(error.to_string()))?;
            self.graph
                .export(export, &name)
                .map_err(|error| failed(error.to_string()))?;
        }
        self.graph
            .encode(EncodeOptions::default())
            .map_err(|error| failed(causes(&error)))
    }
}

/// The key of the component under which the right to use an interface is given. None for
/// interfaces that reach nothing: streams, clocks, randomness, standard output.
fn right_used_by(import: &str) -> Option<&'static str> {
    let interface = import.split('@').next().unwrap_or(import);
    let (package, name) = interface.split_once('/')?;
    match (package, name) {
        ("wasi:http", "client" | "outgoing-handler" | "handler") | ("wasi:sockets", _) => {
            Some("allowed_outbound_hosts")
        }
        ("spin:key-value" | "wasi:keyvalue", _) | ("fermyon:spin", "key-value") => {
            Some("key_value_stores")
        }
        ("spin:variables" | "wasi:config", _) | ("fermyon:spin", "variables") => Some("variables"),
        ("wasi:filesystem", _) => Some("files"),
        ("wasi:cli", "environment") => Some("environment"),
        _ => None,
    }
}

fn is_granted(component: &Component, right: &str) -> bool {
    match right {
        "allowed_outbound_hosts" => !component.allowed_outbound_hosts.is_empty(),
        "key_value_stores" => !component.key_value_stores.is_empty(),
        "variables" => !component.variables.is_empty(),
        "files" => !component.files.is_empty(),
        "environment" => !component.environment.is_empty(),
        _ => false,
    }
}

fn is_wasi(import: &str) -> bool {
    import.starts_with("wasi:")
}

fn listed<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        "nothing".to_owned()
    } else {
        names.join(", ")
    }
}
