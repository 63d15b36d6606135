//! The two identities of a request: `X-Request-Id` and W3C Trace Context's `traceparent`.
//! Both are taken from the client if they are well-formed, made up if not, and echoed.

use crate::random::Random;
use crate::request::Head;
use std::rc::Rc;

/// Longest X-Request-Id that is taken over; a longer one could bloat logs.
const LONGEST_ID: usize = 128;

/// Who this request is, for logs and for the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId {
    /// Value of X-Request-Id.
    pub id: Rc<str>,
    /// Value of traceparent, version 00: the client's, or else our own.
    pub traceparent: String,
    /// Our own span, where the client has begun the trace (Trace Context §3.2.2.4).
    span: Option<u64>,
}

/// A request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span<'a> {
    /// The whole trace.
    pub trace: &'a str,
    /// This request's part of it.
    pub span: String,
    /// The part that it was sent from, if the client told.
    pub parent: Option<&'a str>,
}

impl RequestId {
    /// Takes the client's identities where they are usable, else makes new ones.
    pub fn of(head: &dyn Head, random: &impl Random) -> RequestId {
        let id = head.header("x-request-id");
        let parent = head.header("traceparent");
        let parent = parent.filter(|parent| is_traceparent(parent));
        RequestId {
            id: match id.filter(|id| is_acceptable_id(id)) {
                Some(id) => id.into(),
                None => hex(random.bits()).into(),
            },
            span: parent.is_some().then(|| random.bits() | 1),
            traceparent: parent.unwrap_or_else(|| new_traceparent(random)),
        }
    }

    /// Its place in its trace.
    pub fn span(&self) -> Span<'_> {
        let part = |range| self.traceparent.get(range).unwrap_or_default();
        let (trace, span) = (part(3..35), part(36..52));
        match self.span {
            Some(own) => Span {
                trace,
                span: hex(own),
                parent: Some(span),
            },
            None => Span {
                trace,
                span: span.to_owned(),
                parent: None,
            },
        }
    }
}

fn new_traceparent(random: &impl Random) -> String {
    let mut text = Vec::with_capacity(55);
    text.extend_from_slice(b"00-");
    // Trace and parent ids of all zeroes are invalid (Trace Context §3.2.2).
    text.extend_from_slice(&digits(random.bits() | 1));
    text.extend_from_slice(&digits(random.bits()));
    text.extend_from_slice(b"-");
    text.extend_from_slice(&digits(random.bits() | 1));
    text.extend_from_slice(b"-00");
    text_of(text)
}

fn hex(bits: u64) -> String {
    text_of(digits(bits).to_vec())
}

/// 16 digits. Each request writes four of these; the formatter of the standard library takes
/// fifty times as many instructions for it.
fn digits(bits: u64) -> [u8; 16] {
    let [high, low] = [bits >> 32, bits & 0xffff_ffff].map(eight_digits);
    (u128::from(high) << 64 | u128::from(low)).to_be_bytes()
}

/// The 8 digits of 32 bits, all at once: each of the number's bytes is one of them.
fn eight_digits(bits: u64) -> u64 {
    let pairs = (bits << 16 | bits) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs << 8 | pairs) & 0x00ff_00ff_00ff_00ff;
    let values = (bytes << 4 | bytes) & 0x0f0f_0f0f_0f0f_0f0f;
    // 10 and 6 are 16: the bit is set where the digit is a letter.
    let letters = ((values + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    values + 0x3030_3030_3030_3030 + letters * u64::from(b'a' - b'0' - 10)
}

fn text_of(ascii: Vec<u8>) -> String {
    // Digits are text.
    String::from_utf8(ascii).unwrap_or_default()
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
        let mut builder = http::Request::builder();
        for (name, value) in pairs {
            builder = builder.header(*name, *value);
        }
        let head = builder.body(()).unwrap().into_parts().0;
        RequestId::of(&head, &World::new())
    }

    #[test]
    fn numbers_are_written_as_the_formatter_writes_them() {
        for bits in [0, 1, u64::MAX, 0x0123_4567_89ab_cdef, 0xfedc_ba98_7654_3210] {
            assert_eq!(hex(bits), format!("{bits:016x}"));
        }
    }

    #[test]
    fn well_formed_identities_are_taken_over() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let id = of(&[("x-request-id", "abc-1"), ("traceparent", parent)]);
        assert_eq!(&*id.id, "abc-1");
        assert_eq!(id.traceparent, parent);
        let span = id.span();
        assert_eq!(span.trace, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(span.parent, Some("00f067aa0ba902b7"));
        assert_eq!(span.span.len(), 16);
        assert_ne!(span.span, "00f067aa0ba902b7");
    }

    #[test]
    fn malformed_or_absent_ones_are_replaced() {
        let made = of(&[("x-request-id", "has space"), ("traceparent", "00-xyz-1-0")]);
        assert_eq!(made.id.len(), 16);
        assert!(is_traceparent(&made.traceparent), "{}", made.traceparent);
        let span = made.span();
        assert_eq!(span.parent, None);
        assert_eq!(
            format!("00-{}-{}-00", span.trace, span.span),
            made.traceparent
        );
        let zero = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        assert_ne!(of(&[("traceparent", zero)]).traceparent, zero);
    }
}
