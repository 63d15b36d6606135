//! Other releases of the same chart, in the same cluster and in the same namespace.

use std::collections::BTreeSet;

use kubernetes::chart::Rendered;
use kubernetes::fields::Fields as _;
use serde_json::json;

use crate::rendering::rendered_as;

fn executor(rendered: &Rendered) -> String {
    let of_kind = |kind: &str| {
        let mut objects = rendered.objects.iter();
        objects.find(|one| one.kind() == kind).unwrap().clone()
    };
    let named = of_kind("SpinApp")
        .body
        .text("/spec/executor")
        .unwrap()
        .to_owned();
    assert_eq!(of_kind("SpinAppExecutor").name(), named);
    named
}

/// An executor is deleted only when no SpinApp of the whole cluster names one that is called so.
#[test]
fn executors_have_names_of_their_own_in_the_whole_cluster() {
    let none = json!({});
    let of = |release: &str, namespace: &str| executor(&rendered_as(release, namespace, &none));
    assert_eq!(of("rates", "shop"), "shop.rates");
    let long = "a".repeat(60);
    let releases = [
        ("rates", "shop"),
        ("rates", "shop-two"),
        // The same letters, parted elsewhere.
        ("two-rates", "shop"),
        ("rates", long.as_str()),
        ("rates-2", long.as_str()),
        (
            "a-release-with-a-very-long-name-of-its-own",
            "and-a-namespace",
        ),
    ];
    let mut names = BTreeSet::new();
    for (release, namespace) in releases {
        let name = of(release, namespace);
        assert!(name.len() <= 63, "{name}");
        let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
        assert!(name.chars().all(is_fine), "{name}");
        let ends = |c: char| c.is_ascii_alphanumeric();
        assert!(name.starts_with(ends) && name.ends_with(ends), "{name}");
        assert!(names.insert(name.clone()), "{name} stands twice");
    }
    let named = json!({ "executor": { "name": "mine" } });
    assert_eq!(executor(&rendered_as("rates", "shop", &named)), "mine");
}

#[test]
fn two_releases_in_one_namespace_share_no_object() {
    let first = rendered_as("first", "shop", &json!({}));
    let owner = json!({ "namespace": { "owner": false } });
    let second = rendered_as("second", "shop", &owner);
    let names = |rendered: &Rendered| -> BTreeSet<String> {
        rendered.objects.iter().map(ToString::to_string).collect()
    };
    let (first_names, second_names) = (names(&first), names(&second));
    let shared: Vec<_> = first_names.intersection(&second_names).collect();
    assert!(shared.is_empty(), "{shared:?}");
    // Both have what the vault brings, each for itself.
    for (release, names) in [("first", &first_names), ("second", &second_names)] {
        let credentials = format!("ExternalSecret/{release}-registry-credentials");
        assert!(names.contains(&credentials), "{names:?}");
    }
}

#[test]
fn one_release_keeps_what_counts_for_the_whole_namespace() {
    let whole = |rendered: &Rendered| -> Vec<String> {
        let objects = rendered.objects.iter();
        let is_for_all = |one: &&kubernetes::object::Object| match one.kind() {
            "ResourceQuota" | "LimitRange" => true,
            "NetworkPolicy" => one.body.pointer("/spec/podSelector") == Some(&json!({})),
            _ => false,
        };
        objects
            .filter(is_for_all)
            .map(|one| one.kind().to_owned())
            .collect()
    };
    let first = rendered_as("first", "shop", &json!({}));
    let mut kinds = whole(&first);
    kinds.sort();
    assert_eq!(kinds, ["LimitRange", "NetworkPolicy", "ResourceQuota"]);
    let second = rendered_as(
        "second",
        "shop",
        &json!({ "namespace": { "owner": false } }),
    );
    assert_eq!(whole(&second), [""; 0]);
}
