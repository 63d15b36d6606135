//! Turns src/openapi.yaml, which people read and write, into the JSON that is served: without
//! blanks and comments, with the version of this build, and with a tag that names its content.

use std::error::Error;
use std::path::Path;
use std::{env, fs};
use yaml_rust2::{Yaml, YamlLoader};

const SOURCE: &str = "src/openapi.yaml";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rerun-if-changed=src/landing.html");
    let text = fs::read_to_string(SOURCE)?;
    let text = text.replace("VERSION", &env::var("CARGO_PKG_VERSION")?);
    let documents = YamlLoader::load_from_str(&text).map_err(|at| format!("{SOURCE}: {at}"))?;
    let [Yaml::Hash(members)] = &documents[..] else {
        return Err(format!("{SOURCE} is not one mapping").into());
    };
    let mut members = members.clone();
    // What begins so is there to be named elsewhere in the file.
    members.remove(&Yaml::String("x-headers".into()));
    let json = json(&Yaml::Hash(members))?;
    let folder = env::var("OUT_DIR")?;
    fs::write(Path::new(&folder).join("openapi.json"), &json)?;
    println!("cargo::rustc-env=OPENAPI_ETAG=\"{:016x}\"", fnv1a(&json));
    let page = fs::read_to_string("src/landing.html")?;
    println!("cargo::rustc-env=PAGE_ETAG=\"{:016x}\"", fnv1a(&page));
    Ok(())
}

/// The same in JSON, in the same order.
fn json(value: &Yaml) -> Result<String, Box<dyn Error>> {
    Ok(match value {
        Yaml::Null => "null".to_owned(),
        Yaml::Boolean(flag) => flag.to_string(),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Real(number) => number.clone(),
        Yaml::String(text) => serde_json::to_string(text)?,
        Yaml::Array(items) => {
            let items: Result<Vec<_>, _> = items.iter().map(json).collect();
            format!("[{}]", items?.join(","))
        }
        Yaml::Hash(members) => {
            let members: Result<Vec<_>, _> = members
                .iter()
                .map(|(name, value)| member(name, value))
                .collect();
            format!("{{{}}}", members?.join(","))
        }
        Yaml::Alias(_) | Yaml::BadValue => return Err(format!("{SOURCE} names nothing").into()),
    })
}

fn member(name: &Yaml, value: &Yaml) -> Result<String, Box<dyn Error>> {
    match (name, value) {
        (Yaml::String(_), Yaml::Null) => {
            Err(format!("{SOURCE}: {name:?} has no value; is a comma unquoted?").into())
        }
        (Yaml::String(_), value) => Ok(format!("{}:{}", json(name)?, json(value)?)),
        _ => Err(format!("{SOURCE}: the name {name:?} is no text").into()),
    }
}

/// FNV-1a with 64 bits.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
