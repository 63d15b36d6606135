//! Times, as the command line takes them.

use std::time::Duration;

use runtime_host_manifest::parse_duration;

/// No time on the command line may be longer.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn time(argument: &str) -> Result<Duration, String> {
    let time = delay(argument)?;
    if time.is_zero() {
        return Err("it has to be longer than nothing".to_owned());
    }
    Ok(time)
}

/// A time that may be nothing.
pub(super) fn delay(argument: &str) -> Result<Duration, String> {
    let time = parse_duration(argument)?;
    if time > LONGEST {
        return Err("it may be a day at most".to_owned());
    }
    Ok(time)
}
