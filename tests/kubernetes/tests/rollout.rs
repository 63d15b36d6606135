//! The hook after an upgrade (R49, R79): it ends well when every pod is of the release, ready, and
//! answers; and fails, and the upgrade with it, when that does not come about.

use kubernetes::fields::Fields as _;
use serde_json::json;

use crate::hook_pod::{ApiServer, Deployment, Ended, Request, refusal, run};
use crate::rendering::{rendered, rendered_with};

const JOB: &str = "Job/edge-rates-rollout";
const PATH: &str = "/apis/apps/v1/namespaces/edge-rates/deployments/edge-rates?pretty=true";

/// The mark of the release, as the operator gets it.
fn mark() -> String {
    let rendered = rendered("production");
    let mut objects = rendered.objects.iter();
    let app = objects.find(|one| one.kind() == "SpinApp").unwrap();
    let path = "/spec/deploymentAnnotations/edge-rates~1release";
    app.body.text(path).unwrap().to_owned()
}

/// What the app says to the smoke test, if all is well with it.
fn app(request: &Request) -> (u16, String) {
    match request.path.as_str() {
        "/no/such/route" | "/v1/rates/NO-SUCH/CODE" => (404, String::new()),
        _ => (
            200,
            r#"{"status":"ok"}{"ready":true} "checks" edge_rates_build_info <html "openapi" "version"
               "rates":[ "symbols":[ "currencies":[ "providers":[ gecko_says"#
                .to_owned(),
        ),
    }
}

/// Runs the hook while the Deployment becomes one after the other of these, and stays the last.
fn watch(states: Vec<(u16, String)>, most: u32) -> (Ended, ApiServer) {
    let mut states = states.into_iter().peekable();
    let server = ApiServer::start(move |request| {
        if request.path != PATH {
            return app(request);
        }
        let last = states.peek().cloned();
        let next = states.next();
        if states.peek().is_none() {
            states = vec![last.unwrap()].into_iter().peekable();
        }
        next.unwrap()
    });
    (run(&rendered("production"), JOB, &server, most), server)
}

fn ok(deployment: &Deployment) -> (u16, String) {
    (200, deployment.text())
}

#[test]
fn it_waits_for_the_pods_of_this_release_and_then_asks_them() {
    let done = Deployment::done(&mark(), 4);
    let before = Deployment::done("1-0123456789ab", 4);
    let (ended, server) = watch(
        vec![
            refusal(404, "deployments.apps \"edge-rates\" not found"),
            // Complete, but the release before: the operator needs a moment.
            ok(&before),
            ok(&Deployment {
                observed: 2,
                ..done.clone()
            }),
            ok(&Deployment {
                total: 5,
                updated: 1,
                available: 4,
                ..done.clone()
            }),
            // All there, but an old one is still ending.
            ok(&Deployment {
                total: 5,
                ..done.clone()
            }),
            ok(&Deployment {
                available: 3,
                ..done.clone()
            }),
            ok(&done),
        ],
        60,
    );
    assert!(ended.is_success, "{}", ended.log);
    let expected = [
        "waits   the operator has not made the Deployment edge-rates yet",
        "waits   the operator has not applied this release to the Deployment edge-rates yet",
        "waits   nothing has looked at the changed Deployment edge-rates yet",
        "waits   1 of 4 pods are of this release, 4 available, 4 older ones left",
        "waits   4 of 4 pods are of this release, 4 available, 1 older ones left",
        "waits   4 of 4 pods are of this release, 3 available, 0 older ones left",
        "ok      4 of 4 pods are of this release, 4 available, 0 older ones left",
        "ok      /no/such/route (refused)",
    ];
    let lines: Vec<&str> = ended.log.lines().collect();
    assert_eq!(lines[..expected.len()], expected, "{}", ended.log);
    assert!(ended.log.contains("ok      /v1/rates\n"), "{}", ended.log);
    // The token is for the API server, and for nobody else.
    for request in server.seen() {
        let expected = if request.path == PATH {
            "Bearer t-1"
        } else {
            ""
        };
        assert_eq!(request.authorization, expected, "{}", request.path);
    }
}

#[test]
fn pods_that_do_not_get_ready_fail_the_upgrade() {
    let stuck = Deployment {
        total: 5,
        updated: 1,
        available: 4,
        ..Deployment::done(&mark(), 4)
    };
    let (ended, _) = watch(vec![ok(&stuck)], 1);
    assert!(!ended.is_success, "{}", ended.log);
    let expected = "FAILED  not done within 1 s: 1 of 4 pods are of this release, 4 available";
    assert!(ended.log.contains(expected), "{}", ended.log);
    // What Kubernetes says about itself, too.
    assert!(ended.log.contains("all is well"), "{}", ended.log);
}

#[test]
fn a_release_that_the_operator_never_applies_fails_the_upgrade() {
    let (ended, _) = watch(vec![ok(&Deployment::done("1-0123456789ab", 4))], 1);
    assert!(!ended.is_success, "{}", ended.log);
    let expected = "the operator has not applied this release";
    assert!(ended.log.contains(expected), "{}", ended.log);
}

#[test]
fn what_will_never_be_fails_at_once() {
    let given_up = Deployment {
        available: 3,
        condition: Some((
            "ProgressDeadlineExceeded",
            "pods is forbidden: exceeded quota",
        )),
        ..Deployment::done(&mark(), 4)
    };
    let (ended, _) = watch(vec![ok(&given_up)], 600);
    assert!(!ended.is_success, "{}", ended.log);
    assert!(
        ended.log.contains("FAILED  it makes no progress"),
        "{}",
        ended.log
    );
    assert!(ended.log.contains("exceeded quota"), "{}", ended.log);
    let forbidden = refusal(403, "deployments.apps \"edge-rates\" is forbidden");
    let (ended, _) = watch(vec![forbidden], 600);
    assert!(!ended.is_success, "{}", ended.log);
    assert!(ended.log.contains("is forbidden"), "{}", ended.log);
}

#[test]
fn an_answer_that_is_wrong_fails_the_upgrade() {
    let done = Deployment::done(&mark(), 4).text();
    let server = ApiServer::start(move |request| match request.path.as_str() {
        PATH => (200, done.clone()),
        "/v1/rates" => (500, String::new()),
        _ => app(request),
    });
    let ended = run(&rendered("production"), JOB, &server, 60);
    assert!(!ended.is_success, "{}", ended.log);
    assert!(
        ended.log.contains("FAILED  /v1/rates: no 200"),
        "{}",
        ended.log
    );
}

#[test]
fn a_release_that_is_scaled_to_none_is_asked_nothing() {
    let (ended, server) = watch(vec![ok(&Deployment::done(&mark(), 0))], 60);
    assert!(ended.is_success, "{}", ended.log);
    assert!(server.seen().iter().all(|one| one.path == PATH));
}

#[test]
fn an_api_server_that_is_away_is_waited_for() {
    let away = (503, "etcd is away".to_owned());
    let (ended, _) = watch(vec![away, ok(&Deployment::done(&mark(), 2))], 60);
    assert!(ended.is_success, "{}", ended.log);
    let expected = "waits   no answer from the API server (503): etcd is away";
    assert!(ended.log.contains(expected), "{}", ended.log);
}

#[test]
fn the_mark_is_another_for_other_values() {
    let of = |values| {
        let rendered = rendered_with("production", &values);
        let mut objects = rendered.objects.iter();
        let app = objects.find(|one| one.kind() == "SpinApp").unwrap();
        let path = "/spec/deploymentAnnotations/edge-rates~1release";
        app.body.text(path).unwrap().to_owned()
    };
    assert_eq!(of(json!({})), mark());
    assert_ne!(
        of(json!({ "settings": { "rate_limit": "5;w=60" } })),
        mark()
    );
}

#[test]
fn helm_waits_for_it_in_every_environment_and_goes_back_if_it_fails() {
    for environment in ["dev", "staging", "production"] {
        let rendered = rendered(environment);
        let mut objects = rendered.objects.iter();
        let job = objects.find(|one| one.to_string() == JOB).unwrap();
        let annotations = &job.body["metadata"]["annotations"];
        assert_eq!(
            annotations["helm.sh/hook"],
            "post-install,post-upgrade,post-rollback"
        );
        // Once: an answer that is wrong does not get right by being asked for again.
        assert_eq!(job.body["spec"]["backoffLimit"], 0);
        let script = job.body.text("/spec/template/spec/containers/0/args/0");
        let script = script.unwrap();
        for unsafe_word in ["--insecure", "curl -k", "set -x"] {
            assert!(!script.contains(unsafe_word), "{unsafe_word}");
        }
    }
    let off = rendered_with("production", &json!({ "rollout": { "wait": false } }));
    assert!(
        off.objects
            .iter()
            .all(|one| !one.name().ends_with("-rollout"))
    );
}
