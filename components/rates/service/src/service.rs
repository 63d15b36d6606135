//! What the routes work with: the world, the settings, and this instance's memory.

use crate::admission::Admission;
use crate::lacking::Lacking;
use crate::lists::Lists;
use crate::memo::Memo;
use crate::rendered::Shelf;
use crate::routes::providers::Listing;
use crate::settings::Settings;
use crate::watch::Watch;
use edge_rates_kit::recorder::Recorder;
use std::rc::Rc;

/// The rates service of one instance.
#[derive(Debug)]
pub struct Service<W, A> {
    pub(crate) world: W,
    pub(crate) adapters: A,
    pub(crate) settings: Settings,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) memo: Memo,
    pub(crate) shelf: Shelf,
    pub(crate) watch: Watch,
    pub(crate) admission: Option<Admission>,
    pub(crate) lacking: Lacking,
    pub(crate) lists: Lists,
    pub(crate) listing: Listing,
}

impl<W, A> Service<W, A> {
    /// A service that remembers nothing yet. `recorder` gets what it counts.
    pub fn new(world: W, adapters: A, settings: Settings, recorder: Rc<Recorder>) -> Self {
        Self {
            admission: Admission::of(&settings.terms),
            world,
            adapters,
            recorder,
            memo: Memo::new(settings.asked_with),
            shelf: Shelf::default(),
            watch: Watch::default(),
            lacking: Lacking::default(),
            lists: Lists::default(),
            listing: Listing::default(),
            settings,
        }
    }
}
