//! Serves the product natively, for comparison: see `edge_rates_bench::twin`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;

use clap::Parser;
use edge_rates_bench::twin;
use mimalloc::MiMalloc;
use runtime_host_manifest::VariableOverride;

/// The host's allocator, so that it makes no difference between the two.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The rates service without a sandbox: axum, the same code, the same store.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The manifest that gives the variables
    #[arg(short = 'f', long = "from", default_value = "spin.toml")]
    from: PathBuf,
    /// Where the store is kept
    #[arg(long)]
    state_dir: PathBuf,
    /// Where to listen; port 0 takes any free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// NAME=VALUE; may be given more than once
    #[arg(long)]
    variable: Vec<String>,
    /// Threads that serve requests; one per processor unless said otherwise
    #[arg(long)]
    workers: Option<NonZeroUsize>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut overrides = Vec::new();
    for argument in &arguments.variable {
        overrides.extend(VariableOverride::from_argument(argument)?);
    }
    let workers = match arguments.workers {
        Some(workers) => workers,
        None => available_parallelism()?,
    };
    twin::run(
        &arguments.from,
        &overrides,
        &arguments.state_dir,
        arguments.listen,
        workers,
        |address| {
            let mut stdout = io::stdout().lock();
            // Nobody has to read it.
            let _closed =
                writeln!(stdout, "Serving http://{address}").and_then(|()| stdout.flush());
        },
    )
}
