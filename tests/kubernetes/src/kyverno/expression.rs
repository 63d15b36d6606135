//! Expressions of policies, in CEL, and the objects that they make: `Object.spec{replicas: 2}`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use cel::common::types::{CelStruct, Type};
use cel::common::value::{CowVal, Val};
use cel::{Context, Env, ExecutionError, StructType};
use serde_json::{Map, Value};

use crate::fields::Fields;
use crate::object::Object;
use crate::schema::rules::seen_by_rules;

/// What the expressions of a policy see.
pub struct Expressions {
    object: cel::Value,
    variables: HashMap<String, cel::Value>,
}

impl Expressions {
    /// The object, and the policy's own variables.
    ///
    /// # Errors
    /// If one of them can't be evaluated.
    pub fn of(policy: &Object, object: &Object) -> Result<Self, String> {
        let mut seen = Self {
            object: seen(&object.body),
            variables: HashMap::new(),
        };
        for variable in policy.body.list("/spec/variables") {
            let name = variable.text("/name").unwrap_or_default();
            let value = seen.evaluate(variable.text("/expression").unwrap_or_default())?;
            seen.variables.insert(name.to_owned(), value);
        }
        Ok(seen)
    }

    /// The value of an expression.
    ///
    /// # Errors
    /// If it is no expression, or fails.
    pub fn evaluate(&self, source: &str) -> Result<cel::Value, String> {
        let mut language = Env::stdlib();
        // Without them expressions that use them fail.
        let _ = cel::extensions::strings(&mut language);
        let _ = cel::extensions::lists(&mut language);
        for name in made_types(source) {
            language
                .add_type(AnyFields(Type::new_struct(name.clone())))
                .map_err(|error| format!("{name}: {error}"))?;
        }
        let language = Arc::new(language);
        let program = language
            .compile(source)
            .map_err(|error| error.to_string())?;
        let mut context = Context::with_env(language);
        context.add_variable_from_value("object", self.object.clone());
        context.add_variable_from_value("variables", self.variables.clone());
        program.execute(&context).map_err(|error| error.to_string())
    }

    /// Whether a condition holds.
    ///
    /// # Errors
    /// If it is no expression, fails, or is no condition.
    pub fn holds(&self, source: &str) -> Result<bool, String> {
        match self.evaluate(source)? {
            cel::Value::Bool(holds) => Ok(holds),
            other => Err(format!(
                "`{source}` gives {other:?}, and has to be a condition"
            )),
        }
    }
}

/// A type that takes any field, as Kyverno's `Object.…` do; what is wrong with them is found when
/// they are merged.
struct AnyFields(Type);

impl StructType for AnyFields {
    fn get_type(&self) -> &Type {
        &self.0
    }

    fn new_value<'b, 'v>(
        &self,
        fields: BTreeMap<String, CowVal<'b, 'v>>,
    ) -> Result<Box<dyn Val + 'v>, ExecutionError> {
        let mut made = CelStruct::new(self.0.name().to_owned());
        for (name, value) in fields {
            made.add_field_value(name, value);
        }
        Ok(Box::new(made))
    }
}

/// The types that an expression makes objects of, as far as Kyverno has them.
fn made_types(source: &str) -> std::collections::BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
    let before = source.match_indices('{').map(|(at, _)| {
        let before = source.get(..at).unwrap_or_default();
        let start = before.rfind(|c| !is_name(c)).map_or(0, |at| at + 1);
        before.get(start..).unwrap_or_default().to_owned()
    });
    let has_kyverno =
        |name: &String| name == "Object" || name == "JSONPatch" || name.starts_with("Object.");
    before.filter(has_kyverno).collect()
}

/// A value as expressions see it: the names of its fields are those that they have.
fn seen(value: &Value) -> cel::Value {
    seen_by_rules(&Value::Null, value)
}

/// What an `ApplyConfiguration` makes: an `Object`, in which every type is called by the path of
/// the field that it stands in.
///
/// # Errors
/// If it is something else, or a type is called otherwise.
pub fn configuration(value: &cel::Value) -> Result<Value, String> {
    check_types(value, "Object")?;
    match value {
        cel::Value::Struct(_) => json_of(value),
        other => Err(format!("it gives {other:?}, and has to give an Object")),
    }
}

