//! Containers by runc, and whether this machine lets us run them.

use crate::node::own_network;
use serde_json::{Value, json};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a container is waited for: longer than any grace period here.
const END: Duration = Duration::from_secs(60);

/// What the tests start, and the package that has it.
const PROGRAMS: [(&str, &str); 6] = [
    ("buildah", "buildah"),
    ("runc", "runc"),
    ("ip", "iproute2"),
    ("iptables-restore", "iptables"),
    ("dnsmasq", "dnsmasq-base"),
    ("nginx", "nginx-light"),
];

/// A running container; dropping it kills it.
pub(crate) struct Container {
    id: String,
    /// What runc keeps of it.
    state: PathBuf,
    log: PathBuf,
    /// `runc run`, which ends as the container does.
    runc: Child,
}

impl Container {
    /// Starts one by its runtime specification. `folder` is its own; what it prints goes there.
    pub(crate) fn start(folder: &Path, id: &str, specification: &Value) -> Container {
        let bundle = folder.join("bundle");
        std::fs::create_dir_all(&bundle).unwrap();
        let file = File::create(bundle.join("config.json")).unwrap();
        serde_json::to_writer_pretty(file, specification).unwrap();
        let (state, log) = (folder.join("runc"), folder.join("log.txt"));
        let output = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        // A test that is killed takes its containers along: runc passes the signal on.
        let runc = Command::new("setpriv")
            .args(["--pdeathsig", "TERM", "runc", "--root"])
            .arg(&state)
            .args(["run", "--bundle"])
            .arg(&bundle)
            .arg(id)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .kill_on_drop(true)
            .spawn()
            .expect("runc runs");
        Container {
            id: id.to_owned(),
            state,
            log,
            runc,
        }
    }

    /// Sends a signal to its first process, as the kubelet has it done.
    pub(crate) fn signal(&self, signal: &str) {
        let mut sent = self.runc_command(&["kill", &self.id, signal]);
        assert!(sent.status().unwrap().success(), "{}", self.log());
    }

    /// Waits for its end; the code of what a signal ended is 128 and the signal.
    pub(crate) async fn ended(&mut self) -> i32 {
        let status = timeout(END, self.runc.wait()).await;
        let status = status.unwrap_or_else(|_| panic!("it does not end: {}", self.log()));
        status.unwrap().code().expect("runc has an exit code")
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.runc.try_wait().unwrap().is_some()
    }

    /// What it has printed so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What its control group counts.
    pub(crate) fn statistics(&self) -> Value {
        let output = self.runc_command(&["events", "--stats", &self.id]).output();
        let output = output.unwrap();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
        })
    }

    /// The number that its first process has outside.
    pub(crate) fn process(&self) -> u32 {
        let output = self.runc_command(&["state", &self.id]).output().unwrap();
        let state: Value = serde_json::from_slice(&output.stdout).unwrap();
        state["pid"].as_u64().unwrap().try_into().unwrap()
    }

    fn runc_command(&self, arguments: &[&str]) -> std::process::Command {
        let mut command = std::process::Command::new("runc");
        command.arg("--root").arg(&self.state).args(arguments);
        command
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _gone = self.runc_command(&["delete", "--force", &self.id]).output();
        if std::thread::panicking() {
            eprintln!("--- {} printed:\n{}---", self.id, self.log());
        }
    }
}

/// Whether this machine lets us run containers at all: no image of ours decides that.
pub(crate) fn permitted() -> Result<(), String> {
    static PERMITTED: OnceLock<Result<(), String>> = OnceLock::new();
    PERMITTED
        .get_or_init(|| {
            missing_programs();
            if !rustix::process::geteuid().is_root() {
                return Err("they need root".to_owned());
            }
            std::thread::spawn(own_network)
                .join()
                .unwrap()
                .map_err(|error| format!("no network namespace: {error}"))?;
            machines_own_program()
        })
        .clone()
}

/// Tells what is not tested here and why, where also a test that passes is heard.
pub(crate) fn tell(text: &str) {
    let _unread = writeln!(io::stderr().lock(), "{text}");
}

fn missing_programs() {
    let path = std::env::var("PATH").unwrap_or_default();
    // Where Debian has what only root needs.
    let folders: Vec<_> = path.split(':').chain(["/usr/sbin", "/sbin"]).collect();
    let is_there = |name: &str| {
        folders
            .iter()
            .any(|folder| Path::new(folder).join(name).exists())
    };
    let missing: Vec<_> = PROGRAMS
        .iter()
        .filter(|(program, _)| !is_there(program))
        .map(|(_, package)| *package)
        .collect();
    assert!(
        missing.is_empty(),
        "missing (Debian: apt-get install {})",
        missing.join(" ")
    );
}

/// Runs `true` of this machine in a container with limits.
fn machines_own_program() -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    let files = folder.path().join("files");
    let bound = ["/usr", "/bin", "/lib", "/lib64"];
    let bound = bound.iter().filter(|path| Path::new(path).exists());
    let mut mounts: Vec<Value> = bound
        .map(|path| json!({ "destination": path, "type": "bind", "source": path, "options": ["rbind", "ro"] }))
        .collect();
    mounts.push(json!({ "destination": "/proc", "type": "proc", "source": "proc" }));
    for path in &mounts {
        let path = path["destination"]
            .as_str()
            .unwrap()
            .trim_start_matches('/');
        std::fs::create_dir_all(files.join(path)).unwrap();
    }
    let specification = json!({
        "ociVersion": "1.0.2",
        "process": { "user": { "uid": 1000, "gid": 1000 }, "args": ["/usr/bin/true"], "cwd": "/", "noNewPrivileges": true },
        "root": { "path": files, "readonly": true },
        "mounts": mounts,
        "linux": {
            "namespaces": [{ "type": "mount" }, { "type": "pid" }, { "type": "network" }],
            "resources": { "memory": { "limit": 64 << 20 }, "cpu": { "quota": 50_000, "period": 100_000 } },
        },
    });
    std::fs::write(folder.path().join("config.json"), specification.to_string()).unwrap();
    let id = format!("edge-rates-permitted-{}", std::process::id());
    let output = std::process::Command::new("runc")
        .arg("--root")
        .arg(folder.path().join("runc"))
        .args(["run", "--bundle"])
        .arg(folder.path())
        .arg(id)
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
