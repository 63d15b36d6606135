//! `make` and `.ci/run`, as somebody at a terminal meets them. Building is left out: what they
//! would build has been built for these tests.

use crate::answer::Answer;
use crate::app::{SOON, client, root, until};
use crate::process::binary;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// The repository's files in a folder of their own, so that `.spin` is nobody else's, beside
/// programs that do nothing but note in `called.txt` how they were called, and in `compiler.txt` what
/// was to compile in the compiler's place.
fn folder(idle_programs: &[&str]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for name in ["Makefile", "spin.toml", "target", "runtime-host"] {
        symlink(root().join(name), folder.path().join(name)).unwrap();
    }
    for part in ["bin", ".ci"] {
        std::fs::create_dir(folder.path().join(part)).unwrap();
    }
    std::fs::copy(root().join(".ci/run"), folder.path().join(".ci/run")).unwrap();
    for name in idle_programs {
        let path = folder.path().join("bin").join(name);
        let script = format!(
            "#!/bin/sh\necho {name} \"$@\" >> called.txt\n\
             echo \"$RUSTC_WORKSPACE_WRAPPER $CLIPPY_ARGS\" >> compiler.txt\n"
        );
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    folder
}

fn called(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("called.txt")).unwrap_or_default()
}

fn compilers(folder: &TempDir) -> String {
    std::fs::read_to_string(folder.path().join("compiler.txt")).unwrap_or_default()
}

/// A command in that folder, without what the environment of these tests would change.
fn command(program: &Path, folder: &TempDir) -> Command {
    let path = std::env::var("PATH").unwrap();
    let mut command = Command::new(program);
    command
        .current_dir(folder.path())
        .env("PATH", format!("{}/bin:{path}", folder.path().display()))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for name in [
        "MAKEFLAGS",
        "MFLAGS",
        "MAKELEVEL",
        "LISTEN",
        "ARGS",
        "LIVE",
        "STORE",
        "RUSTC_WORKSPACE_WRAPPER",
        "CLIPPY_ARGS",
    ] {
        command.env_remove(name);
    }
    command
}

fn make(folder: &TempDir) -> Command {
    command(Path::new("make"), folder)
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A command with everything that it starts, as a terminal sees it.
struct ProcessGroup(u32);

impl ProcessGroup {
    /// Sends a signal to all of them. Gives whether anybody was there.
    fn signal(&self, signal: &str) -> bool {
        std::process::Command::new("kill")
            .args([signal, "--", &format!("-{}", self.0)])
            .stderr(Stdio::null())
            .status()
            .unwrap()
            .success()
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.signal("-KILL");
    }
}

/// A process in a session of its own, by its pid file. Dropping it kills it, should it be left.
struct Background(PathBuf);

impl Background {
    fn pid(&self) -> Option<String> {
        let pid = std::fs::read_to_string(&self.0).ok()?.trim().to_owned();
        Path::new("/proc").join(&pid).exists().then_some(pid)
    }

    fn is_gone(&self) -> bool {
        self.pid().is_none()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _gone = std::process::Command::new("kill")
                .args(["-KILL", &pid])
                .status();
        }
    }
}

/// `make up` as it runs.
struct Up {
    make: tokio::process::Child,
    group: ProcessGroup,
    url: String,
    /// What it said until everything was there.
    said: String,
}

impl Up {
    async fn start(folder: &TempDir, arguments: &[&str]) -> Up {
        let port = free_port();
        let mut make = make(folder)
            .arg("up")
            .arg(format!("LISTEN=127.0.0.1:{port}"))
            .arg(format!("BIN={}", binary().parent().unwrap().display()))
            .args(arguments)
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let group = ProcessGroup(make.id().unwrap());
        let mut lines = BufReader::new(make.stdout.take().unwrap()).lines();
        let mut said = String::new();
        while !(said.contains("Ctrl-C stops everything.") && said.contains("  site: ")) {
            let line = timeout(SOON, lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("no more was said than {said}"));
            let line = line.unwrap();
            said.push_str(&line.unwrap_or_else(|| panic!("it ended after {said}")));
            said.push('\n');
        }
        Up {
            make,
            group,
            url: format!("http://127.0.0.1:{port}"),
            said,
        }
    }

    async fn rate(&self) -> serde_json::Value {
        let url = format!("{}/v1/rates/BTC/USD", self.url);
        let rate = client().get(url).send().await.unwrap();
        Answer::read(rate).await.expect_status(200).json()
    }

    /// Ctrl-C.
    async fn interrupt(mut self) {
        assert!(self.group.signal("-INT"));
        timeout(SOON, self.make.wait())
            .await
            .expect("it ends")
            .unwrap();
        until("no process is left", async || !self.group.signal("-0")).await;
    }
}

#[tokio::test]
async fn make_up_serves_says_what_to_try_and_leaves_nothing_behind() {
    let folder = folder(&["cargo", "rustup"]);
    let up = Up::start(&folder, &[]).await;
    let (url, said) = (&up.url, &up.said);
    for expected in [
        "[1/2] Building the components",
        "[2/2] Building the host",
        "The market is simulated on http://127.0.0.1:",
        &format!("Serving {url}"),
        &format!("curl -i {url}/v1/rates/BTC/USD"),
        &format!("{url}/v1/convert?from=BTC&to=EUR&amount=0.1"),
        &format!("{url}/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=usd,eur"),
        &format!("{url}/health"),
    ] {
        assert!(said.contains(expected), "`{expected}` is not in {said}");
    }
    assert_eq!(up.rate().await["source"], "simulator");
    up.interrupt().await;
}

