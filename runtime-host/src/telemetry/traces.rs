//! OpenTelemetry traces: a span for each request and for each call that leads out of it, sent to
//! a collector as OTLP over HTTP. All of it is set up by the variables that every OpenTelemetry
//! SDK reads; without an endpoint there is nothing of it, and a request pays for one comparison.

mod collector;
mod span;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TracerProvider;
use opentelemetry::{Key, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};
use tokio::runtime::{Builder, Runtime};

use collector::Collector;
pub(crate) use span::{CallSpan, RequestSpan, SpanContext};

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
const PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
const TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
const DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";

/// The only form in which traces are sent.
const HTTP_PROTOBUF: &str = "http/protobuf";

/// How long a host that is dropped waits for its last spans.
const LAST_MOMENT: Duration = Duration::from_millis(100);

const SERVICE_NAME: Key = Key::from_static_str("service.name");
const SERVICE_VERSION: Key = Key::from_static_str("service.version");

/// Why there are no traces although they are asked for. The application is served all the same.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TracesError {
    #[error(
        "{name} is `{value}`, but traces are sent as `http/protobuf` only: remove it, and name the \
         collector's port for HTTP (mostly 4318) in OTEL_EXPORTER_OTLP_ENDPOINT"
    )]
    Protocol { name: &'static str, value: String },
    #[error("{0}: correct the variables OTEL_EXPORTER_OTLP_…")]
    Exporter(opentelemetry_otlp::ExporterBuildError),
    #[error("TLS cannot be set up: {0}")]
    Tls(rustls::Error),
    #[error("the thread that sends them does not start: {0}")]
    Thread(std::io::Error),
}

/// What makes spans and sends them, from threads of its own.
pub(crate) struct Traces {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// Talks to the collector. Taken at the end.
    runtime: Option<Runtime>,
}

/// Whether the environment asks for traces.
///
/// # Errors
/// It asks for them in a way that this host does not know.
fn are_asked_for(variable: impl Fn(&str) -> Option<String>) -> Result<bool, TracesError> {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let has_endpoint = set(TRACES_ENDPOINT).is_some() || set(ENDPOINT).is_some();
    let is_disabled = set(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let goes_nowhere = set(EXPORTER).is_some_and(|value| value == "none");
    if !has_endpoint || is_disabled || goes_nowhere {
        return Ok(false);
    }
    let protocol = [TRACES_PROTOCOL, PROTOCOL]
        .into_iter()
        .find_map(|name| Some((name, set(name)?)));
    match protocol {
        Some((name, value)) if value != HTTP_PROTOBUF => Err(TracesError::Protocol { name, value }),
        _ => Ok(true),
    }
}

impl Traces {
    /// Sets traces up as the environment says, for an application. None if it does not ask for
    /// them; if it asks for what cannot be, the log says so.
    pub(crate) fn from_environment(name: &str, version: &str) -> Option<Arc<Self>> {
        let variable = |name: &str| env::var(name).ok();
        let started = match are_asked_for(variable) {
            Ok(false) => return None,
            Ok(true) => Self::start(name, version),
            Err(error) => Err(error),
        };
        match started {
            Ok(traces) => Some(Arc::new(traces)),
            Err(error) => {
                tracing::error!("no traces are sent: {error}");
                None
            }
        }
    }

    fn start(name: &str, version: &str) -> Result<Self, TracesError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("traces")
            .enable_all()
            .build()
            .map_err(TracesError::Thread)?;
        let collector = Collector::new(runtime.handle().clone()).map_err(TracesError::Tls)?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(collector)
            .build()
            .map_err(TracesError::Exporter)?;
        // Batches, the sampler and limits are read from OTEL_BSP_… and OTEL_TRACES_… in there.
        let provider = SdkTracerProvider::builder()
            .with_resource(resource(name, version))
            .with_batch_exporter(exporter)
            .build();
        Ok(Self {
            tracer: provider.tracer(env!("CARGO_PKG_NAME")),
            provider,
            runtime: Some(runtime),
        })
    }

    /// Sends what is left, for at most `limit`, and ends. It blocks that long.
    pub(crate) fn finish(&self, limit: Duration) {
        if let Err(error) = self.provider.shutdown_with_timeout(limit) {
            tracing::debug!("the last spans may be lost: {error}");
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        self.finish(LAST_MOMENT);
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Who sends the spans: what OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say, and what the
/// application is called where they say nothing.
fn resource(name: &str, version: &str) -> Resource {
    let told = Resource::builder().build();
    let names_service = told
        .get_ref(&SERVICE_NAME)
        .is_some_and(|name| !name.as_str().starts_with("unknown_service"));
    let mut resource = Resource::builder();
    if !names_service {
        resource = resource.with_service_name(name.to_owned());
    }
    if !version.is_empty() && told.get_ref(&SERVICE_VERSION).is_none() {
        resource = resource.with_attribute(KeyValue::new(SERVICE_VERSION, version.to_owned()));
    }
    resource.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_for(environment: &[(&str, &str)]) -> Result<bool, String> {
        let variable = |name: &str| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        are_asked_for(variable).map_err(|error| error.to_string())
    }

    #[test]
    fn traces_are_asked_for_by_an_endpoint() {
        assert_eq!(asked_for(&[]), Ok(false));
        assert_eq!(asked_for(&[(ENDPOINT, "")]), Ok(false));
        assert_eq!(asked_for(&[(ENDPOINT, "http://c:4318")]), Ok(true));
        assert_eq!(asked_for(&[(TRACES_ENDPOINT, "http://c/v1")]), Ok(true));
        // The operator sets these too; metrics are at --metrics-listen, and logs on the terminal.
        let others = [
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://c:4318"),
        ];
        assert_eq!(asked_for(&others), Ok(false));
    }

    #[test]
    fn traces_can_be_turned_off_in_spite_of_an_endpoint() {
        for off in [(DISABLED, "TRUE"), (EXPORTER, "none")] {
            assert_eq!(asked_for(&[(ENDPOINT, "http://c:4318"), off]), Ok(false));
        }
        let on = (DISABLED, "false");
        assert_eq!(asked_for(&[(ENDPOINT, "http://c:4318"), on]), Ok(true));
    }

    #[test]
    fn a_protocol_that_is_not_spoken_is_told_with_the_one_that_is() {
        let endpoint = (ENDPOINT, "http://c:4317");
        for name in [PROTOCOL, TRACES_PROTOCOL] {
            let said = asked_for(&[endpoint, (name, "grpc")]).unwrap_err();
            assert!(said.contains(name) && said.contains("4318"), "{said}");
            assert_eq!(asked_for(&[endpoint, (name, HTTP_PROTOBUF)]), Ok(true));
        }
        let stronger = [
            endpoint,
            (PROTOCOL, "grpc"),
            (TRACES_PROTOCOL, HTTP_PROTOBUF),
        ];
        assert_eq!(asked_for(&stronger), Ok(true));
    }
}
