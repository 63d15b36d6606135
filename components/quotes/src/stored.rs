//! Where a board lives in the key-value store: what the components must agree on.

use crate::belief::Divergence;
use crate::breaker::Fingerprint;
use crate::{Head, Millis};
use serde::{Deserialize, Serialize};

/// Name of the one board of a deployment.
pub const BOARD: &str = "main";

/// Key of the board's [`crate::Head`].
pub const HEAD_KEY: &str = "b/main/head";

/// Key of the encoded [`crate::Board`].
pub const BODY_KEY: &str = "b/main/body";

/// Key of the [`Failure`] of the last refresh; absent after a refresh that went well.
pub const FAILURE_KEY: &str = "b/main/failure";

/// Key of the [`Divergence`]s of the last refresh.
pub const DIVERGENCE_KEY: &str = "b/main/divergence";

/// The stored form of divergences.
pub fn encode_divergences(divergences: &[Divergence]) -> Vec<u8> {
    // A list of structs of strings always serialises.
    serde_json::to_vec(divergences).unwrap_or_default()
}

/// Reads the stored form of divergences; None for anything else.
pub fn decode_divergences(bytes: &[u8]) -> Option<Vec<Divergence>> {
    serde_json::from_slice(bytes).ok()
}

/// How the last attempt to refresh the board failed. Until `retry_from` nobody tries again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When it failed.
    pub at: Millis,
    /// When the next attempt may be made.
    pub retry_from: Millis,
    /// HTTP status of the last upstream that answered.
    pub status: Option<u16>,
    /// The last upstream that was tried.
    pub provider: String,
    /// What went wrong, in a word: `timeout`, `rate_limited`.
    pub outcome: String,
    /// What all upstreams were to be asked with. Who has other settings need not wait.
    #[serde(default)]
    pub asked_with: Fingerprint,
}

impl Failure {
    /// Whether it is what happened last, beside the board that has this head. One from before the
    /// board is over, even if its key could not be deleted.
    pub fn is_last(&self, head: Option<&Head>) -> bool {
        head.is_none_or(|head| head.fetched <= self.at)
    }

    /// Its stored form.
    pub fn encode(&self) -> Vec<u8> {
        // A struct of numbers and strings always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the stored form; None for anything else.
    pub fn decode(bytes: &[u8]) -> Option<Failure> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergences_read_back_and_junk_does_not() {
        let divergences = vec![Divergence {
            provider: "kraken".into(),
            pair: "bitcoin/USD".into(),
            ratio: "0.020000".into(),
        }];
        let stored = encode_divergences(&divergences);
        assert_eq!(decode_divergences(&stored), Some(divergences));
        assert_eq!(decode_divergences(b"{}"), None);
    }

    #[test]
    fn a_failure_reads_back_and_junk_does_not() {
        let failure = Failure {
            at: Millis(5),
            retry_from: Millis(10_005),
            status: Some(429),
            provider: "coingecko".into(),
            outcome: "rate_limited".into(),
            asked_with: Fingerprint(7),
        };
        assert_eq!(Failure::decode(&failure.encode()), Some(failure));
        assert_eq!(Failure::decode(b"{}"), None);
        assert_eq!(Failure::decode(b"\xff"), None);
    }
}
