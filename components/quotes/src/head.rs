//! The summary of the stored board that is read often: which board it is and until when it is
//! good. It is about a hundred bytes, so that nobody reads the board to learn that it is old.

use crate::board::DecodeError;
use crate::millis::Millis;
use crate::version::Version;

/// First word of the stored form. Another form gets another word.
const FORM: &str = "1";

/// Which board is stored, and until when it is good.
///
/// [`Policy::head`](crate::freshness::Policy::head) makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The stored board's version.
    pub version: Version,
    /// When the board was fetched.
    pub fetched: Millis,
    /// From then on a refresh is due.
    pub fresh_until: Millis,
    /// From then on the board is not served any more.
    pub refused_from: Millis,
    /// How long fetching it took, in milliseconds.
    pub cost_ms: u64,
    /// Who told its prices: `coingecko`.
    pub source: String,
}

impl Head {
    /// The stored form: words in the order of the fields, the source last, as it may have
    /// spaces.
    pub fn encode(&self) -> Vec<u8> {
        let Head {
            version,
            fetched: Millis(fetched),
            fresh_until: Millis(fresh_until),
            refused_from: Millis(refused_from),
            cost_ms,
            source,
        } = self;
        format!("{FORM} {version} {fetched} {fresh_until} {refused_from} {cost_ms} {source}")
            .into_bytes()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// [`DecodeError::Head`] for anything else, and if its times contradict each other.
    pub fn decode(bytes: &[u8]) -> Result<Head, DecodeError> {
        let text = str::from_utf8(bytes).map_err(|_| DecodeError::Head("it is not UTF-8"))?;
        let Some(head) = parse(text) else {
            return Err(DecodeError::Head("it is not of the form 1"));
        };
        if head.fetched > head.fresh_until || head.fresh_until > head.refused_from {
            return Err(DecodeError::Head("its times are not in order"));
        }
        Ok(head)
    }
}

fn parse(text: &str) -> Option<Head> {
    let mut words = text.splitn(7, ' ');
    words.next().filter(|form| *form == FORM)?;
    let version = words.next()?.parse().ok()?;
    let mut number = || words.next()?.parse().ok();
    Some(Head {
        version,
        fetched: Millis(number()?),
        fresh_until: Millis(number()?),
        refused_from: Millis(number()?),
        cost_ms: number()?,
        source: words.next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn head() -> Head {
        Head {
            version: Version::from(Millis(1_795_225_200_000)),
            fetched: Millis(1_795_225_200_000),
            fresh_until: Millis(1_795_225_500_000),
            refused_from: Millis(1_795_311_600_000),
            cost_ms: 120,
            source: "coingecko".to_owned(),
        }
    }

    #[test]
    fn a_head_is_about_a_hundred_bytes() {
        let bytes = head().encode();
        assert!(bytes.len() <= 100, "{} bytes", bytes.len());
        assert_eq!(Head::decode(&bytes).unwrap(), head());
    }

    #[test]
    fn a_head_of_another_form_is_not_guessed_at() {
        let good = String::from_utf8(head().encode()).unwrap();
        let unknown = good.replacen('1', "2", 1);
        let short = good.rsplit_once(' ').unwrap().0.to_owned();
        let signed = good.replace(" 120 ", " -120 ");
        for text in [unknown, short, signed, String::new(), format!(" {good}")] {
            let error = Head::decode(text.as_bytes()).unwrap_err();
            assert!(matches!(error, DecodeError::Head(_)), "{text}");
        }
    }

    #[test]
    fn a_head_whose_times_contradict_each_other_is_refused() {
        for (fetched, fresh_until, refused_from) in [(2, 1, 3), (1, 3, 2)] {
            let head = Head {
                fetched: Millis(fetched),
                fresh_until: Millis(fresh_until),
                refused_from: Millis(refused_from),
                ..head()
            };
            assert!(Head::decode(&head.encode()).is_err(), "{head:?}");
        }
    }

    proptest! {
        #[test]
        fn a_head_reads_back(mut times: [u64; 3], version: u64, cost_ms: u64, source: String) {
            times.sort_unstable();
            let [fetched, fresh_until, refused_from] = times.map(Millis);
            let version = Version::from(Millis(version));
            let head = Head { version, fetched, fresh_until, refused_from, cost_ms, source };
            prop_assert_eq!(Head::decode(&head.encode()).unwrap(), head);
        }

        #[test]
        fn junk_bytes_never_panic(bytes: Vec<u8>, text in "1( [0-9a-z]{0,22}){0,8}") {
            prop_assert!(Head::decode(&bytes).is_err());
            let _ = Head::decode(text.as_bytes());
        }
    }
}
