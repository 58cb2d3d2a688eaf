//! Parses expressions and the values of `--select` and `--exclude`
//! (<https://docs.getdbt.com/reference/node-selection/syntax>).

use serde_json::Value;
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::dialect::Dialect;
use crate::error::SelectError;
use crate::method::Method;
use crate::spec::{Combination, Criteria, Reach, Spec};

/// Parses the value of `--select`: spaces separate the parts of a union, commas those of an intersection.
///
/// Each space separates, so two spaces in a row have an empty expression between them, which matches nothing.
///
/// ```
/// let spec = landfall_select::parse("tag:orders+,path:models/marts")?;
/// assert_eq!(spec.criteria().len(), 2);
/// assert!(landfall_select::parse("tags:orders").is_err());
/// # Ok::<(), landfall_select::SelectError>(())
/// ```
///
/// # Errors
///
/// If an expression has an unknown method, a line break or operators that exclude each other.
pub fn parse(text: &str) -> Result<Spec, SelectError> {
    union(&[text], false, Dialect::default())
}

/// Parses the values of `--select` or `--exclude` as the shell passes them. With `warn`, expressions that match nothing
/// cause a warning.
pub(crate) fn union<T: AsRef<str>>(texts: &[T], warn: bool, dialect: Dialect) -> Result<Spec, SelectError> {
    let parts = texts
        .iter()
        .flat_map(|text| text.as_ref().split(' '))
        .map(|piece| {
            let parts =
                piece.split(',').map(|part| criteria(part, dialect).map(Spec::Criteria)).collect::<Result<_, _>>()?;
            Ok(Spec::Intersection(Combination { parts, indirect: None, warn: warn.then(|| piece.to_owned()) }))
        })
        .collect::<Result<_, SelectError>>()?;
    Ok(Spec::Union(Combination { parts, indirect: None, warn: None }))
}

/// Parses one expression: `[@][n+][method[.argument...]:]value[+n]`.
pub(crate) fn criteria(text: &str, dialect: Dialect) -> Result<Criteria, SelectError> {
    if text.contains('\n') {
        return Err(SelectError::Runtime(format!(
            "invalid selector spec {text:?}: it has a line break; use a space instead"
        )));
    }
    let (childrens_parents, rest) = text.strip_prefix('@').map_or((false, text), |rest| (true, rest));
    let (parents, rest) = leading_reach(rest);
    let (method, rest) = leading_method(rest);
    let (value, children) = trailing_reach(rest);
    let (method, arguments) = match method {
        None => (Method::default_for(value), Vec::new()),
        Some(name) => named_method(name, text, dialect)?,
    };
    Criteria {
        method,
        arguments,
        value: Value::String(value.to_owned()),
        childrens_parents,
        parents,
        children,
        indirect: None,
    }
    .check(text)
}

/// Parses the name of a method and the arguments that follow it after dots.
pub(crate) fn named_method(
    name: &str,
    expression: &str,
    dialect: Dialect,
) -> Result<(Method, Vec<String>), SelectError> {
    let mut parts = name.split('.').map(str::to_owned);
    let first = parts.next().unwrap_or_default();
    match Method::from_name(&first) {
        Some(method) if method != Method::Selector || dialect.selector_method => Ok((method, parts.collect())),
        _ => Err(SelectError::InvalidMethod { method: first, expression: expression.to_owned() }),
    }
}

fn leading_reach(text: &str) -> (Option<Reach>, &str) {
    let digits = text.find(|c| decimal(c).is_none()).unwrap_or(text.len());
    match text.split_at_checked(digits) {
        Some((digits, rest)) if rest.starts_with('+') => (Some(reach(digits)), rest.get(1..).unwrap_or_default()),
        _ => (None, text),
    }
}

fn trailing_reach(text: &str) -> (&str, Option<Reach>) {
    match text.rsplit_once('+') {
        Some((value, digits)) if digits.chars().all(|c| decimal(c).is_some()) => (value, Some(reach(digits))),
        _ => (text, None),
    }
}

/// The method ends at the first colon, if the text before it has only word characters and dots.
fn leading_method(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((name, rest)) if !name.is_empty() && name.chars().all(|c| c == '.' || is_word(c)) => (Some(name), rest),
        _ => (None, text),
    }
}

