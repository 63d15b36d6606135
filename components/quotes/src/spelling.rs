//! "Did you mean": which of several names was probably meant by one that is none of them.

/// Longer names are typing errors of nothing that is served.
const LONGEST_NAME: usize = 40;

/// The candidate that is one typing error away from `name`, or two if `name` is long enough
/// for two errors to leave something of it.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST_NAME {
        return None;
    }
    let name = name.to_ascii_lowercase();
    let allowed = if name.len() < 5 { 1 } else { 2 };
    candidates
        .map(|candidate| {
            let distance = strsim::osa_distance(&name, &candidate.to_ascii_lowercase());
            (distance, candidate)
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "; did you mean x?", or nothing.
pub(crate) fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"))
}

/// The same before what to do otherwise: "; did you mean x? If not," or ";".
pub(crate) fn did_you_mean_or(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || ";".to_owned(),
        |nearest| format!("; did you mean {nearest}? If not,"),
    )
}
