//! What can be reached from outside: which paths an HTTPRoute or an Ingress hands on, and to whom.

use serde_json::Value;

use crate::fields::Fields;
use crate::object::Object;

/// Where a request ends up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// At a Service, by its name and port.
    Service(String, i64),
    /// It is sent elsewhere.
    Redirect,
    /// The gateway itself answers that there is no such thing.
    Nothing,
}

/// Where a request for a host and a path ends up if it comes in by TLS (or in the clear, where
/// there is none).
pub fn destination<'a>(
    objects: impl IntoIterator<Item = &'a Object>,
    host: &str,
    path: &str,
) -> Destination {
    let mut best: Option<((bool, usize), Destination)> = None;
    let mut offer = |rank: (bool, usize), to: Destination| {
        if best.as_ref().is_none_or(|(present, _)| rank > *present) {
            best = Some((rank, to));
        }
    };
    for object in objects {
        match object.kind() {
            "HTTPRoute" => route(object, host, path, &mut offer),
            "Ingress" => ingress(object, host, path, &mut offer),
            _ => {}
        }
    }
    best.map_or(Destination::Nothing, |(_, to)| to)
}

fn is_host(listed: &str, host: &str) -> bool {
    match listed.strip_prefix("*.") {
        Some(domain) => host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        None => listed == host,
    }
}

/// Whether a path begins with a prefix, element by element: `/v1` takes `/v1/rates`, not `/v10`.
fn has_prefix(path: &str, prefix: &str) -> bool {
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn route(
    object: &Object,
    host: &str,
    path: &str,
    offer: &mut dyn FnMut((bool, usize), Destination),
) {
    let hosts = object.body.list("/spec/hostnames");
    let is_ours = |one: &Value| one.as_str().is_some_and(|one| is_host(one, host));
    if !hosts.is_empty() && !hosts.iter().any(is_ours) {
        return;
    }
    for rule in object.body.list("/spec/rules") {
        let backend = rule.list("/backendRefs").iter().find_map(|one| {
            let name = one.text("/name")?;
            Some(Destination::Service(name.to_owned(), one.number("/port")?))
        });
        let is_redirect = rule
            .list("/filters")
            .iter()
            .any(|filter| filter.text("/type") == Some("RequestRedirect"));
        let to = match backend {
            Some(service) => service,
            None if is_redirect => Destination::Redirect,
            None => Destination::Nothing,
        };
        let matches = rule.list("/matches");
        // Nothing said is everything; what comes in the clear and is redirected is left out, as it
        // comes back by TLS.
        if matches.is_empty() {
            if to != Destination::Redirect {
                offer((false, 0), to.clone());
            }
            continue;
        }
        for one in matches {
            let value = one.text("/path/value").unwrap_or("/");
            let rank = match one.text("/path/type") {
                Some("Exact") => (value == path).then_some((true, value.len())),
                Some("RegularExpression") => Some((true, usize::MAX)),
                _ => has_prefix(path, value).then_some((false, value.len())),
            };
            if let Some(rank) = rank {
                offer(rank, to.clone());
            }
        }
    }
}

fn ingress(
    object: &Object,
    host: &str,
    path: &str,
    offer: &mut dyn FnMut((bool, usize), Destination),
) {
    for rule in object.body.list("/spec/rules") {
        if rule.text("/host").is_some_and(|one| !is_host(one, host)) {
            continue;
        }
        for one in rule.list("/http/paths") {
            let value = one.text("/path").unwrap_or("/");
            let rank = match one.text("/pathType") {
                Some("Exact") => (value == path).then_some((true, value.len())),
                Some("Prefix") => has_prefix(path, value).then_some((false, value.len())),
                // What it means is up to the controller: taken as matching.
                _ => Some((true, usize::MAX)),
            };
            let service = one.text("/backend/service/name");
            let port = one.number("/backend/service/port/number");
            if let (Some(rank), Some(service)) = (rank, service) {
                let to = Destination::Service(service.to_owned(), port.unwrap_or_default());
                offer(rank, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{has_prefix, is_host};

    #[test]
    fn prefixes_end_at_slashes() {
        assert!(has_prefix("/v1/rates", "/v1"));
        assert!(has_prefix("/v1", "/v1/"));
        assert!(has_prefix("/anything", "/"));
        assert!(!has_prefix("/v10/rates", "/v1"));
    }

    #[test]
    fn a_wildcard_stands_for_one_name_or_more() {
        assert!(is_host("*.example.com", "rates.example.com"));
        assert!(!is_host("*.example.com", "example.com"));
        assert!(is_host("rates.example.com", "rates.example.com"));
    }
}
