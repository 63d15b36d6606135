//! Who is served, and how often: API keys and quotas, where a deployment wants them. Without
//! them a request passes here by one look at an empty setting.

use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::client;
use edge_rates_kit::problem::Problem;
use edge_rates_kit::quota::{Quota, Verdict};
use edge_rates_kit::request::{KEY_PARAMETER, Request};
use edge_rates_settings::Terms;
use std::rc::Rc;

/// Holds requests against the terms.
#[derive(Debug)]
pub(crate) struct Admission {
    terms: Rc<Terms>,
    quota: Option<Rc<Quota>>,
}

/// A request that may be answered; its answer tells what is left.
#[derive(Debug)]
pub(crate) struct Admitted(Option<(Rc<Quota>, Verdict)>);

impl Admitted {
    /// Tells the client what it has left.
    pub(crate) fn tell(&self, answer: &mut Answer) {
        if let Some((quota, verdict)) = &self.0 {
            quota.tell(*verdict, answer);
        }
    }
}

impl Admission {
    /// None if anybody may ask as often as they like.
    pub(crate) fn of(terms: &Rc<Terms>) -> Option<Admission> {
        if terms.keys.is_none() && terms.policy.is_none() {
            return None;
        }
        Some(Admission {
            terms: Rc::clone(terms),
            quota: terms.policy.map(Quota::new),
        })
    }

    /// Lets a request in, and counts it. `is_coingecko` if its client may show a key in
    /// CoinGecko's ways.
    ///
    /// # Errors
    /// A problem: 401 without an accepted key, 429 when the quota is used up. Wrong keys use up
    /// the quota of their address, so that keys can't be guessed at any speed.
    pub(crate) fn admit<W: Capabilities>(
        &self,
        world: &W,
        request: &Request,
        is_coingecko: bool,
    ) -> Result<Admitted, Problem> {
        let holder = self.holder(request, is_coingecko);
        let Some(quota) = &self.quota else {
            return holder.map(|_| Admitted(None));
        };
        let client = match &holder {
            Ok(Some(name)) => format!("key:{name}"),
            // A host that tells no address has one quota for all.
            Ok(None) | Err(_) => {
                let address = self.terms.trusted_proxies.client(request);
                address.map_or_else(|| "unknown".to_owned(), client::name_of)
            }
        };
        let verdict = quota.take(world, &client);
        if !verdict.is_allowed {
            let told = quota.headers(verdict);
            return Err(Problem::quota_exceeded(
                quota.violated(),
                verdict.reset,
                told,
            ));
        }
        holder.map(|_| Admitted(Some((Rc::clone(quota), verdict))))
    }

    /// The name of the key that is shown; None where no key is asked for.
    fn holder(&self, request: &Request, is_coingecko: bool) -> Result<Option<&str>, Problem> {
        let Some(keys) = &self.terms.keys else {
            return Ok(None);
        };
        let Some(shown) = shown(request, is_coingecko) else {
            let detail = how_to_show(request, self.terms.is_key_in_query);
            return Err(Problem::unauthorised(detail.to_owned(), false));
        };
        let name = keys.name_of(&shown);
        name.map(Some).ok_or_else(|| {
            let detail = "This API key is not accepted; ask the operator of this service for one.";
            Problem::unauthorised(detail.to_owned(), true)
        })
    }
}

/// What to do without a key.
fn how_to_show(request: &Request, is_key_in_query: bool) -> &'static str {
    let is_in_query = request.query().first(KEY_PARAMETER).is_some();
    match (is_key_in_query, is_in_query) {
        (true, _) => {
            "An API key is asked for here; send it as `Authorization: Bearer <key>`, as `X-API-Key: <key>`, or as the parameter `api_key`."
        }
        (false, true) => {
            "An API key in the address is not taken here, because addresses are written to logs; send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`, or ask the operator of this service to set api_key_in_query."
        }
        (false, false) => {
            "An API key is asked for here; send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`."
        }
    }
}

