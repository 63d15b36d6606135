//! Nothing secret stands in the clear: no Secrets with contents outside of development, and
//! nothing that looks like a key or password anywhere else (R63, R83).

use base64::Engine as _;

use crate::cluster::Cluster;
use crate::environments::Stage;
use crate::fields::texts;
use crate::finding::Finding;
use crate::object::{Object, Origin};

/// How keys of well-known services begin, and what else gives one away.
const BEGINNINGS: [(&str, usize); 12] = [
    ("-----BEGIN PRIVATE KEY", 0),
    ("-----BEGIN RSA PRIVATE KEY", 0),
    ("-----BEGIN EC PRIVATE KEY", 0),
    ("-----BEGIN OPENSSH PRIVATE KEY", 0),
    ("AKIA", 16),
    ("CG-", 20),
    ("ghp_", 30),
    ("github_pat_", 30),
    ("glpat-", 20),
    ("sk_live_", 20),
    ("xoxb-", 20),
    ("eyJhbGciOi", 20),
];

/// Words in the name of a field that say that its value is secret.
const NAMES: [&str; 7] = [
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
];

/// Looks at every text of the chart.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    let stage = cluster.rendered.environment.stage;
    for object in &cluster.rendered.objects {
        if object.kind() == "Secret" {
            if stage > Stage::Dev && has_contents(object) {
                to.push(Finding::new(
                    object,
                    "/data",
                    "its contents stand in what is rendered: outside of development have it made \
                     by somebody or by the External Secrets Operator",
                ));
            }
            continue;
        }
        for (path, text) in texts(&object.body, "") {
            if let Some(problem) = problem(object, &path, text) {
                to.push(Finding::new(object, path, problem));
            }
        }
    }
}

fn has_contents(object: &Object) -> bool {
    ["/data", "/stringData"].iter().any(|at| {
        let data = object.body.pointer(at);
        data.is_some_and(|data| texts(data, "").iter().any(|(_, text)| !text.is_empty()))
    })
}

fn problem(object: &Object, path: &str, text: &str) -> Option<String> {
    for (beginning, least) in BEGINNINGS {
        for (at, _) in text.match_indices(beginning) {
            let rest = text.get(at + beginning.len()..).unwrap_or_default();
            let is_key = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
            let length = rest.chars().take_while(|c| is_key(*c)).count();
            if length >= least {
                return Some(format!("this looks like a key ({beginning}…)"));
            }
        }
    }
    if has_password_in_url(text) {
        return Some("there is a password in this URL".to_owned());
    }
    if is_named_secret(object, path) && !text.is_empty() {
        return Some("by its name this is secret: take it from a Secret".to_owned());
    }
    if is_random(text) && !is_checksum(path) {
        return Some("this looks random, as keys do: take it from a Secret".to_owned());
    }
    None
}

/// `scheme://user:password@host`, with a password that is there and no placeholder.
fn has_password_in_url(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let end = rest
            .find(|c: char| c.is_whitespace() || "/\"'".contains(c))
            .unwrap_or(rest.len());
        let authority = rest.get(..end).unwrap_or_default();
        authority
            .rsplit_once('@')
            .and_then(|(user, _)| user.split_once(':'))
            .is_some_and(|(_, password)| {
                !password.is_empty() && !password.starts_with(['{', '$', '<'])
            })
    })
}

/// Whether a text is the value of something that has a secret's name: a setting in a ConfigMap, a
/// variable of the app, a variable of a container.
fn is_named_secret(object: &Object, path: &str) -> bool {
    let is_secret = |name: &str| {
        let name = name.to_lowercase().replace('-', "_");
        NAMES.iter().any(|word| name.contains(word))
    };
    if object.kind() == "ConfigMap" && path.starts_with("/data/") {
        let key = path.trim_start_matches("/data/");
        // Files, such as dashboards, have names with an ending.
        return !key.contains('.') && is_secret(key);
    }
    let Some(item) = path.strip_suffix("/value") else {
        return false;
    };
    let list = item.trim_end_matches(|c: char| c.is_ascii_digit());
    let is_variable = list.ends_with("/env/") || list.ends_with("/variables/");
    let name = object.body.pointer(&format!("{item}/name"));
    is_variable && name.and_then(|name| name.as_str()).is_some_and(is_secret)
}

/// Digests and checksums are random by nature, and no secrets.
fn is_checksum(path: &str) -> bool {
    path.to_lowercase().contains("annotations/checksum~1")
}

/// A single long word of letters and digits in no order that a language would have.
fn is_random(text: &str) -> bool {
    const SHORTEST: usize = 24;
    const LONGEST: usize = 200;
    let is_key = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    if !(SHORTEST..=LONGEST).contains(&text.len()) || !text.chars().all(is_key) {
        return false;
    }
    let has = |is: fn(&char) -> bool| text.chars().filter(is).count();
    let digits = has(char::is_ascii_digit);
    let letters = has(char::is_ascii_alphabetic);
    // Words, paths and versions have few kinds of letters for their length, or many dashes.
    let separators = text.chars().filter(|c| "/_-".contains(*c)).count();
    digits >= 3 && letters >= 3 && separators * 10 <= text.len() && entropy(text) > 3.5
}

/// Bits per letter (Shannon).
#[allow(
    clippy::cast_precision_loss,
    reason = "lengths of texts are far below what f64 holds exactly"
)]
fn entropy(text: &str) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for letter in text.chars() {
        *counts.entry(letter).or_insert(0_u32) += 1;
    }
    let length = text.chars().count() as f64;
    counts
        .values()
        .map(|count| {
            let share = f64::from(*count) / length;
            -share * share.log2()
        })
        .sum()
}

/// The text that stands for another: what a Secret holds is in base64.
#[must_use]
pub fn decoded(object: &Object, path: &str, text: &str) -> String {
    let is_secret = object.kind() == "Secret" && path.starts_with("/data/");
    let is_rendered = matches!(object.origin, Origin::Template(_));
    if !(is_secret && is_rendered) {
        return text.to_owned();
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text);
    bytes
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{has_password_in_url, is_random};

    #[test]
    fn passwords_in_urls_are_seen() {
        assert!(has_password_in_url("redis://:hunter2@redis:6379/0"));
        assert!(!has_password_in_url("redis://redis:6379/0"));
        assert!(!has_password_in_url(
            "redis://:{{ .password }}@redis:6379/0"
        ));
        assert!(!has_password_in_url("https://example.com/a:b@c"));
    }

    #[test]
    fn words_are_not_random() {
        assert!(is_random("q8Zk3LpX0vT7mN2rB5yW9cDf"));
        assert!(!is_random("topology.kubernetes.io/zone"));
        assert!(!is_random("edge-rates-production-redis-6379"));
        assert!(!is_random("requiredDuringSchedulingIgnoredDuringExecution"));
    }
}
