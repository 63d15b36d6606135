//! What can be wrong with a manifest or a runtime config. Each problem is one sentence that says what, where, and
//! what to do.

use std::fmt;
use std::path::PathBuf;

use crate::suggestion::Suggestion;

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// There is no such file.
    #[error(
        "there is no manifest {}: name a spin.toml, or a folder with one, with `--from`",
        .0.display()
    )]
    Missing(PathBuf),
    /// The file is there but cannot be read.
    #[error("the manifest {} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The file is a component, and a manifest is needed.
    #[error(
        "{} is a WebAssembly file and not a manifest: write a spin.toml with a component whose \
         `source` it is, and name that with `--from`",
        .0.display()
    )]
    WebAssembly(PathBuf),
    /// The file is something else.
    #[error(
        "{} is not a manifest, because it is not text in UTF-8: name a spin.toml, or a folder \
         with one, with `--from`",
        .0.display()
    )]
    NotText(PathBuf),
    /// The file is not TOML. The parser's message shows the line.
    #[error("the manifest {} is not valid TOML: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The parser's message, of several lines.
        message: String,
    },
    /// The file is TOML, but not a valid manifest.
    #[error("{}: {problem}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: Box<Problem>,
    },
}

/// Where in a manifest something stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The table, as its header is written, such as `[component.rates]`; empty for the top.
    pub table: String,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.table.is_empty() {
            write!(f, "at the top (line {})", self.line)
        } else {
            write!(f, "in {} (line {})", self.table, self.line)
        }
    }
}

/// What is wrong in a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// It is made for another Spin.
    #[error(
        "`spin_manifest_version` is {found}, but only version 2 can be read: {}",
        if found == "1" {
            "convert the manifest with Spin's `spin doctor`"
        } else {
            "write `spin_manifest_version = 2`"
        }
    )]
    Version {
        /// The version as written.
        found: String,
    },
    /// A key that means nothing.
    #[error("unknown key `{key}` {place}{suggestion}")]
    UnknownKey {
        /// The key.
        key: String,
        /// Where it stands.
        place: Place,
        /// The nearest known one.
        suggestion: Suggestion,
    },
    /// A key that has to be there.
    #[error("`{key}` is missing {place}: add {example}")]
    MissingKey {
        /// The key.
        key: &'static str,
        /// Where it should stand.
        place: Place,
        /// How it could look.
        example: &'static str,
    },
    /// A value of another type than it should have.
    #[error("`{key}` {place} is {found}: write {expected}")]
    WrongType {
        /// The key.
        key: String,
        /// Where it stands.
        place: Place,
        /// The type that it has.
        found: &'static str,
        /// The type that it should have.
        expected: &'static str,
    },
    /// A value that does not mean anything.
    #[error("`{key}` {place}: {reason}")]
    InvalidValue {
        /// The key.
        key: String,
        /// Where it stands.
        place: Place,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A name or text that does not follow its rules, where the reason shows it.
    #[error("{place}: {reason}")]
    InvalidText {
        /// Where it stands.
        place: Place,
        /// What is wrong and what to write instead.
        reason: String,
    },
    /// A template uses a variable that is not declared.
    #[error(
        "`{key}` {place} uses the variable `{name}`, which [variables] doesn't have{suggestion}"
    )]
    UndeclaredVariable {
        /// The key of the template.
        key: String,
        /// Where it stands.
        place: Place,
        /// The variable.
        name: String,
        /// The nearest declared one.
        suggestion: Suggestion,
    },
    /// A variable that could be without a value.
    #[error(
        "the variable `{name}` has no value {place}: give it a `default`, or `required = true`"
    )]
    VariableWithoutValue {
        /// The variable.
        name: String,
        /// Where it is declared.
        place: Place,
    },
    /// A component is named that the application doesn't have.
    #[error("`{key}` {place} names the component `{id}`, which doesn't exist{suggestion}")]
    UnknownComponent {
        /// The key.
        key: String,
        /// Where it stands.
        place: Place,
        /// The component that is named.
        id: String,
        /// The nearest that exists.
        suggestion: Suggestion,
    },
    /// Something that Spin can do and this host can't.
    #[error("{what} {place} is not built into this host: {instead}")]
    NotBuiltIn {
        /// What is asked for.
        what: String,
        /// Where.
        place: Place,
        /// What to do instead.
        instead: &'static str,
    },
    /// Keys that exclude each other, or none of them.
    #[error("{what} {place}: {fix}")]
    Contradiction {
        /// What contradicts what.
        what: String,
        /// Where.
        place: Place,
        /// What to do.
        fix: &'static str,
    },
}
