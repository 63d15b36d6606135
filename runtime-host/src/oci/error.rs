//! What can go wrong between a registry and a running application. Each is one sentence: what,
//! where, and what to do.

use std::io;
use std::path::PathBuf;

use runtime_host_manifest::{LockError, ManifestError, UnlockError};

use crate::app::LoadError;

/// Why an application cannot be pulled or pushed.
#[derive(Debug, thiserror::Error)]
pub enum OciError {
    /// What is no reference.
    #[error(
        "`{reference}` names no application in a registry ({reason}): write registry/name:tag, \
         or registry/name@sha256:… for one version of it"
    )]
    Reference {
        /// What was given.
        reference: String,
        /// What is wrong.
        reason: String,
    },
    /// An application is pushed under a tag.
    #[error("`{0}` says which version it is by a digest, but a push decides that: give a tag")]
    DigestToPush(String),
    /// A file with user names and passwords cannot be used.
    #[error("the credentials for {registry} in {place} cannot be used: {reason}")]
    Credentials {
        /// The registry.
        registry: String,
        /// The file.
        place: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// Certificates to trust cannot be read.
    #[error("the certificates to trust in {place} cannot be used: {reason}")]
    Trust {
        /// The file or folder, and who named it.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The TLS of this program does not start.
    #[error("no connection to a registry can be set up: {0}")]
    Setup(String),
    /// The registry wants to know who asks.
    #[error(
        "the registry {registry} asks who wants {repository}, and there are no credentials for \
         it: log in with `runtime-host login {registry}`, or name the folder of a docker \
         config.json in DOCKER_CONFIG"
    )]
    NoCredentials {
        /// The registry.
        registry: String,
        /// What was asked for.
        repository: String,
    },
    /// The registry does not accept the password.
    #[error(
        "the registry {registry} does not accept the password of `{user}` from {place}: correct \
         it there, or log in again with `runtime-host login {registry}`"
    )]
    WrongPassword {
        /// The registry.
        registry: String,
        /// The user.
        user: String,
        /// Where the password came from.
        place: String,
    },
    /// The user may not do that.
    #[error("the registry {registry} does not let {who} {what} {repository}: ask its owner for it")]
    Denied {
        /// The registry.
        registry: String,
        /// Who asked.
        who: String,
        /// What was asked for.
        what: &'static str,
        /// Of which repository.
        repository: String,
    },
    /// The registry's certificate is not trusted.
    #[error("the certificate of {registry} is not trusted ({reason}): {fix}")]
    Untrusted {
        /// The registry.
        registry: String,
        /// Why not.
        reason: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The registry has no TLS.
    #[error(
        "{0} does not answer as HTTPS does: if it is a registry without TLS, allow that with \
         `--insecure`"
    )]
    NoTls(String),
    /// The registry has TLS, but was asked without.
    #[error("the registry {0} asks for HTTPS: leave out `--insecure`")]
    OnlyTls(String),
    /// Nothing is there.
    #[error(
        "nothing listens on {0} (connection refused): correct the address, or start the registry"
    )]
    Refused(String),
    /// Nobody has the name.
    #[error("the name of the registry {0} is not known to DNS: correct it")]
    UnknownHost(String),
    /// No answer.
    #[error("the registry {0} does not answer in time: try again, or see why it is slow")]
    TimedOut(String),
    /// The connection failed in another way.
    #[error("talking to the registry {registry} failed: {reason}")]
    Broken {
        /// The registry.
        registry: String,
        /// How.
        reason: String,
    },
    /// The registry answered with an error.
    #[error("the registry {registry} answers {code} for {what}: {message}")]
    Answer {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
        /// The status code.
        code: String,
        /// What it says.
        message: String,
    },
    /// There is no such tag or version.
    #[error(
        "{repository} in the registry {registry} has no {version}{others}: correct it, or push it first"
    )]
    MissingVersion {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
        /// The tag or digest.
        version: String,
        /// What it has instead, as the rest of a sentence.
        others: String,
    },
    /// There is no such repository.
    #[error(
        "the registry {registry} has no repository {repository}: correct the name, or push it first"
    )]
    MissingRepository {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The manifest names a layer that the registry has not.
    #[error("the layer {digest} of {reference} is not in the registry: push it again")]
    MissingLayer {
        /// The layer.
        digest: String,
        /// The artefact.
        reference: String,
    },
    /// A content is not what its digest says.
    #[error(
        "{what} of {reference} is corrupted in the registry: it should hash to {expected}, but \
         {found}; push it again"
    )]
    Corrupted {
        /// What it is.
        what: String,
        /// The artefact.
        reference: String,
        /// The digest.
        expected: String,
        /// What it is instead, as the rest of a sentence.
        found: String,
    },
    /// Something else than an application.
    #[error(
        "{reference} is not a Spin application but {found}: push one with `runtime-host push` or \
         `spin registry push`"
    )]
    NotAnApplication {
        /// The artefact.
        reference: String,
        /// What it is.
        found: String,
    },
    /// An application that this host cannot read.
    #[error("the application {reference} cannot be used: {problem}")]
    Unlock {
        /// The artefact.
        reference: String,
        /// What is wrong.
        problem: UnlockError,
    },
    /// More than is taken.
    #[error("{what} of {reference} is too large: {size}, and at most {limit} is taken")]
    TooLarge {
        /// What it is.
        what: String,
        /// The artefact.
        reference: String,
        /// How large it is.
        size: String,
        /// The limit.
        limit: String,
    },
    /// The disk is full.
    #[error(
        "there is no space left for the cache in {}: free some, or name another folder with \
         `--cache-dir`",
        .0.display()
    )]
    NoSpace(PathBuf),
    /// The cache cannot be written.
    #[error(
        "the cache in {} cannot be used: {error}; name another folder with `--cache-dir`",
        path.display()
    )]
    Cache {
        /// The folder or file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A manifest that cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A component that cannot be loaded or composed.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// An application that cannot be pushed from here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Files of a component that cannot be pushed.
    #[error("`files` of [component.{component}]: {reason}")]
    Files {
        /// The component.
        component: String,
        /// What is wrong and what to do.
        reason: String,
    },
}
