//! One environment, looked at from all sides.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::chart::Rendered;
use crate::checks;
use crate::cluster::Cluster;
use crate::finding::Finding;
use crate::provided::AllProvided;
use crate::schema::{Schemas, Verdict};

/// What came out.
#[derive(Debug)]
pub struct Examination {
    /// The name of the environment.
    pub environment: String,
    /// How many objects the chart brings, by kind.
    pub rendered: BTreeMap<String, usize>,
    /// How many controllers make of them.
    pub made: usize,
    /// What came of holding them against their schemas; its findings are among the others.
    pub verdict: Verdict,
    /// Everything that is wrong.
    pub findings: Vec<Finding>,
}

impl Examination {
    /// Looks at what an environment was rendered to.
    ///
    /// # Errors
    /// If a schema or the app's manifest can't be read.
    pub fn of(rendered: &Rendered, schemas: &Schemas, provided: &AllProvided) -> Result<Self> {
        let mut findings = Vec::new();
        let cluster = Cluster::new(rendered, provided, &mut findings);
        let mut verdict = schemas.check(cluster.own())?;
        findings.append(&mut verdict.findings);
        findings.append(&mut schemas.check(&cluster.admitted)?.findings);
        findings.extend(checks::all(&cluster)?);
        findings.sort();
        findings.dedup();
        let mut counts = BTreeMap::new();
        for object in &rendered.objects {
            *counts.entry(object.kind().to_owned()).or_default() += 1;
        }
        Ok(Self {
            environment: rendered.environment.name.clone(),
            rendered: counts,
            made: cluster.made.len(),
            verdict,
            findings,
        })
    }
}
