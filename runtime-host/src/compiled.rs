//! Compiled components on disk, mapped into memory when they are needed: a second start neither
//! compiles nor reads what it does not run. One file per component and engine, named by what it
//! was made from.
//!
//! wasmtime's own cache packs its files, so that each start unpacks and copies them: of a warm
//! start of five components that took more time than everything else.

use std::collections::HashMap;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::kept_files;

/// The most that is kept, in bytes: some hundred components.
const MOST_BYTES: u64 = 512 << 20;

const EXTENSION: &str = "cwasm";

/// Compiled components: those of this application, and the folder that keeps them, if there is
/// one that can be trusted.
pub(crate) struct CompiledCode {
    folder: Option<PathBuf>,
    /// By name of their file: components of the same Wasm share their code.
    known: Mutex<HashMap<String, Component>>,
}

impl CompiledCode {
    /// Opens the cache folder that is given, or else the usual one. Without any, or where others
    /// could write to it, nothing is kept, which the log tells.
    pub(crate) fn open(folder: Option<PathBuf>) -> Self {
        let folder = match folder.or_else(usual_folder) {
            Some(folder) => private_folder(&folder)
                .inspect_err(|error| {
                    tracing::warn!("compiled code is not kept, so each start compiles: {error}");
                })
                .ok(),
            None => None,
        };
        Self {
            folder,
            known: Mutex::default(),
        }
    }

    /// Keeps nothing on disk.
    pub(crate) fn unkept() -> Self {
        Self {
            folder: None,
            known: Mutex::default(),
        }
    }

    /// The component of these Wasm bytes, compiled for `engine` now or earlier.
    pub(crate) fn component(&self, engine: &Engine, wasm: &[u8]) -> wasmtime::Result<Component> {
        let name = file_name(engine, wasm);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(component) = known.get(&name) {
            return Ok(component.clone());
        }
        let component = self.kept_or_compiled(engine, wasm, &name)?;
        known.insert(name, component.clone());
        Ok(component)
    }

    fn kept_or_compiled(
        &self,
        engine: &Engine,
        wasm: &[u8],
        name: &str,
    ) -> wasmtime::Result<Component> {
        let Some(folder) = &self.folder else {
            return Component::from_binary(engine, wasm);
        };
        let path = folder.join(name);
        if let Some(component) = mapped(engine, &path) {
            return Ok(component);
        }
        let component = Component::from_binary(engine, wasm)?;
        if let Err(error) = component
            .serialize()
            .map_err(io::Error::other)
            .and_then(|code| {
                kept_files::remove_unused(folder, MOST_BYTES);
                kept_files::write(folder, &path, &code)
            })
        {
            tracing::warn!("{} is not kept: {error}", path.display());
        }
        Ok(component)
    }
}

/// `runtime-host` in the user's cache folder (XDG Base Directory Specification).
pub(crate) fn usual_folder() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let home = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Some(home?.join("runtime-host"))
}

/// A folder that only this user can write to: what is in it is run as it is.
fn private_folder(path: &Path) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let metadata = fs::metadata(path)?;
    let is_ours = metadata.uid() == rustix::process::geteuid().as_raw();
    if !is_ours || metadata.mode() & 0o022 != 0 {
        return Err(io::Error::other(format!(
            "others can write to {}: make it yours alone, or remove it",
            path.display()
        )));
    }
    Ok(path.to_owned())
}

/// Names what the code depends on: the component, and how this engine compiles.
fn file_name(engine: &Engine, wasm: &[u8]) -> String {
    let mut compatibility = DefaultHasher::new();
    engine
        .precompile_compatibility_hash()
        .hash(&mut compatibility);
    let mut hash = Sha256::new();
    hash.update(compatibility.finish().to_le_bytes());
    hash.update(wasm);
    let mut name = String::with_capacity(72);
    for byte in hash.finalize() {
        let _infallible = write!(name, "{byte:02x}");
    }
    name.push('.');
    name.push_str(EXTENSION);
    name
}

fn mapped(engine: &Engine, path: &Path) -> Option<Component> {
    let used = fs::metadata(path).ok()?.modified().ok()?;
    // SAFETY: The file was written by `kept_files::write`, complete or not at all, into a folder that
    // only this user can write to, as was checked. wasmtime refuses code of another version of
    // itself or for other settings.
    #[expect(unsafe_code, reason = "mapping compiled code has no safe form")]
    let component = unsafe { Component::deserialize_file(engine, path) };
    match component {
        Ok(component) => {
            kept_files::note_use(path, used);
            Some(component)
        }
        Err(error) => {
            tracing::debug!("{} is compiled anew: {error:#}", path.display());
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// The smallest component.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn kept_in(folder: &Path) -> CompiledCode {
        CompiledCode {
            folder: Some(private_folder(folder).unwrap()),
            known: Mutex::default(),
        }
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn code_is_kept_and_a_damaged_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("code");
        let engine = Engine::default();
        kept_in(&folder).component(&engine, EMPTY).unwrap();
        let [file] = &files(&folder)[..] else {
            panic!("one file: {:?}", files(&folder));
        };
        assert!(mapped(&engine, file).is_some());
        fs::write(file, b"not code").unwrap();
        kept_in(&folder).component(&engine, EMPTY).unwrap();
        assert!(mapped(&engine, file).is_some());
    }

    #[test]
    fn what_is_no_component_is_told_and_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("code");
        let compiled = kept_in(&folder);
        assert!(compiled.component(&Engine::default(), b"junk").is_err());
        assert!(files(&folder).is_empty());
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_not_trusted() {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let error = private_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains("others can write"), "{error}");
    }
}
