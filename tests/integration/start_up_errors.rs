//! What is wrong at the start is said in one clear sentence with the fix.

use crate::app::SOON;
use crate::guest::{manifest, wasm};
use crate::process::{Process, binary};
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Runs `runtime-host up` on a manifest that can't work, and gives what it says.
async fn refusal(manifest: &Path, arguments: &[&str]) -> String {
    let output = Command::new(binary())
        .args(["up", "-f"])
        .arg(manifest)
        .args(["--listen", "127.0.0.1:0"])
        .args(arguments)
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        !said.contains("panicked") && !said.contains("stack backtrace"),
        "{said}"
    );
    said
}

/// Runs `runtime-host up` on the guests' manifest with these variables in its environment, in which
/// it can't work, and gives what it says.
async fn refusal_with(environment: &[(&str, &str)]) -> String {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let mut command = Process::up(&manifest, &[]);
    command.envs(environment.iter().copied());
    let output = command.output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

/// The guests' manifest with one text replaced by another.
async fn refusal_of(replace: &str, by: &str) -> String {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(replace));
    std::fs::write(&path, text.replace(replace, by)).unwrap();
    refusal(&path, &[]).await
}

#[tokio::test]
async fn a_missing_manifest_is_named() {
    let said = refusal(Path::new("/nowhere/spin.toml"), &[]).await;
    assert!(said.contains("/nowhere/spin.toml"), "{said}");
}

