//! A real Redis server of a test's own, on a free port: started and ended with the test, and
//! killed, stopped and started again in between. What is on it is not known here.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long a server may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it prints when it does.
const READY: &str = "Ready to accept connections";

/// What it prints when its port is somebody else's.
const TAKEN: &str = "Address already in use";

/// How many ports are tried: one that was free a moment ago may be taken since.
const PORTS_TRIED: usize = 5;

/// How often it is looked.
const STEP: Duration = Duration::from_millis(5);

/// A running server. It forgets nothing that it has acknowledged, not even when it is killed.
/// Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct RedisServer {
    folder: TempDir,
    address: SocketAddr,
    is_tls: bool,
    arguments: Vec<String>,
    process: Option<Child>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum RedisServerError {
    /// The program does not start.
    #[error("redis-server does not start ({0}): install it (Debian: apt-get install redis-server)")]
    NotStarted(io::Error),
    /// It starts and ends again.
    #[error("redis-server ended with {status}: {printed}")]
    Ended {
        /// Of the process.
        status: ExitStatus,
        /// All that it had to say.
        printed: String,
    },
    /// It accepts no connections.
    #[error("redis-server accepts no connection within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// It has been killed before.
    #[error("redis-server is not running: start it again first")]
    NotRunning,
    /// The system does not give what is needed.
    #[error("no redis-server: {0}")]
    System(#[from] io::Error),
}

impl RedisServer {
    /// Starts a server and waits until it accepts connections.
    ///
    /// # Errors
    /// If the program is not installed, or does not serve.
    pub fn start() -> Result<Self, RedisServerError> {
        Self::start_with(&[])
    }

    /// The same with further arguments for `redis-server`.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(arguments: &[&str]) -> Result<Self, RedisServerError> {
        Self::start_speaking(false, arguments)
    }

    /// Starts a server that speaks nothing but TLS, with these files in PEM.
    ///
    /// # Errors
    /// The same.
    pub fn start_with_tls(certificate: &Path, key: &Path) -> Result<Self, RedisServerError> {
        let (certificate, key) = (certificate.to_string_lossy(), key.to_string_lossy());
        let files = ["--tls-cert-file", &certificate, "--tls-key-file", &key];
        let clients = ["--tls-auth-clients", "no"];
        Self::start_speaking(true, &[&files[..], &clients].concat())
    }

    fn start_speaking(is_tls: bool, arguments: &[&str]) -> Result<Self, RedisServerError> {
        let mut server = Self {
            folder: TempDir::new()?,
            address: free_address()?,
            is_tls,
            arguments: arguments.iter().map(ToString::to_string).collect(),
            process: None,
        };
        for _ in 1..PORTS_TRIED {
            match server.start_again() {
                Err(RedisServerError::Ended { printed, .. }) if printed.contains(TAKEN) => {
                    server.address = free_address()?;
                }
                started => return started.map(|()| server),
            }
        }
        server.start_again().map(|()| server)
    }

    /// Starts the server again, on the same port with the same data, and waits until it accepts
    /// connections. Kills the one that runs.
    ///
    /// Whether it does is read in its log. That something answers on the port says nothing: it
    /// may be somebody else, such as a child of this process that has yet to become the program
    /// that another thread starts, and until then holds what was open here, also the socket that
    /// found the port.
    ///
    /// # Errors
    /// The same.
    pub fn start_again(&mut self) -> Result<(), RedisServerError> {
        self.kill()?;
        let port = self.address.port().to_string();
        let ports: &[&str] = match self.is_tls {
            true => &["--port", "0", "--tls-port", &port],
            false => &["--port", &port],
        };
        let log = self.folder.path().join("log.txt");
        let started = Command::new("redis-server")
            .args(ports)
            .args(["--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(File::create(&log)?)
            .spawn();
        let process = started.map_err(RedisServerError::NotStarted)?;
        let process = self.process.insert(process);
        let began = Instant::now();
        loop {
            let ended = process.try_wait()?;
            let printed = fs::read_to_string(&log)?;
            if let Some(status) = ended {
                return Err(RedisServerError::Ended { status, printed });
            }
            if printed.contains(READY) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                return Err(RedisServerError::TimedOut);
            }
            sleep(STEP);
        }
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn kill(&mut self) -> Result<(), RedisServerError> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Stops it without ending it: its connections stay, new ones come about, and nothing is
    /// answered.
    ///
    /// # Errors
    /// If it is not running.
    pub fn freeze(&self) -> Result<(), RedisServerError> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// If it is not running.
    pub fn thaw(&self) -> Result<(), RedisServerError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), RedisServerError> {
        let id = self.process.as_ref().map(Child::id);
        let id = id.and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let id = id.ok_or(RedisServerError::NotRunning)?;
        Ok(kill_process(id, signal).map_err(io::Error::from)?)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `redis://127.0.0.1:<port>`, or `rediss://…` with TLS.
    pub fn url(&self) -> String {
        let scheme = if self.is_tls { "rediss" } else { "redis" };
        format!("{scheme}://{}", self.address)
    }

    /// The folder with its data, where it also runs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// An address of this machine that nobody has just now.
fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_else_answers_on_the_port_is_not_taken_for_the_server() {
        let mut server = RedisServer::start().unwrap();
        server.kill().unwrap();
        let somebody_else = TcpListener::bind(server.address()).unwrap();
        match server.start_again() {
            Err(RedisServerError::Ended { printed, .. }) => {
                assert!(printed.contains(TAKEN), "{printed}");
            }
            started => panic!("{started:?}, on the port of {somebody_else:?}"),
        }
    }
}
