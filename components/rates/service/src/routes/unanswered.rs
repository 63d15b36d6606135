//! Why there is no answer about a rate: it is not there now, or nobody prices what it is of.

use crate::adapters::Adapters;
use crate::lacking::nobody_prices;
use crate::service::Service;
use edge_rates_kit::Capabilities;
use edge_rates_kit::problem::Problem;
use edge_rates_quotes::Millis;

/// Seconds after which a price that is missing may be there.
const NEXT_TRY: u64 = 60;

/// Why there is no answer.
pub(super) enum Unanswered {
    /// Something else is wrong.
    Problem(Problem),
    /// Nothing leads from one to the other on the board that was fetched then.
    NoRate {
        from: String,
        to: String,
        as_of: Millis,
    },
}

impl From<Problem> for Unanswered {
    fn from(problem: Problem) -> Unanswered {
        Unanswered::Problem(problem)
    }
}

impl Unanswered {
    /// What the client is told: 503 for a rate that may be there soon, and 404 for one of what
    /// nobody prices. `parameters` are those that name the two.
    pub(super) async fn problem<W: Capabilities, A: Adapters>(
        self,
        service: &Service<W, A>,
        parameters: [&'static str; 2],
    ) -> Problem {
        match self {
            Unanswered::Problem(problem) => problem,
            Unanswered::NoRate { from, to, as_of } => {
                let otherwise = Problem::unavailable(
                    format!(
                        "There is no price of {from} in {to} at the moment; the next refresh may bring it."
                    ),
                    NEXT_TRY,
                );
                unpriced(service, [&from, &to], parameters, Some(as_of))
                    .await
                    .unwrap_or(otherwise)
            }
        }
    }
}

/// 404 if every upstream was asked for one of these two and does not have it. `board` is when the
/// board was fetched that lacks the rate, if there is one.
pub(super) async fn unpriced<W: Capabilities, A: Adapters>(
    service: &Service<W, A>,
    names: [&str; 2],
    parameters: [&'static str; 2],
    board: Option<Millis>,
) -> Option<Problem> {
    let name = nobody_prices(service, names, board).await?;
    let mut named = names.into_iter().zip(parameters);
    let (_, parameter) = named.find(|(known, _)| *known == name)?;
    let detail = format!(
        "Nobody prices {name}: every upstream was asked for it and does not have it. They are asked again by and by; until then GET /v1/rates lists it under `missing`."
    );
    let kind = "urn:edge-rates:problem:unpriced";
    Some(Problem::unknown(kind, "Not priced", parameter, detail))
}
