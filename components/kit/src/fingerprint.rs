//! Fingerprints of settings, such as keys, that must not be told: replicas and later instances
//! recognise by them in the store what they know themselves.

use edge_rates_quotes::breaker::Fingerprint;
use sha2::{Digest, Sha256};

/// The fingerprint of some texts: of SHA-256 as much as tells two settings of one deployment
/// apart, and too little to find out a key by.
pub fn fingerprint(texts: &[&str]) -> Fingerprint {
    let mut hash = Sha256::new();
    for text in texts {
        // With its length, so that no two lists are the same text in a row.
        hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(text.as_bytes());
    }
    let start = hash.finalize().into_iter().take(4);
    Fingerprint(start.fold(0, |sum, byte| (sum << 8) | u32::from(byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_has_another_fingerprint_and_none_shows_what_it_is_of() {
        let key = fingerprint(&["https://api.example", "CG-secret", ""]);
        assert_eq!(key, fingerprint(&["https://api.example", "CG-secret", ""]));
        for other in [
            &["https://api.example", "CG-secre", "t"][..],
            &["https://api.example", "", "CG-secret"],
            &["https://api.example", "CG-secret"],
            &[],
        ] {
            assert_ne!(key, fingerprint(other), "{other:?}");
        }
        assert_eq!(key.to_string().len(), 8);
    }
}
