//! Removal of secrets from printed and stored text. dbt removes only the values of variables named `DBT_ENV_SECRET_*`
//! (<https://docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets>), but the error message of a warehouse can
//! contain any password of the profile.

use std::{borrow::Cow, collections::BTreeMap, fmt};

/// The length in bytes from which a value is replaced. Shorter values such as "test" or "dev" occur in ordinary text.
const MIN_SECRET_BYTES: usize = 8;
const SECRET_NAMES: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "PRIVATE_KEY"];
const REPLACEMENT: &str = "*****";

/// Replaces the values of secret environment variables in text.
#[derive(Clone, Default)]
pub struct Redactor {
    secrets: Vec<String>,
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redactor({} secrets)", self.secrets.len())
    }
}

impl Redactor {
    /// Creates a redactor for the variables whose name contains a word such as PASSWORD, SECRET, TOKEN or
    /// `PRIVATE_KEY`.
    pub fn new(variables: &BTreeMap<String, String>) -> Self {
        let is_secret = |name: &str| SECRET_NAMES.iter().any(|word| name.to_ascii_uppercase().contains(word));
        let mut secrets: Vec<String> = variables
            .iter()
            .filter(|(name, value)| is_secret(name) && value.len() >= MIN_SECRET_BYTES)
            // dbt's log holds the value in its form inside a JSON string.
            .flat_map(|(_, value)| [value.clone(), escaped(value)])
            .collect();
        // The longest first: if one secret is a part of another, the rest of the longer one must not stay.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// Returns the text with `*****` in the place of every secret.
    pub fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), REPLACEMENT)) } else { text }
        })
    }
}

fn escaped(value: &str) -> String {
    let json = serde_json::Value::from(value).to_string();
    json.trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_replaced_in_plain_text_and_in_json_but_short_values_stay() {
        let variables = [("DB_PASSWORD", "pa\"ss\nword"), ("AWS_SECRET_ACCESS_KEY", "test"), ("USER", "someone-long")];
        let redactor =
            Redactor::new(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        assert_eq!(redactor.redact("as pa\"ss\nword, test of someone-long"), "as *****, test of someone-long");
        assert_eq!(redactor.redact(r#"{"msg":"pa\"ss\nword"}"#), r#"{"msg":"*****"}"#);
        assert!(!format!("{redactor:?}").contains("pa"));
    }
}
