//! What each layer costs: servers that do one thing more at each step, side by side in one run,
//! so that the next slow layer is always visible.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::instructions::{self, Counter, PerRequest};
use crate::measurement::{Cell, Measured};
use crate::names;
use crate::report::{aligned, table};
use crate::route;
use crate::run::{Contender, Role, Run};
use crate::seed::{Seed, Size};
use crate::server::{App, HostOptions, Launcher};
use crate::stages::stop;
use crate::statistics::{Figure, rounded};

/// The stage's name.
const STAGE: &str = "ladder";

/// Connections at which throughput and processor time are taken.
const MANY: u32 = 64;

/// How long a server is loaded under callgrind: some hundred requests.
const SECONDS_UNDER_CALLGRIND: u64 = 3;

/// What the component that reads its store reads: as many bytes as the others answer.
const READ: (&str, &str) = ("greeting", crate::CONSTANT);

/// One step of the ladder.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// The server that stands on it.
    pub server: &'static str,
    /// What it does that the one before does not; empty for servers beside the ladder.
    pub adds: &'static str,
    /// Requests in a second at 64 connections.
    pub per_second: Option<Figure>,
    /// Median latency at one connection, in microseconds.
    pub p50_us: Option<Figure>,
    /// Processor time for a request at 64 connections, in microseconds.
    pub processor_us: Option<Figure>,
    /// Instructions for a request, if this machine counts them.
    pub instructions: Option<PerRequest>,
}

/// The steps, from the bottom. What is not on the way to the top comes last.
const STEPS: [(&str, &str); 8] = [
    (names::BARE_HYPER, "hyper, a constant answer"),
    (
        names::STATIC,
        "route table, connections, limits on requests",
    ),
    (names::CONSTANT, "a warm instance that only answers"),
    (names::READING, "one read of the store"),
    (names::UNCOUNTED, "the rates component, not counting"),
    (names::HOST, "its metrics, as shipped"),
    (names::TWIN, ""),
    (names::WASMTIME, ""),
];

/// Measures all steps.
///
/// # Errors
/// If a server does not start or ends early.
pub async fn climb(
    run: &mut Run,
    launcher: &Launcher<'_>,
    manifest: &Path,
    apps: &Path,
) -> Result<Vec<Step>> {
    let mut contenders = start(run, launcher, manifest, apps).await?;
    let loads = [(route::PAIR, 1), (route::PAIR, MANY)];
    run.measure(STAGE, &mut contenders, &loads, run.effort)
        .await?;
    let counted = match Counter::of_this_machine().await {
        Some(Counter::Processor) => {
            let counted = count_by_processor(run, &contenders).await;
            stop(contenders).await?;
            counted?
        }
        Some(Counter::Callgrind) => {
            stop(contenders).await?;
            count_by_callgrind(run, launcher, manifest, apps).await?
        }
        None => {
            stop(contenders).await?;
            run.note(
                "instructions are not counted: neither does the processor tell `perf stat`, nor \
                 is there valgrind",
            );
            Vec::new()
        }
    };
    let is_uncounted = measured_step(&run.measured, names::UNCOUNTED).is_some();
    let step = |(server, adds): (&'static str, &'static str)| {
        let adds = match server {
            names::HOST if !is_uncounted => "the rates component with its metrics, as shipped",
            _ => adds,
        };
        let instructions = counted.iter().find(|(name, _)| *name == server);
        Some(Step {
            adds,
            instructions: instructions.map(|(_, per_request)| *per_request),
            ..measured_step(&run.measured, server)?
        })
    };
    Ok(STEPS.into_iter().filter_map(step).collect())
}

