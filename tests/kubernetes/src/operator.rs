//! What the SpinKube operator (v0.6.1) makes of a SpinApp and its executor: a Deployment, a Service
//! and, unless the app brings one, a Secret with the runtime config. Both are named like the app.
//! What its webhooks make of the SpinApp and the executor before is in [`webhooks`].

pub mod types;
pub mod webhooks;

use serde_json::{Map, Value, json};

use crate::fields::Fields;
use crate::finding::Finding;
use crate::object::{Object, Origin};
use crate::quantity;

const ORIGIN: Origin = Origin::Controller("the SpinKube operator");
/// The label that names the app, on the Deployment, its pods and the Service.
pub const APP_LABEL: &str = "core.spinkube.dev/app-name";
/// The name of the container port that the app is served on.
pub const PORT_NAME: &str = "http-app";
/// That port.
pub const PORT: u16 = 80;

/// What it makes of all apps.
pub fn makes(objects: &[Object], findings: &mut Vec<Finding>) -> Vec<Object> {
    let mut made = Vec::new();
    for app in objects.iter().filter(|one| one.kind() == "SpinApp") {
        let name = app.body.text("/spec/executor").unwrap_or_default();
        let executor = objects.iter().find(|one| {
            one.kind() == "SpinAppExecutor"
                && one.name() == name
                && one.namespace() == app.namespace()
        });
        // That it is missing is said where references are looked at.
        let Some(executor) = executor else {
            continue;
        };
        made.push(service(app));
        if executor.body.flag("/spec/createDeployment") {
            if let Some(secret) = runtime_config(app) {
                made.push(secret);
            }
            match deployment(app, executor) {
                Ok(deployment) => made.push(deployment),
                Err(problem) => findings.push(Finding::new(app, "/spec", problem)),
            }
        }
    }
    made
}

fn ready_label(app: &Object) -> (String, String) {
    let key = format!("core.spinkube.dev/app.{}.status", app.name());
    (key, "ready".to_owned())
}

fn metadata(app: &Object, annotations: &str) -> Value {
    json!({
        "name": app.name(),
        "namespace": app.namespace(),
        "labels": { APP_LABEL: app.name() },
        "annotations": app.body.pointer(annotations).cloned().unwrap_or(json!({})),
    })
}

fn service(app: &Object) -> Object {
    let (key, value) = ready_label(app);
    let body = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(app, "/spec/serviceAnnotations"),
        "spec": {
            "type": "ClusterIP",
            "ports": [{ "protocol": "TCP", "port": PORT, "targetPort": PORT_NAME }],
            "selector": { key: value },
        },
    });
    Object {
        body,
        origin: ORIGIN,
    }
}

/// The name of the Secret with the runtime config of an app that brings none. The operator ends it
/// with a checksum, which depends on secrets that are not known here.
fn made_runtime_config(app: &Object) -> String {
    format!("{}-runtime-config-checksum", app.name())
}

fn runtime_config(app: &Object) -> Option<Object> {
    if app
        .body
        .text("/spec/runtimeConfig/loadFromSecret")
        .is_some()
    {
        return None;
    }
    let stores = app.body.list("/spec/runtimeConfig/keyValueStores").iter();
    let stores: Map<String, Value> = stores
        .map(|store| {
            let name = store.text("/name").unwrap_or_default();
            (name.to_owned(), made_store(store))
        })
        .collect();
    let config = json!({
        "config_provider": [{ "type": "env", "prefix": "SPIN_VARIABLE_" }],
        "key_value_store": stores,
    });
    let body = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": made_runtime_config(app),
            "namespace": app.namespace(),
            "labels": { APP_LABEL: app.name() },
        },
        "data": { "runtime-config.toml": toml::to_string(&config).unwrap_or_default() },
    });
    Some(Object {
        body,
        origin: ORIGIN,
    })
}

