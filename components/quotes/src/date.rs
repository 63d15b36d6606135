//! Days of the proleptic Gregorian calendar, in UTC: budgets have its months, and reference rates
//! its days.

use crate::millis::Millis;

/// The length of a day: leap seconds are not counted.
pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

/// A day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Date {
    pub(crate) year: u64,
    pub(crate) month: u64,
    pub(crate) day: u64,
}

impl Date {
    /// The date so many days after 1970-01-01.
    pub(crate) fn of(days: u64) -> Date {
        // Years are counted from March of the year 0 on, so that a leap day comes last. 400 years
        // have 146,097 days, whichever they are; 719,468 days lie before 1970.
        let days = days.saturating_add(719_468);
        let (cycle, of_cycle) = (days / 146_097, days % 146_097);
        // A leap day each 4 years (1,461 days), save each 100 (36,524), but for the 400th.
        let leap_days = of_cycle / 1_460 - of_cycle / 36_524 + of_cycle / 146_096;
        let year = (of_cycle - leap_days) / 365;
        let of_year = of_cycle - (365 * year + year / 4 - year / 100);
        // From March on, five months always have 153 days.
        let month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * month + 2) / 5 + 1;
        let (month, is_next_year) = match month {
            0..=9 => (month + 3, 0),
            _ => (month - 9, 1),
        };
        Date {
            year: cycle * 400 + year + is_next_year,
            month,
            day,
        }
    }

    pub(crate) fn days_of_month(&self) -> u64 {
        let is_leap = self.year.is_multiple_of(4)
            && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            2 if is_leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Reads a date from 1970 on, as `2026-11-20` (RFC 3339 full-date). None for anything else.
    pub fn parse(text: &str) -> Option<Date> {
        let mut parts = text.split('-').map(|part| {
            let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
            let number = part.parse().ok().filter(|_| is_number)?;
            Some((part.len(), number))
        });
        let mut part = |length| {
            let part: Option<(usize, u64)> = parts.next()?;
            part.filter(|part| part.0 == length).map(|part| part.1)
        };
        let date = Date {
            year: part(4).filter(|year| *year >= 1970)?,
            month: part(2).filter(|month| (1..=12).contains(month))?,
            day: part(2)?,
        };
        let is_there = parts.next().is_none() && (1..=date.days_of_month()).contains(&date.day);
        is_there.then_some(date)
    }

    /// When it begins, in UTC.
    pub fn start(&self) -> Millis {
        // As in `of`: years begin in March.
        let (year, month) = match self.month {
            1 | 2 => (self.year.saturating_sub(1), self.month + 9),
            _ => (self.year, self.month - 3),
        };
        let leap_days = year / 4 - year / 100 + year / 400;
        let of_year = (153 * month + 2) / 5 + self.day - 1;
        let days = (365 * year + leap_days + of_year).saturating_sub(719_468);
        Millis(days.saturating_mul(DAY_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_read_where_it_is_one() {
        for (text, seconds) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400),
            ("2026-11-20", 1_795_132_800),
            ("2100-03-01", 4_107_542_400),
        ] {
            let start = Date::parse(text).map(|date| date.start());
            assert_eq!(start, Some(Millis(seconds * 1000)), "{text}");
        }
        for other in [
            "",
            "2026-11",
            "2026-11-31",
            "2026-13-01",
            "2026-00-10",
            "2026-11-00",
            "2100-02-29",
            "1969-12-31",
            "2026-11-20T00:00:00Z",
            "2026-11-20-1",
            "26-11-20",
            "2026-1-20",
            "+026-11-20",
            "2026-11-2\u{664}",
        ] {
            assert_eq!(Date::parse(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_day_begins_when_it_does(days in 0_u64..2_932_000) {
            let date = Date::of(days);
            prop_assert_eq!(date.start(), Millis(days * DAY_MS));
            let text = format!("{:04}-{:02}-{:02}", date.year, date.month, date.day);
            prop_assert_eq!(Date::parse(&text), Some(date));
        }
    }
}
