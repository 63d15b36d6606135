//! What is broken on purpose has to be found, with the object and the path in the message.

use serde_json::json;

use crate::rendering::broken;

const APP: &str = "SpinApp/edge-rates";
const EXECUTOR: &str = "SpinAppExecutor/edge-rates.edge-rates";
const REDIS: &str = "StatefulSet/edge-rates-redis";
const MADE: &str = "Deployment/edge-rates (made by the SpinKube operator)";
const DIGEST: &str = "sha256:4a5f1d0f9c2e6b8d7a3c5e1f0b9d8c7a6e5f4d3c2b1a09f8e7d6c5b4a3928170";

/// Tests of custom kinds need their schemas, which stand beside the checkout or don't.
macro_rules! needs_custom_schemas {
    () => {
        if !crate::rendering::has_custom_schemas() {
            return;
        }
    };
}

#[test]
fn a_misspelt_field() {
    broken("production")
        .rename(REDIS, "/spec/serviceName", "servicename")
        .must_show(REDIS, "/spec/servicename", "no such field");
    broken("production")
        .rename(REDIS, "/spec/template/spec/containers/0/image", "imgae")
        .must_show(
            REDIS,
            "/spec/template/spec/containers/0/imgae",
            "no such field",
        );
}

#[test]
fn a_misspelt_field_of_a_custom_kind() {
    needs_custom_schemas!();
    broken("production")
        .rename(APP, "/spec/checks", "check")
        .must_show(APP, "/spec/check", "no such field");
    broken("production")
        .rename(APP, "/spec/checks/liveness/periodSeconds", "period")
        .must_show(APP, "/spec/checks/liveness/period", "no such field");
    broken("keda")
        .rename(
            "ScaledObject/edge-rates",
            "/spec/maxReplicaCount",
            "maxReplicas",
        )
        .must_show(
            "ScaledObject/edge-rates",
            "/spec/maxReplicas",
            "no such field",
        );
    broken("production")
        .set(APP, "/metadata/lables", json!({}))
        .must_show(APP, "/metadata/lables", "no such field");
}

#[test]
fn a_wrong_type() {
    broken("production")
        .set(REDIS, "/spec/replicas", "one")
        .must_show(REDIS, "/spec/replicas", "one");
    broken("production")
        .set(
            "HorizontalPodAutoscaler/edge-rates",
            "/spec/maxReplicas",
            "10",
        )
        .must_show(
            "HorizontalPodAutoscaler/edge-rates",
            "/spec/maxReplicas",
            "10",
        );
    broken("production")
        .set(
            REDIS,
            "/spec/template/spec/containers/0/resources/limits/memory",
            "256 MB",
        )
        .must_show(
            REDIS,
            "/spec/template/spec/containers/0/resources/limits/memory",
            "256 MB",
        );
}

#[test]
fn a_wrong_type_in_a_custom_kind() {
    needs_custom_schemas!();
    broken("production")
        .set(APP, "/spec/checks/liveness/periodSeconds", "10")
        .must_show(APP, "/spec/checks/liveness/periodSeconds", "10");
    broken("production")
        .remove(APP, "/spec/executor")
        .must_show(APP, "/spec", "`executor` is missing");
}

#[test]
fn a_kind_that_does_not_exist() {
    broken("production")
        .set(REDIS, "/apiVersion", "apps/v1beta1")
        .must_show(REDIS, "/kind", "no kind StatefulSet in apps/v1beta1");
}

#[test]
fn a_kind_that_does_not_exist_among_custom_ones() {
    needs_custom_schemas!();
    broken("production")
        .set(APP, "/apiVersion", "core.spinkube.dev/v1")
        .must_show(APP, "/kind", "no schema is known");
}

#[test]
fn a_rule_of_a_schema() {
    needs_custom_schemas!();
    let route = "HTTPRoute/edge-rates";
    broken("production")
        .set(route, "/spec/rules/0/matches/0/path/value", "v1//stream")
        .must_show(route, "/spec/rules/0/matches/0/path", "start with '/'");
    let scaler = "ScaledObject/edge-rates";
    broken("keda")
        .set(scaler, "/spec/minReplicaCount", 20)
        .must_show(scaler, "/spec", "minReplicaCount");
}

