//! Instructions per request, which vary much less than times do: counted by the processor where
//! the machine lets `perf stat` do so, and otherwise by callgrind, which runs the server on a
//! simulated processor and so knows nothing of the kernel's part.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, anyhow, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use tokio::process::Command;

use crate::load::{Sent, Wrk};
use crate::server::Server;

const USER: &str = "instructions:u";
const KERNEL: &str = "instructions:k";

/// What callgrind calls the file of code that is in none: code that was generated.
const NO_FILE: &str = "???";

/// Instructions for one request.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PerRequest {
    /// In user mode.
    pub user: f64,
    /// How many of these were in code that was generated from WebAssembly: the guest's own, and
    /// the glue around its imports and exports.
    pub generated: Option<f64>,
    /// In the kernel.
    pub kernel: Option<f64>,
}

/// Who counts on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// The processor, through `perf stat`.
    Processor,
    /// callgrind, on servers that were started under it.
    Callgrind,
}

impl Counter {
    /// The better one of those there are.
    pub async fn of_this_machine() -> Option<Counter> {
        let perf = Command::new("perf")
            .args(["stat", "-x,", "-e", &format!("{USER},{KERNEL}"), "true"])
            .output()
            .await;
        if perf.is_ok_and(|output| counts(&String::from_utf8_lossy(&output.stderr)).is_some()) {
            return Some(Counter::Processor);
        }
        let callgrind = Command::new("callgrind_control")
            .arg("--version")
            .output()
            .await;
        callgrind.is_ok().then_some(Counter::Callgrind)
    }
}

/// Counts while `server` is under load.
///
/// # Errors
/// If perf or wrk fails.
pub async fn by_processor(
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
        generated: None,
        kernel: Some(kernel / requests),
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

/// Counts while `server`, which was started under callgrind with its counts off, is under load.
/// `profile` is the file that it writes its first profile to.
///
/// # Errors
/// If callgrind or wrk fails.
pub async fn by_callgrind(
    wrk: &Wrk,
    server: &Server,
    profile: &Path,
    sent: &Sent,
    connections: u32,
    seconds: u64,
) -> Result<PerRequest> {
    // What is done once only, and the instances that are made first.
    wrk.repeat(&server.url(), sent, connections, 1).await?;
    callgrind(&["-i", "on"], server).await?;
    let counted = wrk
        .repeat(&server.url(), sent, connections, seconds)
        .await?;
    callgrind(&["-d"], server).await?;
    let text = std::fs::read_to_string(profile)
        .with_context(|| format!("no profile in {}", profile.display()))?;
    let costs = Costs::of(&text);
    ensure!(costs.all > 0, "callgrind counted nothing");
    let requests = counted.requests.max(1) as f64;
    Ok(PerRequest {
        user: costs.all as f64 / requests,
        generated: Some(costs.generated as f64 / requests),
        kernel: None,
    })
}

async fn callgrind(order: &[&str], server: &Server) -> Result<()> {
    let output = Command::new("callgrind_control")
        .args(order)
        .arg(server.id.to_string())
        .stdin(Stdio::null())
        .output()
        .await
        .context("`callgrind_control` can't be started")?;
    ensure!(
        output.status.success(),
        "`callgrind_control` failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Instructions in a profile.
#[derive(Debug, Default, PartialEq, Eq)]
struct Costs {
    all: u64,
    generated: u64,
}

impl Costs {
    /// Adds up a profile in callgrind's format: `ob=(1) /lib/libc.so.6` names the object file of
    /// the lines that follow (later `ob=(1)` does), `<position> <count>` is a cost, and the cost
    /// after `calls=` is that of the functions called, which stands in their own lines too.
    fn of(profile: &str) -> Costs {
        let mut costs = Costs::default();
        let mut generated_id = None;
        let mut is_generated = false;
        let mut is_of_call = false;
        for line in profile.lines() {
            let (key, value) = line.split_once('=').unwrap_or((line, ""));
            let (id, name) = value.split_once(' ').unwrap_or((value, ""));
            if matches!(key, "ob" | "cob") && name == NO_FILE {
                generated_id = Some(id.to_owned());
            }
            match key {
                "ob" => is_generated = generated_id.as_deref() == Some(id),
                "calls" => is_of_call = true,
                _ if line.starts_with(|c: char| c.is_ascii_digit() || "+-*".contains(c)) => {
                    let count = line.split(' ').nth(1).and_then(|count| count.parse().ok());
                    let count: u64 = count.unwrap_or(0);
                    if !std::mem::take(&mut is_of_call) {
                        costs.all += count;
                        costs.generated += if is_generated { count } else { 0 };
                    }
                }
                _ => {}
            }
        }
        costs
    }
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

    #[test]
    fn a_profile_adds_up_with_generated_code_apart() {
        let profile = "\
# callgrind format
positions: line
events: Ir
summary: 165

ob=(1) /bin/host
fl=(1) main.rs
fn=(1) main
16 100
cob=(2) ???
cfn=(2) 0x1000
calls=1 0
16 65
+2 5

ob=(2)
fl=(2) ???
fn=(2)
0 40
ob=(1)
fn=(3) other
* 20
";
        let costs = Costs {
            all: 165,
            generated: 40,
        };
        assert_eq!(Costs::of(profile), costs);
    }
}
