//! What a policy is about: `matchConstraints` and `matchConditions`.

use serde_json::Value;

use super::Problem;
use super::expression::Expressions;
use crate::fields::Fields;
use crate::object::Object;
use crate::selector;

/// Whether a policy is asked about an object that is made or changed.
pub(super) fn applies(policy: &Object, object: &Object) -> Result<bool, Problem> {
    // One of another namespace is never asked.
    if policy.namespace() != object.namespace() {
        return Ok(false);
    }
    let at = "/spec/matchConstraints";
    let problem = |problem: String| (at.to_owned(), problem);
    let mut is_listed = false;
    for (field, wanted) in policy.body.table(at).into_iter().flatten() {
        match field.as_str() {
            "resourceRules" => {
                for rule in wanted.list("") {
                    is_listed |= is_of(rule, object).map_err(problem)?;
                }
            }
            "objectSelector" => {
                if !selector::selects(wanted, object.labels()) {
                    return Ok(false);
                }
            }
            other => return Err(problem(format!("`{other}` is not modelled in src/kyverno"))),
        }
    }
    if !is_listed {
        return Ok(false);
    }
    for (index, condition) in policy.body.list("/spec/matchConditions").iter().enumerate() {
        let problem = |problem| (format!("/spec/matchConditions/{index}"), problem);
        let source = condition.text("/expression").unwrap_or_default();
        let expressions = Expressions::of(policy, object).map_err(problem)?;
        if !expressions.holds(source).map_err(problem)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_of(rule: &Value, object: &Object) -> Result<bool, String> {
    let version = object.api_version().rsplit('/').next().unwrap_or_default();
    let resource = plural(object.kind());
    let mut holds = true;
    for (field, listed) in rule.table("").into_iter().flatten() {
        let is_listed = |one: &str| listed.list("").iter().any(|it| it == one || it == "*");
        holds &= match field.as_str() {
            "apiGroups" => is_listed(object.group()),
            "apiVersions" => is_listed(version),
            "operations" => is_listed("CREATE") || is_listed("UPDATE"),
            "resources" => is_listed(&resource),
            "resourceNames" => is_listed(object.name()),
            other => return Err(format!("`{other}` is not modelled in src/kyverno")),
        };
    }
    Ok(holds)
}

/// The name of a kind in the paths of the API: `deployments` for Deployment.
fn plural(kind: &str) -> String {
    let one = kind.to_lowercase();
    match one.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None if one.ends_with('s') => format!("{one}es"),
        None => format!("{one}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn kinds_have_their_names_in_the_api() {
        assert_eq!(plural("Deployment"), "deployments");
        assert_eq!(plural("NetworkPolicy"), "networkpolicies");
        assert_eq!(plural("Ingress"), "ingresses");
    }
}
