//! What is kept, and how.

use std::collections::HashSet;

use futures::future::join_all;
use redis::Commands;
use runtime_host_keyvalue::{StoreError, Stores, Swap};

use crate::{default, label, on_redis, raw, server, stores};
use redis_server::RedisServer;

#[tokio::test]
async fn what_is_set_is_there_until_it_is_deleted() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    assert_eq!(stores.get(default, "a").await, Ok(None));
    assert_eq!(stores.exists(default, "a").await, Ok(false));
    let value = vec![0, 255, b'\r', b'\n'];
    stores.set(default, "a", value.clone()).await.unwrap();
    assert_eq!(stores.get(default, "a").await, Ok(Some(value)));
    assert_eq!(stores.exists(default, "a").await, Ok(true));
    assert_eq!(stores.keys(default).await, Ok(vec!["a".to_owned()]));
    stores.set(default, "a", Vec::new()).await.unwrap();
    assert_eq!(stores.get(default, "a").await, Ok(Some(Vec::new())));
    stores.delete(default, "a").await.unwrap();
    stores.delete(default, "a").await.unwrap();
    assert_eq!(stores.exists(default, "a").await, Ok(false));
    assert_eq!(stores.keys(default).await, Ok(Vec::new()));
}

#[tokio::test]
async fn keys_and_values_are_kept_as_spin_keeps_them() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    let mut raw = raw(&server);
    stores
        .set(default, "größe/a b", b"\xff\0".to_vec())
        .await
        .unwrap();
    assert_eq!(raw.get::<_, Vec<u8>>("größe/a b").unwrap(), b"\xff\0");
    stores.increment(default, "n", 258).await.unwrap();
    assert_eq!(raw.get::<_, String>("n").unwrap(), "258");
    raw.set::<_, _, ()>("m", -3).unwrap();
    assert_eq!(stores.increment(default, "m", 0).await, Ok(-3));
    assert_eq!(stores.get(default, "m").await, Ok(Some(b"-3".to_vec())));
}

#[tokio::test]
async fn several_keys_are_read_written_and_deleted_at_once() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    let keys = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let entries = [("a", 1), ("b", 2), ("a", 3)].map(|(key, n)| (key.to_owned(), vec![n]));
    stores.set_many(default, entries.into()).await.unwrap();
    let many = stores
        .get_many(default, keys(&["b", "none", "a", "b"]))
        .await;
    let expected = [
        ("b", Some(vec![2])),
        ("none", None),
        ("a", Some(vec![3])),
        ("b", Some(vec![2])),
    ];
    assert_eq!(
        many,
        Ok(expected.map(|(key, value)| (key.to_owned(), value)).into())
    );
    stores
        .delete_many(default, keys(&["a", "none", "b"]))
        .await
        .unwrap();
    assert_eq!(stores.keys(default).await, Ok(Vec::new()));

    stores.set_many(default, Vec::new()).await.unwrap();
    stores.delete_many(default, Vec::new()).await.unwrap();
    assert_eq!(stores.get_many(default, Vec::new()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_counter_counts_from_nothing_and_reading_it_makes_none() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    assert_eq!(stores.increment(default, "n", 0).await, Ok(0));
    assert_eq!(stores.exists(default, "n").await, Ok(false));
    assert_eq!(stores.increment(default, "n", 258).await, Ok(258));
    assert_eq!(stores.increment(default, "n", -300).await, Ok(-42));
    assert_eq!(stores.increment(default, "n", 0).await, Ok(-42));
}

#[tokio::test]
async fn what_is_no_counter_does_not_count() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    for text in ["seven", "", " 7", "+7", "07", "7.0", "9223372036854775808"] {
        stores.set(default, "text", text.into()).await.unwrap();
        for delta in [0, 1] {
            let refused = stores.increment(default, "text", delta).await;
            let key = "text".to_owned();
            assert_eq!(
                refused,
                Err(StoreError::NotANumber { key }),
                "{text:?} + {delta}"
            );
        }
        assert_eq!(stores.get(default, "text").await, Ok(Some(text.into())));
    }
    stores.increment(default, "n", i64::MAX).await.unwrap();
    let refused = stores.increment(default, "n", 1).await;
    assert!(
        matches!(refused, Err(StoreError::CounterOverflow { .. })),
        "{refused:?}"
    );
    assert_eq!(stores.increment(default, "n", 0).await, Ok(i64::MAX));
}

