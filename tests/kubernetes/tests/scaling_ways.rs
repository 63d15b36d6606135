//! Every way between no autoscaler, an HPA and KEDA keeps the pods that there are: what the chart
//! does at an upgrade, held against how the API server keeps account of `spec.replicas`.

use std::sync::{Arc, Mutex};

use kubernetes::chart::Rendered;
use kubernetes::fields::Fields as _;
use kubernetes::object::Object;
use kubernetes::ownership::Owned;
use kubernetes::{project, yaml};
use serde_json::{Value, json};

use crate::hook_pod::{ApiServer, Request, refusal, run};
use crate::rendering::rendered_with;

const OPERATOR: &str = "spin-operator";
const JOB: &str = "Job/edge-rates-handover";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/edge-rates/deployments/edge-rates";
/// More than any of the values say there are to be at least.
const PODS: i64 = 4;

fn release(kind: &str) -> Rendered {
    rendered_with(
        "production",
        &json!({
            "autoscaling": {
                "kind": kind,
                "keda": { "prometheus": "http://mon-kube-prometheus-stack-prometheus.monitoring:9090" },
            },
            "replicas": PODS,
        }),
    )
}

fn find<'a>(release: &'a Rendered, kind: &str) -> Option<&'a Object> {
    release.objects.iter().find(|one| one.kind() == kind)
}

/// The operator applies what the SpinApp says, by force.
fn reconcile(release: &Rendered, field: &mut Owned) {
    let app = find(release, "SpinApp").unwrap();
    let replicas = app.body.number("/spec/replicas");
    let is_autoscaled = app.body.flag("/spec/enableAutoscaling");
    let applied = replicas.filter(|_| !is_autoscaled);
    field.apply(OPERATOR, applied, true).unwrap();
}

/// The number of pods of a release that has run for a while.
fn running(release: &Rendered) -> Owned {
    let mut field = Owned::unset(1);
    reconcile(release, &mut field);
    let autoscaler = match release.values.text("/autoscaling/kind") {
        Some("hpa") => "kube-controller-manager",
        Some("keda") => "keda-operator",
        _ => return field,
    };
    field.update(autoscaler, PODS);
    field
}

/// The API server, for the hook before the upgrade.
fn serve(field: &Arc<Mutex<Owned>>) -> ApiServer {
    let field = field.clone();
    ApiServer::start(move |request| answer(request, &mut field.lock().unwrap()))
}

fn answer(request: &Request, field: &mut Owned) -> (u16, String) {
    assert_eq!(request.authorization, "Bearer t-1");
    let (path, query) = request.path.split_once('?').unwrap_or_default();
    match (request.method.as_str(), path.strip_prefix(DEPLOYMENT)) {
        ("GET", Some("/scale")) => {
            let scale = json!({
                "kind": "Scale",
                "apiVersion": "autoscaling/v1",
                "metadata": { "name": "edge-rates" },
                "spec": { "replicas": field.value() },
                "status": { "replicas": 7, "selector": "a=b" },
            });
            (200, scale.to_string())
        }
        ("PATCH", Some("")) => {
            assert_eq!(request.content_type, "application/apply-patch+yaml");
            let body: Value = serde_json::from_str(&request.body).unwrap();
            assert_eq!(
                body["spec"].as_object().unwrap().len(),
                1,
                "nothing but the number"
            );
            let manager = query.strip_prefix("fieldManager=").unwrap();
            match field.apply(manager, body.number("/spec/replicas"), false) {
                Ok(()) => (200, "{}".to_owned()),
                Err(conflict) => refusal(409, &format!("conflict with {:?}", conflict.owners)),
            }
        }
        _ => refusal(405, "not here"),
    }
}

