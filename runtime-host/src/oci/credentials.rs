//! Who asks a registry: user names and passwords from the file in which Spin keeps them, or from
//! Docker's config and the programs that it names. Without any, nobody in particular asks.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufReader, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::secrets::RegistryAuth;
use serde::{Deserialize, Serialize};

use super::Access;
use super::client::RegistryClient;
use super::error::OciError;
use super::reference::Reference;

/// Spin's own file, in the user's configuration folder.
const SPINS_FILE: &str = "fermyon/registry-auth.json";

/// Who asks, and where that is written.
pub(super) struct Credentials {
    pub(super) auth: RegistryAuth,
    pub(super) place: String,
}

impl Credentials {
    /// What is known for a registry.
    pub(super) fn find(registry: &str) -> Result<Self, OciError> {
        if let Some(path) = spins_file()
            && let Some(auth) = in_spins_file(registry, &path)?
        {
            let place = path.display().to_string();
            return Ok(Self { auth, place });
        }
        in_docker_config(registry)
    }

    pub(super) fn user(&self) -> Option<&str> {
        match &self.auth {
            RegistryAuth::Basic(user, _) => Some(user),
            RegistryAuth::Anonymous | RegistryAuth::Bearer(_) => None,
        }
    }
}

/// Base64 of `user:password` by registry.
#[derive(Default, Serialize, Deserialize)]
struct SpinsFile {
    auths: BTreeMap<String, String>,
}

fn spins_file() -> Option<PathBuf> {
    let absolute = |name| {
        let path = PathBuf::from(env::var_os(name)?);
        path.is_absolute().then_some(path)
    };
    let folder = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    Some(folder?.join(SPINS_FILE))
}

fn unusable(registry: &str, path: &Path, reason: impl ToString) -> OciError {
    OciError::Credentials {
        registry: registry.to_owned(),
        place: path.display().to_string(),
        reason: reason.to_string(),
    }
}

fn read_spins_file(registry: &str, path: &Path) -> Result<SpinsFile, OciError> {
    match fs::read(path) {
        // The parser's own words could show a password.
        Ok(json) => serde_json::from_slice(&json).map_err(|error| {
            let line = error.line();
            unusable(registry, path, format_args!("it is broken in line {line}"))
        }),
        Err(error) if is_missing(&error) => Ok(SpinsFile::default()),
        Err(error) => Err(unusable(registry, path, error)),
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn in_spins_file(registry: &str, path: &Path) -> Result<Option<RegistryAuth>, OciError> {
    let file = read_spins_file(registry, path)?;
    let Some(encoded) = file.auths.get(registry) else {
        return Ok(None);
    };
    let decoded = STANDARD.decode(encoded).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let pair = decoded.as_deref().and_then(|text| text.split_once(':'));
    match pair {
        Some((user, password)) => Ok(Some(RegistryAuth::Basic(
            user.to_owned(),
            password.to_owned(),
        ))),
        None => Err(unusable(
            registry,
            path,
            "it is no Base64 of `user:password`; log in again",
        )),
    }
}

fn in_docker_config(registry: &str) -> Result<Credentials, OciError> {
    let place = match env::var_os("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder).join("config.json"),
        None => PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".docker/config.json"),
    };
    let found = |auth| {
        Ok(Credentials {
            auth,
            place: place.display().to_string(),
        })
    };
    let file = match File::open(&place) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return found(RegistryAuth::Anonymous),
        Err(error) => return Err(unusable(registry, &place, error)),
    };
    match docker_credential::get_credential_from_reader(BufReader::new(file), registry) {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            found(RegistryAuth::Basic(user, password))
        }
        Ok(DockerCredential::IdentityToken(_)) => Err(unusable(
            registry,
            &place,
            "there is an identity token, which is not supported; log in with a user name and \
             password",
        )),
        Err(CredentialRetrievalError::NoCredentialConfigured) => found(RegistryAuth::Anonymous),
        // What a program has printed may have passwords in it.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => Err(unusable(
            registry,
            &place,
            format!("the program `{helper}`, which it names, fails; try it by itself"),
        )),
        Err(error) => Err(unusable(registry, &place, error)),
    }
}

/// Asks a registry whether it accepts a password, and keeps it where Spin does.
pub(crate) async fn login(
    registry: &str,
    user: &str,
    password: &str,
    access: &Access,
) -> Result<PathBuf, OciError> {
    let auth = RegistryAuth::Basic(user.to_owned(), password.to_owned());
    // Registries are asked by the name of something in them; this need not exist.
    let reference: Reference = format!("{registry}/login").parse()?;
    let registry = reference.registry();
    let credentials = Credentials {
        auth,
        place: "what was given".to_owned(),
    };
    RegistryClient::open(&reference, access, credentials)?
        .check_password()
        .await?;

    let Some(path) = spins_file() else {
        let reason = "there is no folder for it: set HOME or XDG_CONFIG_HOME";
        return Err(unusable(registry, Path::new(SPINS_FILE), reason));
    };
    let mut file = read_spins_file(registry, &path)?;
    file.auths.insert(
        registry.to_owned(),
        STANDARD.encode(format!("{user}:{password}")),
    );
    write_for_this_user(&path, &file).map_err(|error| unusable(registry, &path, error))?;
    Ok(path)
}

fn write_for_this_user(path: &Path, file: &SpinsFile) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let mut written = tempfile::NamedTempFile::new_in(folder)?;
    written.write_all(&serde_json::to_vec_pretty(file)?)?;
    written
        .as_file()
        .set_permissions(Permissions::from_mode(0o600))?;
    written.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spins_file_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry-auth.json");
        assert!(in_spins_file("r:5000", &path).unwrap().is_none());
        let mut file = SpinsFile::default();
        let encoded = STANDARD.encode("someone:pass:word");
        file.auths.insert("r:5000".to_owned(), encoded);
        write_for_this_user(&path, &file).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert!(
            in_spins_file("r:5000", &path).unwrap()
                == Some(RegistryAuth::Basic("someone".into(), "pass:word".into()))
        );
        assert!(in_spins_file("other", &path).unwrap().is_none());
    }

    #[test]
    fn a_broken_file_is_named_and_shows_no_password() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("registry-auth.json");
        for broken in [
            "{",
            r#"{"auths":{"r":"aHVudGVyMg=="}}"#,
            r#"{"auths":{"r":"%"}}"#,
        ] {
            fs::write(&path, broken).unwrap();
            let said = in_spins_file("r", &path).unwrap_err().to_string();
            assert!(said.contains("registry-auth.json"), "{said}");
            assert!(
                !said.contains("hunter2") && !said.contains("aHVudGVyMg"),
                "{said}"
            );
        }
    }
}
