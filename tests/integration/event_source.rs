//! Clients of server-sent events that no one here wrote hear every board once, and come back where
//! they were after their connection broke: one that says so in the query, as scripts in browsers
//! do, and one that says so in the header.

use crate::app::{App, SOON, root, until};
use serde_json::Value;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines, copy_bidirectional,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::watch;
use tokio::time::timeout;

/// Longer than a board is fresh, and within the grace in which it is not stale yet.
const UNTIL_DUE: Duration = Duration::from_secs(310);

/// Listens to an address by a package, and writes a line for each event of a type.
const SCRIPT: &str = r"
const [package_, url, type] = process.argv.slice(1);
import(package_).then((module) => {
    const EventSource = module.EventSource ?? module.default.EventSourcePolyfill;
    const source = new EventSource(url);
    const tell = (event) => console.log(JSON.stringify({
        id: event.lastEventId, type: event.type, version: JSON.parse(event.data).version,
    }));
    if (type === 'message') { source.onmessage = tell; } else { source.addEventListener(type, tell); }
});
";

const POLYFILL: &str = "event-source-polyfill";
const PACKAGES: [&str; 2] = [POLYFILL, "eventsource"];

/// A client at work.
struct Listener {
    _node: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Listener {
    fn start(package: &str, url: &str, event_type: &str) -> Listener {
        let folder = root().join("target/eventsource");
        assert!(
            folder.join("node_modules").join(package).exists(),
            "{package} is missing: run `make packages`"
        );
        let mut node = Command::new("node")
            .args(["-e", SCRIPT, package, url, event_type])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // The polyfill complains there whenever its connection breaks.
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node runs: run `make packages`");
        let lines = BufReader::new(node.stdout.take().unwrap()).lines();
        Listener { _node: node, lines }
    }

    /// The version that the next event tells, which is its id too.
    async fn event(&mut self, event_type: &str) -> String {
        let line = timeout(SOON, self.lines.next_line()).await;
        let line = line.expect("an event comes soon").unwrap();
        let event: Value = serde_json::from_str(&line.expect("node goes on")).unwrap();
        assert_eq!(event["type"], event_type, "{event}");
        assert_eq!(event["id"], event["version"], "{event}");
        event["id"].as_str().unwrap().to_owned()
    }
}

/// A way to the app that can break, and that notes what was asked.
struct Way {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    cut: watch::Sender<()>,
}

impl Way {
    async fn to(app: &App) -> Way {
        let upstream = app.url().replace("http://", "");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (cut, is_cut) = watch::channel(());
        let noted = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (upstream, noted) = (upstream.clone(), Arc::clone(&noted));
                let mut is_cut = is_cut.clone();
                is_cut.mark_unchanged();
                tokio::spawn(async move {
                    tokio::select! {
                        () = pass(client, &upstream, &noted) => {}
                        _ = is_cut.changed() => {}
                    }
                });
            }
        });
        Way {
            address,
            heads,
            cut,
        }
    }

    fn url(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    /// The heads of the requests so far, in lower case but for their first line.
    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn cut(&self) {
        self.cut.send(()).unwrap();
    }
}

async fn pass(mut client: TcpStream, upstream: &str, noted: &Mutex<Vec<String>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let mut server = TcpStream::connect(upstream).await.unwrap();
    server.write_all(&head).await.unwrap();
    noted.lock().unwrap().push(String::from_utf8(head).unwrap());
    let _broken = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test]
async fn a_client_that_comes_back_hears_of_no_board_twice() {
    for package in PACKAGES {
        let app = App::start().await;
        let way = Way::to(&app).await;
        let url = way.url("/v1/stream?ids=bitcoin&vs=usd");
        let mut listener = Listener::start(package, &url, "board");
        let first = listener.event("board").await;
        way.cut();
        until("it has come back", async || way.heads().len() > 1).await;
        let again = way.heads()[1].clone();
        let target = again.split(' ').nth(1).unwrap();
        match package {
            POLYFILL => assert!(
                target.ends_with(&format!("&lastEventId={first}")),
                "{again}"
            ),
            _ => assert!(
                again
                    .to_ascii_lowercase()
                    .contains(&format!("last-event-id: {first}")),
                "{again}"
            ),
        }
        app.advance(UNTIL_DUE);
        let next = listener.event("board").await;
        assert!(next > first, "{package}: {next} after {first}");
    }
}

#[tokio::test]
async fn a_listener_without_a_name_hears_of_boards_that_are_asked_for_as_messages() {
    let app = App::start().await;
    let url = format!("{}/v1/stream?ids=bitcoin&vs=usd&event=message", app.url());
    for package in PACKAGES {
        let mut listener = Listener::start(package, &url, "message");
        listener.event("message").await;
    }
}

#[tokio::test]
async fn a_client_that_sends_no_headers_shows_its_key_in_the_query() {
    let app = App::with(&[
        ("api_keys", "page:k-secret"),
        ("api_key_in_query", "true"),
        ("log_requests", "true"),
    ])
    .await;
    let way = Way::to(&app).await;
    let url = way.url("/v1/stream?ids=bitcoin&vs=usd&api_key=k-secret");
    let mut listener = Listener::start(POLYFILL, &url, "board");
    let first = listener.event("board").await;
    way.cut();
    until("it has come back", async || way.heads().len() > 1).await;
    app.advance(UNTIL_DUE);
    assert!(listener.event("board").await > first);
    app.until("its requests are in the log", async || {
        app.log("rates").matches("\"route\":\"/v1/stream\"").count() > 1
    })
    .await;
    assert!(!app.log("rates").contains("k-secret"));
}
