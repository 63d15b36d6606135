//! The chart, held against what a cluster would say to it; and that what is wrong is found, by
//! breaking what was rendered.

#![cfg(test)]

mod discovery;
mod every_environment;
mod existing_secrets;
mod exposure;
mod hardened;
mod hook_pod;
mod lookups;
mod metadata;
mod mutations;
mod neighbours;
mod network_table;
mod outbound_networks;
mod own_values;
mod policies;
mod policy_scan;
mod quota;
mod read_values;
mod release_names;
mod rendering;
mod requirements;
mod rights;
mod rollout;
mod scaling_ways;
mod settings;
mod values_schema;
mod webhooks;
