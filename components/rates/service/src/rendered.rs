//! Answers that this instance has rendered, by the request's target, for as long as the board
//! that they were made from is the current one: popular questions are parsed, computed and
//! written as JSON, and compressed, once per board and instance, not once per request. What
//! changes from request to request, such as the age, is not part of it.

use edge_rates_kit::answer::Validators;
use edge_rates_kit::coding::Forms;
use edge_rates_quotes::Version;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The most that is kept, in bytes of targets and bodies. Beyond it everything is forgotten and
/// begun anew: only unusual questions come in such numbers. The whole board of 250 assets in 60
/// currencies takes 3.4 MB with its compressed copies.
const MOST_BYTES: usize = 8 << 20;

/// Media type of most answers (RFC 8259 §11).
pub(crate) const JSON: &str = "application/json";

/// What each kept answer counts beside its own bytes.
const OVERHEAD: usize = 256;

/// The part of an answer that stays the same while the board does.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) media_type: &'static str,
    pub(crate) body: Forms,
    pub(crate) validators: Validators,
    /// The answer says that it is stale.
    pub(crate) is_stale: bool,
    pub(crate) of: State,
}

/// The state of the cache that an answer was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) version: Version,
    /// The whole board was served as stale.
    pub(crate) is_stale: bool,
}

impl State {
    /// Whether `other` is news to whoever knows this one: a later board, or the same one turned
    /// stale.
    pub(crate) fn is_before(self, other: State) -> bool {
        self.version < other.version
            || self.version == other.version && other.is_stale && !self.is_stale
    }
}

/// The answers that are kept.
#[derive(Debug, Default)]
pub(crate) struct Shelf(RefCell<Kept>);

#[derive(Debug, Default)]
struct Kept {
    of: Option<State>,
    by_target: HashMap<String, Rc<Rendered>>,
    bytes: usize,
}

impl Shelf {
    /// The last answer to this target, which may be outdated.
    pub(crate) fn find(&self, target: &str) -> Option<Rc<Rendered>> {
        self.0.borrow().by_target.get(target).cloned()
    }

    /// Keeps an answer, and only those that are of the same state.
    pub(crate) fn keep(&self, target: &str, rendered: &Rc<Rendered>) {
        let bytes = target.len() + rendered.body.bytes() + OVERHEAD;
        if bytes > MOST_BYTES {
            return;
        }
        let mut kept = self.0.borrow_mut();
        if kept.of != Some(rendered.of) || kept.bytes + bytes > MOST_BYTES {
            *kept = Kept {
                of: Some(rendered.of),
                ..Kept::default()
            };
        }
        kept.bytes += bytes;
        kept.by_target
            .insert(target.to_owned(), Rc::clone(rendered));
    }

    /// Notes that what is kept has grown by a compressed copy.
    pub(crate) fn grow(&self, bytes: usize) {
        let mut kept = self.0.borrow_mut();
        kept.bytes += bytes;
        if kept.bytes > MOST_BYTES {
            *kept = Kept::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_quotes::Millis;

    fn rendered(version: u64, bytes: usize) -> Rc<Rendered> {
        Rc::new(Rendered {
            media_type: JSON,
            body: Forms::new(vec![b'x'; bytes]),
            validators: Validators::new("\"tag\"".to_owned(), None),
            is_stale: false,
            of: State {
                version: Version::from(Millis(version)),
                is_stale: false,
            },
        })
    }

    #[test]
    fn a_new_board_ends_the_answers_of_the_old_one() {
        let shelf = Shelf::default();
        shelf.keep("/a", &rendered(1, 10));
        shelf.keep("/b", &rendered(1, 10));
        assert!(shelf.find("/a").is_some());
        shelf.keep("/b", &rendered(2, 10));
        assert!(shelf.find("/a").is_none());
        assert!(shelf.find("/b").is_some());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let shelf = Shelf::default();
        for number in 0..100 {
            shelf.keep(&format!("/{number}"), &rendered(1, MOST_BYTES / 10));
        }
        let kept = shelf.0.borrow();
        assert!(kept.bytes <= MOST_BYTES, "{}", kept.bytes);
        assert!(kept.by_target.contains_key("/99"));
        drop(kept);
        shelf.keep("/huge", &rendered(1, MOST_BYTES));
        assert!(shelf.find("/huge").is_none());
        assert!(shelf.find("/99").is_some());
        shelf.grow(MOST_BYTES);
        assert!(shelf.find("/99").is_none());
    }
}