#[tokio::test]
async fn what_is_no_value_is_refused_by_every_operation() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    raw(&server).lpush::<_, _, ()>("list", "x").unwrap();
    let refusals = [
        stores.get(default, "list").await.unwrap_err(),
        stores.increment(default, "list", 0).await.unwrap_err(),
        stores.increment(default, "list", 1).await.unwrap_err(),
        stores
            .compare_and_swap(default, "list", Some(b"x".to_vec()), Vec::new())
            .await
            .unwrap_err(),
    ];
    for refusal in refusals {
        let told = refusal.to_string();
        assert!(matches!(refusal, StoreError::Refused(_)), "{told}");
        assert!(told.contains("wrong kind of value"), "{told}");
    }
    let many = stores.get_many(default, vec!["list".to_owned()]).await;
    assert_eq!(many, Ok(vec![("list".to_owned(), None)]));
    let swap = stores
        .compare_and_swap(default, "list", None, Vec::new())
        .await;
    assert_eq!(swap, Ok(Swap::Changed), "something is there");
}

#[tokio::test]
async fn keys_that_are_no_text_are_not_listed() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    raw(&server).set::<_, _, ()>(b"\xff", 1).unwrap();
    stores.set(default, "a", vec![1]).await.unwrap();
    assert_eq!(stores.keys(default).await, Ok(vec!["a".to_owned()]));
}

#[tokio::test]
async fn all_of_many_keys_are_listed_once() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    let names: HashSet<String> = (0..5_000).map(|n| format!("key-{n}")).collect();
    let entries = names.iter().map(|name| (name.clone(), vec![1])).collect();
    stores.set_many(default, entries).await.unwrap();
    let listed = stores.keys(default).await.unwrap();
    assert_eq!(listed.len(), names.len());
    assert_eq!(listed.into_iter().collect::<HashSet<_>>(), names);
}

#[tokio::test]
async fn stores_with_prefixes_share_a_server_without_meeting() {
    let server = server();
    let url = server.url();
    // Prefixes that would match much if they were patterns.
    let (rates, odd) = (&label("rates"), &label("odd"));
    let stores = Stores::open([
        (rates.clone(), on_redis(&url, "rates:")),
        (odd.clone(), on_redis(&url, "[r]*?\\^-")),
    ])
    .unwrap();
    stores.set(rates, "a", vec![1]).await.unwrap();
    stores.set(odd, "a", vec![2]).await.unwrap();
    stores.increment(rates, "n", 1).await.unwrap();
    stores.increment(odd, "n", 2).await.unwrap();
    for (store, n) in [(rates, 1), (odd, 2)] {
        assert_eq!(stores.get(store, "a").await, Ok(Some(vec![n])));
        assert_eq!(stores.increment(store, "n", 0).await, Ok(i64::from(n)));
        let listed = stores.keys(store).await.unwrap();
        assert_eq!(listed, ["a", "n"]);
        let many = stores.get_many(store, vec!["a".to_owned()]).await;
        assert_eq!(many, Ok(vec![("a".to_owned(), Some(vec![n]))]));
    }
    assert_eq!(raw(&server).get::<_, Vec<u8>>("rates:a").unwrap(), [1]);
    stores.delete(rates, "a").await.unwrap();
    assert_eq!(stores.get(odd, "a").await, Ok(Some(vec![2])));
}

#[tokio::test]
async fn a_swap_happens_only_if_nothing_has_changed() {
    let server = server();
    let (stores, default) = (stores(&server), &default());
    let swap = async |expected: Option<&[u8]>, value: &[u8]| {
        let expected = expected.map(<[u8]>::to_vec);
        let swapped = stores.compare_and_swap(default, "a", expected, value.to_vec());
        swapped.await.unwrap()
    };
    assert_eq!(swap(Some(b""), b"1").await, Swap::Changed);
    assert_eq!(swap(None, b"1").await, Swap::Done);
    assert_eq!(swap(None, b"2").await, Swap::Changed);
    assert_eq!(swap(Some(b"2"), b"3").await, Swap::Changed);
    assert_eq!(stores.get(default, "a").await, Ok(Some(b"1".to_vec())));
    assert_eq!(swap(Some(b"1"), b"\0\xff").await, Swap::Done);
    assert_eq!(swap(Some(b"\0\xff"), b"2").await, Swap::Done);
    assert_eq!(stores.get(default, "a").await, Ok(Some(b"2".to_vec())));
}

