//! What several variables are: numbers and switches, from their text.

use edge_rates_kit::variables::{VariableError, Variables};
use std::str::FromStr;

/// A variable whose text is wrong.
pub(crate) fn wrong(name: &str, reason: &(impl ToString + ?Sized)) -> VariableError {
    VariableError {
        name: name.to_owned(),
        reason: reason.to_string(),
    }
}

/// A variable that has to be there: a whole number of seconds, in milliseconds.
pub(crate) async fn millis<W: Variables>(world: &W, name: &str) -> Result<u64, VariableError> {
    let text = world.variable(name).await?;
    let seconds: u64 = text
        .trim()
        .parse()
        .map_err(|_| wrong(name, &format!("`{text}` is no whole number of seconds")))?;
    Ok(seconds.saturating_mul(1000))
}

/// A variable that is something else than `default` where it is there and not empty.
pub(crate) async fn set<W, T>(world: &W, name: &str, default: T) -> Result<T, VariableError>
where
    W: Variables,
    T: FromStr<Err: ToString>,
{
    let text = world.variable(name).await.unwrap_or_default();
    match text.trim() {
        "" => Ok(default),
        text => text
            .parse()
            .map_err(|error: T::Err| wrong(name, &format!("`{text}`: {}", error.to_string()))),
    }
}

/// A variable that turns something on or off.
pub(crate) async fn switch<W: Variables>(
    world: &W,
    name: &str,
    default: bool,
) -> Result<bool, VariableError> {
    Ok(set(world, name, Switch(default)).await?.0)
}

struct Switch(bool);

impl FromStr for Switch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Switch, &'static str> {
        match text {
            "true" => Ok(Switch(true)),
            "false" => Ok(Switch(false)),
            _ => Err("write true or false"),
        }
    }
}
