//! The ways a provider can be told to fail. How each looks on the wire is up to `answering` and
//! to the provider; this is only what they are called and what they can be told.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// One way of failing. Names are written in kebab-case; snake_case is understood too.
///
/// Each provider says it in its own shape. Kraken's API says everything with status 200, also
/// what is 401, 418, 429, 451 or 500 elsewhere, and sends no `Retry-After`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The true answer, late by this long.
    Delay(Duration),
    /// The request is read and never answered.
    Hang,
    /// The connection is reset (TCP RST) once the request has been read.
    Reset,
    /// 429 with `Retry-After` of this many seconds.
    RateLimited {
        /// Whole seconds.
        retry_after_s: u64,
    },
    /// 429 with the one word `Throttled` as plain text, from a limiter in front of the API.
    Throttled,
    /// The body of a 429, with status 200 and no `Retry-After`.
    RateLimitedAs200,
    /// 418 with a `Retry-After` of two minutes: an address that did not heed its 429s.
    Banned,
    /// 401: the key is missing or wrong.
    Unauthorised,
    /// 403 with a page of HTML, from the CDN in front of the API.
    ForbiddenHtml,
    /// 200 with a page of HTML.
    Page,
    /// 451: not from this country.
    Legal,
    /// 500.
    ServerError,
    /// 200 with no body.
    Empty,
    /// 200 with a JSON object that has no member.
    EmptyObject,
    /// 200 with a million lists within each other.
    Nested,
    /// The true answer, which says that it is HTML.
    Mislabelled,
    /// 200 with the first half of the true body, and a `Content-Length` that agrees.
    Truncated,
    /// An object in the place of every price.
    WrongTypes,
    /// `null` in the place of every price.
    Null,
    /// Every price is 0.
    Zero,
    /// Every price has a minus before it.
    Negative,
    /// Every price is true, but written with an exponent. A client that reads JSON numbers
    /// properly does not notice.
    Scientific,
    /// Every price is a whole number of 70 digits.
    LongNumbers,
    /// 200 with 100 MB of JSON.
    Huge,
    /// The true answer of an hour ago, timestamps and prices alike; of a week ago where the
    /// provider gives only days.
    OldTimestamp,
}

impl Fault {
    /// Every fault, with the default of those that can be told something.
    pub const ALL: [Self; 25] = [
        Self::Delay(Duration::from_millis(1_000)),
        Self::Hang,
        Self::Reset,
        Self::RateLimited { retry_after_s: 60 },
        Self::Throttled,
        Self::RateLimitedAs200,
        Self::Banned,
        Self::Unauthorised,
        Self::ForbiddenHtml,
        Self::Page,
        Self::Legal,
        Self::ServerError,
        Self::Empty,
        Self::EmptyObject,
        Self::Nested,
        Self::Mislabelled,
        Self::Truncated,
        Self::WrongTypes,
        Self::Null,
        Self::Zero,
        Self::Negative,
        Self::Scientific,
        Self::LongNumbers,
        Self::Huge,
        Self::OldTimestamp,
    ];

    /// The name, in kebab-case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Hang => "hang",
            Self::Reset => "reset",
            Self::RateLimited { .. } => "rate-limited",
            Self::Throttled => "throttled",
            Self::RateLimitedAs200 => "rate-limited-as-200",
            Self::Banned => "banned",
            Self::Unauthorised => "unauthorised",
            Self::ForbiddenHtml => "forbidden-html",
            Self::Page => "page",
            Self::Legal => "legal",
            Self::ServerError => "server-error",
            Self::Empty => "empty",
            Self::EmptyObject => "empty-object",
            Self::Nested => "nested",
            Self::Mislabelled => "mislabelled",
            Self::Truncated => "truncated",
            Self::WrongTypes => "wrong-types",
            Self::Null => "null",
            Self::Zero => "zero",
            Self::Negative => "negative",
            Self::Scientific => "scientific",
            Self::LongNumbers => "long-numbers",
            Self::Huge => "huge",
            Self::OldTimestamp => "old-timestamp",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// There is no fault of this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no fault is called `{0}`; there are none, {names}", names = Fault::ALL.map(Fault::name).join(", "))]
pub struct UnknownFault(String);

impl FromStr for Fault {
    type Err = UnknownFault;

    /// The fault of that name, with its default. `none` is no fault and so not found here.
    fn from_str(name: &str) -> Result<Self, UnknownFault> {
        let kebab = name.replace('_', "-");
        Self::ALL
            .into_iter()
            .find(|fault| fault.name() == kebab)
            .ok_or_else(|| UnknownFault(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_found_by_its_name_in_either_case() {
        for fault in Fault::ALL {
            assert_eq!(fault.to_string().parse(), Ok(fault));
            assert_eq!(fault.name().replace('-', "_").parse(), Ok(fault));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_those_there_are() {
        let complaint = "slow".parse::<Fault>().unwrap_err().to_string();
        assert!(complaint.contains("`slow`"), "{complaint}");
        assert!(complaint.contains("rate-limited"), "{complaint}");
    }
}
