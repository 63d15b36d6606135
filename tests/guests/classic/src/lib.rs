//! A guest on WASI 0.2, as apps from before WASI 0.3 are: `wasi:http/incoming-handler`, with one
//! route for each behaviour, chosen by the last segment of the path.
//! It is what the host is tested with; it knows nothing about rates.

mod answer;
mod outbound;
mod respond;

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::Read as _;
use std::sync::atomic::{AtomicU64, Ordering};

use answer::Answer;
use wasi::http::types::{IncomingRequest, Method, ResponseOutparam};

wasi::http::proxy::export!(Guest);

struct Guest;

impl wasi::exports::http::incoming_handler::Guest for Guest {
    fn handle(request: IncomingRequest, response: ResponseOutparam) {
        let uri = request.path_with_query().unwrap_or_default();
        let (path, query) = uri.split_once('?').unwrap_or((uri.as_str(), ""));
        let sent = match path.rsplit('/').next().unwrap_or_default() {
            "respond" => respond::respond(query, response),
            "relay" => respond::relay(&request, query, response),
            _ => route(request).send(response),
        };
        // Nobody is left to tell when an answer cannot be sent, most likely because the client
        // has hung up.
        if let Err(error) = sent {
            eprintln!("the answer was not sent: {error}");
        }
    }
}

static REQUESTS: AtomicU64 = AtomicU64::new(0);

fn route(request: IncomingRequest) -> Answer {
    let uri = request.path_with_query().unwrap_or_default();
    let (path, query) = uri.split_once('?').unwrap_or((uri.as_str(), ""));
    match path.rsplit('/').next().unwrap_or_default() {
        "hello" => Answer::text("hello\n"),
        "echo" => echo(&request, &uri),
        "body" => Answer::same_body(request),
        "read" => read(&request),
        "count" => {
            let asked = REQUESTS.fetch_add(1, Ordering::Relaxed) + 1;
            Answer::text(asked.to_string())
        }
        "loop" => spin(),
        "environment" => environment(),
        "fetch" => outbound::fetch(query),
        unknown => Answer::with_status(404, format!("this guest has no route `{unknown}`")),
    }
}

/// How many bytes the request's body has, read to its end.
fn read(request: &IncomingRequest) -> Answer {
    let Ok(body) = request.consume() else {
        return Answer::with_status(500, "there is no body");
    };
    let Ok(mut stream) = body.stream() else {
        return Answer::with_status(500, "the body cannot be read");
    };
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(read) => Answer::text(read.to_string()),
        Err(error) => Answer::with_status(500, format!("{error:?}")),
    }
}

/// The request as the guest saw it: `{"method", "uri", "headers": {name: value}}`. Values of a
/// repeated header are joined by `, `.
fn echo(request: &IncomingRequest, uri: &str) -> Answer {
    let mut headers = BTreeMap::<String, String>::new();
    for (name, value) in request.headers().entries() {
        let value = String::from_utf8_lossy(&value).into_owned();
        headers
            .entry(name.to_ascii_lowercase())
            .and_modify(|joined| {
                joined.push_str(", ");
                joined.push_str(&value);
            })
            .or_insert(value);
    }
    Answer::json(
        serde_json::json!({"method": name(request.method()), "uri": uri, "headers": headers})
            .to_string(),
    )
}

fn name(method: Method) -> String {
    match method {
        Method::Get => "GET".to_owned(),
        Method::Head => "HEAD".to_owned(),
        Method::Post => "POST".to_owned(),
        Method::Put => "PUT".to_owned(),
        Method::Delete => "DELETE".to_owned(),
        Method::Connect => "CONNECT".to_owned(),
        Method::Options => "OPTIONS".to_owned(),
        Method::Trace => "TRACE".to_owned(),
        Method::Patch => "PATCH".to_owned(),
        Method::Other(name) => name,
    }
}

/// The environment: a line of `NAME=value` for each variable, in the order of the host.
fn environment() -> Answer {
    let variables = std::env::vars().map(|(name, value)| format!("{name}={value}\n"));
    Answer::text(variables.collect::<String>())
}

/// Never gives the processor back.
fn spin() -> Answer {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// A number in a query; 0 if it is absent or none.
fn number(query: &str, name: &str) -> u64 {
    let value = parameter(query, name);
    value.and_then(|value| value.parse().ok()).unwrap_or(0)
}

/// The first value of that name in a query.
fn parameter(query: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}
