//! Schedules of EventBridge Scheduler, checked by its documented rules before a call could be refused:
//! <https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html> and
//! <https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html>.
//!
//! Where AWS documents no rule, the stricter reading holds. A schedule that is refused here can be written in another
//! way, and a schedule that Scheduler refuses later runs no job.

use std::{fmt, ops::RangeInclusive};

use super::time_zones;

/// What EventBridge Scheduler would refuse, with a correction where there is a likely one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ScheduleProblem {
    /// What is wrong, and which values are valid.
    problem: String,
    /// What was probably meant.
    correction: Option<String>,
}

impl fmt::Display for ScheduleProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)?;
        match &self.correction {
            Some(correction) => write!(f, ": write `{correction}`"),
            None => Ok(()),
        }
    }
}

fn problem(problem: impl Into<String>) -> ScheduleProblem {
    ScheduleProblem { problem: problem.into(), correction: None }
}

/// The longest schedule expression, in characters.
const EXPRESSION_LENGTH: usize = 256;
/// The longest name of a schedule or of a schedule group, in characters.
const NAME_LENGTH: usize = 64;
/// The longest name of a time zone, in characters.
const TIME_ZONE_LENGTH: usize = 50;
/// The lengths of a flexible time window, in minutes.
const FLEXIBLE_MINUTES: RangeInclusive<u32> = 1..=1440;
/// A cron expression without problems, for messages.
const CRON_EXAMPLE: &str = "cron(0 4 * * ? *)";

/// Checks a schedule expression: `cron(...)`, `rate(...)` or `at(...)`.
///
/// # Errors
///
/// Fails if Scheduler refuses the expression.
pub fn check_schedule_expression(expression: &str) -> Result<(), ScheduleProblem> {
    if expression.len() > EXPRESSION_LENGTH {
        return Err(problem(format!("it has more than {EXPRESSION_LENGTH} characters")));
    }
    let parts = expression.split_once('(').and_then(|(kind, rest)| Some((kind, rest.strip_suffix(')')?)));
    match parts {
        Some(("cron", fields)) => {
            let fields: Vec<&str> = fields.split_whitespace().collect();
            check_cron(&fields)
                .map_err(|problem| ScheduleProblem { correction: Some(corrected_cron(&fields)), problem })
        }
        Some(("rate", rate)) => check_rate(rate),
        Some(("at", time)) => check_at(time),
        _ => Err(ScheduleProblem {
            problem: "it is no schedule of EventBridge Scheduler, which are cron(...), rate(...) and at(...)"
                .to_owned(),
            correction: Some(CRON_EXAMPLE.to_owned()),
        }),
    }
}

/// Checks the name of a time zone.
///
/// # Errors
///
/// Fails if the name is no time zone of the IANA database.
pub fn check_time_zone(name: &str) -> Result<(), ScheduleProblem> {
    if name.len() <= TIME_ZONE_LENGTH && time_zones::contains(name) {
        return Ok(());
    }
    Err(ScheduleProblem {
        problem: "it is no time zone of the IANA database, whose names have upper and lower case".to_owned(),
        correction: time_zones::nearest(name).map(str::to_owned),
    })
}

/// Checks the name of a schedule or of a schedule group.
///
/// # Errors
///
/// Fails if the name is empty or too long, or has other characters than letters, digits, `-`, `_` and `.`.
pub fn check_schedule_name(name: &str) -> Result<(), ScheduleProblem> {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || name.len() > NAME_LENGTH || !name.chars().all(known) {
        return Err(problem(format!("a name has 1 to {NAME_LENGTH} letters, digits, `-`, `_` or `.`")));
    }
    Ok(())
}

/// Checks the length of a flexible time window in minutes.
///
/// # Errors
///
/// Fails if the window is shorter or longer than Scheduler allows.
pub fn check_flexible_window(minutes: u32) -> Result<(), ScheduleProblem> {
    if FLEXIBLE_MINUTES.contains(&minutes) {
        return Ok(());
    }
    let (least, most) = (FLEXIBLE_MINUTES.start(), FLEXIBLE_MINUTES.end());
    Err(problem(format!("a flexible time window has {least} to {most} minutes")))
}

