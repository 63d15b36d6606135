//! What is wrong, and where.

use std::fmt;

use crate::object::Object;

/// Something that a cluster would refuse, or that would not do there what is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// The object, as `Kind/name`.
    pub object: String,
    /// The path in it, as a JSON pointer; empty for the object as a whole.
    pub path: String,
    /// What is wrong there, and what to do.
    pub problem: String,
}

impl Finding {
    /// A finding in an object.
    pub fn new(object: &Object, path: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            object: object.to_string(),
            path: path.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            object,
            path,
            problem,
        } = self;
        if path.is_empty() {
            write!(f, "{object}: {problem}")
        } else {
            write!(f, "{object}: {path}: {problem}")
        }
    }
}
