//! Quantities such as `500m` and `128Mi`.

/// What a quantity looks like.
pub const PATTERN: &str =
    r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]+)?$";

/// A quantity in thousandths, the smallest step that anything here is given in.
#[must_use]
pub fn thousandths(text: &str) -> Option<i128> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let factor: i128 = match unit {
        "m" => 1,
        "" => 1000,
        "k" => 1000 * 1000,
        "M" => 1000 * 1000_i128.pow(2),
        "G" => 1000 * 1000_i128.pow(3),
        "T" => 1000 * 1000_i128.pow(4),
        "Ki" => 1000 * 1024,
        "Mi" => 1000 * 1024_i128.pow(2),
        "Gi" => 1000 * 1024_i128.pow(3),
        "Ti" => 1000 * 1024_i128.pow(4),
        _ => return None,
    };
    let whole: i128 = whole.parse().ok()?;
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: i128 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    Some(whole * factor + fraction * factor / scale)
}

#[cfg(test)]
mod tests {
    use super::thousandths;

    #[test]
    fn units_are_what_they_say() {
        assert_eq!(thousandths("500m"), Some(500));
        assert_eq!(thousandths("0.5"), Some(500));
        assert_eq!(thousandths("128Mi"), Some(128 * 1024 * 1024 * 1000));
        assert_eq!(thousandths("1.5k"), Some(1_500_000));
        assert_eq!(thousandths("lots"), None);
        assert_eq!(thousandths("1 GB"), None);
    }
}
