//! What is measured, stage by stage. In each stage the servers that are compared run at the same
//! time, and are put under load in turn.

use std::path::Path;

use anyhow::Result;

use crate::route::{self, Route};
use crate::run::{Contender, Role, Run};
use crate::seed::{Seed, Size};
use crate::server::{App, Launcher};

/// How much of it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every route at every number of connections.
    Full,
    /// What the ratios need.
    Quick,
}

/// All stages.
#[derive(Debug)]
pub struct Stages<'a> {
    /// Starts servers.
    pub launcher: &'a Launcher<'a>,
    /// The application under test.
    pub manifest: &'a Path,
    /// How much.
    pub scope: Scope,
}

impl Stages<'_> {
    /// Runs all of them.
    ///
    /// # Errors
    /// If a server does not start or ends early.
    pub async fn run(&self, run: &mut Run) -> Result<()> {
        self.serving(run).await
    }

    /// The product beside its peers.
    async fn serving(&self, run: &mut Run) -> Result<()> {
        let seed = Seed::new(Size::Medium)?;
        let app = App {
            manifest: self.manifest,
            seed: Some(&seed),
            variables: &[],
            probe: route::PAIR.path,
        };
        let mut contenders = vec![
            Contender::new(
                "runtime-host",
                Role::Ours,
                self.launcher.host("runtime-host", &app, &[], None).await?,
            ),
            Contender::new(
                "native-twin",
                Role::Ours,
                self.launcher.twin("native-twin", &app, &[]).await?,
            ),
        ];
        run.measure("serving", &mut contenders, &self.loads())
            .await?;
        for contender in contenders {
            contender.server.stop().await?;
        }
        Ok(())
    }

    fn loads(&self) -> Vec<(Route, u32)> {
        let (routes, connections): (&[Route], &[u32]) = match self.scope {
            Scope::Full => (&route::ALL, &[1, 16, 64, 256, 1024]),
            Scope::Quick => (&[route::PAIR, route::HEALTHZ], &[1, 64]),
        };
        routes
            .iter()
            .flat_map(|route| connections.iter().map(|count| (*route, *count)))
            .collect()
    }
}
