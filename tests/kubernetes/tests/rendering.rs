//! Rendered environments, to look at and to break.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kubernetes::chart::{Chart, Rendered};
use kubernetes::checks::secrets::decoded;
use kubernetes::environments::{self, Environment};
use kubernetes::examination::Examination;
use kubernetes::fields::Fields as _;
use kubernetes::finding::Finding;
use kubernetes::object::Object;
use kubernetes::provided::AllProvided;
use kubernetes::schema::Schemas;
use serde_json::Value;

/// What Helm makes of an environment; every environment is rendered once.
pub(crate) fn rendered(name: &str) -> Rendered {
    static RENDERED: LazyLock<Mutex<BTreeMap<String, Rendered>>> = LazyLock::new(Mutex::default);
    let mut all = RENDERED.lock().unwrap();
    let make = || {
        let environment = environments::named(name).unwrap();
        let chart = Chart::ours().unwrap();
        chart.render(&environment).unwrap()
    };
    all.entry(name.to_owned()).or_insert_with(make).clone()
}

/// What Helm makes of an environment with values laid over it.
#[track_caller]
pub(crate) fn rendered_with(name: &str, values: &Value) -> Rendered {
    let environment = environment_with(name, values);
    Chart::ours().unwrap().render(&environment).unwrap()
}

/// The same as another release.
#[track_caller]
pub(crate) fn rendered_as(release: &str, namespace: &str, values: &Value) -> Rendered {
    let environment = environment_with("production", values);
    let chart = Chart::ours().unwrap();
    chart.render_as(release, namespace, &environment).unwrap()
}

/// Lays values over an environment, and gives back why Helm refuses them.
#[track_caller]
pub(crate) fn refused(name: &str, values: &Value) -> String {
    let environment = environment_with(name, values);
    match Chart::ours().unwrap().render(&environment) {
        Ok(_) => panic!("rendered with {values}"),
        Err(error) => error.to_string(),
    }
}

fn environment_with(name: &str, values: &Value) -> Environment {
    let mut environment = environments::named(name).unwrap();
    if environment.values.is_null() {
        environment.values = Value::Object(serde_json::Map::new());
    }
    lay_over(&mut environment.values, values);
    environment
}

/// Lays values over others, and leaves it to Helm what null takes away: it does so in the chart's own
/// values, which are not known here.
fn lay_over(values: &mut Value, over: &Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, over) in over {
                lay_over(values.entry(key).or_insert(Value::Null), over);
            }
        }
        (values, over) => over.clone_into(values),
    }
}

/// All schemas; each is read and made ready once.
pub(crate) fn schemas() -> &'static Schemas {
    static SCHEMAS: LazyLock<Schemas> = LazyLock::new(|| {
        let oldest = Chart::ours().unwrap().oldest_kubernetes().unwrap();
        Schemas::load(&oldest).unwrap()
    });
    &SCHEMAS
}

/// Whether the schemas of custom kinds are beside the checkout. Where they are not, a test that
/// needs them can test nothing, and says so: past the capture of what tests print, which would
/// hide it.
pub(crate) fn has_custom_schemas() -> bool {
    let has = schemas().knows_custom_kinds();
    if !has {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        let reason = kubernetes::project::NO_CUSTOM_SCHEMAS;
        let _ = writeln!(
            std::io::stderr(),
            "NOT TESTED: custom kinds in {name}: {reason}"
        );
    }
    has
}

/// What is wrong with what was rendered.
pub(crate) fn findings(rendered: &Rendered) -> Vec<Finding> {
    let provided = AllProvided::listed().unwrap();
    let examination = Examination::of(rendered, schemas(), &provided).unwrap();
    examination.findings
}

/// An environment that somebody breaks.
pub(crate) struct Broken {
    rendered: Rendered,
}

/// An environment to break.
pub(crate) fn broken(name: &str) -> Broken {
    Broken {
        rendered: rendered(name),
    }
}

impl Broken {
    fn object(&mut self, object: &str) -> &mut Object {
        let names: Vec<String> = self
            .rendered
            .objects
            .iter()
            .map(Object::to_string)
            .collect();
        let at = names.iter().position(|one| one == object);
        let at = at.unwrap_or_else(|| panic!("no {object} in {names:?}"));
        &mut self.rendered.objects[at]
    }

    /// Sets a field; its parent has to be there.
    pub(crate) fn set(mut self, object: &str, path: &str, value: impl Into<Value>) -> Self {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        let body = &mut self.object(object).body;
        let parent = body
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("{object} has no {parent}"));
        match parent {
            Value::Array(items) => items[key.parse::<usize>().unwrap()] = value.into(),
            parent => parent[key] = value.into(),
        }
        self
    }

    /// Edits a text, also the one that a Secret holds in base64.
    pub(crate) fn edit(mut self, object: &str, path: &str, from: &str, to: &str) -> Self {
        let found = self.object(object);
        let written = found.body.text(path).unwrap_or_default();
        let text = decoded(found, path, written);
        assert!(text.contains(from), "{object}{path} has no {from}: {text}");
        let mut edited = text.replace(from, to);
        if text != written {
            edited = STANDARD.encode(edited);
        }
        self.set(object, path, edited)
    }

    /// Adds an item to a list.
    pub(crate) fn push(mut self, object: &str, path: &str, value: impl Into<Value>) -> Self {
        let body = &mut self.object(object).body;
        let list = body.pointer_mut(path).and_then(Value::as_array_mut);
        list.unwrap_or_else(|| panic!("{object} has no list {path}"))
            .push(value.into());
        self
    }

    /// Removes a field that is there.
    pub(crate) fn remove(mut self, object: &str, path: &str) -> Self {
        let (parent, key) = path.rsplit_once('/').unwrap();
        let key = key.replace("~1", "/").replace("~0", "~");
        let body = &mut self.object(object).body;
        let removed = match body.pointer_mut(parent).unwrap() {
            Value::Array(items) => Some(items.remove(key.parse().unwrap())),
            Value::Object(fields) => fields.remove(&key),
            _ => None,
        };
        assert!(removed.is_some(), "{object} has no {path}");
        self
    }

    /// Misspells a field.
    pub(crate) fn rename(mut self, object: &str, path: &str, key: &str) -> Self {
        let value = self.object(object).body.pointer(path).cloned();
        let value = value.unwrap_or_else(|| panic!("{object} has no {path}"));
        let (parent, _) = path.rsplit_once('/').unwrap();
        let renamed = format!("{parent}/{key}");
        self.remove(object, path).set(object, &renamed, value)
    }

    /// Leaves an object out.
    pub(crate) fn without(mut self, object: &str) -> Self {
        let before = self.rendered.objects.len();
        self.rendered
            .objects
            .retain(|one| one.to_string() != object);
        assert_eq!(self.rendered.objects.len() + 1, before, "no {object}");
        self
    }

    /// Adds an object.
    pub(crate) fn with(mut self, body: Value) -> Self {
        self.rendered.objects.push(Object {
            body,
            origin: kubernetes::object::Origin::Template("broken.yaml".to_owned()),
        });
        self
    }

    /// What was broken has to be found: in this object, at this path, with these words.
    #[track_caller]
    pub(crate) fn must_show(self, object: &str, path: &str, words: &str) {
        let findings = findings(&self.rendered);
        let is_it =
            |one: &Finding| one.object == object && one.path == path && one.problem.contains(words);
        let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
        assert!(
            findings.iter().any(is_it),
            "{object}: {path}: …{words}… is not among\n{}",
            found.join("\n")
        );
    }
}
