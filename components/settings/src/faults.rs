//! What is wrong with the settings, all of it.

use edge_rates_kit::variables::VariableError;
use std::fmt;

/// The variables that can't work, in the order in which they were read; one at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(Vec<VariableError>);

impl Faults {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &VariableError> {
        self.0.iter()
    }
}

impl From<Vec<VariableError>> for Faults {
    fn from(faults: Vec<VariableError>) -> Faults {
        Faults(faults)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, fault) in self.0.iter().enumerate() {
            let separator = if place == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Faults as they are found.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<VariableError>);

impl Found {
    /// What was read, or None and its fault is noted.
    pub(crate) fn read<T>(&mut self, result: Result<T, VariableError>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault)).ok()
    }

    /// Notes several faults.
    pub(crate) fn extend(&mut self, faults: impl IntoIterator<Item = VariableError>) {
        self.0.extend(faults);
    }

    /// What was made of all that was read. Without a fault there is all of it.
    pub(crate) fn or<T>(self, made: Option<T>) -> Result<T, Faults> {
        match made {
            Some(made) if self.0.is_empty() => Ok(made),
            _ => Err(Faults(self.0)),
        }
    }
}
