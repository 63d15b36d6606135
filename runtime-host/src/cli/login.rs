//! `runtime-host login`: asks a registry whether it accepts a password, and keeps it in the file in
//! which Spin keeps them too.

use std::io::{self, Read, Write};

use anyhow::{Result, bail};
use clap::Args;

use super::access::{AccessArgs, wait};
use crate::oci;

/// The longest password that is read.
const LONGEST: u64 = 64 << 10;

/// Arguments of `login`.
#[derive(Debug, Args)]
pub(super) struct Login {
    /// The registry: its host, and its port if it has one.
    registry: String,

    /// The user.
    #[arg(short = 'u', long, value_name = "NAME")]
    username: String,

    /// Read the password from standard input. It is the only way, because arguments can be seen
    /// by others.
    #[arg(long)]
    password_stdin: bool,

    #[command(flatten)]
    access: AccessArgs,
}

impl Login {
    pub(super) fn run(&self) -> Result<()> {
        if !self.password_stdin {
            bail!("give the password on standard input, with `--password-stdin`");
        }
        let mut password = String::new();
        io::stdin().take(LONGEST).read_to_string(&mut password)?;
        let password = password.trim_end_matches(['\r', '\n']);
        let access = self.access.access(None);
        let path = wait(async {
            Ok(oci::login(&self.registry, &self.username, password, &access).await?)
        })?;
        writeln!(
            io::stdout(),
            "Logged in to {} as {}; the password is in {}",
            self.registry,
            self.username,
            path.display()
        )?;
        Ok(())
    }
}