#[tokio::test]
async fn an_unknown_key_is_named_with_the_nearest_known_one() {
    let said = refusal_of("key_value_stores", "key_value_store").await;
    assert!(
        said.contains("key_value_store") && said.contains("did you mean `key_value_stores`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_wasm_file_is_named_with_the_way_to_build_it() {
    let said = refusal_of("guest_modern.wasm", "guest_modem.wasm").await;
    assert!(
        said.contains("guest_modem.wasm") && said.contains("--build"),
        "{said}"
    );
}

#[tokio::test]
async fn a_component_that_does_not_exist_is_named_with_the_nearest_one() {
    let said = refusal_of("component = \"classic\"", "component = \"clasic\"").await;
    assert!(
        said.contains("clasic") && said.contains("`classic`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_missing_import_is_named() {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    // The rates component without the providers that it imports.
    let rates = wasm("rates");
    let text = std::fs::read_to_string(&path).unwrap();
    let text = text.replace(
        &format!("{:?}", wasm("guest_classic")),
        &format!("{rates:?}"),
    );
    std::fs::write(&path, text).unwrap();
    let said = refusal(&path, &[]).await;
    assert!(said.contains("edge-rates:provider/quotes@1.0.0"), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_component_is_named_with_the_right_target() {
    let said = refusal_of(&format!("{:?}", wasm("guest_classic")), "\"spin.toml\"").await;
    assert!(
        said.contains("spin.toml of [component.classic] is not a WebAssembly file")
            && said.contains("wasm32-wasip2"),
        "{said}"
    );
}

/// What is said of a component that has this dependency.
async fn refusal_with_dependency(wasm_name: &str) -> String {
    let build = "build = { command = \"make guests\" }";
    let dependency = format!(
        "{build}\n[component.modern.dependencies]\n\"edge-rates:provider/quotes@1.0.0\" = {{ path = {:?} }}",
        wasm(wasm_name)
    );
    refusal_of(build, &dependency).await
}

#[tokio::test]
async fn a_dependency_that_needs_a_right_of_its_component_is_named_with_the_way_to_pass_it_on() {
    let said = refusal_with_dependency("guest_modern").await;
    assert!(
        said.contains("`key_value_stores`")
            && said.contains("dependencies_inherit_configuration = true"),
        "{said}"
    );
}

#[tokio::test]
async fn a_dependency_that_nothing_imports_is_named() {
    let said = refusal_with_dependency("providers").await;
    assert!(
        said.contains("names `edge-rates:provider/quotes@1.0.0`")
            && said.contains("imports nothing of that name"),
        "{said}"
    );
}

#[tokio::test]
async fn what_this_host_does_not_have_is_named_with_what_to_do_instead() {
    let stores = "key_value_stores = [\"default\"]";
    let said = refusal_of(stores, "sqlite_databases = [\"default\"]").await;
    assert!(
        said.contains("`sqlite_databases` in [component.modern] is not built into this host")
            && said.contains("use `key_value_stores`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_variable_without_a_value_is_named_with_the_ways_to_give_one() {
    let said = refusal_of("{ default = \"hello\" }", "{ required = true }").await;
    assert!(
        said.contains("`greeting`")
            && said.contains("--variable greeting=")
            && said.contains("SPIN_VARIABLE_GREETING"),
        "{said}"
    );
}

#[tokio::test]
async fn a_busy_port_is_named_with_the_ways_out() {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    let first = Process::start(&path, &[]).await;
    let address = first.url.strip_prefix("http://").unwrap().to_owned();
    let output = Command::new(binary())
        .args(["up", "-f"])
        .arg(&path)
        .args(["--listen", &address])
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains(&address) && said.contains("--listen"),
        "{said}"
    );
}

#[tokio::test]
async fn a_variable_that_does_not_exist_is_named_with_the_nearest_one() {
    let folder = TempDir::new().unwrap();
    let said = refusal(&manifest(folder.path(), &[]), &["--variable", "greating=x"]).await;
    assert!(
        said.contains("greating") && said.contains("`greeting`"),
        "{said}"
    );
}

#[tokio::test]
async fn a_component_instead_of_a_manifest_is_told_with_what_to_write() {
    let said = refusal(&wasm("guest_modern"), &[]).await;
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(
        said.contains("guest_modern.wasm is a WebAssembly file and not a manifest")
            && said.contains("write a spin.toml"),
        "{said}"
    );
    assert!(!said.contains("UTF-8"), "{said}");
}

#[tokio::test]
async fn a_file_that_is_no_text_is_told_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("spin.toml");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    let said = refusal(&path, &[]).await;
    assert_eq!(said.matches("UTF-8").count(), 1, "{said}");
    assert!(said.contains("name a spin.toml"), "{said}");
}

#[tokio::test]
async fn a_cause_is_told_once() {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    let here = folder.path().to_str().unwrap();
    // A folder is no file, and below a file there is no folder.
    let below = path.join("stores");
    let config = folder.path().join("runtime-config.toml");
    let store = format!(
        "[key_value_store.default]\ntype = \"spin\"\npath = {:?}\n",
        below.join("kv.db")
    );
    std::fs::write(&config, store).unwrap();
    for (arguments, cause) in [
        (["--runtime-config-file", here], "(os error 21)"),
        (["--state-dir", below.to_str().unwrap()], "(os error 20)"),
        (
            ["--runtime-config-file", config.to_str().unwrap()],
            "(os error 20)",
        ),
    ] {
        let said = refusal(&path, &arguments).await;
        assert_eq!(said.matches(cause).count(), 1, "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn plain_http_is_not_served_where_tls_is_asked_for() {
    let folder = TempDir::new().unwrap();
    let manifest = manifest(folder.path(), &[]);
    let arguments = ["--tls-cert", "cert.pem", "--tls-key", "key.pem"];
    for said in [
        refusal(&manifest, &arguments).await,
        refusal_with(&[("SPIN_TLS_CERT", "cert.pem"), ("SPIN_TLS_KEY", "key.pem")]).await,
    ] {
        assert!(
            said.contains("serving TLS is not built into this host")
                && said.contains("SPIN_TLS_CERT")
                && said.contains("--tls-cert"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_name_of_this_machine_can_be_listened_on() {
    let folder = TempDir::new().unwrap();
    let mut command = Command::new(binary());
    command
        .args(["up", "-q", "--request-timeout", "30", "-f"])
        .arg(manifest(folder.path(), &[]))
        .env("SPIN_HTTP_LISTEN_ADDR", "localhost:0");
    let host = Process::of(command).await;
    assert!(host.url.starts_with("http://127.0.0.1:"), "{}", host.url);
}

#[tokio::test]
async fn the_start_up_text_for_scripts_is_the_one_that_spin_prints() {
    let folder = TempDir::new().unwrap();
    let path = manifest(folder.path(), &[]);
    let text = std::fs::read_to_string(&path).unwrap();
    let described = text.replace(
        "[component.classic]\n",
        "[component.classic]\ndescription = \"Of WASI 0.2\"\n",
    );
    std::fs::write(&path, described).unwrap();
    let mut host = Process::up(&path, &["--format", "json"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let mut printed = String::new();
    let object = async {
        loop {
            printed.push_str(&lines.next_line().await.unwrap().expect("another line"));
            if let Ok(object) = serde_json::from_str::<serde_json::Value>(&printed) {
                return object;
            }
        }
    };
    let object = timeout(SOON, object).await.expect("it is printed soon");
    let base_url = object["base_url"].as_str().unwrap();
    assert!(base_url.starts_with("http://127.0.0.1:"), "{object}");
    let routes = serde_json::json!([
        {"id": "modern", "route": "/modern", "wildcard": true},
        {"id": "classic", "route": "/classic", "wildcard": true, "description": "Of WASI 0.2"},
        {"id": "neighbour", "route": "/neighbour", "wildcard": true},
    ]);
    assert_eq!(object["routes"], routes);
}

#[tokio::test]
async fn the_start_up_text_is_the_one_that_spin_prints() {
    let folder = TempDir::new().unwrap();
    let mut host = Process::start(&manifest(folder.path(), &[]), &[]).await;
    host.read_lines(3).await;
    let url = &host.url;
    assert_eq!(
        host.start_up_text,
        format!(
            "\nServing {url}\nAvailable Routes:\n  modern: {url}/modern (wildcard)\n  classic: {url}/classic (wildcard)\n"
        )
    );
}