fn check_rate(rate: &str) -> Result<(), ScheduleProblem> {
    let wrong = |what: &str| ScheduleProblem { problem: what.to_owned(), correction: Some("rate(1 day)".to_owned()) };
    let parts: Vec<&str> = rate.split_whitespace().collect();
    let [value, unit] = parts.as_slice() else {
        return Err(wrong("rate(...) has a value and a unit"));
    };
    if !matches!(*unit, "minute" | "minutes" | "hour" | "hours" | "day" | "days") {
        return Err(wrong("the unit of rate(...) is one of minute, minutes, hour, hours, day and days"));
    }
    match number(value) {
        Some(1..) => Ok(()),
        _ => Err(wrong("the value of rate(...) is a whole number from 1")),
    }
}

fn check_at(time: &str) -> Result<(), ScheduleProblem> {
    let form = |(at, c): (usize, char)| match at {
        4 | 7 => c == '-',
        10 => c == 'T',
        13 | 16 => c == ':',
        _ => c.is_ascii_digit(),
    };
    let well_formed = time.len() == 19 && time.chars().enumerate().all(form);
    if well_formed && time.parse::<jiff::civil::DateTime>().is_ok() {
        return Ok(());
    }
    Err(ScheduleProblem {
        problem: "at(...) has a date and a time in the form yyyy-mm-ddThh:mm:ss".to_owned(),
        correction: Some("at(2030-01-31T04:00:00)".to_owned()),
    })
}

/// One field of a cron expression.
struct Field {
    name: &'static str,
    values: RangeInclusive<u32>,
    /// Names of values, the first of which is the lowest value.
    names: &'static [&'static str],
    /// Whether `/` gives a step.
    steps: bool,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The fields of a cron expression, in their order.
const FIELDS: [Field; 6] = [
    Field { name: "minutes", values: 0..=59, names: &[], steps: true },
    Field { name: "hours", values: 0..=23, names: &[], steps: true },
    Field { name: "day-of-month", values: 1..=31, names: &[], steps: true },
    Field { name: "month", values: 1..=12, names: &MONTHS, steps: true },
    Field { name: "day-of-week", values: 1..=7, names: &DAYS, steps: false },
    Field { name: "year", values: 1970..=2199, names: &[], steps: true },
];
const DAY_OF_MONTH: usize = 2;
const DAY_OF_WEEK: usize = 4;

/// Returns what is wrong with the fields of a cron expression.
fn check_cron(fields: &[&str]) -> Result<(), String> {
    if fields.len() != FIELDS.len() {
        return Err(format!(
            "cron(...) has 6 fields (minutes, hours, day-of-month, month, day-of-week, year), and this one has {}",
            fields.len()
        ));
    }
    for (at, (field, text)) in FIELDS.iter().zip(fields).enumerate() {
        let special = match at {
            DAY_OF_MONTH => is_special_day_of_month(text),
            DAY_OF_WEEK => is_special_day_of_week(text),
            _ => false,
        };
        if !special {
            field.check(text)?;
        }
    }
    let any = |at: usize| fields.get(at) == Some(&"?");
    match (any(DAY_OF_MONTH), any(DAY_OF_WEEK)) {
        (false, false) => Err("day-of-month and day-of-week are both given, and one of them must be `?`".to_owned()),
        (true, true) => Err("day-of-month and day-of-week are both `?`, and only one of them may be".to_owned()),
        (true, false) | (false, true) => Ok(()),
    }
}

/// `?`, `L` (the last day) and `3W` (the weekday nearest to the third).
fn is_special_day_of_month(text: &str) -> bool {
    let nearest = text.strip_suffix('W').and_then(number).is_some_and(|day| (1..=31).contains(&day));
    matches!(text, "?" | "L") || nearest
}

/// `?`, `L` (Saturday), `6L` (the last Friday) and `6#3` (the third Friday).
fn is_special_day_of_week(text: &str) -> bool {
    let day = |text: &str| number(text).filter(|day| (1..=7).contains(day)).or_else(|| named(&DAYS, text, 1)).is_some();
    let last = text.strip_suffix('L').is_some_and(day);
    let nth =
        text.split_once('#').is_some_and(|(of, nth)| day(of) && number(nth).is_some_and(|n| (1..=5).contains(&n)));
    matches!(text, "?" | "L") || last || nth
}

impl Field {
    /// Checks a list of `*`, values, ranges and steps.
    fn check(&self, text: &str) -> Result<(), String> {
        text.split(',').try_for_each(|item| self.check_item(item))
    }

