//! YAML as Kubernetes reads it: `yes` and `0440` mean what they meant in YAML 1.1, and a key that
//! stands twice is an error instead of a surprise.

use anyhow::{Context as _, Result};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Reads one document.
///
/// # Errors
/// If it is not YAML, or not of this shape.
pub fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    let options = serde_saphyr::options! {
        legacy_octal_numbers: true,
        strict_booleans: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        // Advice for who calls the parser, not for who wrote the text.
        let said = error.to_string();
        let said = said.replace(", set DuplicateKeyPolicy in Options if acceptable", "");
        anyhow::anyhow!("{}", said.trim_start_matches("error: "))
    })
}

/// Reads a file.
///
/// # Errors
/// If it can't be read, or the same as [`read`].
pub fn read_file<T: DeserializeOwned>(path: &std::path::Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    read(&text).with_context(|| format!("{}", path.display()))
}

/// Whether there is anything but comments in a document.
#[must_use]
pub fn has_content(text: &str) -> bool {
    let is_said = |line: &str| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#') && line != "---"
    };
    text.lines().any(is_said)
}

/// The documents of a stream that are not empty, each with the comment lines that lead it.
///
/// # Errors
/// If one is not YAML.
pub fn documents(stream: &str) -> Result<Vec<(String, Value)>> {
    let mut documents = Vec::new();
    // `---` at the start of a line can't be inside of a document: text blocks are indented.
    for part in format!("\n{stream}").split("\n---") {
        let comments: String = part
            .lines()
            .filter(|line| line.starts_with('#'))
            .map(|line| format!("{line}\n"))
            .collect();
        if has_content(part) {
            let value = read(part).with_context(|| comments.clone())?;
            documents.push((comments, value));
        }
    }
    Ok(documents)
}

/// Lays values over others, as `helm -f` does: tables are merged, everything else is replaced, and
/// null removes.
pub fn lay_over(base: &mut Value, over: &Value) {
    match (base, over) {
        (Value::Object(base), Value::Object(over)) => {
            for (key, value) in over {
                if value.is_null() {
                    base.remove(key);
                } else {
                    lay_over(base.entry(key.clone()).or_insert(Value::Null), value);
                }
            }
        }
        (base, over) => *base = over.clone(),
    }
}
