//! Talks to one registry about one artefact, and explains what it answers.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::{Client, RegistryOperation};

use super::Access;
use super::cache::{Cache, KeepError};
use super::credentials::Credentials;
use super::digest::Digest;
use super::error::OciError;
use super::layout;
use super::reference::Reference;
use super::trust;
use crate::causes::{causes, find};

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a registry may be silent.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// How many of the tags that there are an error shows.
const SHOWN_TAGS: usize = 10;

/// How much of a registry's own words an error shows.
const SHOWN_CHARACTERS: usize = 200;

/// A registry, and the artefact that is asked for.
pub(super) struct RegistryClient {
    client: Client,
    credentials: Credentials,
    reference: Reference,
    insecure: bool,
}

/// What is wanted of a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Pull,
    Push,
}

impl Purpose {
    fn operation(self) -> RegistryOperation {
        match self {
            Self::Pull => RegistryOperation::Pull,
            Self::Push => RegistryOperation::Push,
        }
    }

    fn verb(self) -> &'static str {
        match self {
            Self::Pull => "read",
            Self::Push => "write to",
        }
    }
}

impl RegistryClient {
    /// Makes a client. Nothing is asked yet.
    pub(super) fn open(
        reference: &Reference,
        access: &Access,
        credentials: Credentials,
    ) -> Result<Self, OciError> {
        // Somebody else in the process may have chosen before, which is as good.
        let _chosen = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: match access.insecure {
                true => ClientProtocol::Http,
                false => ClientProtocol::Https,
            },
            tls_certs_only: trust::certificates(access.ca_file.as_deref())?,
            connect_timeout: Some(CONNECT_TIMEOUT),
            read_timeout: Some(READ_TIMEOUT),
            user_agent: concat!("runtime-host/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        Ok(Self {
            client: Client::try_from(config).map_err(|error| OciError::Setup(causes(&error)))?,
            credentials,
            reference: reference.clone(),
            insecure: access.insecure,
        })
    }

    /// Finds out how the registry wants to be asked, and has it tell early if it can't be.
    pub(super) async fn authenticate(&self, purpose: Purpose) -> Result<(), OciError> {
        let name = self.reference.name();
        let operation = purpose.operation();
        self.client
            .auth(name, &self.credentials.auth, operation)
            .await
            .map(drop)
            .map_err(|error| self.explain(error, purpose))
    }

    /// Has the registry check the password.
    pub(super) async fn check_password(&self) -> Result<(), OciError> {
        self.authenticate(Purpose::Pull).await?;
        let name = self.reference.name();
        let tags = self
            .client
            .list_tags(name, &self.credentials.auth, Some(1), None);
        match tags.await {
            Ok(_) => Ok(()),
            // Whoever may not ask gets another answer than that there is nothing.
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(self.explain(error, Purpose::Pull)),
        }
    }

    /// The artefact's manifest.
    pub(super) async fn manifest(&self) -> Result<Bytes, OciError> {
        let kinds = [
            layout::MANIFEST,
            layout::DOCKER_MANIFEST,
            layout::INDEX,
            layout::DOCKER_LIST,
        ];
        let name = self.reference.name();
        let pulled = self
            .client
            .pull_manifest_raw(name, &self.credentials.auth, &kinds);
        match pulled.await {
            Ok((manifest, _)) => Ok(manifest),
            Err(error) if is_missing(&error) => Err(self.missing().await),
            Err(OciDistributionError::DigestError(error)) => {
                Err(self.corrupted("the manifest", error))
            }
            Err(error) => Err(self.explain(error, Purpose::Pull)),
        }
    }

    /// Pulls a content of `size` bytes into the cache.
    pub(super) async fn pull(
        &self,
        digest: &Digest,
        size: u64,
        cache: &Cache,
    ) -> Result<(), OciError> {
        let mut incoming = cache.receive(size)?;
        let name = self.reference.name();
        let pulled = self
            .client
            .pull_blob(name, digest.as_str(), &mut incoming)
            .await;
        let what = || format!("the layer {digest}");
        let corrupted = |found: String| OciError::Corrupted {
            what: what(),
            reference: self.reference.to_string(),
            expected: digest.to_string(),
            found,
        };
        if let Err(error) = pulled {
            return Err(match (incoming.failure(), error) {
                (Some(failure), _) if failure.kind() == io::ErrorKind::InvalidData => {
                    corrupted(failure.to_string())
                }
                (Some(failure), _) => cache.explain(failure),
                (None, OciDistributionError::DigestError(error)) => self.corrupted(&what(), error),
                (None, error) if is_missing(&error) => OciError::MissingLayer {
                    digest: digest.to_string(),
                    reference: self.reference.to_string(),
                },
                (None, error) => self.explain(error, Purpose::Pull),
            });
        }
        match cache.keep(incoming, digest) {
            Ok(()) => Ok(()),
            Err(KeepError::Other(found)) => Err(corrupted(format!("it {found}"))),
            Err(KeepError::Cache(error, _)) => Err(cache.explain(error)),
        }
    }

    /// Pushes a content, unless the registry has it.
    pub(super) async fn push(&self, digest: &Digest, content: Bytes) -> Result<(), OciError> {
        let name = self.reference.name();
        // A registry that does not like the question can still be given the content.
        if let Ok(true) = self.client.blob_exists(name, digest.as_str()).await {
            return Ok(());
        }
        let pushed = self.client.push_blob(name, content, digest.as_str());
        pushed
            .await
            .map(drop)
            .map_err(|error| self.explain(error, Purpose::Push))
    }

    /// Pushes the manifest under the reference's tag.
    pub(super) async fn push_manifest(&self, manifest: Bytes) -> Result<(), OciError> {
        let kind = http::HeaderValue::from_static(layout::MANIFEST);
        let name = self.reference.name();
        let pushed = self.client.push_manifest_raw(name, manifest, kind);
        pushed
            .await
            .map(drop)
            .map_err(|error| self.explain(error, Purpose::Push))
    }

    /// Says whether the repository or only this version of it is missing.
    async fn missing(&self) -> OciError {
        let registry = self.reference.registry().to_owned();
        let repository = self.reference.repository().to_owned();
        let name = self.reference.name();
        let tags = self
            .client
            .list_tags(name, &self.credentials.auth, Some(SHOWN_TAGS), None)
            .await;
        let others = match tags {
            Ok(answer) if answer.tags.is_empty() => String::new(),
            Ok(answer) => format!(" (it has {})", answer.tags.join(", ")),
            Err(error) if is_missing(&error) => {
                return OciError::MissingRepository {
                    registry,
                    repository,
                };
            }
            Err(_) => String::new(),
        };
        let version = match (self.reference.digest(), self.reference.tag()) {
            (Some(digest), _) => format!("version {digest}"),
            (None, tag) => format!("tag `{}`", tag.unwrap_or_default()),
        };
        OciError::MissingVersion {
            registry,
            repository,
            version,
            others,
        }
    }

    fn corrupted(&self, what: &str, error: DigestError) -> OciError {
        let reference = self.reference.to_string();
        match error {
            DigestError::VerificationError { expected, actual } => OciError::Corrupted {
                what: what.to_owned(),
                reference,
                expected,
                found: format!("it hashes to {actual}"),
            },
            other => OciError::Broken {
                registry: self.reference.registry().to_owned(),
                reason: format!("{what} of {reference} has no usable digest: {other}"),
            },
        }
    }

    fn explain(&self, error: OciDistributionError, purpose: Purpose) -> OciError {
        let registry = self.reference.registry().to_owned();
        let repository = self.reference.repository().to_owned();
        let answer = |code: &str, message: &str| OciError::Answer {
            registry: registry.clone(),
            what: repository.clone(),
            code: code.to_owned(),
            message: shown(message),
        };
        match error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_)
            | OciDistributionError::ServerError { code: 401, .. } => self.not_let_in(),
            OciDistributionError::RegistryError { envelope, .. } => {
                let Some(first) = envelope.errors.first() else {
                    return answer("an error", "without a reason");
                };
                match &first.code {
                    OciErrorCode::Unauthorized => self.not_let_in(),
                    OciErrorCode::Denied => self.denied(purpose),
                    code => answer(&name_of(code), &first.message),
                }
            }
            OciDistributionError::ServerError { code: 403, .. } => self.denied(purpose),
            // What servers with TLS tell those who come without.
            OciDistributionError::ServerError {
                code: 400, message, ..
            } if self.insecure && message.contains("HTTPS") => OciError::OnlyTls(registry),
            OciDistributionError::ServerError { code, message, .. } => {
                answer(&code.to_string(), &message)
            }
            OciDistributionError::RequestError(error) => {
                if error.is_timeout() {
                    OciError::TimedOut(registry)
                } else if error.is_dns() {
                    OciError::UnknownHost(registry)
                } else {
                    explain_connection(registry, &error)
                }
            }
            other => OciError::Broken {
                registry,
                reason: shown(&causes(&other)),
            },
        }
    }

    fn not_let_in(&self) -> OciError {
        let registry = self.reference.registry().to_owned();
        match self.credentials.user() {
            Some(user) => OciError::WrongPassword {
                registry,
                user: user.to_owned(),
                place: self.credentials.place.clone(),
            },
            None => OciError::NoCredentials {
                registry,
                repository: self.reference.repository().to_owned(),
            },
        }
    }

    fn denied(&self, purpose: Purpose) -> OciError {
        OciError::Denied {
            registry: self.reference.registry().to_owned(),
            who: match self.credentials.user() {
                Some(user) => format!("`{user}`"),
                None => "those who don't log in".to_owned(),
            },
            what: purpose.verb(),
            repository: self.reference.repository().to_owned(),
        }
    }
}

