//! `make k8s-validate`: renders the chart for every environment, holds what comes out against
//! everything that this crate knows, and prints what it found. Arguments are values files of your
//! own: then they are what is rendered, by production's rules.

use std::process::ExitCode;

use anyhow::Result;
use kubernetes::chart::Chart;
use kubernetes::cluster::Cluster;
use kubernetes::environments::{self, Environment, Stage};
use kubernetes::examination::Examination;
use kubernetes::provided::AllProvided;
use kubernetes::schema::Schemas;
use kubernetes::{report, scan, yaml};
use serde_json::Value;

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let files: Vec<String> = std::env::args().skip(1).collect();
    let own = !files.is_empty();
    let environments = if own {
        vec![yours(&files)?]
    } else {
        environments::all()?
    };
    let chart = Chart::ours()?;
    let schemas = Schemas::load(&chart.oldest_kubernetes()?)?;
    let provided = AllProvided::listed()?;
    let rendered = environments
        .iter()
        .map(|environment| chart.render(environment))
        .collect::<Result<Vec<_>>>()?;
    let examinations = rendered
        .iter()
        .map(|one| Examination::of(one, &schemas, &provided))
        .collect::<Result<Vec<_>>>()?;

    let versions: Vec<&str> = schemas.versions().collect();
    println!(
        "Objects by kind and environment, for Kubernetes {}:",
        versions.join(" and ")
    );
    println!();
    println!("{}", report::table(&examinations));
    print!("{}", report::skipped(&examinations));

    let mut wrong = report::findings(&examinations);
    let clusters: Vec<Cluster<'_>> = rendered
        .iter()
        .map(|one| Cluster::new(one, &provided, &mut Vec::new()))
        .collect();
    let opinion = scan::scan(&clusters)?;
    let mut exceptions = scan::exceptions()?;
    if own {
        // Which of them are needed is a question for the chart's own environments.
        let is_needed = |one: &scan::Exception| {
            let only = [one.clone()];
            scan::unsettled(&opinion, &only).len() < scan::unsettled(&opinion, &[]).len()
        };
        exceptions.retain(is_needed);
    } else {
        for unused in provided.unused() {
            wrong.push_str(&format!(
                "provided.yaml: nothing refers to {unused}: remove it\n"
            ));
        }
    }
    let unsettled = scan::unsettled(&opinion, &exceptions);
    println!(
        "Policy scan: {} passed, {} objections, {} exceptions with reasons, {} unsettled",
        opinion.passed,
        opinion.objections.len(),
        exceptions.len(),
        unsettled.len()
    );
    for line in unsettled {
        wrong.push_str(&line);
        wrong.push('\n');
    }
    if wrong.is_empty() {
        println!("Nothing is wrong.");
    } else {
        println!("\nWhat is wrong:\n{wrong}");
    }
    Ok(wrong.is_empty())
}

/// Values files of somebody's own as an environment.
fn yours(files: &[String]) -> Result<Environment> {
    let mut values = Value::Object(serde_json::Map::new());
    for file in files {
        yaml::lay_over(&mut values, &yaml::read_file(std::path::Path::new(file))?);
    }
    Ok(Environment {
        name: "yours".to_owned(),
        stage: Stage::Production,
        files: Vec::new(),
        values,
    })
}
