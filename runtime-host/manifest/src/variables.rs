//! The values of an application's variables: from the command line, the providers of a runtime
//! config, the environment, a `.env` file or the manifest's defaults, the first of these winning.
//! Values are fixed before anything runs, and a secret one is never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use crate::application::Application;
use crate::names::VariableName;
use crate::runtime_config::VariablesProvider;
use crate::section::line_of;
use crate::suggestion::Suggestion;

/// What the names of variables begin with in the environment, unless a provider says otherwise.
pub(crate) const USUAL_PREFIX: &str = "SPIN_VARIABLE";

/// The values of all variables of an application.
#[derive(Clone, Default)]
pub struct VariableValues {
    values: BTreeMap<VariableName, Value>,
}

#[derive(Clone)]
struct Value {
    text: String,
    secret: bool,
}

/// A value given on purpose for this run: `--variable`.
#[derive(Clone, PartialEq, Eq)]
pub struct VariableOverride {
    name: String,
    value: String,
}

/// Variables that cannot be given their values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableError {
    /// Nobody gives a value to a variable that has to have one.
    #[error(
        "the variable `{name}` is required and has no value: give `--variable {name}=…`, set \
         {} in the environment, or write it into a `.env` file beside spin.toml",
        name.environment_name(USUAL_PREFIX)
    )]
    Unset {
        /// The variable.
        name: VariableName,
    },
    /// A value is given to a variable that is not declared.
    #[error("the application has no variable `{name}`{suggestion}")]
    Unknown {
        /// The name as given.
        name: String,
        /// The nearest that is declared.
        suggestion: Suggestion,
    },
    /// A template of another application was filled in.
    #[error(
        "the variable `{name}` is not declared: add `{name} = {{ default = \"…\" }}` to [variables]"
    )]
    Undeclared {
        /// The variable.
        name: VariableName,
    },
    /// An argument that is neither `name=value` nor `@file`.
    #[error(
        "`{argument}` does not set a variable: write `name=value`, `name=@file` for the contents \
         of a file, or `@file.toml` or `@file.json` for many"
    )]
    Argument {
        /// The argument as given.
        argument: String,
    },
    /// A file of values cannot be read.
    #[error("the variables in {} cannot be read: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl VariableOverride {
    /// A value for the variable `name`.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
        }
    }

    /// What an argument of `--variable` gives: `name=value`, `name=@file` for the contents of a
    /// file, or `@file.toml` or `@file.json` for a table of texts. Paths start in the current
    /// folder.
    ///
    /// # Errors
    /// `VariableError::Argument` or `VariableError::File`.
    pub fn from_argument(argument: &str) -> Result<Vec<Self>, VariableError> {
        if let Some(path) = argument.strip_prefix('@') {
            return overrides_in(Path::new(path));
        }
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| VariableError::Argument {
                argument: argument.to_owned(),
            })?;
        let value = match value.strip_prefix('@') {
            Some(path) => read(Path::new(path))?,
            None => value.to_owned(),
        };
        Ok(vec![Self::new(name, value)])
    }
}

fn overrides_in(path: &Path) -> Result<Vec<VariableOverride>, VariableError> {
    let refused = |reason: String| VariableError::File {
        path: path.to_owned(),
        reason,
    };
    let text = read(path)?;
    // The parsers' own messages show the text, and there can be secrets in it.
    let values: BTreeMap<String, String> = match path.extension().and_then(|e| e.to_str()) {
        Some("toml") => toml::from_str(&text).map_err(|e: toml::de::Error| {
            let line = line_of(&text, e.span().map_or(0, |span| span.start));
            refused(format!("line {line} is not `name = \"text\"`"))
        })?,
        Some("json") => serde_json::from_str(&text).map_err(|e| {
            refused(format!(
                "it is not `{{\"name\": \"text\"}}` in line {}",
                e.line()
            ))
        })?,
        _ => return Err(refused("name it `….toml` or `….json`".to_owned())),
    };
    Ok(values
        .into_iter()
        .map(|(name, value)| VariableOverride { name, value })
        .collect())
}

fn read(path: &Path) -> Result<String, VariableError> {
    std::fs::read_to_string(path).map_err(|e| VariableError::File {
        path: path.to_owned(),
        reason: e.to_string(),
    })
}

