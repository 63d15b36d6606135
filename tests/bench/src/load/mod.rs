//! Load by wrk: one thread, connections kept alive, for a number of seconds. A small script makes
//! it print what it counted as JSON, because its own output rounds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// What every run prints at its end.
const REPORT: &str = include_str!("report.lua");

/// Several requests in turn, before [`REPORT`].
const ROTATION: &str = include_str!("rotation.lua");

/// How the script's line begins.
const MARK: &str = "REPORT ";

/// wrk counts a request as timed out after this; a loaded peer may take long.
const TIMEOUT: &str = "15s";

/// One request, as it is sent again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Path and query.
    pub path: String,
    /// One header beside those that wrk sends.
    pub header: Option<(String, String)>,
}

/// What wrk counted in one run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Counted {
    /// Answers received in full.
    pub requests: u64,
    /// How long the run took, in microseconds.
    pub micros: u64,
    /// Half of the answers took at most this, in microseconds.
    pub p50_us: u64,
    /// 99 of 100 answers took at most this, in microseconds.
    pub p99_us: u64,
    /// No answer took longer, in microseconds.
    pub max_us: u64,
    connect: u64,
    read: u64,
    write: u64,
    timeout: u64,
    /// Answers with a status of 400 and more.
    status: u64,
    /// Answers by status; empty where a single request was sent.
    pub answers: BTreeMap<u16, u64>,
}

impl Counted {
    /// Requests in a second.
    pub fn per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / self.micros.max(1) as f64
    }

    /// What went wrong on the way, if anything did.
    pub fn broken(&self) -> Option<String> {
        let kinds = [
            ("could not connect", self.connect),
            ("could not be read", self.read),
            ("could not be written", self.write),
            ("took too long", self.timeout),
        ];
        let told: Vec<String> = kinds
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        (!told.is_empty()).then(|| told.join(", "))
    }

    /// Answers with a status of 400 and more.
    pub fn refused(&self) -> u64 {
        self.status
    }
}

/// The load generator.
#[derive(Debug)]
pub struct Wrk {
    program: PathBuf,
    /// Processors that it is bound to, for taskset.
    processors: Option<String>,
    one: PathBuf,
    several: PathBuf,
}

impl Wrk {
    /// A generator that keeps its scripts in `folder`.
    ///
    /// # Errors
    /// If the scripts can't be written.
    pub fn new(program: &Path, processors: Option<String>, folder: &Path) -> Result<Wrk> {
        let one = folder.join("one.lua");
        let several = folder.join("several.lua");
        std::fs::write(&one, REPORT)?;
        std::fs::write(&several, format!("{ROTATION}\n{REPORT}"))?;
        Ok(Wrk {
            program: program.to_owned(),
            processors,
            one,
            several,
        })
    }

    /// Sends one request again and again.
    ///
    /// # Errors
    /// If wrk does not run or its output can't be read.
    pub async fn repeat(
        &self,
        base_url: &str,
        sent: &Sent,
        connections: u32,
        seconds: u64,
    ) -> Result<Counted> {
        let mut command = self.command(connections, seconds, &self.one);
        if let Some((name, value)) = &sent.header {
            command.arg("-H").arg(format!("{name}: {value}"));
        }
        command.arg(format!("{base_url}{}", sent.path));
        run(command).await
    }

    /// Sends several requests in turn. Counting the answers costs wrk some of its speed.
    ///
    /// # Errors
    /// If wrk does not run or its output can't be read.
    pub async fn rotate(
        &self,
        base_url: &str,
        sent: &[Sent],
        connections: u32,
        seconds: u64,
    ) -> Result<Counted> {
        let mut command = self.command(connections, seconds, &self.several);
        command.arg(base_url).arg("--");
        for Sent { path, header } in sent {
            command.arg(match header {
                Some((name, value)) => format!("{path}\t{name}: {value}"),
                None => path.clone(),
            });
        }
        run(command).await
    }

    fn command(&self, connections: u32, seconds: u64, script: &Path) -> Command {
        let mut command = match &self.processors {
            Some(processors) => {
                let mut command = Command::new("taskset");
                command.arg("-c").arg(processors).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command
            .arg("-t1")
            .arg(format!("-c{connections}"))
            .arg(format!("-d{seconds}s"))
            .args(["--timeout", TIMEOUT, "-s"])
            .arg(script)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }
}

async fn run(mut command: Command) -> Result<Counted> {
    let output = command
        .output()
        .await
        .with_context(|| format!("{command:?} can't be started"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "wrk failed: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    parse(&text)
}

/// Reads what wrk printed.
fn parse(output: &str) -> Result<Counted> {
    let Some(line) = output.lines().find_map(|line| line.strip_prefix(MARK)) else {
        bail!("wrk printed no report:\n{output}");
    };
    serde_json::from_str(line).with_context(|| format!("wrk's report can't be read: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"Running 2s test @ http://127.0.0.1:4000/v1/rates/BTC/USD
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   512.03us  101.10us   4.01ms   91.20%
REPORT {"requests":200000,"micros":2000000,"p50_us":480,"p99_us":1100,"max_us":4010,"connect":0,"read":0,"write":0,"timeout":0,"status":40000,"answers":{"200":160000,"404":40000}}
"#;

    #[test]
    fn the_report_is_found_in_what_wrk_prints() {
        let counted = parse(OUTPUT).unwrap();
        assert_eq!(counted.per_second(), 100_000.0);
        assert_eq!((counted.p50_us, counted.p99_us), (480, 1100));
        assert_eq!(counted.refused(), 40_000);
        assert_eq!(counted.answers.get(&404), Some(&40_000));
        assert_eq!(counted.broken(), None);
    }

    #[test]
    fn broken_connections_are_told() {
        let output = OUTPUT.replace(r#""read":0"#, r#""read":3"#);
        let broken = parse(&output).unwrap().broken();
        assert_eq!(broken.as_deref(), Some("3 could not be read"));
    }

    #[test]
    fn a_run_without_report_is_an_error_that_shows_the_output() {
        let error = parse("unable to connect to 127.0.0.1:1").unwrap_err();
        assert!(error.to_string().contains("unable to connect"), "{error}");
    }
}
