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

/// A quantity as Kubernetes writes it: a whole number with the largest unit that leaves it one, in
/// powers of 1024 where it was given so, otherwise of 1000.
#[must_use]
pub fn canonical(text: &str) -> Option<String> {
    let thousandths = thousandths(text)?;
    if thousandths % 1000 != 0 {
        return Some(format!("{thousandths}m"));
    }
    let (step, units) = match text.ends_with('i') {
        true => (1024, ["Ki", "Mi", "Gi", "Ti"]),
        false => (1000, ["k", "M", "G", "T"]),
    };
    let mut number = thousandths / 1000;
    let mut unit = "";
    for larger in units {
        if number == 0 || number % step != 0 {
            break;
        }
        number /= step;
        unit = larger;
    }
    Some(format!("{number}{unit}"))
}

#[cfg(test)]
mod tests {
    use super::{canonical, thousandths};

    #[test]
    fn a_quantity_is_written_in_one_way() {
        for (given, written) in [
            ("1000m", "1"),
            ("0.5", "500m"),
            ("6500m", "6500m"),
            ("1000", "1k"),
            ("1536Mi", "1536Mi"),
            ("1.5Gi", "1536Mi"),
            ("2048Mi", "2Gi"),
            ("0", "0"),
        ] {
            assert_eq!(canonical(given).as_deref(), Some(written), "{given}");
        }
    }

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