    fn check_item(&self, item: &str) -> Result<(), String> {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        if let Some(step) = step {
            let most = *self.values.end();
            if !self.steps {
                return Err(format!("{} has no steps, and `{item}` has one", self.name));
            }
            if !number(step).is_some_and(|step| (1..=most).contains(&step)) {
                return Err(format!("the step in `{item}` of {} is not from 1 to {most}", self.name));
            }
        }
        if base == "*" {
            return Ok(());
        }
        match base.split_once('-') {
            Some((from, to)) if self.value(from)? > self.value(to)? => {
                Err(format!("the range `{base}` of {} ends before it begins", self.name))
            }
            Some(_) => Ok(()),
            None => self.value(base).map(|_| ()),
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let (least, most) = (*self.values.start(), *self.values.end());
        let value = number(text).or_else(|| named(self.names, text, least));
        value.filter(|value| self.values.contains(value)).ok_or_else(|| {
            let names = match (self.names.first(), self.names.last()) {
                (Some(first), Some(last)) => format!(" or {first} to {last}"),
                _ => String::new(),
            };
            format!("`{text}` is no value of {}, which has {least} to {most}{names}", self.name)
        })
    }
}

/// A whole number without a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The value of a name, which may have lower-case letters.
fn named(names: &[&str], text: &str, least: u32) -> Option<u32> {
    names.iter().zip(least..).find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| value)
}

