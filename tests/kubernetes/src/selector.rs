//! Label selectors: `matchLabels` and `matchExpressions`, and the plain tables of Services.

use serde_json::Value;

use crate::fields::Fields;

/// Whether a selector with `matchLabels` and `matchExpressions` selects what has these labels. An
/// empty one selects everything; so does one that is absent, where the caller takes it so.
#[must_use]
pub fn selects(selector: &Value, labels: &Value) -> bool {
    let has = |key: &str| labels.get(key).and_then(Value::as_str);
    let by_labels = selector
        .table("/matchLabels")
        .into_iter()
        .flatten()
        .all(|(key, value)| has(key) == value.as_str());
    let by_expressions = selector.list("/matchExpressions").iter().all(|expression| {
        let value = has(expression.text("/key").unwrap_or_default());
        let is_listed = value.is_some_and(|value| {
            let listed = expression.list("/values");
            listed.iter().any(|one| one.as_str() == Some(value))
        });
        match expression.text("/operator") {
            Some("In") => is_listed,
            Some("NotIn") => !is_listed,
            Some("Exists") => value.is_some(),
            Some("DoesNotExist") => value.is_none(),
            _ => false,
        }
    });
    by_labels && by_expressions
}

/// Whether a plain table of labels, as a Service has, selects what has these labels. An empty one
/// selects nothing.
#[must_use]
pub fn table_selects(table: &Value, labels: &Value) -> bool {
    table.as_object().is_some_and(|table| {
        !table.is_empty()
            && table
                .iter()
                .all(|(key, value)| labels.get(key) == Some(value))
    })
}

#[cfg(test)]
mod tests {
    use super::{selects, table_selects};
    use serde_json::json;

    #[test]
    fn every_requirement_has_to_hold() {
        let labels = json!({ "app": "rates", "tier": "front" });
        let by = |selector| selects(&selector, &labels);
        assert!(by(json!({})));
        assert!(by(json!({ "matchLabels": { "app": "rates" } })));
        assert!(!by(
            json!({ "matchLabels": { "app": "rates", "tier": "back" } })
        ));
        let expression = |operator, values: &[&str]| {
            by(json!({ "matchExpressions": [
                { "key": "tier", "operator": operator, "values": values }
            ]}))
        };
        assert!(expression("In", &["front", "back"]));
        assert!(!expression("NotIn", &["front"]));
        assert!(expression("Exists", &[]));
        assert!(!expression("DoesNotExist", &[]));
    }

    #[test]
    fn an_empty_table_selects_nothing() {
        assert!(!table_selects(&json!({}), &json!({ "app": "rates" })));
        assert!(table_selects(
            &json!({ "app": "rates" }),
            &json!({ "app": "rates" })
        ));
    }
}
