//! What pods may do, and how they come and go: on what is there in the end, so for the app on the
//! operator's Deployment after Kyverno's policies (R14, R19, R44, R73, R80, R83, R97).

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::environments::Stage;
use crate::fields::Fields;
use crate::finding::Finding;
use crate::operator::APP_LABEL;
use crate::workload::Workload;

/// The settings of the kernel that Pod Security `restricted` lets a pod change.
const SAFE_SYSCTLS: [&str; 9] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
];

/// Looks at every pod. Where nothing asks for it, as on somebody's own cluster without Kyverno,
/// the operator's Deployment may be as the operator makes it.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    let is_asked_for = cluster.rendered.environment.stage > Stage::Dev
        || cluster.own().any(|one| {
            let key = "/metadata/labels/pod-security.kubernetes.io~1enforce";
            one.kind() == "Namespace" && one.body.text(key) == Some("restricted")
        });
    for workload in cluster.workloads() {
        let is_app = workload.object.labels().get(APP_LABEL).is_some();
        if is_app && !is_asked_for {
            continue;
        }
        let mut looking = Looking { workload, to };
        looking.security(cluster);
        if matches!(workload.object.kind(), "Deployment" | "StatefulSet") {
            looking.probes();
        }
        if is_app {
            looking.comes_and_goes(cluster);
        }
    }
}

struct Looking<'a> {
    workload: Workload<'a>,
    to: &'a mut Vec<Finding>,
}

