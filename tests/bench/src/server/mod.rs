//! Servers under load: how each of them is started, all for the same work and on loopback.

mod nginx;
mod own;
mod spin;
mod wasmtime;

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use http::StatusCode;
use tokio::process::Command;

pub use own::{HostOptions, variables_of_market};

use crate::machine::Layout;
use crate::process::Process;
use crate::programs::Programs;
use crate::seed::Seed;

/// How long a server may take to serve; a cold compilation of five components is included.
const START: Duration = Duration::from_secs(120);

/// The same under callgrind, which makes everything fifty times as slow.
const START_UNDER_CALLGRIND: Duration = Duration::from_secs(30 * 60);

/// Between two looks at a server that starts.
const LOOK: Duration = Duration::from_micros(200);

/// A running server.
#[derive(Debug)]
pub struct Server {
    /// Its name in tables.
    pub name: String,
    /// Its process, which is the first of its group.
    pub id: i32,
    /// Where it listens.
    pub address: SocketAddr,
    /// From the start of the process to the first answer that was asked for.
    pub started_within: Duration,
    process: Process,
}

impl Server {
    /// `http://` and the address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Processor time it has used so far.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn processor_time(&self) -> Result<Duration> {
        self.process.processor_time()
    }

    /// Resident memory, in bytes.
    ///
    /// # Errors
    /// If /proc can't be read.
    pub fn resident_bytes(&self) -> Result<u64> {
        self.process.resident_bytes()
    }

    /// Fails if it has ended, with the last lines that it printed.
    ///
    /// # Errors
    /// That.
    pub fn must_run(&mut self) -> Result<()> {
        if let Some(status) = self.process.ended()? {
            bail!(
                "{} ended ({status}):\n{}",
                self.name,
                self.process.last_words()
            );
        }
        Ok(())
    }

    /// Ends it, as an operator would.
    ///
    /// # Errors
    /// If it does not end in time.
    pub async fn stop(self) -> Result<()> {
        let name = self.name;
        self.process.stop().await.with_context(|| name)
    }
}

/// An application and what it is run with.
#[derive(Debug, Clone, Copy)]
pub struct App<'a> {
    /// The manifest.
    pub manifest: &'a Path,
    /// What is in its store beforehand, and the settings for that.
    pub seed: Option<&'a Seed>,
    /// More settings.
    pub variables: &'a [(String, String)],
    /// What is asked until it is answered 200.
    pub probe: &'static str,
}

/// Starts servers, each in a folder of its own below one that is removed in the end.
#[derive(Debug)]
pub struct Launcher<'a> {
    /// What can be started.
    pub programs: &'a Programs,
    folder: PathBuf,
    layout: Layout,
    client: reqwest::Client,
    is_under_callgrind: bool,
}

impl<'a> Launcher<'a> {
    /// A launcher that works in `folder`.
    pub fn new(
        programs: &'a Programs,
        folder: &Path,
        layout: Layout,
        client: reqwest::Client,
    ) -> Launcher<'a> {
        Launcher {
            programs,
            folder: folder.to_owned(),
            layout,
            client,
            is_under_callgrind: false,
        }
    }

    /// A launcher whose servers run under callgrind, with its counts off. They write their
    /// profiles to [`Launcher::profile_of`].
    pub fn under_callgrind(&self) -> Launcher<'a> {
        Launcher {
            programs: self.programs,
            folder: self.folder.clone(),
            layout: self.layout.clone(),
            client: self.client.clone(),
            is_under_callgrind: true,
        }
    }

    /// The file that a server under callgrind writes its first profile to.
    pub fn profile_of(&self, server: &Server) -> PathBuf {
        self.folder.join(format!("callgrind.{}.1", server.id))
    }

    /// A new folder, for a server or for what several of them share.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let prefix = format!("{}-", name.replace([' ', '/'], "-"));
        let folder = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.folder)
            .context("no folder for a server")?;
        // All of them are removed together.
        Ok(folder.keep())
    }

    /// A new state folder with the app's board in it.
    async fn state(&self, folder: &Path, app: &App<'_>) -> Result<PathBuf> {
        let state = folder.join("state");
        std::fs::create_dir_all(&state)?;
        if let Some(seed) = app.seed {
            seed.store_in(&state).await?;
        }
        Ok(state)
    }

    /// A command that is bound to the processors of servers.
    fn command(&self, program: &Path) -> Command {
        let mut before: Vec<OsString> = Vec::new();
        if let Some(processors) = &self.layout.servers {
            before.extend(["taskset", "-c", processors].map(OsString::from));
        }
        if self.is_under_callgrind {
            let profiles = self.folder.join("callgrind.%p");
            before.extend(["valgrind", "--tool=callgrind", "--instr-atstart=no"].map(Into::into));
            before.push(format!("--callgrind-out-file={}", profiles.display()).into());
        }
        before.push(program.into());
        let mut words = before.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command.args(words);
        command
    }

    /// Starts a command, and waits until `probe` is answered 200.
    async fn start(
        &self,
        name: &str,
        command: Command,
        folder: &Path,
        address: SocketAddr,
        probe: &str,
    ) -> Result<Server> {
        let patience = match self.is_under_callgrind {
            true => START_UNDER_CALLGRIND,
            false => START,
        };
        let started = Instant::now();
        let process = Process::start(command, &folder.join("output.txt"))?;
        let mut server = Server {
            name: name.to_owned(),
            id: process.id(),
            address,
            started_within: Duration::ZERO,
            process,
        };
        let url = format!("{}{probe}", server.url());
        loop {
            let last = match self.client.get(&url).send().await {
                Ok(answer) if answer.status() == StatusCode::OK => break,
                Ok(answer) => answer.status().to_string(),
                Err(error) => error.to_string(),
            };
            server.must_run()?;
            if started.elapsed() > patience {
                let words = server.process.last_words();
                bail!("{name} does not answer {url} within {patience:?}: {last}\n{words}");
            }
            // The runtime's timer is coarser than what is measured here, and nothing else is
            // going on.
            std::thread::sleep(LOOK);
        }
        server.started_within = started.elapsed();
        Ok(server)
    }
}

/// A port of loopback that is free at the moment.
fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?)
}

/// `--variable name=value` for all settings of an app.
fn variable_arguments(app: &App<'_>) -> Vec<String> {
    let seeded = app.seed.map(Seed::variables).unwrap_or_default();
    seeded
        .iter()
        .chain(app.variables)
        .flat_map(|(name, value)| ["--variable".to_owned(), format!("{name}={value}")])
        .collect()
}
