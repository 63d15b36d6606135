//! Runs the market simulator by itself, until Ctrl-C or SIGTERM.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use market_simulator::{Config, Market, Provider};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Simulates the price APIs of CoinGecko, Coinbase, Kraken, Binance, Bitpin and Frankfurter.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// What the prices follow from: the same seed, the same prices
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    let market = Market::start(Config {
        seed: arguments.seed,
        listen: arguments.listen,
        ..Config::default()
    })
    .await?;
    announce(&market).context("cannot write to standard output")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C")?,
        _ = terminated.recv() => {}
    }
    market.stop().await;
    Ok(())
}

fn announce(market: &Market) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "Simulating the market on {}", market.url())?;
    for provider in Provider::ALL {
        writeln!(out, "  {provider:<12} {}", market.base_url(provider))?;
    }
    out.flush()
}
