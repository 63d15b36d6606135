//! Reads a manifest from its file into an [`Application`]. Each key is read once and by its
//! type, and what is left over is refused. The parts of a component and of a trigger are read in
//! modules of their own.

mod component;
mod trigger;

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use toml::de::DeTable;

use crate::application::{Application, TargetEnvironment, VariableDeclaration};
use crate::error::{ManifestError, Problem};
use crate::names::{ComponentId, VariableName};
use crate::section::{Entry, Section};
use crate::suggestion::Suggestion;
use crate::template::Template;

/// Reads the manifest at `path`, which is a `spin.toml` or a folder with one.
///
/// # Errors
/// The first problem that is found, with its line and the fix.
pub fn load(path: &Path) -> Result<Application, ManifestError> {
    let path = if path.is_dir() {
        path.join("spin.toml")
    } else {
        path.to_owned()
    };
    let unreadable = |reason: std::io::Error| match reason.kind() {
        ErrorKind::NotFound => ManifestError::Missing(path.clone()),
        _ => ManifestError::Unreadable {
            path: path.clone(),
            reason,
        },
    };
    let bytes = fs::read(&path).map_err(unreadable)?;
    let text = String::from_utf8(bytes).map_err(|error| match error.as_bytes() {
        [0, b'a', b's', b'm', ..] => ManifestError::WebAssembly(path.clone()),
        _ => ManifestError::NotText(path.clone()),
    })?;
    let manifest = std::path::absolute(&path).map_err(unreadable)?;
    read(&text, &path, manifest)
}

fn read(text: &str, path: &Path, manifest: PathBuf) -> Result<Application, ManifestError> {
    let table = DeTable::parse(text).map_err(|mut error| {
        error.set_input(Some(text));
        ManifestError::Syntax {
            path: path.to_owned(),
            message: error.to_string(),
        }
    })?;
    read_application(Section::top(text, table.get_ref()), manifest).map_err(|problem| {
        ManifestError::Invalid {
            path: path.to_owned(),
            problem: Box::new(problem),
        }
    })
}

/// What the parts of a manifest may refer to.
struct Surroundings {
    base_dir: PathBuf,
    variables: BTreeMap<VariableName, VariableDeclaration>,
    components: Vec<ComponentId>,
}

fn read_application(mut top: Section<'_>, manifest: PathBuf) -> Result<Application, Problem> {
    check_version(&mut top)?;
    let mut details = top
        .require("application", "an [application] table with a `name`")?
        .section()?;
    let written_variables = top.named("variables")?;
    let written_triggers = top.named("trigger")?;
    let written_components = top.named("component")?;
    top.finish()?;

    let surroundings = Surroundings {
        base_dir: manifest.parent().map(Path::to_owned).unwrap_or_default(),
        variables: written_variables
            .iter()
            .map(read_variable)
            .collect::<Result<_, _>>()?,
        components: written_components
            .iter()
            .map(Entry::parse_key)
            .collect::<Result<_, _>>()?,
    };
    let mut components = IndexMap::new();
    for (id, written) in surroundings.components.iter().zip(&written_components) {
        let component = component::read(id, written.section()?, &surroundings)?;
        components.insert(id.clone(), component);
    }
    let (triggers, other_triggers) =
        trigger::read_all(&written_triggers, &surroundings, &mut components)?;

    let application = Application {
        name: details
            .require("name", "a name, as in `name = \"my-app\"`")?
            .text()?
            .to_owned(),
        version: details.text_or_empty("version")?,
        description: details.text_or_empty("description")?,
        authors: details.texts("authors")?,
        targets: details.parsed_items("targets", |item| surroundings.read_target(item))?,
        variables: surroundings.variables,
        triggers,
        other_triggers,
        components,
        manifest,
        base_dir: surroundings.base_dir,
    };
    details.skip_tables("trigger")?;
    details.skip_tables("tool")?;
    details.finish()?;
    Ok(application)
}

fn check_version(top: &mut Section<'_>) -> Result<(), Problem> {
    // Version 1 was once written like this.
    if let Some(version) = top.get("spin_version") {
        return Err(Problem::Version {
            found: version.text().unwrap_or("1").to_owned(),
        });
    }
    let version = top.require("spin_manifest_version", "`spin_manifest_version = 2`")?;
    match version.number().map_or_else(|| version.text(), Ok)? {
        "2" => Ok(()),
        other => Err(Problem::Version {
            found: other.to_owned(),
        }),
    }
}

fn read_variable(written: &Entry<'_>) -> Result<(VariableName, VariableDeclaration), Problem> {
    let name: VariableName = written.parse_key()?;
    let mut section =
        written.section_or("a table, as in `{ default = \"…\" }` or `{ required = true }`")?;
    let default = section
        .get("default")
        .map(|default| default.text().map(str::to_owned));
    let declaration = VariableDeclaration {
        description: section.text_or_empty("description")?,
        default: default.transpose()?,
        secret: section.flag("secret")?,
    };
    let required = section.flag("required")?;
    let place = section.place();
    section.finish()?;
    if declaration.default.is_none() && !required {
        return Err(Problem::VariableWithoutValue {
            name: name.to_string(),
            place,
        });
    }
    Ok((name, declaration))
}

impl Surroundings {
    /// A path of the manifest, made absolute.
    fn absolute(&self, path: &str) -> PathBuf {
        self.base_dir.join(path)
    }

    /// A template that uses declared variables only.
    fn read_template(&self, entry: &Entry<'_>) -> Result<Template, Problem> {
        let template: Template = entry.parse()?;
        if let Some(name) = template
            .variables()
            .find(|name| !self.variables.contains_key(*name))
        {
            let declared = self.variables.keys().map(VariableName::as_str);
            return Err(Problem::UndeclaredVariable {
                key: entry.key.clone(),
                place: entry.place.clone(),
                name: name.to_string(),
                suggestion: Suggestion::new(name.as_str(), declared),
            });
        }
        Ok(template)
    }

    /// The id of a component that exists.
    fn read_component_id(&self, entry: &Entry<'_>) -> Result<ComponentId, Problem> {
        let written = entry.text()?;
        let known = self.components.iter().find(|id| id.as_str() == written);
        known.cloned().ok_or_else(|| Problem::UnknownComponent {
            key: entry.key.clone(),
            place: entry.place.clone(),
            id: written.to_owned(),
            suggestion: Suggestion::new(written, self.components.iter().map(ComponentId::as_str)),
        })
    }

    fn read_target(&self, entry: &Entry<'_>) -> Result<TargetEnvironment, Problem> {
        if entry.is_text() {
            return Ok(TargetEnvironment::Catalogue(entry.text()?.to_owned()));
        }
        let mut section = entry
            .section_or("a name such as \"spin-up:3.3\", or `{ url = … }` or `{ path = … }`")?;
        let target = match section.get("url") {
            Some(url) => TargetEnvironment::Url(url.text()?.to_owned()),
            None => {
                let path = section.require("path", "`path = \"…\"` or `url = \"…\"`")?;
                TargetEnvironment::File(self.absolute(path.text()?))
            }
        };
        section.finish()?;
        Ok(target)
    }
}

#[cfg(test)]
mod tests;