/// A store in the runtime config. Every option is written as text; what comes from a Secret is not
/// known here, and something stands in its place.
fn made_store(store: &Value) -> Value {
    let mut made = json!({ "type": store.get("type") });
    for option in store.list("/options") {
        let name = option.text("/name").unwrap_or_default();
        let unknown = if name == "url" {
            "redis://secret"
        } else {
            "secret"
        };
        let value = option.text("/value").filter(|value| !value.is_empty());
        extend(&mut made, json!({ name: value.unwrap_or(unknown) }));
    }
    made
}

fn deployment(app: &Object, executor: &Object) -> Result<Object, String> {
    let spec = app.body.get("spec").unwrap_or(&Value::Null);
    let config = executor
        .body
        .pointer("/spec/deploymentConfig")
        .ok_or("its executor has no deploymentConfig: the operator can't make a Deployment")?;
    let (key, value) = ready_label(app);
    let mut ready = Map::new();
    ready.insert(APP_LABEL.to_owned(), app.name().into());
    ready.insert(key, value.into());
    let mut labels = spec.table("/podLabels").cloned().unwrap_or_default();
    labels.extend(ready.clone());

    let mut container = json!({
        "name": app.name(),
        "ports": [{ "name": PORT_NAME, "containerPort": PORT }],
        "env": environment(spec, config)?,
        "resources": spec.pointer("/resources").cloned().unwrap_or(json!({})),
    });
    let image = spec.text("/image").unwrap_or_default();
    let fields = match (config.text("/runtimeClassName"), config.text("/spinImage")) {
        (Some(_), _) => json!({ "image": image, "command": ["/"] }),
        (None, Some(host)) => json!({ "image": host, "args": arguments(spec, image) }),
        (None, None) => {
            return Err("its executor has neither runtimeClassName nor spinImage".to_owned());
        }
    };
    extend(&mut container, fields);
    for (check, probe) in [
        ("/checks/readiness", "readinessProbe"),
        ("/checks/liveness", "livenessProbe"),
    ] {
        if let Some(check) = spec.pointer(check) {
            extend(&mut container, json!({ probe: made_probe(check)? }));
        }
    }
    let (volumes, mounts) = volumes(app, spec, config);
    extend(&mut container, json!({ "volumeMounts": mounts }));

    let account = spec.text("/serviceAccountName").unwrap_or("default");
    let mut pod = json!({
        "serviceAccountName": account,
        "containers": [container],
        "volumes": volumes,
    });
    for (from, to) in [(config, "runtimeClassName"), (spec, "imagePullSecrets")] {
        if let Some(value) = from.get(to) {
            extend(&mut pod, json!({ to: value }));
        }
    }
    let mut made = json!({
        "selector": { "matchLabels": ready },
        "template": {
            "metadata": {
                "labels": labels,
                "annotations": spec.get("podAnnotations").cloned().unwrap_or(json!({})),
            },
            "spec": pod,
        },
    });
    if !spec.flag("/enableAutoscaling") {
        let replicas = spec.number("/replicas").unwrap_or(0);
        extend(&mut made, json!({ "replicas": replicas }));
    }
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(app, "/spec/deploymentAnnotations"),
        "spec": made,
    });
    Ok(Object {
        body,
        origin: ORIGIN,
    })
}

fn extend(to: &mut Value, fields: Value) {
    if let (Value::Object(to), Value::Object(fields)) = (to, fields) {
        to.extend(fields);
    }
}

fn components(spec: &Value) -> Vec<&str> {
    let components = spec.list("/components").iter();
    components.filter_map(Value::as_str).collect()
}

fn arguments(spec: &Value, image: &str) -> Vec<String> {
    let listen = format!("0.0.0.0:{PORT}");
    let always = [
        "up",
        "--listen",
        &listen,
        "-f",
        image,
        "--runtime-config-file",
        "/runtime-config.toml",
    ];
    let retained = components(spec)
        .into_iter()
        .flat_map(|component| ["--component-id", component]);
    always
        .into_iter()
        .chain(retained)
        .map(str::to_owned)
        .collect()
}