impl VariableValues {
    /// Gives every variable of the application its value, as
    /// [`VariableValues::resolve_with_providers`] does without any.
    ///
    /// # Errors
    /// The same.
    pub fn resolve(
        application: &Application,
        overrides: &[VariableOverride],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, VariableError> {
        Self::resolve_with_providers(application, overrides, &[], environment)
    }

    /// Gives every variable of the application its value, the strongest source first:
    /// `overrides` (of two for the same variable the last), `providers` in their order,
    /// `SPIN_VARIABLE_<NAME>` in the environment as `environment` tells it, the same in a `.env`
    /// file beside the manifest, the default.
    ///
    /// # Errors
    /// `VariableError::Unset` for a required variable without a value, `Unknown` for an override
    /// of a variable that is not declared, `File` for a broken `.env` file, or for one that a
    /// provider names and that isn't there.
    pub fn resolve_with_providers(
        application: &Application,
        overrides: &[VariableOverride],
        providers: &[VariablesProvider],
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, VariableError> {
        let declared = &application.variables;
        if let Some(unknown) = overrides
            .iter()
            .find(|o| !declared.contains_key(o.name.as_str()))
        {
            return Err(VariableError::Unknown {
                name: unknown.name.clone(),
                suggestion: Suggestion::new(
                    &unknown.name,
                    declared.keys().map(VariableName::as_str),
                ),
            });
        }
        let mut sources = providers
            .iter()
            .map(Source::of)
            .collect::<Result<Vec<_>, _>>()?;
        let dotenv = application.base_dir.join(".env");
        sources.push(Source::Environment {
            prefix: USUAL_PREFIX,
            dotenv: read_dotenv(&dotenv)?.unwrap_or_default(),
        });
        let mut values = BTreeMap::new();
        for (name, declaration) in declared {
            let given = overrides.iter().rev().find(|o| o.name == name.as_str());
            let text = given
                .map(|given| given.value.clone())
                .or_else(|| {
                    let mut found = sources.iter().map(|source| source.get(name, &environment));
                    found.find_map(|value| value)
                })
                .or_else(|| declaration.default.clone())
                .ok_or_else(|| VariableError::Unset { name: name.clone() })?;
            values.insert(
                name.clone(),
                Value {
                    text,
                    secret: declaration.secret,
                },
            );
        }
        Ok(Self { values })
    }

    /// The value of a variable, secret or not.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|value| value.text.as_str())
    }

    pub(crate) fn value(&self, name: &VariableName) -> Result<&str, VariableError> {
        self.get(name.as_str())
            .ok_or_else(|| VariableError::Undeclared { name: name.clone() })
    }
}

/// Where values are looked for.
enum Source<'a> {
    Static(&'a BTreeMap<String, String>),
    Environment {
        prefix: &'a str,
        /// What the environment doesn't have.
        dotenv: BTreeMap<String, String>,
    },
}

impl<'a> Source<'a> {
    fn of(provider: &'a VariablesProvider) -> Result<Self, VariableError> {
        Ok(match provider {
            VariablesProvider::Static(values) => Self::Static(values),
            VariablesProvider::Env { prefix, dotenv } => Self::Environment {
                prefix,
                dotenv: match dotenv {
                    None => BTreeMap::new(),
                    Some(path) => read_dotenv(path)?.ok_or_else(|| VariableError::File {
                        path: path.clone(),
                        reason: "there is no such file: correct `dotenv_path` in the runtime \
                                 config"
                            .to_owned(),
                    })?,
                },
            },
        })
    }

    fn get(
        &self,
        name: &VariableName,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Option<String> {
        match self {
            Self::Static(values) => values.get(name.as_str()).cloned(),
            Self::Environment { prefix, dotenv } => {
                let key = name.environment_name(prefix);
                environment(&key).or_else(|| dotenv.get(&key).cloned())
            }
        }
    }
}

/// The entries of a `.env` file; None if there is no such file.
fn read_dotenv(path: &Path) -> Result<Option<BTreeMap<String, String>>, VariableError> {
    let lines = match dotenvy::from_path_iter(path) {
        Ok(lines) => lines,
        Err(e) if e.not_found() => return Ok(None),
        Err(e) => {
            return Err(VariableError::File {
                path: path.to_owned(),
                reason: e.to_string(),
            });
        }
    };
    let mut values = BTreeMap::new();
    for (number, line) in lines.enumerate() {
        let (name, value) = line.map_err(|_| VariableError::File {
            path: path.to_owned(),
            reason: format!("entry {} is not `NAME=value`", number + 1),
        })?;
        values.insert(name, value);
    }
    Ok(Some(values))
}

impl fmt::Debug for VariableValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |value: &Value| match value.secret {
            true => "(secret)".to_owned(),
            false => value.text.clone(),
        };
        f.debug_map()
            .entries(self.values.iter().map(|(k, v)| (k.as_str(), shown(v))))
            .finish()
    }
}

