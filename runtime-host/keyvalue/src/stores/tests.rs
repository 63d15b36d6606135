//! Tests of the stores: what is kept, what many writers at once come to, and what is said of a
//! file that is no store.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures::future::{join_all, try_join_all};
use proptest::prelude::*;
use rusqlite::Connection;

use super::*;
use crate::sqlite::BUSY_TIMEOUT;

fn label(label: &str) -> StoreLabel {
    label.parse().unwrap()
}

fn default() -> &'static StoreLabel {
    static DEFAULT: LazyLock<StoreLabel> = LazyLock::new(|| label("default"));
    &DEFAULT
}

/// The file behind the store `default`.
fn database(stores: &Stores) -> &Database {
    match &stores.stores[default()] {
        Store::Sqlite(store) => store.database(),
        Store::Redis(_) => panic!("it should be a file"),
    }
}

fn temporary() -> Stores {
    Stores::temporary([default().clone(), label("other")]).unwrap()
}

/// A folder for a database that is opened more than once.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("sqlite_key_value.db")
    }

    fn open(&self) -> Stores {
        Stores::sqlite(&self.file(), [default().clone()]).unwrap()
    }

    fn open_error(&self) -> String {
        Stores::sqlite(&self.file(), [default().clone()])
            .unwrap_err()
            .to_string()
    }
}

#[tokio::test]
async fn what_is_set_is_there_until_it_is_deleted() {
    let stores = temporary();
    assert_eq!(stores.get(default(), "a").await, Ok(None));
    assert_eq!(stores.exists(default(), "a").await, Ok(false));
    stores.set(default(), "a", b"1".to_vec()).await.unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(Some(b"1".to_vec())));
    assert_eq!(stores.exists(default(), "a").await, Ok(true));
    stores.set(default(), "a", Vec::new()).await.unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(Some(Vec::new())));
    assert_eq!(stores.exists(default(), "a").await, Ok(true));
    stores.delete(default(), "a").await.unwrap();
    stores.delete(default(), "a").await.unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(None));
}

#[tokio::test]
async fn stores_are_apart_though_in_one_file() {
    let stores = temporary();
    stores.set(default(), "a", b"1".to_vec()).await.unwrap();
    stores
        .set(&label("other"), "b", b"2".to_vec())
        .await
        .unwrap();
    assert_eq!(stores.get(&label("other"), "a").await, Ok(None));
    assert_eq!(stores.keys(default()).await, Ok(vec!["a".to_owned()]));
    assert_eq!(stores.keys(&label("other")).await, Ok(vec!["b".to_owned()]));
    let unknown = StoreError::NoSuchStore(label("third"));
    assert_eq!(stores.get(&label("third"), "a").await, Err(unknown.clone()));
    assert_eq!(
        stores.set(&label("third"), "a", Vec::new()).await,
        Err(unknown)
    );
}

