//! A short, printable piece of text that a stranger sent, fit for logs and error messages.

/// The most characters that an excerpt has.
const LIMIT: usize = 80;

/// From this length on, letters and digits in one run are taken for a secret.
const SECRET_LENGTH: usize = 16;

/// The beginning of `text`: printable ASCII only, at most 80 characters, and without anything
/// that looks like an API key, because some upstreams repeat the key they refuse.
pub(crate) fn excerpt(text: &str) -> String {
    let mut kept = String::new();
    let words = text
        .split(|c: char| !c.is_ascii_graphic())
        .filter(|word| !word.is_empty());
    'words: for word in words {
        if !kept.is_empty() {
            kept.push(' ');
        }
        for run in word.split_inclusive(|c| !may_be_in_a_key(c)) {
            let token = run.trim_end_matches(|c| !may_be_in_a_key(c));
            if looks_secret(token) {
                kept.push_str("***");
                kept.push_str(run.strip_prefix(token).unwrap_or_default());
            } else {
                kept.push_str(run);
            }
            if kept.len() > LIMIT {
                kept.truncate(LIMIT - 3);
                kept.push_str("...");
                break 'words;
            }
        }
    }
    kept
}

fn may_be_in_a_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn looks_secret(run: &str) -> bool {
    run.len() >= SECRET_LENGTH && run.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_text_stays_as_it_is() {
        assert_eq!(excerpt("Missing parameter ids"), "Missing parameter ids");
    }

    #[test]
    fn long_text_is_cut_at_eighty_characters() {
        let cut = excerpt(&"many words ".repeat(40));
        assert_eq!(cut.len(), 80);
        assert!(cut.ends_with("..."), "{cut}");
    }

    #[test]
    fn line_breaks_and_escape_sequences_become_single_spaces() {
        assert_eq!(excerpt("one\r\n\u{1b}[31mtwo\0\u{202e}"), "one [31mtwo");
    }

    #[test]
    fn what_looks_like_a_key_is_hidden() {
        assert_eq!(
            excerpt("key 'CG-a1b2c3d4e5f6g7h8i9j0' is wrong"),
            "key '***' is wrong"
        );
        assert_eq!(
            excerpt("change your root URL to pro-api.coingecko.com"),
            "change your root URL to pro-api.coingecko.com"
        );
    }
}
