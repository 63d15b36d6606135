//! As much of an API server as Helm asks when it renders for a cluster: which kinds there are, and
//! single objects.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::Output;
use std::sync::Arc;

use kubernetes::chart::{Chart, NAMESPACE, RELEASE};
use kubernetes::project;
use serde_json::{Value, json};

/// A kind, as `apps/v1` and `StatefulSet`, and its name in paths.
type Kind = (&'static str, &'static str, &'static str);

/// Kinds that a cluster for the chart has, as far as its defaults have such objects.
const ALWAYS: [Kind; 16] = [
    ("v1", "ConfigMap", "configmaps"),
    ("v1", "LimitRange", "limitranges"),
    ("v1", "Pod", "pods"),
    ("v1", "ResourceQuota", "resourcequotas"),
    ("v1", "Secret", "secrets"),
    ("v1", "Service", "services"),
    ("v1", "ServiceAccount", "serviceaccounts"),
    ("apps/v1", "Deployment", "deployments"),
    ("apps/v1", "StatefulSet", "statefulsets"),
    ("batch/v1", "Job", "jobs"),
    ("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    ("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    ("rbac.authorization.k8s.io/v1", "Role", "roles"),
    (
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "rolebindings",
    ),
    ("core.spinkube.dev/v1alpha1", "SpinApp", "spinapps"),
    (
        "core.spinkube.dev/v1alpha1",
        "SpinAppExecutor",
        "spinappexecutors",
    ),
];

/// A cluster with some kinds and objects. It is there until the test ends.
pub(crate) struct ApiServer {
    port: u16,
}

struct Served {
    kinds: Vec<Kind>,
    objects: Vec<Value>,
}

impl ApiServer {
    /// Starts one, with kinds besides those that every cluster has.
    pub(crate) fn start(kinds: &[Kind], objects: &[Value]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::new(Served {
            kinds: ALWAYS.iter().chain(kinds).copied().collect(),
            objects: objects.to_vec(),
        });
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let served = served.clone();
                // A client that goes away is none of the test's business.
                std::thread::spawn(move || served.answer(connection).ok());
            }
        });
        Self { port }
    }

    /// Renders the chart's defaults for it, as `helm upgrade` would.
    pub(crate) fn render(&self, values: &[&str]) -> Output {
        let chart = Chart::ours().unwrap();
        let home = tempfile::tempdir().unwrap();
        let config = home.path().join("config");
        let context = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{
                "name": "one",
                "cluster": { "server": format!("http://127.0.0.1:{}", self.port) },
            }],
            "contexts": [{ "name": "one", "context": { "cluster": "one", "user": "one" } }],
            "users": [{ "name": "one", "user": {} }],
            "current-context": "one",
        });
        std::fs::write(&config, context.to_string()).unwrap();
        let folder = project::chart();
        let mut command = chart.helm(&["template", RELEASE, folder.to_str().unwrap()]);
        command.args(["--namespace", NAMESPACE, "--dry-run=server"]);
        // Schemas are held against elsewhere.
        command.arg("--disable-openapi-validation");
        for value in values {
            command.args(["--set", value]);
        }
        command.env("KUBECONFIG", config).output().unwrap()
    }
}

impl Served {
    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(&connection).lines();
        let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
        while lines
            .next()
            .transpose()?
            .is_some_and(|line| !line.is_empty())
        {}
        let path = request.split([' ', '?']).nth(1).unwrap_or_default();
        let (status, body) = match self.found(path) {
            Some(body) => ("200 OK", body),
            None => {
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "status": "Failure",
                    "reason": "NotFound",
                    "code": 404,
                });
                ("404 Not Found", status)
            }
        };
        let body = body.to_string();
        write!(
            connection,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
    }

    fn found(&self, path: &str) -> Option<Value> {
        match path {
            "/version" => {
                return Some(json!({ "major": "1", "minor": "36", "gitVersion": "v1.36.0" }));
            }
            "/api" => return Some(json!({ "kind": "APIVersions", "versions": ["v1"] })),
            "/apis" => return Some(self.groups()),
            _ => {}
        }
        let rest = path.strip_prefix("/apis/").or(path.strip_prefix("/api/"))?;
        let of_version = |(version, ..): &&Kind| rest == *version;
        let listed: Vec<&Kind> = self.kinds.iter().filter(of_version).collect();
        if !listed.is_empty() {
            let resources = listed.iter().map(|(_, kind, name)| {
                json!({ "kind": kind, "name": name, "namespaced": true, "verbs": ["get"] })
            });
            return Some(json!({
                "kind": "APIResourceList",
                "groupVersion": rest,
                "resources": resources.collect::<Vec<_>>(),
            }));
        }
        let is_it = |object: &&Value| {
            self.kinds.iter().any(|(version, kind, name)| {
                let object_name = object["metadata"]["name"].as_str().unwrap_or_default();
                object["apiVersion"] == *version
                    && object["kind"] == *kind
                    && rest == format!("{version}/namespaces/{NAMESPACE}/{name}/{object_name}")
            })
        };
        self.objects.iter().find(is_it).cloned()
    }

    fn groups(&self) -> Value {
        let groups = self.kinds.iter().filter_map(|(version, ..)| {
            let (group, number) = version.split_once('/')?;
            let version = json!({ "groupVersion": version, "version": number });
            Some(json!({ "name": group, "versions": [version], "preferredVersion": version }))
        });
        let mut groups: Vec<Value> = groups.collect();
        groups.dedup();
        json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups })
    }
}
