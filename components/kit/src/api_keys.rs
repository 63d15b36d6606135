//! Keys that clients have to show, where a deployment wants that.

use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

type Hash = [u8; 32];

/// The keys that are accepted, as their SHA-256 hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeys(Vec<Named>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    name: String,
    hash: Hash,
}

impl ApiKeys {
    /// Reads a comma-separated list of `name:key`, `name:<SHA-256 of the key in hex>`, or such a
    /// hash alone. None if it is empty: then no key is asked for.
    ///
    /// # Errors
    /// Which entry is wrong, without showing it.
    pub fn parse(text: &str) -> Result<Option<ApiKeys>, String> {
        let mut keys: Vec<Named> = Vec::new();
        let entries = text
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty());
        for (place, entry) in entries.enumerate() {
            let number = place + 1;
            let (name, key) = match entry.split_once(':') {
                Some((name, key)) => (name.trim().to_owned(), key.trim()),
                None if from_hex(entry).is_some() => (format!("key-{number}"), entry),
                None => {
                    return Err(format!(
                        "entry {number} is neither `name:key` nor the SHA-256 of a key as 64 hex digits"
                    ));
                }
            };
            if name.is_empty() || key.is_empty() || !is_plain(&name) {
                return Err(format!(
                    "entry {number} needs a name of letters, digits, - and _, and a key, as `name:key`"
                ));
            }
            if keys.iter().any(|known| known.name == name) {
                return Err(format!("entry {number} has the name of an earlier one"));
            }
            let hash = from_hex(key).unwrap_or_else(|| hash(key));
            keys.push(Named { name, hash });
        }
        Ok((!keys.is_empty()).then_some(ApiKeys(keys)))
    }

    /// The name of a key, if it is accepted. How long that takes tells nothing about the keys.
    pub fn name_of(&self, shown: &str) -> Option<&str> {
        let shown = hash(shown);
        let (mut found, mut place) = (Choice::from(0), 0u32);
        for (number, known) in (0u32..).zip(&self.0) {
            let is_it = known.hash.ct_eq(&shown);
            place.conditional_assign(&number, is_it);
            found |= is_it;
        }
        let known = self.0.get(usize::try_from(place).ok()?)?;
        bool::from(found).then_some(known.name.as_str())
    }
}

/// Names stand in keys of the store.
fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    name.len() <= 64 && name.bytes().all(is_plain)
}

fn hash(key: &str) -> Hash {
    Sha256::digest(key.as_bytes()).into()
}

fn from_hex(text: &str) -> Option<Hash> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        // The parser would take a sign too.
        if !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of `abc`, from FIPS 180-2 appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_key_is_known_by_itself_or_by_its_hash() {
        let keys = ApiKeys::parse(&format!("shop:secret-1, app:{ABC} ,{ABC}"))
            .unwrap()
            .unwrap();
        assert_eq!(keys.name_of("secret-1"), Some("shop"));
        assert!(keys.name_of("abc").is_some());
        for wrong in [
            "",
            "secret",
            "secret-11",
            "Secret-1",
            "shop",
            "shop:secret-1",
            ABC,
        ] {
            assert_eq!(keys.name_of(wrong), None, "{wrong}");
        }
        let alone = ApiKeys::parse(ABC).unwrap().unwrap();
        assert_eq!(alone.name_of("abc"), Some("key-1"));
    }

    #[test]
    fn without_keys_none_is_asked_for() {
        assert_eq!(ApiKeys::parse(" , ").unwrap(), None);
    }

    #[test]
    fn what_is_wrong_is_told_without_showing_a_key() {
        for text in [
            "a:ok1,hunter2",
            "a:ok1,hunt er:x",
            "a:ok1,a:hunter2",
            "a:ok1,:hunter2",
            "a:ok1,b:",
        ] {
            let error = ApiKeys::parse(text).unwrap_err();
            assert!(error.contains("entry 2"), "{error}");
            assert!(!error.contains("hunter"), "{error}");
        }
    }
}
