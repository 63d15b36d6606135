//! `make k8s-validate`: renders the chart for every environment, holds what comes out against
//! everything that this crate knows, and prints what it found. Arguments are values files of your
//! own: then they are what is rendered, by production's rules.

use std::process::ExitCode;

use anyhow::Result;
use kubernetes::chart::Chart;
use kubernetes::cluster::Cluster;
use kubernetes::environments::{self, Environment};
use kubernetes::examination::Examination;
use kubernetes::provided::AllProvided;
use kubernetes::schema::Schemas;
use kubernetes::{report, scan};

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
        vec![Environment::of_files(&files)?]
    } else {
        environments::all()?
    };
    let chart = Chart::ours()?;
    // First, because what is most likely to be wrong with values of your own is seen here.
    let rendered = environments
        .iter()
        .map(|environment| chart.render(environment))
        .collect::<Result<Vec<_>>>()?;
    let schemas = Schemas::load(&chart.oldest_kubernetes()?)?;
    let provided = AllProvided::listed()?;
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
    if own {
        println!("Yours are held to the rules of production.\n");
    }
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
        println!("{}", report::all_is_well(&examinations));
    } else {
        println!("\nWhat is wrong:\n{wrong}");
    }
    Ok(wrong.is_empty())
}