fn reach(digits: &str) -> Reach {
    if digits.is_empty() {
        return Reach::All;
    }
    let layers =
        digits.chars().filter_map(decimal).fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(digit));
    Reach::Layers(layers)
}

/// Whether Python's `\w` matches: letters and numbers of any script, and the underscore.
fn is_word(c: char) -> bool {
    use GeneralCategory as G;
    c == '_'
        || c.is_ascii_alphanumeric()
        || (!c.is_ascii()
            && matches!(
                get_general_category(c),
                G::UppercaseLetter
                    | G::LowercaseLetter
                    | G::TitlecaseLetter
                    | G::ModifierLetter
                    | G::OtherLetter
                    | G::DecimalNumber
                    | G::LetterNumber
                    | G::OtherNumber
            ))
}

/// The value of a character that Python's `\d` matches: a decimal digit of any script.
fn decimal(c: char) -> Option<u64> {
    if c.is_ascii() {
        return c.to_digit(10).map(u64::from);
    }
    let is_digit = |c: char| get_general_category(c) == GeneralCategory::DecimalNumber;
    if !is_digit(c) {
        return None;
    }
    // Unicode encodes the decimal digits of a script in a run of ten, starting with zero.
    let code = u32::from(c);
    let before = (1..50).take_while(|back| char::from_u32(code - back).is_some_and(is_digit)).count();
    Some(before as u64 % 10)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use crate::dialect::Dialect;
    use crate::error::SelectError;
    use crate::method::Method;
    use crate::spec::Reach;

    fn criteria(text: &str) -> Result<crate::spec::Criteria, SelectError> {
        super::criteria(text, Dialect::default())
    }

    fn parts_of(text: &str) -> (bool, Option<Reach>, Method, String, Option<Reach>) {
        let found = criteria(text).unwrap();
        (found.childrens_parents, found.parents, found.method, found.value.as_str().unwrap().to_owned(), found.children)
    }

    #[test]
    fn operators_are_read_before_and_after_the_value() {
        assert_eq!(
            parts_of("2+tag:a+3"),
            (false, Some(Reach::Layers(2)), Method::Tag, "a".into(), Some(Reach::Layers(3)))
        );
        assert_eq!(parts_of("@+x"), (true, Some(Reach::All), Method::Fqn, "x".into(), None));
        assert_eq!(parts_of("x++"), (false, None, Method::Fqn, "x+".into(), Some(Reach::All)));
        assert_eq!(parts_of("+1"), (false, Some(Reach::All), Method::Fqn, "1".into(), None));
        assert_eq!(parts_of("1+"), (false, Some(Reach::Layers(1)), Method::Fqn, String::new(), None));
        assert_eq!(parts_of("x+٣"), (false, None, Method::Fqn, "x".into(), Some(Reach::Layers(3))));
        assert!(criteria("@x+").is_err());
        assert!(criteria("x\n").is_err());
    }

    #[test]
    fn the_first_colon_ends_a_method_if_only_word_characters_precede_it() {
        assert_eq!(parts_of("a b").3, "a b");
        assert_eq!(parts_of("-x:y").2, Method::Fqn);
        assert_eq!(parts_of("file:a.b:c").3, "a.b:c");
        assert!(criteria("a:b:c").is_err());
        assert!(criteria("é:x").is_err());
        assert_eq!(criteria("config.meta.a:x").unwrap().arguments, ["meta", "a"]);
    }

    #[test]
    fn a_value_without_a_method_gets_one_by_its_slashes_and_its_ending() {
        assert_eq!(parts_of("models/x.sql").2, Method::Path);
        assert_eq!(parts_of("x.SQL").2, Method::File);
        assert_eq!(parts_of("x.yml").2, Method::Fqn);
    }

    #[test]
    fn an_expression_prints_as_it_would_be_written() {
        for text in
            ["2+tag:a+3,b c", "@models/x", "fqn:x.sql", "fqn:a:b", "", " ", "+", "fqn:+", "config.severity:warn"]
        {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        assert_eq!(parse("fqn:a path:b/c").unwrap().to_string(), "a b/c");
    }
}
