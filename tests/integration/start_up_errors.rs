//! What is wrong at the start is said in one clear sentence with the fix.

use crate::guest::{manifest, wasm};
use crate::process::{Process, binary};
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

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
