//! Reads a runtime config from its file.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::de::DeTable;

use super::{Drain, KeyValueStore, RuntimeConfig, RuntimeConfigError, VariablesProvider};
use crate::blocked_networks::{BlockedNetwork, BlockedNetworks};
use crate::duration::parse_duration;
use crate::error::Problem;
use crate::names::{StoreLabel, VariableName};
use crate::redis_url::RedisUrl;
use crate::section::{Entry, Section, line_of};
use crate::suggestion::Suggestion;
use crate::variables::USUAL_PREFIX;

/// Tables that Spin knows, for things that this host does not have.
const NOT_BUILT_IN: [(&str, &str); 6] = [
    (
        "client_tls",
        "remove it: public authorities are trusted, and those in the file that SSL_CERT_FILE names",
    ),
    ("llm_compute", "remove it, and call a model over HTTP"),
    ("outbound_mqtt", "remove it: components can't use MQTT here"),
    (
        "outbound_mysql",
        "remove it: components can't use MySQL here",
    ),
    (
        "outbound_pg",
        "remove it: components can't use PostgreSQL here",
    ),
    (
        "outbound_redis",
        "remove it: components reach Redis as a key-value store",
    ),
];

/// Nobody waits longer for the end of a process.
const LONGEST_DELAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads a runtime config file.
///
/// # Errors
/// The first problem that is found, with its line and the fix.
pub fn load_runtime_config(path: &Path) -> Result<RuntimeConfig, RuntimeConfigError> {
    let unreadable = |reason| RuntimeConfigError::Unreadable {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    let folder = std::path::absolute(path).map_err(unreadable)?;
    let folder = folder.parent().map(Path::to_owned).unwrap_or_default();
    read(&text, path, &folder)
}

pub(super) fn read(
    text: &str,
    path: &Path,
    folder: &Path,
) -> Result<RuntimeConfig, RuntimeConfigError> {
    let table = DeTable::parse(text).map_err(|error| RuntimeConfigError::Syntax {
        path: path.to_owned(),
        line: line_of(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })?;
    read_config(Section::top(text, table.get_ref()), folder).map_err(|problem| {
        RuntimeConfigError::Invalid {
            path: path.to_owned(),
            problem: Box::new(problem),
        }
    })
}

fn read_config(mut top: Section<'_>, folder: &Path) -> Result<RuntimeConfig, Problem> {
    let written_stores = top.named("key_value_store")?;
    let config = RuntimeConfig {
        key_value_stores: written_stores
            .iter()
            .map(|store| read_store(store, folder))
            .collect::<Result<_, _>>()?,
        variables_providers: read_providers(&mut top)?,
        state_dir: read_state_dir(&mut top)?,
        log_dir: read_log_dir(&mut top)?,
        max_instance_memory: read_max_memory(&mut top)?,
        never_reuses_connections: read_outbound_http(&mut top)?,
        blocked_networks: read_outbound_networking(&mut top)?,
        drain: read_drain(&mut top)?,
    };
    if let Some(database) = top.named("sqlite_database")?.first() {
        return Err(not_built_in(
            database,
            format!("the SQLite database `{}`", database.key),
            "remove it, and use `key_value_stores` in the manifest",
        ));
    }
    for (key, instead) in NOT_BUILT_IN {
        if let Some(entry) = top.get(key) {
            return Err(not_built_in(&entry, format!("`{key}`"), instead));
        }
    }
    top.finish()?;
    check_prefixes(&config.key_value_stores, &written_stores)?;
    Ok(config)
}

fn not_built_in(entry: &Entry<'_>, what: String, instead: &'static str) -> Problem {
    Problem::NotBuiltIn {
        what,
        place: entry.place.clone(),
        instead,
    }
}

fn read_store(written: &Entry<'_>, folder: &Path) -> Result<(StoreLabel, KeyValueStore), Problem> {
    let label: StoreLabel = written.parse_key()?;
    let mut section =
        written.section_or("a table, as in `{ type = \"redis\", url = \"redis://…\" }`")?;
    let kind = section.require("type", "`type = \"spin\"` or `type = \"redis\"`")?;
    let store = match kind.text()? {
        "spin" => KeyValueStore::Sqlite {
            path: section
                .get("path")
                .map(|path| path.text().map(|path| folder.join(path)))
                .transpose()?,
        },
        "redis" => {
            let url = section.require("url", "the server, as in `url = \"redis://localhost\"`")?;
            KeyValueStore::Redis {
                url: url.parse::<RedisUrl>()?,
                prefix: section.text_or_empty("prefix")?,
            }
        }
        known @ ("azure_cosmos" | "aws_dynamo") => {
            return Err(not_built_in(
                &kind,
                format!("the key-value store type `{known}`"),
                "use the type `redis` for a store that hosts share, or `spin` for one on disk",
            ));
        }
        unknown => {
            let suggestion = Suggestion::new(unknown, ["spin", "redis"]);
            return Err(kind.invalid(format!("there is no such type of store{suggestion}")));
        }
    };
    section.finish()?;
    Ok((label, store))
}

/// Refuses prefixes of which one begins with another, on the same database: one store would show
/// the keys of the other. That several stores have no prefix at all is allowed, because Spin has
/// none: they are one store under several labels.
fn check_prefixes(
    stores: &BTreeMap<StoreLabel, KeyValueStore>,
    written: &[Entry<'_>],
) -> Result<(), Problem> {
    let on_redis = stores.iter().filter_map(|(label, store)| match store {
        KeyValueStore::Redis { url, prefix } => Some((label, url.to_string(), prefix)),
        KeyValueStore::Sqlite { .. } => None,
    });
    let on_redis: Vec<_> = on_redis.collect();
    for (position, (label, url, prefix)) in on_redis.iter().enumerate() {
        let overlapping = on_redis
            .iter()
            .take(position)
            .find(|(_, other_url, other)| {
                let either_has_one = !(prefix.is_empty() && other.is_empty());
                let one_begins_with_other =
                    prefix.starts_with(other.as_str()) || other.starts_with(prefix.as_str());
                url == other_url && either_has_one && one_begins_with_other
            });
        let place = written.iter().find(|entry| entry.key == label.as_str());
        if let (Some((other, ..)), Some(entry)) = (overlapping, place) {
            return Err(Problem::Contradiction {
                what: format!(
                    "the key-value stores `{other}` and `{label}` are on the same database, and \
                     the `prefix` of one begins with that of the other"
                ),
                place: entry.section()?.place(),
                fix: "give each a `prefix` of its own, such as `rates:` and `sessions:`, so that \
                      none sees the keys of another",
            });
        }
    }
    Ok(())
}

fn read_providers(top: &mut Section<'_>) -> Result<Vec<VariablesProvider>, Problem> {
    // The second name is what Spin called it first, and what its operators still write.
    let (new, old) = (top.get("variables_provider"), top.get("config_provider"));
    let providers = match (new, old) {
        (None, None) => return Ok(Vec::new()),
        (Some(providers), None) | (None, Some(providers)) => providers,
        (Some(_), Some(old)) => {
            return Err(old.invalid("it means the same as `variables_provider`: keep only that"));
        }
    };
    providers
        .sections()?
        .into_iter()
        .map(read_provider)
        .collect()
}

fn read_provider(mut section: Section<'_>) -> Result<VariablesProvider, Problem> {
    let kind = section.require("type", "`type = \"static\"` or `type = \"env\"`")?;
    let provider = match kind.text()? {
        "static" => VariablesProvider::Static(read_values(&mut section)?),
        "env" => VariablesProvider::Env {
            prefix: match section.get("prefix") {
                Some(prefix) => prefix.text()?.to_owned(),
                None => USUAL_PREFIX.to_owned(),
            },
            dotenv: section
                .get("dotenv_path")
                .map(|path| path.text().map(PathBuf::from))
                .transpose()?,
        },
        known @ ("vault" | "azure_key_vault") => {
            return Err(not_built_in(
                &kind,
                format!("the variables provider `{known}`"),
                "give secrets as SPIN_VARIABLE_<NAME> in the environment, or with the type \
                 `static`",
            ));
        }
        unknown => {
            let suggestion = Suggestion::new(unknown, ["static", "env"]);
            return Err(kind.invalid(format!("there is no such provider{suggestion}")));
        }
    };
    section.finish()?;
    Ok(provider)
}

fn read_values(section: &mut Section<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let example = "a table of texts, as in `values = { api_key = \"…\" }`";
    let values = section.require("values", example)?.section()?;
    values
        .entries()
        .map(|value| {
            let name: VariableName = value.parse_key()?;
            Ok((name.to_string(), value.text()?.to_owned()))
        })
        .collect()
}

fn read_state_dir(top: &mut Section<'_>) -> Result<Option<PathBuf>, Problem> {
    let Some(entry) = top.get("state_dir") else {
        return Ok(None);
    };
    match entry.text()? {
        "" => Err(not_built_in(
            &entry,
            "an empty `state_dir`, for stores in memory only,".to_owned(),
            "name a folder, or remove the key",
        )),
        path => Ok(Some(path.into())),
    }
}

fn read_log_dir(top: &mut Section<'_>) -> Result<Option<PathBuf>, Problem> {
    let entry = top.get("log_dir");
    entry
        .map(|entry| entry.text().map(PathBuf::from))
        .transpose()
}

fn read_max_memory(top: &mut Section<'_>) -> Result<Option<u64>, Problem> {
    let Some(entry) = top.get("max_instance_memory") else {
        return Ok(None);
    };
    let number = entry
        .number()
        .ok_or_else(|| entry.wrong_type("a number of bytes, such as 134217728"))?;
    let bytes = number.parse::<u64>().ok().filter(|bytes| *bytes > 0);
    bytes
        .map(Some)
        .ok_or_else(|| entry.invalid("write a number of bytes above 0, such as 134217728"))
}

/// Gives whether connections are never reused. In Spin a table without `connection_pooling` turns
/// reuse off, against its own documentation; here it stays on.
fn read_outbound_http(top: &mut Section<'_>) -> Result<bool, Problem> {
    let Some(entry) = top.get("outbound_http") else {
        return Ok(false);
    };
    let mut section = entry.section()?;
    let pooling = section.get("connection_pooling");
    let pooling = pooling.map_or(Ok(true), |entry| entry.flag())?;
    for key in ["max_connections", "max_concurrent_requests"] {
        refuse_limit(&mut section, key)?;
    }
    section.finish()?;
    Ok(!pooling)
}

fn read_outbound_networking(top: &mut Section<'_>) -> Result<BlockedNetworks, Problem> {
    let Some(entry) = top.get("outbound_networking") else {
        return Ok(BlockedNetworks::default());
    };
    let mut section = entry.section()?;
    let blocked = section.parsed_items("block_networks", Entry::parse::<BlockedNetwork>)?;
    let blocked: BlockedNetworks = blocked.into_iter().collect();
    let block_listed = section.get("block_listed");
    let block_listed = block_listed.map_or(Ok(true), |entry| entry.flag())?;
    for key in ["max_socket_connections", "max_total_connections"] {
        refuse_limit(&mut section, key)?;
    }
    section.finish()?;
    Ok(if block_listed {
        blocked
    } else {
        blocked.sparing_listed()
    })
}

fn read_drain(top: &mut Section<'_>) -> Result<Drain, Problem> {
    let Some(entry) = top.get("drain") else {
        return Ok(Drain::default());
    };
    let mut section = entry.section()?;
    let readiness_path = section.get("readiness_path");
    let delay = section.get("delay");
    let drain = Drain {
        readiness_path: readiness_path.map(|path| path.parse()).transpose()?,
        delay: delay.map(|delay| read_delay(&delay)).transpose()?,
    };
    section.finish()?;
    Ok(drain)
}

/// Text such as `10s`, or a number of seconds.
fn read_delay(entry: &Entry<'_>) -> Result<Duration, Problem> {
    let written = match entry.number() {
        Some(number) => number,
        None => entry.text()?,
    };
    let delay = parse_duration(written).map_err(|reason| entry.invalid(reason))?;
    if delay > LONGEST_DELAY {
        return Err(entry.invalid("it may be a day at most"));
    }
    Ok(delay)
}

fn refuse_limit(section: &mut Section<'_>, key: &'static str) -> Result<(), Problem> {
    match section.get(key) {
        None => Ok(()),
        Some(entry) => Err(not_built_in(
            &entry,
            format!("`{key}`"),
            "remove it: an instance has at most 128 requests on their way at once",
        )),
    }
}

#[cfg(test)]
mod tests;
