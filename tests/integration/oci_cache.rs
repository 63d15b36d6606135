//! What was pulled is kept: a host starts again without the registry, several share one cache, and
//! nothing that was changed in it is ever run.

use crate::answer::Answer;
use crate::app::client;
use crate::process::{Process, binary};
use crate::registry::{Registry, refusal, small_manifest};
use std::fs;
use std::path::Path;
use tempfile::TempDir;
use tokio::process::Command;

async fn text(host: &Process) -> String {
    let url = format!("{}/text", host.url);
    Answer::read(client().get(&url).send().await.unwrap())
        .await
        .expect_status(200)
        .text
}

/// A registry with the small application under `small:1`, and its digest.
async fn filled() -> (Registry, String) {
    let registry = Registry::start();
    let folder = TempDir::new().unwrap();
    let manifest = small_manifest(folder.path(), "hello", "");
    let digest = registry.push(&manifest, "small:1").await;
    (registry, digest)
}

fn layers(registry: &Registry, digest: &str) -> Vec<String> {
    let manifest = registry.json(digest);
    let layers = manifest["layers"].as_array().unwrap();
    let digests = layers.iter().map(|layer| layer["digest"].as_str().unwrap());
    digests.map(str::to_owned).collect()
}

#[tokio::test]
async fn with_a_digest_and_a_cache_the_registry_is_not_needed() {
    let (mut registry, digest) = filled().await;
    let name = format!("small@{digest}");
    drop(registry.up(&name, &[]).await);
    registry.server.kill().unwrap();
    let host = registry.up(&name, &[]).await;
    assert_eq!(text(&host).await, "hello");

    // A tag may have moved meanwhile.
    let said = refusal(registry.up_command("small:1", &[])).await;
    assert!(said.contains("connection refused"), "{said}");
    registry.server.start_again().unwrap();
    assert_eq!(text(&registry.up("small:1", &[]).await).await, "hello");
}

#[tokio::test]
async fn a_pull_is_enough_to_start_later() {
    let (mut registry, digest) = filled().await;
    let folder = registry.home.path("elsewhere");
    let folder = folder.to_str().unwrap();
    let reference = registry.server.reference("small:1");
    let pulled = registry
        .command(&["pull", &reference, "--cache-dir", folder])
        .output()
        .await
        .unwrap();
    assert!(pulled.status.success());
    registry.server.kill().unwrap();
    let host = registry
        .up(&format!("small@{digest}"), &["--cache-dir", folder])
        .await;
    assert_eq!(text(&host).await, "hello");
}

#[tokio::test]
async fn two_hosts_fill_an_empty_cache_at_once() {
    let (registry, digest) = filled().await;
    let (one, other) = futures::join!(registry.up("small:1", &[]), registry.up("small:1", &[]));
    assert_eq!(text(&one).await, "hello");
    assert_eq!(text(&other).await, "hello");
    let cache = registry.home.cached(&digest);
    let kept = fs::read_dir(cache.parent().unwrap()).unwrap().count();
    let all = layers(&registry, &digest).len() + ["manifest", "config"].len();
    assert_eq!(kept, all, "each content once, and no halves");
}

#[tokio::test]
async fn what_was_changed_in_the_cache_is_pulled_again_and_never_run() {
    let (mut registry, digest) = filled().await;
    let name = format!("small@{digest}");
    drop(registry.up(&name, &[]).await);
    let mut all = layers(&registry, &digest);
    all.push(digest.clone());
    for content in &all {
        let path = registry.home.cached(content);
        let intact = fs::read(&path).unwrap();
        let mut tampered = intact.clone();
        *tampered.last_mut().unwrap() ^= 1;
        fs::write(&path, tampered).unwrap();
        let host = registry.up(&name, &[]).await;
        assert_eq!(text(&host).await, "hello");
        assert_eq!(fs::read(&path).unwrap(), intact);
    }

    registry.server.kill().unwrap();
    fs::write(registry.home.cached(&all[0]), "something else").unwrap();
    let said = refusal(registry.up_command(&name, &[])).await;
    assert!(said.contains("connection refused"), "{said}");
}

#[tokio::test]
async fn where_nothing_can_be_written_it_is_held_in_memory() {
    let (registry, _) = filled().await;
    let log = registry.home.path("log.txt");
    let mut command = registry.up_command("small:1", &[]);
    command
        .env("XDG_CACHE_HOME", "/dev/null/no-cache")
        .stderr(fs::File::create(&log).unwrap());
    let host = Process::of(command).await;
    assert_eq!(text(&host).await, "hello");
    crate::app::until("the log tells", async || {
        let log = fs::read_to_string(&log).unwrap();
        log.contains("held in memory") && log.contains("/dev/null/no-cache")
    })
    .await;

    // A folder that was asked for by name has to work.
    let said = refusal(registry.up_command("small:1", &["--cache-dir", "/dev/null/x"])).await;
    assert!(
        said.contains("/dev/null/x") && said.contains("--cache-dir"),
        "{said}"
    );
}

/// `runtime-host` where the cache is a file system of its own: made with `options`, and then
/// changed by `then`. For that the test has to be root, or to become root of a namespace.
fn on_a_file_system(registry: &Registry, options: &str, then: &str, arguments: &[&str]) -> Command {
    let cache = registry.home.path("cache");
    fs::create_dir_all(&cache).unwrap();
    let script = format!(
        "mount -t tmpfs -o {options} tmpfs {cache} && {then} && exec \"$0\" \"$@\"",
        cache = cache.display()
    );
    let own = registry.command(arguments);
    let own = own.as_std();
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--map-root-user", "sh", "-c", &script])
        .arg(binary())
        .args(own.get_args())
        .current_dir(own.get_current_dir().unwrap())
        .kill_on_drop(true);
    for (name, value) in own.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[tokio::test]
async fn a_full_disk() {
    let (registry, _) = filled().await;
    let reference = registry.server.reference("small:1");
    let pull = on_a_file_system(&registry, "size=64k", "true", &["pull", &reference]);
    let said = refusal(pull).await;
    assert!(
        said.contains("no space left") && said.contains("cache") && said.contains("--cache-dir"),
        "{said}"
    );
}

#[tokio::test]
async fn a_file_system_that_cannot_be_written() {
    let (registry, _) = filled().await;
    let reference = registry.server.reference("small:1");
    let arguments = ["up", "--listen", "127.0.0.1:0", "-q", "-f", &reference];
    let read_only = format!(
        "mount -o remount,ro {}",
        registry.home.path("cache").display()
    );
    let host = on_a_file_system(&registry, "size=64k", &read_only, &arguments);
    assert_eq!(text(&Process::of(host).await).await, "hello");
}

#[tokio::test]
async fn the_folder_is_this_users_alone() {
    use std::os::unix::fs::PermissionsExt;

    let (registry, digest) = filled().await;
    drop(registry.up("small:1", &[]).await);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&registry.home.path("cache/runtime-host")), 0o700);
    let contents = registry.home.cached(&digest);
    assert_eq!(mode(contents.parent().unwrap()), 0o700);
}
