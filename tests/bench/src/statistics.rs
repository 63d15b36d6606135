//! Medians, spreads and ratios of a few samples.

use std::fmt;

use serde::Serialize;

/// The middle of some samples, and how far they lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// Half of the samples are below.
    pub median: f64,
    /// The least sample.
    pub least: f64,
    /// The greatest sample.
    pub most: f64,
}

impl Figure {
    /// The figure of `samples`; None without any.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Option<Figure> {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (*sorted.first()?, *sorted.last()?);
        let upper = *sorted.get(sorted.len() / 2)?;
        let lower = *sorted.get((sorted.len() - 1) / 2)?;
        Some(Figure {
            median: (lower + upper) / 2.0,
            least,
            most,
        })
    }

    /// The least and the greatest sample, as text.
    pub fn spread(&self) -> String {
        format!("{} – {}", rounded(self.least), rounded(self.most))
    }

    /// The figure of the quotients of samples that were taken side by side: the first by the
    /// first, the second by the second. The machine's moods, which change from round to round,
    /// fall out of it.
    pub fn of_ratios(above: &[f64], below: &[f64]) -> Option<Figure> {
        let pairs = above.iter().zip(below);
        Figure::of(
            pairs
                .filter(|(_, below)| **below > 0.0)
                .map(|(above, below)| above / below),
        )
    }
}

/// A number with as many digits as it is worth: three significant ones, all of large ones.
pub fn rounded(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => grouped(number),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 || size == 0.0 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

/// A whole number with its thousands apart: `12,345`.
fn grouped(number: f64) -> String {
    let digits = format!("{:.0}", number.abs());
    let mut text = String::from(if number < 0.0 { "-" } else { "" });
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&rounded(self.median))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(median: f64, least: f64, most: f64) -> Option<Figure> {
        Some(Figure {
            median,
            least,
            most,
        })
    }

    #[test]
    fn the_median_is_the_middle_or_between_the_two_in_the_middle() {
        assert_eq!(Figure::of([3.0, 1.0, 2.0]), figure(2.0, 1.0, 3.0));
        assert_eq!(Figure::of([4.0, 1.0, 2.0, 3.0]), figure(2.5, 1.0, 4.0));
        assert_eq!(Figure::of([7.0]), figure(7.0, 7.0, 7.0));
        assert_eq!(Figure::of([]), None);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        // The machine was half as fast in the second round; the ratio does not show it.
        let ratio = Figure::of_ratios(&[90.0, 45.0], &[100.0, 50.0]);
        assert_eq!(ratio, figure(0.9, 0.9, 0.9));
    }

    #[test]
    fn a_round_in_which_nothing_was_measured_has_no_ratio() {
        assert_eq!(Figure::of_ratios(&[1.0], &[0.0]), None);
        assert_eq!(Figure::of_ratios(&[], &[]), None);
    }

    #[test]
    fn numbers_have_the_digits_they_are_worth() {
        let texts = [0.0, 0.0123, 0.4567, 12.34, 123.4, 98765.4, 1234567.0].map(rounded);
        assert_eq!(
            texts,
            [
                "0.00",
                "0.0123",
                "0.46",
                "12.3",
                "123",
                "98,765",
                "1,234,567"
            ]
        );
    }
}
