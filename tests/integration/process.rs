//! `runtime-host` as a process of its own, for what only a process can show: signals, sudden
//! death, and what is printed.

use crate::app::SOON;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// The binary, built beside this test.
pub(crate) fn binary() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let binary = test
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("runtime-host");
    assert!(
        binary.exists(),
        "{} is missing: run `make test`, or `make build` first",
        binary.display()
    );
    binary
}

pub(crate) struct Process {
    child: Child,
    stdout: BufReader<ChildStdout>,
    /// `http://127.0.0.1:<port>`
    pub(crate) url: String,
    /// What was printed until it served.
    pub(crate) start_up_text: String,
}

impl Process {
    /// Starts `runtime-host up` on a manifest and waits until it serves.
    pub(crate) async fn start(manifest: &Path, arguments: &[&str]) -> Process {
        Process::start_logging(manifest, arguments, Stdio::inherit()).await
    }

    /// The same with its log elsewhere than on the terminal.
    pub(crate) async fn start_logging(
        manifest: &Path,
        arguments: &[&str],
        log: impl Into<Stdio>,
    ) -> Process {
        let mut command = Process::up(manifest, arguments);
        command.stderr(log);
        Process::of(command).await
    }

    /// How `runtime-host up` is started on a manifest and a free port.
    pub(crate) fn up(manifest: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(["up", "--listen", "127.0.0.1:0", "-q", "-f"])
            .arg(manifest)
            .args(arguments);
        command
    }

    /// Starts a host in this way and waits until it serves.
    pub(crate) async fn of(mut command: Command) -> Process {
        let mut child = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut start_up_text = String::new();
        let serving = async {
            loop {
                let mut line = String::new();
                let read = stdout.read_line(&mut line).await.unwrap();
                assert!(read > 0, "it ended without serving: {start_up_text}");
                start_up_text.push_str(&line);
                if let Some(url) = line.trim().strip_prefix("Serving ") {
                    return url.to_owned();
                }
            }
        };
        let url = timeout(SOON, serving).await.expect("it serves soon");
        Process {
            child,
            stdout,
            url,
            start_up_text,
        }
    }

    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("it is running").to_string();
        let status = std::process::Command::new("kill")
            .args([signal, &pid])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for the end and gives the exit code; None if a signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let status = timeout(Duration::from_secs(60), self.child.wait()).await;
        status.expect("it ends").unwrap().code()
    }

    /// Reads the rest of the start-up text: the routes.
    pub(crate) async fn read_lines(&mut self, count: usize) {
        for _ in 0..count {
            timeout(SOON, self.stdout.read_line(&mut self.start_up_text))
                .await
                .expect("another line")
                .unwrap();
        }
    }
}
