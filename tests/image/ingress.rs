//! nginx in front of the Service, as a gateway is: it keeps connections to what is behind it, it
//! knows only the Service's address, and it hides nothing: what fails behind it is not tried again.

use crate::node::SERVICE;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

pub(crate) const URL: &str = "http://127.0.0.1:8080";

pub(crate) struct Ingress {
    nginx: Child,
    folder: TempDir,
}

impl Ingress {
    pub(crate) fn start() -> Ingress {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, configuration(folder.path())).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        let nginx = Command::new("setpriv")
            // Also when the test is killed.
            .args(["--pdeathsig", "TERM", "nginx"])
            // Where Debian has it.
            .env("PATH", format!("{path}:/usr/sbin"))
            .arg("-p")
            .arg(folder.path())
            .arg("-e")
            .arg(folder.path().join("error.log"))
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .spawn()
            .expect("nginx runs");
        Ingress { nginx, folder }
    }

    /// What it had to say about connections that broke.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Ingress {
    fn drop(&mut self) {
        // Its workers go with it.
        if let Ok(process) = i32::try_from(self.nginx.id())
            && let Some(process) = rustix::process::Pid::from_raw(process)
        {
            let _gone = rustix::process::kill_process(process, rustix::process::Signal::TERM);
        }
        let _gone = self.nginx.wait();
    }
}

fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    let address = URL.trim_start_matches("http://");
    format!(
        "user root root;
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    # Connections of clients are not what is tested here.
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream service {{
        server {SERVICE}:80 max_fails=0;
        # Fewer than are open at once, so that there are always new ones too.
        keepalive 4;
        keepalive_requests 1000000000;
    }}
    server {{
        listen {address};
        location / {{
            proxy_pass http://service;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $host;
            proxy_connect_timeout 2s;
            proxy_next_upstream off;
        }}
    }}
}}
"
    )
}
