//! A server as a process: started in a process group of its own, so that whatever it starts is
//! measured and ended with it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use procfs::process::Stat;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a server may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of its output is shown when a server fails, in lines.
const LAST_LINES: usize = 15;

/// A running program with everything that it started. Dropping it kills all of them.
#[derive(Debug)]
pub struct Process {
    child: Child,
    group: Pid,
    output: PathBuf,
}

impl Process {
    /// Starts `command`; what it prints goes to the file `output`.
    ///
    /// # Errors
    /// If the program can't be started.
    pub fn start(mut command: Command, output: &Path) -> Result<Process> {
        let file = File::create(output)
            .with_context(|| format!("{} can't be written", output.display()))?;
        let child = command
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("{command:?} can't be started"))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        let group = id
            .and_then(Pid::from_raw)
            .ok_or_else(|| anyhow!("{command:?} ended at once"))?;
        Ok(Process {
            child,
            group,
            output: output.to_owned(),
        })
    }

    /// The process that was started.
    pub fn id(&self) -> i32 {
        self.group.as_raw_nonzero().get()
    }

    /// How it ended, if it did.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The last lines of what it printed.
    pub fn last_words(&self) -> String {
        let text = fs::read(&self.output).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(LAST_LINES);
        lines.get(first..).unwrap_or_default().join("\n")
    }

    /// Processor time that it has used so far, in user and kernel mode, in all its processes.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn processor_time(&self) -> Result<Duration> {
        let ticks: u64 = self
            .members()?
            .iter()
            .map(|stat| stat.utime + stat.stime)
            .sum();
        Ok(Duration::from_micros(
            ticks * 1_000_000 / procfs::ticks_per_second(),
        ))
    }

    /// Resident memory of all its processes, in bytes.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn resident_bytes(&self) -> Result<u64> {
        let pages: u64 = self.members()?.iter().map(|stat| stat.rss).sum();
        Ok(pages * procfs::page_size())
    }

    fn members(&self) -> Result<Vec<Stat>> {
        let all = procfs::process::all_processes().context("/proc can't be read")?;
        let group = self.id();
        // A process that ends while it is looked at is no member any more.
        let stats = all.filter_map(|process| process.ok()?.stat().ok());
        Ok(stats.filter(|stat| stat.pgrp == group).collect())
    }

    /// Asks it to end, and waits until it has.
    ///
    /// # Errors
    /// If it does not end in time; then it is killed.
    pub async fn stop(mut self) -> Result<()> {
        if self.ended()?.is_none() {
            kill_process_group(self.group, Signal::TERM)?;
            timeout(PATIENCE, self.child.wait())
                .await
                .map_err(|_| anyhow!("it did not end within {PATIENCE:?} of SIGTERM"))??;
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Usually everything has ended, and there is no such group any more.
        let _gone = kill_process_group(self.group, Signal::KILL);
    }
}
