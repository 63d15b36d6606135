//! What Kyverno does to the objects that controllers make, as far as the chart's policies go:
//! `mutate` rules with `patchStrategicMerge`, `validate` rules with `pattern`. A policy that uses more than is modelled here is a
//! finding, not a silent pass.

use serde_json::{Map, Value, json};

use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::Object;
use crate::selector;
use crate::workload::Workload;

/// Lists that are merged by a key instead of replaced, by the name of their field (the
/// `x-kubernetes-patch-merge-key` of the Pod's schema).
pub const MERGE_KEYS: [(&str, &str); 11] = [
    ("containers", "name"),
    ("initContainers", "name"),
    ("env", "name"),
    ("ports", "containerPort"),
    ("volumes", "name"),
    ("volumeMounts", "mountPath"),
    ("imagePullSecrets", "name"),
    ("hostAliases", "ip"),
    ("topologySpreadConstraints", "topologyKey"),
    ("resourceClaims", "name"),
    ("conditions", "type"),
];

/// Whether an object is one of Kyverno's policies.
#[must_use]
pub fn is_policy(object: &Object) -> bool {
    object.group() == "kyverno.io" && matches!(object.kind(), "ClusterPolicy" | "Policy")
}

/// Lets the policies among the objects change what controllers make, and judge all of it.
pub fn admit(objects: &[Object], made: &mut [Object], findings: &mut Vec<Finding>) {
    let rules = || {
        let policies = objects.iter().filter(|one| is_policy(one));
        policies.flat_map(|policy| {
            let rules = policy.body.list("/spec/rules").iter().enumerate();
            rules.map(move |(index, rule)| (policy, format!("/spec/rules/{index}"), rule))
        })
    };
    for (policy, at, rule) in rules().filter(|(.., rule)| rule.get("mutate").is_some()) {
        let each = made.iter_mut();
        let applied = apply(policy, &at, rule, each, findings, |object| {
            mutate(rule, object).map_err(|problem| (format!("{at}/mutate"), problem))
        });
        if !applied {
            findings.push(unmatched(policy, &at));
        }
    }
    let pods: Vec<Object> = objects.iter().chain(&*made).filter_map(pod).collect();
    for (policy, at, rule) in rules().filter(|(.., rule)| rule.get("validate").is_some()) {
        let each = objects.iter().chain(&*made).chain(&pods);
        let applied = apply(policy, &at, rule, each, findings, |object| {
            let path = format!("{at}/validate");
            match validate(policy, rule, object) {
                Ok(None) => Ok(()),
                Ok(Some(refused)) => Err((path, refused)),
                Err(problem) => Err((path, problem)),
            }
        });
        if !applied {
            findings.push(unmatched(policy, &at));
        }
    }
    for (policy, at, rule) in rules() {
        if rule.get("mutate").is_none() && rule.get("validate").is_none() {
            let problem = "only `mutate` and `validate` are modelled in src/kyverno.rs";
            findings.push(Finding::new(policy, at, problem));
        }
    }
}

fn unmatched(policy: &Object, at: &str) -> Finding {
    let problem = "it matches nothing that the chart or the SpinKube operator makes";
    Finding::new(policy, format!("{at}/match"), problem)
}

/// Applies a rule to what it matches, and says whether it matched anything.
fn apply<O: std::borrow::Borrow<Object>>(
    policy: &Object,
    at: &str,
    rule: &Value,
    objects: impl Iterator<Item = O>,
    findings: &mut Vec<Finding>,
    mut act: impl FnMut(O) -> Result<(), (String, String)>,
) -> bool {
    let mut applied = false;
    for object in objects {
        match rule_applies(policy, rule, object.borrow()) {
            Ok(true) => applied = true,
            Ok(false) => continue,
            Err(problem) => {
                findings.push(Finding::new(policy, format!("{at}/match"), problem));
                return true;
            }
        }
        if let Err((path, problem)) = act(object) {
            findings.push(Finding::new(policy, path, problem));
        }
    }
    applied
}

/// The pods that an object makes, as Kyverno gets to see them.
fn pod(object: &Object) -> Option<Object> {
    let workload = Workload::of(object).filter(|_| object.kind() != "Pod")?;
    let body = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{}-of-{}", object.name(), object.kind().to_lowercase()),
            "namespace": object.namespace(),
            "labels": workload.labels,
        },
        "spec": workload.pod,
    });
    Some(Object {
        body,
        origin: object.origin.clone(),
    })
}

/// Why a policy refuses an object. One that only audits refuses nothing.
fn validate(policy: &Object, rule: &Value, object: &Object) -> Result<Option<String>, String> {
    let action = rule
        .text("/validate/failureAction")
        .or(policy.body.text("/spec/validationFailureAction"));
    let Some(pattern) = rule.pointer("/validate/pattern") else {
        return Err("only `validate.pattern` is modelled in src/kyverno.rs".to_owned());
    };
    let refused = !has_pattern(&object.body, pattern)?;
    let message = rule.text("/validate/message").unwrap_or_default();
    Ok((refused && action == Some("Enforce")).then(|| format!("{object} is refused: {message}")))
}