#[tokio::test]
async fn of_many_swaps_at_once_one_wins() {
    let server = server();
    let (one, other) = (stores(&server), stores(&server));
    let default = &default();
    for expected in [None, Some(b"start".to_vec())] {
        if let Some(start) = &expected {
            one.set(default, "a", start.clone()).await.unwrap();
        }
        let swaps = (0..64u8).map(|n| {
            let stores = if n % 2 == 0 { &one } else { &other };
            stores.compare_and_swap(default, "a", expected.clone(), vec![n])
        });
        let done = join_all(swaps).await;
        let count = |swap| done.iter().filter(|done| **done == Ok(swap)).count();
        assert_eq!((count(Swap::Done), count(Swap::Changed)), (1, 63));
    }
}

/// Each worker thread of each of two hosts has a connection of its own.
#[test]
fn increments_from_two_hosts_and_many_threads_are_exact() {
    let server = server();
    let hosts = [stores(&server), stores(&server)];
    let threads: Vec<_> = (0..4)
        .map(|n| {
            let stores = hosts[n % 2].clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                let counting = async {
                    let default = default();
                    let ones = (0..2_000).map(|_| stores.increment(&default, "n", 1));
                    join_all(ones)
                        .await
                        .into_iter()
                        .collect::<Result<Vec<_>, _>>()
                };
                runtime.unwrap().block_on(counting).unwrap()
            })
        })
        .collect();
    let seen: Vec<i64> = threads
        .into_iter()
        .flat_map(|thread| thread.join().unwrap())
        .collect();
    let different: HashSet<i64> = seen.iter().copied().collect();
    assert_eq!(
        different.len(),
        8_000,
        "every caller saw a value of its own"
    );
    assert_eq!(seen.into_iter().max(), Some(8_000));
    let clients: String = redis::cmd("CLIENT")
        .arg("LIST")
        .query(&mut raw(&server))
        .unwrap();
    assert!(
        clients.lines().count() <= 5,
        "one connection for each thread:\n{clients}"
    );
}

#[tokio::test]
async fn a_password_is_used_and_never_shown() {
    let server = RedisServer::start_with(&["--requirepass", "hunter2"]).unwrap();
    let default = &default();
    let on = |login: &str| {
        let url = format!("redis://{login}127.0.0.1:{}", server.address().port());
        Stores::open([(default.clone(), on_redis(&url, ""))]).unwrap()
    };
    let known = on(":hunter2@");
    known.set(default, "a", vec![1]).await.unwrap();
    assert_eq!(known.get(default, "a").await, Ok(Some(vec![1])));
    assert!(!format!("{known:?}").contains("hunter2"));
    for stranger in ["", ":hunter3@", "me:hunter3@"] {
        let told = on(stranger)
            .get(default, "a")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            told.contains(&format!("127.0.0.1:{}", server.address().port())),
            "{told}"
        );
        assert!(!told.contains("hunter"), "{told}");
        assert!(
            told.to_lowercase().contains("auth") || told.contains("password"),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_server_is_reached_by_its_socket_too() {
    let server = RedisServer::start_with(&["--unixsocket", "redis.sock"]).unwrap();
    let default = &default();
    let url = format!(
        "unix://{}?db=1",
        server.folder().join("redis.sock").display()
    );
    let stores = Stores::open([(default.clone(), on_redis(&url, ""))]).unwrap();
    stores.set(default, "a", vec![1]).await.unwrap();
    assert_eq!(stores.get(default, "a").await, Ok(Some(vec![1])));
    assert!(
        !raw(&server).exists::<_, bool>("a").unwrap(),
        "another database"
    );
}

#[tokio::test]
async fn what_does_not_fit_into_the_servers_memory_is_refused() {
    let server =
        RedisServer::start_with(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"])
            .unwrap();
    let (stores, default) = (stores(&server), &default());
    stores.set(default, "a", vec![1]).await.unwrap();
    let mut refused = None;
    for n in 0..8 {
        if let Err(error) = stores.set(default, format!("k{n}"), vec![0; 1 << 20]).await {
            refused = Some(error);
        }
    }
    assert!(
        matches!(refused, Some(StoreError::Refused(_))),
        "{refused:?}"
    );
    assert_eq!(
        stores.get(default, "a").await,
        Ok(Some(vec![1])),
        "reads go on"
    );
}
