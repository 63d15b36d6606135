//! Reads `[[trigger.http]]`, and the components that stand inside of triggers.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use indexmap::IndexMap;

use super::{Surroundings, component};
use crate::application::{Component, Executor, HttpTrigger, StaticResponse, Target, TriggerRoute};
use crate::error::Problem;
use crate::names::ComponentId;
use crate::section::{Entry, Section};

type Components = IndexMap<ComponentId, Component>;

/// The HTTP triggers, and the names of the other types that the manifest has.
pub(super) fn read_all(
    types: &[Entry<'_>],
    surroundings: &Surroundings,
    components: &mut Components,
) -> Result<(Vec<HttpTrigger>, Vec<String>), Problem> {
    let mut triggers = Vec::new();
    let mut others = Vec::new();
    for kind in types {
        if kind.key == "http" {
            let mut taken = given_ids(kind)?;
            for section in kind.sections()? {
                triggers.push(read(section, surroundings, &mut taken, components)?);
            }
        } else {
            others.push(kind.key.clone());
        }
    }
    Ok((triggers, others))
}

/// The ids that triggers are given in the manifest, so that made ones are different.
fn given_ids(kind: &Entry<'_>) -> Result<Vec<String>, Problem> {
    let mut ids: Vec<String> = Vec::new();
    for mut section in kind.sections()? {
        let Some(id) = section.get("id") else {
            continue;
        };
        if ids
            .iter()
            .any(|other| other == id.text().unwrap_or_default())
        {
            return Err(id.invalid("another trigger has the same id: change one of them"));
        }
        ids.push(id.text()?.to_owned());
    }
    Ok(ids)
}

fn read(
    mut section: Section<'_>,
    surroundings: &Surroundings,
    taken: &mut Vec<String>,
    components: &mut Components,
) -> Result<HttpTrigger, Problem> {
    let given_id = section
        .get("id")
        .map(|id| id.text().map(str::to_owned))
        .transpose()?;
    let component = section.get("component");
    let response = section.get("static_response");
    let id = match given_id {
        Some(id) => id,
        None => {
            let named = component
                .as_ref()
                .and_then(|component| component.text().ok());
            make_id(named, taken)
        }
    };
    let target = match (component, response) {
        (Some(component), None) if component.is_text() => {
            Target::Component(surroundings.read_component_id(&component)?)
        }
        (Some(component), None) => {
            Target::Component(read_inline(&component, &id, surroundings, components)?)
        }
        (None, Some(response)) => Target::StaticResponse(read_static_response(&response)?),
        (given, _) => {
            return Err(Problem::Contradiction {
                what: match given {
                    Some(_) => "a trigger has both a `component` and a `static_response`",
                    None => "a trigger has neither a `component` nor a `static_response`",
                }
                .to_owned(),
                place: section.place(),
                fix: "give it exactly one of the two",
            });
        }
    };
    let route = section.require("route", "where requests come in, as in `route = \"/...\"`")?;
    let trigger = HttpTrigger {
        id,
        target,
        route: read_route(&route)?,
        executor: section
            .get("executor")
            .map_or(Ok(Executor::Http), |e| read_executor(&e))?,
        extra_components: read_extra_components(&mut section)?,
    };
    section.finish()?;
    Ok(trigger)
}

/// An id for a trigger that has none: made like Spin makes it.
fn make_id(component: Option<&str>, taken: &mut Vec<String>) -> String {
    let natural = component.map(|id| format!("{id}-http-trigger"));
    let counted = (1..).map(|n: usize| format!("http-trigger{n}"));
    let mut candidates = natural.into_iter().chain(counted);
    let id = candidates
        .find(|id| !taken.contains(id))
        .unwrap_or_default();
    taken.push(id.clone());
    id
}

/// Reads a component that stands in its trigger, and puts it among the others.
fn read_inline(
    entry: &Entry<'_>,
    trigger_id: &str,
    surroundings: &Surroundings,
    components: &mut Components,
) -> Result<ComponentId, Problem> {
    let section = entry.section_or("the id of a component, or a component's own table")?;
    let natural = format!("{trigger_id}-component");
    let counted = (1..).map(|n: usize| format!("inline-component{n}"));
    let free_id = std::iter::once(natural)
        .chain(counted)
        .filter_map(|id| id.parse::<ComponentId>().ok())
        .find(|id| !components.contains_key(id));
    let id = free_id.ok_or_else(|| entry.invalid("no id is left for it: give it its own table"))?;
    let component = component::read(&id, section, surroundings)?;
    components.insert(id.clone(), component);
    Ok(id)
}

fn read_route(entry: &Entry<'_>) -> Result<TriggerRoute, Problem> {
    if entry.is_text() {
        return Ok(TriggerRoute::Path(entry.parse()?));
    }
    let mut section = entry.section_or("a path such as \"/api/...\", or `{ private = true }`")?;
    let private = section.flag("private")?;
    section.finish()?;
    match private {
        true => Ok(TriggerRoute::Private),
        false => Err(entry.invalid("write a path such as \"/api/...\", or `{ private = true }`")),
    }
}

fn read_executor(entry: &Entry<'_>) -> Result<Executor, Problem> {
    let mut section = entry.section_or("a table, as in `{ type = \"http\" }`")?;
    let kind = section.require("type", "`type = \"http\"` or `type = \"wagi\"`")?;
    let executor = match kind.text()? {
        "http" | "spin" => Executor::Http,
        "wagi" => {
            section.text_or_empty("argv")?;
            section.text_or_empty("entrypoint")?;
            Executor::Wagi
        }
        _ => return Err(kind.invalid("write \"http\" or \"wagi\"")),
    };
    section.finish()?;
    Ok(executor)
}

fn read_static_response(entry: &Entry<'_>) -> Result<StaticResponse, Problem> {
    let mut section = entry.section()?;
    let status = match section.get("status_code") {
        None => StatusCode::OK,
        Some(code) => {
            let number = code
                .number()
                .ok_or_else(|| code.wrong_type("a number such as 404"))?;
            number
                .parse()
                .map_err(|_| code.invalid("write a status code such as 404"))?
        }
    };
    let mut headers = HeaderMap::new();
    for header in section.named("headers")? {
        let name: HeaderName = header.parse_key()?;
        let value: HeaderValue = header.parse()?;
        headers.insert(name, value);
    }
    let response = StaticResponse {
        status,
        headers,
        body: section.text_or_empty("body")?,
    };
    section.finish()?;
    Ok(response)
}

/// The keys under which further components stand; what stands there is not read.
fn read_extra_components(section: &mut Section<'_>) -> Result<Vec<String>, Problem> {
    let mut keys = Vec::new();
    for key in ["components", "dependencies"] {
        keys.extend(
            section
                .named(key)?
                .iter()
                .map(|role| format!("{key}.{}", role.key)),
        );
    }
    Ok(keys)
}