// Whether it is secret is not known before it is resolved, so the value is never shown.
impl fmt::Debug for VariableOverride {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VariableOverride")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl<'a> FromIterator<(&'a str, &'a str)> for VariableValues {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a str)>>(values: T) -> Self {
        let values = values
            .into_iter()
            .map(|(name, text)| {
                (
                    name.parse().unwrap(),
                    Value {
                        text: text.to_owned(),
                        secret: false,
                    },
                )
            })
            .collect();
        Self { values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const MANIFEST: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "a"
        [variables]
        host = { default = "default.example" }
        token = { required = true, secret = true }
        [component.c]
        source = "c.wasm"
        allowed_outbound_hosts = ["https://{{ host }}", "{{ host }}"]
        [component.c.variables]
        url = "https://{{ host }}/?token={{ token }}"
    "#;

    struct Folder(tempfile::TempDir);

    impl Folder {
        fn new() -> Self {
            let folder = Self(tempfile::tempdir().unwrap());
            folder.write("spin.toml", MANIFEST);
            folder
        }

        fn write(&self, name: &str, text: &str) -> PathBuf {
            let path = self.0.path().join(name);
            fs::write(&path, text).unwrap();
            path
        }

        fn resolve(
            &self,
            overrides: &[VariableOverride],
            environment: &[(&str, &str)],
        ) -> Result<VariableValues, VariableError> {
            let application = crate::load(self.0.path()).unwrap();
            VariableValues::resolve(&application, overrides, |name| {
                let set = environment.iter().find(|(set, _)| *set == name)?;
                Some(set.1.to_owned())
            })
        }
    }

    fn token(value: &str) -> VariableOverride {
        VariableOverride::new("token", value)
    }

    #[test]
    fn the_strongest_source_wins() {
        let folder = Folder::new();
        let host = |overrides: &[VariableOverride], environment: &[(&str, &str)]| {
            let overrides = [overrides, &[token("t")]].concat();
            let values = folder.resolve(&overrides, environment).unwrap();
            values.get("host").unwrap().to_owned()
        };
        assert_eq!(host(&[], &[]), "default.example");
        folder.write(
            ".env",
            "# comment\nOTHER=1\nSPIN_VARIABLE_HOST=\"dotenv.example\"\n",
        );
        assert_eq!(host(&[], &[]), "dotenv.example");
        let environment = [("SPIN_VARIABLE_HOST", "environment.example")];
        assert_eq!(host(&[], &environment), "environment.example");
        let given = VariableOverride::new("host", "given.example");
        assert_eq!(
            host(std::slice::from_ref(&given), &environment),
            "given.example"
        );
        let last = VariableOverride::new("host", "");
        assert_eq!(host(&[given, last], &environment), "");
    }

    #[test]
    fn providers_come_before_the_environment_in_their_order() {
        let folder = Folder::new();
        let more = folder.write("more.env", "MINE_HOST=more.example\nMINE_TOKEN=more");
        let fixed = |name: &str, value: &str| {
            VariablesProvider::Static([(name.to_owned(), value.to_owned())].into())
        };
        let mine = |dotenv: Option<PathBuf>| VariablesProvider::Env {
            prefix: "MINE".to_owned(),
            dotenv,
        };
        let application = crate::load(folder.0.path()).unwrap();
        let resolve = |providers: &[VariablesProvider]| {
            let environment = |name: &str| match name {
                "SPIN_VARIABLE_HOST" => Some("usual.example".to_owned()),
                "MINE_HOST" => Some("mine.example".to_owned()),
                _ => None,
            };
            let overrides = [token("t")];
            VariableValues::resolve_with_providers(&application, &overrides, providers, environment)
        };
        let host = |providers: &[VariablesProvider]| {
            let values = resolve(providers).unwrap();
            assert_eq!(
                values.get("token"),
                Some("t"),
                "overrides are the strongest"
            );
            values.get("host").unwrap().to_owned()
        };
        assert_eq!(host(&[]), "usual.example");
        assert_eq!(host(&[mine(None)]), "mine.example");
        assert_eq!(host(&[mine(Some(more))]), "mine.example");
        assert_eq!(host(&[fixed("token", "s")]), "usual.example");
        let first = fixed("host", "first.example");
        assert_eq!(host(&[first.clone(), mine(None)]), "first.example");
        assert_eq!(host(&[mine(None), first]), "mine.example");

        let told = resolve(&[mine(Some("gone.env".into()))]).unwrap_err();
        assert!(told.to_string().contains("`dotenv_path`"), "{told}");
    }

    #[test]
    fn an_unset_variable_is_told_with_the_ways_to_set_it() {
        assert_eq!(
            Folder::new().resolve(&[], &[]).unwrap_err().to_string(),
            "the variable `token` is required and has no value: give `--variable token=…`, set \
             SPIN_VARIABLE_TOKEN in the environment, or write it into a `.env` file beside \
             spin.toml"
        );
    }

    #[test]
    fn an_unknown_override_is_told_with_the_nearest_name() {
        let refused = Folder::new().resolve(&[VariableOverride::new("tokn", "")], &[]);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "the application has no variable `tokn`: did you mean `token`?"
        );
    }

