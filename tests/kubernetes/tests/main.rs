//! The chart, held against what a cluster would say to it; and that what is wrong is found, by
//! breaking what was rendered.

#![cfg(test)]

mod every_environment;
mod existing_secrets;
mod exposure;
mod hardened;
mod hook_pod;
mod mutations;
mod neighbours;
mod network_table;
mod own_values;
mod policy_scan;
mod rendering;
mod requirements;
mod rights;
mod rollout;
mod scaling_ways;
mod values_schema;
mod webhooks;
