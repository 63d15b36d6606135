//! The settings on which price to believe.

use edge_rates_kit::variables::{VariableError, Variables};
use edge_rates_quotes::consensus::{Consent, Mode};
use edge_rates_quotes::jump::Guard;
use edge_rates_quotes::{Percent, Rules};
use std::str::FromStr;

/// What holds where a variable is empty or the manifest has none.
pub(crate) const DEFAULT: Rules = Rules {
    consent: Consent {
        mode: Mode::Fallback,
        outlier: Percent::whole(2),
        divergence: Percent::whole(2),
    },
    guard: Guard {
        percent: Percent::whole(20),
        for_ms: 600_000,
    },
};

/// Reads `price_mode`, `outlier_percent`, `divergence_percent`, `jump_percent` and
/// `jump_seconds`.
///
/// # Errors
/// The variable at fault and what would be right.
pub(crate) async fn rules<W: Variables>(world: &W) -> Result<Rules, VariableError> {
    let Rules { consent, guard } = DEFAULT;
    let for_seconds = set(world, "jump_seconds", Seconds(guard.for_ms / 1000)).await?;
    Ok(Rules {
        consent: Consent {
            mode: set(world, "price_mode", consent.mode).await?,
            outlier: set(world, "outlier_percent", consent.outlier).await?,
            divergence: set(world, "divergence_percent", consent.divergence).await?,
        },
        guard: Guard {
            percent: set(world, "jump_percent", guard.percent).await?,
            for_ms: for_seconds.0.saturating_mul(1000),
        },
    })
}

struct Seconds(u64);

impl FromStr for Seconds {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Seconds, &'static str> {
        let seconds = text.parse().map(Seconds);
        seconds.map_err(|_| "it is a whole number of seconds; 0 turns the guard off")
    }
}

async fn set<W, T>(world: &W, name: &str, default: T) -> Result<T, VariableError>
where
    W: Variables,
    T: FromStr<Err: ToString>,
{
    let text = world.variable(name).await.unwrap_or_default();
    match text.trim() {
        "" => Ok(default),
        text => text.parse().map_err(|error: T::Err| VariableError {
            name: name.to_owned(),
            reason: format!("`{text}`: {}", error.to_string()),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use edge_rates_kit::fake::World;
    use futures::executor::block_on;

    #[test]
    fn what_is_not_set_has_its_default() {
        assert_eq!(block_on(rules(&World::new())), Ok(DEFAULT));
    }

    #[test]
    fn each_rule_is_a_variable() {
        let world = World::new();
        for (name, value) in [
            ("price_mode", "quorum"),
            ("outlier_percent", "1.5"),
            ("divergence_percent", "3"),
            ("jump_percent", "50"),
            ("jump_seconds", "60"),
        ] {
            world.set_variable(name, value);
        }
        let rules = block_on(rules(&world)).unwrap();
        assert_eq!(rules.consent.mode, Mode::Quorum);
        assert_eq!(rules.consent.outlier.to_string(), "1.5");
        assert_eq!(rules.consent.divergence, Percent::whole(3));
        assert_eq!(rules.guard.percent, Percent::whole(50));
        assert_eq!(rules.guard.for_ms, 60_000);
    }

    #[test]
    fn a_wrong_rule_is_named_with_what_would_be_right() {
        for (name, value, reason) in [
            (
                "price_mode",
                "best",
                "variable `price_mode`: `best`: the mode is one of fallback and quorum",
            ),
            (
                "jump_percent",
                "-1",
                "variable `jump_percent`: `-1`: a share in percent is a number above zero in plain digits, such as 2 or 0.5",
            ),
            (
                "jump_seconds",
                "soon",
                "variable `jump_seconds`: `soon`: it is a whole number of seconds; 0 turns the guard off",
            ),
        ] {
            let world = World::new();
            world.set_variable(name, value);
            assert_eq!(block_on(rules(&world)).unwrap_err().to_string(), reason);
        }
    }
}
