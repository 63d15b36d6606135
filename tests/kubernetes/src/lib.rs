//! Holds the chart in `k8s/chart` against what a cluster would say to it, without a cluster.
//!
//! [`environments`] says what is rendered, [`chart`] renders it. [`schema`] holds every object
//! against its schema. [`cluster`] adds what controllers make of the objects — the SpinKube
//! operator's Deployment above all ([`operator`]), as Kyverno's policies change it ([`kyverno`]) —
//! and [`checks`] looks at the whole: references, selectors, routes, what pods may do. An
//! [`examination`] is all of it for one environment; [`network`] answers who may talk to whom.
//! [`ownership`] is what server-side apply makes of a field that several managers write.
//! [`scan`] asks a policy scanner about it, and [`report`] tells people.
//!
//! Everything that is wrong is a [`finding::Finding`], which names an object and a path in it.

pub mod chart;
pub mod checks;
pub mod cluster;
pub mod environments;
pub mod examination;
pub mod fields;
pub mod finding;
pub mod kyverno;
pub mod network;
pub mod object;
pub mod operator;
pub mod ownership;
pub mod project;
pub mod provided;
pub mod quantity;
pub mod report;
pub mod rollout;
pub mod routing;
pub mod scan;
pub mod schema;
pub mod selector;
pub mod workload;
pub mod yaml;
