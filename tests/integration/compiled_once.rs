//! Everything that `make` builds shares its libraries: none of them is compiled twice, because
//! someone else asks for other features or another profile of it. Read off cargo's own plan.

use crate::app::root;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;

/// How often cargo compiles something: once for each of these.
type Units = BTreeSet<String>;

/// The units out of the registry that `cargo <call>` needs.
fn units(call: &str) -> Units {
    let mut words = call.split_whitespace();
    // What clippy reads, it reads as `cargo check` does.
    let subcommand = words.next().unwrap().replace("clippy", "check");
    let graph = Command::new("cargo")
        .arg(subcommand)
        .args(words.take_while(|word| *word != "--"))
        .args([
            "--locked",
            "--offline",
            "-Z",
            "unstable-options",
            "--unit-graph",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        graph.status.success(),
        "cargo {call}: {}",
        String::from_utf8_lossy(&graph.stderr)
    );
    let graph: Value = serde_json::from_slice(&graph.stdout).unwrap();
    let units = graph["units"].as_array().unwrap();
    let is_library = |unit: &&Value| unit["pkg_id"].as_str().unwrap().starts_with("registry+");
    units
        .iter()
        .filter(is_library)
        .map(|unit| {
            let parts = [
                "pkg_id", "target", "mode", "platform", "profile", "features",
            ];
            let parts: Vec<_> = parts.iter().map(|part| unit[*part].to_string()).collect();
            parts.join(" ")
        })
        .collect()
}

/// The calls of cargo by which `make` would compile something, for development and tests.
fn calls() -> BTreeSet<String> {
    let targets = ["build", "test", "lint", "k8s-validate", "bench-build"];
    let told = Command::new("make")
        .args(["-n", "LIVE=", "STORE=sqlite"])
        .args(targets)
        .env_remove("MAKEFLAGS")
        .current_dir(root())
        .output()
        .unwrap();
    assert!(told.status.success());
    let told = String::from_utf8(told.stdout).unwrap();
    let compiling = ["build", "test", "check", "clippy", "run"];
    let calls = told.lines().filter_map(|line| {
        let (_, call) = line.split_once("cargo ")?;
        compiling
            .contains(&call.split(' ').next()?)
            .then(|| call.to_owned())
    });
    calls.collect()
}

#[test]
fn no_library_is_compiled_twice() {
    let calls = calls();
    let of = |kind: &str| -> Vec<_> { calls.iter().filter(|call| call.contains(kind)).collect() };
    // What ships is built by itself, and on purpose.
    for (calls, least) in [(of("--profile local"), 5), (of("wasm32-wasip2"), 3)] {
        assert!(calls.len() >= least, "{calls:#?}");
        let planned: Vec<_> = calls.iter().map(|call| (call, units(call))).collect();
        let (largest, all) = planned.iter().max_by_key(|(_, units)| units.len()).unwrap();
        for (call, units) in &planned {
            let others: Vec<_> = units.difference(all).take(3).collect();
            assert!(
                others.is_empty(),
                "`cargo {call}` compiles what `cargo {largest}` has in another way: {others:#?}"
            );
        }
    }
}
