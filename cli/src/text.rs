//! Text formats: hexadecimal, lists, names of nodes, durations, sizes, and text that is safe to print.

use std::{fmt::Write as _, time::Duration};

use jiff::Timestamp;

/// The bytes as lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text with control characters written as escapes: an S3 key may hold sequences that control the terminal.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
        out
    })
}

/// The first `most` items separated by commas, and the number of further items.
pub fn list<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let mut text = items.iter().take(most).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if let Some(more) = items.len().checked_sub(most).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// The readable part of dbt's `unique_id`: `stg_orders` of `model.shop.stg_orders`. A generic test's hash is left out.
pub fn node_name(id: &str) -> &str {
    let mut parts = id.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        // test.project.not_null_orders_id.0123456789
        (Some("test"), _, Some(rest)) => rest.split('.').next().unwrap_or(rest),
        (_, _, Some(rest)) => rest,
        _ => id,
    }
}

/// A duration such as `0.4 s`, `12 s` or `3 min 05 s`.
pub fn seconds(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        10..120 => format!("{whole} s"),
        _ => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// A size such as `812 B`, `1.2 kB` or `3.4 MB`.
pub fn bytes(count: u64) -> String {
    indicatif::DecimalBytes(count).to_string()
}

/// A number with its noun: `1 model`, `2 models`.
pub fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A point in time such as `2026-11-22 17:00:00 UTC`.
pub fn date_time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_a_key_are_escaped() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{1f355}"), "a\\u{1b}[2Jb\\n\u{1f355}");
    }

    #[test]
    fn a_node_is_named_without_type_project_and_hash() {
        assert_eq!(node_name("model.shop.stg_orders"), "stg_orders");
        assert_eq!(node_name("model.shop.orders.v2"), "orders.v2");
        assert_eq!(node_name("test.shop.not_null_orders_id.cf6c17daed"), "not_null_orders_id");
    }

    #[test]
    fn a_long_list_ends_with_the_number_of_further_items() {
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(list(&["a"], 2), "a");
    }

    #[test]
    fn a_duration_is_short() {
        assert_eq!(seconds(Duration::from_millis(420)), "0.4 s");
        assert_eq!(seconds(Duration::from_secs(59)), "59 s");
        assert_eq!(seconds(Duration::from_secs(185)), "3 min 05 s");
    }

    #[test]
    fn a_number_agrees_with_its_noun() {
        assert_eq!(count(1, "model", "models"), "1 model");
        assert_eq!(count(0, "model", "models"), "0 models");
    }
}
