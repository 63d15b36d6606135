//! Who is served, and how often: API keys and quotas, where a deployment wants them. Without
//! them a request passes here by one look at an empty setting.

use edge_rates_kit::Capabilities;
use edge_rates_kit::answer::Answer;
use edge_rates_kit::api_keys::ApiKeys;
use edge_rates_kit::client::{self, TrustedProxies};
use edge_rates_kit::problem::Problem;
use edge_rates_kit::quota::{Policy, Quota, Verdict};
use edge_rates_kit::request::Request;
use edge_rates_kit::variables::{VariableError, Variables};
use std::rc::Rc;

/// What is asked of clients; parsed from the deployment's variables.
#[derive(Debug, Default)]
pub(crate) struct Terms {
    keys: Option<ApiKeys>,
    policy: Option<Policy>,
    trusted_proxies: TrustedProxies,
}

impl Terms {
    /// Reads `api_keys`, `rate_limit` and `trusted_proxies`.
    ///
    /// # Errors
    /// The variable at fault. One that can't be read is never taken for an empty one: that would
    /// open what should be closed.
    pub(crate) async fn read<W: Variables>(world: &W) -> Result<Terms, VariableError> {
        let wrong = |name: &'static str| {
            move |reason| VariableError {
                name: name.to_owned(),
                reason,
            }
        };
        let keys = world.variable("api_keys").await?;
        let limit = world.variable("rate_limit").await?;
        let proxies = world.variable("trusted_proxies").await?;
        let policy = match limit.trim() {
            "" => None,
            limit => Some(limit.parse().map_err(wrong("rate_limit"))?),
        };
        Ok(Terms {
            keys: ApiKeys::parse(&keys).map_err(wrong("api_keys"))?,
            policy,
            trusted_proxies: TrustedProxies::parse(&proxies).map_err(wrong("trusted_proxies"))?,
        })
    }

    /// Whether answers are for holders of a key only.
    pub(crate) fn are_private(&self) -> bool {
        self.keys.is_some()
    }
}

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
    /// None if anybody may ask as often as he likes.
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
            let detail = "An API key is asked for here; send it as `Authorization: Bearer <key>` or `X-API-Key: <key>`.";
            return Err(Problem::unauthorised(detail.to_owned(), false));
        };
        let name = keys.name_of(&shown);
        name.map(Some).ok_or_else(|| {
            let detail = "This API key is not accepted; ask the operator of this service for one.";
            Problem::unauthorised(detail.to_owned(), true)
        })
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
        let names = ["x_cg_demo_api_key", "x_cg_pro_api_key"];
        let keys = names.iter().find_map(|name| request.query().first(name));
        keys.filter(|_| is_coingecko).map(str::to_owned)
    };
    bearer.or_else(in_header).or_else(in_query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::fake::{World, incoming};
    use futures::executor::block_on;

    fn admission(variables: &[(&str, &str)]) -> Result<Option<Admission>, VariableError> {
        let world = World::new();
        for name in ["api_keys", "rate_limit", "trusted_proxies"] {
            world.set_variable(name, "");
        }
        for (name, value) in variables {
            world.set_variable(name, value);
        }
        let terms = block_on(Terms::read(&world))?;
        Ok(Admission::of(&Rc::new(terms)))
    }

    fn status(admission: &Admission, target: &str, headers: &[(&str, &str)]) -> u16 {
        let request = incoming("GET", target, headers, &[]);
        let is_coingecko = target.starts_with("/api/v3");
        let admitted = admission.admit(&World::new(), &request, is_coingecko);
        admitted.map_or_else(|problem| problem.status().as_u16(), |_| 200)
    }

    #[test]
    fn without_terms_nobody_is_asked_anything() {
        assert!(admission(&[]).unwrap().is_none());
        assert!(
            admission(&[("trusted_proxies", "10.0.0.0/8")])
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn a_setting_that_cant_be_read_opens_nothing() {
        let world = World::new();
        assert_eq!(block_on(Terms::read(&world)).unwrap_err().name, "api_keys");
        for (name, value) in [
            ("api_keys", "secret"),
            ("rate_limit", "100"),
            ("trusted_proxies", "10.0.0.0/99"),
        ] {
            assert_eq!(admission(&[(name, value)]).unwrap_err().name, name);
        }
    }

    #[test]
    fn a_key_may_be_shown_in_several_ways() {
        let admission = admission(&[("api_keys", "shop:k1")]).unwrap().unwrap();
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
        let terms = [("api_keys", "a:k1,b:k2"), ("rate_limit", "2;w=60")];
        let admission = admission(&terms).unwrap().unwrap();
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
