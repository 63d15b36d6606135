//! The two identities of a request: `X-Request-Id` and W3C Trace Context's `traceparent`.
//! Both are taken from the client if they are well-formed, made up if not, and echoed.

use crate::random::Random;
use http::HeaderMap;

/// Longest X-Request-Id that is taken over; a longer one could bloat logs.
const LONGEST_ID: usize = 128;

/// Who this request is, for logs and for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    /// Value of X-Request-Id.
    pub id: String,
    /// Value of traceparent, version 00.
    pub traceparent: String,
}

impl RequestId {
    /// Takes the client's identities where they are usable, else makes new ones.
    pub fn of(headers: &HeaderMap, random: &impl Random) -> RequestId {
        let id = text(headers, "x-request-id").filter(|id| is_acceptable_id(id));
        let traceparent = text(headers, "traceparent").filter(|parent| is_traceparent(parent));
        RequestId {
            id: id.map_or_else(|| format!("{:016x}", random.bits()), str::to_owned),
            traceparent: traceparent.map_or_else(
                || {
                    format!(
                        "00-{:016x}{:016x}-{:016x}-00",
                        // Trace and parent ids of all zeroes are invalid (Trace Context §3.2.2).
                        random.bits() | 1,
                        random.bits(),
                        random.bits() | 1
                    )
                },
                str::to_owned,
            ),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_acceptable_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= LONGEST_ID && id.bytes().all(|b| b.is_ascii_graphic())
}

/// Version 00 of W3C Trace Context §3.2: `00-<32 hex>-<16 hex>-<2 hex>`, ids not all zero.
fn is_traceparent(text: &str) -> bool {
    let mut parts = text.split('-');
    let lower_hex = |part: Option<&str>, length: usize| {
        part.is_some_and(|part| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    let nonzero = |part: Option<&str>| part.is_some_and(|part| part.bytes().any(|b| b != b'0'));
    let (version, trace, parent, flags) = (parts.next(), parts.next(), parts.next(), parts.next());
    version == Some("00")
        && lower_hex(trace, 32)
        && nonzero(trace)
        && lower_hex(parent, 16)
        && nonzero(parent)
        && lower_hex(flags, 2)
        && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::World;

    fn of(pairs: &[(&'static str, &'static str)]) -> RequestId {
        let headers = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        RequestId::of(&headers, &World::new())
    }

    #[test]
    fn well_formed_identities_are_taken_over() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = of(&[("x-request-id", "abc-1"), ("traceparent", parent)]);
        assert_eq!(id.id, "abc-1");
        assert_eq!(id.traceparent, parent);
    }

    #[test]
    fn malformed_or_absent_ones_are_replaced() {
        let made = of(&[("x-request-id", "has space"), ("traceparent", "00-xyz-1-0")]);
        assert_eq!(made.id.len(), 16);
        assert!(is_traceparent(&made.traceparent), "{}", made.traceparent);
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert_ne!(of(&[("traceparent", zero)]).traceparent, zero);
    }
}