#[tokio::test]
async fn make_up_says_which_settings_cannot_work_and_stops() {
    let folder = folder(&["cargo", "rustup"]);
    let mut make = make(&folder);
    make.arg("up")
        .arg(format!("LISTEN=127.0.0.1:{}", free_port()))
        .arg(format!("BIN={}", binary().parent().unwrap().display()))
        .arg("ARGS=--variable currencies=USX --variable api_keys=hunter2")
        .process_group(0);
    let make = make.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let make = make.unwrap();
    let group = ProcessGroup(make.id().unwrap());
    let output = timeout(SOON, make.wait_with_output()).await;
    let output = output.expect("it ends by itself").unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for line in [
        "These settings can't work:\n",
        "  currencies: currency 'USX': it is not among the listed currencies; did you mean USD?",
        "  api_keys: entry 1 is neither `name:key` nor",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    assert!(!said.contains("hunter2"), "{said}");
    until("no process is left", async || !group.signal("-0")).await;
}

#[tokio::test]
async fn make_up_on_redis_keeps_the_board_there_and_ends_it_too() {
    let folder = folder(&["cargo", "rustup"]);
    let state = folder.path().join(".spin/simulated");
    let redis = Background(state.join("redis/pid"));
    let mut boards = Vec::new();
    for _ in 0..2 {
        let up = Up::start(&folder, &["STORE=redis"]).await;
        let told = "The store is on redis://127.0.0.1:";
        assert!(up.said.contains(told), "`{told}` is not in {}", up.said);
        assert!(!redis.is_gone());
        boards.push(up.rate().await);
        up.interrupt().await;
        until("Redis has ended", async || redis.is_gone()).await;
    }
    assert_eq!(boards[0], boards[1], "the board outlives both");
    assert!(!state.join("sqlite_key_value.db").exists());

    let output = make(&folder).args(["up", "STORE=reddis"]).output().await;
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("write sqlite or redis"), "{said}");
}

#[tokio::test]
async fn make_help_lists_what_can_be_made() {
    let folder = folder(&[]);
    for arguments in [&["help"][..], &[]] {
        let output = make(&folder).args(arguments).output().await.unwrap();
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        for target in ["up", "build", "test", "lint", "clean", "help"] {
            let listed = |line: &str| line.starts_with(&format!("  make {target} "));
            assert!(said.lines().any(listed), "`{target}` is not in {said}");
        }
    }
}

#[tokio::test]
async fn make_test_builds_everything_and_runs_every_test() {
    let folder = folder(&["cargo", "rustup"]);
    let output = make(&folder)
        .args(["test", "-o", "packages", "-o", "image-of-tests"])
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let called = called(&folder);
    let at = |call: &str| {
        let found = called.find(call);
        found.unwrap_or_else(|| panic!("`{call}` is not in\n{called}"))
    };
    let tested = at(
        "cargo test --profile local --workspace --exclude guest-modern --exclude guest-classic --exclude guest-constant --exclude guest-reading --tests",
    );
    for built in [
        "--target wasm32-wasip2 -p rates -p providers -p health -p metrics -p site",
        "-p site -p guest-modern -p guest-classic",
        "cargo build --profile local --workspace --exclude guest-modern --exclude guest-classic --exclude guest-constant --exclude guest-reading --bins --tests",
    ] {
        assert!(at(built) < tested, "{called}");
    }
    at(
        "--workspace --exclude guest-modern --exclude guest-classic --exclude guest-constant --exclude guest-reading --doc",
    );
}

#[tokio::test]
async fn make_lint_denies_warnings_everywhere() {
    let folder = folder(&["cargo", "rustup"]);
    let output = make(&folder).arg("lint").output().await.unwrap();
    assert!(output.status.success());
    let called = called(&folder);
    let denied = "clippy-driver -D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";
    let mut checked = Vec::new();
    for (call, compiler) in called.lines().zip(compilers(&folder).lines()) {
        match call.strip_prefix("cargo build ") {
            Some(selection) => {
                assert_eq!(compiler, denied, "{call}");
                checked.push(selection);
            }
            None => assert!(
                ["cargo fmt --all --check", "rustup"]
                    .iter()
                    .any(|one| call.starts_with(one)),
                "{call}"
            ),
        }
    }
    let [native, components] = &checked[..] else {
        panic!("natively and as components: {called}");
    };
    assert!(native.contains("--workspace"), "{native}");
    for each in ["-p rates ", "-p guest-modern ", "-p guest-constant "] {
        assert!(components.contains(each), "{components}");
    }
}

#[tokio::test]
async fn ci_lints_and_tests_and_stops_at_the_first_failure() {
    let folder = folder(&["make"]);
    let run = folder.path().join(".ci/run");
    let output = command(&run, &folder).output().await.unwrap();
    assert!(output.status.success());
    assert_eq!(
        called(&folder),
        "make setup packages\nmake lint\nmake test\n"
    );
    let compilers = compilers(&folder);
    let [set_up, lint, test] = &compilers.lines().collect::<Vec<_>>()[..] else {
        panic!("three calls: {compilers}");
    };
    assert_eq!(*set_up, " ");
    assert_eq!(lint, test, "what is linted is what is tested");
    assert!(test.starts_with("clippy-driver "), "{test}");

    std::fs::remove_file(folder.path().join("called.txt")).unwrap();
    let failing = "#!/bin/sh\necho make \"$@\" >> called.txt\n[ \"$1\" != lint ]\n";
    std::fs::write(folder.path().join("bin/make"), failing).unwrap();
    let output = command(&run, &folder).output().await.unwrap();
    assert!(!output.status.success());
    assert_eq!(called(&folder), "make setup packages\nmake lint\n");
}
