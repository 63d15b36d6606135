//! A Spin manifest (`spin.toml`, version 2) read strictly into a typed application: its
//! components, routes, variables and allowed hosts; and the runtime config that may stand beside
//! it.
//!
//! Everything that can be known to be wrong without running anything is found here, and is told
//! in one sentence with the fix. Nothing is loaded, served or run here, and nothing is known of
//! WebAssembly: that is the host's part.
//!
//! [`load`] gives the [`Application`], and [`unlock`] the same from the form in which Spin puts it
//! into registries, which [`lock`] writes. [`VariableValues::resolve`] gives its variables their
//! values; with those, [`Application::component_variables`] and [`Application::allowed_hosts`]
//! say what each component gets. [`RouteTable`] finds the trigger for a request path.
//! [`load_runtime_config`] gives the [`RuntimeConfig`].

mod addresses;
mod allowed_hosts;
mod application;
mod blocked_networks;
mod dependency;
mod duration;
mod error;
mod locked;
mod names;
mod reading;
mod redis_url;
mod route;
mod route_table;
mod runtime_config;
mod section;
mod suggestion;
mod template;
mod variables;

pub use addresses::{is_metadata_address, is_restricted_address};
pub use allowed_hosts::{
    AllowedHostError, AllowedHosts, Grant, Refusal, RefusalReason, Verdict, chained_component,
    is_own_application,
};
pub use application::{
    Application, Build, Component, Content, Executor, FileMount, HttpTrigger, Profile, Source,
    StaticResponse, Target, TargetEnvironment, TriggerRoute, VariableDeclaration,
};
pub use blocked_networks::{BlockedNetwork, BlockedNetworkError, BlockedNetworks, Listing};
pub use dependency::{Dependency, DependencyName, DependencySource, Inheritance};
pub use duration::parse_duration;
pub use error::{ManifestError, Place, Problem};
pub use locked::{FileContent, LockError, LockedContents, UnlockError, lock, unlock};
pub use names::{ComponentId, InvalidName, StoreLabel, VariableName};
pub use reading::load;
pub use redis_url::{RedisUrl, RedisUrlError};
pub use route::{Route, RouteError};
pub use route_table::{ListedRoute, Match, RouteTable, RouteWarning};
pub use runtime_config::{
    Drain, InvalidReadinessPath, KeyValueStore, ReadinessPath, RuntimeConfig, RuntimeConfigError,
    VariablesProvider, load_runtime_config,
};
pub use template::{Template, TemplateError};
pub use variables::{VariableError, VariableOverride, VariableValues};
