//! The command line: what `runtime-host` takes and how it ends. Everything that a command does
//! is in the library.

mod access;
mod address;
mod build;
mod ignored_environment;
mod limits;
mod logging;
mod login;
mod pull;
mod push;
mod time;
mod tls;
mod up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Runs Spin applications.
#[derive(Debug, Parser)]
#[command(name = "runtime-host", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves an application until SIGTERM or Ctrl-C.
    Up(Box<up::Up>),
    /// Builds the components of an application, in the order of the manifest.
    Build(build::Build),
    /// Pushes an application to an OCI registry, as Spin does.
    Push(push::Push),
    /// Pulls an application from an OCI registry into the cache.
    Pull(pull::Pull),
    /// Keeps a user name and password for an OCI registry.
    Login(login::Login),
}

/// Does what the process's arguments say. The exit code is 1 if that fails, after one sentence
/// about the reason on standard error, and 2 for arguments that mean nothing.
///
/// `give_back_memory` is called once an application is loaded: loading takes far more memory than
/// serving, and an allocator may keep it.
pub fn run(give_back_memory: fn()) -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(up) => up.run(give_back_memory),
        Command::Build(build) => build.run(),
        Command::Push(push) => push.run(),
        Command::Pull(pull) => pull.run(),
        Command::Login(login) => login.run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
