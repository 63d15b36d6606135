//! What Kyverno does to the objects that controllers make, as far as the chart's policies go: the
//! namespaced kinds of `policies.kyverno.io/v1`, mutating and validating, whose expressions are
//! evaluated ([`expression`]) and merged as the API server merges ([`merging`]). A policy that uses
//! more than is modelled here is a finding, not a silent pass.

pub mod expression;
mod matching;
pub mod merging;

use serde_json::json;

use crate::fields::{Fields, step};
use crate::finding::Finding;
use crate::object::Object;
use crate::workload::Workload;
use expression::{Expressions, json_of};

/// What a policy may say besides what it does, by the name of the field in its spec.
const IN_COMMON: [&str; 5] = [
    "failurePolicy",
    "evaluation",
    "matchConstraints",
    "matchConditions",
    "variables",
];

/// Whether an object is one of Kyverno's policies.
#[must_use]
pub fn is_policy(object: &Object) -> bool {
    object.group().ends_with("kyverno.io") && object.kind().ends_with("Policy")
}

/// What the parser of expressions needs for deeply nested ones, which is more than a thread of a
/// test has.
const STACK: usize = 64 * 1024 * 1024;

/// Lets the policies among the objects change what controllers make, and judge all of it.
///
/// # Panics
/// If there can't be a thread for it.
pub fn admit(objects: &[Object], made: &mut [Object], findings: &mut Vec<Finding>) {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK);
        let ended = thread
            .spawn_scoped(scope, || admit_all(objects, made, findings))
            .map(std::thread::ScopedJoinHandle::join);
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(error) => std::panic::resume_unwind(Box::new(error)),
        }
    });
}

fn admit_all(objects: &[Object], made: &mut [Object], findings: &mut Vec<Finding>) {
    let policies = || objects.iter().filter(|one| is_policy(one));
    for policy in policies() {
        let does = match (policy.api_version(), policy.kind()) {
            ("policies.kyverno.io/v1", "NamespacedMutatingPolicy") => "mutations",
            ("policies.kyverno.io/v1", "NamespacedValidatingPolicy") => "validations",
            _ => {
                let problem = "only NamespacedMutatingPolicy and NamespacedValidatingPolicy of \
                               policies.kyverno.io/v1 are modelled in src/kyverno";
                findings.push(Finding::new(policy, "/kind", problem));
                continue;
            }
        };
        for field in policy.body.table("/spec").into_iter().flatten() {
            let is_known = IN_COMMON.contains(&field.0.as_str())
                || field.0 == does
                || (does == "validations" && field.0 == "validationActions");
            if !is_known {
                let path = format!("/spec{}", step(field.0));
                findings.push(Finding::new(policy, path, "not modelled in src/kyverno"));
            }
        }
    }
    let of_kind = |kind| policies().filter(move |one| one.kind() == kind);
    for policy in of_kind("NamespacedMutatingPolicy") {
        let each = made.iter_mut();
        apply(policy, each, findings, |object| mutate(policy, object));
    }
    let pods: Vec<Object> = objects.iter().chain(&*made).filter_map(pod).collect();
    for policy in of_kind("NamespacedValidatingPolicy") {
        let each = objects.iter().chain(&*made).chain(&pods);
        apply(policy, each, findings, |object| validate(policy, object));
    }
}

/// A path in a policy, and what is wrong there.
type Problem = (String, String);

/// Applies a policy to what it matches, which has to be something.
fn apply<O: std::borrow::Borrow<Object>>(
    policy: &Object,
    objects: impl Iterator<Item = O>,
    findings: &mut Vec<Finding>,
    mut act: impl FnMut(O) -> Result<(), Problem>,
) {
    let mut applied = false;
    for object in objects {
        let outcome = match matching::applies(policy, object.borrow()) {
            Ok(true) => act(object),
            Ok(false) => continue,
            Err(problem) => Err(problem),
        };
        applied = true;
        if let Err((path, problem)) = outcome {
            findings.push(Finding::new(policy, path, problem));
        }
    }
    if !applied {
        let problem = "it matches nothing that the chart or the SpinKube operator makes";
        findings.push(Finding::new(policy, "/spec/matchConstraints", problem));
    }
}

/// The pods that an object makes, as Kyverno gets to see them.
fn pod(object: &Object) -> Option<Object> {
    let workload = Workload::of(object).filter(|_| object.kind() != "Pod")?;
    let body = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("{}-of-{}", object.name(), object.kind().to_lowercase()),
            "namespace": object.namespace(),
            "labels": workload.labels,
        },
        "spec": workload.pod,
    });
    Some(Object {
        body,
        origin: object.origin.clone(),
    })
}

/// Makes every change that a policy asks for; each sees what those before it made.
fn mutate(policy: &Object, object: &mut Object) -> Result<(), Problem> {
    let as_server = policy.body.flag("/spec/evaluation/useServerSideApply");
    for (index, mutation) in policy.body.list("/spec/mutations").iter().enumerate() {
        let at = format!("/spec/mutations/{index}");
        let problem = |problem| (at.clone(), problem);
        let (field, merged) = match mutation.text("/patchType") {
            Some("ApplyConfiguration") => ("applyConfiguration", true),
            Some("JSONPatch") => ("jsonPatch", false),
            other => return Err(problem(format!("the patchType {other:?} does not exist"))),
        };
        let source = mutation
            .text(&format!("/{field}/expression"))
            .ok_or_else(|| problem(format!("{field}.expression is missing")))?;
        let expressions = Expressions::of(policy, object).map_err(&problem)?;
        let made = expressions.evaluate(source).map_err(&problem)?;
        if merged {
            let patch = expression::configuration(&made).map_err(&problem)?;
            let way = match as_server {
                true => merging::Way::ServerSideApply,
                false => merging::Way::WithoutAtomicValues,
            };
            merging::merge(object, &patch, way).map_err(&problem)?;
        } else {
            let patch = json_of(&made).map_err(&problem)?;
            merging::patch(&mut object.body, &patch).map_err(&problem)?;
        }
    }
    Ok(())
}

/// What a policy says about an object. One that only audits refuses nothing.
fn validate(policy: &Object, object: &Object) -> Result<(), Problem> {
    let denies = policy
        .body
        .list("/spec/validationActions")
        .contains(&json!("Deny"));
    for (index, validation) in policy.body.list("/spec/validations").iter().enumerate() {
        let at = format!("/spec/validations/{index}");
        let problem = |problem| (at.clone(), problem);
        let source = validation.text("/expression").unwrap_or_default();
        let expressions = Expressions::of(policy, object).map_err(&problem)?;
        let holds = expressions.holds(source).map_err(&problem)?;
        if !holds && denies {
            let message = validation.text("/message").unwrap_or_default();
            return Err(problem(format!("{object} is refused: {message}")));
        }
    }
    Ok(())
}
