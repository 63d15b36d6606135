//! Whether the settings can work: the same that the rates component works by, read the same way.

use edge_rates_kit::log;
use edge_rates_kit::variables::Variables;
use edge_rates_settings::adapters::Composed;
use edge_rates_settings::{Faults, Settings};
use serde_json::json;
use std::cell::Cell;

/// What this instance knows of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    /// They were read, and work. They stay as they are.
    Good,
    /// The log says what is wrong. What could not be read may be the next time.
    Wrong,
}

thread_local! {
    static KNOWN: Cell<Known> = const { Cell::new(Known::Nothing) };
}

/// What is wrong with the settings, if anything is.
pub(crate) async fn check<W: Variables>(world: &W) -> Option<Faults> {
    let known = KNOWN.get();
    if known == Known::Good {
        return None;
    }
    let Err(faults) = Settings::read(world, &Composed).await else {
        KNOWN.set(Known::Good);
        return None;
    };
    if known == Known::Nothing {
        KNOWN.set(Known::Wrong);
        for fault in faults.iter() {
            log::warning(json!({"event": "wrong setting", "detail": fault.to_string()}));
        }
    }
    Some(faults)
}
