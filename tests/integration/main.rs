//! The real components in the real host over real HTTP, with the market simulator as upstream.
//! One module per behaviour; [`app`], [`guest`], [`process`], [`recorder`], [`registry`] and [`wire`]
//! are what they start.
//! Those in [`portable`] ask any deployment.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its fixtures too"
)]

mod answer;
mod app;
mod cache_lint;
mod client;
mod clock;
mod guest;
mod keep_alive;
mod process;
mod promtool;
mod recorder;
mod registry;
mod wire;

mod api_keys;
mod believing;
mod breaker;
mod budget;
mod building;
mod cache_states;
mod coingecko_clients;
mod cold_start;
mod compiled_once;
mod compression;
mod conditional_requests;
mod connection_limit;
mod counters;
mod drain;
mod environment;
mod event_source;
mod every_route;
mod fallback;
mod fault_matrix;
mod faults;
mod fresh_hit;
mod health;
mod host_metrics;
mod isolation;
mod kill;
mod leaving;
mod listings;
mod logs;
mod makefile;
mod metrics_format;
mod observability;
mod oci_cache;
mod oci_errors;
mod oci_layout;
mod oci_push;
mod operator;
mod outbound_bodies;
mod outbound_refusal;
mod outbound_urls;
mod portable;
mod private_route;
mod problems;
mod providers_route;
mod rate_limit;
mod recovery;
mod redis_outage;
mod redis_replicas;
mod redis_store;
mod replicas;
mod request_heads;
mod request_logs;
mod response_heads;
mod restart;
mod runtime_config;
mod self_requests;
mod settings;
mod single_flight;
mod slow_clients;
mod smoke_test;
mod spin_environment;
mod start_up_errors;
mod stream;
mod tls;
mod traces;
mod unpriced;
mod upstream_calls;
mod upstreams;
mod wasi_generations;
