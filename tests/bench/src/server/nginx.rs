//! nginx as a cache in front of another server, with everything it writes in a folder of its own.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::{Launcher, Server, free_address};
use crate::programs::Program;

/// How often it is looked whether an answer is kept, and the pause between two looks.
const LOOKS: u32 = 100;
const PAUSE: Duration = Duration::from_millis(20);

impl Launcher<'_> {
    /// nginx with a cache, which asks `origin` for what it lacks.
    ///
    /// # Errors
    /// If it does not serve.
    pub async fn nginx(
        &self,
        nginx: &Program,
        name: &str,
        origin: &Server,
        probe: &str,
    ) -> Result<Server> {
        let folder = self.folder(name)?;
        let address = free_address()?;
        let file = folder.join("nginx.conf");
        let workers = self.layout.server_count;
        std::fs::write(
            &file,
            configuration(&folder, address, origin.address, workers)?,
        )?;
        let mut command = self.command(&nginx.path);
        command
            .arg("-p")
            .arg(&folder)
            .arg("-e")
            .arg(folder.join("error.log"))
            .arg("-c")
            .arg(&file);
        let server = self.start(name, command, &folder, address, probe).await?;
        self.must_keep(&server, probe).await?;
        Ok(server)
    }

    /// Fails unless the cache answers by itself before long: an answer is kept a moment after it
    /// was given. The origin gives every answer an id of its own, so one that is there twice was
    /// kept.
    async fn must_keep(&self, server: &Server, path: &str) -> Result<()> {
        let url = format!("{}{path}", server.url());
        let mut last = None;
        for _ in 0..LOOKS {
            let answer = self.client.get(&url).send().await?;
            let id = answer.headers().get("x-request-id").cloned();
            if id.is_some() && id == last {
                return Ok(());
            }
            last = id;
            tokio::time::sleep(PAUSE).await;
        }
        bail!("nginx does not keep {path}")
    }
}

fn configuration(
    folder: &Path,
    address: SocketAddr,
    origin: SocketAddr,
    workers: usize,
) -> Result<String> {
    let folder = folder.display();
    let mut text = String::new();
    if rustix::process::geteuid().is_root() {
        // Its workers would become somebody who may not enter the folder.
        let (user, group) = (told_by_id("-un")?, told_by_id("-gn")?);
        writeln!(text, "user {user} {group};")?;
    }
    write!(
        text,
        "daemon off;
worker_processes {workers};
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    # A connection is closed after so many requests; the other servers close none.
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache keys_zone=rates:16m inactive=1d;
    upstream origin {{
        server {origin};
        keepalive 64;
    }}
    server {{
        listen {address} backlog=4096 reuseport;
        location / {{
            proxy_pass http://origin;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_cache rates;
        }}
    }}
}}
"
    )?;
    Ok(text)
}

fn told_by_id(question: &str) -> Result<String> {
    let output = Command::new("id")
        .arg(question)
        .output()
        .context("`id` does not run")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
