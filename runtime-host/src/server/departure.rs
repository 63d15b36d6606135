//! How far a host is on its way out. First it says that it is not ready while it goes on serving
//! everybody, so that load balancers leave it before they have to; then it drains.

use std::sync::atomic::{AtomicU8, Ordering};

const NOT_BEGUN: u8 = 0;
const LEAVING: u8 = 1;
const DRAINING: u8 = 2;

/// A host's way out, which is only ever gone forward. Every core looks at it with every answer.
#[derive(Debug, Default)]
pub(crate) struct Departure(AtomicU8);

impl Departure {
    /// From now on the host is not ready, and every answer is the last of its connection.
    pub(crate) fn begin(&self) {
        self.0.fetch_max(LEAVING, Ordering::Relaxed);
    }

    /// From now on what has no end of its own is ended too.
    pub(crate) fn drain(&self) {
        self.0.fetch_max(DRAINING, Ordering::Relaxed);
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed) != NOT_BEGUN
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.0.load(Ordering::Relaxed) == DRAINING
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_no_way_back() {
        let departure = Departure::default();
        assert!(!departure.has_begun() && !departure.is_draining());
        departure.begin();
        assert!(departure.has_begun() && !departure.is_draining());
        departure.drain();
        departure.begin();
        assert!(departure.has_begun() && departure.is_draining());
    }
}
