//! Key-value stores as the Spin SDK gives them (`spin:key-value@3.0.0`).

use spin_sdk::http::StatusCode;
use spin_sdk::key_value::{Error, Store};

use crate::answer::{self, Answer};
use crate::query::Query;

/// `op` (`get`, `set`, `delete`, `exists` or `keys`) on `key` of `store` (`default` unless
/// told). An error of the store is a 500 with its `Debug` text; an absent key is a 404.
pub(crate) async fn operate(query: &Query) -> Answer {
    let label = query.text("store").unwrap_or("default");
    let store = match Store::open(label).await {
        Ok(store) => store,
        Err(error) => return answer::failed(&error),
    };
    perform(&store, query)
        .await
        .unwrap_or_else(|error| answer::failed(&error))
}

async fn perform(store: &Store, query: &Query) -> Result<Answer, Error> {
    let operation = query.text("op").unwrap_or_default();
    if operation == "keys" {
        let mut keys = store.get_keys().await.collect().await?;
        keys.sort();
        return Ok(answer::text(keys.join("\n")));
    }
    let Some(key) = query.text("key") else {
        return Ok(answer::missing("key"));
    };
    Ok(match operation {
        "get" => match store.get(key).await? {
            Some(value) => answer::text(value),
            None => answer::with_status(StatusCode::NOT_FOUND, ""),
        },
        "set" => {
            let value = query.text("value").unwrap_or_default();
            store.set(key, value).await?;
            answer::text("ok")
        }
        "delete" => {
            store.delete(key).await?;
            answer::text("ok")
        }
        "exists" => answer::text(store.exists(key).await?.to_string()),
        _ => answer::missing("op=get|set|delete|exists|keys"),
    })
}