fn environment(spec: &Value, config: &Value) -> Result<Vec<Value>, String> {
    let mut variables = Vec::new();
    for variable in spec.list("/variables") {
        let name = variable.text("/name").unwrap_or_default();
        let mut made = json!({ "name": format!("SPIN_VARIABLE_{}", name.to_uppercase()) });
        for field in ["value", "valueFrom"] {
            if let Some(value) = variable.get(field) {
                extend(&mut made, json!({ field: value }));
            }
        }
        variables.push(made);
    }
    let mut add = |name: &str, value: &str| {
        variables.push(json!({ "name": name, "value": value }));
    };
    add("SPIN_HTTP_LISTEN_ADDR", &format!("0.0.0.0:{PORT}"));
    for (field, name) in [
        ("exporter_otlp_endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        (
            "exporter_otlp_traces_endpoint",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        ),
        (
            "exporter_otlp_metrics_endpoint",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
        ),
        (
            "exporter_otlp_logs_endpoint",
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
        ),
    ] {
        if let Some(endpoint) = config.text(&format!("/otel/{field}")) {
            add(name, endpoint);
        }
    }
    if let Some(limit) = spec.text("/invocationLimits/memory") {
        let thousandths = quantity::thousandths(limit)
            .ok_or_else(|| format!("invocationLimits.memory is {limit}: that is no quantity"))?;
        add(
            "SPIN_MAX_INSTANCE_MEMORY",
            &(thousandths / 1000).to_string(),
        );
    }
    if !components(spec).is_empty() {
        add("SPIN_COMPONENTS_TO_RETAIN", &components(spec).join(","));
    }
    Ok(variables)
}

fn made_probe(check: &Value) -> Result<Value, String> {
    let request = check
        .get("httpGet")
        .ok_or("a check without httpGet makes the operator refuse the app")?;
    let mut get = json!({ "path": request.get("path"), "port": PORT });
    if let Some(headers) = request.get("httpHeaders") {
        extend(&mut get, json!({ "httpHeaders": headers }));
    }
    let number = |field: &str, default: i64| check.number(field).unwrap_or(default);
    Ok(json!({
        "httpGet": get,
        "initialDelaySeconds": number("/initialDelaySeconds", 10),
        "timeoutSeconds": number("/timeoutSeconds", 1),
        "periodSeconds": number("/periodSeconds", 10),
        "successThreshold": number("/successThreshold", 1),
        "failureThreshold": number("/failureThreshold", 3),
    }))
}

fn volumes(app: &Object, spec: &Value, config: &Value) -> (Vec<Value>, Vec<Value>) {
    let mut volumes = Vec::new();
    let mut mounts = Vec::new();
    let mut file = |volume: &str, secret: &str, key: &str, path: &str| {
        volumes.push(json!({ "name": volume, "secret": {
            "secretName": secret,
            "optional": true,
            "items": [{ "key": key, "path": key }],
        }}));
        mounts.push(json!({
            "name": volume,
            "readOnly": true,
            "mountPath": path,
            "subPath": key,
        }));
    };
    let made = made_runtime_config(app);
    let secret = spec.text("/runtimeConfig/loadFromSecret").unwrap_or(&made);
    file(
        "spin-runtime-config",
        secret,
        "runtime-config.toml",
        "/runtime-config.toml",
    );
    let authorities = match config.text("/caCertSecret").unwrap_or_default() {
        "" if config.flag("/installDefaultCACerts") => "spin-ca",
        named => named,
    };
    if !authorities.is_empty() {
        file(
            "spin-ca",
            authorities,
            "ca-certificates.crt",
            "/etc/ssl/certs/ca-certificates.crt",
        );
    }
    volumes.extend(spec.list("/volumes").iter().cloned());
    mounts.extend(spec.list("/volumeMounts").iter().cloned());
    (volumes, mounts)
}
