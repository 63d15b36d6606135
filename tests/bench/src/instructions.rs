//! Instructions per request, counted by the processor through `perf stat`. They vary much less
//! than times do. Many virtual machines don't offer it.

use std::process::Stdio;

use anyhow::{Context, Result, anyhow};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::process::Command;

use crate::load::{Sent, Wrk};
use crate::server::Server;

const USER: &str = "instructions:u";
const KERNEL: &str = "instructions:k";

/// Instructions for one request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerRequest {
    /// In user mode.
    pub user: f64,
    /// In the kernel.
    pub kernel: f64,
}

/// Whether this machine counts instructions.
pub async fn are_counted() -> bool {
    let output = Command::new("perf")
        .args(["stat", "-x,", "-e", &format!("{USER},{KERNEL}"), "true"])
        .output()
        .await;
    output.is_ok_and(|output| counts(&String::from_utf8_lossy(&output.stderr)).is_some())
}

/// Counts while `server` is under load.
///
/// # Errors
/// If perf or wrk fails.
pub async fn per_request(
    wrk: &Wrk,
    server: &Server,
    sent: &Sent,
    connections: u32,
    seconds: u64,
) -> Result<PerRequest> {
    let perf = Command::new("perf")
        .args(["stat", "-x,", "-e", &format!("{USER},{KERNEL}"), "-p"])
        .arg(server.id.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("`perf` can't be started")?;
    let id = perf.id().and_then(|id| i32::try_from(id).ok());
    let id = id.and_then(Pid::from_raw).context("`perf` ended at once")?;
    let counted = wrk
        .repeat(&server.url(), sent, connections, seconds)
        .await?;
    // It tells its counts when it is interrupted.
    kill_process(id, Signal::INT)?;
    let output = perf.wait_with_output().await?;
    let text = String::from_utf8_lossy(&output.stderr);
    let (user, kernel) = counts(&text).ok_or_else(|| anyhow!("`perf` counted nothing: {text}"))?;
    let requests = counted.requests.max(1) as f64;
    Ok(PerRequest {
        user: user / requests,
        kernel: kernel / requests,
    })
}

/// The two counts in what `perf stat -x,` prints: `<count>,,<event>,…`, or `<not supported>`.
fn counts(text: &str) -> Option<(f64, f64)> {
    let count_of = |event: &str| {
        text.lines().find_map(|line| {
            let mut fields = line.split(',');
            let count = fields.next()?.parse().ok()?;
            (fields.nth(1)? == event).then_some(count)
        })
    };
    Some((count_of(USER)?, count_of(KERNEL)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_found_by_their_event() {
        let text =
            "123456,,instructions:u,1000000,100.00,,\n789,,instructions:k,1000000,100.00,,\n";
        assert_eq!(counts(text), Some((123_456.0, 789.0)));
    }

    #[test]
    fn a_machine_that_does_not_count_is_noticed() {
        let text = "<not supported>,,instructions:u,0,100.00,,\n";
        assert_eq!(counts(text), None);
    }
}
