//! Secrets that are there already: pods wait for them, and see what is in them when they start.

use kubernetes::checks::secrets::decoded;
use kubernetes::cluster::Cluster;
use kubernetes::fields::Fields as _;
use kubernetes::provided::AllProvided;
use serde_json::{Value, json};

use crate::rendering::{broken, refused, rendered, rendered_with};

fn deployment(environment: &str) -> Value {
    let rendered = rendered(environment);
    let provided = AllProvided::listed().unwrap();
    let cluster = Cluster::new(&rendered, &provided, &mut Vec::new());
    let mut own = cluster.own();
    own.find(|one| one.kind() == "Deployment")
        .unwrap()
        .body
        .clone()
}

/// R22. Mounted by the executor's own field it would be optional, and by subPath: missing without a
/// word, and never renewed.
#[test]
fn authorities_are_waited_for_and_renewed() {
    let made = deployment("elsewhere");
    let pod = made.pointer("/spec/template/spec").unwrap();
    let with_authorities =
        |volume: &&Value| volume.text("/secret/secretName") == Some("registry-ca");
    let volumes: Vec<&Value> = pod
        .list("/volumes")
        .iter()
        .filter(with_authorities)
        .collect();
    let [volume] = volumes[..] else {
        panic!("{volumes:?}");
    };
    assert_eq!(volume.pointer("/secret/optional"), None);
    let mounts = pod.list("/containers/0/volumeMounts").iter();
    let mut mounts = mounts.filter(|one| one["name"] == volume["name"]);
    let mount = mounts.next().unwrap();
    assert_eq!(mount["mountPath"], "/etc/ssl/certs");
    assert_eq!(mount.get("subPath"), None);
    let key = volume.pointer("/secret/items/0").unwrap();
    assert_eq!(key["path"], "ca-certificates.crt", "where the host looks");
}

#[test]
fn authorities_that_are_missing_are_found() {
    broken("elsewhere")
        .set(
            "SpinApp/edge-rates",
            "/spec/volumes/1/secret/secretName",
            "gone",
        )
        .must_show(
            "Deployment/edge-rates (made by the SpinKube operator)",
            "/spec/template/spec/volumes/2/secret/items/0/key",
            "no Secret gone",
        );
    let both = json!({ "executor": { "installDefaultCACerts": true } });
    let said = refused("elsewhere", &both);
    assert!(said.contains("set one of them"), "{said}");
}

#[test]
fn the_url_of_a_redis_comes_from_a_secret_that_is_there() {
    let app = |environment: &str| {
        let rendered = rendered(environment);
        let mut objects = rendered.objects.iter();
        objects
            .find(|one| one.kind() == "SpinApp")
            .unwrap()
            .body
            .clone()
    };
    let app = app("existing-store");
    let config = &app["spec"]["runtimeConfig"];
    assert_eq!(
        config["keyValueStores"],
        json!([{ "name": "default", "type": "redis", "options": [
            { "name": "url", "valueFrom": { "secretKeyRef": { "name": "redis-url", "key": "url" } } },
            { "name": "prefix", "value": "edge-rates:" },
        ] }])
    );
    // The operator would ignore the rest beside it.
    assert_eq!(config.get("loadFromSecret"), None);
    let path = "/spec/runtimeConfig/keyValueStores/0/options/0/valueFrom/secretKeyRef";
    broken("existing-store")
        .set("SpinApp/edge-rates", &format!("{path}/key"), "uri")
        .must_show("SpinApp/edge-rates", path, "has no key uri");
    // What the operator writes is read by the host's parser as all others are.
    broken("existing-store")
        .set(
            "SpinApp/edge-rates",
            "/spec/runtimeConfig/keyValueStores/0/name",
            "defalt",
        )
        .must_show(
            "Secret/edge-rates-runtime-config-checksum (made by the SpinKube operator)",
            "/data/runtime-config.toml",
            "no [key_value_store.default]",
        );
}

/// The chart's own runtime config says it, the operator's can't.
#[test]
fn what_components_print_fills_no_disk() {
    let made = deployment("existing-store");
    let mounts = made.list("/spec/template/spec/containers/0/volumeMounts");
    let mut logs = mounts
        .iter()
        .filter(|one| one["mountPath"] == "/state/logs");
    assert_eq!(logs.next().unwrap()["readOnly"], true);
    for environment in ["dev", "production", "elsewhere"] {
        let rendered = rendered(environment);
        let told = rendered.objects.iter().any(|one| {
            ["/data", "/spec/target/template/data"].iter().any(|at| {
                let config = one.body.text(&format!("{at}/runtime-config.toml"));
                let config = config.map(|text| decoded(one, "/data/", text));
                config.is_some_and(|text| text.contains("log_dir = \"/nowhere\""))
            })
        });
        assert!(told, "{environment}");
    }
}

#[test]
fn with_the_url_in_a_secret_nobody_has_to_make_another() {
    let url = json!({ "redis": { "external": { "urlSecret": { "name": "redis-url" } } } });
    for source in ["existing", "external"] {
        let mut values = url.clone();
        values["secrets"] = json!({ "source": source });
        let rendered = rendered_with("elsewhere", &values);
        let is_config = |name: &str| name == "edge-rates-runtime-config";
        assert!(
            rendered.objects.iter().all(|one| !is_config(one.name())),
            "{source}"
        );
    }
    let generated = json!({
        "secrets": { "source": "generated" },
        "redis": { "mode": "external", "external": { "urlSecret": { "name": "redis-url" } } },
        "networkPolicy": { "redis": { "cidrs": ["203.0.113.7/32"] } },
    });
    let rendered = rendered_with("dev", &generated);
    assert!(rendered.objects.iter().all(|one| one.kind() != "Secret"));
    // The shim's Spin knows no prefix.
    let shim = rendered_with(
        "elsewhere",
        &json!({
            "executor": { "kind": "shim" },
            "redis": url["redis"],
        }),
    );
    let mut objects = shim.objects.iter();
    let app = objects.find(|one| one.kind() == "SpinApp").unwrap();
    let options = app
        .body
        .list("/spec/runtimeConfig/keyValueStores/0/options");
    assert_eq!(options.len(), 1, "{options:?}");
}