fn has_pattern(value: &Value, pattern: &Value) -> Result<bool, String> {
    match (value, pattern) {
        (Value::Object(fields), Value::Object(pattern)) => {
            for (key, wanted) in pattern {
                let (name, is_optional) = match key.strip_prefix("=(") {
                    Some(name) => (name.trim_end_matches(')'), true),
                    None if key.ends_with(')') => {
                        return Err(format!(
                            "the anchor {key} is not modelled in src/kyverno.rs"
                        ));
                    }
                    None => (key.as_str(), false),
                };
                let holds = match fields.get(name) {
                    Some(field) => has_pattern(field, wanted)?,
                    None => is_optional,
                };
                if !holds {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        (Value::Array(items), Value::Array(patterns)) => {
            for item in items {
                for pattern in patterns {
                    if !has_pattern(item, pattern)? {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        }
        (Value::String(text), Value::String(pattern)) => {
            if pattern.starts_with(['!', '<', '>', '=']) || pattern.contains(['|', '&']) {
                return Err(format!(
                    "the pattern {pattern} is not modelled in src/kyverno.rs"
                ));
            }
            Ok(is_like(pattern, text))
        }
        (value, pattern) => Ok(value == pattern),
    }
}

fn rule_applies(policy: &Object, rule: &Value, object: &Object) -> Result<bool, String> {
    if policy.kind() == "Policy" && policy.namespace() != object.namespace() {
        return Ok(false);
    }
    let matched = statement(rule.get("match"), object)?;
    let excluded = rule.get("exclude").is_some() && statement(rule.get("exclude"), object)?;
    Ok(matched && !excluded && preconditions(rule.get("preconditions"), object)?)
}

fn statement(statement: Option<&Value>, object: &Object) -> Result<bool, String> {
    let Some(Value::Object(statement)) = statement else {
        return Ok(false);
    };
    let mut holds = true;
    for (key, part) in statement {
        let filters = part.as_array().map_or(&[][..], Vec::as_slice).iter();
        let found: Vec<bool> = filters
            .map(|filter| resources(filter.get("resources"), object))
            .collect::<Result<_, _>>()?;
        holds &= match key.as_str() {
            "any" => found.contains(&true),
            "all" => found.iter().all(|one| *one),
            "resources" => resources(Some(part), object)?,
            other => return Err(format!("`{other}` is not modelled in src/kyverno.rs")),
        };
    }
    Ok(holds)
}

fn resources(filter: Option<&Value>, object: &Object) -> Result<bool, String> {
    let Some(Value::Object(filter)) = filter else {
        return Err("a filter without `resources` is not modelled in src/kyverno.rs".to_owned());
    };
    let mut holds = true;
    for (key, wanted) in filter {
        let listed = || {
            wanted
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
        };
        holds &= match key.as_str() {
            "kinds" => listed().any(|kind| is_kind(kind, object)),
            "names" => listed().any(|name| is_like(name, object.name())),
            "namespaces" => {
                listed().any(|name| is_like(name, object.namespace().unwrap_or_default()))
            }
            "selector" => selector::selects(wanted, object.labels()),
            "operations" => listed().any(|one| one == "CREATE" || one == "UPDATE"),
            other => return Err(format!("`{other}` is not modelled in src/kyverno.rs")),
        };
    }
    Ok(holds)
}

/// `Deployment`, `v1/Deployment`, `apps/v1/Deployment`, each with wildcards.
fn is_kind(wanted: &str, object: &Object) -> bool {
    let mut parts: Vec<&str> = wanted.split('/').collect();
    let kind = parts.pop().unwrap_or_default();
    let version = object.api_version().rsplit('/').next().unwrap_or_default();
    is_like(kind, object.kind())
        && match parts.as_slice() {
            [] => true,
            [one] => is_like(one, version),
            [group, one, ..] => is_like(group, object.group()) && is_like(one, version),
        }
}

/// Whether a text is like a pattern with `*` for any text and `?` for any letter.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    match pattern.next() {
        None => text.next().is_none(),
        Some('*') => {
            let rest = pattern.as_str();
            let all = text.as_str();
            all.char_indices()
                .map(|(at, _)| at)
                .chain([all.len()])
                .any(|at| is_like(rest, all.get(at..).unwrap_or_default()))
        }
        Some('?') => text.next().is_some() && is_like(pattern.as_str(), text.as_str()),
        Some(letter) => text.next() == Some(letter) && is_like(pattern.as_str(), text.as_str()),
    }
}

fn preconditions(conditions: Option<&Value>, object: &Object) -> Result<bool, String> {
    let Some(conditions) = conditions else {
        return Ok(true);
    };
    let evaluate = |condition: &Value| {
        let mut condition = condition.clone();
        substitute(&mut condition, object)?;
        let (key, value) = (condition.get("key"), condition.get("value"));
        let is_listed = || {
            value
                .and_then(Value::as_array)
                .is_some_and(|all| all.iter().any(|one| Some(one) == key))
        };
        match condition.text("/operator") {
            Some("Equals") => Ok(key == value),
            Some("NotEquals") => Ok(key != value),
            Some("AnyIn") => Ok(is_listed()),
            Some("AnyNotIn") => Ok(!is_listed()),
            other => Err(format!(
                "the operator {other:?} is not modelled in src/kyverno.rs"
            )),
        }
    };
    let any = conditions.list("/any");
    let all = conditions.list("/all");
    let any_holds = any
        .iter()
        .map(evaluate)
        .collect::<Result<Vec<_>, String>>()?;
    let all_holds = all
        .iter()
        .map(evaluate)
        .collect::<Result<Vec<_>, String>>()?;
    Ok((any.is_empty() || any_holds.contains(&true)) && !all_holds.contains(&false))
}

fn mutate(rule: &Value, object: &mut Object) -> Result<(), String> {
    for (key, patch) in rule.table("/mutate").into_iter().flatten() {
        match key.as_str() {
            "patchStrategicMerge" => {
                let mut patch = patch.clone();
                substitute(&mut patch, object)?;
                merge(&mut object.body, &patch, "")?;
            }
            other => return Err(format!("`{other}` is not modelled in src/kyverno.rs")),
        }
    }
    Ok(())
}

/// Puts values in the place of `{{ request.object.… }}`.
fn substitute(value: &mut Value, object: &Object) -> Result<(), String> {
    match value {
        Value::String(text) => {
            while let Some((before, rest)) = text.clone().split_once("{{") {
                let (expression, after) = rest
                    .split_once("}}")
                    .ok_or_else(|| format!("`{text}` has no end of its expression"))?;
                let found = resolve(expression.trim(), object)?;
                *text = format!("{before}{found}{after}");
            }
        }
        Value::Array(items) => {
            for item in items {
                substitute(item, object)?;
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                substitute(field, object)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn resolve(expression: &str, object: &Object) -> Result<String, String> {
    let path = expression
        .strip_prefix("request.object.")
        .ok_or_else(|| format!("`{expression}` is not modelled in src/kyverno.rs"))?;
    let mut pointer = String::new();
    let mut quoted = false;
    let mut part = String::new();
    for letter in path.chars().chain(['.']) {
        match letter {
            '"' => quoted = !quoted,
            '.' if !quoted => pointer.push_str(&step(&std::mem::take(&mut part))),
            letter if quoted || letter.is_ascii_alphanumeric() || letter == '_' => {
                part.push(letter);
            }
            _ => return Err(format!("`{expression}` is not modelled in src/kyverno.rs")),
        }
    }
    let found = object.body.text(&pointer);
    let missing = || format!("`{expression}` finds nothing in {object}");
    found.map(str::to_owned).ok_or_else(missing)
}

/// A key of a patch without its anchor.
enum Key<'a> {
    Plain(&'a str),
    Condition(&'a str),
    IfAbsent(&'a str),
}

fn key(text: &str) -> Result<Key<'_>, String> {
    let inner = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix(')');
    if let Some(name) = inner("+(") {
        Ok(Key::IfAbsent(name))
    } else if let Some(name) = inner("(") {
        Ok(Key::Condition(name))
    } else if text.ends_with(')') {
        Err(format!(
            "the anchor {text} is not modelled in src/kyverno.rs"
        ))
    } else {
        Ok(Key::Plain(text))
    }
}

fn merge(target: &mut Value, patch: &Value, field: &str) -> Result<(), String> {
    match (&mut *target, patch) {
        (Value::Object(target), Value::Object(patch)) => merge_tables(target, patch),
        (Value::Array(target), Value::Array(patch)) => match merge_key(field) {
            Some(by) => merge_lists(target, patch, by),
            None => {
                *target = cleaned_list(patch)?;
                Ok(())
            }
        },
        (target, patch) => {
            *target = cleaned(patch)?;
            Ok(())
        }
    }
}

fn merge_key(field: &str) -> Option<&'static str> {
    let found = MERGE_KEYS.iter().find(|(name, _)| *name == field);
    found.map(|(_, key)| *key)
}

fn merge_tables(target: &mut Map<String, Value>, patch: &Map<String, Value>) -> Result<(), String> {
    for (name, value) in patch {
        match key(name)? {
            // Looked at when the item was chosen.
            Key::Condition(_) => {}
            Key::IfAbsent(name) => {
                if !target.contains_key(name) {
                    target.insert(name.to_owned(), cleaned(value)?);
                }
            }
            Key::Plain(name) if value.is_null() => {
                target.remove(name);
            }
            Key::Plain(name) => match target.get_mut(name) {
                Some(present) => merge(present, value, name)?,
                None => {
                    target.insert(name.to_owned(), cleaned(value)?);
                }
            },
        }
    }
    Ok(())
}

fn merge_lists(target: &mut Vec<Value>, patch: &[Value], by: &str) -> Result<(), String> {
    for item in patch {
        let Value::Object(fields) = item else {
            return Err("a list of tables is merged with something else".to_owned());
        };
        let conditions: Vec<(&str, &Value)> = fields
            .iter()
            .filter_map(|(name, value)| match key(name) {
                Ok(Key::Condition(name)) => Some((name, value)),
                _ => None,
            })
            .collect();
        if conditions.is_empty() {
            let same = |one: &&mut Value| one.get(by).is_some() && one.get(by) == item.get(by);
            match target.iter_mut().find(same) {
                Some(present) => merge(present, item, "")?,
                None => target.push(cleaned(item)?),
            }
            continue;
        }
        for present in target.iter_mut() {
            let holds = |(name, wanted): &(&str, &Value)| match (present.get(name), wanted) {
                (Some(Value::String(text)), Value::String(pattern)) => is_like(pattern, text),
                (found, wanted) => found == Some(*wanted),
            };
            if conditions.iter().all(holds) {
                merge(present, item, "")?;
            }
        }
    }
    Ok(())
}

fn cleaned_list(patch: &[Value]) -> Result<Vec<Value>, String> {
    patch.iter().map(cleaned).collect()
}

/// What a patch becomes where there was nothing: the same without anchors.
fn cleaned(patch: &Value) -> Result<Value, String> {
    match patch {
        Value::Object(fields) => {
            let mut target = Map::new();
            merge_tables(&mut target, fields)?;
            Ok(Value::Object(target))
        }
        Value::Array(items) => Ok(Value::Array(cleaned_list(items)?)),
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::{MERGE_KEYS, is_like, merge};
    use serde_json::json;

    #[test]
    fn a_patch_fills_in_and_leaves_what_is_there() {
        let mut target = json!({ "containers": [
            { "name": "app", "image": "a", "ports": [{ "containerPort": 80, "name": "http-app" }] },
        ]});
        let patch = json!({
            "+(terminationGracePeriodSeconds)": 40,
            "containers": [{
                "(name)": "*",
                "+(image)": "other",
                "ports": [{ "containerPort": 9090, "name": "metrics" }],
                "securityContext": { "capabilities": { "drop": ["ALL"] } },
            }],
        });
        merge(&mut target, &patch, "").unwrap();
        let once = target.clone();
        assert_eq!(
            once,
            json!({ "terminationGracePeriodSeconds": 40, "containers": [{
                "name": "app",
                "image": "a",
                "ports": [
                    { "containerPort": 80, "name": "http-app" },
                    { "containerPort": 9090, "name": "metrics" },
                ],
                "securityContext": { "capabilities": { "drop": ["ALL"] } },
            }]})
        );
        merge(&mut target, &patch, "").unwrap();
        assert_eq!(target, once, "a second admission changes nothing");
    }

    #[test]
    fn wildcards_stand_for_any_text() {
        assert!(is_like("*", ""));
        assert!(is_like("edge-*", "edge-rates"));
        assert!(is_like("e??e*s", "edge-rates"));
        assert!(!is_like("edge", "edge-rates"));
    }

    #[test]
    fn lists_are_merged_by_the_keys_of_the_schema() {
        let Ok(folder) = crate::project::installed("kubernetes/schemas") else {
            panic!("run `make chart-packages`");
        };
        let schemas = crate::schema::built_in::BuiltIn::newest(&folder).unwrap();
        for (definition, fields) in [
            (
                "PodSpec",
                &[
                    "containers",
                    "initContainers",
                    "volumes",
                    "imagePullSecrets",
                    "hostAliases",
                    "topologySpreadConstraints",
                    "resourceClaims",
                ][..],
            ),
            ("Container", &["env", "ports", "volumeMounts"][..]),
        ] {
            let name = format!("io.k8s.api.core.v1.{definition}");
            for (field, described) in schemas.definitions()[&name]["properties"]
                .as_object()
                .unwrap()
            {
                let published = described["x-kubernetes-patch-merge-key"].as_str();
                let ours = MERGE_KEYS
                    .iter()
                    .find(|(name, _)| name == field)
                    .map(|(_, key)| *key);
                if fields.contains(&field.as_str()) {
                    assert_eq!(ours, published, "{definition}.{field}");
                }
            }
        }
    }
}
