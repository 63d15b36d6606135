//! The stores on real files.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, in its fixtures too"
)]

use futures::future::join_all;
use proptest::prelude::*;
use runtime_host_keyvalue::{StoreError, Stores};
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

struct Fixture {
    folder: TempDir,
}

impl Fixture {
    fn new() -> Fixture {
        Fixture {
            folder: TempDir::new().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("state/sqlite_key_value.db")
    }

    fn open(&self) -> Stores {
        Stores::sqlite(&self.path(), ["default", "other"]).unwrap()
    }
}

#[tokio::test]
async fn what_is_set_is_there_after_reopening() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    stores.set("default", "key", b"value").await.unwrap();
    stores.set("other", "key", b"").await.unwrap();
    drop(stores);
    let stores = fixture.open();
    assert_eq!(
        stores.get("default", "key").await.unwrap(),
        Some(b"value".to_vec())
    );
    assert_eq!(stores.get("other", "key").await.unwrap(), Some(Vec::new()));
    assert_eq!(stores.get("default", "nothing").await.unwrap(), None);
    assert_eq!(stores.keys("default").await.unwrap(), ["key"]);
    stores.delete("default", "key").await.unwrap();
    stores.delete("default", "key").await.unwrap();
    assert!(!stores.exists("default", "key").await.unwrap());
    assert!(stores.exists("other", "key").await.unwrap());
}

#[tokio::test]
async fn a_label_that_is_not_there_is_an_error() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    let error = stores.get("defualt", "key").await.unwrap_err();
    assert_eq!(error, StoreError::NoSuchStore("defualt".into()));
    assert!(stores.set("", "key", b"").await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_increments_at_once_add_up() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    let tasks = (0..100).map(|_| {
        let stores = stores.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                stores.increment("default", "n", 1).await.unwrap();
            }
        })
    });
    join_all(tasks).await;
    assert_eq!(stores.increment("default", "n", 0).await.unwrap(), 10_000);
    let stored = stores.get("default", "n").await.unwrap().unwrap();
    assert_eq!(stored, 10_000_i64.to_le_bytes(), "Spin's encoding");
}

#[tokio::test]
async fn reading_a_counter_makes_no_key() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    assert_eq!(stores.increment("default", "n", 0).await.unwrap(), 0);
    assert!(!stores.exists("default", "n").await.unwrap());
}

#[tokio::test]
async fn a_change_that_is_refused_fails_alone() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    stores.set("default", "text", b"seven").await.unwrap();
    stores
        .set("default", "most", &i64::MAX.to_le_bytes())
        .await
        .unwrap();
    // All queued before the writer sees the first, so they share transactions.
    let results = join_all((0..90).map(|n| {
        let stores = stores.clone();
        async move {
            match n % 3 {
                0 => stores.increment("default", "text", 1).await,
                1 => stores.increment("default", "most", 1).await,
                _ => stores.increment("default", "n", 1).await,
            }
        }
    }))
    .await;
    for (n, result) in results.into_iter().enumerate() {
        match n % 3 {
            0 => assert_eq!(
                result,
                Err(StoreError::NotACounter {
                    key: "text".into(),
                    bytes: 5
                })
            ),
            1 => assert_eq!(result, Err(StoreError::Overflow("most".into()))),
            _ => assert!(result.is_ok()),
        }
    }
    assert_eq!(stores.increment("default", "n", 0).await.unwrap(), 30);
    assert_eq!(
        stores.get("default", "text").await.unwrap().unwrap(),
        b"seven"
    );
}

#[tokio::test]
async fn of_many_swaps_from_the_same_value_one_wins() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    let swaps = join_all((0..50_u8).map(|n| {
        let stores = stores.clone();
        async move {
            stores
                .compare_and_swap("default", "key", None, vec![n])
                .await
                .unwrap()
        }
    }))
    .await;
    assert_eq!(swaps.iter().filter(|swap| swap.is_ok()).count(), 1);
    let held = stores.get("default", "key").await.unwrap();
    assert!(
        swaps
            .iter()
            .filter_map(|swap| swap.as_ref().err())
            .all(|seen| *seen == held)
    );
}

#[tokio::test]
async fn two_hosts_may_share_a_file() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.open(), fixture.open());
    let writes = (0..500)
        .flat_map(|_| [&one, &two])
        .map(|stores| stores.increment("default", "n", 1));
    for result in join_all(writes).await {
        result.unwrap();
    }
    assert_eq!(one.increment("default", "n", 0).await.unwrap(), 1_000);
    one.set("default", "key", b"1").await.unwrap();
    assert_eq!(
        two.get("default", "key").await.unwrap(),
        Some(b"1".to_vec())
    );
}

#[tokio::test]
async fn a_file_that_spin_made_is_read_and_written() {
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.path().parent().unwrap()).unwrap();
    let spin = Connection::open(fixture.path()).unwrap();
    spin.execute_batch(
        "CREATE TABLE spin_key_value (store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key));
         INSERT INTO spin_key_value VALUES ('default', 'old', x'0102');",
    )
    .unwrap();
    let stores = fixture.open();
    assert_eq!(
        stores.get("default", "old").await.unwrap(),
        Some(vec![1, 2])
    );
    stores.set("default", "new", &[3]).await.unwrap();
    let value: Vec<u8> = spin
        .query_row(
            "SELECT value FROM spin_key_value WHERE store = 'default' AND key = 'new'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(value, [3]);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let fixture = Fixture::new();
    std::fs::create_dir_all(fixture.path().parent().unwrap()).unwrap();
    std::fs::write(
        fixture.path(),
        "a letter to a friend, long enough to be no header",
    )
    .unwrap();
    let error = Stores::sqlite(&fixture.path(), ["default"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("sqlite_key_value.db"), "{error}");
    assert!(error.contains("move it away"), "{error}");
    assert!(
        std::fs::read_to_string(fixture.path())
            .unwrap()
            .starts_with("a letter")
    );
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_named() {
    let fixture = Fixture::new();
    std::fs::write(
        fixture.folder.path().join("state"),
        "a file where a folder should be",
    )
    .unwrap();
    let error = Stores::sqlite(&fixture.path(), ["default"])
        .unwrap_err()
        .to_string();
    assert!(error.contains("choose another state directory"), "{error}");
}

#[tokio::test]
async fn a_table_that_breaks_fails_writes_and_the_writer_goes_on() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    let vandal = Connection::open(fixture.path()).unwrap();
    vandal
        .execute_batch("ALTER TABLE spin_key_value RENAME TO gone")
        .unwrap();
    let results = join_all((0..10).map(|_| stores.set("default", "key", b"1"))).await;
    assert!(
        results
            .iter()
            .all(|result| matches!(result, Err(StoreError::Unavailable(_))))
    );
    vandal
        .execute_batch("ALTER TABLE gone RENAME TO spin_key_value")
        .unwrap();
    stores.set("default", "key", b"2").await.unwrap();
    assert_eq!(
        stores.get("default", "key").await.unwrap(),
        Some(b"2".to_vec())
    );
}

#[tokio::test]
async fn oversized_keys_are_refused() {
    let fixture = Fixture::new();
    let stores = fixture.open();
    let error = stores
        .set("default", &"k".repeat(65 * 1024), b"")
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_text_is_a_key_and_any_bytes_are_a_value(key in ".*", value: Vec<u8>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let fixture = Fixture::new();
            let stores = fixture.open();
            stores.set("default", &key, &value).await.unwrap();
            assert_eq!(stores.get("default", &key).await.unwrap(), Some(value));
            assert_eq!(stores.keys("default").await.unwrap(), [key]);
        });
    }
}
