//! Turns counters into Prometheus' text format 0.0.4.

use crate::reading::{Budget, Cells, Series, Upstream};
use edge_rates_kit::series::{FAMILIES, Family};
use edge_rates_quotes::belief::Divergence;
use edge_rates_quotes::breaker::Stage;
use edge_rates_quotes::{Head, Millis};
use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};

const MICROS_PER_SECOND: f64 = 1_000_000.0;

/// The families that have been counted.
pub(crate) fn counted(cells: &Cells) -> Vec<MetricFamily> {
    let counted = FAMILIES.iter().filter_map(|family| {
        let series = cells.get(family.name)?;
        let metrics = series
            .iter()
            .map(|(labels, series)| metric(family, labels, series))
            .collect();
        let kind = if family.buckets_us.is_empty() {
            MetricType::COUNTER
        } else {
            MetricType::HISTOGRAM
        };
        Some(of(family.name, family.help, kind, metrics))
    });
    counted.collect()
}

/// Which build this is; the value is always 1.
pub(crate) fn build_info(version: &str, commit: &str) -> MetricFamily {
    let labels = [("version", version), ("commit", commit)];
    gauge(
        "edge_rates_build_info",
        "The build that answers.",
        labels.map(|(name, value)| label(name, value)).into(),
        1.0,
    )
}

/// How long ago the stored board was fetched.
pub(crate) fn board_age(head: &Head, now: Millis) -> MetricFamily {
    let seconds = now.since(head.fetched) as f64 / 1000.0;
    gauge(
        "rates_board_age_seconds",
        "Time since the stored board was fetched.",
        Vec::new(),
        seconds,
    )
}

/// What may be done with each upstream: 0 closed, 1 open, 2 half-open.
pub(crate) fn circuits(upstreams: &[Upstream]) -> Option<MetricFamily> {
    let metrics = upstreams.iter().map(|upstream| {
        let value = match upstream.stage {
            Stage::Closed => 0.0,
            Stage::Open => 1.0,
            Stage::HalfOpen => 2.0,
        };
        gauge_metric(vec![label("provider", &upstream.id)], value)
    });
    gauges(
        "rates_circuit_state",
        "Circuit of an upstream: 0 closed, 1 open, 2 half-open.",
        metrics.collect(),
    )
}

/// How many calls each upstream's budget has left, and how many it began with.
pub(crate) fn budgets(upstreams: &[Upstream]) -> impl Iterator<Item = MetricFamily> {
    let remaining = gauges(
        "rates_upstream_budget_remaining",
        "Calls to an upstream that its budget leaves, in this minute and this month.",
        of_budgets(upstreams, |budget| budget.left),
    );
    let limit = gauges(
        "rates_upstream_budget_limit",
        "Calls to an upstream that its budget allows, in a minute and in a month.",
        of_budgets(upstreams, |budget| budget.limit),
    );
    remaining.into_iter().chain(limit)
}

/// A number of every budget.
fn of_budgets(upstreams: &[Upstream], number: fn(&Budget) -> u64) -> Vec<Metric> {
    let metrics = upstreams.iter().flat_map(|upstream| {
        upstream.budgets.iter().map(move |budget| {
            let labels = vec![
                label("provider", &upstream.id),
                label("window", budget.span.as_str()),
            ];
            gauge_metric(labels, number(budget) as f64)
        })
    });
    metrics.collect()
}

/// How far each upstream that was heard was from what was believed.
pub(crate) fn divergences(divergences: &[Divergence]) -> Option<MetricFamily> {
    let metrics = divergences.iter().filter_map(|of| {
        let ratio = of.ratio.parse().ok()?;
        Some(gauge_metric(vec![label("provider", &of.provider)], ratio))
    });
    gauges(
        "rates_provider_divergence_ratio",
        "Largest distance of an upstream's price from the one believed, as a part of that, in the last refresh.",
        metrics.collect(),
    )
}

/// A family of gauges, if there are any.
fn gauges(name: &str, help: &str, metrics: Vec<Metric>) -> Option<MetricFamily> {
    let is_empty = metrics.is_empty();
    (!is_empty).then(|| of(name, help, MetricType::GAUGE, metrics))
}

