//! The name of one state of the board.

use crate::millis::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

const BASE: u64 = 36;

/// Names a board by when it was fetched: the milliseconds in base 36, lower case. A later board
/// has a greater version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version(u64);

/// A text is no version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a version is a number in base 36 with lower-case digits")]
pub struct VersionError;

impl Version {
    /// The version of a board fetched at `now` that replaces `replaced`: greater than that one
    /// even if the clock went back.
    pub fn next(now: Millis, replaced: Option<&Version>) -> Version {
        let least = replaced.map_or(0, |version| version.0.saturating_add(1));
        Version(now.0.max(least))
    }
}

impl From<Millis> for Version {
    fn from(fetched: Millis) -> Version {
        Version(fetched.0)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut digits = Vec::with_capacity(13);
        loop {
            let digit = (rest % BASE) as u32;
            digits.extend(char::from_digit(digit, BASE as u32));
            rest /= BASE;
            if rest == 0 {
                break;
            }
        }
        f.write_str(&digits.iter().rev().collect::<String>())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    /// Reads what `Display` writes and nothing else, so that a version has one text only.
    fn from_str(text: &str) -> Result<Version, VersionError> {
        let version = u64::from_str_radix(text, BASE as u32)
            .map(Version)
            .map_err(|_| VersionError)?;
        match version.to_string() == text {
            true => Ok(version),
            false => Err(VersionError),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = VersionError;

    fn try_from(text: String) -> Result<Version, VersionError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_version_is_the_time_in_base_36() {
        assert_eq!(Version::from(Millis(35)).to_string(), "z");
        assert_eq!(Version::from(Millis(36)).to_string(), "10");
        assert_eq!(Version::from(Millis(0)).to_string(), "0");
    }

    #[test]
    fn a_replacement_is_later_even_if_the_clock_went_back() {
        let replaced = Version::from(Millis(1_000));
        assert!(Version::next(Millis(1_000), Some(&replaced)) > replaced);
        assert!(Version::next(Millis(5), Some(&replaced)) > replaced);
        assert_eq!(
            Version::next(Millis(2_000), Some(&replaced)),
            Version::from(Millis(2_000))
        );
        assert_eq!(Version::next(Millis(7), None), Version::from(Millis(7)));
    }

    #[test]
    fn a_version_has_one_text() {
        for text in ["", "Z", "01", "+1", "-1", "1.", "1 ", "zzzzzzzzzzzzzz"] {
            assert_eq!(text.parse::<Version>(), Err(VersionError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_version_reads_back(ms: u64) {
            let version = Version::from(Millis(ms));
            prop_assert_eq!(version.to_string().parse(), Ok(version));
        }

        #[test]
        fn a_later_board_has_a_greater_version(a: u64, b: u64) {
            prop_assert_eq!(Version::from(Millis(a)).cmp(&Version::from(Millis(b))), a.cmp(&b));
        }
    }
}
