//! What the cores have noted, added up and written in Prometheus' text format 0.0.4.

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use runtime_host_keyvalue::{Backend, Stores};

use crate::app::App;
use crate::server::admission::ConnectionLimit;
use crate::server::core::Core;
use crate::server::departure::Departure;
use crate::telemetry::cells::{BOUNDS_NS, Times};
use crate::telemetry::process;
use crate::telemetry::record::{
    BackendRecord, ComponentRecord, End, Operation, Outcome, Reason, RouteRecord, StoreRecord,
};

const NANOSECONDS: f64 = 1e9;

/// Everything that can be looked into while the host runs.
pub(crate) struct Observed {
    pub(crate) app: Arc<App>,
    pub(crate) cores: Vec<Arc<Core>>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) departure: Arc<Departure>,
    pub(crate) connections: Arc<ConnectionLimit>,
}

type Labels<'a> = Vec<(&'static str, &'a str)>;

/// One of the label values, and what stands for it in a core's record.
type Status = Option<usize>;

impl Observed {
    /// All metrics as text.
    ///
    /// # Errors
    /// A sentence, if a family has no series: a mistake in this file.
    pub(crate) fn text(&self) -> Result<String, prometheus::Error> {
        let families = [
            self.requests(),
            self.request_durations(),
            self.requests_in_flight(),
            self.refusals(),
            self.queue_depths(),
            self.connections(),
            self.connection_limit(),
            self.connections_closed(),
            self.instances(),
            self.instances_created(),
            self.instances_reused(),
            self.instances_ended(),
            self.instance_starts(),
            self.store_durations(),
            self.store_errors(),
            self.outbound_durations(),
            self.draining(),
            build_info(),
        ];
        let families = families.into_iter().chain(process::families());
        // What has not happened yet has no series, and the encoder refuses that.
        let families: Vec<_> = families
            .filter(|family| !family.get_metric().is_empty())
            .collect();
        TextEncoder::new().encode_to_string(&families)
    }

    /// How many requests were answered, and how many of those, on a route, with a status from 500
    /// on.
    pub(crate) fn answered(&self) -> (u64, u64) {
        let (mut all, mut failed) = (0, 0);
        for core in &self.cores {
            let record = core.record();
            let own = record.own.statuses().map(|(_, count)| count);
            all += own.sum::<u64>();
            for (status, count) in record.routes.iter().flat_map(RouteRecord::statuses) {
                all += count;
                if status.is_none_or(|status| status >= 500) {
                    failed += count;
                }
            }
        }
        (all, failed)
    }

    /// How many instances there have been.
    pub(crate) fn created(&self) -> u64 {
        let records = self.cores.iter().flat_map(|core| &core.record().components);
        records.map(|component| component.created.value()).sum()
    }

    fn requests(&self) -> MetricFamily {
        let metrics = self.by_route().flat_map(|(labels, records)| {
            let mut counts: BTreeMap<Status, u64> = BTreeMap::new();
            for (status, count) in records.iter().flat_map(|record| record.statuses()) {
                *counts.entry(status).or_default() += count;
            }
            counts.into_iter().map(move |(status, count)| {
                let status = status.map_or("other".to_owned(), |status| status.to_string());
                let mut labels = labels.clone();
                labels.push(("status", &status));
                counter(&labels, count)
            })
        });
        family(
            "runtime_host_requests_total",
            "Requests answered. Component and route are empty for what the host answers itself.",
            MetricType::COUNTER,
            metrics.collect(),
        )
    }

    fn request_durations(&self) -> MetricFamily {
        let metrics = self.by_route().map(|(labels, records)| {
            let mut times = Times::default();
            for record in records {
                times.add(&record.durations);
            }
            (labels, times)
        });
        durations(
            "runtime_host_request_duration_seconds",
            "From a request's head to its answer's head.",
            metrics,
        )
    }

    /// The records of each route on all cores, with the labels that name it; the host's own
    /// answers first.
    fn by_route(&self) -> impl Iterator<Item = (Labels<'_>, Vec<&RouteRecord>)> {
        let own = self.cores.iter().map(|core| &core.record().own).collect();
        let own = (vec![("component", ""), ("route", "")], own);
        let labels = self.app.triggers.iter().enumerate();
        let routed = labels.filter_map(|(place, trigger)| {
            let route = trigger.route.as_deref()?;
            let records = self.cores.iter();
            let records = records.filter_map(|core| core.record().routes.get(place));
            let component = trigger.component.as_deref().unwrap_or_default();
            let labels = vec![("component", component), ("route", route)];
            Some((labels, records.collect()))
        });
        std::iter::once(own).chain(routed)
    }