#[test]
fn a_name_or_label_that_a_cluster_refuses() {
    broken("production")
        .set(REDIS, "/metadata/labels/part", "a b")
        .must_show(REDIS, "/metadata/labels/part", "can't be a label");
    broken("production")
        .set("Service/edge-rates-redis", "/metadata/name", "Edge_Rates")
        .must_show("Service/Edge_Rates", "/metadata/name", "can't be the name");
}

#[test]
fn two_items_of_one_key() {
    let port = json!({ "name": "again", "containerPort": 6379, "protocol": "TCP" });
    broken("production")
        .push(REDIS, "/spec/template/spec/containers/0/ports", port)
        .must_show(
            REDIS,
            "/spec/template/spec/containers/0/ports/1",
            "stands twice",
        );
}

#[test]
fn a_dangling_reference_to_a_secret() {
    broken("production")
        .set(APP, "/spec/runtimeConfig/loadFromSecret", "elsewhere")
        .must_show(
            APP,
            "/spec/runtimeConfig/loadFromSecret",
            "no Secret elsewhere",
        );
    broken("production")
        .without("ExternalSecret/edge-rates-redis")
        .must_show(
            REDIS,
            "/spec/template/spec/volumes/1/secret",
            "no Secret edge-rates-redis",
        );
    broken("production")
        .set(REDIS, "/spec/template/spec/serviceAccountName", "nobody")
        .must_show(
            REDIS,
            "/spec/template/spec/serviceAccountName",
            "no ServiceAccount nobody",
        );
}

#[test]
fn a_dangling_reference_to_a_key() {
    let path = "/spec/target/template/data/runtime-config.toml";
    broken("production")
        .rename(
            "ExternalSecret/edge-rates-runtime-config",
            path,
            "config.toml",
        )
        .must_show(
            APP,
            "/spec/runtimeConfig/loadFromSecret",
            "has no key runtime-config.toml",
        );
}

#[test]
fn a_dangling_reference_to_an_executor() {
    broken("production")
        .set(APP, "/spec/executor", "other")
        .must_show(APP, "/spec/executor", "no SpinAppExecutor other");
}

#[test]
fn a_dangling_reference_to_a_config_map() {
    let volumes = json!([{ "name": "x", "configMap": { "name": "nowhere" } }]);
    broken("production")
        .set(APP, "/spec/volumes", volumes)
        .must_show(
            MADE,
            "/spec/template/spec/volumes/1/configMap",
            "no ConfigMap nowhere",
        );
}

#[test]
fn a_dangling_reference_to_a_service_or_port() {
    let route = "HTTPRoute/edge-rates";
    broken("production")
        .set(route, "/spec/rules/1/backendRefs/0/port", 8080)
        .must_show(route, "/spec/rules/1/backendRefs/0", "has no port 8080");
    broken("production")
        .set(route, "/spec/rules/1/backendRefs/0/name", "edge")
        .must_show(route, "/spec/rules/1/backendRefs/0", "no Service edge");
    broken("production")
        .set(
            "Service/edge-rates-redis",
            "/spec/ports/0/targetPort",
            "store",
        )
        .must_show(
            "Service/edge-rates-redis",
            "/spec/ports/0/targetPort",
            "\"store\"",
        );
    broken("production")
        .set(
            "PodMonitor/edge-rates",
            "/spec/podMetricsEndpoints/0/port",
            "http",
        )
        .must_show(
            "PodMonitor/edge-rates",
            "/spec/podMetricsEndpoints/0",
            "\"http\"",
        );
}

#[test]
fn a_dangling_reference_to_what_scales() {
    let scaler = "HorizontalPodAutoscaler/edge-rates";
    broken("production")
        .set(scaler, "/spec/scaleTargetRef/name", "edge")
        .must_show(scaler, "/spec/scaleTargetRef/name", "no Deployment edge");
    broken("production")
        .set(scaler, "/spec/scaleTargetRef/name", "edge")
        .must_show(APP, "/spec/enableAutoscaling", "no autoscaler");
}