/// The fewest pods that were wanted at any time of an upgrade.
fn fewest(from: &Rendered, to: &Rendered, is_handed_over: bool) -> i64 {
    let field = Arc::new(Mutex::new(running(from)));
    assert_eq!(field.lock().unwrap().value(), PODS);
    let mut fewest = PODS;
    // Hooks first.
    if is_handed_over && to.objects.iter().any(|one| one.to_string() == JOB) {
        let ended = run(to, JOB, &serve(&field), 60);
        assert!(ended.is_success, "{}", ended.log);
    }
    let mut field = field.lock().unwrap();
    // Then Helm makes what is new, before it takes away what is old.
    let is_let_in = |hpa: &Object| {
        let path = "/metadata/annotations/validations.keda.sh~1hpa-ownership";
        hpa.body.text(path) == Some("false")
    };
    if find(to, "ScaledObject").is_some() {
        let others = find(from, "HorizontalPodAutoscaler");
        assert!(
            others.is_none_or(is_let_in),
            "KEDA refuses the ScaledObject"
        );
    }
    for _ in 0..3 {
        reconcile(to, &mut field);
        fewest = fewest.min(field.value());
    }
    fewest
}

#[test]
fn every_way_keeps_the_pods_that_there_are() {
    let kinds = ["none", "hpa", "keda"];
    let releases = kinds.map(release);
    for from in &releases {
        for to in &releases {
            let way = [from, to].map(|one| one.values.text("/autoscaling/kind").unwrap());
            assert_eq!(fewest(from, to, true), PODS, "{way:?}");
        }
    }
}

#[test]
fn without_the_hook_there_would_be_one_pod() {
    let [none, hpa, keda] = ["none", "hpa", "keda"].map(release);
    assert_eq!(fewest(&none, &hpa, false), 1);
    assert_eq!(fewest(&none, &keda, false), 1);
    assert_eq!(fewest(&hpa, &keda, false), PODS);
}

/// What k8s/README.md says to do where hooks do not run is what the hook does.
#[test]
fn the_documented_command_is_what_the_hook_does() {
    let server = serve(&Arc::new(Mutex::new(running(&release("none")))));
    let ended = run(&release("hpa"), JOB, &server, 60);
    assert!(ended.is_success, "{}", ended.log);
    let seen = server.seen();
    let patch = seen.iter().find(|one| one.method == "PATCH").unwrap();
    let (_, query) = patch.path.split_once('?').unwrap();

    let readme = std::fs::read_to_string(project::root().join("k8s/README.md")).unwrap();
    let (_, command) = readme
        .split_once("apply --server-side --field-manager=")
        .unwrap();
    let (manager, rest) = command.split_once(' ').unwrap();
    assert_eq!(query, format!("fieldManager={manager}"));
    let (options, rest) = rest.split_once('\n').unwrap();
    assert!(!options.contains("--force-conflicts"), "{options}");
    let (applied, _) = rest.split_once("\nEOF\n").unwrap();
    let applied: Value = yaml::read(&applied.replace("$replicas", &PODS.to_string())).unwrap();
    let patched: Value = serde_json::from_str(&patch.body).unwrap();
    assert_eq!(applied, patched);
}

#[test]
fn a_first_installation_has_nothing_to_hand_over() {
    let server = ApiServer::start(|_| refusal(404, "deployments.apps not found"));
    let ended = run(&release("hpa"), JOB, &server, 60);
    assert!(ended.is_success, "{}", ended.log);
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_number_that_is_changed_meanwhile_is_read_again() {
    let field = Arc::new(Mutex::new(running(&release("hpa"))));
    let shared = field.clone();
    let mut is_changed = false;
    let server = ApiServer::start(move |request| {
        let mut field = shared.lock().unwrap();
        let answered = answer(request, &mut field);
        if !is_changed {
            field.update("kube-controller-manager", PODS + 2);
            is_changed = true;
        }
        answered
    });
    let ended = run(&release("hpa"), JOB, &server, 60);
    assert!(ended.is_success, "{}", ended.log);
    assert_eq!(field.lock().unwrap().value(), PODS + 2);
    assert!(ended.log.contains("keeps its 6 pods"), "{}", ended.log);
}

#[test]
fn a_right_that_is_missing_is_said() {
    let server = ApiServer::start(|request| match request.method.as_str() {
        "GET" => (200, r#"{"spec":{"replicas":4}}"#.to_owned()),
        _ => refusal(403, "deployments.apps is forbidden"),
    });
    let ended = run(&release("hpa"), JOB, &server, 60);
    assert!(!ended.is_success, "{}", ended.log);
    assert!(
        ended
            .log
            .contains("can't hand over the number of pods of edge-rates (403)"),
        "{}",
        ended.log
    );
}
