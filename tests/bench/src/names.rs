//! What servers are called in tables. A name says how a server differs from the one that is
//! started without options.

/// The host under test, as it ships.
pub const HOST: &str = "runtime-host";
/// The same service without a sandbox.
pub const TWIN: &str = "native twin";
/// A cache in front of the twin.
pub const NGINX: &str = "nginx proxy_cache";
/// The reference.
pub const SPIN: &str = "spin up";
/// The reference for a component that needs no more than WASI.
pub const WASMTIME: &str = "wasmtime serve";
/// The server that does nothing but answer.
pub const BARE_HYPER: &str = "bare hyper";

/// Timeouts, caps and interruption off.
pub const NO_LIMITS: &str = "runtime-host, no limits";
/// The same without counting and logging.
pub const BARE_APP: &str = "runtime-host, no limits, counting and logs off";
/// The store on a Redis server instead of in a file.
pub const HOST_ON_REDIS: &str = "runtime-host, store on Redis";
/// An instance for each request.
pub const HOST_FRESH: &str = "runtime-host, fresh instances";
/// An instance for each request.
pub const SPIN_FRESH: &str = "spin up, fresh instances";
/// A board of 50 pairs.
pub const SMALL_BOARD: &str = "runtime-host, 50 pairs";
/// A board of 500 pairs.
pub const MEDIUM_BOARD: &str = "runtime-host, 500 pairs";
/// A board of 5,000 pairs.
pub const LARGE_BOARD: &str = "runtime-host, 5,000 pairs";
/// One worker thread.
pub const ONE_WORKER: &str = "runtime-host, 1 worker";
/// Two worker threads.
pub const TWO_WORKERS: &str = "runtime-host, 2 workers";

/// An answer of the host itself, from its manifest.
pub const STATIC: &str = "runtime-host, static response";
/// A component that does nothing but answer.
pub const CONSTANT: &str = "runtime-host, constant component";
/// A component that reads its store once per request.
pub const READING: &str = "runtime-host, reading component";
/// The application, not counting.
pub const UNCOUNTED: &str = "runtime-host, counting off";

/// The variable by which the application's counting is turned off.
pub const COUNTING: &str = "count_requests";