#[test]
fn a_dangling_reference_to_a_mount_or_a_listener() {
    broken("production")
        .set(
            REDIS,
            "/spec/template/spec/containers/0/volumeMounts/0/name",
            "disk",
        )
        .must_show(
            REDIS,
            "/spec/template/spec/containers/0/volumeMounts/0/name",
            "no volume disk",
        );
    let route = "HTTPRoute/edge-rates";
    broken("production")
        .set(route, "/spec/parentRefs/0/sectionName", "https")
        .must_show(route, "/spec/parentRefs/0/sectionName", "no listener https");
}

#[test]
fn a_store_that_is_not_there() {
    broken("dev").without("Service/edge-rates-redis").must_show(
        "Secret/edge-rates-runtime-config",
        "/data/runtime-config.toml",
        "no Service edge-rates-redis",
    );
}

#[test]
fn a_runtime_config_that_the_host_refuses() {
    let secret = "Secret/edge-rates-runtime-config";
    let external = "ExternalSecret/edge-rates-runtime-config";
    for (environment, object, path) in [
        ("dev", secret, "/data/runtime-config.toml"),
        (
            "production",
            external,
            "/spec/target/template/data/runtime-config.toml",
        ),
        (
            "elsewhere",
            external,
            "/spec/target/template/data/runtime-config.toml",
        ),
    ] {
        for (written, instead, words) in [
            ("state_dir =", "stat_dir =", "`stat_dir`"),
            ("type = \"redis\"", "type = 7", "`type`"),
            ("type = \"redis\"", "type = \"rediss\"", "no such type"),
            ("url = \"redis", "url = \"http", "`url`"),
            ("prefix = ", "prefixes = ", "`prefixes`"),
            ("state_dir = ", "state_dir ", "not valid TOML in line 1"),
            (
                "[key_value_store.default]",
                "[key_value_store.other]",
                "no [key_value_store.default]",
            ),
        ] {
            broken(environment)
                .edit(object, path, written, instead)
                .must_show(object, path, words);
        }
    }
    broken("production")
        .with(json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": { "name": "mine", "namespace": "edge-rates" },
            "data": { "runtime-config.toml": "[outbound_redis]\n" },
        }))
        .must_show(
            "ConfigMap/mine",
            "/data/runtime-config.toml",
            "the host refuses it",
        );
}

#[test]
fn a_selector_that_selects_nothing() {
    let label = "/matchLabels/app.kubernetes.io~1component";
    for object in ["PodDisruptionBudget/edge-rates", "PodMonitor/edge-rates"] {
        broken("production")
            .set(object, &format!("/spec/selector{label}"), "apps")
            .must_show(object, "/spec/selector", "selects no pods");
    }
    let policy = "NetworkPolicy/edge-rates-redis";
    broken("production")
        .set(policy, &format!("/spec/podSelector{label}"), "rediss")
        .must_show(policy, "/spec/podSelector", "selects no pods");
    broken("production")
        .set(
            policy,
            &format!("/spec/ingress/0/from/0/podSelector{label}"),
            "apps",
        )
        .must_show(
            policy,
            "/spec/ingress/0/from/0/podSelector",
            "selects no pods",
        );
    broken("production")
        .set(
            "Service/edge-rates-redis",
            "/spec/selector/app.kubernetes.io~1component",
            "x",
        )
        .must_show(
            "Service/edge-rates-redis",
            "/spec/selector",
            "selects no pods",
        );
    broken("production")
        .set(REDIS, &format!("/spec/selector{label}"), "x")
        .must_show(REDIS, "/spec/selector", "pods of its own template");
}