    #[test]
    fn a_component_gets_its_variables_and_hosts_filled_in() {
        let folder = Folder::new();
        let application = crate::load(folder.0.path()).unwrap();
        let component = "c".parse().unwrap();
        let values = folder.resolve(&[token("t")], &[]).unwrap();
        let variables = application
            .component_variables(&component, &values)
            .unwrap();
        assert_eq!(variables["url"], "https://default.example/?token=t");

        let refused = application.allowed_hosts(&component, &values).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("write `https://default.example`"),
            "{refused}"
        );

        // An empty variable leaves its entries out.
        let empty = [token("t"), VariableOverride::new("host", "")];
        let values = folder.resolve(&empty, &[]).unwrap();
        let hosts = application.allowed_hosts(&component, &values).unwrap();
        assert_eq!(hosts, crate::AllowedHosts::default());
    }

    #[test]
    fn arguments_give_one_value_or_a_file_of_them() {
        let folder = Folder::new();
        let toml = folder.write("v.toml", "host = \"h\"\ntoken = \"t\"");
        let json = folder.write("v.json", r#"{"host": "h", "token": "t"}"#);
        let text = folder.write("v.txt", "from a file");
        let read = |argument: &str| VariableOverride::from_argument(argument);

        assert_eq!(
            read("host=a=b"),
            Ok(vec![VariableOverride::new("host", "a=b")])
        );
        assert_eq!(read("host="), Ok(vec![VariableOverride::new("host", "")]));
        let both = vec![VariableOverride::new("host", "h"), token("t")];
        assert_eq!(read(&format!("@{}", toml.display())), Ok(both.clone()));
        assert_eq!(read(&format!("@{}", json.display())), Ok(both));
        let argument = format!("host=@{}", text.display());
        assert_eq!(
            read(&argument),
            Ok(vec![VariableOverride::new("host", "from a file")])
        );

        assert!(matches!(read("host"), Err(VariableError::Argument { .. })));
        assert!(matches!(
            read("@missing.toml"),
            Err(VariableError::File { .. })
        ));
        let argument = format!("@{}", text.display());
        assert!(matches!(read(&argument), Err(VariableError::File { .. })));
    }

    #[test]
    fn a_secret_is_never_shown() {
        let folder = Folder::new();
        let values = folder.resolve(&[token("hunter2")], &[]).unwrap();
        assert_eq!(values.get("token"), Some("hunter2"));
        assert_eq!(
            format!("{values:?}"),
            r#"{"host": "default.example", "token": "(secret)"}"#
        );
        assert!(!format!("{:?}", token("hunter2")).contains("hunter2"));

        for (name, text) in [
            ("v.json", "{\"token\": [\"hunter2\"]}"),
            ("w.json", "{\"token\": \"hunter2\" \"}"),
            ("v.toml", "token = [\"hunter2\"]"),
            ("w.toml", "token = \"hunter2"),
        ] {
            let path = folder.write(name, text);
            let error = VariableOverride::from_argument(&format!("@{}", path.display()));
            let shown = error.unwrap_err().to_string();
            assert!(!shown.contains("hunter2"), "{shown}");
        }
        folder.write(".env", "SPIN_VARIABLE_TOKEN='hunter2");
        let shown = folder.resolve(&[], &[]).unwrap_err().to_string();
        assert!(
            !shown.contains("hunter2") && shown.contains("entry 1"),
            "{shown}"
        );
    }
}