    fn requests_in_flight(&self) -> MetricFamily {
        let in_flight = self.cores.iter().map(|core| core.requests_in_flight());
        single(
            "runtime_host_requests_in_flight",
            "Requests that are being answered.",
            in_flight.sum::<usize>() as f64,
        )
    }

    fn connections(&self) -> MetricFamily {
        let open = self.cores.iter().map(|core| core.open_connections());
        single(
            "runtime_host_connections_open",
            "Connections of clients that are open.",
            open.sum::<usize>() as f64,
        )
    }

    fn connection_limit(&self) -> MetricFamily {
        single(
            "runtime_host_connections_max",
            "Connections of clients that may be open.",
            self.connections.max as f64,
        )
    }

    fn connections_closed(&self) -> MetricFamily {
        let cut_off = self.cores.iter().map(|core| core.record().cut_off.value());
        let metrics = [
            ("limit", self.connections.closed.value()),
            ("body_timeout", cut_off.sum()),
        ];
        let metrics = metrics.map(|(reason, count)| counter(&[("reason", reason)], count));
        family(
            "runtime_host_connections_closed_total",
            "Connections that the host closed: idle ones for new ones, and where an answer stood \
             still.",
            MetricType::COUNTER,
            metrics.into(),
        )
    }

    fn refusals(&self) -> MetricFamily {
        let metrics = Reason::ALL.into_iter().map(|reason| {
            let counters = self.cores.iter();
            let counters = counters.filter_map(|core| core.record().refused.get(reason as usize));
            let count = counters.map(|counter| counter.value()).sum();
            counter(&[("reason", reason.as_str())], count)
        });
        family(
            "runtime_host_requests_refused_total",
            "Requests that were not given to a component, or not as a whole.",
            MetricType::COUNTER,
            metrics.collect(),
        )
    }

    fn queue_depths(&self) -> MetricFamily {
        let components = self.app.components.iter().enumerate();
        let metrics = components.map(|(place, component)| {
            let depths = self.cores.iter().map(|core| core.waiting_for(place));
            let depth = depths.sum::<usize>() as f64;
            gauge(&[("component", &component.id)], depth)
        });
        family(
            "runtime_host_queue_depth",
            "Requests that wait for an instance.",
            MetricType::GAUGE,
            metrics.collect(),
        )
    }

    /// The records of each component on all cores.
    fn by_component(&self) -> impl Iterator<Item = (&str, Vec<&ComponentRecord>)> {
        let components = self.app.components.iter().enumerate();
        components.map(|(place, component)| {
            let records = self.cores.iter();
            let records = records.filter_map(|core| core.record().components.get(place));
            (&*component.id, records.map(AsRef::as_ref).collect())
        })
    }

    /// A counter for each component.
    fn per_component(
        &self,
        name: &str,
        help: &str,
        count: impl Fn(&ComponentRecord) -> u64,
    ) -> MetricFamily {
        let metrics = self.by_component().map(|(component, records)| {
            let sum = records.into_iter().map(&count).sum();
            counter(&[("component", component)], sum)
        });
        family(name, help, MetricType::COUNTER, metrics.collect())
    }

    fn instances(&self) -> MetricFamily {
        let metrics = self.by_component().map(|(component, records)| {
            let alive: u64 = records.into_iter().map(ComponentRecord::alive).sum();
            gauge(&[("component", component)], alive as f64)
        });
        family(
            "runtime_host_instances",
            "Instances that are alive.",
            MetricType::GAUGE,
            metrics.collect(),
        )
    }

    fn instances_created(&self) -> MetricFamily {
        self.per_component(
            "runtime_host_instances_created_total",
            "Instances that were made.",
            |record| record.created.value(),
        )
    }

    fn instances_reused(&self) -> MetricFamily {
        self.per_component(
            "runtime_host_instances_reused_total",
            "Requests taken by an instance that had taken others before.",
            |record| record.reused.value(),
        )
    }

    fn instances_ended(&self) -> MetricFamily {
        let metrics = self.by_component().flat_map(|(component, records)| {
            End::ALL.into_iter().map(move |end| {
                let counters = records.iter();
                let counters = counters.filter_map(|record| record.ended.get(end as usize));
                let count = counters.map(|counter| counter.value()).sum();
                counter(&[("component", component), ("reason", end.as_str())], count)
            })
        });
        family(
            "runtime_host_instances_ended_total",
            "Instances that have ended, by why.",
            MetricType::COUNTER,
            metrics.collect(),
        )
    }

    fn instance_starts(&self) -> MetricFamily {
        let metrics = self.by_component().map(|(component, records)| {
            let mut times = Times::default();
            for record in records {
                times.add(&record.starts);
            }
            (vec![("component", component)], times)
        });
        durations(
            "runtime_host_instance_start_seconds",
            "From calling for an instance until it can take a request.",
            metrics,
        )
    }

