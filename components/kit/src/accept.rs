//! Which of the types on offer a client would rather have (RFC 9110 §12.5.1).

/// The media type of `offered` that the Accept header prefers: the one with the highest quality,
/// and of equal ones the first. The first too where the header rules all of them out, because an
/// answer in another type helps more than 406 (RFC 9110 §12.4.1 allows both). An offer may have
/// parameters, such as `text/plain; version=0.0.4`: a range that names one of them covers the
/// offer only with the same value.
pub fn preferred<'a>(accept: &str, offered: &[&'a str]) -> Option<&'a str> {
    let best = offered
        .iter()
        .map(|offer| quality(accept, offer))
        .max()
        .unwrap_or(0);
    offered
        .iter()
        .find(|offer| quality(accept, offer) == best)
        .copied()
}

/// The quality of a media type in thousandths: that of the most specific range that covers it,
/// 0 where none does.
fn quality(accept: &str, offer: &str) -> u16 {
    let (offer, offered) = offer.split_once(';').unwrap_or((offer, ""));
    let offer = offer.trim();
    let kind = offer.split('/').next().unwrap_or_default();
    accept
        .split(',')
        .filter_map(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            let range = parts.next()?;
            let mut specificity = match range.split_once('/') {
                _ if range.eq_ignore_ascii_case(offer) => 3,
                Some((of_kind, "*")) if of_kind.eq_ignore_ascii_case(kind) => 2,
                Some(("*", "*")) => 1,
                _ => return None,
            };
            let mut weight = None;
            for (name, value) in parts.filter_map(|parameter| parameter.split_once('=')) {
                let (name, value) = (name.trim(), value.trim());
                if name.eq_ignore_ascii_case("q") {
                    weight = Some(value);
                    break;
                }
                match parameter(offered, name) {
                    Some(of_offer) if !of_offer.eq_ignore_ascii_case(unquoted(value)) => {
                        return None;
                    }
                    Some(_) => specificity += 1,
                    None => {}
                }
            }
            Some((specificity, weight.map_or(1000, thousandths)))
        })
        .max()
        .map_or(0, |(_, quality)| quality)
}

/// The value of a parameter among several, separated by semicolons.
fn parameter<'a>(parameters: &'a str, wanted: &str) -> Option<&'a str> {
    let mut parameters = parameters.split(';').filter_map(|one| one.split_once('='));
    let found = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
    found.map(|(_, value)| value.trim())
}

fn unquoted(value: &str) -> &str {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(value)
}

/// A weight of RFC 9110 §12.4.2, `0.5`, in thousandths; 0 for what is none.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    match whole {
        "1" if fraction.bytes().all(|byte| byte == b'0') => 1000,
        "0" if is_fraction => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 2] = ["application/json", "text/csv"];

    #[test]
    fn the_type_with_the_highest_quality_is_preferred() {
        for (accept, expected) in [
            ("text/csv", "text/csv"),
            ("TEXT/CSV; header=present", "text/csv"),
            ("application/json, text/csv", "application/json"),
            ("application/json;q=0.8, text/csv", "text/csv"),
            ("application/json;q=0.8, text/csv; Q=0.801", "text/csv"),
            ("text/csv;q=0.9, */*", "application/json"),
            ("text/*, application/json;q=0.5", "text/csv"),
            ("*/*", "application/json"),
            ("text/csv;q=0", "application/json"),
            ("text/csv;q=0, */*;q=0.1", "application/json"),
            ("application/json;q=0, */*;q=0.1", "text/csv"),
            ("text/csv;q=junk", "application/json"),
            ("image/png", "application/json"),
            ("", "application/json"),
            (",;=,/", "application/json"),
        ] {
            assert_eq!(preferred(accept, &OFFERED), Some(expected), "{accept}");
        }
    }

    #[test]
    fn an_offer_with_a_version_is_covered_by_that_version_and_by_none() {
        const PLAIN: &str = "text/plain; version=0.0.4; charset=utf-8";
        const OPEN: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        for (accept, expected) in [
            ("application/openmetrics-text; version=1.0.0", OPEN),
            ("application/openmetrics-text;version=\"1.0.0\"", OPEN),
            ("application/openmetrics-text", OPEN),
            ("application/openmetrics-text; version=0.0.1", PLAIN),
            (
                "application/openmetrics-text; version=1.0.0; q=0.4, text/plain; q=0.5",
                PLAIN,
            ),
            (
                "application/openmetrics-text; version=1.0.0; q=0.5, text/plain; q=0.4",
                OPEN,
            ),
            (
                "application/openmetrics-text; version=1.0.0; q=0, */*",
                PLAIN,
            ),
            ("application/*, text/plain;version=0.0.4;q=0.9", OPEN),
            (
                "text/plain; version=1.0.0, application/openmetrics-text; q=0.1",
                OPEN,
            ),
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OPEN,
            ),
            ("*/*", PLAIN),
            ("text/html, */*;q=0.8", PLAIN),
        ] {
            assert_eq!(
                preferred(accept, &[PLAIN, OPEN]),
                Some(expected),
                "{accept}"
            );
        }
    }

    #[test]
    fn nothing_is_preferred_where_nothing_is_offered() {
        assert_eq!(preferred("*/*", &[]), None);
    }
}
