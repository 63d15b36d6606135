//! A pod of the app: one container of the image, with what everybody adds to it on a cluster.
//!
//! - The operator: arguments, environment, the runtime config and the CA, each mounted as a file.
//! - The SpinApp: its variables and volumes.
//! - The chart's policies (R19, R83): user, no capabilities, no new privileges, read-only root,
//!   the runtime's list of system calls, and that port 80 is open to everybody in the pod.
//! - The kubelet: resources (R18, R74), names, where names are asked.

use crate::containers::Container;
use crate::image::Image;
use crate::node::{Node, PodNetwork, resolv_conf};
use crate::seccomp::runtime_default;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a pod may take until it serves (R73).
const START: Duration = Duration::from_secs(300);

/// How often the kernel gives a pod the processor time that it is limited to, in microseconds.
const PERIOD: u32 = 100_000;

/// What of a SpinApp reaches its pods.
pub(crate) struct SpinApp {
    /// `spec.image`.
    pub(crate) image: String,
    /// `spec.variables`.
    pub(crate) variables: Vec<(String, String)>,
    /// `spec.runtimeConfig.loadFromSecret`.
    pub(crate) runtime_config: String,
    /// The executor's `caCertSecret`: a file.
    pub(crate) ca_certificates: Option<PathBuf>,
    /// `spec.volumes` that are not made for each pod: a folder, and where it is mounted.
    pub(crate) volumes: Vec<(PathBuf, String)>,
    /// What policies change in the image's environment.
    pub(crate) environment: Vec<(String, String)>,
    /// The limit in `spec.resources`.
    pub(crate) processors: f64,
    /// What `/cache` has at the start, as if the pod had run before: a folder.
    pub(crate) cache: Option<PathBuf>,
}

pub(crate) struct Pod {
    name: String,
    // Dropped in this order: what the container uses goes after it.
    pub(crate) container: Container,
    network: PodNetwork,
    specification: Value,
    folder: TempDir,
    started: Instant,
    starts: u32,
}

impl Pod {
    pub(crate) fn start(node: &Node, image: &Image, app: &SpinApp, name: &str) -> Pod {
        let folder = TempDir::new().unwrap();
        // Others than root have to pass.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let network = node.pod_network();
        image.unpack(&folder.path().join("files"));
        for volume in ["cache", "state"] {
            empty_dir(&folder.path().join(volume));
        }
        if let Some(cache) = &app.cache {
            copy(cache, &folder.path().join("cache"));
        }
        let specification = specification(image, app, name, &network, folder.path());
        let started = Instant::now();
        let container = Container::start(folder.path(), &id(name, 0), &specification);
        Pod {
            name: name.to_owned(),
            container,
            network,
            specification,
            folder,
            started,
            starts: 1,
        }
    }

    /// Starts its container once more, as the kubelet does: the volumes are still there.
    pub(crate) fn restart(&mut self) {
        let id = id(&self.name, self.starts);
        self.starts += 1;
        self.started = Instant::now();
        self.container = Container::start(self.folder.path(), &id, &self.specification);
    }

