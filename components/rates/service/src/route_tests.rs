//! What tests of routes share: a service on a fake world, with a board if they give one.

use crate::adapters::{
    Adapters, Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Scope,
};
use crate::fixture::{self, provider};
use crate::routes;
use crate::service::Service;
use crate::settings::Settings;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::clock::Clock;
use edge_rates_kit::fake::World;
use edge_rates_kit::recorder::Recorder;
use edge_rates_kit::request::Request;
use edge_rates_kit::stored;
use edge_rates_quotes::{Board, Currency, Millis, Price, Quote, Version};
use futures::executor::block_on;
use serde_json::Value;
use std::rc::Rc;

/// Adapters for no upstream that answers.
#[derive(Debug)]
pub(crate) struct Silent;

impl Adapters for Silent {
    fn describe(&self) -> Vec<Provider> {
        vec![provider("silent", Scope::Market)]
    }

    fn request(&self, _: &str, _: &Endpoint, _: &[Pair]) -> Result<Vec<HttpRequest>, Error> {
        Err(Error::UnsupportedPair("none".into()))
    }

    fn parse(
        &self,
        _: &str,
        _: &[Pair],
        _: &HttpResponse,
    ) -> Result<Vec<crate::adapters::Quote>, Error> {
        Err(Error::Malformed("nothing was asked".into()))
    }
}

/// A price on the board.
pub(crate) fn quote(asset: &str, currency: &str, price: &str) -> Quote {
    let currency = Currency::parse(currency).unwrap();
    Quote::new(asset, currency, Price::parse(price).unwrap())
}

/// A service with these settings, and with a board of these quotes that was fetched just now.
/// Without quotes nothing is stored.
pub(crate) fn service(
    assets: &str,
    currencies: &str,
    quotes: &[Quote],
) -> Rc<Service<World, Silent>> {
    let world = World::new();
    let own = [("assets", assets), ("currencies", currencies)];
    fixture::set(&world, &["silent"], &own);
    let settings = block_on(Settings::read(&world, &Silent)).unwrap();
    if !quotes.is_empty() {
        let now: Millis = world.now();
        let version = Version::from(now);
        let board = Board::new(version, now, "test", "By the test", quotes.to_vec());
        let head = settings.policy.head(version, now, 0, "test", 0);
        block_on(stored::put(&world, &head, &board)).unwrap();
    }
    let recorder = Recorder::new("local");
    Rc::new(Service::new(world, Silent, settings, recorder))
}

/// The answer to GET `target`.
pub(crate) fn get(service: &Rc<Service<World, Silent>>, target: &str) -> Answer {
    let head = http::Request::get(target).body(()).unwrap().into_parts().0;
    let request = Request::from_parts(head, &service.world);
    let routed = block_on(routes::answer(Ok(service), &request));
    routed.answer.for_request(&request)
}

/// Its body.
pub(crate) fn json(answer: &Answer) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

/// Its body as text.
pub(crate) fn text(answer: &Answer) -> &str {
    std::str::from_utf8(answer.body()).unwrap()
}
