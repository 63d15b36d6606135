//! Structured log lines: one JSON object per line on standard error, where the host collects
//! them. Never a key, never a whole upstream body.

use serde_json::Value;

/// Something an operator may want to know about.
pub fn warning(mut event: Value) {
    if let Some(fields) = event.as_object_mut() {
        fields.insert("level".to_owned(), Value::from("warn"));
    }
    eprintln!("{event}");
}
