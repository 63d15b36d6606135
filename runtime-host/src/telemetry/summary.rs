//! What a host has done and taken, in one line for the end of its log.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;

use crate::telemetry::{Observed, process};

/// What a host has done and taken so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Requests from outside that were answered.
    pub requests: u64,
    /// Those of them that were answered with a status from 500 on.
    pub failed: u64,
    /// Instances of components that were made.
    pub instances: u64,
    /// The most memory that the process ever had, in bytes, where the system tells.
    pub peak_memory: Option<u64>,
    /// How long the host has been there.
    pub uptime: Duration,
}

impl Summary {
    pub(crate) fn of(observed: &Observed, uptime: Duration) -> Self {
        let (requests, failed) = observed.answered();
        Self {
            requests,
            failed,
            instances: observed.created(),
            peak_memory: process::peak_memory(),
            uptime,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            requests,
            failed,
            instances,
            peak_memory,
            uptime,
        } = self;
        let uptime = humantime::format_duration(Duration::from_secs(uptime.as_secs()));
        write!(
            f,
            "answered {requests} requests in {uptime}, {failed} of them with a failure, by \
             {instances} instances"
        )?;
        match peak_memory {
            Some(bytes) => write!(f, "; took at most {} of memory", ByteSize(*bytes)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_one_line_with_units() {
        let summary = Summary {
            requests: 1_200,
            failed: 3,
            instances: 17,
            peak_memory: Some(52 << 20),
            uptime: Duration::from_millis(125_400),
        };
        assert_eq!(
            summary.to_string(),
            "answered 1200 requests in 2m 5s, 3 of them with a failure, by 17 instances; took at \
             most 52.0 MiB of memory"
        );
    }
}
