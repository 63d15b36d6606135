//! What people get to see: how many objects of which kind there are where, what was skipped, and
//! what is wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::examination::Examination;
use crate::project;

/// A table of kinds by environments.
#[must_use]
pub fn table(examinations: &[Examination]) -> String {
    let kinds: BTreeSet<&String> = examinations
        .iter()
        .flat_map(|one| one.rendered.keys())
        .collect();
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for kind in kinds {
        let counts = examinations.iter().map(|one| {
            let count = one.rendered.get(kind);
            count.map_or("·".to_owned(), usize::to_string)
        });
        rows.push((kind.clone(), counts.collect()));
    }
    let mut sum = |name: &str, of: &dyn Fn(&Examination) -> usize| {
        let counts = examinations.iter().map(|one| of(one).to_string());
        rows.push((name.to_owned(), counts.collect()));
    };
    sum("all of the chart", &|one| one.rendered.values().sum());
    sum("made by controllers", &|one| one.made);
    sum("held against a schema", &|one| one.verdict.checked);
    sum("rules of schemas", &|one| one.verdict.rules);
    sum("findings", &|one| one.findings.len());

    let first = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut text = format!("{:first$}", "");
    for one in examinations {
        let _ = write!(text, "  {}", one.environment);
    }
    text.push('\n');
    for (name, counts) in rows {
        let _ = write!(text, "{name:first$}");
        for (one, count) in examinations.iter().zip(counts) {
            let width = one.environment.chars().count();
            let _ = write!(text, "  {count:>width$}");
        }
        text.push('\n');
    }
    text
}

/// What was not looked at, and why; empty if there is nothing.
#[must_use]
pub fn skipped(examinations: &[Examination]) -> String {
    let mut text = String::new();
    let all = |of: fn(&Examination) -> &BTreeSet<String>| -> BTreeSet<&String> {
        examinations.iter().flat_map(of).collect()
    };
    let kinds = all(|one| &one.verdict.skipped);
    if !kinds.is_empty() {
        let reason = project::NO_CUSTOM_SCHEMAS;
        let _ = writeln!(text, "NOT CHECKED: {reason}. Without a schema are");
        for kind in kinds {
            let _ = writeln!(text, "  {kind}");
        }
    }
    let rules = all(|one| &one.verdict.unevaluated);
    if !rules.is_empty() {
        text.push_str("NOT CHECKED: rules of schemas that could not be evaluated\n");
        for rule in rules {
            let _ = writeln!(text, "  {rule}");
        }
    }
    text
}

/// What is said where there are no findings: it depends on what could be looked at.
#[must_use]
pub fn all_is_well(examinations: &[Examination]) -> String {
    let skipped: BTreeSet<&String> = examinations
        .iter()
        .flat_map(|one| &one.verdict.skipped)
        .collect();
    match skipped.len() {
        0 => "Nothing is wrong.".to_owned(),
        kinds => format!(
            "Nothing is wrong with what was checked; {kinds} kinds were held against no schema, \
             as said above."
        ),
    }
}

/// Every finding once, with the environments that have it.
#[must_use]
pub fn findings(examinations: &[Examination]) -> String {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for one in examinations {
        for finding in &one.findings {
            found
                .entry(finding.to_string())
                .or_default()
                .push(&one.environment);
        }
    }
    let mut text = String::new();
    for (finding, environments) in found {
        let _ = writeln!(text, "{finding} [{}]", environments.join(", "));
    }
    text
}
