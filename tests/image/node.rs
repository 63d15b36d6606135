//! A machine of a cluster, as far as the network goes: a network namespace of a test's own, in
//! which everything that the test starts finds itself, with a bridge for pods, a name server, and
//! addresses that stand for services (kube-proxy's way: iptables). Nothing of it is seen from
//! outside, every port is free, and it goes with the test.

use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};
use std::fs::File;
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};

/// Of this machine in the pods' network (R27).
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 244, 0, 1);
/// Of this machine on the bridge, made of its address there, as network plugins do. A bridge that
/// is not told takes the lowest of its ports', so that it changes as pods come and go; pods which
/// do not hear of that, and only some of them do, send all their answers to nobody for up to a
/// minute.
const BRIDGE: &str = "0a:58:0a:f4:00:01";
/// Of the app's Service.
pub(crate) const SERVICE: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 80);
/// Of the name server.
pub(crate) const NAME_SERVER: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 10);
/// Of Redis.
pub(crate) const REDIS: Ipv4Addr = Ipv4Addr::new(10, 96, 0, 20);
/// Of the registry (R21).
pub(crate) const REGISTRY: Ipv4Addr = Ipv4Addr::new(192, 168, 0, 100);
/// Of what is not in the cluster: the upstreams.
pub(crate) const INTERNET: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 10);

/// Names, and what they stand for.
const NAMES: [(&str, Ipv4Addr); 2] = [
    ("redis.edge-rates.svc.cluster.local", REDIS),
    ("registry.local", REGISTRY),
];

/// What the kubelet writes for a pod whose namespace is `edge-rates`.
pub(crate) fn resolv_conf() -> String {
    format!(
        "search edge-rates.svc.cluster.local svc.cluster.local cluster.local\n\
         nameserver {NAME_SERVER}\noptions ndots:5\n"
    )
}

pub(crate) struct Node {
    /// The thread that is in this network.
    thread: i32,
    name_server: Child,
    pods: AtomicU8,
}

impl Node {
    /// Moves the calling thread, and what it starts from now on, into a network of its own.
    pub(crate) fn enter() -> Node {
        own_network().expect("a network namespace");
        run("ip", "link set lo up");
        run("ip", &format!("link add pods address {BRIDGE} type bridge"));
        run("ip", &format!("addr add {ADDRESS}/16 dev pods"));
        run("ip", "link set pods up");
        run(
            "ip",
            &format!("route add 10.96.0.0/12 dev pods src {ADDRESS}"),
        );
        restore(&format!(
            "*nat\n:ENDPOINTS -\n-A OUTPUT -d {SERVICE}/32 -p tcp --dport 80 -j ENDPOINTS\nCOMMIT\n"
        ));
        for address in [NAME_SERVER, REDIS, REGISTRY, INTERNET] {
            run("ip", &format!("addr add {address}/32 dev lo"));
        }
        let mut name_server = Command::new("setpriv");
        name_server
            // Also when the test is killed.
            .args(["--pdeathsig", "KILL", "dnsmasq"])
            .args(["--keep-in-foreground", "--conf-file=/dev/null"])
            .args(["--user=root", "--pid-file=", "--log-facility=-"])
            .args([
                "--bind-interfaces",
                &format!("--listen-address={NAME_SERVER}"),
            ])
            // The domain is ours, and there is nobody to ask about others.
            .args(["--no-hosts", "--no-resolv", "--local=/cluster.local/"])
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        for (name, address) in NAMES {
            name_server.arg(format!("--host-record={name},{address}"));
        }
        Node {
            thread: gettid().as_raw_nonzero().get(),
            name_server: name_server.spawn().expect("dnsmasq runs"),
            pods: AtomicU8::new(0),
        }
    }

    /// A pod's network: with an address of its own, reached from this machine.
    pub(crate) fn pod_network(&self) -> PodNetwork {
        let number = self.pods.fetch_add(1, Ordering::Relaxed) + 2;
        let address = Ipv4Addr::new(10, 244, 0, number);
        let (peer, node) = (format!("pod{number}"), self.thread);
        // A thread is in the pod's network only to set it up.
        let name_space = std::thread::spawn(move || {
            own_network().expect("a network namespace");
            run("ip", "link set lo up");
            run(
                "ip",
                &format!("link add eth0 type veth peer name {peer} netns {node}"),
            );
            run("ip", &format!("addr add {address}/16 dev eth0"));
            run("ip", "link set eth0 up");
            run("ip", &format!("route add default via {ADDRESS}"));
            File::open("/proc/thread-self/ns/net").expect("the network namespace")
        });
        let name_space = name_space.join().expect("a pod's network");
        run("ip", &format!("link set pod{number} master pods up"));
        PodNetwork {
            address,
            name_space,
        }
    }

    /// Which pods get the connections to the Service from now on: each as many as the others.
    /// Those that are open stay where they are.
    pub(crate) fn set_endpoints(&self, endpoints: &[Ipv4Addr]) {
        // Naming a chain empties it.
        let mut rules = "*nat\n:ENDPOINTS -\n".to_owned();
        for (index, endpoint) in endpoints.iter().enumerate() {
            let chance = 1.0 / (endpoints.len() - index) as f64;
            rules.push_str(&format!(
                "-A ENDPOINTS -p tcp -m statistic --mode random --probability {chance:.6} \
                 -j DNAT --to-destination {endpoint}:80\n"
            ));
        }
        rules.push_str("COMMIT\n");
        restore(&rules);
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _gone = self.name_server.kill();
        let _gone = self.name_server.wait();
    }
}

/// Where a pod's containers run. It lives as long as this does, or a process in it.
pub(crate) struct PodNetwork {
    pub(crate) address: Ipv4Addr,
    name_space: File,
}

impl PodNetwork {
    /// A path by which another program enters it.
    pub(crate) fn path(&self) -> PathBuf {
        let (process, number) = (std::process::id(), self.name_space.as_raw_fd());
        PathBuf::from(format!("/proc/{process}/fd/{number}"))
    }
}

/// Gives the calling thread a network namespace of its own.
pub(crate) fn own_network() -> Result<(), rustix::io::Errno> {
    // SAFETY: A network namespace is nothing that memory or file descriptors depend on.
    #[expect(unsafe_code, reason = "other flags than this one would be unsafe")]
    unsafe {
        unshare_unsafe(UnshareFlags::NEWNET)
    }
}

fn run(program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split(' '))
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Adds to the rules for packets, all at once.
fn restore(rules: &str) {
    let mut restore = Command::new("iptables-restore")
        .arg("--noflush")
        .stdin(Stdio::piped())
        .spawn()
        .expect("iptables-restore runs");
    let mut stdin = restore.stdin.take().unwrap();
    stdin.write_all(rules.as_bytes()).unwrap();
    drop(stdin);
    assert!(restore.wait().unwrap().success(), "{rules}");
}