    pub(crate) fn address(&self) -> Ipv4Addr {
        self.network.address
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Waits until it answers 200, and gives how long that took from the start of its container.
    pub(crate) async fn serves(&mut self, client: &reqwest::Client, path: &str) -> Duration {
        loop {
            let answer = client.get(self.url(path)).send().await;
            if answer.is_ok_and(|answer| answer.status() == 200) {
                return self.started.elapsed();
            }
            assert!(
                !self.container.has_ended(),
                "{} ended: {}",
                self.name,
                self.container.log()
            );
            assert!(
                self.started.elapsed() < START,
                "{} does not serve {path}: {}",
                self.name,
                self.container.log()
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// A file of its own, such as `state/logs/rates_stderr.txt`.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }
}

fn id(name: &str, start: u32) -> String {
    format!("edge-rates-{}-{name}-{start}", std::process::id())
}

/// As the kubelet makes one for a pod with `fsGroup` 1000.
fn empty_dir(path: &Path) {
    std::fs::create_dir(path).unwrap();
    chown(path, Some(0), Some(1000)).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o2777)).unwrap();
}

/// Copies what is in a folder into another one, with its owners.
fn copy(from: &Path, to: &Path) {
    let mut copy = Command::new("cp");
    copy.arg("--archive").arg(from.join(".")).arg(to);
    assert!(
        copy.status().expect("cp runs").success(),
        "{from:?} to {to:?}"
    );
}

fn specification(
    image: &Image,
    app: &SpinApp,
    name: &str,
    network: &PodNetwork,
    folder: &Path,
) -> Value {
    let mut arguments = image.list("Entrypoint");
    let of_the_operator = [
        "up",
        "--listen",
        "0.0.0.0:80",
        "-f",
        &app.image,
        "--runtime-config-file",
        "/runtime-config.toml",
    ];
    arguments.extend(of_the_operator.map(str::to_owned));

    let mut environment = image.list("Env");
    let set = |environment: &mut Vec<String>, name: &str, value: &str| {
        environment.retain(|variable| !variable.starts_with(&format!("{name}=")));
        environment.push(format!("{name}={value}"));
    };
    for (variable, value) in &app.variables {
        let variable = format!("SPIN_VARIABLE_{}", variable.to_uppercase());
        set(&mut environment, &variable, value);
    }
    set(&mut environment, "SPIN_VARIABLE_REPLICA", name);
    set(&mut environment, "SPIN_HTTP_LISTEN_ADDR", "0.0.0.0:80");
    set(&mut environment, "SPIN_MAX_INSTANCE_MEMORY", "134217728");
    for (variable, value) in &app.environment {
        set(&mut environment, variable, value);
    }
    set(&mut environment, "HOSTNAME", name);
    set(&mut environment, "KUBERNETES_SERVICE_HOST", "10.96.0.1");
    set(&mut environment, "KUBERNETES_SERVICE_PORT", "443");

    let hosts = format!(
        "127.0.0.1\tlocalhost\n::1\tlocalhost\n{}\t{name}\n",
        network.address
    );
    let mut mounts = mounts_of_the_runtime();
    let mut mount = |from: &Path, to: &str, mode: &str| {
        mounts.push(json!({
            "destination": to,
            "type": "bind",
            "source": from,
            "options": ["rbind", "rprivate", mode],
        }));
    };
    for (file, text, to, mode) in [
        (
            "runtime-config.toml",
            &app.runtime_config,
            "/runtime-config.toml",
            "ro",
        ),
        ("hosts", &hosts, "/etc/hosts", "rw"),
        ("hostname", &format!("{name}\n"), "/etc/hostname", "rw"),
        ("resolv.conf", &resolv_conf(), "/etc/resolv.conf", "rw"),
        (
            "termination-log",
            &String::new(),
            "/dev/termination-log",
            "rw",
        ),
    ] {
        let path = folder.join(file);
        std::fs::write(&path, text).unwrap();
        mount(&path, to, mode);
    }
    if let Some(certificates) = &app.ca_certificates {
        mount(certificates, "/etc/ssl/certs/ca-certificates.crt", "ro");
    }
    mount(&folder.join("cache"), "/cache", "rw");
    mount(&folder.join("state"), "/state", "rw");
    for (volume, to) in &app.volumes {
        mount(volume, to, "ro");
    }

    let user = &image.configuration["config"]["User"];
    assert_eq!(user, "1000:1000", "what the policy asks for as well");
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "user": { "uid": 1000, "gid": 1000, "additionalGids": [1000] },
            "args": arguments,
            "env": environment,
            "cwd": "/",
            "capabilities": {
                "bounding": [], "effective": [], "permitted": [], "inheritable": [], "ambient": [],
            },
            "noNewPrivileges": true,
        },
        "root": { "path": "../files", "readonly": true },
        "hostname": name,
        "mounts": mounts,
        "linux": {
            "cgroupsPath": format!("/edge-rates-{}-{name}", std::process::id()),
            "namespaces": [
                { "type": "pid" },
                { "type": "ipc" },
                { "type": "uts" },
                { "type": "mount" },
                { "type": "network", "path": network.path() },
            ],
            // A pod may ask for this one: it is among Kubernetes' safe ones.
            "sysctl": { "net.ipv4.ip_unprivileged_port_start": "0" },
            // R18, R74; R45 where requests are the limits.
            "resources": {
                "devices": [{ "allow": false, "access": "rwm" }],
                "memory": { "limit": 512 << 20 },
                "cpu": {
                    "shares": 512,
                    "quota": (app.processors * f64::from(PERIOD)) as u32,
                    "period": PERIOD,
                },
            },
            "seccomp": runtime_default(),
            "maskedPaths": [
                "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
                "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi",
                "/sys/firmware",
            ],
            "readonlyPaths": [
                "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
            ],
        },
    })
}

/// What containerd mounts into every container.
fn mounts_of_the_runtime() -> Vec<Value> {
    let mount = |to: &str, kind: &str, options: &[&str]| json!({ "destination": to, "type": kind, "source": kind, "options": options });
    vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount(
            "/dev/pts",
            "devpts",
            &[
                "nosuid",
                "noexec",
                "newinstance",
                "ptmxmode=0666",
                "mode=0620",
                "gid=5",
            ],
        ),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
        mount(
            "/dev/shm",
            "tmpfs",
            &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"],
        ),
    ]
}