type CountOf = (&'static str, PerRequest);

async fn count_by_processor(run: &Run, contenders: &[Contender]) -> Result<Vec<CountOf>> {
    let sent = route::PAIR.without_condition();
    let mut counted = Vec::new();
    for Contender { name, server, .. } in contenders {
        let seconds = run.effort.seconds;
        let count = instructions::by_processor(&run.wrk, server, &sent, MANY, seconds);
        counted.push((*name, count.await?));
    }
    Ok(counted)
}

/// Starts everything once more, slowly.
async fn count_by_callgrind(
    run: &mut Run,
    launcher: &Launcher<'_>,
    manifest: &Path,
    apps: &Path,
) -> Result<Vec<CountOf>> {
    run.note(
        "instructions are counted by callgrind: in user mode only, and on a simulated processor",
    );
    let launcher = launcher.under_callgrind();
    eprintln!("Starting everything under callgrind (minutes, if nothing is compiled for it yet) …");
    let contenders = start(run, &launcher, manifest, apps).await?;
    let sent = route::PAIR.without_condition();
    let mut counted = Vec::new();
    for Contender { name, server, .. } in &contenders {
        let profile = launcher.profile_of(server);
        let seconds = SECONDS_UNDER_CALLGRIND;
        let count =
            instructions::by_callgrind(&run.wrk, server, &profile, &sent, MANY, seconds).await?;
        eprintln!("{name}: {:.0} instructions per request", count.user);
        counted.push((*name, count));
    }
    stop(contenders).await?;
    Ok(counted)
}

async fn start(
    run: &mut Run,
    launcher: &Launcher<'_>,
    manifest: &Path,
    apps: &Path,
) -> Result<Vec<Contender>> {
    let plain = HostOptions::default();
    let mut contenders = vec![Contender::new(
        names::BARE_HYPER,
        Role::Ours,
        launcher.bare_hyper(names::BARE_HYPER).await?,
    )];
    let read = Seed::value(READ.0, READ.1);
    for (name, file, seed) in [
        (names::STATIC, "static.toml", None),
        (names::CONSTANT, "constant.toml", None),
        (names::READING, "reading.toml", Some(&read)),
    ] {
        let app = App {
            manifest: &apps.join(file),
            seed,
            variables: &[],
            probe: "/",
        };
        let server = launcher.host(name, &app, &plain).await?;
        contenders.push(Contender::new(name, Role::Ours, server));
    }
    let seed = Seed::board(Size::Small)?;
    let uncounted = [(names::COUNTING.to_owned(), "false".to_owned())];
    let rates = App {
        manifest,
        seed: Some(&seed),
        variables: &[],
        probe: route::PAIR.path,
    };
    let application = runtime_host_manifest::load(manifest)?;
    // The rates have more to say than the constant answer.
    let rates_of = |name, server| Contender {
        is_compared: false,
        ..Contender::new(name, Role::Ours, server)
    };
    if application.variables.contains_key(names::COUNTING) {
        let app = App {
            variables: &uncounted,
            ..rates
        };
        let server = launcher.host(names::UNCOUNTED, &app, &plain).await?;
        contenders.push(rates_of(names::UNCOUNTED, server));
    } else {
        run.note("this application can't stop counting requests: that step is left out");
    }
    let server = launcher.host(names::HOST, &rates, &plain).await?;
    contenders.push(rates_of(names::HOST, server));
    let server = launcher.twin(names::TWIN, &rates).await?;
    contenders.push(rates_of(names::TWIN, server));
    if let Some(wasmtime) = &launcher.programs.wasmtime {
        let component = crate::stages::only_component(&apps.join("constant.toml"))?;
        let server = launcher.wasmtime_serve(wasmtime, names::WASMTIME, &component);
        contenders.push(Contender::new(names::WASMTIME, Role::Peer, server.await?));
    }
    Ok(contenders)
}

/// A step as it was measured; None if it was not.
fn measured_step(measured: &Measured, server: &'static str) -> Option<Step> {
    let at = |connections| {
        measured.of(Cell {
            stage: STAGE,
            server,
            route: route::PAIR.name,
            connections,
        })
    };
    let (alone, many) = (at(1)?, at(MANY)?);
    let figure = |samples: &[f64]| Figure::of(samples.iter().copied());
    Some(Step {
        server,
        adds: "",
        per_second: figure(&many.per_second),
        p50_us: figure(&alone.p50_us),
        processor_us: figure(&many.processor_us),
        instructions: None,
    })
}

/// The ladder as a table. Each step shows what it costs more than the one before.
pub fn as_table(steps: &[Step]) -> comfy_table::Table {
    let mut table = table([
        "server",
        "adds",
        "req/s c=64",
        "p50 c=1, µs",
        "CPU µs/req",
        "more, µs",
        "instructions/req",
        "generated",
        "kernel",
    ]);
    let mut before: Option<f64> = None;
    for step in steps {
        let shown = |figure: Option<Figure>| figure.map_or_else(String::new, |f| f.to_string());
        let cost = step.processor_us.map(|figure| figure.median);
        let is_on_the_way = !step.adds.is_empty();
        let more = match (before, cost) {
            (Some(before), Some(cost)) if is_on_the_way => rounded(cost - before),
            _ => String::new(),
        };
        if is_on_the_way {
            before = cost;
        }
        let count = |count: fn(PerRequest) -> Option<f64>| {
            let count = step.instructions.and_then(count);
            count.map_or_else(String::new, rounded)
        };
        table.add_row([
            step.server.to_owned(),
            match is_on_the_way {
                true => step.adds.to_owned(),
                false => "(for comparison)".to_owned(),
            },
            shown(step.per_second),
            shown(step.p50_us),
            shown(step.processor_us),
            more,
            count(|of| Some(of.user)),
            count(|of| of.generated),
            count(|of| of.kernel),
        ]);
    }
    aligned(table, 2..9)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(server: &'static str, adds: &'static str, processor_us: f64) -> Step {
        Step {
            server,
            adds,
            per_second: Figure::of([1000.0]),
            p50_us: Figure::of([10.0]),
            processor_us: Figure::of([processor_us]),
            instructions: None,
        }
    }

    #[test]
    fn each_step_shows_what_it_costs_more_than_the_one_before() {
        let steps = [
            step("bare", "answers", 5.0),
            step("host", "routes", 8.0),
            step("peer", "", 4.0),
        ];
        let text = as_table(&steps).to_string();
        let host = text.lines().find(|line| line.contains("host")).unwrap();
        assert!(host.contains("3.00"), "{host}");
        let peer = text.lines().find(|line| line.contains("peer")).unwrap();
        assert!(peer.contains("(for comparison)"), "{peer}");
    }
}
