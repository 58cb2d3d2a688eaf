//! Small helpers for words and digits.

use std::fmt::Write as _;

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The text with everything that could play tricks on a terminal (control characters) written as an escape: S3 keys are hostile text.
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

/// The first `most` items joined by commas, and how many more there are.
pub fn list<T: AsRef<str>>(items: &[T], most: usize) -> String {
    let mut text = items.iter().take(most).map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if let Some(more) = items.len().checked_sub(most).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}

/// The part of dbt's `unique_id` that people say: `stg_orders` of `model.shop.stg_orders`, and the readable part of a generic test's.
pub fn node_name(id: &str) -> &str {
    let mut parts = id.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        // test.project.not_null_orders_id.0123456789: the hash says nothing.
        (Some("test"), _, Some(rest)) => rest.split('.').next().unwrap_or(rest),
        (_, _, Some(rest)) => rest,
        _ => id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_key_cannot_move_the_cursor() {
        assert_eq!(printable("a\u{1b}[2Jb\n\u{1f355}"), "a\\u{1b}[2Jb\\n\u{1f355}");
    }

    #[test]
    fn a_node_is_called_by_its_name() {
        assert_eq!(node_name("model.shop.stg_orders"), "stg_orders");
        assert_eq!(node_name("model.shop.orders.v2"), "orders.v2");
        assert_eq!(node_name("test.shop.not_null_orders_id.cf6c17daed"), "not_null_orders_id");
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        assert_eq!(list(&["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(list(&["a"], 2), "a");
    }
}
