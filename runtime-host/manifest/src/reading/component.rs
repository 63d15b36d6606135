//! Reads `[component.<id>]`.

use std::collections::BTreeMap;

use super::Surroundings;
use crate::allowed_hosts::AllowedHosts;
use crate::application::{Build, Component, FileMount, Profile, Source};
use crate::dependency::{Dependency, DependencyName, DependencySource, Inheritance};
use crate::error::Problem;
use crate::names::{ComponentId, StoreLabel, VariableName};
use crate::section::{Entry, Section};
use crate::template::Template;

pub(super) fn read(
    id: &ComponentId,
    mut section: Section<'_>,
    surroundings: &Surroundings,
) -> Result<Component, Problem> {
    let source = section.require("source", "the Wasm file, as in `source = \"app.wasm\"`")?;
    let component = Component {
        id: id.clone(),
        source: read_source(&source, surroundings)?,
        description: section.text_or_empty("description")?,
        variables: read_variables(&mut section, surroundings)?,
        environment: read_environment(&mut section)?,
        files: section.parsed_items("files", |item| read_file_mount(item, surroundings))?,
        exclude_files: section.texts("exclude_files")?,
        allowed_outbound_hosts: section.parsed_items("allowed_outbound_hosts", |item| {
            read_host(item, surroundings)
        })?,
        key_value_stores: section.parsed_items("key_value_stores", Entry::parse)?,
        sqlite_databases: section.parsed_items("sqlite_databases", |item| {
            item.parse::<StoreLabel>().map(|label| label.to_string())
        })?,
        ai_models: section.texts("ai_models")?,
        targets: section
            .get("targets")
            .map(|targets| {
                let targets = targets.items("a list of environments")?;
                targets
                    .iter()
                    .map(|item| surroundings.read_target(item))
                    .collect()
            })
            .transpose()?,
        build: section
            .get("build")
            .map(|build| read_build(&build, surroundings))
            .transpose()?,
        dependencies: read_dependencies(&mut section, surroundings)?,
        profiles: section
            .named("profile")?
            .iter()
            .map(|profile| Ok((profile.key.clone(), read_profile(profile, surroundings)?)))
            .collect::<Result<_, _>>()?,
    };
    section.skip_tables("tool")?;
    section.finish()?;
    Ok(component)
}

fn read_source(entry: &Entry<'_>, surroundings: &Surroundings) -> Result<Source, Problem> {
    if entry.is_text() {
        return Ok(Source::File(surroundings.absolute(entry.text()?)));
    }
    let mut section = entry.section_or(
        "the path of a Wasm file, `{ url = …, digest = … }`, or `{ package = …, version = … }`",
    )?;
    let source = if let Some(url) = section.get("url") {
        Source::Url {
            url: url.text()?.to_owned(),
            digest: read_digest(&mut section)?,
        }
    } else {
        Source::Registry {
            registry: optional_text(&mut section, "registry")?,
            package: section
                .require("package", "`package = \"namespace:name\"`")?
                .text()?
                .to_owned(),
            version: section
                .require("version", "`version = \"1.0.0\"`")?
                .text()?
                .to_owned(),
        }
    };
    section.finish()?;
    Ok(source)
}

fn read_digest(section: &mut Section<'_>) -> Result<String, Problem> {
    let digest = section.require("digest", "the file's hash, as in `digest = \"sha256:…\"`")?;
    let text = digest.text()?;
    let is_sha256 = text
        .strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
    match is_sha256 {
        true => Ok(text.to_owned()),
        false => Err(digest.invalid("write `sha256:` and the 64 hex digits of the file's hash")),
    }
}

fn optional_text(section: &mut Section<'_>, key: &'static str) -> Result<Option<String>, Problem> {
    section
        .get(key)
        .map(|entry| entry.text().map(str::to_owned))
        .transpose()
}

fn read_variables(
    section: &mut Section<'_>,
    surroundings: &Surroundings,
) -> Result<BTreeMap<VariableName, Template>, Problem> {
    let entries = section.named("variables")?;
    entries
        .iter()
        .map(|entry| Ok((entry.parse_key()?, surroundings.read_template(entry)?)))
        .collect()
}

fn read_environment(section: &mut Section<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let entries = section.named("environment")?;
    entries
        .iter()
        .map(|entry| Ok((entry.key.clone(), entry.text()?.to_owned())))
        .collect()
}

fn read_file_mount(entry: &Entry<'_>, surroundings: &Surroundings) -> Result<FileMount, Problem> {
    if entry.is_text() {
        return Ok(FileMount::Pattern(entry.text()?.to_owned()));
    }
    let mut section = entry.section_or(
        "patterns such as \"assets/*\", or tables such as `{ source = \"assets\", destination = \
         \"/\" }`",
    )?;
    let source = section.require("source", "`source = \"assets\"`")?;
    let destination = section.require("destination", "`destination = \"/\"`")?;
    let mount = FileMount::Placement {
        source: surroundings.absolute(source.text()?),
        destination: destination.text()?.to_owned(),
    };
    section.finish()?;
    match destination.text()?.starts_with('/') {
        true => Ok(mount),
        false => Err(destination.invalid("write an absolute path, which starts with `/`")),
    }
}

fn read_host(entry: &Entry<'_>, surroundings: &Surroundings) -> Result<Template, Problem> {
    let template = surroundings.read_template(entry)?;
    if template.is_literal() {
        AllowedHosts::default()
            .add(entry.text()?)
            .map_err(|e| entry.invalid_text(e))?;
    }
    Ok(template)
}

