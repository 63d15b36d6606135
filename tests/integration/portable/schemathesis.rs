//! A tester that no one here wrote reads /openapi.json and tries to find an answer that is not as
//! described: `make api-check` has it try more.

use super::served::Served;
use crate::app::root;
use tokio::process::Command;

/// How many requests it makes up for each operation.
const EXAMPLES: &str = "EDGE_RATES_EXAMPLES";

#[tokio::test]
async fn schemathesis_finds_nothing() {
    let app = Served::start().await;
    let program = root().join("target/python/bin/schemathesis");
    assert!(
        program.exists(),
        "schemathesis is missing: run `make packages`"
    );
    let folder = tempfile::TempDir::new().unwrap();
    let examples = std::env::var(EXAMPLES).unwrap_or_else(|_| "10".to_owned());
    let output = Command::new(program)
        .arg("--config-file")
        .arg(root().join("tests/schemathesis.toml"))
        .args(["run", &format!("{}/openapi.json", app.url())])
        .args(["--max-examples", &examples, "--no-color"])
        // The same requests each time, so that a failure can be repeated.
        .args(["--seed", "1", "--generation-database", "none"])
        .env("NO_PROXY", "127.0.0.1")
        // It leaves a cache where it runs.
        .current_dir(folder.path())
        .output()
        .await
        .unwrap();
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    println!("{report}");
}