impl Looking<'_> {
    /// The value at a path in the spec of the pod has to be this.
    fn need(&mut self, path: &str, wanted: &Value, requirement: &str) {
        let found = self.workload.pod.pointer(path);
        if found != Some(wanted) {
            let found = found.map_or("absent".to_owned(), Value::to_string);
            self.add(
                path,
                format!("is {found}, and has to be {wanted} ({requirement})"),
            );
        }
    }

    fn add(&mut self, path: &str, problem: impl Into<String>) {
        let path = self.workload.at(path);
        self.to
            .push(Finding::new(self.workload.object, path, problem));
    }

    fn security(&mut self, cluster: &Cluster<'_>) {
        let pod = self.workload.pod;
        self.need("/securityContext/runAsNonRoot", &json!(true), "R19, R83");
        self.need("/securityContext/runAsUser", &json!(1000), "R83");
        self.need(
            "/securityContext/seccompProfile/type",
            &json!("RuntimeDefault"),
            "R63: Pod Security `restricted`",
        );
        for field in ["/hostNetwork", "/hostPID", "/hostIPC"] {
            if pod.flag(field) {
                self.add(field, "lets the pod out of its box (R19)");
            }
        }
        for (index, volume) in pod.list("/volumes").iter().enumerate() {
            if volume.get("hostPath").is_some() {
                let path = format!("/volumes/{index}/hostPath");
                self.add(&path, "shows the pod the node's files (R19)");
            }
        }
        for (index, sysctl) in pod.list("/securityContext/sysctls").iter().enumerate() {
            let name = sysctl.text("/name").unwrap_or_default();
            if !SAFE_SYSCTLS.contains(&name) {
                let path = format!("/securityContext/sysctls/{index}/name");
                self.add(
                    &path,
                    format!("{name} is refused by Pod Security `restricted`"),
                );
            }
        }
        let account = pod.text("/serviceAccountName").unwrap_or("default");
        if account == "default" {
            self.add("/serviceAccountName", "has to be one of its own (R19, R63)");
        }
        let namespace = self.workload.object.namespace();
        let has_token = match pod.get("automountServiceAccountToken") {
            Some(said) => said != &Value::Bool(false),
            None => cluster
                .find("ServiceAccount", account, namespace)
                .is_none_or(|one| {
                    one.body.get("automountServiceAccountToken") != Some(&Value::Bool(false))
                }),
        };
        if has_token {
            self.add(
                "/automountServiceAccountToken",
                "has to be false, here or at the ServiceAccount: nothing here asks the API server \
                 (R19, R44)",
            );
        }
        for (at, container) in self.workload.containers() {
            let context = format!("{at}/securityContext");
            for (field, wanted) in [
                ("allowPrivilegeEscalation", json!(false)),
                ("readOnlyRootFilesystem", json!(true)),
            ] {
                self.need(&format!("{context}/{field}"), &wanted, "R19, R83");
            }
            if container.flag("/securityContext/privileged") {
                self.add(&format!("{context}/privileged"), "has to be false (R19)");
            }
            let drop = container.list("/securityContext/capabilities/drop");
            if !drop.contains(&json!("ALL")) {
                let path = format!("{context}/capabilities/drop");
                self.add(&path, "has to name ALL (R83)");
            }
            for added in container.list("/securityContext/capabilities/add") {
                if added != "NET_BIND_SERVICE" {
                    let path = format!("{context}/capabilities/add");
                    self.add(&path, format!("{added} is one too many (R83)"));
                }
            }
            for (index, port) in container.list("/ports").iter().enumerate() {
                if port.get("hostPort").is_some() {
                    let path = format!("{at}/ports/{index}/hostPort");
                    self.add(&path, "takes a port of the node (R19)");
                }
            }
        }
    }

    fn probes(&mut self) {
        for (index, container) in self.workload.pod.list("/containers").iter().enumerate() {
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                if container.get(probe).is_none() {
                    let path = format!("/containers/{index}/{probe}");
                    self.add(&path, "is missing (R20, R73)");
                }
            }
        }
    }

    /// How the app's pods are started, replaced, spread and ended.
    fn comes_and_goes(&mut self, cluster: &Cluster<'_>) {
        let object = self.workload.object;
        for (path, wanted) in [
            ("/spec/strategy/type", json!("RollingUpdate")),
            ("/spec/strategy/rollingUpdate/maxUnavailable", json!(0)),
            ("/spec/strategy/rollingUpdate/maxSurge", json!(1)),
        ] {
            let found = object.body.pointer(path);
            if found != Some(&wanted) {
                let found = found.map_or("absent".to_owned(), Value::to_string);
                let problem = format!("is {found}, and has to be {wanted} (R14, R80)");
                self.to.push(Finding::new(object, path, problem));
            }
        }
        for (field, wanted) in [
            ("httpGet/path", json!("/healthz")),
            ("periodSeconds", json!(10)),
            ("failureThreshold", json!(30)),
        ] {
            self.need(
                &format!("/containers/0/startupProbe/{field}"),
                &wanted,
                "R73",
            );
        }
        let spread = self.workload.pod.list("/topologySpreadConstraints");
        let by_node = |one: &Value| one.text("/topologyKey") == Some("kubernetes.io/hostname");
        if !spread.iter().any(by_node) {
            let problem = "has to spread the pods over nodes (kubernetes.io/hostname, R97)";
            self.add("/topologySpreadConstraints", problem);
        }
        if self
            .workload
            .pod
            .pointer("/affinity/podAntiAffinity")
            .is_none()
        {
            let problem = "has to keep the pods apart (R97)";
            self.add("/affinity/podAntiAffinity", problem);
        }
        self.grace(cluster);
        let is_host = self.workload.pod.get("runtimeClassName").is_none();
        if is_host {
            // Port 80 as somebody who is not root.
            let opened = json!({ "name": "net.ipv4.ip_unprivileged_port_start", "value": "0" });
            let sysctls = self.workload.pod.list("/securityContext/sysctls");
            if !sysctls.contains(&opened) {
                let problem = format!(
                    "has to contain {opened}: without it, or NET_BIND_SERVICE in the image, a user \
                     who is not root can't listen on port 80"
                );
                self.add("/securityContext/sysctls", problem);
            }
        }
    }

    /// What is being answered may be finished before the pod is killed.
    fn grace(&mut self, cluster: &Cluster<'_>) {
        let values = &cluster.rendered.values;
        let drain: i64 = ["delaySeconds", "timeoutSeconds"]
            .iter()
            .filter_map(|part| values.number(&format!("/executor/host/drain/{part}")))
            .sum();
        let grace = self.workload.pod.number("/terminationGracePeriodSeconds");
        if grace.is_none_or(|grace| grace <= drain) {
            let found = grace.map_or("absent".to_owned(), |grace| grace.to_string());
            let problem = format!(
                "is {found}, and draining takes {drain} s: the pod is killed before it is done \
                 (R80, R97)"
            );
            self.add("/terminationGracePeriodSeconds", problem);
        }
    }
}
