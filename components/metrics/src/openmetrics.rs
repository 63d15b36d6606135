//! OpenMetrics 1.0, by what differs from Prometheus' text format: the names of families, how
//! bounds of buckets are written, and the end. Samples are the same in both.

use crate::exposition;
use prometheus::proto::{MetricFamily, MetricType};

/// The text of `families`.
///
/// # Errors
/// A sentence, if a family has no series: a bug of this component.
pub(crate) fn encode(families: &[MetricFamily]) -> Result<String, String> {
    let mut text = String::new();
    for family in families {
        let plain = exposition::encode(std::slice::from_ref(family))?;
        let name = family.name();
        let kind = family.get_field_type();
        let (named, kind) = named(name, kind);
        let rest = plain.lines().filter(|line| !line.starts_with('#'));
        let help = escaped(family.help());
        let head = [
            format!("# TYPE {named} {kind}"),
            format!("# HELP {named} {help}"),
        ];
        let samples = rest.map(|line| match kind {
            "histogram" => canonical(line),
            _ => line.to_owned(),
        });
        for line in head.into_iter().chain(samples) {
            text.push_str(&line);
            text.push('\n');
        }
    }
    text.push_str("# EOF\n");
    Ok(text)
}

/// What a family is called, and its type. The samples of counters and of information have endings
/// that the family's name lacks.
fn named(name: &str, kind: MetricType) -> (&str, &'static str) {
    match kind {
        MetricType::COUNTER => (name.strip_suffix("_total").unwrap_or(name), "counter"),
        MetricType::HISTOGRAM => (name, "histogram"),
        MetricType::GAUGE => match name.strip_suffix("_info") {
            Some(name) => (name, "info"),
            None => (name, "gauge"),
        },
        _ => (name, "unknown"),
    }
}

/// A help text, where quotes are escaped beside what always is.
fn escaped(help: &str) -> String {
    let help = help.replace('\\', "\\\\").replace('\n', "\\n");
    help.replace('"', "\\\"")
}

/// A bucket's line with its bound as a number with a fraction: `1` is `1.0`. The bound is the last
/// label.
fn canonical(line: &str) -> String {
    let mut begins = ["{le=\"", ",le=\""].into_iter();
    let bound = begins.find_map(|begin| Some(line.rfind(begin)? + begin.len()));
    let parts = bound.and_then(|at| {
        let (before, rest) = line.split_at_checked(at)?;
        let (bound, after) = rest.split_once('"')?;
        bound
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some((before, bound, after))
    });
    match parts {
        Some((before, bound, after)) => format!("{before}{bound}.0\"{after}"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exposition::{build_info, counted};
    use crate::reading::{Cells, Series};

    #[test]
    fn families_are_named_without_the_endings_of_their_samples() {
        let mut cells = Cells::new();
        let labels = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        let series = |count| Series {
            count,
            buckets: [(0, 2), (10, 1)].into(),
            sum_us: 1_500_000,
        };
        cells.entry("http_requests_total").or_default().insert(
            labels(&["GET", "/v1/rates/{base}/{quote}", "200"]),
            series(7),
        );
        cells
            .entry("http_request_duration_seconds")
            .or_default()
            .insert(labels(&["GET", "/healthz"]), series(0));
        let mut families = counted(&cells);
        families.push(build_info("0.1.0", "a\"b"));
        let text = encode(&families).unwrap();
        for line in [
            "# TYPE http_requests counter",
            "# HELP http_requests Requests answered.",
            "http_requests_total{method=\"GET\",path=\"/v1/rates/{base}/{quote}\",status=\"200\"} 7",
            "# TYPE http_request_duration_seconds histogram",
            "http_request_duration_seconds_bucket{method=\"GET\",path=\"/healthz\",le=\"0.0005\"} 2",
            "http_request_duration_seconds_bucket{method=\"GET\",path=\"/healthz\",le=\"1.0\"} 3",
            "http_request_duration_seconds_bucket{method=\"GET\",path=\"/healthz\",le=\"2.5\"} 3",
            "http_request_duration_seconds_bucket{method=\"GET\",path=\"/healthz\",le=\"+Inf\"} 3",
            "http_request_duration_seconds_count{method=\"GET\",path=\"/healthz\"} 3",
            "# TYPE edge_rates_build info",
            "edge_rates_build_info{version=\"0.1.0\",commit=\"a\\\"b\"} 1",
        ] {
            assert!(text.lines().any(|of| of == line), "no {line} in\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"), "{text}");
        assert_eq!(text.matches("# EOF").count(), 1);
        assert!(!text.contains("# TYPE http_requests_total"), "{text}");
    }

    #[test]
    fn without_families_there_is_the_end() {
        assert_eq!(encode(&[]).unwrap(), "# EOF\n");
    }
}