#[test]
fn replicas_beside_an_autoscaler() {
    broken("production")
        .set(APP, "/spec/replicas", 3)
        .must_show(APP, "/spec/replicas", "has to be absent");
    broken("production")
        .without("HorizontalPodAutoscaler/edge-rates")
        .must_show(APP, "/spec/enableAutoscaling", "no autoscaler");
    let budget = "PodDisruptionBudget/edge-rates";
    broken("production")
        .remove(budget, "/spec/maxUnavailable")
        .set(budget, "/spec/minAvailable", 2)
        .must_show(budget, "/spec/minAvailable", "none could ever go");
}

#[test]
fn an_image_by_a_name_that_moves() {
    broken("dev")
        .set(
            APP,
            "/spec/image",
            "registry.example.com/edge-rates/app:latest",
        )
        .must_show(APP, "/spec/image", "newest");
    broken("dev")
        .set(
            EXECUTOR,
            "/spec/deploymentConfig/spinImage",
            "registry.example.com/host",
        )
        .must_show(EXECUTOR, "/spec/deploymentConfig/spinImage", "newest");
    for stage in ["staging", "production"] {
        broken(stage)
            .set(
                APP,
                "/spec/image",
                "registry.example.com/edge-rates/app:v1.2.3",
            )
            .must_show(APP, "/spec/image", "name its digest");
    }
    let image = format!("registry.example.com/edge-rates/app@{}", &DIGEST[..70]);
    broken("production")
        .set(APP, "/spec/image", image)
        .must_show(APP, "/spec/image", "not the digest");
}

#[test]
fn an_image_that_a_policy_refuses() {
    let policy = "NamespacedValidatingPolicy/edge-rates-digests";
    broken("production")
        .set(
            APP,
            "/spec/image",
            "registry.example.com/edge-rates/app:v1.2.3",
        )
        .must_show(
            policy,
            "/spec/validations/0",
            "SpinApp/edge-rates is refused",
        );
    let image = "/spec/template/spec/containers/0/image";
    broken("staging")
        .set(REDIS, image, "docker.io/library/redis:7")
        .must_show(
            policy,
            "/spec/validations/0",
            "Pod/edge-rates-redis-of-statefulset is refused",
        );
}

#[test]
fn a_secret_in_the_clear() {
    broken("production")
        .with(json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": { "name": "mine", "namespace": "edge-rates" },
            "stringData": { "password": "hunter2" },
        }))
        .must_show("Secret/mine", "/data", "contents stand");
    let key = "CG-4kR9vT2mQx7LpW8sYb3NcHdE";
    let variable = json!({ "name": "coingecko_url", "value": key });
    broken("dev")
        .set(APP, "/spec/variables/1", variable)
        .must_show(APP, "/spec/variables/1/value", "looks like a key");
    let variable = json!({ "name": "coingecko_api_key", "value": "short" });
    broken("dev")
        .set(APP, "/spec/variables/1", variable.clone())
        .must_show(APP, "/spec/variables/1/value", "by its name");
    broken("dev")
        .set(APP, "/spec/variables/1", variable)
        .must_show(APP, "/spec/variables/1", "secret in spin.toml");
    let settings = "ConfigMap/edge-rates-settings";
    broken("dev")
        .set(
            settings,
            "/data/other_upstream",
            "https://me:hunter2@proxy.example.com",
        )
        .must_show(settings, "/data/other_upstream", "password in this URL");
}

#[test]
fn a_variable_component_or_route_that_the_app_does_not_know() {
    broken("production")
        .push(
            APP,
            "/spec/variables",
            json!({ "name": "colour", "value": "red" }),
        )
        .set(APP, "/spec/components", json!(["rate"]))
        .must_show(APP, "/spec/components/0", "no component rate");
    let path = "/spec/checks/liveness/httpGet/path";
    broken("production").set(APP, path, "/alive").must_show(
        MADE,
        "/spec/template/spec/containers/0/livenessProbe/httpGet/path",
        "no route for /alive",
    );
    let components = json!(["rates", "metrics"]);
    broken("production")
        .set(APP, "/spec/components", components)
        .must_show(
            MADE,
            "/spec/template/spec/containers/0/readinessProbe/httpGet/path",
            "no route for /ready among what is served",
        );
}

