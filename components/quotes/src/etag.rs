//! Strong entity tags and the If-None-Match condition. Which headers an answer carries is not
//! decided here.

use crate::version::Version;

/// The entity tag (RFC 9110 §8.8.3), with its quotes, of the answer to a canonical query from
/// one version of the board. A stale answer says so in its body, so it has another tag.
pub fn etag(version: &Version, canonical: &str, stale: bool) -> String {
    let state: &[u8] = if stale { b"\nstale" } else { b"\nfresh" };
    let hash = fnv1a(canonical.bytes().chain(state.iter().copied()));
    format!("\"{version}-{hash:016x}\"")
}

/// The entity tag, with its quotes, of an answer that no board is in: its own hash.
pub fn etag_of(body: &[u8]) -> String {
    format!("\"{:016x}\"", fnv1a(body.iter().copied()))
}

/// FNV-1a with 64 bits: the same on every machine and in every release, which the hashers of
/// the standard library do not promise.
fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Whether an If-None-Match header (RFC 9110 §13.1.2) names `etag`, so that the client has the
/// answer already. Tags are compared weakly. What is not a tag ends the list.
pub fn if_none_match(header: &str, etag: &str) -> bool {
    if header.trim() == "*" {
        return true;
    }
    let wanted = etag.strip_prefix("W/").unwrap_or(etag);
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let tag = rest.strip_prefix("W/").unwrap_or(rest);
        let Some((opaque, after)) = tag.strip_prefix('"').and_then(|tag| tag.split_once('"'))
        else {
            return false;
        };
        if wanted
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            == Some(opaque)
        {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::millis::Millis;
    use proptest::prelude::*;

    fn tag(canonical: &str, stale: bool) -> String {
        etag(&Version::from(Millis(36)), canonical, stale)
    }

    #[test]
    fn a_tag_is_the_same_in_every_release() {
        assert_eq!(fnv1a("foobar".bytes()), 0x8594_4171_f739_67e8);
        assert!(tag("q", false).starts_with("\"10-"));
    }

    #[test]
    fn another_question_or_a_stale_answer_has_another_tag() {
        assert_ne!(tag("a", false), tag("b", false));
        assert_ne!(tag("a", false), tag("a", true));
    }

    #[test]
    fn a_tag_is_found_in_a_list() {
        for header in [
            "\"a\"",
            "W/\"a\"",
            "\"x\", \"a\"",
            "\"x\",W/\"a\" , \"y\"",
            "\"with, comma\", \"a\"",
            ", ,\"a\"",
            "*",
            " * ",
        ] {
            assert!(if_none_match(header, "\"a\""), "{header}");
        }
    }

    #[test]
    fn what_does_not_name_the_tag_does_not_match() {
        for header in [
            "", "a", "\"A\"", "\"b\"", "\"a", "x \"a\"", "w/\"a\"", "\"*\"", "\"b\" *",
        ] {
            assert!(!if_none_match(header, "\"a\""), "{header}");
        }
    }

    proptest! {
        #[test]
        fn every_tag_matches_itself_among_others(query: String, stale: bool, other in "[a-z0-9,]{0,8}") {
            let tag = tag(&query, stale);
            let header = format!("\"{other}\", W/{}", tag);
            prop_assert!(if_none_match(&header, &tag));
        }

        #[test]
        fn junk_never_matches_and_never_panics(header in "[ ,W/\"a-z]{0,24}|\\PC{0,24}") {
            prop_assert!(!if_none_match(&header, "\"0-never\"") || header.contains("\"0-never\"") || header.trim() == "*");
        }
    }
}
