//! The host's container image as a cluster runs it: unpacked from what `make image` left, started
//! by runc with what the operator, the kubelet and the chart's policies give a pod, in a network
//! that no other test sees.
//!
//! `make test` takes an image of the code that it built anyway, `make image-test` the one that
//! ships. They need root and Debian's buildah, runc, iproute2, iptables, dnsmasq-base, nginx-light
//! and redis-server; where the kernel does not let anybody run containers they say so and pass.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its fixtures too"
)]

mod containers;
mod contents;
mod image;
mod ingress;
mod life;
mod load;
mod node;
mod pod;
mod rolling;
mod seccomp;
mod world;