/// Whether the registry has not what was asked for.
fn is_missing(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.first().is_some_and(|first| {
                matches!(
                    first.code,
                    OciErrorCode::ManifestUnknown
                        | OciErrorCode::NameUnknown
                        | OciErrorCode::NotFound
                        | OciErrorCode::BlobUnknown
                )
            })
        }
        OciDistributionError::ServerError { code: 404, .. } => true,
        _ => false,
    }
}

fn explain_connection(registry: String, error: &(dyn Error + 'static)) -> OciError {
    if let Some(error) = find::<rustls::Error>(error) {
        return match error {
            rustls::Error::InvalidCertificate(reason) => OciError::Untrusted {
                registry,
                reason: reason_of(reason),
                fix: fix_of(reason),
            },
            rustls::Error::InvalidMessage(_) => OciError::NoTls(registry),
            other => OciError::Broken {
                registry,
                reason: other.to_string(),
            },
        };
    }
    match find::<io::Error>(error).map(io::Error::kind) {
        Some(io::ErrorKind::ConnectionRefused) => OciError::Refused(registry),
        Some(io::ErrorKind::TimedOut) => OciError::TimedOut(registry),
        _ => OciError::Broken {
            registry,
            reason: shown(&causes(error)),
        },
    }
}

fn reason_of(error: &rustls::CertificateError) -> String {
    use rustls::CertificateError as E;
    match error {
        E::UnknownIssuer => "nobody who is trusted has signed it".to_owned(),
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "it is for another name".to_owned()
        }
        other => other.to_string(),
    }
}

fn fix_of(error: &rustls::CertificateError) -> &'static str {
    use rustls::CertificateError as E;
    match error {
        E::Expired | E::ExpiredContext { .. } => "have the registry renew it",
        E::NotValidYet | E::NotValidYetContext { .. } => "correct the clock of this machine",
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            "write the reference with a name that the certificate has"
        }
        _ => "name the file with the CA that signed it with `--ca-file`, or in SSL_CERT_FILE",
    }
}

fn name_of(code: &OciErrorCode) -> String {
    match serde_json::to_value(code) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "an error".to_owned(),
    }
}

/// The registry's words on one line, and not too many.
fn shown(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(SHOWN_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::CertificateError;

    #[test]
    fn only_an_unknown_authority_hints_at_authorities() {
        for (reason, hints) in [
            (CertificateError::UnknownIssuer, true),
            (CertificateError::Expired, false),
            (CertificateError::NotValidYet, false),
            (CertificateError::NotValidForName, false),
        ] {
            let error = rustls::Error::InvalidCertificate(reason);
            let told = explain_connection("registry.example".to_owned(), &error).to_string();
            assert_eq!(told.contains("SSL_CERT_FILE"), hints, "{told}");
        }
    }
}
