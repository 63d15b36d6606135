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
                None => as_text(&digits(random.bits())).into(),
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
    let mut text = String::with_capacity(55);
    text.push_str("00-");
    // Trace and parent ids of all zeroes are invalid (Trace Context §3.2.2).
    push_hex(&mut text, random.bits() | 1);
    push_hex(&mut text, random.bits());
    text.push('-');
    push_hex(&mut text, random.bits() | 1);
    text.push_str("-00");
    text
}

fn hex(bits: u64) -> String {
    as_text(&digits(bits)).to_owned()
}

fn push_hex(text: &mut String, bits: u64) {
    text.push_str(as_text(&digits(bits)));
}

fn as_text(digits: &[u8]) -> &str {
    // Digits are text.
    std::str::from_utf8(digits).unwrap_or_default()
}

/// 16 digits. Each request writes four of these; the formatter of the standard library takes
/// ten times as many instructions for it.
fn digits(bits: u64) -> [u8; 16] {
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().enumerate() {
        let value = (bits >> (60 - 4 * place)) as u8 & 15;
        *digit = value + if value < 10 { b'0' } else { b'a' - 10 };
    }
    digits
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
