//! Strikes out the secrets of our own environment. dbt itself strikes out only what is named `DBT_ENV_SECRET_*`
//! (<https://docs.getdbt.com/reference/dbt-jinja-functions/env_var#secrets>), and a warehouse's error message may well repeat a password.

use std::{borrow::Cow, collections::BTreeMap, fmt};

/// Shorter values are words that occur anywhere ("test", "dev"): striking them out would spoil the text and protect nothing.
const SHORTEST: usize = 8;
const TELLING: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "PRIVATE_KEY"];
const STRUCK: &str = "*****";

/// Knows the secrets and says none.
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
    /// Takes the values whose names speak of a password, a secret, a token or a private key.
    pub fn new(variables: &BTreeMap<String, String>) -> Self {
        let telling = |name: &str| TELLING.iter().any(|word| name.to_ascii_uppercase().contains(word));
        let mut secrets: Vec<String> = variables
            .iter()
            .filter(|(name, value)| telling(name) && value.len() >= SHORTEST)
            // As it stands, and as it stands inside a JSON string.
            .flat_map(|(_, value)| [value.clone(), escaped(value)])
            .collect();
        // The longest first, so that no secret is left in part because it holds another.
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    /// The text with every secret struck out.
    pub fn clean<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.secrets.iter().fold(Cow::Borrowed(text), |text, secret| {
            if text.contains(secret.as_str()) { Cow::Owned(text.replace(secret.as_str(), STRUCK)) } else { text }
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
    fn a_password_is_struck_out_plain_and_inside_json_while_common_words_stay() {
        let variables = [("DB_PASSWORD", "pa\"ss\nword"), ("AWS_SECRET_ACCESS_KEY", "test"), ("USER", "someone-long")];
        let redactor =
            Redactor::new(&variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect());
        assert_eq!(redactor.clean("as pa\"ss\nword, test of someone-long"), "as *****, test of someone-long");
        assert_eq!(redactor.clean(r#"{"msg":"pa\"ss\nword"}"#), r#"{"msg":"*****"}"#);
        assert!(!format!("{redactor:?}").contains("pa"));
    }
}