fn read_build(entry: &Entry<'_>, surroundings: &Surroundings) -> Result<Build, Problem> {
    let mut section = entry.section()?;
    let build = Build {
        commands: read_commands(&mut section)?,
        workdir: match section.get("workdir") {
            Some(workdir) => surroundings.absolute(workdir.text()?),
            None => surroundings.base_dir.clone(),
        },
        watch: section.texts("watch")?,
    };
    section.finish()?;
    Ok(build)
}

fn read_commands(section: &mut Section<'_>) -> Result<Vec<String>, Problem> {
    let command = section.require(
        "command",
        "how to build it, as in `command = \"cargo build\"`",
    )?;
    if command.is_text() {
        return Ok(vec![command.text()?.to_owned()]);
    }
    let commands = command.items("a command, or a list of them")?;
    commands
        .iter()
        .map(|command| command.text().map(str::to_owned))
        .collect()
}

fn read_profile(entry: &Entry<'_>, surroundings: &Surroundings) -> Result<Profile, Problem> {
    let mut section = entry.section()?;
    let profile = Profile {
        source: section
            .get("source")
            .map(|s| read_source(&s, surroundings))
            .transpose()?,
        environment: read_environment(&mut section)?,
        dependencies: section
            .named("dependencies")?
            .iter()
            .map(|dependency| read_dependency(dependency, surroundings).map(|(read, _)| read))
            .collect::<Result<_, _>>()?,
        build_commands: section
            .get("build")
            .map(|build| {
                let mut build = build.section()?;
                let commands = read_commands(&mut build)?;
                build.finish().map(|()| commands)
            })
            .transpose()?,
    };
    section.finish()?;
    Ok(profile)
}

fn read_dependencies(
    section: &mut Section<'_>,
    surroundings: &Surroundings,
) -> Result<Vec<Dependency>, Problem> {
    let inherit_all = section.get("dependencies_inherit_configuration");
    let mut dependencies: Vec<Dependency> = Vec::new();
    for entry in section.named("dependencies")? {
        let (mut dependency, says_what_it_inherits) = read_dependency(&entry, surroundings)?;
        if let Some(inherit_all) = &inherit_all {
            if says_what_it_inherits {
                return Err(Problem::Contradiction {
                    what: "what dependencies inherit is said twice".to_owned(),
                    place: section.place(),
                    fix: "keep either `dependencies_inherit_configuration` of the component or \
                          `inherit_configuration` of each dependency",
                });
            }
            if inherit_all.flag()? {
                dependency.inherits = Inheritance::Everything;
            }
        }
        if let Some(other) = dependencies
            .iter()
            .find(|d| d.name.overlaps(&dependency.name))
        {
            return Err(Problem::Contradiction {
                what: format!(
                    "`{}` and `{}` fill the same import",
                    other.name, dependency.name
                ),
                place: entry.place,
                fix: "remove one of them, or name the interface and version that each is for",
            });
        }
        dependencies.push(dependency);
    }
    Ok(dependencies)
}

/// The dependency, and whether it says itself what it inherits.
fn read_dependency(
    entry: &Entry<'_>,
    surroundings: &Surroundings,
) -> Result<(Dependency, bool), Problem> {
    let name: DependencyName = entry.parse_key()?;
    let from_registry = |version: &str| DependencySource::Registry {
        registry: None,
        package: None,
        version: version.to_owned(),
    };
    let nameless = |name: &DependencyName| {
        let reason = format!("`{name}` names no package: give it a table with `package = \"…\"`");
        entry.invalid_text(reason)
    };
    if entry.is_text() {
        if name.is_plain() {
            return Err(nameless(&name));
        }
        let source = from_registry(entry.text()?);
        return Ok((
            Dependency {
                name,
                source,
                export: None,
                inherits: Inheritance::Nothing,
            },
            false,
        ));
    }

    let mut section = entry.section_or(
        "a version such as \">=1.0.0\", or a table such as `{ path = \"other.wasm\" }`",
    )?;
    let source = if let Some(path) = section.get("path") {
        DependencySource::Path(surroundings.absolute(path.text()?))
    } else if let Some(component) = section.get("component") {
        DependencySource::Component(surroundings.read_component_id(&component)?)
    } else if let Some(url) = section.get("url") {
        DependencySource::Url {
            url: url.text()?.to_owned(),
            digest: read_digest(&mut section)?,
        }
    } else {
        let version = section.require(
            "version",
            "a source: `path`, `component`, `url` with `digest`, or `version`",
        )?;
        let package = optional_text(&mut section, "package")?;
        if package.is_none() && name.is_plain() {
            return Err(nameless(&name));
        }
        DependencySource::Registry {
            registry: optional_text(&mut section, "registry")?,
            package,
            version: version.text()?.to_owned(),
        }
    };
    let export = section.get("export");
    if let (Some(export), true) = (&export, name.is_whole_package()) {
        return Err(export.invalid(format!(
            "one export cannot fill all of `{name}`: name the interface, as in `{name}/interface`"
        )));
    }
    let inherits = section.get("inherit_configuration");
    let dependency = Dependency {
        name,
        source,
        export: export
            .map(|export| export.text().map(str::to_owned))
            .transpose()?,
        inherits: inherits
            .as_ref()
            .map(read_inheritance)
            .transpose()?
            .unwrap_or_default(),
    };
    section.finish()?;
    Ok((dependency, inherits.is_some()))
}

fn read_inheritance(entry: &Entry<'_>) -> Result<Inheritance, Problem> {
    if entry.is_flag() {
        return Ok(if entry.flag()? {
            Inheritance::Everything
        } else {
            Inheritance::Nothing
        });
    }
    let keys = entry.items("`true`, `false`, or a list of the component's keys")?;
    let keys = keys.iter().map(|key| key.text().map(str::to_owned));
    Ok(Inheritance::Only(keys.collect::<Result<_, _>>()?))
}
