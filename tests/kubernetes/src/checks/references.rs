//! Whatever an object refers to by name has to be there, with the keys and ports that are used: in
//! the chart, made by a controller, or listed as provided.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::fields::{Fields, texts};
use crate::finding::Finding;
use crate::object::Object;
use crate::selector;
use crate::workload::Workload;

/// Looks up every reference.
pub fn check(cluster: &Cluster<'_>, to: &mut Vec<Finding>) {
    for workload in cluster.workloads() {
        Looking {
            cluster,
            object: workload.object,
            to,
        }
        .pods(&workload);
    }
    for object in cluster.own() {
        Looking {
            cluster,
            object,
            to,
        }
        .object();
    }
}

struct Looking<'a> {
    cluster: &'a Cluster<'a>,
    object: &'a Object,
    to: &'a mut Vec<Finding>,
}

impl Looking<'_> {
    fn finding(&mut self, path: &str, problem: impl Into<String>) {
        self.to.push(Finding::new(self.object, path, problem));
    }

    /// Looks up an object in the same namespace.
    fn need(&mut self, path: &str, kind: &str, name: &str) -> Option<&Object> {
        let namespace = self.object.namespace();
        self.need_in(path, kind, name, namespace)
    }

    fn need_in(
        &mut self,
        path: &str,
        kind: &str,
        name: &str,
        namespace: Option<&str>,
    ) -> Option<&Object> {
        let found = self.cluster.find(kind, name, namespace);
        if found.is_none() {
            self.finding(
                path,
                format!(
                    "there is no {kind} {name}: neither the chart nor a controller makes one, and \
                     tests/kubernetes/provided.yaml doesn't list it"
                ),
            );
        }
        found
    }

    fn need_key(&mut self, path: &str, kind: &str, name: &str, key: &str) {
        let Some(found) = self.need(path, kind, name) else {
            return;
        };
        let lists = ["/data", "/stringData", "/binaryData"];
        let has = lists.iter().any(|list| {
            found
                .body
                .table(list)
                .is_some_and(|data| data.contains_key(key))
        });
        if !has {
            self.finding(path, format!("{kind} {name} has no key {key}"));
        }
    }

    /// `{name, key}` below some field of `valueFrom` and the like.
    fn need_selected(&mut self, path: &str, value: &Value) {
        for (field, kind) in [("secretKeyRef", "Secret"), ("configMapKeyRef", "ConfigMap")] {
            if let Some(selected) = value.get(field) {
                let name = selected.text("/name").unwrap_or_default();
                let key = selected.text("/key").unwrap_or_default();
                self.need_key(&format!("{path}/{field}"), kind, name, key);
            }
        }
    }

    fn pods(&mut self, workload: &Workload<'_>) {
        let pod = workload.pod;
        for (field, kind) in [
            ("/serviceAccountName", "ServiceAccount"),
            ("/priorityClassName", "PriorityClass"),
            ("/runtimeClassName", "RuntimeClass"),
        ] {
            // Every namespace has an account `default`; using it is looked at elsewhere.
            if let Some(name) = pod.text(field)
                && name != "default"
            {
                self.need(&workload.at(field), kind, name);
            }
        }
        for (index, secret) in pod.list("/imagePullSecrets").iter().enumerate() {
            let path = workload.at(&format!("/imagePullSecrets/{index}/name"));
            let name = secret.text("/name").unwrap_or_default();
            self.need_key(&path, "Secret", name, ".dockerconfigjson");
        }
        let claimed = self.object.body.list("/spec/volumeClaimTemplates");
        let mut volumes: Vec<&str> = claimed
            .iter()
            .filter_map(|claim| claim.text("/metadata/name"))
            .collect();
        for (index, volume) in pod.list("/volumes").iter().enumerate() {
            volumes.extend(volume.text("/name"));
            let path = workload.at(&format!("/volumes/{index}"));
            self.volume(&path, volume);
        }
        for (at, container) in workload.containers() {
            let path = workload.at(&at);
            for (index, variable) in container.list("/env").iter().enumerate() {
                if let Some(from) = variable.get("valueFrom") {
                    self.need_selected(&format!("{path}/env/{index}/valueFrom"), from);
                }
            }
            for (index, from) in container.list("/envFrom").iter().enumerate() {
                for (field, kind) in [("secretRef", "Secret"), ("configMapRef", "ConfigMap")] {
                    if let Some(name) = from.text(&format!("/{field}/name")) {
                        self.need(&format!("{path}/envFrom/{index}/{field}"), kind, name);
                    }
                }
            }
            for (index, mount) in container.list("/volumeMounts").iter().enumerate() {
                let name = mount.text("/name").unwrap_or_default();
                if !volumes.contains(&name) {
                    self.finding(
                        &format!("{path}/volumeMounts/{index}/name"),
                        format!("the pod has no volume {name}"),
                    );
                }
            }
            for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                for handler in ["httpGet", "tcpSocket"] {
                    let at = format!("/{probe}/{handler}/port");
                    if let Some(port) = container.pointer(&at)
                        && workload.port(port).is_none()
                    {
                        self.finding(&format!("{path}{at}"), no_port(port));
                    }
                }
            }
        }
    }

    fn volume(&mut self, path: &str, volume: &Value) {
        let source = |field: &str| volume.get(field);
        let mut sources: Vec<(String, &Value)> = Vec::new();
        for field in ["secret", "configMap"] {
            sources.extend(source(field).map(|one| (format!("{path}/{field}"), one)));
        }
        for (index, one) in volume.list("/projected/sources").iter().enumerate() {
            for field in ["secret", "configMap"] {
                let path = format!("{path}/projected/sources/{index}/{field}");
                sources.extend(one.get(field).map(|one| (path, one)));
            }
        }
        for (path, one) in sources {
            let kind = if path.ends_with("secret") {
                "Secret"
            } else {
                "ConfigMap"
            };
            let name = one.text("/secretName").or(one.text("/name"));
            let name = name.unwrap_or_default();
            let items = one.list("/items");
            if items.is_empty() {
                self.need(&path, kind, name);
            }
            for (index, item) in items.iter().enumerate() {
                let key = item.text("/key").unwrap_or_default();
                self.need_key(&format!("{path}/items/{index}/key"), kind, name, key);
            }
        }
        if let Some(claim) = volume.text("/persistentVolumeClaim/claimName") {
            let path = format!("{path}/persistentVolumeClaim/claimName");
            self.need(&path, "PersistentVolumeClaim", claim);
        }
    }

    fn object(&mut self) {
        let body = &self.object.body;
        match self.object.kind() {
            "SpinApp" => self.spin_app(),
            "SpinAppExecutor" => {
                if let Some(name) = body.text("/spec/deploymentConfig/caCertSecret") {
                    let path = "/spec/deploymentConfig/caCertSecret";
                    self.need_key(path, "Secret", name, "ca-certificates.crt");
                }
            }
            "ServiceAccount" => {
                for (index, secret) in body.list("/imagePullSecrets").iter().enumerate() {
                    let name = secret.text("/name").unwrap_or_default();
                    let path = format!("/imagePullSecrets/{index}/name");
                    self.need_key(&path, "Secret", name, ".dockerconfigjson");
                }
            }
            "Service" => self.service(),
            "StatefulSet" => {
                if let Some(name) = body.text("/spec/serviceName") {
                    self.need("/spec/serviceName", "Service", name);
                }
            }
            "HorizontalPodAutoscaler" | "ScaledObject" => self.scaler(),
            "RoleBinding" | "ClusterRoleBinding" => self.binding(),
            "Certificate" => {
                let kind = body.text("/spec/issuerRef/kind").unwrap_or("Issuer");
                let name = body.text("/spec/issuerRef/name").unwrap_or_default();
                self.need("/spec/issuerRef/name", kind, name);
            }
            "ExternalSecret" => {
                let store = "/spec/secretStoreRef";
                let kind = body.text(&format!("{store}/kind")).unwrap_or("SecretStore");
                let name = body.text(&format!("{store}/name")).unwrap_or_default();
                self.need(&format!("{store}/name"), kind, name);
            }
            "Gateway" => self.gateway(),
            "HTTPRoute" => self.route(),
            "Ingress" => self.ingress(),
            "PodMonitor" => self.pod_monitor(),
            "AlertmanagerConfig" => self.alertmanager_config(),
            _ => {}
        }
        self.hosts();
    }

    fn spin_app(&mut self) {
        let body = &self.object.body;
        let executor = body.text("/spec/executor").unwrap_or_default();
        self.need("/spec/executor", "SpinAppExecutor", executor);
        if let Some(name) = body.text("/spec/runtimeConfig/loadFromSecret") {
            let path = "/spec/runtimeConfig/loadFromSecret";
            self.need_key(path, "Secret", name, "runtime-config.toml");
        }
        for list in ["keyValueStores", "sqliteDatabases"] {
            let at = format!("/spec/runtimeConfig/{list}");
            for (index, store) in body.list(&at).iter().enumerate() {
                for (option, value) in store.list("/options").iter().enumerate() {
                    if let Some(from) = value.get("valueFrom") {
                        let path = format!("{at}/{index}/options/{option}/valueFrom");
                        self.need_selected(&path, from);
                    }
                }
            }
        }
    }

    fn selected(&self, table: &Value) -> Vec<Workload<'_>> {
        let namespace = self.object.namespace();
        self.cluster
            .workloads()
            .filter(|one| one.object.namespace() == namespace)
            .filter(|one| selector::table_selects(table, one.labels))
            .collect()
    }

    fn service(&mut self) {
        let spec = self.object.body.get("spec").unwrap_or(&Value::Null);
        let Some(selector) = spec.get("selector") else {
            return;
        };
        let mut problems = Vec::new();
        for (index, port) in spec.list("/ports").iter().enumerate() {
            let target = port.get("targetPort").or(port.get("port"));
            let target = target.unwrap_or(&Value::Null);
            let found = self.selected(selector);
            // That nothing is selected is said where selectors are looked at.
            let is_there = |one: &Workload<'_>| match target {
                Value::String(_) => one.port(target).is_some(),
                number => one
                    .ports()
                    .any(|port| port.get("containerPort") == Some(number)),
            };
            if !found.iter().all(is_there) {
                problems.push((format!("/spec/ports/{index}/targetPort"), no_port(target)));
            }
        }
        for (path, problem) in problems {
            self.finding(&path, problem);
        }
    }

    fn scaler(&mut self) {
        let target = "/spec/scaleTargetRef";
        let body = &self.object.body;
        let kind = body.text(&format!("{target}/kind")).unwrap_or("Deployment");
        let name = body.text(&format!("{target}/name")).unwrap_or_default();
        self.need(&format!("{target}/name"), kind, name);
        for (index, trigger) in body.list("/spec/triggers").iter().enumerate() {
            if let Some(name) = trigger.text("/authenticationRef/name") {
                let kind = trigger.text("/authenticationRef/kind");
                let path = format!("/spec/triggers/{index}/authenticationRef/name");
                self.need(&path, kind.unwrap_or("TriggerAuthentication"), name);
            }
        }
    }

    fn binding(&mut self) {
        let body = &self.object.body;
        let kind = body.text("/roleRef/kind").unwrap_or_default();
        let name = body.text("/roleRef/name").unwrap_or_default();
        self.need("/roleRef/name", kind, name);
        for (index, subject) in body.list("/subjects").iter().enumerate() {
            if subject.text("/kind") == Some("ServiceAccount") {
                let path = format!("/subjects/{index}");
                let name = subject.text("/name").unwrap_or_default();
                self.need_in(&path, "ServiceAccount", name, subject.text("/namespace"));
            }
        }
    }

    fn gateway(&mut self) {
        let body = &self.object.body;
        let class = body.text("/spec/gatewayClassName").unwrap_or_default();
        self.need("/spec/gatewayClassName", "GatewayClass", class);
        for (index, listener) in body.list("/spec/listeners").iter().enumerate() {
            for (certificate, reference) in listener.list("/tls/certificateRefs").iter().enumerate()
            {
                let name = reference.text("/name").unwrap_or_default();
                let path =
                    format!("/spec/listeners/{index}/tls/certificateRefs/{certificate}/name");
                self.need_key(&path, "Secret", name, "tls.crt");
            }
        }
    }

    fn route(&mut self) {
        let body = &self.object.body;
        for (index, parent) in body.list("/spec/parentRefs").iter().enumerate() {
            let path = format!("/spec/parentRefs/{index}");
            let name = parent.text("/name").unwrap_or_default();
            let namespace = parent.text("/namespace").or(self.object.namespace());
            let kind = parent.text("/kind").unwrap_or("Gateway");
            let gateway = self.need_in(&path, kind, name, namespace).cloned();
            if let (Some(section), Some(gateway)) = (parent.text("/sectionName"), gateway) {
                let listeners = gateway.body.list("/spec/listeners");
                let has = listeners
                    .iter()
                    .any(|one| one.text("/name") == Some(section));
                if !has && !listeners.is_empty() {
                    self.finding(
                        &format!("{path}/sectionName"),
                        format!("{gateway} has no listener {section}"),
                    );
                }
            }
        }
        for (index, rule) in body.list("/spec/rules").iter().enumerate() {
            for (backend, reference) in rule.list("/backendRefs").iter().enumerate() {
                let path = format!("/spec/rules/{index}/backendRefs/{backend}");
                let name = reference.text("/name").unwrap_or_default();
                self.backend(&path, name, reference.get("port").unwrap_or(&Value::Null));
            }
        }
    }

    fn ingress(&mut self) {
        let body = &self.object.body;
        if let Some(class) = body.text("/spec/ingressClassName") {
            self.need("/spec/ingressClassName", "IngressClass", class);
        }
        for (index, tls) in body.list("/spec/tls").iter().enumerate() {
            if let Some(name) = tls.text("/secretName") {
                let path = format!("/spec/tls/{index}/secretName");
                self.need_key(&path, "Secret", name, "tls.crt");
            }
        }
        for (index, rule) in body.list("/spec/rules").iter().enumerate() {
            for (number, path) in rule.list("/http/paths").iter().enumerate() {
                let at = format!("/spec/rules/{index}/http/paths/{number}/backend/service");
                let name = path.text("/backend/service/name").unwrap_or_default();
                let port = path.pointer("/backend/service/port/number");
                let port = port.or(path.pointer("/backend/service/port/name"));
                self.backend(&at, name, port.unwrap_or(&Value::Null));
            }
        }
    }

    fn backend(&mut self, path: &str, name: &str, port: &Value) {
        let Some(service) = self.need(path, "Service", name) else {
            return;
        };
        let ports = service.body.list("/spec/ports");
        let has = ports
            .iter()
            .any(|one| one.get("port") == Some(port) || one.get("name") == Some(port));
        if !has {
            self.finding(path, format!("Service {name} has no port {port}"));
        }
    }

    fn pod_monitor(&mut self) {
        let spec = self.object.body.get("spec").unwrap_or(&Value::Null);
        let mut problems = Vec::new();
        for (index, endpoint) in spec.list("/podMetricsEndpoints").iter().enumerate() {
            let by_name = endpoint.get("port").filter(|port| !port.is_null());
            let port = by_name.or(endpoint.get("portNumber"));
            let port = port.unwrap_or(&Value::Null);
            let by = spec.get("selector").unwrap_or(&Value::Null);
            let found = self.cluster.workloads().filter(|one| {
                one.object.namespace() == self.object.namespace()
                    && selector::selects(by, one.labels)
            });
            // Prometheus finds only ports that are declared, also by number.
            let mut found = found.map(|one| match port {
                Value::String(_) => one.port(port).is_some(),
                number => one
                    .ports()
                    .any(|port| port.get("containerPort") == Some(number)),
            });
            if !found.any(|declared| declared) {
                let path = format!("/spec/podMetricsEndpoints/{index}");
                problems.push((path, no_port(port)));
            }
        }
        for (path, problem) in problems {
            self.finding(&path, problem);
        }
    }

    /// Secrets are referred to in many places there, always as `{name, key}`.
    fn alertmanager_config(&mut self) {
        let spec = self.object.body.get("spec").unwrap_or(&Value::Null);
        for (path, _) in texts(spec, "") {
            let Some(at) = path.strip_suffix("/key") else {
                continue;
            };
            let (name, key) = (spec.text(&format!("{at}/name")), spec.text(&path));
            if let (Some(name), Some(key)) = (name, key) {
                self.need_key(&format!("/spec{at}"), "Secret", name, key);
            }
        }
        let receivers = spec.list("/receivers");
        let names: Vec<&str> = receivers
            .iter()
            .filter_map(|one| one.text("/name"))
            .collect();
        for (path, text) in texts(spec.get("route").unwrap_or(&Value::Null), "/spec/route") {
            if path.ends_with("/receiver") && !names.contains(&text) {
                self.finding(&path, format!("there is no receiver {text}"));
            }
        }
    }

    /// Host names of Services in texts, such as the store's in a runtime config.
    fn hosts(&mut self) {
        if self.object.kind() == "CustomResourceDefinition" {
            return;
        }
        let mut found = Vec::new();
        for (path, text) in texts(&self.object.body, "") {
            let decoded = super::secrets::decoded(self.object, &path, text);
            for (at, _) in decoded.match_indices(".svc") {
                let before = decoded.get(..at).unwrap_or_default();
                let start = before
                    .rfind(|c: char| !(c.is_ascii_alphanumeric() || "-.".contains(c)))
                    .map_or(0, |at| at + 1);
                let host = before.get(start..).unwrap_or_default();
                if let Some((name, namespace)) = host.rsplit_once('.') {
                    let name = name.rsplit('.').next().unwrap_or_default();
                    found.push((path.clone(), name.to_owned(), namespace.to_owned()));
                }
            }
        }
        for (path, name, namespace) in found {
            self.need_in(&path, "Service", &name, Some(&namespace));
        }
    }
}

fn no_port(port: &Value) -> String {
    format!("no container of these pods declares the port {port}")
}
