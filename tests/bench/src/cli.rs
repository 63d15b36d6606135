//! The command line of `bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;

use crate::load::Wrk;
use crate::machine::{Layout, Machine};
use crate::measurement::Measured;
use crate::programs::{Paths, Programs};
use crate::ratios;
use crate::report::Report;
use crate::run::{Effort, Run};
use crate::server::Launcher;
use crate::stages::{Scope, Stages};

/// No single answer may take longer.
const ANSWER: Duration = Duration::from_secs(30);

/// Measures runtime-host beside its peers, in one run.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    kind: Kind,
    #[command(flatten)]
    paths: Paths,
    /// The application under test
    #[arg(short = 'f', long = "from", global = true, default_value = "spin.toml")]
    from: PathBuf,
    /// Where reports are written
    #[arg(long, global = true, default_value = "target/bench")]
    output: PathBuf,
    /// How often everything is measured
    #[arg(long, global = true)]
    rounds: Option<usize>,
    /// How long each time, in seconds
    #[arg(long, global = true)]
    seconds: Option<u64>,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Kind {
    /// Everything: all routes and variants, several rounds
    Full,
    /// The ratios only, in at most three minutes
    Quick,
}

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let done = runtime
        .context("no runtime")
        .and_then(|runtime| runtime.block_on(until_interrupted(&arguments)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Servers are in process groups of their own, so that Ctrl-C does not reach them: dropping what
/// holds them ends them.
async fn until_interrupted(arguments: &Arguments) -> Result<()> {
    tokio::select! {
        done = measure(arguments) => done,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted?;
            bail!("interrupted; nothing is reported");
        }
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    allow_many_connections()?;
    let programs = Programs::find(&arguments.paths)?;
    let machine = Machine::look(programs.versions(), &arguments.from)?;
    let began = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    let layout = Layout::of_this_machine()?;
    let folder = TempDir::with_prefix("edge-rates-bench-")?;
    let client = client()?;
    let (kind, scope, effort) = match arguments.kind {
        Kind::Full => (
            "full",
            Scope::Full,
            Effort {
                rounds: 5,
                seconds: 3,
            },
        ),
        Kind::Quick => (
            "quick",
            Scope::Quick,
            Effort {
                rounds: 3,
                seconds: 1,
            },
        ),
    };
    let mut run = Run {
        wrk: Wrk::new(&programs.wrk.path, layout.load.clone(), folder.path())?,
        client: client.clone(),
        effort: Effort {
            rounds: arguments.rounds.unwrap_or(effort.rounds),
            seconds: arguments.seconds.unwrap_or(effort.seconds),
        },
        measured: Measured::default(),
        failures: Vec::new(),
        notes: Vec::new(),
    };
    let launcher = Launcher::new(&programs, folder.path(), layout.servers.clone(), client);
    let stages = Stages {
        launcher: &launcher,
        manifest: &arguments.from,
        scope,
    };
    stages.run(&mut run).await?;
    let report = Report {
        kind,
        began: began.to_string(),
        machine,
        ratios: ratios::rows(&run.measured),
        measured: run.measured,
        failures: run.failures,
        notes: run.notes,
    };
    println!("{}", report.markdown());
    report.write_to(&arguments.output)?;
    eprintln!(
        "Written to {}/{kind}.md and .json",
        arguments.output.display()
    );
    if !report.failures.is_empty() {
        bail!(
            "{} answers or servers failed, see above",
            report.failures.len()
        );
    }
    Ok(())
}

/// A load of 1,024 connections needs as many open files, here and in every server.
fn allow_many_connections() -> Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    setrlimit(Resource::Nofile, limit).context("the number of open files can't be raised")
}

fn client() -> Result<reqwest::Client> {
    let client = reqwest::Client::builder()
        .timeout(ANSWER)
        // What is asked is on this machine, whatever proxy is set.
        .no_proxy()
        // A connection that is kept would have to be answered for when its server ends.
        .pool_max_idle_per_host(0)
        .user_agent("edge-rates-bench")
        .build();
    client.context("no HTTP client")
}