#[tokio::test]
async fn many_keys_are_set_read_and_deleted_at_once() {
    let stores = temporary();
    let entry = |key: &str, value: &[u8]| (key.to_owned(), value.to_vec());
    stores
        .set_many(
            default(),
            vec![entry("a", b"0"), entry("b", b"2"), entry("a", b"1")],
        )
        .await
        .unwrap();
    let keys = ["b", "missing", "a", "b"].map(str::to_owned).to_vec();
    assert_eq!(
        stores.get_many(default(), keys).await,
        Ok(vec![
            ("b".to_owned(), Some(b"2".to_vec())),
            ("missing".to_owned(), None),
            ("a".to_owned(), Some(b"1".to_vec())),
            ("b".to_owned(), Some(b"2".to_vec())),
        ])
    );
    stores
        .delete_many(default(), vec!["a".to_owned(), "missing".to_owned()])
        .await
        .unwrap();
    assert_eq!(stores.keys(default()).await, Ok(vec!["b".to_owned()]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_set_at_once_is_read_at_once() {
    let stores = temporary();
    let keys: Vec<String> = (0..20).map(|n| format!("k{n}")).collect();
    let set = async |value: u8| {
        let entries = keys.iter().map(|key| (key.clone(), vec![value])).collect();
        stores.set_many(default(), entries).await.unwrap();
    };
    set(0).await;
    let reader = tokio::spawn({
        let (stores, keys) = (stores.clone(), keys.clone());
        async move {
            loop {
                let read = stores.get_many(default(), keys.clone()).await.unwrap();
                let values: Vec<_> = read.into_iter().map(|(_, value)| value.unwrap()).collect();
                assert!(
                    values.windows(2).all(|pair| pair[0] == pair[1]),
                    "{values:?}"
                );
                if values[0] == [255] {
                    return;
                }
            }
        }
    });
    for value in 1..=255 {
        set(value).await;
    }
    reader.await.unwrap();
}

#[tokio::test]
async fn a_counter_is_kept_as_spin_keeps_it() {
    let stores = temporary();
    assert_eq!(stores.increment(default(), "n", 0).await, Ok(0));
    assert_eq!(stores.exists(default(), "n").await, Ok(false));
    assert_eq!(stores.increment(default(), "n", 258).await, Ok(258));
    assert_eq!(
        stores.get(default(), "n").await,
        Ok(Some(vec![2, 1, 0, 0, 0, 0, 0, 0]))
    );
    assert_eq!(stores.increment(default(), "n", -300).await, Ok(-42));
    assert_eq!(stores.increment(default(), "n", 0).await, Ok(-42));
}

#[tokio::test]
async fn what_is_no_counter_does_not_count() {
    let stores = temporary();
    stores
        .set(default(), "text", b"seven".to_vec())
        .await
        .unwrap();
    let refused = stores.increment(default(), "text", 1).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "`text` is not a counter, because its value has 5 bytes instead of 8: delete it, or count \
         under another key"
    );
    assert_eq!(
        stores.get(default(), "text").await,
        Ok(Some(b"seven".to_vec()))
    );

    stores.increment(default(), "n", i64::MAX).await.unwrap();
    let refused = stores.increment(default(), "n", 1).await;
    assert!(matches!(
        refused,
        Err(StoreError::CounterOverflow { delta: 1, .. })
    ));
    assert_eq!(stores.increment(default(), "n", 0).await, Ok(i64::MAX));
}

#[tokio::test]
async fn a_swap_happens_only_if_nothing_has_changed() {
    let stores = temporary();
    let swap = async |expected: Option<&[u8]>, value: &[u8]| {
        let expected = expected.map(<[u8]>::to_vec);
        stores
            .compare_and_swap(default(), "a", expected, value.to_vec())
            .await
            .unwrap()
    };
    assert_eq!(swap(Some(b""), b"1").await, Swap::Changed);
    assert_eq!(swap(None, b"1").await, Swap::Done);
    assert_eq!(swap(None, b"2").await, Swap::Changed);
    assert_eq!(swap(Some(b"2"), b"3").await, Swap::Changed);
    assert_eq!(stores.get(default(), "a").await, Ok(Some(b"1".to_vec())));
    assert_eq!(swap(Some(b"1"), b"2").await, Swap::Done);
    assert_eq!(stores.get(default(), "a").await, Ok(Some(b"2".to_vec())));
}

#[tokio::test]
async fn of_many_swaps_at_once_one_wins() {
    let stores = temporary();
    let swaps = (0..64u8).map(|n| stores.compare_and_swap(default(), "a", None, vec![n]));
    let won = join_all(swaps).await;
    assert_eq!(
        won.iter().filter(|swap| **swap == Ok(Swap::Done)).count(),
        1
    );
    assert_eq!(
        won.iter()
            .filter(|swap| **swap == Ok(Swap::Changed))
            .count(),
        63
    );
}

#[tokio::test]
async fn keys_and_values_have_a_limit() {
    let stores = temporary();
    let longest = "k".repeat(MAX_KEY_BYTES);
    stores
        .set(default(), longest.clone(), b"1".to_vec())
        .await
        .unwrap();
    assert_eq!(
        stores.get(default(), &longest).await,
        Ok(Some(b"1".to_vec()))
    );
    let too_long = StoreError::KeyTooLong {
        length: MAX_KEY_BYTES + 1,
        limit: MAX_KEY_BYTES,
    };
    let longer = format!("{longest}k");
    assert_eq!(
        stores.set(default(), longer.clone(), Vec::new()).await,
        Err(too_long.clone())
    );
    assert_eq!(stores.get(default(), &longer).await, Err(too_long.clone()));
    assert_eq!(
        stores.increment(default(), longer.clone(), 1).await,
        Err(too_long.clone())
    );
    assert_eq!(stores.delete(default(), longer).await, Err(too_long));
    let value = vec![0; MAX_VALUE_BYTES + 1];
    let refused = stores.set(default(), "a", value).await;
    assert!(matches!(refused, Err(StoreError::ValueTooLong { .. })));
}

#[test]
fn a_read_is_ready_at_once() {
    let stores = temporary();
    let read = std::pin::pin!(stores.get(default(), "a"));
    let polled = read.poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(polled, Poll::Ready(Ok(None)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_writers_at_once_lose_nothing() {
    let stores = temporary();
    let writers = (0..64).map(|writer| {
        let stores = stores.clone();
        tokio::spawn(async move {
            for n in 0..50 {
                let key = format!("{writer}/{n}");
                stores
                    .set(default(), key.clone(), key.clone().into_bytes())
                    .await
                    .unwrap();
                let value = stores.get(default(), &key).await.unwrap();
                assert_eq!(
                    value,
                    Some(key.into_bytes()),
                    "an acknowledged write should be seen"
                );
            }
        })
    });
    try_join_all(writers).await.unwrap();
    assert_eq!(stores.keys(default()).await.unwrap().len(), 64 * 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_increments_at_once_add_up() {
    let stores = temporary();
    let counters = (0..100).map(|_| {
        let stores = stores.clone();
        tokio::spawn(async move {
            for _ in 0..100 {
                stores.increment(default(), "n", 1).await.unwrap();
            }
        })
    });
    try_join_all(counters).await.unwrap();
    assert_eq!(stores.increment(default(), "n", 0).await, Ok(10_000));
}

#[tokio::test]
async fn in_a_group_what_fails_fails_alone() {
    let stores = temporary();
    stores
        .set(default(), "text", b"no counter".to_vec())
        .await
        .unwrap();
    let writes = (0..200).map(|n| {
        let stores = &stores;
        async move {
            let key = if n % 2 == 0 { "n" } else { "text" };
            stores.increment(default(), key, 1).await.is_ok()
        }
    });
    let done = join_all(writes).await;
    assert_eq!(done.iter().filter(|done| **done).count(), 100);
    assert_eq!(stores.increment(default(), "n", 0).await, Ok(100));
    assert_eq!(
        stores.get(default(), "text").await,
        Ok(Some(b"no counter".to_vec()))
    );
}

#[tokio::test]
async fn a_full_disk_refuses_what_does_not_fit_and_nothing_else() {
    let stores = temporary();
    // The same error as of a full disk: the file may not grow beyond this.
    let pages = 64;
    database(&stores)
        .write(move |connection| Ok(connection.pragma_update(None, "max_page_count", pages)?))
        .await
        .unwrap();
    let big = vec![1; 1024 * 1024];
    let writes = (0..20).map(|n| {
        let value = if n == 10 { big.clone() } else { vec![2] };
        stores.set(default(), format!("k{n}"), value)
    });
    let done = join_all(writes).await;
    for (n, done) in done.iter().enumerate() {
        match n {
            10 => assert!(
                matches!(done, Err(StoreError::StoreFull { .. })),
                "{done:?}"
            ),
            _ => assert_eq!(*done, Ok(()), "write {n}"),
        }
    }
    assert_eq!(stores.keys(default()).await.unwrap().len(), 19);
    let entries = vec![("small".to_owned(), vec![3]), ("big".to_owned(), big)];
    let done = stores.set_many(default(), entries).await;
    assert!(
        matches!(done, Err(StoreError::StoreFull { .. })),
        "{done:?}"
    );
    assert_eq!(
        stores.exists(default(), "small").await,
        Ok(false),
        "all or nothing"
    );
    stores.delete(default(), "k0").await.unwrap();
    stores.set(default(), "after", vec![4]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_openings_of_one_file_count_together() {
    let folder = Folder::new();
    let (one, other) = (folder.open(), folder.open());
    let counters = (0..40).map(|n| {
        let stores = if n % 2 == 0 {
            one.clone()
        } else {
            other.clone()
        };
        tokio::spawn(async move {
            for _ in 0..50 {
                stores.increment(default(), "n", 1).await.unwrap();
            }
        })
    });
    try_join_all(counters).await.unwrap();
    assert_eq!(one.increment(default(), "n", 0).await, Ok(2_000));
    assert_eq!(other.increment(default(), "n", 0).await, Ok(2_000));
}

#[tokio::test]
async fn reopened_stores_have_kept_everything() {
    let folder = Folder::new();
    let stores = folder.open();
    for n in 0..100 {
        stores
            .set(default(), format!("k{n}"), vec![n])
            .await
            .unwrap();
    }
    drop(stores);
    let stores = folder.open();
    assert_eq!(stores.keys(default()).await.unwrap().len(), 100);
    assert_eq!(stores.get(default(), "k42").await, Ok(Some(vec![42])));
}

#[tokio::test]
async fn flushing_waits_for_writes_that_nobody_waits_for() {
    let folder = Folder::new();
    let stores = folder.open();
    let writes: Vec<_> = (0..100u8)
        .map(|n| {
            let stores = stores.clone();
            let mut write =
                Box::pin(async move { stores.set(default(), format!("k{n}"), vec![n]).await });
            // Handed in by the first poll, and left alone then.
            let _ = write.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            write
        })
        .collect();
    stores.flush().await.unwrap();
    assert_eq!(folder.open().keys(default()).await.unwrap().len(), 100);
    drop(writes);
}

#[tokio::test]
async fn a_store_moves_between_spin_and_us() {
    let folder = Folder::new();
    let spin = Connection::open(folder.file()).unwrap();
    spin.execute_batch(
        "CREATE TABLE spin_key_value (
           store TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (store, key)
         );
         INSERT INTO spin_key_value VALUES ('default', 'bytes', x'00ff');
         INSERT INTO spin_key_value VALUES ('default', 'text', 'hello');
         INSERT INTO spin_key_value VALUES ('default', 'n', x'0100000000000000');",
    )
    .unwrap();
    drop(spin);
    let stores = folder.open();
    assert_eq!(stores.get(default(), "bytes").await, Ok(Some(vec![0, 255])));
    assert_eq!(
        stores.get(default(), "text").await,
        Ok(Some(b"hello".to_vec()))
    );
    assert_eq!(stores.increment(default(), "n", 1).await, Ok(2));
    stores.set(default(), "ours", vec![7]).await.unwrap();

    let spin = Connection::open(folder.file()).unwrap();
    let value: Vec<u8> = spin
        .query_row(
            "SELECT value FROM spin_key_value WHERE store = 'default' AND key = 'ours'",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(value, [7]);
}

#[tokio::test]
async fn a_file_that_is_something_else_is_left_alone() {
    let folder = Folder::new();
    let text = "Dear diary, ".repeat(1000);
    fs::write(folder.file(), &text).unwrap();
    let told = folder.open_error();
    assert!(
        told.contains("is not an SQLite database: move it away"),
        "{told}"
    );
    assert_eq!(fs::read_to_string(folder.file()).unwrap(), text);

    let folder = Folder::new();
    let other = Connection::open(folder.file()).unwrap();
    other
        .execute_batch("CREATE TABLE spin_key_value (a, b)")
        .unwrap();
    let told = folder.open_error();
    assert!(
        told.contains("lacks the columns `store`, `key` and `value`"),
        "{told}"
    );
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told() {
    let folder = Folder::new();
    // As root every folder can be written, but for those that are no real ones.
    fs::set_permissions(folder.0.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let place = match fs::write(folder.0.path().join("probe"), "") {
        Ok(()) => PathBuf::from("/proc/sqlite_key_value.db"),
        Err(_) => folder.file(),
    };
    let told = Stores::sqlite(&place, [default().clone()])
        .unwrap_err()
        .to_string();
    assert!(told.contains("cannot be written"), "{told}");
    assert!(
        told.contains("name another folder with `--state-dir`"),
        "{told}"
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    let told = Stores::sqlite(&file.path().join("x.db"), [default().clone()])
        .unwrap_err()
        .to_string();
    assert!(
        told.contains("the folder for the key-value store"),
        "{told}"
    );
}

#[tokio::test]
async fn a_file_that_another_process_keeps_locked_is_told() {
    let folder = Folder::new();
    let stores = folder.open();
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    stores
        .get(default(), "a")
        .await
        .expect("reads should not wait for writers");
    let began = Instant::now();
    let writes = (0..20).map(|n| stores.set(default(), format!("k{n}"), vec![n]));
    for done in join_all(writes).await {
        let told = done.unwrap_err().to_string();
        assert!(told.contains("another process has locked"), "{told}");
    }
    assert!(
        began.elapsed() < 4 * BUSY_TIMEOUT,
        "all should wait together, not in turn"
    );

    other.execute_batch("ROLLBACK").unwrap();
    stores
        .set(default(), "a", vec![3])
        .await
        .expect("the writer should go on");
    assert_eq!(stores.get(default(), "a").await, Ok(Some(vec![3])));
}

#[tokio::test]
async fn after_a_broken_table_is_mended_reads_and_writes_go_on() {
    let folder = Folder::new();
    let stores = folder.open();
    stores.set(default(), "a", vec![1]).await.unwrap();
    let other = Connection::open(folder.file()).unwrap();
    other
        .execute_batch("ALTER TABLE spin_key_value RENAME TO gone")
        .unwrap();
    let told = stores
        .set(default(), "a", vec![2])
        .await
        .unwrap_err()
        .to_string();
    assert!(told.contains("no such table: spin_key_value"), "{told}");
    assert!(matches!(
        stores.get(default(), "a").await,
        Err(StoreError::Unavailable(_))
    ));
    other
        .execute_batch("ALTER TABLE gone RENAME TO spin_key_value")
        .unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(Some(vec![1])));
    stores.set(default(), "a", vec![3]).await.unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(Some(vec![3])));
}

#[tokio::test]
async fn readers_do_not_wait_for_a_commit_of_another_process() {
    let folder = Folder::new();
    let stores = folder.open();
    let other = Connection::open(folder.file()).unwrap();
    let mode: String = other
        .query_row("PRAGMA journal_mode", [], |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(stores.get(default(), "a").await, Ok(None));
}

#[tokio::test]
async fn the_folder_of_a_temporary_store_is_removed_with_it() {
    let stores = temporary();
    stores.set(default(), "a", vec![1]).await.unwrap();
    let file = database(&stores).path().to_owned();
    assert!(file.exists());
    drop(stores);
    assert!(!file.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_key_keeps_any_value(
        entries in prop::collection::btree_map(any::<String>(), any::<Vec<u8>>(), 0..16),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let stores = temporary();
            let written = entries.clone().into_iter().collect();
            stores.set_many(default(), written).await.unwrap();
            for (key, value) in &entries {
                prop_assert_eq!(&stores.get(default(), key).await, &Ok(Some(value.clone())));
            }
            let mut keys = stores.keys(default()).await.unwrap();
            keys.sort();
            prop_assert!(keys.iter().eq(entries.keys()));
            Ok(())
        })?;
    }

    #[test]
    fn any_value_counts_or_is_no_counter(value in any::<Vec<u8>>(), delta in any::<i64>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let stores = temporary();
            stores.set(default(), "n", value.clone()).await.unwrap();
            let sum = stores.increment(default(), "n", delta).await;
            match <[u8; 8]>::try_from(value).map(i64::from_le_bytes) {
                Ok(n) => prop_assert_eq!(sum.ok(), n.checked_add(delta)),
                Err(value) => prop_assert_eq!(
                    sum,
                    Err(StoreError::NotACounter { key: "n".to_owned(), length: value.len() })
                ),
            }
            Ok(())
        })?;
    }
}
