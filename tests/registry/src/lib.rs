//! A real OCI registry of a test's own (R21), on a free port: with TLS whose certificate a CA of
//! its own has signed (R22), and with one user and password; or without either. What is in it is
//! not known here.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use certificates::Authority;
use tempfile::TempDir;

/// How long a registry may take until it accepts connections.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often it is tried.
const STEP: Duration = Duration::from_millis(5);

/// What registries with TLS are called (R22).
pub const NAME: &str = "registry.local";

/// The user of registries that have one.
pub const USER: &str = "pusher";

/// Its password.
pub const PASSWORD: &str = "correct horse";

/// A running registry. It keeps what it has on disk, also when it is killed and started again.
/// Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct RegistryServer {
    folder: TempDir,
    address: SocketAddr,
    is_secure: bool,
    process: Option<Child>,
}

/// Why there is no registry.
#[derive(Debug, thiserror::Error)]
pub enum RegistryServerError {
    /// A program does not start.
    #[error("{program} does not start ({error}): install it (Debian: apt-get install {package})")]
    NotStarted {
        /// The program.
        program: &'static str,
        /// The package that has it.
        package: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// A program fails.
    #[error("{program} failed: {said}")]
    Failed {
        /// The program.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// The registry starts and ends again.
    #[error("docker-registry ended with {status}: {said}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// What it said.
        said: String,
    },
    /// It accepts no connections.
    #[error("docker-registry accepts no connection within {} s", PATIENCE.as_secs())]
    TimedOut,
    /// There is no certificate for it.
    #[error("no certificate for the registry: {0}")]
    Certificate(#[from] rcgen::Error),
    /// The system does not give what is needed.
    #[error("no registry: {0}")]
    System(#[from] io::Error),
}

impl RegistryServer {
    /// Starts a registry with TLS and a password, and waits until it accepts connections.
    ///
    /// # Errors
    /// If a program is not installed, or the registry does not serve.
    pub fn start() -> Result<Self, RegistryServerError> {
        Self::start_on(Ipv4Addr::LOCALHOST)
    }

    /// The same on another address of this machine, for which the certificate is then too.
    ///
    /// # Errors
    /// The same.
    pub fn start_on(address: Ipv4Addr) -> Result<Self, RegistryServerError> {
        let folder = TempDir::new()?;
        let authority = Authority::new("An authority of a test")?;
        let identity = authority.certify(&[NAME, "localhost", &address.to_string()])?;
        fs::write(folder.path().join("ca.pem"), authority.pem())?;
        fs::write(folder.path().join("server.pem"), identity.certificate)?;
        fs::write(folder.path().join("server.key"), identity.key)?;
        let line = run(
            Command::new("htpasswd").args(["-nbB", "-C", "4", USER, PASSWORD]),
            "htpasswd",
            "apache2-utils",
        )?;
        fs::write(folder.path().join("htpasswd"), line.stdout)?;
        Self::start_in(folder, address, true)
    }

    /// Starts a registry for everybody, without TLS.
    ///
    /// # Errors
    /// The same.
    pub fn start_plain() -> Result<Self, RegistryServerError> {
        Self::start_in(TempDir::new()?, Ipv4Addr::LOCALHOST, false)
    }

    fn start_in(
        folder: TempDir,
        address: Ipv4Addr,
        is_secure: bool,
    ) -> Result<Self, RegistryServerError> {
        let free = TcpListener::bind((address, 0))?;
        let mut server = Self {
            folder,
            address: free.local_addr()?,
            is_secure,
            process: None,
        };
        drop(free);
        server.start_again()?;
        Ok(server)
    }

    /// Starts the registry again, on the same port with the same data, and waits until it accepts
    /// connections. Kills the one that runs.
    ///
    /// # Errors
    /// The same.
    pub fn start_again(&mut self) -> Result<(), RegistryServerError> {
        self.kill()?;
        let config = self.folder.path().join("config.yml");
        fs::write(&config, self.config())?;
        let log = self.folder.path().join("log.txt");
        let file = fs::File::create(&log)?;
        let started = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn();
        let process = started.map_err(|error| RegistryServerError::NotStarted {
            program: "docker-registry",
            package: "docker-registry",
            error,
        })?;
        let process = self.process.insert(process);
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = process.try_wait()? {
                let said = fs::read_to_string(log)?;
                return Err(RegistryServerError::Ended { status, said });
            }
            if began.elapsed() > PATIENCE {
                return Err(RegistryServerError::TimedOut);
            }
            sleep(STEP);
        }
        Ok(())
    }

    fn config(&self) -> String {
        let folder = self.folder.path().display();
        let address = self.address;
        let mut text = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem: {{rootdirectory: \
             {folder}/data}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {address}\n  secret: \
             only-for-a-test\n"
        );
        if self.is_secure {
            text.push_str(&format!(
                "  tls: {{certificate: {folder}/server.pem, key: {folder}/server.key}}\nauth:\n  \
                 htpasswd: {{realm: test, path: {folder}/htpasswd}}\n"
            ));
        }
        text
    }

    /// Ends it as `kill -9` does.
    ///
    /// # Errors
    /// If the system does not allow it.
    pub fn kill(&mut self) -> Result<(), RegistryServerError> {
        if let Some(mut process) = self.process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `<address>:<port>/<name>`
    pub fn reference(&self, name: &str) -> String {
        format!("{}/{name}", self.address)
    }

    /// The certificate of the CA that has signed the registry's own; nothing without TLS.
    pub fn ca_file(&self) -> Option<PathBuf> {
        self.is_secure.then(|| self.folder.path().join("ca.pem"))
    }

    /// The file of a content, by its digest.
    pub fn content(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        let prefix = hex.get(..2).unwrap_or_default();
        let blobs = "data/docker/registry/v2/blobs/sha256";
        self.folder
            .path()
            .join(blobs)
            .join(prefix)
            .join(hex)
            .join("data")
    }

    /// A docker `config.json` with a password for this registry.
    pub fn docker_config(&self, user: &str, password: &str) -> String {
        let auth = STANDARD.encode(format!("{user}:{password}"));
        let address = self.address;
        format!("{{\"auths\":{{\"{address}\":{{\"auth\":\"{auth}\"}}}}}}")
    }
}

impl Drop for RegistryServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _gone = self.kill();
    }
}

/// Runs a program to its end.
fn run(
    command: &mut Command,
    program: &'static str,
    package: &'static str,
) -> Result<Output, RegistryServerError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| RegistryServerError::NotStarted {
        program,
        package,
        error,
    })?;
    match output.status.success() {
        true => Ok(output),
        false => Err(RegistryServerError::Failed {
            program,
            said: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}
