//! What the deployment remembers of an upstream, for people and dashboards: when it was asked
//! and answered last, how that ended, and how often it may be asked.

use crate::budget::Limits;
use crate::millis::Millis;
use serde::{Deserialize, Serialize};

/// Keys of all standings start with this.
pub const STANDING_PREFIX: &str = "p/";

/// Key of a provider's [`Standing`].
pub fn standing_key(provider: &str) -> String {
    format!("{STANDING_PREFIX}{provider}")
}

/// How an upstream did the last time that it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// When it was asked last.
    pub asked: Millis,
    /// How that ended, in a word: `ok`, `timeout`, `rate_limited`.
    pub outcome: String,
    /// HTTP status of the answer, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When it gave prices last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded: Option<Millis>,
    /// Most calls in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<u32>,
    /// Most calls in a month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_month: Option<u32>,
}

impl Standing {
    /// How often it may be asked.
    pub fn limits(&self) -> Limits {
        Limits {
            per_minute: self.per_minute,
            per_month: self.per_month,
        }
    }

    /// The stored form: JSON.
    pub fn encode(&self) -> Vec<u8> {
        // A struct of numbers and strings always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form; None for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Standing> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standing_reads_back_and_junk_does_not() {
        let standing = Standing {
            asked: Millis(5),
            outcome: "timeout".into(),
            status: None,
            succeeded: Some(Millis(3)),
            per_minute: Some(8),
            per_month: None,
        };
        assert_eq!(Standing::decode(&standing.encode()), Some(standing));
        assert_eq!(Standing::decode(b"{}"), None);
        assert_eq!(Standing::decode(b"\xff"), None);
    }
}
