//! A value that nothing reads would be accepted and ignored.

use std::collections::BTreeSet;

use kubernetes::fields::Fields;
use kubernetes::{project, yaml};
use serde_json::Value;

/// Tables that are written out as they are, so that no template names what is in them.
const WHOLE: [&str; 8] = [
    "affinity",
    "amounts",
    "behavior",
    "container",
    "labels",
    "resources",
    "settings",
    "toleration",
];

/// The names of all values that a schema describes.
fn names(all: &Value, schema: &Value, to: &mut BTreeSet<String>) {
    let referred = schema.list("/allOf").iter().chain(schema.list("/anyOf"));
    for one in referred.chain([schema]) {
        if let Some(name) = one.text("/$ref").and_then(|path| path.rsplit('/').next())
            && !WHOLE.contains(&name)
        {
            names(all, &all["definitions"][name], to);
        }
    }
    for (name, described) in schema.table("/properties").into_iter().flatten() {
        to.insert(name.clone());
        if !WHOLE.contains(&name.as_str()) {
            names(all, described, to);
        }
    }
}

#[test]
fn every_value_is_read_by_a_template() {
    let mut templates = String::new();
    let mut folders = vec![project::chart().join("templates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => templates.push_str(&std::fs::read_to_string(path).unwrap()),
            }
        }
    }
    let schema: Value = yaml::read_file(&project::chart().join("values.schema.json")).unwrap();
    let mut all = BTreeSet::new();
    names(&schema, &schema, &mut all);
    assert!(all.len() > 100, "{}", all.len());
    let is_read = |name: &String| {
        templates.match_indices(name.as_str()).any(|(at, _)| {
            let (before, after) = (&templates[..at], &templates[at + name.len()..]);
            before.ends_with(['.', '"']) && !after.starts_with(|c: char| c.is_alphanumeric())
        })
    };
    // Nothing reads it, and so nothing is allowed in it.
    all.remove("global");
    all.retain(|name| !is_read(name));
    assert_eq!(all, BTreeSet::new(), "no template reads these");
    assert_eq!(
        schema["properties"]["global"]["additionalProperties"],
        false
    );
}
