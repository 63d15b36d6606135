//! A store on a Redis server: the operations as commands. Keys and values are kept as they are,
//! as Spin keeps them, after a prefix that tells apart the stores of one database. Connections
//! are made and kept in `server`.

mod connecting;
mod server;

use std::collections::BTreeSet;
use std::sync::Arc;

use redis::{Cmd, Value, cmd};

use crate::error::StoreError;
use crate::stores::{Found, Swap};

pub(crate) use server::Server;

/// How many keys the server looks at in one step of listing them, so that it serves others in
/// between.
const SCAN_STEP: usize = 1_000;

/// Puts `ARGV[2]` under `KEYS[1]` if `ARGV[1]` is there. The server runs nothing else meanwhile.
const COMPARE_AND_SWAP: &str = "if redis.call('GET', KEYS[1]) == ARGV[1] then \
     redis.call('SET', KEYS[1], ARGV[2]) return 1 else return 0 end";

/// One store on a server.
#[derive(Clone)]
pub(crate) struct RedisStore {
    server: Arc<Server>,
    prefix: String,
}

impl RedisStore {
    pub(crate) fn new(server: Arc<Server>, prefix: String) -> Self {
        Self { server, prefix }
    }

    /// The server that the store is on.
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let reply = self.run(cmd("GET").arg(self.name(key))).await?;
        self.value(reply)
    }

    pub(crate) async fn exists(&self, key: &str) -> Result<bool, StoreError> {
        let reply = self.run(cmd("EXISTS").arg(self.name(key))).await?;
        Ok(self.number(&reply)? > 0)
    }

    /// Lists the keys that can be named in UTF-8; nothing can be done with others.
    pub(crate) async fn keys(&self) -> Result<Vec<String>, StoreError> {
        let pattern = format!("{}*", escaped(&self.prefix));
        // The server may give a key more than once.
        let mut keys = BTreeSet::new();
        let mut cursor = b"0".to_vec();
        loop {
            let mut scan = cmd("SCAN");
            scan.arg(&cursor).arg("COUNT").arg(SCAN_STEP);
            if !self.prefix.is_empty() {
                scan.arg("MATCH").arg(&pattern);
            }
            let (next, found) = match self.run(&scan).await? {
                Value::Array(parts) => match <[Value; 2]>::try_from(parts) {
                    Ok([Value::BulkString(next), Value::Array(found)]) => (next, found),
                    _ => return Err(self.misunderstood()),
                },
                _ => return Err(self.misunderstood()),
            };
            for key in found {
                let Value::BulkString(bytes) = key else {
                    return Err(self.misunderstood());
                };
                let name = String::from_utf8(bytes).ok();
                let key = name
                    .as_deref()
                    .and_then(|name| name.strip_prefix(&self.prefix));
                keys.extend(key.map(str::to_owned));
            }
            if next == b"0" {
                return Ok(keys.into_iter().collect());
            }
            cursor = next;
        }
    }

    pub(crate) async fn get_many(&self, keys: Vec<String>) -> Result<Found, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut mget = cmd("MGET");
        for key in &keys {
            mget.arg(self.name(key));
        }
        let Value::Array(values) = self.run(&mget).await? else {
            return Err(self.misunderstood());
        };
        if values.len() != keys.len() {
            return Err(self.misunderstood());
        }
        keys.into_iter()
            .zip(values)
            .map(|(key, value)| Ok((key, self.value(value)?)))
            .collect()
    }

    pub(crate) async fn set_many(&self, entries: Vec<(String, Vec<u8>)>) -> Result<(), StoreError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut mset = cmd("MSET");
        for (key, value) in &entries {
            mset.arg(self.name(key)).arg(value);
        }
        self.run(&mset).await.map(drop)
    }

    pub(crate) async fn delete_many(&self, keys: Vec<String>) -> Result<(), StoreError> {
        if keys.is_empty() {
            return Ok(());
        }
        let mut del = cmd("DEL");
        for key in &keys {
            del.arg(self.name(key));
        }
        self.run(&del).await.map(drop)
    }

    pub(crate) async fn increment(&self, key: String, delta: i64) -> Result<i64, StoreError> {
        // Adding nothing is how counters are read; it makes none.
        if delta == 0 {
            let value = self.get(&key).await?;
            return value.map_or(Ok(0), |bytes| {
                counter(&bytes).ok_or(StoreError::NotANumber { key })
            });
        }
        let mut incrby = cmd("INCRBY");
        incrby.arg(self.name(&key)).arg(delta);
        let reply = self.server.run(&incrby).await?;
        match &reply {
            Value::ServerError(error) => {
                let told = error.details().unwrap_or_default();
                // There are no codes for these; the texts are those of every version since 2.6.
                Err(if told.contains("overflow") {
                    StoreError::CounterOverflow { key, delta }
                } else if told.contains("not an integer") {
                    StoreError::NotANumber { key }
                } else {
                    self.server.refusal(error)
                })
            }
            other => self.number(other),
        }
    }

    pub(crate) async fn compare_and_swap(
        &self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Vec<u8>,
    ) -> Result<Swap, StoreError> {
        let swapped = match expected {
            None => {
                let mut set = cmd("SET");
                set.arg(self.name(&key)).arg(value).arg("NX");
                match self.run(&set).await? {
                    Value::Nil => false,
                    Value::Okay => true,
                    _ => return Err(self.misunderstood()),
                }
            }
            Some(expected) => {
                let mut eval = cmd("EVAL");
                eval.arg(COMPARE_AND_SWAP).arg(1);
                eval.arg(self.name(&key)).arg(expected).arg(value);
                self.number(&self.run(&eval).await?)? == 1
            }
        };
        Ok(if swapped { Swap::Done } else { Swap::Changed })
    }

    /// What a key is called on the server.
    fn name(&self, key: &str) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }

    async fn run(&self, command: &Cmd) -> Result<Value, StoreError> {
        match self.server.run(command).await? {
            Value::ServerError(error) => Err(self.server.refusal(&error)),
            reply => Ok(reply),
        }
    }

    fn value(&self, reply: Value) -> Result<Option<Vec<u8>>, StoreError> {
        match reply {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(bytes)),
            _ => Err(self.misunderstood()),
        }
    }

    fn number(&self, reply: &Value) -> Result<i64, StoreError> {
        match reply {
            Value::Int(number) => Ok(*number),
            _ => Err(self.misunderstood()),
        }
    }

    fn misunderstood(&self) -> StoreError {
        StoreError::Refused(format!(
            "{} gave a reply that Redis does not give to this command",
            self.server
        ))
    }
}

/// The number that the server would count on from: in digits, as it writes numbers itself.
fn counter(bytes: &[u8]) -> Option<i64> {
    let number: i64 = std::str::from_utf8(bytes).ok()?.parse().ok()?;
    (number.to_string().as_bytes() == bytes).then_some(number)
}

/// A pattern of `SCAN` that matches this text only.
fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {:?}", self.server, self.prefix)
    }
}
