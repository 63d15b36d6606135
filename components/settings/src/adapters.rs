//! The provider adapters, through the WIT contract that they are composed in by.

#[allow(
    missing_docs,
    unsafe_code,
    unreachable_pub,
    clippy::allow_attributes_without_reason,
    clippy::missing_safety_doc,
    reason = "generated from wit/provider"
)]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/provider",
        inline: "package edge-rates:settings; world upstreams { import edge-rates:provider/quotes@1.0.0; }",
        world: "edge-rates:settings/upstreams",
        generate_all,
        additional_derives: [PartialEq],
    });
}

pub use bindings::edge_rates::provider::quotes::{
    Endpoint, Error, HttpRequest, HttpResponse, Pair, Provider, Quota, Quote, Scope,
};

/// What stands between us and upstream APIs: plans requests and reads answers, sends nothing.
pub trait Adapters {
    /// The upstreams there are.
    fn describe(&self) -> Vec<Provider>;
    /// How much an upstream's terms let be asked, reached like this: as much as one likes where
    /// nothing is known of them.
    fn quota(&self, _provider: &str, _endpoint: &Endpoint) -> Quota {
        Quota {
            per_minute: None,
            per_month: None,
        }
    }
    /// The fewest requests that price `pairs`.
    fn request(
        &self,
        provider: &str,
        endpoint: &Endpoint,
        pairs: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error>;
    /// The quotes in one answer.
    fn parse(
        &self,
        provider: &str,
        pairs: &[Pair],
        response: &HttpResponse,
    ) -> Result<Vec<Quote>, Error>;
}

/// The component that is composed in: `[component.rates.dependencies]` and
/// `[component.health.dependencies]` name it.
#[derive(Debug, Clone, Copy)]
pub struct Composed;

impl Adapters for Composed {
    fn describe(&self) -> Vec<Provider> {
        bindings::edge_rates::provider::quotes::describe()
    }

    fn quota(&self, provider: &str, endpoint: &Endpoint) -> Quota {
        bindings::edge_rates::provider::quotes::allowance(provider, endpoint)
    }

    fn request(
        &self,
        provider: &str,
        endpoint: &Endpoint,
        pairs: &[Pair],
    ) -> Result<Vec<HttpRequest>, Error> {
        bindings::edge_rates::provider::quotes::request(provider, endpoint, pairs)
    }

    fn parse(
        &self,
        provider: &str,
        pairs: &[Pair],
        response: &HttpResponse,
    ) -> Result<Vec<Quote>, Error> {
        bindings::edge_rates::provider::quotes::parse(provider, pairs, response)
    }
}
