//! The machine that a run was made on, and how the work is laid out on its processors.

use std::path::Path;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::Result;
use procfs::Current as _;
use serde::Serialize;

/// From this many processors on, servers and the load generator get processors of their own.
const APART_FROM: usize = 4;

/// Processors that servers get then.
const FOR_SERVERS: usize = 2;

/// What numbers depend on.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Processors that this process may use.
    pub processors: usize,
    /// Their model.
    pub model: String,
    /// The kernel's release.
    pub kernel: String,
    /// How much was going on when the run began: the load average of one minute.
    pub load_before: f32,
    /// Where servers and load generator run.
    pub layout: String,
    /// Programs and their versions.
    pub versions: Vec<(String, String)>,
    /// The commit that was measured.
    pub commit: String,
    /// When the run began, in RFC 3339.
    pub began: String,
}

impl Machine {
    /// Looks at this machine.
    ///
    /// # Errors
    /// If it does not tell.
    pub fn look(versions: Vec<(String, String)>, manifest: &Path) -> Result<Machine> {
        let cpu = procfs::CpuInfo::current()?;
        let mut all = vec![("rustc".to_owned(), told("rustc", &["--version"]))];
        all.extend(versions);
        Ok(Machine {
            processors: available_parallelism()?.get(),
            model: cpu.model_name(0).unwrap_or("unknown").to_owned(),
            kernel: std::fs::read_to_string("/proc/sys/kernel/osrelease")?
                .trim()
                .to_owned(),
            load_before: procfs::LoadAverage::current()?.one,
            layout: Layout::of_this_machine()?.described(),
            versions: all,
            commit: commit(manifest),
            began: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
        })
    }
}

/// The commit of the repository that a file is in; with a mark if something is changed.
fn commit(manifest: &Path) -> String {
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let folder = folder.display().to_string();
    told(
        "git",
        &[
            "-C",
            &folder,
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ],
    )
}

/// The first line that a program prints; nothing if it is not there.
fn told(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    match text.lines().next() {
        Some(line) => line.trim().to_owned(),
        None => "unknown".to_owned(),
    }
}

/// Which processors do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// How many processors a server may use.
    pub server_count: usize,
    /// Processors of the servers, for taskset; all if None.
    pub servers: Option<String>,
    /// Processors of the load generator, for taskset; all if None.
    pub load: Option<String>,
}

impl Layout {
    /// The layout of this machine.
    ///
    /// # Errors
    /// If the number of processors is unknown.
    pub fn of_this_machine() -> Result<Layout> {
        Ok(Layout::of(available_parallelism()?.get()))
    }

    fn of(processors: usize) -> Layout {
        if processors < APART_FROM {
            return Layout {
                server_count: processors,
                servers: None,
                load: None,
            };
        }
        Layout {
            server_count: FOR_SERVERS,
            servers: Some(format!("0-{}", FOR_SERVERS - 1)),
            load: Some(format!("{FOR_SERVERS}-{}", processors - 1)),
        }
    }

    /// Whether servers have their processors to themselves.
    pub fn is_apart(&self) -> bool {
        self.servers.is_some()
    }

    fn described(&self) -> String {
        match (&self.servers, &self.load) {
            (Some(servers), Some(load)) => {
                format!("servers on processors {servers}, load generator on {load}")
            }
            _ => "servers and load generator share all processors".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_machine_is_shared() {
        assert!(!Layout::of(2).is_apart());
    }

    #[test]
    fn a_larger_machine_keeps_the_load_generator_apart() {
        let layout = Layout::of(8);
        assert_eq!(layout.servers.as_deref(), Some("0-1"));
        assert_eq!(layout.load.as_deref(), Some("2-7"));
    }
}
