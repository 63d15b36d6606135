//! Names and labels: a cluster refuses many texts that a schema lets pass.

use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::kyverno;
use crate::object::Object;

/// Most bytes of all annotations of an object together.
const MOST_ANNOTATIONS: usize = 256 * 1024;
/// Most bytes of the data of a ConfigMap or Secret.
const MOST_DATA: usize = 1024 * 1024;

/// Most letters of the name of one of Kyverno's policies, which it makes a label of.
const MOST_OF_POLICY: usize = 63;

/// Kinds whose names become part of a host name.
const HOST_NAMES: [&str; 3] = ["Service", "Namespace", "SpinApp"];

/// Looks at the metadata of an object, and at the labels of the pods that it makes.
pub fn check(object: &Object, to: &mut Vec<Finding>) {
    let name = object.name();
    let is_right = if HOST_NAMES.contains(&object.kind()) {
        is_label(name) && name.starts_with(|first: char| first.is_ascii_lowercase())
    } else {
        is_subdomain(name)
    };
    if !is_right {
        to.push(Finding::new(
            object,
            "/metadata/name",
            format!("`{name}` can't be the name of a {}", object.kind()),
        ));
    }
    if kyverno::is_policy(object) && name.len() > MOST_OF_POLICY {
        let problem = format!("Kyverno takes at most {MOST_OF_POLICY} letters");
        to.push(Finding::new(object, "/metadata/name", problem));
    }
    for at in [
        "/metadata",
        "/spec/template/metadata",
        "/spec/jobTemplate/spec/template/metadata",
    ] {
        let at_labels = format!("{at}/labels");
        for (key, value) in object.body.table(&at_labels).into_iter().flatten() {
            let path = format!("{at_labels}{}", step(key));
            if !is_key(key) {
                to.push(Finding::new(
                    object,
                    &path,
                    "this can't be the key of a label",
                ));
            }
            // Of another type: the schema says so.
            if let Some(value) = value.as_str()
                && !is_label_value(value)
            {
                to.push(Finding::new(
                    object,
                    &path,
                    format!("`{value}` can't be a label"),
                ));
            }
        }
        let at_annotations = format!("{at}/annotations");
        let mut bytes = 0;
        for (key, value) in object.body.table(&at_annotations).into_iter().flatten() {
            bytes += key.len() + value.as_str().map_or(0, str::len);
            if !is_key(&key.to_lowercase()) {
                let path = format!("{at_annotations}{}", step(key));
                to.push(Finding::new(
                    object,
                    path,
                    "this can't be the key of an annotation",
                ));
            }
        }
        if bytes > MOST_ANNOTATIONS {
            let problem = format!("{bytes} bytes of annotations: more than a cluster takes");
            to.push(Finding::new(object, at_annotations, problem));
        }
    }
    if matches!(object.kind(), "ConfigMap" | "Secret") {
        data(object, to);
    }
}

fn data(object: &Object, to: &mut Vec<Finding>) {
    let mut bytes = 0;
    for at in ["/data", "/stringData", "/binaryData"] {
        for (key, value) in object.body.table(at).into_iter().flatten() {
            bytes += key.len() + value.as_str().map_or(0, str::len);
            let is_right = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            if key.is_empty() || key.len() > 253 || !key.chars().all(is_right) {
                let path = format!("{at}{}", step(key));
                to.push(Finding::new(object, path, "this can't be a key"));
            }
        }
    }
    if bytes > MOST_DATA {
        let problem = format!("{bytes} bytes: more than a cluster keeps in one object");
        to.push(Finding::new(object, "/data", problem));
    }
}

/// A DNS label (RFC 1123): 63 lower-case letters, digits and dashes.
fn is_label(text: &str) -> bool {
    let is_right = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !text.is_empty()
        && text.len() <= 63
        && text.chars().all(is_right)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// DNS labels with dots between them.
fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label)
}

/// The value of a label.
fn is_label_value(text: &str) -> bool {
    let is_right = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_end = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
    text.len() <= 63
        && text.chars().all(is_right)
        && is_end(text.chars().next())
        && is_end(text.chars().next_back())
}

/// The key of a label or annotation: `name` or `domain/name`.
fn is_key(text: &str) -> bool {
    let (domain, name) = match text.split_once('/') {
        Some((domain, name)) => (Some(domain), name),
        None => (None, text),
    };
    domain.is_none_or(is_subdomain) && !name.is_empty() && is_label_value(name)
}