#[test]
fn a_missing_policy() {
    let container = "/spec/template/spec/containers/0";
    for (policy, path, words) in [
        (
            "restricted",
            format!("{container}/securityContext/readOnlyRootFilesystem"),
            "R19",
        ),
        (
            "rolling",
            "/spec/strategy/rollingUpdate/maxUnavailable".to_owned(),
            "R80",
        ),
        (
            "spread",
            "/spec/template/spec/topologySpreadConstraints".to_owned(),
            "R97",
        ),
        ("startup", format!("{container}/startupProbe"), "R73"),
    ] {
        broken("production")
            .without(&format!("NamespacedMutatingPolicy/edge-rates-{policy}"))
            .must_show(MADE, &path, words);
    }
}

const ROLLING: &str = "NamespacedMutatingPolicy/edge-rates-rolling";
const EXPRESSION: &str = "/spec/mutations/0/applyConfiguration/expression";

#[test]
fn a_policy_for_nothing() {
    let label = "/spec/matchConstraints/objectSelector/matchLabels/core.spinkube.dev~1app-name";
    broken("production").set(ROLLING, label, "other").must_show(
        ROLLING,
        "/spec/matchConstraints",
        "matches nothing",
    );
    broken("production")
        .set(ROLLING, "/metadata/namespace", "elsewhere")
        .must_show(ROLLING, "/spec/matchConstraints", "matches nothing");
}

#[test]
fn a_policy_that_makes_a_broken_deployment() {
    broken("production")
        .edit(
            ROLLING,
            EXPRESSION,
            "minReadySeconds",
            "minimumReadySeconds",
        )
        .must_show(
            ROLLING,
            "/spec/mutations/0",
            "/spec/minimumReadySeconds: there is no such field",
        );
    broken("production")
        .edit(
            ROLLING,
            EXPRESSION,
            "minReadySeconds: 5",
            "minReadySeconds: \"5\"",
        )
        .must_show(MADE, "/spec/minReadySeconds", "\"5\"");
    let grace = "terminationGracePeriodSeconds: ";
    broken("production")
        .edit(
            ROLLING,
            EXPRESSION,
            &format!("{grace}50"),
            &format!("{grace}5"),
        )
        .must_show(
            MADE,
            "/spec/template/spec/terminationGracePeriodSeconds",
            "killed before it is done",
        );
}

#[test]
fn a_policy_that_kyverno_refuses() {
    let mutation = "/spec/mutations/0";
    broken("production")
        .edit(
            ROLLING,
            EXPRESSION,
            "Object.spec.strategy{",
            "Object.strategy{",
        )
        .must_show(ROLLING, mutation, "Object.spec.strategy has to");
    broken("production")
        .edit(ROLLING, EXPRESSION, "Object{", "Objects{")
        .must_show(ROLLING, mutation, "Objects");
    broken("production")
        .edit(
            ROLLING,
            EXPRESSION,
            "maxSurge: 1",
            "maxSurge: object.spec.surge",
        )
        .must_show(ROLLING, mutation, "surge");
    let restricted = "NamespacedMutatingPolicy/edge-rates-restricted";
    broken("production")
        .set(restricted, "/spec/evaluation/useServerSideApply", false)
        .must_show(
            restricted,
            mutation,
            "evaluation.useServerSideApply has to be true",
        );
    let name = "p".repeat(64);
    broken("production")
        .set(ROLLING, "/metadata/name", name.as_str())
        .must_show(
            &format!("NamespacedMutatingPolicy/{name}"),
            "/metadata/name",
            "at most 63",
        );
}

#[test]
fn a_policy_that_is_not_understood() {
    broken("production")
        .set(ROLLING, "/spec/targetMatchConditions", json!([]))
        .must_show(ROLLING, "/spec/targetMatchConditions", "not modelled");
    broken("production")
        .set(ROLLING, "/apiVersion", "policies.kyverno.io/v2")
        .must_show(ROLLING, "/kind", "are modelled");
}

