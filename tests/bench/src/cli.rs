//! The command line of `bench`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use rustix::process::{Resource, getrlimit, setrlimit};
use tempfile::TempDir;
use tokio::signal::unix::{SignalKind, signal};

use crate::load::Wrk;
use crate::machine::{Layout, Machine};
use crate::measurement::Measured;
use crate::programs::{Paths, Programs};
use crate::report::{Report, Tables};
use crate::run::{Effort, Run};
use crate::server::Launcher;
use crate::stages::{Scope, Stages};
use crate::{ladder, ratios, replicas, soak};

/// A load average from which on a run does not measure what it seems to.
const BUSY: f32 = 0.5;

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
    /// The folder with the manifests of the bench's own applications
    #[arg(long, global = true, default_value = "tests/bench/apps")]
    apps: PathBuf,
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
    /// What each layer costs
    Ladder,
    /// A long run with failing upstreams
    Soak {
        /// How long
        #[arg(long, default_value_t = 10)]
        minutes: u64,
    },
    /// Two replicas on one Redis while upstreams fail: no wrong price, no dishonest answer
    Replicas {
        /// How long
        #[arg(long, default_value_t = 5)]
        minutes: u64,
    },
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Full => "full",
            Kind::Quick => "quick",
            Kind::Ladder => "ladder",
            Kind::Soak { .. } => "soak",
            Kind::Replicas { .. } => "replicas",
        }
    }
}

impl Arguments {
    fn effort(&self) -> Effort {
        let (rounds, seconds) = match self.kind {
            Kind::Quick => (3, 1),
            _ => (4, 1),
        };
        Effort {
            rounds: self.rounds.unwrap_or(rounds).max(1),
            seconds: self.seconds.unwrap_or(seconds).max(1),
        }
    }
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
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        done = measure(arguments) => return done,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
    }
    bail!("interrupted; nothing is reported")
}

async fn measure(arguments: &Arguments) -> Result<()> {
    allow_many_connections()?;
    let programs = Programs::find(&arguments.paths)?;
    let machine = Machine::look(programs.versions(), &arguments.from)?;
    let layout = Layout::of_this_machine()?;
    let folder = TempDir::with_prefix("edge-rates-bench-")?;
    let client = client()?;
    let mut run = Run {
        wrk: Wrk::new(&programs.wrk.path, layout.load.clone(), folder.path())?,
        client: client.clone(),
        effort: arguments.effort(),
        measured: Measured::default(),
        failures: Vec::new(),
        notes: Vec::new(),
    };
    if machine.load_before > BUSY {
        run.note(format!(
            "the machine was busy before the run (load average {:.1}): numbers are noise",
            machine.load_before
        ));
    }
    let launcher = Launcher::new(&programs, folder.path(), layout.clone(), client);
    let tables = match arguments.kind {
        Kind::Full | Kind::Quick => {
            let stages = Stages {
                launcher: &launcher,
                manifest: &arguments.from,
                apps: &arguments.apps,
                scope: match arguments.kind {
                    Kind::Full => Scope::Full,
                    _ => Scope::Quick,
                },
            };
            stages.run(&mut run).await?;
            Tables::Ratios(ratios::rows(&run.measured, layout.is_apart()))
        }
        Kind::Ladder => {
            let climbing = ladder::climb(&mut run, &launcher, &arguments.from, &arguments.apps);
            Tables::Ladder(climbing.await?)
        }
        Kind::Soak { minutes } => {
            let windows = soak::run(&mut run, &launcher, &arguments.from, minutes).await?;
            Tables::Soak {
                judgement: soak::judge(&windows),
                windows,
            }
        }
        Kind::Replicas { minutes } => {
            let trial = replicas::run(&mut run, &launcher, &arguments.from, minutes);
            Tables::Replicas(trial.await?)
        }
    };
    let report = Report {
        kind: arguments.kind.name(),
        machine,
        tables,
        measured: run.measured,
        failures: run.failures,
        notes: run.notes,
    };
    println!("{}", report.markdown());
    report.write_to(&arguments.output)?;
    match report.failures.len() {
        0 => Ok(()),
        count => bail!("{count} things ran or answered wrongly, see above"),
    }
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
