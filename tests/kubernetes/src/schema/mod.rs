//! Holds objects against their schemas: of Kubernetes' own kinds ([`built_in`]) in the oldest and
//! the newest version that the chart is for, of custom kinds ([`custom`]) as their operators
//! publish them. Both refuse fields that they don't know, as `kubectl apply --validate=strict`
//! does. What a schema says beyond types is looked at in [`lists`] and [`rules`].

pub mod built_in;
pub mod custom;
pub mod lists;
pub mod names;
pub mod rules;
pub mod walk;

use std::collections::BTreeSet;

use anyhow::Result;
use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::finding::Finding;
use crate::object::Object;
use crate::project;
use built_in::BuiltIn;
use custom::Custom;

/// All schemas.
#[derive(Debug)]
pub struct Schemas {
    built_in: Vec<BuiltIn>,
    custom: Option<Custom>,
}

/// What came out of holding objects against their schemas.
#[derive(Debug, Default)]
pub struct Verdict {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// How many objects were held against a schema.
    pub checked: usize,
    /// Kinds that could not be, because the reference with their schemas is not here.
    pub skipped: BTreeSet<String>,
    /// How many rules of schemas (CEL) were evaluated.
    pub rules: usize,
    /// Rules that could not be evaluated, and why.
    pub unevaluated: BTreeSet<String>,
}

impl Schemas {
    /// What `make chart-packages` installs, and the reference if it is here.
    ///
    /// # Errors
    /// If the built-in schemas are not installed or can't be read.
    pub fn load(oldest: &str) -> Result<Self> {
        let folder = project::installed("kubernetes/schemas")?;
        Ok(Self {
            built_in: vec![BuiltIn::newest(&folder)?, BuiltIn::of(&folder, oldest)?],
            custom: match project::custom_schemas() {
                Some(reference) => {
                    let installed = project::installed("kubernetes/custom")?;
                    Some(Custom::new(vec![reference, installed]))
                }
                None => None,
            },
        })
    }

    /// The versions of Kubernetes whose schemas are used.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.built_in.iter().map(BuiltIn::version)
    }

    /// Whether the schemas of custom kinds are here.
    #[must_use]
    pub fn knows_custom_kinds(&self) -> bool {
        self.custom.is_some()
    }

    /// Holds every object against its schema.
    ///
    /// # Errors
    /// If a schema can't be read.
    pub fn check<'a>(&self, objects: impl IntoIterator<Item = &'a Object>) -> Result<Verdict> {
        let mut verdict = Verdict::default();
        for object in objects {
            names::check(object, &mut verdict.findings);
            if built_in::is_built_in(object) {
                for schemas in &self.built_in {
                    schemas.check(object, &mut verdict.findings)?;
                }
                verdict.checked += 1;
            } else if let Some(custom) = &self.custom {
                for schemas in &self.built_in {
                    schemas.check_metadata(object, &mut verdict.findings)?;
                }
                custom.check(object, &mut verdict)?;
                verdict.checked += 1;
            } else {
                let kind = format!("{} {}", object.api_version(), object.kind());
                verdict.skipped.insert(kind);
            }
        }
        // Two versions of Kubernetes mostly find the same.
        verdict.findings.sort();
        verdict.findings.dedup();
        Ok(verdict)
    }
}

/// Makes a schema ready for use.
fn compile(schema: &Value) -> Result<Validator> {
    jsonschema::options()
        .with_draft(jsonschema::Draft::Draft202012)
        // Go's regular expressions are like Rust's: they don't look around, and take linear time.
        .with_pattern_options(PatternOptions::regex())
        .should_validate_formats(false)
        .build(schema)
        .map_err(|error| anyhow::anyhow!("not a usable schema: {error}"))
}

/// Holds a value against a schema; `base` is where the value is in its object.
fn apply(schema: &Validator, value: &Value, base: &str, object: &Object, to: &mut Vec<Finding>) {
    for error in schema.iter_errors(value) {
        let path = format!("{base}{}", error.instance_path());
        match error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                for field in unexpected {
                    let path = format!("{path}{}", crate::fields::step(field));
                    to.push(Finding::new(object, path, "there is no such field"));
                }
            }
            ValidationErrorKind::Required { property } => {
                let property = property.as_str().unwrap_or_default();
                let problem = format!("the field `{property}` is missing");
                to.push(Finding::new(object, path, problem));
            }
            _ => to.push(Finding::new(object, path, clipped(&error.to_string()))),
        }
    }
}

/// A message without the whole of a long value in it.
fn clipped(message: &str) -> String {
    const MOST: usize = 240;
    if message.chars().count() <= MOST {
        return message.to_owned();
    }
    let start: String = message.chars().take(MOST / 2).collect();
    let end: Vec<char> = message.chars().rev().take(MOST / 2).collect();
    format!("{start} … {}", end.iter().rev().collect::<String>())
}
