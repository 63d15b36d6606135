//! The component's variables, as its manifest declares them.

use std::future::Future;

/// A variable that could not be read, or whose text makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("variable `{name}`: {reason}")]
pub struct VariableError {
    /// The variable's name in spin.toml.
    pub name: String,
    /// What is wrong with it and what would be right.
    pub reason: String,
}

/// Access to variables by name.
pub trait Variables {
    /// The text of variable `name`.
    fn variable(&self, name: &str) -> impl Future<Output = Result<String, VariableError>>;
}
