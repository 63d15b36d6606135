//! Component: rates, conversion, and the routes of CoinGecko's API that need no history. What it
//! does is in `edge-rates-service`; here it gets the world that Spin offers.

use edge_rates_kit::http_component;
use edge_rates_kit::log;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::spin;
use edge_rates_service::adapters::Composed;
use edge_rates_service::{Service, Settings, routes};
use serde_json::json;
use spin_sdk::wasip3::http::types;
use std::cell::OnceCell;
use std::rc::Rc;

type OfInstance = Service<spin::World, Composed>;

thread_local! {
    static SERVICE: OnceCell<Rc<OfInstance>> = const { OnceCell::new() };
}

http_component!(handle);

async fn handle(request: types::Request) -> Result<types::Response, types::ErrorCode> {
    spin::serve(request, async |world, recorder, request| {
        let service = of_instance(world, recorder).await;
        routes::answer(service.as_ref(), request).await
    })
    .await
}

/// This instance's service, made by the first request.
///
/// # Errors
/// A 500 problem if settings can't work; the log names them.
async fn of_instance(
    world: &spin::World,
    recorder: &Rc<Recorder>,
) -> Result<Rc<OfInstance>, Problem> {
    if let Some(service) = SERVICE.with(|cell| cell.get().cloned()) {
        return Ok(service);
    }
    let settings = Settings::read(world, &Composed).await;
    let settings = settings.map_err(|faults| {
        for fault in faults.iter() {
            log::warning(json!({"event": "wrong setting", "detail": fault.to_string()}));
        }
        let detail =
            "A setting of this deployment is wrong; its log says which, and so does GET /ready.";
        Problem::misconfigured(detail.to_owned())
    })?;
    let made = Rc::new(Service::new(
        *world,
        Composed,
        settings,
        Rc::clone(recorder),
    ));
    // Requests that came at the same time share the first one's service, and so its memory.
    Ok(SERVICE.with(|cell| Rc::clone(cell.get_or_init(|| made))))
}
