//! The settings on which price to believe.

use crate::faults::Found;
use crate::text::set;
use edge_rates_kit::variables::Variables;
use edge_rates_quotes::consensus::{Consent, Mode};
use edge_rates_quotes::jump::Guard;
use edge_rates_quotes::{Percent, Rules};
use std::str::FromStr;

/// What holds where a variable is empty or the manifest has none.
const DEFAULT: Rules = Rules {
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
/// `jump_seconds`; None if one of them is at fault.
pub(crate) async fn rules<W: Variables>(world: &W, found: &mut Found) -> Option<Rules> {
    let Rules { consent, guard } = DEFAULT;
    let mode = found.read(set(world, "price_mode", consent.mode).await);
    let outlier = found.read(set(world, "outlier_percent", consent.outlier).await);
    let divergence = found.read(set(world, "divergence_percent", consent.divergence).await);
    let percent = found.read(set(world, "jump_percent", guard.percent).await);
    let for_seconds = Seconds(guard.for_ms / 1000);
    let for_seconds = found.read(set(world, "jump_seconds", for_seconds).await);
    Some(Rules {
        consent: Consent {
            mode: mode?,
            outlier: outlier?,
            divergence: divergence?,
        },
        guard: Guard {
            percent: percent?,
            for_ms: for_seconds?.0.saturating_mul(1000),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Faults;
    use edge_rates_kit::fake::World;
    use futures::executor::block_on;

    fn read(world: &World) -> Result<Rules, Faults> {
        let mut found = Found::default();
        let rules = block_on(rules(world, &mut found));
        found.or(rules)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        assert_eq!(read(&World::new()), Ok(DEFAULT));
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
        let rules = read(&world).unwrap();
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
            assert_eq!(read(&world).unwrap_err().to_string(), reason);
        }
    }
}