/// What was probably meant: Unix's five fields get a year, and one day field becomes `?`.
fn corrected_cron(fields: &[&str]) -> String {
    let mut fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
    if fields.len() == FIELDS.len() - 1 {
        fields.push("*".to_owned());
        // Unix counts the days of the week from Sunday = 0, and Scheduler from Sunday = 1.
        if let Some(days) = fields.get_mut(DAY_OF_WEEK) {
            let shift = |day: char| day.to_digit(10).map_or(day.to_string(), |digit| (digit % 7 + 1).to_string());
            *days = days.chars().map(shift).collect();
        }
    }
    if let [_, _, day_of_month, _, day_of_week, _] = fields.as_mut_slice()
        && (day_of_month == "?") == (day_of_week == "?")
    {
        let by_week = day_of_month == "*" && day_of_week != "*" && day_of_week != "?";
        let (any, other) = if by_week { (day_of_month, day_of_week) } else { (day_of_week, day_of_month) };
        "?".clone_into(any);
        if other == "?" {
            "*".clone_into(other);
        }
    }
    let borrowed: Vec<&str> = fields.iter().map(String::as_str).collect();
    match check_cron(&borrowed) {
        Ok(()) => format!("cron({})", fields.join(" ")),
        Err(_) => CRON_EXAMPLE.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(expression: &str) -> String {
        check_schedule_expression(expression).unwrap_err().to_string()
    }

    #[test]
    fn documented_expressions_are_accepted() {
        for expression in [
            "cron(0 10 * * ? *)",
            "cron(15 12 * * ? *)",
            "cron(0 18 ? * MON-FRI *)",
            "cron(0 8 1 * ? *)",
            "cron(0/15 * * * ? *)",
            "cron(0/10 * ? * MON-FRI *)",
            "cron(0/5 8-17 ? * MON-FRI *)",
            "cron(15 10 ? * 6L 2022-2023)",
            "cron(0 9 L * ? *)",
            "cron(0 9 3W * ? *)",
            "cron(0 9 ? * 3#2 *)",
            "cron(0 9 ? * FRI#1 *)",
            "cron(0 9 ? JAN,feb L 2030/2)",
            "cron(0-15/1 8-8 ? * 2,3,4,5,6,7 *)",
            "cron(1-31/30 1-1 ? * 1,7 *)",
            "rate(5 minutes)",
            "rate(1 hour)",
            "rate(1 days)",
            "at(2030-11-20T13:00:00)",
        ] {
            assert_eq!(check_schedule_expression(expression), Ok(()), "{expression}");
        }
    }

    #[test]
    fn what_scheduler_refuses_is_refused_with_a_correction() {
        for (expression, why, correction) in [
            ("cron(0 4 * * * *)", "one of them must be `?`", "cron(0 4 * * ? *)"),
            ("cron(0 4 * * *)", "has 5", "cron(0 4 * * ? *)"),
            ("cron(0 4 * * 1-5)", "has 5", "cron(0 4 ? * 2-6 *)"),
            ("cron(0 4 1 * *)", "has 5", "cron(0 4 1 * ? *)"),
            ("cron(0 4 ? * ? *)", "both `?`", "cron(0 4 * * ? *)"),
            ("cron(0 4 * * MON *)", "one of them must be `?`", "cron(0 4 ? * MON *)"),
            ("cron(60 4 * * ? *)", "`60` is no value of minutes", CRON_EXAMPLE),
            ("cron(0 24 * * ? *)", "hours", CRON_EXAMPLE),
            ("cron(*/60 * * * ? *)", "step", CRON_EXAMPLE),
            ("cron(*/0 * * * ? *)", "step", CRON_EXAMPLE),
            ("cron(0 4 ? * 0 *)", "day-of-week", CRON_EXAMPLE),
            ("cron(0 4 ? * MON/2 *)", "no steps", CRON_EXAMPLE),
            ("cron(0 4 32 * ? *)", "day-of-month", CRON_EXAMPLE),
            ("cron(0 4 40W * ? *)", "day-of-month", CRON_EXAMPLE),
            ("cron(0 4 ? * 3#6 *)", "day-of-week", CRON_EXAMPLE),
            ("cron(0 4 * JANUARY ? *)", "JAN to DEC", CRON_EXAMPLE),
            ("cron(0 4 * * ? 2200)", "year", CRON_EXAMPLE),
            ("cron(0 22-2 * * ? *)", "ends before it begins", CRON_EXAMPLE),
            ("cron(0, 4 * * ? *)", "`` is no value of minutes", CRON_EXAMPLE),
            ("cron()", "has 0", CRON_EXAMPLE),
            ("rate(0 days)", "from 1", "rate(1 day)"),
            ("rate(-1 days)", "from 1", "rate(1 day)"),
            ("rate(1 week)", "unit", "rate(1 day)"),
            ("rate(day)", "a value and a unit", "rate(1 day)"),
            ("at(2030-02-30T04:00:00)", "yyyy-mm-ddThh:mm:ss", "at(2030-01-31T04:00:00)"),
            ("at(2030-02-20 04:00:00)", "yyyy-mm-ddThh:mm:ss", "at(2030-01-31T04:00:00)"),
            ("at(2030-02-20T04:00:00Z)", "yyyy-mm-ddThh:mm:ss", "at(2030-01-31T04:00:00)"),
            ("daily", "no schedule", CRON_EXAMPLE),
            ("Cron(0 4 * * ? *)", "no schedule", CRON_EXAMPLE),
            ("cron(0 4 * * ? *", "no schedule", CRON_EXAMPLE),
        ] {
            let text = refused(expression);
            assert!(text.contains(why), "{expression}: {text}");
            assert!(text.ends_with(&format!("write `{correction}`")), "{expression}: {text}");
            assert_eq!(check_schedule_expression(correction), Ok(()), "{correction}");
        }
        assert!(refused(&format!("cron({} 4 * * ? *)", "1,".repeat(200))).contains("256"));
    }

    #[test]
    fn a_time_zone_is_a_name_of_the_iana_database() {
        for name in ["UTC", "Australia/Sydney", "America/Argentina/Buenos_Aires", "Etc/GMT+3", "US/Pacific"] {
            assert_eq!(check_time_zone(name), Ok(()), "{name}");
        }
        for (name, correction) in [("Australia/Sidney", "Australia/Sydney"), ("europe/berlin", "Europe/Berlin")] {
            assert!(check_time_zone(name).unwrap_err().to_string().ends_with(&format!("write `{correction}`")));
        }
        for name in ["", "+01:00", "local", &"x".repeat(51)] {
            assert!(check_time_zone(name).is_err(), "{name}");
        }
    }

    #[test]
    fn names_and_windows_have_limits() {
        assert_eq!(check_schedule_name(&"n".repeat(64)), Ok(()));
        assert_eq!(check_schedule_name("a-b_c.D9"), Ok(()));
        for name in ["", "a b", "ä", &"n".repeat(65)] {
            assert!(check_schedule_name(name).is_err(), "{name}");
        }
        assert!(check_flexible_window(0).is_err() && check_flexible_window(1441).is_err());
        assert!(check_flexible_window(1).is_ok() && check_flexible_window(1440).is_ok());
    }
}
