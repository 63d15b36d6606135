//! What is measured, stage by stage. In each stage the servers that are compared run at the same
//! time, and are put under load in turn.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use redis_server::RedisServer;
use runtime_host_manifest::Source;

use crate::measurement::{Absent, MemoryCourse, Starts};
use crate::mix::Mix;
use crate::names;
use crate::route::{self, Route};
use crate::run::{Contender, Effort, Role, Run};
use crate::seed::{Seed, Size};
use crate::server::{App, HostOptions, Launcher, Server, variables_of_market};

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
    /// Where the manifests of the bench's own applications are.
    pub apps: &'a Path,
    /// How much.
    pub scope: Scope,
}

/// Nothing beside the application.
const PLAIN: HostOptions<'static> = HostOptions {
    arguments: &[],
    cache: None,
    log: None,
};

/// An instance for each request, under either host.
const FRESH_INSTANCES: [&str; 2] = ["--max-instance-reuse-count", "1"];

impl Stages<'_> {
    /// Runs all of them.
    ///
    /// # Errors
    /// If a server does not start or ends early.
    pub async fn run(&self, run: &mut Run) -> Result<()> {
        self.note_absent(run)?;
        self.serving(run).await?;
        self.streaming(run).await?;
        self.constant(run).await?;
        self.limits(run).await?;
        self.fresh_instances(run).await?;
        self.boards(run).await?;
        self.workers(run).await?;
        self.starts(run).await?;
        self.memory(run).await
    }

    /// Says of everything that can't be measured here why that is.
    fn note_absent(&self, run: &mut Run) -> Result<()> {
        let programs = self.launcher.programs;
        let not_here = |name: &str| format!("there is no {name} on this machine");
        let mut absent = Vec::new();
        if programs.spin.is_none() {
            let names = [names::SPIN, names::SPIN_FRESH];
            absent.extend(names.map(|name| (name, not_here("spin"))));
        }
        if programs.wasmtime.is_none() {
            absent.push((names::WASMTIME, not_here("wasmtime")));
        }
        if programs.nginx.is_none() {
            absent.push((names::NGINX, not_here("nginx")));
        }
        if programs.redis.is_none() {
            absent.push((names::HOST_ON_REDIS, not_here("redis-server")));
        }
        if !programs.host_has_no_limits {
            let why = "this host can't turn its limits off";
            let names = [names::NO_LIMITS, names::BARE_APP];
            absent.extend(names.map(|name| (name, why.to_owned())));
        } else if !self.can_stop_counting()? {
            let why = "this application can't stop counting requests";
            absent.push((names::BARE_APP, why.to_owned()));
        }
        for (server, why) in absent {
            run.note(format!("{server} is left out: {why}"));
            run.measured.absent.push(Absent { server, why });
        }
        Ok(())
    }

    /// Whether the application's own counting can be turned off.
    fn can_stop_counting(&self) -> Result<bool> {
        let application = runtime_host_manifest::load(self.manifest)?;
        Ok(application.variables.contains_key(names::COUNTING))
    }

    fn app<'b>(&'b self, seed: &'b Seed, variables: &'b [(String, String)]) -> App<'b> {
        App {
            manifest: self.manifest,
            seed: Some(seed),
            variables,
            probe: route::PAIR.path,
        }
    }

    /// The product beside its peers, on all routes.
    async fn serving(&self, run: &mut Run) -> Result<()> {
        let programs = self.launcher.programs;
        let seed = Seed::board(Size::Small)?;
        let app = self.app(&seed, &[]);
        let twin = self.launcher.twin(names::TWIN, &app).await?;
        let nginx = match &programs.nginx {
            Some(nginx) => {
                let server = self.launcher.nginx(nginx, names::NGINX, &twin, app.probe);
                Some(server.await?)
            }
            None => None,
        };
        let host = self.launcher.host(names::HOST, &app, &PLAIN).await?;
        let mut contenders = vec![
            Contender::new(names::HOST, Role::Ours, host),
            Contender::new(names::TWIN, Role::Ours, twin),
        ];
        if let Some(server) = nginx {
            contenders.push(Contender {
                // It would only pass on what may not be cached.
                serves: |route| !matches!(*route, route::HEALTHZ | route::PROBLEM),
                ..Contender::new(names::NGINX, Role::Peer, server)
            });
        }
        if let Some(spin) = &programs.spin {
            let server = self.launcher.spin(spin, names::SPIN, &app, &[], None);
            contenders.push(Contender::new(names::SPIN, Role::Peer, server.await?));
        }
        let redis = match &programs.redis {
            // It writes to no disk: what is measured is the way to it.
            Some(_) => Some(RedisServer::start_with(&["--appendonly", "no"])?),
            None => None,
        };
        if let Some(redis) = &redis {
            let server = self.host_on_redis(&seed, redis).await?;
            contenders.push(Contender {
                serves: |route| *route == route::PAIR,
                ..Contender::new(names::HOST_ON_REDIS, Role::Ours, server)
            });
        }
        match self.scope {
            Scope::Full => {
                let loads = product(&route::ALL, &[1, 16, 64, 256, 1024]);
                run.measure("serving", &mut contenders, &loads, run.effort)
                    .await?;
            }
            Scope::Quick => {
                let loads = product(&[route::PAIR], &[1, 64, 1024]);
                run.measure("serving", &mut contenders, &loads, run.effort)
                    .await?;
                // Only to see that nothing stalls.
                let mut loads = product(&route::ALL, &[1]);
                loads.retain(|(route, _)| *route != route::PAIR);
                let (host, _) = contenders.split_at_mut(1);
                let once = Effort {
                    rounds: 1,
                    ..run.effort
                };
                run.measure("serving", host, &loads, once).await?;
            }
        }
        stop(contenders).await
    }

    /// The host with its store on a Redis server.
    async fn host_on_redis(&self, seed: &Seed, redis: &RedisServer) -> Result<Server> {
        seed.store_on(redis.url().parse()?).await?;
        let config = redis.folder().join("runtime-config.toml");
        let text = format!(
            "[key_value_store.default]\ntype = \"redis\"\nurl = \"{}\"\n",
            redis.url()
        );
        std::fs::write(&config, text)?;
        let config = config.to_string_lossy();
        let options = HostOptions {
            arguments: &["--runtime-config-file", &config],
            ..PLAIN
        };
        // Its folder stays empty, so that it can only serve what is on the server.
        let app = App {
            seed: None,
            ..self.app(seed, seed.variables())
        };
        let launcher = self.launcher;
        launcher.host(names::HOST_ON_REDIS, &app, &options).await
    }

    /// A component whose answers come in pieces: no piece may wait for another's receipt.
    async fn streaming(&self, run: &mut Run) -> Result<()> {
        let manifest = self.apps.join("streaming.toml");
        let app = App {
            manifest: &manifest,
            seed: None,
            variables: &[],
            probe: route::STREAM.path,
        };
        let host = self.launcher.host(names::HOST, &app, &PLAIN).await?;
        let mut contenders = vec![Contender::new(names::HOST, Role::Ours, host)];
        let once = Effort {
            rounds: 1,
            ..run.effort
        };
        run.measure("serving", &mut contenders, &[(route::STREAM, 1)], once)
            .await?;
        stop(contenders).await
    }

    /// A component that does nothing but answer.
    async fn constant(&self, run: &mut Run) -> Result<()> {
        let programs = self.launcher.programs;
        let manifest = self.apps.join("constant.toml");
        let app = App {
            manifest: &manifest,
            seed: None,
            variables: &[],
            probe: "/",
        };
        let host = self.launcher.host(names::HOST, &app, &PLAIN).await?;
        let mut contenders = vec![Contender::new(names::HOST, Role::Ours, host)];
        if let Some(wasmtime) = &programs.wasmtime {
            let component = only_component(&manifest)?;
            let server = self
                .launcher
                .wasmtime_serve(wasmtime, names::WASMTIME, &component);
            contenders.push(Contender::new(names::WASMTIME, Role::Peer, server.await?));
        }
        if let Some(spin) = &programs.spin {
            let server = self.launcher.spin(spin, names::SPIN, &app, &[], None);
            contenders.push(Contender::new(names::SPIN, Role::Peer, server.await?));
        }
        let connections: &[u32] = match self.scope {
            Scope::Full => &[1, 64],
            Scope::Quick => &[64],
        };
        let loads = product(&[route::PAIR], connections);
        run.measure("constant", &mut contenders, &loads, run.effort)
            .await?;
        stop(contenders).await
    }

    /// What limits, counting and logs cost. These are differences of some percent, and where a
    /// process happens to lie in memory makes as much: so the servers are started anew for each
    /// round.
    async fn limits(&self, run: &mut Run) -> Result<()> {
        if !self.launcher.programs.host_has_no_limits {
            return Ok(());
        }
        let seed = Seed::board(Size::Small)?;
        let loads = product(&[route::PAIR], &[64]);
        for anew in 0..run.effort.rounds {
            let mut contenders = self.with_and_without_limits(&seed).await?;
            if !anew.is_multiple_of(2) {
                contenders.reverse();
            }
            run.measure("limits", &mut contenders, &loads, twice(run.effort))
                .await?;
            stop(contenders).await?;
        }
        Ok(())
    }

    async fn with_and_without_limits(&self, seed: &Seed) -> Result<Vec<Contender>> {
        let app = self.app(seed, &[]);
        let host = self.launcher.host(names::HOST, &app, &PLAIN).await?;
        let options = HostOptions {
            arguments: &["--no-limits"],
            ..PLAIN
        };
        let no_limits = self.launcher.host(names::NO_LIMITS, &app, &options).await?;
        let mut contenders = vec![
            Contender::new(names::HOST, Role::Ours, host),
            Contender::new(names::NO_LIMITS, Role::Ours, no_limits),
        ];
        if self.can_stop_counting()? {
            let uncounted = [(names::COUNTING.to_owned(), "false".to_owned())];
            let app = self.app(seed, &uncounted);
            let options = HostOptions {
                arguments: &["--no-limits", "--quiet"],
                log: Some("off"),
                ..PLAIN
            };
            let server = self.launcher.host(names::BARE_APP, &app, &options).await?;
            contenders.push(Contender::new(names::BARE_APP, Role::Ours, server));
        }
        Ok(contenders)
    }

    /// An instance for each request.
    async fn fresh_instances(&self, run: &mut Run) -> Result<()> {
        let seed = Seed::board(Size::Small)?;
        let app = self.app(&seed, &[]);
        let options = HostOptions {
            arguments: &FRESH_INSTANCES,
            ..PLAIN
        };
        let host = self.launcher.host(names::HOST_FRESH, &app, &options);
        let mut contenders = vec![Contender::new(names::HOST_FRESH, Role::Ours, host.await?)];
        if let Some(spin) = &self.launcher.programs.spin {
            let server = self
                .launcher
                .spin(spin, names::SPIN_FRESH, &app, &FRESH_INSTANCES, None);
            contenders.push(Contender::new(names::SPIN_FRESH, Role::Peer, server.await?));
        }
        let connections: &[u32] = match self.scope {
            Scope::Full => &[1, 64],
            Scope::Quick => &[64],
        };
        let loads = product(&[route::PAIR], connections);
        run.measure("fresh instances", &mut contenders, &loads, run.effort)
            .await?;
        stop(contenders).await
    }

    /// Boards of several sizes; the servers are started anew for each round, as for the limits.
    async fn boards(&self, run: &mut Run) -> Result<()> {
        let sizes: &[(&'static str, Size)] = match self.scope {
            Scope::Full => &[
                (names::SMALL_BOARD, Size::Small),
                (names::MEDIUM_BOARD, Size::Medium),
                (names::LARGE_BOARD, Size::Large),
            ],
            Scope::Quick => &[
                (names::SMALL_BOARD, Size::Small),
                (names::LARGE_BOARD, Size::Large),
            ],
        };
        let routes: &[Route] = match self.scope {
            Scope::Full => &[route::PAIR, route::BOARD],
            Scope::Quick => &[route::PAIR],
        };
        let loads = product(routes, &[64]);
        for anew in 0..run.effort.rounds {
            let mut contenders = Vec::new();
            for (name, size) in sizes {
                let seed = Seed::board(*size)?;
                let app = self.app(&seed, &[]);
                let server = self.launcher.host(name, &app, &PLAIN);
                contenders.push(Contender {
                    // They are to answer differently.
                    is_compared: false,
                    ..Contender::new(name, Role::Ours, server.await?)
                });
            }
            if !anew.is_multiple_of(2) {
                contenders.reverse();
            }
            run.measure("boards", &mut contenders, &loads, twice(run.effort))
                .await?;
            stop(contenders).await?;
        }
        Ok(())
    }

    /// One worker thread and two.
    async fn workers(&self, run: &mut Run) -> Result<()> {
        let seed = Seed::board(Size::Small)?;
        let app = self.app(&seed, &[]);
        let mut contenders = Vec::new();
        for (name, count) in [(names::ONE_WORKER, "1"), (names::TWO_WORKERS, "2")] {
            let options = HostOptions {
                arguments: &["--workers", count],
                ..PLAIN
            };
            let server = self.launcher.host(name, &app, &options).await?;
            contenders.push(Contender::new(name, Role::Ours, server));
        }
        let loads = product(&[route::PAIR], &[64]);
        run.measure("workers", &mut contenders, &loads, run.effort)
            .await?;
        stop(contenders).await
    }

    /// From the start of the process to the first 200.
    async fn starts(&self, run: &mut Run) -> Result<()> {
        let seed = Seed::board(Size::Small)?;
        let market = self.launcher.market().await?;
        let of_market = variables_of_market(&market);
        let seeded = self.app(&seed, &[]);
        let empty = App {
            seed: None,
            ..self.app(&seed, &of_market)
        };
        for round in 1..=run.effort.rounds {
            for name in [names::HOST, names::SPIN] {
                let cache = self.launcher.folder("cache")?;
                let findings = [
                    ("cold", "seeded", &seeded),
                    ("warm", "seeded", &seeded),
                    ("warm", "empty", &empty),
                ];
                for (found_cache, store, app) in findings {
                    let server = match (name, &self.launcher.programs.spin) {
                        (names::SPIN, None) => continue,
                        (names::SPIN, Some(spin)) => {
                            let server = self.launcher.spin(spin, name, app, &[], Some(&cache));
                            server.await?
                        }
                        _ => {
                            let options = HostOptions {
                                cache: Some(&cache),
                                ..PLAIN
                            };
                            self.launcher.host(name, app, &options).await?
                        }
                    };
                    let millis = server.started_within.as_secs_f64() * 1000.0;
                    eprintln!(
                        "starts {round}/{}: {name}, {found_cache} compile cache, {store} store: \
                         {millis:.0} ms",
                        run.effort.rounds
                    );
                    run.measured.add_start(
                        Starts {
                            server: name,
                            cache: found_cache,
                            store,
                            millis: Vec::new(),
                        },
                        millis,
                    );
                    server.stop().await?;
                }
            }
        }
        market.stop().await
    }

    /// Resident memory in the course of many requests.
    async fn memory(&self, run: &mut Run) -> Result<()> {
        const CONNECTIONS: u32 = 64;
        let (requests, seconds) = match self.scope {
            Scope::Full => (1_000_000, 5),
            Scope::Quick => (100_000, 1),
        };
        let seed = Seed::board(Size::Small)?;
        let app = self.app(&seed, &[]);
        let mut server = self.launcher.host(names::HOST, &app, &PLAIN).await?;
        let mix = Mix::of(&route::ALL);
        let mut course = MemoryCourse {
            server: names::HOST,
            connections: CONNECTIONS,
            course: Vec::new(),
        };
        while course.requests() < requests {
            let counted = run
                .wrk
                .rotate(&server.url(), &mix.sent, CONNECTIONS, seconds)
                .await?;
            server.must_run()?;
            if let Some(wrong) = mix.wrong_in(&counted, CONNECTIONS) {
                run.fail(format!("{}, mixed routes: {wrong}", names::HOST));
            }
            if counted.requests == 0 {
                break;
            }
            let resident = server.resident_bytes()?;
            course
                .course
                .push((course.requests() + counted.requests, resident));
            eprintln!(
                "memory: {} requests, {:.1} MiB",
                course.requests(),
                resident as f64 / f64::from(1 << 20)
            );
        }
        run.measured.memory.push(course);
        server.stop().await
    }
}

/// The file of an application's only component.
pub(crate) fn only_component(manifest: &Path) -> Result<PathBuf> {
    let application = runtime_host_manifest::load(manifest)?;
    let mut sources = application.components.into_values();
    match sources.next().map(|component| component.source) {
        Some(Source::File(path)) => Ok(path),
        _ => bail!("{} names no file of a component", manifest.display()),
    }
}

/// As long as before, but each cell only twice: once in each order.
fn twice(effort: Effort) -> Effort {
    Effort {
        rounds: 2,
        ..effort
    }
}

/// Every route with every number of connections.
fn product(routes: &[Route], connections: &[u32]) -> Vec<(Route, u32)> {
    routes
        .iter()
        .flat_map(|route| connections.iter().map(|count| (*route, *count)))
        .collect()
}

/// Ends the servers of a stage; a peer in front of another goes first.
pub(crate) async fn stop(contenders: Vec<Contender>) -> Result<()> {
    for contender in contenders.into_iter().rev() {
        contender.server.stop().await?;
    }
    Ok(())
}
