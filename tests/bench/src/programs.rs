//! The programs that take part, and their versions. A peer that is not there is left out.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

/// Where the programs are.
#[derive(Debug, Args)]
pub struct Paths {
    /// The host under test
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "target/release/runtime-host"
    )]
    host: PathBuf,
    /// The same service without a sandbox
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "target/release/native-twin"
    )]
    twin: PathBuf,
    /// The server that only answers
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "target/release/bare-hyper"
    )]
    bare_hyper: PathBuf,
    /// The upstream
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        default_value = "target/release/market-simulator"
    )]
    simulator: PathBuf,
    /// Spin, if there is one
    #[arg(long, global = true, value_name = "PATH", default_value = "spin")]
    spin: PathBuf,
    /// wasmtime, if there is one
    #[arg(long, global = true, value_name = "PATH", default_value = "wasmtime")]
    wasmtime: PathBuf,
    /// nginx, if there is one
    #[arg(long, global = true, value_name = "PATH", default_value = "nginx")]
    nginx: PathBuf,
    /// The load generator
    #[arg(long, global = true, value_name = "PATH", default_value = "wrk")]
    wrk: PathBuf,
}

/// A program that runs on this machine.
#[derive(Debug, Clone)]
pub struct Program {
    /// Its file, or its name on the PATH.
    pub path: PathBuf,
    /// What it says of itself.
    pub version: String,
}

/// Everything that takes part.
#[derive(Debug)]
pub struct Programs {
    /// The host under test.
    pub host: Program,
    /// Whether the host can turn its limits off.
    pub host_has_no_limits: bool,
    /// The native twin.
    pub twin: Program,
    /// The server that only answers.
    pub bare_hyper: Program,
    /// The upstream.
    pub simulator: Program,
    /// Stock Spin.
    pub spin: Option<Program>,
    /// `wasmtime serve`.
    pub wasmtime: Option<Program>,
    /// nginx.
    pub nginx: Option<Program>,
    /// What a store is kept on beside SQLite.
    pub redis: Option<Program>,
    /// The load generator.
    pub wrk: Program,
}

impl Programs {
    /// Looks for all of them.
    ///
    /// # Errors
    /// If one is missing that is no peer.
    pub fn find(paths: &Paths) -> Result<Programs> {
        Ok(Programs {
            host: ours(&paths.host)?,
            host_has_no_limits: help_of_up(&paths.host)?.contains("--no-limits"),
            twin: ours(&paths.twin)?,
            bare_hyper: ours(&paths.bare_hyper)?,
            simulator: ours(&paths.simulator)?,
            spin: program(&paths.spin, "--version")?,
            wasmtime: program(&paths.wasmtime, "--version")?,
            nginx: match program(&paths.nginx, "-v")? {
                // Only the administrator has Debian's on the PATH.
                None if paths.nginx == Path::new("nginx") => {
                    program(Path::new("/usr/sbin/nginx"), "-v")?
                }
                found => found,
            },
            redis: program(Path::new("redis-server"), "--version")?,
            wrk: program(&paths.wrk, "-v")?.ok_or_else(|| {
                anyhow!(
                    "`{}` is missing: install wrk (Debian: apt-get install wrk), or run \
                     `make bench`, which does",
                    paths.wrk.display()
                )
            })?,
        })
    }

    /// Each name with its version, for the report.
    pub fn versions(&self) -> Vec<(String, String)> {
        let own = [("runtime-host", Some(&self.host))];
        let peers = [
            ("spin", self.spin.as_ref()),
            ("wasmtime", self.wasmtime.as_ref()),
            ("nginx", self.nginx.as_ref()),
            ("redis", self.redis.as_ref()),
            ("wrk", Some(&self.wrk)),
        ];
        own.into_iter()
            .chain(peers)
            .map(|(name, program)| {
                let version = program.map_or("absent", |program| &program.version);
                (name.to_owned(), version.to_owned())
            })
            .collect()
    }
}

/// A program of this repository.
fn ours(path: &Path) -> Result<Program> {
    program(path, "--version")?.ok_or_else(|| {
        anyhow!(
            "`{}` is missing: run `make bench`, which builds it, or name another",
            path.display()
        )
    })
}

/// A program, if it is there.
fn program(path: &Path, asks_for_version: &str) -> Result<Option<Program>> {
    let output = match Command::new(path).arg(asks_for_version).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(error).with_context(|| format!("`{}` does not run", path.display()));
        }
    };
    // Some tell their version on standard error, and wrk with a failure.
    let text = [output.stdout, output.stderr].concat();
    let version = String::from_utf8_lossy(&text)
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_owned();
    Ok(Some(Program {
        path: path.to_owned(),
        version,
    }))
}

fn help_of_up(host: &Path) -> Result<String> {
    let output = Command::new(host)
        .args(["up", "--help"])
        .output()
        .with_context(|| format!("`{}` does not run", host.display()))?;
    ensure!(
        output.status.success(),
        "`{} up --help` failed: is it runtime-host?",
        host.display()
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
