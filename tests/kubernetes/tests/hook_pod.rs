//! An API server that knows one Deployment, and a pod of a hook: its script as it is rendered, run by
//! busybox and curl with nothing else on the path.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::{Arc, Mutex};

use kubernetes::chart::Rendered;
use kubernetes::fields::Fields as _;
use serde_json::{Value, json};

/// What came in.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

type Answers = Box<dyn FnMut(&Request) -> (u16, String) + Send>;

/// Answers requests, by plain HTTP, until the test is over.
pub(crate) struct ApiServer {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl ApiServer {
    pub(crate) fn start(answers: impl FnMut(&Request) -> (u16, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let noted = seen.clone();
        let mut answers: Answers = Box::new(answers);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let Ok(connection) = connection else { return };
                // One that closes before it asks asks nothing.
                let _ = answer(connection, &noted, &mut answers);
            }
        });
        Self { url, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn answer(
    mut connection: TcpStream,
    seen: &Mutex<Vec<Request>>,
    answers: &mut Answers,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next().unwrap_or_default().to_owned(),
        path: words.next().unwrap_or_default().to_owned(),
        authorization: String::new(),
        content_type: String::new(),
        body: String::new(),
    };
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim().split_once(": ") else {
            break;
        };
        match name.to_lowercase().as_str() {
            "authorization" => value.clone_into(&mut request.authorization),
            "content-type" => value.clone_into(&mut request.content_type),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    request.body = String::from_utf8(body).unwrap();
    let (status, text) = answers(&request);
    seen.lock().unwrap().push(request);
    write!(
        connection,
        "HTTP/1.1 {status} -\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        text.len()
    )
}

/// What the API server says to what it refuses.
pub(crate) fn refusal(status: u16, message: &str) -> (u16, String) {
    let text = json!({ "kind": "Status", "status": "Failure", "message": message, "code": status });
    (status, text.to_string())
}

/// How a pod of a hook ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) is_success: bool,
    pub(crate) log: String,
}

/// Runs the script of a Job against an API server, which is the app as well.
pub(crate) fn run(rendered: &Rendered, job: &str, server: &ApiServer, most: u32) -> Ended {
    let mut objects = rendered.objects.iter();
    let job = objects.find(|one| one.to_string() == job).unwrap();
    let container = job
        .body
        .pointer("/spec/template/spec/containers/0")
        .unwrap();
    let script = container.text("/args/0").unwrap();
    assert_eq!(container["command"], json!(["/bin/sh", "-eu", "-c"]));

    let pod = tempfile::tempdir().unwrap();
    for folder in ["bin", "account", "work"] {
        std::fs::create_dir(pod.path().join(folder)).unwrap();
    }
    for (file, text) in [
        ("token", "t-1"),
        ("namespace", "edge-rates"),
        ("ca.crt", ""),
    ] {
        std::fs::write(pod.path().join("account").join(file), text).unwrap();
    }
    for program in [
        "awk", "cat", "cut", "date", "mv", "sed", "sleep", "timeout", "tr", "wget",
    ] {
        symlink("/bin/busybox", pod.path().join("bin").join(program)).unwrap();
    }
    symlink("/usr/bin/curl", pod.path().join("bin/curl")).unwrap();
    let mut command = Command::new("/bin/busybox");
    command.args(["sh", "-eu", "-c", script]).env_clear();
    for variable in container.list("/env") {
        command.env(
            variable.text("/name").unwrap(),
            variable.text("/value").unwrap_or_default(),
        );
    }
    let output = command
        .env("PATH", pod.path().join("bin"))
        .env("ACCOUNT", pod.path().join("account"))
        .env("WORK", pod.path().join("work"))
        .env("API", &server.url)
        .env("BASE", &server.url)
        .env("SECONDS_AT_MOST", most.to_string())
        .env("PAUSE", "0.01")
        .output()
        .expect("busybox runs: install Debian's packages busybox and curl, or run `make packages`");
    let log = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    Ended {
        is_success: output.status.success(),
        log: log.concat(),
    }
}

/// A Deployment, as far as somebody looks at it.
#[derive(Debug, Clone)]
pub(crate) struct Deployment {
    pub(crate) mark: String,
    pub(crate) generation: i64,
    pub(crate) observed: i64,
    pub(crate) wanted: i64,
    pub(crate) total: i64,
    pub(crate) updated: i64,
    pub(crate) available: i64,
    pub(crate) condition: Option<(&'static str, &'static str)>,
}

impl Deployment {
    /// All pods of a release are there.
    pub(crate) fn done(mark: &str, pods: i64) -> Self {
        Self {
            mark: mark.to_owned(),
            generation: 3,
            observed: 3,
            wanted: pods,
            total: pods,
            updated: pods,
            available: pods,
            condition: None,
        }
    }

    /// As the API server writes it for somebody who wants it indented.
    pub(crate) fn text(&self) -> String {
        let (reason, message) = self
            .condition
            .unwrap_or(("NewReplicaSetAvailable", "all is well"));
        let body: Value = json!({
            "kind": "Deployment",
            "apiVersion": "apps/v1",
            "metadata": {
                "name": "edge-rates",
                "generation": self.generation,
                "annotations": { "edge-rates/release": self.mark },
                "managedFields": [{ "manager": "spin-operator", "fieldsV1": {
                    "f:metadata": { "f:annotations": { "f:edge-rates/release": {} } },
                    "f:spec": { "f:replicas": {} },
                } }],
            },
            "spec": {
                "replicas": self.wanted,
                "template": { "metadata": { "annotations": { "edge-rates/release": "other" } } },
            },
            "status": {
                "observedGeneration": self.observed,
                "replicas": self.total,
                "updatedReplicas": self.updated,
                "availableReplicas": self.available,
                "conditions": [
                    { "type": "Progressing", "reason": reason, "message": message },
                ],
            },
        });
        serde_json::to_string_pretty(&body).unwrap()
    }
}
