//! The arguments for serving TLS, which is not built in: to serve plain HTTP where TLS is asked for
//! would show in the open what is to be kept secret.

use std::ffi::OsString;

use anyhow::{Result, bail};
use clap::Args;

/// Spin's arguments for a certificate.
#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// Refused: this host does not serve TLS.
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_CERT", hide = true)]
    tls_cert: Option<OsString>,

    /// Refused: this host does not serve TLS.
    #[arg(long, value_name = "FILE", env = "SPIN_TLS_KEY", hide = true)]
    tls_key: Option<OsString>,
}

impl TlsArgs {
    /// Refuses to serve where TLS is asked for.
    ///
    /// # Errors
    /// If there is a certificate or a key.
    pub(super) fn refuse(&self) -> Result<()> {
        // An environment variable may be there and say nothing.
        let asked = [&self.tls_cert, &self.tls_key]
            .into_iter()
            .flatten()
            .any(|file| !file.is_empty());
        if asked {
            bail!(
                "serving TLS is not built into this host, and it does not serve plain HTTP where \
                 TLS is asked for: remove `--tls-cert` and `--tls-key`, or SPIN_TLS_CERT and \
                 SPIN_TLS_KEY, and put a proxy that serves TLS in front"
            );
        }
        Ok(())
    }
}
