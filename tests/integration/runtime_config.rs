//! `--runtime-config-file`: what is configured is used, and what is wrong is said in one sentence
//! without any password.

use crate::answer::Answer;
use crate::app::{client, until};
use crate::guest::manifest;
use crate::process::{Process, binary};
use std::path::PathBuf;
use tempfile::TempDir;
use tokio::process::Command;

/// A folder with the guests' manifest and a runtime config.
struct Folder {
    folder: TempDir,
    manifest: PathBuf,
    config: PathBuf,
}

impl Folder {
    fn with(text: &str) -> Folder {
        let folder = TempDir::new().unwrap();
        let manifest = manifest(folder.path(), &[]);
        let config = folder.path().join("config/runtime.toml");
        std::fs::create_dir(config.parent().unwrap()).unwrap();
        std::fs::write(&config, text).unwrap();
        Folder {
            folder,
            manifest,
            config,
        }
    }

    async fn start(&self, arguments: &[&str]) -> Process {
        let config = self.config.to_str().unwrap();
        let arguments = [&["--runtime-config-file", config], arguments].concat();
        Process::start(&self.manifest, &arguments).await
    }

    /// What is said of a config that cannot be used.
    async fn refusal(&self) -> String {
        let mut command = Command::new(binary());
        command
            .args(["up", "--listen", "127.0.0.1:0", "-f"])
            .arg(&self.manifest)
            .env("RUNTIME_CONFIG_FILE", &self.config);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    }
}

async fn get(host: &Process, path: &str) -> Answer {
    let answer = client().get(format!("{}{path}", host.url)).send().await;
    Answer::read(answer.unwrap()).await
}

#[tokio::test]
async fn a_store_is_in_the_file_that_is_named_for_it() {
    let folder =
        Folder::with("[key_value_store.default]\ntype = \"spin\"\npath = \"data/kept.db\"\n");
    let mut host = folder.start(&[]).await;
    get(&host, "/modern/kv?op=set&key=a&value=1")
        .await
        .expect_status(200);
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    let kept = folder.folder.path().join("config/data/kept.db");
    assert!(kept.exists(), "relative to the config file");
    let host = folder.start(&[]).await;
    assert_eq!(get(&host, "/modern/kv?op=get&key=a").await.text, "1");
}

#[tokio::test]
async fn a_store_without_a_file_begins_empty_each_time() {
    let folder = Folder::with("[key_value_store.default]\ntype = \"spin\"\n");
    let host = folder.start(&["--key-value", "a=1"]).await;
    assert_eq!(get(&host, "/modern/kv?op=get&key=a").await.text, "1");
    drop(host);
    let host = folder.start(&[]).await;
    get(&host, "/modern/kv?op=get&key=a")
        .await
        .expect_status(404);
}

#[tokio::test]
async fn variables_and_folders_are_those_of_the_config_unless_the_command_line_is_stronger() {
    let text = "[[variables_provider]]\ntype = \"static\"\nvalues = { greeting = \"salut\" }\n";
    let folder = Folder::with("");
    let place = |name: &str| folder.folder.path().join(name);
    let text = format!(
        "state_dir = {:?}\nlog_dir = {:?}\n{text}",
        place("kept"),
        place("told")
    );
    std::fs::write(&folder.config, text).unwrap();
    let host = folder.start(&[]).await;
    let greeting = "/modern/variable?name=greeting";
    assert_eq!(get(&host, greeting).await.expect_status(200).text, "salut");
    assert!(place("kept/sqlite_key_value.db").exists());
    // A refusal is told in the component's log.
    let refused = "/modern/fetch?url=http://127.0.0.1:1/";
    get(&host, refused).await.expect_status(502);
    until("the component's log is there", async || {
        place("told/modern_stderr.txt").exists()
    })
    .await;
    drop(host);

    let elsewhere = place("elsewhere");
    let elsewhere = elsewhere.to_str().unwrap();
    let host = folder
        .start(&["--variable", "greeting=hei", "--state-dir", elsewhere])
        .await;
    assert_eq!(get(&host, greeting).await.expect_status(200).text, "hei");
    assert!(place("elsewhere/sqlite_key_value.db").exists());
}

#[tokio::test]
async fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let text = "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://:hunter2@a\"\nprefx = \"a\"\n";
    let said = Folder::with(text).refusal().await;
    assert!(
        said.contains("runtime.toml: unknown key `prefx` in [key_value_store.default] (line 4)")
            && said.contains("did you mean `prefix`?"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn what_is_not_built_in_is_named_with_what_to_use_instead() {
    let text = "[key_value_store.default]\ntype = \"azure_cosmos\"\nkey = \"hunter2\"\n";
    let said = Folder::with(text).refusal().await;
    assert!(
        said.contains("`azure_cosmos`") && said.contains("use the type `redis`"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
}

#[tokio::test]
async fn a_missing_config_is_named() {
    let folder = Folder::with("");
    std::fs::remove_file(&folder.config).unwrap();
    let said = folder.refusal().await;
    assert!(
        said.contains("config/runtime.toml cannot be read") && said.contains("RUNTIME_CONFIG_FILE"),
        "{said}"
    );
}

#[tokio::test]
async fn a_server_that_is_away_is_told_at_the_start_without_its_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let folder = Folder::with(&format!(
        "[key_value_store.default]\ntype = \"redis\"\nurl = \"redis://me:hunter2@127.0.0.1:{port}\"\n"
    ));
    let log = folder.folder.path().join("log.txt");
    let log_file = std::fs::File::create(&log).unwrap();
    let config = folder.config.to_str().unwrap();
    let arguments = ["--runtime-config-file", config];
    let mut host = Process::start_logging(&folder.manifest, &arguments, log_file).await;
    let answer = get(&host, "/modern/kv?op=get&key=a")
        .await
        .expect_status(500);
    assert!(
        answer.text.contains(&format!("127.0.0.1:{port}")),
        "{}",
        answer.text
    );
    host.signal("-TERM");
    assert_eq!(host.ended().await, Some(0));
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(
        said.contains(&format!(
            "Redis at redis://127.0.0.1:{port}/0 is not reachable"
        )),
        "{said}"
    );
    assert!(
        !said.contains("hunter2") && !answer.text.contains("hunter2"),
        "{said}"
    );
}