/// The text of `families`.
///
/// # Errors
/// A sentence, if a family has no series: a bug of this component.
pub(crate) fn encode(families: &[MetricFamily]) -> Result<String, String> {
    TextEncoder::new()
        .encode_to_string(families)
        .map_err(|error| format!("The metrics can't be encoded: {error}."))
}

fn metric(family: &Family, labels: &[String], series: &Series) -> Metric {
    let pairs = family
        .labels
        .iter()
        .zip(labels)
        .map(|(name, value)| label(name, value))
        .collect();
    let mut metric = Metric::from_label(pairs);
    if family.buckets_us.is_empty() {
        let mut counter = Counter::default();
        counter.set_value(series.count as f64);
        metric.set_counter(counter);
    } else {
        metric.set_histogram(histogram(family, series));
    }
    metric
}

fn histogram(family: &Family, series: &Series) -> Histogram {
    let mut cumulative = 0;
    let mut buckets = Vec::with_capacity(family.buckets_us.len());
    for (index, bound) in family.buckets_us.iter().enumerate() {
        cumulative += series.buckets.get(&index).copied().unwrap_or(0);
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64 / MICROS_PER_SECOND);
        bucket.set_cumulative_count(cumulative);
        buckets.push(bucket);
    }
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets);
    // The encoder writes the +Inf bucket from the count.
    histogram.set_sample_count(series.buckets.values().sum());
    histogram.set_sample_sum(series.sum_us as f64 / MICROS_PER_SECOND);
    histogram
}

fn gauge(name: &str, help: &str, labels: Vec<LabelPair>, value: f64) -> MetricFamily {
    of(
        name,
        help,
        MetricType::GAUGE,
        vec![gauge_metric(labels, value)],
    )
}

fn gauge_metric(labels: Vec<LabelPair>, value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(labels);
    metric.set_gauge(gauge);
    metric
}

fn of(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn label(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_upstream_has_its_divergence() {
        assert!(divergences(&[]).is_none());
        let of = |provider: &str, ratio: &str| Divergence {
            provider: provider.into(),
            pair: "bitcoin/USD".into(),
            ratio: ratio.into(),
        };
        let family = divergences(&[of("coingecko", "0.000000"), of("kraken", "0.031250")]);
        let text = encode(&[family.unwrap()]).unwrap();
        for line in [
            "# TYPE rates_provider_divergence_ratio gauge",
            "rates_provider_divergence_ratio{provider=\"coingecko\"} 0",
            "rates_provider_divergence_ratio{provider=\"kraken\"} 0.03125",
        ] {
            assert!(text.lines().any(|of| of == line), "no {line} in\n{text}");
        }
    }

    #[test]
    fn buckets_are_cumulative_and_end_with_the_count() {
        let mut cells = Cells::new();
        let series = Series {
            count: 0,
            buckets: [(0, 2), (3, 1), (14, 1)].into(),
            sum_us: 11_004_000,
        };
        let labels = vec![String::from("GET"), String::from("/healthz")];
        cells
            .entry("http_request_duration_seconds")
            .or_default()
            .insert(labels, series);
        let text = encode(&counted(&cells)).unwrap();
        let line = |end: &str| {
            let found = text.lines().find(|line| line.contains(end));
            found
                .unwrap_or_else(|| panic!("no {end} in\n{text}"))
                .to_owned()
        };
        assert!(line("le=\"0.0005\"").ends_with(" 2"), "{text}");
        assert!(line("le=\"0.005\"").ends_with(" 3"), "{text}");
        assert!(line("le=\"10\"").ends_with(" 3"), "{text}");
        assert!(line("le=\"+Inf\"").ends_with(" 4"), "{text}");
        assert!(line("_count{").ends_with(" 4"), "{text}");
        assert!(line("_sum{").ends_with(" 11.004"), "{text}");
        assert!(text.contains("# TYPE http_request_duration_seconds histogram"));
    }
}
