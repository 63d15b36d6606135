//! Many routes in turn, and what their answers must add up to.

use std::collections::BTreeMap;

use crate::load::{Counted, Sent};
use crate::route::Route;

/// Requests that are sent in turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix {
    /// The requests.
    pub sent: Vec<Sent>,
    /// How many of one turn are answered with each status.
    expected: BTreeMap<u16, usize>,
}

impl Mix {
    /// Each of these routes once in every turn.
    pub fn of(routes: &[Route]) -> Mix {
        let mut expected = BTreeMap::new();
        for route in routes {
            *expected.entry(route.status.as_u16()).or_insert(0) += 1;
        }
        Mix {
            sent: routes.iter().map(|route| route.sent(None)).collect(),
            expected,
        }
    }

    /// How many answers were not what they had to be. Requests are sent strictly in turn, so the
    /// number of answers of each status is known, but for those that were under way in the end.
    pub fn unexpected(&self, counted: &Counted, connections: u32) -> u64 {
        let turn = self.sent.len() as u64;
        let under_way = u64::from(connections) + turn;
        let off: u64 = counted
            .answers
            .iter()
            .map(|(status, count)| match self.expected.get(status) {
                None => *count,
                Some(share) => {
                    let due = counted.requests * (*share as u64) / turn.max(1);
                    count.saturating_sub(due + under_way)
                }
            })
            .sum();
        let missing = self
            .expected
            .keys()
            .filter(|status| counted.requests > under_way && !counted.answers.contains_key(status));
        off + missing.count() as u64
    }

    /// What went wrong, if anything did.
    pub fn wrong_in(&self, counted: &Counted, connections: u32) -> Option<String> {
        if let Some(broken) = counted.broken() {
            return Some(broken);
        }
        let unexpected = self.unexpected(counted, connections);
        let all = counted.requests;
        (unexpected > 0 || all == 0).then(|| {
            format!(
                "{unexpected} unexpected answers among {all}: {:?}",
                counted.answers
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::{CONVERT, NOT_MODIFIED, PAIR, PROBLEM};

    fn counted(answers: &str) -> Counted {
        let requests: u64 = serde_json::from_str::<BTreeMap<u16, u64>>(answers)
            .unwrap()
            .values()
            .sum();
        let text = format!(
            r#"{{"requests":{requests},"micros":1000000,"p50_us":1,"p99_us":1,"max_us":1,
                "connect":0,"read":0,"write":0,"timeout":0,"status":0,"answers":{answers}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn wrong(answers: &str) -> Option<String> {
        Mix::of(&[PAIR, CONVERT, NOT_MODIFIED, PROBLEM]).wrong_in(&counted(answers), 64)
    }

    #[test]
    fn each_route_has_its_share_of_the_answers() {
        assert_eq!(wrong(r#"{"200":50000,"304":25010,"404":24990}"#), None);
    }

    #[test]
    fn a_status_that_no_route_has_is_unexpected() {
        let wrong = wrong(r#"{"200":50000,"304":25000,"404":24999,"503":1}"#).unwrap();
        assert!(wrong.starts_with("1 unexpected"), "{wrong}");
    }

    #[test]
    fn too_many_answers_of_a_known_status_are_unexpected() {
        assert!(wrong(r#"{"200":49000,"304":25000,"404":26000}"#).is_some());
    }

    #[test]
    fn a_status_that_never_comes_is_missed() {
        assert!(wrong(r#"{"200":75000,"304":25000}"#).is_some());
    }
}
