//! What callers meet when the server is away: clean errors, soon; and everything again when it is
//! back, without a restart.

use std::time::{Duration, Instant};

use futures::future::join_all;
use runtime_host_keyvalue::{StoreError, StoreLabel, Stores};

use crate::{default, on_redis, raw, server, stores};

/// The longest that a call may take: for a reply, or for a new connection and a reply.
const BOUND: Duration = Duration::from_millis(1_500);

/// After this the calls succeed again.
const RECOVERY: Duration = Duration::from_secs(1);

/// One call, which has to end soon, one way or the other.
async fn read(stores: &Stores, label: &StoreLabel) -> Result<Option<Vec<u8>>, StoreError> {
    let ended = tokio::time::timeout(BOUND, stores.get(label, "a")).await;
    let read = ended.expect("a call ends soon");
    if let Err(error) = &read {
        assert!(matches!(error, StoreError::Unavailable(_)), "{error}");
        assert!(
            error.to_string().contains("Redis at redis://127.0.0.1:"),
            "{error}"
        );
    }
    read
}

/// Calls until one succeeds, and gives how long that took.
async fn until_it_works(stores: &Stores, label: &StoreLabel) -> Duration {
    let began = Instant::now();
    while read(stores, label).await.is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it doesn't recover"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

async fn until_it_fails(stores: &Stores, label: &StoreLabel) {
    let began = Instant::now();
    while read(stores, label).await.is_ok() {
        assert!(began.elapsed() < Duration::from_secs(20), "it doesn't fail");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_server_that_is_killed_under_load_and_comes_back_is_used_again() {
    let mut server = server();
    let (stores, default) = (stores(&server), default());
    stores.set(&default, "a", vec![1]).await.unwrap();
    for _ in 0..3 {
        // All of these are on their way when the server dies.
        let calls = (0..500).map(|_| read(&stores, &default));
        let killed = async {
            tokio::task::yield_now().await;
            server.kill().unwrap();
        };
        let (answers, ()) = tokio::join!(join_all(calls), killed);
        assert_eq!(answers.len(), 500, "every call ends");
        until_it_fails(&stores, &default).await;

        // While it is away nobody waits.
        let began = Instant::now();
        for _ in 0..100 {
            assert!(read(&stores, &default).await.is_err());
        }
        let waited = began.elapsed();
        assert!(
            waited < Duration::from_millis(250),
            "100 calls waited {waited:?}"
        );

        server.start_again().unwrap();
        let recovered = until_it_works(&stores, &default).await;
        assert!(recovered < RECOVERY, "after {recovered:?}");
        assert_eq!(read(&stores, &default).await, Ok(Some(vec![1])));
    }
}

#[tokio::test]
async fn no_acknowledged_increment_is_lost_or_counted_twice_when_the_server_is_killed() {
    let mut server = server();
    let (stores, default) = (stores(&server), default());
    let counting = async {
        let (mut acknowledged, mut unknown) = (0, 0);
        while unknown == 0 {
            let added = (0..32).map(|_| stores.increment(&default, "n", 1));
            for outcome in join_all(added).await {
                match outcome {
                    Ok(_) => acknowledged += 1,
                    Err(_) => unknown += 1,
                }
            }
        }
        (acknowledged, unknown)
    };
    let killed = async {
        while stores.increment(&default, "n", 0).await.unwrap() < 500 {
            tokio::task::yield_now().await;
        }
        server.kill().unwrap();
    };
    let ((acknowledged, unknown), ()) = tokio::join!(counting, killed);
    server.start_again().unwrap();
    until_it_works(&stores, &default).await;
    let counted = stores.increment(&default, "n", 0).await.unwrap();
    assert!(
        (acknowledged..=acknowledged + unknown).contains(&counted),
        "{counted} counted, {acknowledged} acknowledged, {unknown} unknown"
    );
}

#[tokio::test]
async fn a_server_that_hangs_holds_nobody_up_for_long() {
    let server = server();
    let (stores, default) = (stores(&server), default());
    stores.set(&default, "a", vec![1]).await.unwrap();
    server.freeze().unwrap();
    // The first callers find out; each waits a bounded time.
    let calls = join_all((0..50).map(|_| read(&stores, &default))).await;
    assert!(calls.iter().all(Result::is_err), "{calls:?}");
    // Its system still accepts connections, which is not enough.
    until_nobody_waits(&stores, &default).await;
    server.thaw().unwrap();
    let recovered = until_it_works(&stores, &default).await;
    assert!(recovered < RECOVERY, "after {recovered:?}");
}

/// Calls until one fails without waiting, as all do that follow.
async fn until_nobody_waits(stores: &Stores, label: &StoreLabel) {
    let mut began = Instant::now();
    let first = began;
    while read(stores, label).await.is_err() && began.elapsed() > Duration::from_millis(50) {
        assert!(
            first.elapsed() < Duration::from_secs(20),
            "callers still wait"
        );
        began = Instant::now();
    }
}

#[tokio::test]
async fn a_connection_that_the_server_ends_is_replaced_before_it_is_needed() {
    let server = server();
    let (stores, default) = (stores(&server), default());
    stores.set(&default, "a", vec![1]).await.unwrap();
    // The only one besides that of the stores: one that has just been closed may still be counted.
    let mut own = raw(&server);
    let connected = |own: &mut redis::Connection| {
        let mut info = redis::cmd("INFO");
        let told: String = info.arg("stats").query(own).unwrap();
        let line = told
            .lines()
            .find(|line| line.starts_with("total_connections_received:"));
        line.unwrap()
            .split(':')
            .nth(1)
            .unwrap()
            .trim()
            .parse::<u32>()
            .unwrap()
    };
    let before = connected(&mut own);
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL")
        .arg("TYPE")
        .arg("normal")
        .arg("SKIPME")
        .arg("yes");
    let killed: u32 = kill.query(&mut own).unwrap();
    assert_eq!(killed, 1);
    // Nobody calls meanwhile.
    let began = Instant::now();
    while connected(&mut own) == before {
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "it isn't replaced"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(read(&stores, &default).await, Ok(Some(vec![1])));
}

#[tokio::test]
async fn a_server_that_is_not_there_at_first_is_used_when_it_comes() {
    let mut server = server();
    server.kill().unwrap();
    let (stores, default) = (stores(&server), default());
    stores.probe().await;
    assert!(read(&stores, &default).await.is_err());
    server.start_again().unwrap();
    let recovered = until_it_works(&stores, &default).await;
    assert!(recovered < RECOVERY, "after {recovered:?}");
}

/// Connections belong to a runtime, and a thread may outlive it.
#[test]
fn a_thread_that_begins_another_runtime_connects_again() {
    let server = server();
    let (stores, default) = (stores(&server), default());
    for n in 1..=3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let counted = runtime
            .unwrap()
            .block_on(stores.increment(&default, "n", 1));
        assert_eq!(counted, Ok(n));
    }
    let outside = futures::executor::block_on(stores.get(&default, "n"));
    assert!(
        matches!(outside, Err(StoreError::Unavailable(_))),
        "{outside:?}"
    );
}

#[tokio::test]
async fn a_server_that_speaks_no_redis_is_told_apart() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let speaking = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let hello = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _gone = tokio::io::AsyncWriteExt::write_all(&mut stream, hello).await;
        }
    };
    let default = default();
    let stores = Stores::open([(default.clone(), on_redis(&url, ""))]).unwrap();
    tokio::select! {
        () = speaking => {}
        read = read(&stores, &default) => assert!(read.is_err(), "{read:?}"),
    }
}
