//! Rules in schemas (`x-kubernetes-validations`), written in CEL: what types can't say, such as
//! that two routes of one object may not be the same.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use cel::{Context, Env, Program};
use serde_json::Value;

use super::Verdict;
use super::walk::{Definitions, walk};
use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::Object;

/// Words of CEL, which can't be the names of fields there.
const RESERVED: [&str; 20] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
];

/// Evaluates rules.
pub struct Rules {
    language: Arc<Env>,
    programs: Mutex<BTreeMap<String, Arc<Result<Program, String>>>>,
}

impl Rules {
    /// The language as a cluster has it, as far as there is need for it here.
    #[must_use]
    pub fn new() -> Self {
        let mut language = Env::stdlib();
        // Without them rules that use them are reported as not evaluated.
        let _ = cel::extensions::strings(&mut language);
        let _ = cel::extensions::lists(&mut language);
        Self {
            language: Arc::new(language),
            programs: Mutex::default(),
        }
    }

    /// Evaluates every rule of a schema that applies to an object, defaults filled in.
    pub fn check(&self, schema: &Value, object: &Object, verdict: &mut Verdict) {
        let mut body = object.body.clone();
        fill_in(schema, &mut body);
        let mut look = |schema: &Value, value: &Value, path: &str| {
            for rule in schema.list("/x-kubernetes-validations") {
                self.evaluate(rule, schema, value, path, object, verdict);
            }
        };
        walk(schema, Definitions::default(), &body, &mut look);
    }

    fn evaluate(
        &self,
        rule: &Value,
        schema: &Value,
        value: &Value,
        path: &str,
        object: &Object,
        to: &mut Verdict,
    ) {
        let Some(source) = rule.text("/rule") else {
            return;
        };
        // What an object may become is not asked of one that is new.
        if source.contains("oldSelf") {
            return;
        }
        let outcome = self.run(source, seen_by_rules(schema, value));
        match outcome {
            Ok(true) => to.rules += 1,
            Ok(false) => {
                to.rules += 1;
                let problem = rule.text("/message").unwrap_or(source);
                to.findings.push(Finding::new(object, path, problem));
            }
            Err(reason) => {
                to.unevaluated
                    .insert(format!("{} {path}: {reason}: {source}", object.kind()));
            }
        }
    }

    fn run(&self, source: &str, value: cel::Value) -> Result<bool, String> {
        let program = self
            .programs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(source.to_owned())
            .or_insert_with(|| {
                let compiled = self.language.compile(source);
                Arc::new(compiled.map_err(|error| error.to_string()))
            })
            .clone();
        let program = program.as_ref().as_ref().map_err(Clone::clone)?;
        let mut context = Context::with_env(self.language.clone());
        context.add_variable_from_value("self", value);
        match program.execute(&context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(format!("it gives {other:?}")),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::new()
    }
}

/// Fills in what is absent and has a default, as the API server does before it looks at rules.
fn fill_in(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, described) in schema.table("/properties").into_iter().flatten() {
                if let Some(default) = described.get("default") {
                    fields.entry(key.clone()).or_insert_with(|| default.clone());
                }
                if let Some(field) = fields.get_mut(key) {
                    fill_in(described, field);
                }
            }
            if let Some(described) = schema.get("additionalProperties") {
                fields
                    .values_mut()
                    .for_each(|field| fill_in(described, field));
            }
        }
        Value::Array(items) => {
            if let Some(described) = schema.get("items") {
                items.iter_mut().for_each(|item| fill_in(described, item));
            }
        }
        _ => {}
    }
}

/// A value as rules see it, with the names of its fields as rules write them. Keys of maps, and of
/// what no schema describes, stay what they are.
pub(crate) fn seen_by_rules(schema: &Value, value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(flag) => cel::Value::Bool(*flag),
        // Whole numbers are `int` in every schema: `uint` would not add up with literals.
        Value::Number(number) => match number.as_i64() {
            Some(whole) => cel::Value::Int(whole),
            None => cel::Value::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => {
            let described = schema.get("items").unwrap_or(&Value::Null);
            let items = items.iter().map(|item| seen_by_rules(described, item));
            items.collect::<Vec<_>>().into()
        }
        Value::Object(fields) => {
            let named = fields.iter().map(|(key, field)| {
                match schema.get("properties").and_then(|all| all.get(key)) {
                    Some(described) => (escaped(key), seen_by_rules(described, field)),
                    None => {
                        let described = schema.get("additionalProperties");
                        let field = seen_by_rules(described.unwrap_or(&Value::Null), field);
                        (key.clone(), field)
                    }
                }
            });
            named.collect::<HashMap<_, _>>().into()
        }
    }
}

fn escaped(name: &str) -> String {
    if RESERVED.contains(&name) {
        return format!("__{name}__");
    }
    name.replace("__", "__underscores__")
        .replace('.', "__dot__")
        .replace('-', "__dash__")
        .replace('/', "__slash__")
}
