//! What `RuntimeDefault` is: the list of system calls that Debian's container packages have for a
//! container without capabilities, in the form that runc reads.

use serde_json::{Value, json};

const PROFILE: &str = "/usr/share/containers/seccomp.json";

/// runc's `linux.seccomp`.
pub(crate) fn runtime_default() -> Value {
    let text = std::fs::read(PROFILE).unwrap_or_else(|error| {
        panic!("{PROFILE}: {error} (Debian: apt-get install golang-github-containers-common)")
    });
    let profile: Value = serde_json::from_slice(&text).unwrap();
    let rules = profile["syscalls"].as_array().unwrap().iter();
    let rules: Vec<Value> = rules.filter(|rule| applies(rule)).map(rule_of).collect();
    assert!(rules.len() > 5, "{PROFILE} is read: {rules:?}");
    json!({
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile["defaultErrnoRet"],
        "architectures": architectures(&profile),
        "syscalls": rules,
    })
}

/// Rules are for some architectures, and for containers with or without a capability; ours has
/// none.
fn applies(rule: &Value) -> bool {
    let lists = |of: &str, what: &str| rule[of][what].as_array().cloned().unwrap_or_default();
    let here = json!(match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    });
    let architectures = lists("includes", "arches");
    lists("includes", "caps").is_empty()
        && (architectures.is_empty() || architectures.contains(&here))
        && !lists("excludes", "arches").contains(&here)
}

fn rule_of(rule: &Value) -> Value {
    let mut given = serde_json::Map::new();
    for name in ["names", "action", "errnoRet", "args"] {
        match &rule[name] {
            Value::Null => {}
            Value::Array(list) if list.is_empty() => {}
            value => {
                given.insert(name.to_owned(), value.clone());
            }
        }
    }
    Value::Object(given)
}

fn architectures(profile: &Value) -> Vec<Value> {
    let here = json!(match std::env::consts::ARCH {
        "x86_64" => "SCMP_ARCH_X86_64",
        "aarch64" => "SCMP_ARCH_AARCH64",
        other => panic!("no name for {other}"),
    });
    let entries = profile["archMap"].as_array().unwrap();
    let entry = entries.iter().find(|entry| entry["architecture"] == here);
    let others = entry.and_then(|entry| entry["subArchitectures"].as_array().cloned());
    [vec![here], others.unwrap_or_default()].concat()
}
