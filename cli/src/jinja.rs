//! Jinja expressions of dbt's YAML files. Only `{{ env_var('NAME', 'default') }}` is available, as in profiles.yml of
//! dbt.

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, value::Value};

/// Renders the text; `lookup` returns the value of a variable.
///
/// # Errors
///
/// An expression is not valid, or a variable is not set and has no default. The text of the error names the line.
pub fn render(text: &str, lookup: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> Result<String, String> {
    let mut jinja = Environment::new();
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    jinja.add_function("env_var", move |name: String, default: Option<Value>| match lookup(&name) {
        Some(value) => Ok(Value::from(value)),
        None => default.ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidOperation,
                format!("the environment variable {name} is not set, and env_var gives no default for it"),
            )
        }),
    });
    jinja.render_str(text, ()).map_err(|error| {
        let line = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
        format!("{line}{}", error.detail().map_or_else(|| error.kind().to_string(), str::to_owned))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced_and_a_missing_variable_is_named() {
        let lookup = |name: &str| (name == "BUCKET").then(|| "landing".to_owned());
        assert_eq!(
            render("a: s3://{{ env_var('BUCKET') }}/{{ env_var(\"X\", 'x') }}", lookup).unwrap(),
            "a: s3://landing/x"
        );
        let error = render("a: 1\nb: {{ env_var('X') }}\n", lookup).unwrap_err();
        assert!(error.starts_with("line 2: ") && error.contains("the environment variable X is not set"), "{error}");
    }

    #[test]
    fn a_syntax_error_is_reported_with_its_line() {
        assert!(render("{{ env_var( }}", |_| None).unwrap_err().starts_with("line 1"));
    }
}