/// The key that a request shows, wherever it may stand.
fn shown(request: &Request, is_coingecko: bool) -> Option<String> {
    let bearer = request.header("authorization").and_then(|value| {
        let (scheme, key) = value.trim().split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then(|| key.trim().to_owned())
    });
    let mut headers = vec!["x-api-key"];
    if is_coingecko {
        headers.extend(["x-cg-demo-api-key", "x-cg-pro-api-key"]);
    }
    let in_header = || headers.iter().find_map(|name| request.header(name));
    let in_query = || {
        let mut names = COINGECKOS_PARAMETERS.iter();
        let key = names.find_map(|name| request.query().first(name));
        key.filter(|_| is_coingecko).or_else(|| request.key())
    };
    let key = bearer.or_else(in_header);
    key.or_else(|| in_query().map(str::to_owned))
}

/// The parameters in which CoinGecko's clients show a key on its routes.
pub(crate) const COINGECKOS_PARAMETERS: [&str; 2] = ["x_cg_demo_api_key", "x_cg_pro_api_key"];

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::api_keys::ApiKeys;
    use edge_rates_kit::client::TrustedProxies;
    use edge_rates_kit::fake::{World, incoming};

    fn admission(keys: &str, limit: &str) -> Option<Admission> {
        Admission::of(&Rc::new(Terms {
            keys: ApiKeys::parse(keys).unwrap(),
            policy: limit.parse().ok(),
            ..Terms::default()
        }))
    }

    fn status(admission: &Admission, target: &str, headers: &[(&str, &str)]) -> u16 {
        let request = incoming("GET", target, headers, &[]);
        let is_coingecko = target.starts_with("/api/v3");
        let admitted = admission.admit(&World::new(), &request, is_coingecko);
        admitted.map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn without_terms_nobody_is_asked_anything() {
        assert!(admission("", "").is_none());
        let proxies = Terms {
            trusted_proxies: TrustedProxies::parse("10.0.0.0/8").unwrap(),
            is_key_in_query: true,
            ..Terms::default()
        };
        assert!(Admission::of(&Rc::new(proxies)).is_none());
    }

    #[test]
    fn a_key_may_be_shown_in_several_ways() {
        let admission = admission("shop:k1", "").unwrap();
        let rates = |headers: &[(&str, &str)]| status(&admission, "/v1/rates", headers);
        assert_eq!(rates(&[("authorization", "Bearer k1")]), 200);
        assert_eq!(rates(&[("authorization", "bearer  k1 ")]), 200);
        assert_eq!(rates(&[("x-api-key", "k1")]), 200);
        assert_eq!(rates(&[]), 401);
        assert_eq!(rates(&[("authorization", "Basic k1")]), 401);
        assert_eq!(rates(&[("x-api-key", "k2")]), 401);
        assert_eq!(rates(&[("x-cg-demo-api-key", "k1")]), 401);
        assert_eq!(
            status(&admission, "/v1/rates?x_cg_demo_api_key=k1", &[]),
            401
        );
        for name in ["x-cg-demo-api-key", "x-cg-pro-api-key"] {
            assert_eq!(status(&admission, "/api/v3/ping", &[(name, "k1")]), 200);
        }
        for name in ["x_cg_demo_api_key", "x_cg_pro_api_key"] {
            assert_eq!(
                status(&admission, &format!("/api/v3/ping?{name}=k1"), &[]),
                200
            );
        }
    }

    #[test]
    fn each_key_has_its_own_quota_and_wrong_ones_use_up_their_address() {
        let admission = admission("a:k1,b:k2", "2;w=60").unwrap();
        let by = |key: &str| {
            let headers = [("x-api-key", key), ("spin-client-addr", "203.0.113.7:1")];
            status(&admission, "/v1/rates", &headers)
        };
        assert_eq!([by("k1"), by("k1"), by("k1")], [200, 200, 429]);
        assert_eq!(
            [by("k2"), by("no"), by("no"), by("no")],
            [200, 401, 401, 429]
        );
        assert_eq!(by("k2"), 200, "whoever has a key does not suffer from that");
    }
}