fn check_types(value: &cel::Value, path: &str) -> Result<(), String> {
    match value {
        cel::Value::Struct(made) if made.name() != path => Err(format!(
            "{} stands where {path} has to: the type of a field is the path to it",
            made.name()
        )),
        cel::Value::Struct(made) => {
            for (name, field) in made.field_values() {
                check_types(&converted(field.as_ref())?, &format!("{path}.{name}"))?;
            }
            Ok(())
        }
        cel::Value::List(items) => items.iter().try_for_each(|item| check_types(item, path)),
        _ => Ok(()),
    }
}

fn converted(value: &dyn Val) -> Result<cel::Value, String> {
    value
        .try_into()
        .map_err(|error: ExecutionError| error.to_string())
}

/// A value as JSON. In a map every value is a text: the language wants one type for all, and
/// Kyverno leaves anything but plain values in it as it found them.
///
/// # Errors
/// If a list or map mixes types, or there is something that JSON doesn't have.
pub fn json_of(value: &cel::Value) -> Result<Value, String> {
    Ok(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(flag) => (*flag).into(),
        cel::Value::Int(whole) => (*whole).into(),
        cel::Value::String(text) => text.as_str().into(),
        cel::Value::List(items) => {
            let made: Vec<Value> = items.iter().map(json_of).collect::<Result<_, _>>()?;
            let kinds = items.iter().zip(items.iter().skip(1));
            if kinds.clone().any(|(one, next)| kind(one) != kind(next)) {
                return Err(format!("the list {made:?} mixes types"));
            }
            made.into()
        }
        cel::Value::Map(map) => {
            let mut made = Map::new();
            for (key, value) in map.map.iter() {
                match (key, value) {
                    (cel::objects::Key::String(key), cel::Value::String(text)) => {
                        made.insert(key.to_string(), text.as_str().into());
                    }
                    _ => return Err(format!("the map {map:?} holds more than texts")),
                }
            }
            made.into()
        }
        cel::Value::Struct(made) => {
            let mut fields = Map::new();
            for (name, field) in made.field_values() {
                fields.insert(name, json_of(&converted(field.as_ref())?)?);
            }
            fields.into()
        }
        other => return Err(format!("{other:?} can't be in an object")),
    })
}

fn kind(value: &cel::Value) -> String {
    match value {
        cel::Value::Struct(made) => made.name().to_owned(),
        other => format!("{:?}", other.type_of()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Expressions, configuration};
    use crate::object::{Object, Origin};
    use serde_json::{Value, json};

    fn made(source: &str) -> Result<Value, String> {
        let object = |body| Object {
            body,
            origin: Origin::Operator,
        };
        let policy = object(json!({ "spec": { "variables": [
            { "name": "two", "expression": "object.one + 1" },
        ]}}));
        let expressions = Expressions::of(&policy, &object(json!({ "one": 1 })))?;
        configuration(&expressions.evaluate(source)?)
    }

    #[test]
    fn an_object_is_made_of_its_fields() {
        let source = r#"Object{ spec: Object.spec{
            count: variables.two,
            labels: {"a/b": "c"},
            items: [Object.spec.items{name: "x"}, Object.spec.items{name: "y"}]
        } }"#;
        let expected = json!({ "spec": {
            "count": 2,
            "labels": { "a/b": "c" },
            "items": [{ "name": "x" }, { "name": "y" }],
        }});
        assert_eq!(made(source), Ok(expected));
    }

    #[test]
    fn what_kyverno_refuses_is_refused() {
        for (source, words) in [
            ("Object{ spec: Object.status{} }", "Object.spec has to"),
            ("Object{ spec: Spec{} }", "Spec"),
            ("Object{ spec: object.two }", "two"),
            (r#"Object{ spec: {"a": 1} }"#, "more than texts"),
            (r#"Object{ spec: ["a", 1] }"#, "mixes types"),
            (r#"{"spec": "x"}"#, "has to give an Object"),
            ("Object{ spec: ", "Syntax"),
        ] {
            let said = made(source).unwrap_err();
            assert!(said.contains(words), "{source}: {said}");
        }
    }
}
