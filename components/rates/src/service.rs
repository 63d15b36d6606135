//! What the routes work with: the world, the settings, and this instance's memory.

use crate::adapters::{Adapters, Composed};
use crate::memo::Memo;
use crate::settings::Settings;
use edge_rates_kit::log;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::spin;
use serde_json::json;
use std::cell::OnceCell;
use std::rc::Rc;

/// The rates service of one instance.
#[derive(Debug)]
pub(crate) struct Service<W, A> {
    pub(crate) world: W,
    pub(crate) adapters: A,
    pub(crate) settings: Settings,
    pub(crate) recorder: Rc<Recorder>,
    pub(crate) memo: Memo,
}

/// The service under Spin.
pub(crate) type OfInstance = Service<spin::World, Composed>;

thread_local! {
    static SERVICE: OnceCell<Rc<OfInstance>> = const { OnceCell::new() };
}

impl OfInstance {
    /// This instance's service, made by the first request.
    ///
    /// # Errors
    /// A 500 problem if a setting makes no sense; the log names it.
    pub(crate) async fn of_instance(
        world: &spin::World,
        recorder: &Rc<Recorder>,
    ) -> Result<Rc<OfInstance>, Problem> {
        if let Some(service) = SERVICE.with(|cell| cell.get().cloned()) {
            return Ok(service);
        }
        let settings = Settings::read(world, &Composed.describe()).await;
        let settings = settings.map_err(|error| {
            log::warning(json!({"event": "wrong setting", "detail": error.to_string()}));
            let detail =
                "A setting of this deployment is wrong; its operator finds in the log which.";
            Problem::misconfigured(detail.to_owned())
        })?;
        let made = Rc::new(Service {
            world: *world,
            adapters: Composed,
            settings,
            recorder: Rc::clone(recorder),
            memo: Memo::default(),
        });
        // Requests that came at the same time share the first one's service, and so its memory.
        Ok(SERVICE.with(|cell| Rc::clone(cell.get_or_init(|| made))))
    }
}
