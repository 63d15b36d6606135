//! The Go types in which the operator (v0.6.1) holds its two kinds, as far as it matters to what
//! becomes of an object that is read into them and written down again: a field that is not marked
//! `omitempty` comes back even where there was none, with the zero value of its type. The status is not
//! among them: what comes with the rest of an object is thrown away.

use serde_json::{Value, json};

/// The type of a field.
#[derive(Debug, Clone, Copy)]
pub enum Go {
    /// `string`, or a type that is written as one.
    Text,
    /// `bool`
    Flag,
    /// `int32`
    Number,
    /// `[]string`
    Texts,
    /// `map[string]string`, or a table of quantities.
    Table,
    /// A list of one of [`TYPES`].
    List(&'static str),
    /// One of [`TYPES`], which is always written, `omitempty` or not.
    Struct(&'static str),
    /// One of [`TYPES`] behind a pointer.
    Pointer(&'static str),
    /// Something behind a pointer that has no fields of its own.
    PointerToValue,
}

impl Go {
    /// What is written for a field of this type that was never set.
    #[must_use]
    pub fn zero(self) -> Value {
        match self {
            Self::Text => json!(""),
            Self::Flag => json!(false),
            Self::Number => json!(0),
            Self::Struct(_) => json!({}),
            Self::Texts | Self::Table | Self::List(_) | Self::Pointer(_) | Self::PointerToValue => {
                Value::Null
            }
        }
    }

    /// The struct that is in it.
    #[must_use]
    pub fn structure(self) -> Option<&'static Structure> {
        match self {
            Self::List(name) | Self::Struct(name) | Self::Pointer(name) => named(name),
            _ => None,
        }
    }
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name in JSON.
    pub name: &'static str,
    /// Its type.
    pub go: Go,
    /// Whether it is written even if it was never set.
    pub is_always_written: bool,
}

/// A struct.
#[derive(Debug)]
pub struct Structure {
    /// Its name.
    pub name: &'static str,
    /// Whether it is the operator's own, and so has exactly the fields of the published schema. Of
    /// Kubernetes' own types only the fields that the chart uses are listed.
    pub is_own: bool,
    /// Its fields.
    pub fields: &'static [Field],
}

/// A field that is left out where it was never set: `omitempty`.
const fn optional(name: &'static str, go: Go) -> Field {
    Field {
        name,
        go,
        is_always_written: matches!(go, Go::Struct(_)),
    }
}

/// A field that is always written.
const fn always(name: &'static str, go: Go) -> Field {
    Field {
        name,
        go,
        is_always_written: true,
    }
}

const fn own(name: &'static str, fields: &'static [Field]) -> Structure {
    Structure {
        name,
        is_own: true,
        fields,
    }
}

const fn kubernetes(name: &'static str, fields: &'static [Field]) -> Structure {
    Structure {
        name,
        is_own: false,
        fields,
    }
}

/// The struct of a name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Structure> {
    TYPES.iter().find(|one| one.name == name)
}

/// All structs; those of the kinds first.
pub const TYPES: &[Structure] = &[
    own("SpinApp", &[optional("spec", Go::Struct("SpinAppSpec"))]),
    own(
        "SpinAppExecutor",
        &[optional("spec", Go::Struct("SpinAppExecutorSpec"))],
    ),
    own(
        "SpinAppSpec",
        &[
            always("executor", Go::Text),
            always("image", Go::Text),
            optional("imagePullSecrets", Go::List("LocalObjectReference")),
            optional("checks", Go::Struct("HealthChecks")),
            optional("replicas", Go::Number),
            optional("enableAutoscaling", Go::Flag),
            optional("runtimeConfig", Go::Struct("RuntimeConfig")),
            optional("volumes", Go::List("Volume")),
            optional("volumeMounts", Go::List("VolumeMount")),
            optional("variables", Go::List("SpinVar")),
            optional("serviceAnnotations", Go::Table),
            optional("deploymentAnnotations", Go::Table),
            optional("podAnnotations", Go::Table),
            optional("podLabels", Go::Table),
            optional("resources", Go::Struct("Resources")),
            optional("components", Go::Texts),
            optional("serviceAccountName", Go::Text),
            optional("invocationLimits", Go::Table),
        ],
    ),
    own(
        "RuntimeConfig",
        &[
            optional("loadFromSecret", Go::Text),
            optional("sqliteDatabases", Go::List("NamedStore")),
            optional("keyValueStores", Go::List("NamedStore")),
            optional("llmCompute", Go::Pointer("LlmCompute")),
        ],
    ),
    own(
        "NamedStore",
        &[
            always("name", Go::Text),
            always("type", Go::Text),
            optional("options", Go::List("StoreOption")),
        ],
    ),
    own(
        "LlmCompute",
        &[
            always("type", Go::Text),
            optional("options", Go::List("StoreOption")),
        ],
    ),
    own(
        "StoreOption",
        &[
            always("name", Go::Text),
            optional("value", Go::Text),
            optional("valueFrom", Go::Pointer("StoreOptionSource")),
        ],
    ),
    own(
        "StoreOptionSource",
        &[
            optional("configMapKeyRef", Go::Pointer("KeySelector")),
            optional("secretKeyRef", Go::Pointer("KeySelector")),
        ],
    ),
    own(
        "SpinVar",
        &[
            always("name", Go::Text),
            optional("value", Go::Text),
            optional("valueFrom", Go::Pointer("EnvVarSource")),
        ],
    ),
    own(
        "Resources",
        &[
            optional("limits", Go::Table),
            optional("requests", Go::Table),
        ],
    ),
    own(
        "HealthChecks",
        &[
            optional("readiness", Go::Pointer("HealthProbe")),
            optional("liveness", Go::Pointer("HealthProbe")),
        ],
    ),
    own(
        "HealthProbe",
        &[
            optional("httpGet", Go::Pointer("HttpHealthProbe")),
            optional("initialDelaySeconds", Go::Number),
            optional("timeoutSeconds", Go::Number),
            optional("periodSeconds", Go::Number),
            optional("successThreshold", Go::Number),
            optional("failureThreshold", Go::Number),
        ],
    ),
    own(
        "HttpHealthProbe",
        &[
            always("path", Go::Text),
            // Optional in the schema, and not in how it is written.
            always("httpHeaders", Go::List("HttpHealthProbeHeader")),
        ],
    ),
    own(
        "HttpHealthProbeHeader",
        &[always("name", Go::Text), always("value", Go::Text)],
    ),
    own(
        "SpinAppExecutorSpec",
        &[
            always("createDeployment", Go::Flag),
            optional("deploymentConfig", Go::Pointer("ExecutorDeploymentConfig")),
        ],
    ),
    own(
        "ExecutorDeploymentConfig",
        &[
            optional("runtimeClassName", Go::PointerToValue),
            optional("spinImage", Go::PointerToValue),
            optional("caCertSecret", Go::Text),
            optional("installDefaultCACerts", Go::Flag),
            optional("otel", Go::Pointer("OtelConfig")),
        ],
    ),
    own(
        "OtelConfig",
        &[
            optional("exporter_otlp_endpoint", Go::Text),
            optional("exporter_otlp_traces_endpoint", Go::Text),
            optional("exporter_otlp_metrics_endpoint", Go::Text),
            optional("exporter_otlp_logs_endpoint", Go::Text),
        ],
    ),
    kubernetes("LocalObjectReference", &[optional("name", Go::Text)]),
    kubernetes(
        "KeySelector",
        &[
            optional("name", Go::Text),
            always("key", Go::Text),
            optional("optional", Go::PointerToValue),
        ],
    ),
    kubernetes(
        "EnvVarSource",
        &[
            optional("fieldRef", Go::Pointer("ObjectFieldSelector")),
            optional("resourceFieldRef", Go::Pointer("ResourceFieldSelector")),
            optional("configMapKeyRef", Go::Pointer("KeySelector")),
            optional("secretKeyRef", Go::Pointer("KeySelector")),
        ],
    ),
    kubernetes(
        "ObjectFieldSelector",
        &[
            optional("apiVersion", Go::Text),
            always("fieldPath", Go::Text),
        ],
    ),
    kubernetes(
        "ResourceFieldSelector",
        &[
            optional("containerName", Go::Text),
            always("resource", Go::Text),
            optional("divisor", Go::PointerToValue),
        ],
    ),
    kubernetes(
        "VolumeMount",
        &[
            always("name", Go::Text),
            optional("readOnly", Go::Flag),
            always("mountPath", Go::Text),
            optional("subPath", Go::Text),
        ],
    ),
    kubernetes(
        "Volume",
        &[
            always("name", Go::Text),
            optional("emptyDir", Go::Pointer("EmptyDir")),
            optional("secret", Go::Pointer("SecretVolume")),
            optional("configMap", Go::Pointer("ConfigMapVolume")),
        ],
    ),
    kubernetes(
        "EmptyDir",
        &[
            optional("medium", Go::Text),
            optional("sizeLimit", Go::PointerToValue),
        ],
    ),
    kubernetes(
        "SecretVolume",
        &[
            optional("secretName", Go::Text),
            optional("items", Go::List("KeyToPath")),
            optional("defaultMode", Go::PointerToValue),
            optional("optional", Go::PointerToValue),
        ],
    ),
    kubernetes(
        "ConfigMapVolume",
        &[
            optional("name", Go::Text),
            optional("items", Go::List("KeyToPath")),
            optional("defaultMode", Go::PointerToValue),
            optional("optional", Go::PointerToValue),
        ],
    ),
    kubernetes(
        "KeyToPath",
        &[
            always("key", Go::Text),
            always("path", Go::Text),
            optional("mode", Go::PointerToValue),
        ],
    ),
];