#[test]
fn a_misspelt_field_of_a_policy() {
    needs_custom_schemas!();
    broken("production")
        .rename(ROLLING, "/spec/evaluation/useServerSideApply", "serverSide")
        .must_show(ROLLING, "/spec/evaluation/serverSide", "no such field");
}

#[test]
fn a_container_with_rights() {
    let context = "/spec/template/spec/containers/0/securityContext";
    let drop = format!("{context}/capabilities/drop");
    broken("production")
        .set(REDIS, &drop, json!(["NET_RAW"]))
        .must_show(REDIS, &drop, "ALL");
    let pod = "/spec/template/spec";
    broken("production")
        .set(REDIS, &format!("{pod}/hostNetwork"), true)
        .must_show(REDIS, &format!("{pod}/hostNetwork"), "R19");
    broken("production")
        .remove(REDIS, &format!("{pod}/securityContext"))
        .must_show(REDIS, &format!("{pod}/securityContext/runAsNonRoot"), "R19");
    broken("production")
        .remove(REDIS, &format!("{pod}/containers/0/resources/limits"))
        .must_show(
            REDIS,
            &format!("{pod}/containers/0/resources/limits/memory"),
            "R18",
        );
}

#[test]
fn a_quota_that_is_too_small() {
    let quota = "ResourceQuota/edge-rates";
    broken("production")
        .set(quota, "/spec/hard/limits.memory", "2Gi")
        .must_show(
            quota,
            "/spec/hard/limits.memory",
            "less than what all pods take",
        );
}

#[test]
fn what_a_cluster_does_not_keep() {
    let policy = "NetworkPolicy/edge-rates-redis";
    let config = "/spec/deploymentConfig";
    for (object, path, value) in [
        (policy, "/spec/egress".to_owned(), json!([])),
        (policy, "/metadata/annotations".to_owned(), json!({})),
        (
            EXECUTOR,
            format!("{config}/installDefaultCACerts"),
            json!(false),
        ),
        (EXECUTOR, format!("{config}/caCertSecret"), json!("")),
        (APP, "/spec/enableAutoscaling".to_owned(), json!(false)),
        (APP, "/spec/components".to_owned(), json!([])),
        (
            REDIS,
            "/spec/template/spec/hostNetwork".to_owned(),
            json!(false),
        ),
        (REDIS, "/spec/minReadySeconds".to_owned(), json!(0)),
        (
            "HTTPRoute/edge-rates",
            "/spec/useDefaultGateways".to_owned(),
            json!(null),
        ),
    ] {
        broken("production").set(object, &path, value).must_show(
            object,
            &path,
            "not kept by a cluster",
        );
    }
    let limits = "/spec/template/spec/containers/0/resources/limits";
    broken("production")
        .set(REDIS, &format!("{limits}/cpu"), "1000m")
        .must_show(REDIS, &format!("{limits}/cpu"), "keeps 1000m as 1");
    broken("production")
        .set(APP, "/spec/resources/limits/cpu", 1)
        .must_show(APP, "/spec/resources/limits/cpu", "keeps 1 as a text");
}

#[test]
fn metrics_that_are_shown_outside() {
    let route = "HTTPRoute/edge-rates";
    let path = json!({ "path": { "type": "PathPrefix", "value": "/metrics" } });
    broken("production")
        .push(route, "/spec/rules/1/matches", path)
        .must_show(route, "/spec/rules", "/metrics gets to Service edge-rates");
    let ingress = "Ingress/edge-rates";
    broken("ingress")
        .set(ingress, "/spec/rules/0/http/paths/0/path", "/health")
        .must_show(ingress, "/spec/rules", "/health gets to Service edge-rates");
    broken("ingress")
        .remove(ingress, "/spec/tls")
        .must_show(ingress, "/spec/tls", "R66");
}

#[test]
fn an_object_that_is_rendered_twice() {
    let again = crate::rendering::rendered("production")
        .objects
        .iter()
        .find(|one| one.to_string() == REDIS)
        .unwrap()
        .body
        .clone();
    broken("production")
        .with(again)
        .must_show(REDIS, "/metadata/name", "rendered twice");
}