    fn outbound_durations(&self) -> MetricFamily {
        let metrics = self.by_component().flat_map(|(component, records)| {
            let mut all: BTreeMap<&str, Times> = BTreeMap::new();
            for (outcome, histogram) in records.iter().flat_map(|record| record.outbound()) {
                all.entry(Outcome::as_str(outcome))
                    .or_default()
                    .add(histogram);
            }
            all.into_iter().map(move |(outcome, times)| {
                (vec![("component", component), ("outcome", outcome)], times)
            })
        });
        durations(
            "runtime_host_outbound_duration_seconds",
            "From a component's call to the head of its answer, by how it ended.",
            metrics,
        )
    }

    /// What is known of each kind of store that is in use.
    fn by_backend(&self) -> impl Iterator<Item = (&'static str, Vec<&BackendRecord>)> {
        let backends = self.stores.backends().into_iter();
        backends.map(|backend: Backend| {
            let records = self.cores.iter().map(|core| &core.record().stores);
            let records = records.map(|stores: &Arc<StoreRecord>| stores.of(backend));
            (backend.as_str(), records.collect())
        })
    }

    fn store_durations(&self) -> MetricFamily {
        let metrics = self.by_backend().flat_map(|(backend, records)| {
            let mut all: BTreeMap<&str, Times> = BTreeMap::new();
            for (operation, histogram) in records.iter().flat_map(|record| record.operations()) {
                all.entry(Operation::as_str(operation))
                    .or_default()
                    .add(histogram);
            }
            all.into_iter().map(move |(operation, times)| {
                (vec![("backend", backend), ("operation", operation)], times)
            })
        });
        durations(
            "runtime_host_store_duration_seconds",
            "How long operations of key-value stores take.",
            metrics,
        )
    }

    fn store_errors(&self) -> MetricFamily {
        let metrics = self.by_backend().map(|(backend, records)| {
            let count = records.iter().map(|record| record.errors.value()).sum();
            counter(&[("backend", backend)], count)
        });
        family(
            "runtime_host_store_errors_total",
            "Operations that a key-value store did not do because it was away or full.",
            MetricType::COUNTER,
            metrics.collect(),
        )
    }

    fn draining(&self) -> MetricFamily {
        single(
            "runtime_host_draining",
            "1 from the moment at which the host was told to end.",
            f64::from(u8::from(self.departure.has_begun())),
        )
    }
}

fn build_info() -> MetricFamily {
    let labels = [
        ("version", env!("CARGO_PKG_VERSION")),
        ("wasmtime", wasmtime_environ::VERSION),
    ];
    family(
        "runtime_host_build_info",
        "The build that runs; the value is always 1.",
        MetricType::GAUGE,
        vec![gauge(&labels, 1.0)],
    )
}

/// A family of histograms, without those that hold nothing.
fn durations<'a>(
    name: &str,
    help: &str,
    times: impl Iterator<Item = (Labels<'a>, Times)>,
) -> MetricFamily {
    let metrics = times
        .filter(|(_, times)| times.count() > 0)
        .map(|(labels, times)| {
            let mut metric = Metric::from_label(pairs(&labels));
            metric.set_histogram(histogram(&times));
            metric
        });
    family(name, help, MetricType::HISTOGRAM, metrics.collect())
}

fn histogram(times: &Times) -> Histogram {
    let mut cumulative = 0;
    let buckets = BOUNDS_NS.iter().zip(times.within).map(|(bound, count)| {
        cumulative += count;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound as f64 / NANOSECONDS);
        bucket.set_cumulative_count(cumulative);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    // The encoder writes the +Inf bucket from the count.
    histogram.set_sample_count(times.count());
    histogram.set_sample_sum(times.nanoseconds as f64 / NANOSECONDS);
    histogram
}

/// A gauge without labels.
pub(super) fn single(name: &str, help: &str, value: f64) -> MetricFamily {
    family(name, help, MetricType::GAUGE, vec![gauge(&[], value)])
}

/// A counter without labels, which may have parts of one.
pub(super) fn single_counter(name: &str, help: &str, value: f64) -> MetricFamily {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = Metric::default();
    metric.set_counter(counter);
    family(name, help, MetricType::COUNTER, vec![metric])
}

fn family(name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics);
    family
}

fn counter(labels: &[(&'static str, &str)], count: u64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(count as f64);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_counter(counter);
    metric
}

fn gauge(labels: &[(&'static str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = Metric::from_label(pairs(labels));
    metric.set_gauge(gauge);
    metric
}

fn pairs(labels: &[(&'static str, &str)]) -> Vec<LabelPair> {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    pairs.collect()
}
