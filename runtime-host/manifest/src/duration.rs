//! Times as operators write them, on the command line and in a runtime config.

use std::time::Duration;

/// A time such as `500ms`, `30s` or `2m`. A number without a unit is in seconds, as in Spin.
///
/// # Errors
/// What is wrong, and how to write it.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let seconds = text.parse();
        return seconds
            .map(Duration::from_secs)
            .map_err(|_| "it is too long".to_owned());
    }
    // Spin's documentation writes the Greek letter, the library reads the sign for micro.
    let text = text.replace('\u{3bc}', "\u{b5}");
    humantime::parse_duration(&text).map_err(|error| {
        format!("{error}; write it as 500ms, 30s or 2m, or as a number of seconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_a_unit_is_in_seconds() {
        for (text, expected) in [
            ("30", Duration::from_secs(30)),
            ("0", Duration::ZERO),
            ("30s", Duration::from_secs(30)),
            ("2m", Duration::from_secs(120)),
            ("500ms", Duration::from_millis(500)),
            ("7us", Duration::from_micros(7)),
            ("7\u{b5}s", Duration::from_micros(7)),
            ("7\u{3bc}s", Duration::from_micros(7)),
            ("7ns", Duration::from_nanos(7)),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_with_the_form() {
        for wrong in ["", "fast", "-1", "1.5.2", "1..8s", "99999999999999999999"] {
            let told = parse_duration(wrong).unwrap_err();
            assert!(
                told.contains("30s") || told.contains("too long"),
                "{wrong}: {told}"
            );
        }
    }
}
