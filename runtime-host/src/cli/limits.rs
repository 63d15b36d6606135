//! The arguments for the limits on what requests and guests may take.

use std::num::NonZeroUsize;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::time::time;
use crate::Limits;

/// The limits, with the defaults of [`Limits`].
#[derive(Debug, Args)]
pub(super) struct LimitArgs {
    /// Memory that one instance of a component may hold, such as 64MiB. [default: 128MiB]
    #[arg(long, value_name = "SIZE", env = "SPIN_MAX_INSTANCE_MEMORY")]
    pub(super) max_instance_memory: Option<ByteSize>,

    /// Requests that one instance serves before it is replaced. [default: 10000]
    #[arg(long, value_name = "COUNT")]
    max_instance_reuse_count: Option<NonZeroUsize>,

    /// Requests that one instance serves at the same time. [default: 16]
    #[arg(long, value_name = "COUNT")]
    max_instance_concurrent_reuse_count: Option<NonZeroUsize>,

    /// How long an instance without work is kept. [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    idle_instance_timeout: Option<Duration>,

    /// How long a component may take to begin its answer; then the answer is 504. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    request_timeout: Option<Duration>,

    /// How long a client may send nothing of a request's body that is waited for; then the answer
    /// is 408. [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    request_body_timeout: Option<Duration>,

    /// How long an answer's body may stand still, because nothing is written to it or nothing is
    /// taken of it; then its connection is cut. [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = time)]
    response_body_timeout: Option<Duration>,

    /// Connections of clients that may be open; for one more, the one that has been idle for
    /// longest is closed. [default: what the process' limit of open files leaves room for]
    #[arg(long, value_name = "COUNT")]
    max_connections: Option<NonZeroUsize>,

    /// Requests in flight on one thread; more are answered 503. [default: 1024]
    #[arg(long, value_name = "COUNT")]
    max_concurrent_requests: Option<NonZeroUsize>,

    /// The longest body of a request; longer ones are answered 413. [default: 10MiB]
    #[arg(long, value_name = "SIZE")]
    max_request_body: Option<ByteSize>,

    /// No timeout, no memory cap, no interruption of guests: to measure what these cost, never
    /// to serve with.
    #[arg(long, hide_short_help = true)]
    no_limits: bool,
}

impl LimitArgs {
    /// All limits.
    pub(super) fn limits(&self) -> Limits {
        let default = Limits::default();
        let count = |given: Option<NonZeroUsize>, default| given.map_or(default, NonZeroUsize::get);
        Limits {
            request_timeout: self.request_timeout.unwrap_or(default.request_timeout),
            request_body_timeout: self
                .request_body_timeout
                .unwrap_or(default.request_body_timeout),
            response_body_timeout: self
                .response_body_timeout
                .unwrap_or(default.response_body_timeout),
            max_connections: self.max_connections.map(NonZeroUsize::get),
            max_instance_memory: self
                .max_instance_memory
                .map_or(default.max_instance_memory, bytes),
            max_instance_reuse_count: count(
                self.max_instance_reuse_count,
                default.max_instance_reuse_count,
            ),
            max_instance_concurrent_reuse_count: count(
                self.max_instance_concurrent_reuse_count,
                default.max_instance_concurrent_reuse_count,
            ),
            idle_instance_timeout: self
                .idle_instance_timeout
                .unwrap_or(default.idle_instance_timeout),
            max_concurrent_requests: count(
                self.max_concurrent_requests,
                default.max_concurrent_requests,
            ),
            max_request_body: self
                .max_request_body
                .map_or(default.max_request_body, |size| size.as_u64()),
            guests_are_bounded: !self.no_limits,
        }
    }
}

pub(super) fn bytes(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}
