//! Looks at the board for all streams of this instance: once a second, however many clients
//! listen. The look is the same as a request's, so the board is refreshed when it is due even if
//! nobody but streams is there to ask for it.
//!
//! Each stream sleeps by itself, and the first one that wakes up after the second looks for all.
//! One that woke the others would be simpler to read, but tasks of a component can't wake each
//! other without a cost for every request.

use crate::adapters::Adapters;
use crate::cache::{self, Served};
use crate::service::Service;
use edge_rates_kit::Capabilities;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Between two looks, and between two times that a stream wakes up.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// What was seen last.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    latest: RefCell<Option<Rc<Served>>>,
    looked_at: Cell<Option<Duration>>,
}

/// The board that is served at present, as of the last look; None if there was none.
pub(crate) async fn latest<W: Capabilities, A: Adapters + 'static>(
    service: &Rc<Service<W, A>>,
) -> Option<Rc<Served>> {
    let watch = &service.watch;
    let now = service.world.elapsed();
    let is_due = |at| now.saturating_sub(at) >= LOOK;
    if watch.looked_at.get().is_none_or(is_due) {
        // Others that come while this one looks get what was seen before.
        watch.looked_at.set(Some(now));
        let seen = cache::watched(service, now).await;
        watch.latest.replace(seen.map(Rc::new));
    }
    watch.latest.borrow().clone()
}
