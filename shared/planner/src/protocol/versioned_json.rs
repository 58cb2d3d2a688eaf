//! Reading a JSON document that carries a format version: the version first, because nothing else of another version
//! can be trusted.

use serde::{Deserialize, de::DeserializeOwned};

/// A JSON document of the state bucket that this Landfall cannot use.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are not the JSON of such a document.
    #[error("{document} is not valid: {source}; restore it from the bucket's versions")]
    Unreadable {
        /// The file's name, such as `plan.json`.
        document: &'static str,
        /// What serde found, with line and column.
        source: serde_json::Error,
    },
    /// The document was written by an older or a newer Landfall. Formats have no migrations.
    #[error("{document} has format version {found}, but this Landfall reads version {expected}: {remedy}")]
    Version {
        /// The file's name.
        document: &'static str,
        /// The version that the document states.
        found: u32,
        /// The only version that this code reads.
        expected: u32,
        /// What the operator has to do.
        remedy: &'static str,
    },
}

/// What identifies one kind of document.
pub(crate) struct Format {
    /// The file's name.
    pub(crate) document: &'static str,
    /// The only version that is read.
    pub(crate) version: u32,
    /// What an operator does about a document of another version: an imperative clause.
    pub(crate) remedy: &'static str,
}

impl Format {
    /// Reads a document of this format.
    ///
    /// # Errors
    ///
    /// Fails if the bytes are not JSON, if the document states another version, or if a field is missing or malformed.
    pub(crate) fn read<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, DocumentError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let document = self.document;
        let unreadable = |source| DocumentError::Unreadable { document, source };
        let Versioned { version: found } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if found != self.version {
            return Err(DocumentError::Version { document, found, expected: self.version, remedy: self.remedy });
        }
        serde_json::from_slice(bytes).map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Plan, Release, ReleaseDocument, RunResult};

    /// The first lines of documents as version 1 wrote them. Their other fields had other names.
    const VERSION_1: &[u8] = br#"{"version": 1, "run_id": "20261122t171417z-9f3a2c1b-0", "causes": []}"#;

    #[test]
    fn a_document_of_version_1_is_refused_with_what_to_do() {
        let refusals = [
            (Plan::from_json(VERSION_1).unwrap_err().to_string(), "plan.json", "`landfall retry`"),
            (RunResult::from_json(VERSION_1).unwrap_err().to_string(), "result.json", "`landfall retry`"),
            (ReleaseDocument::from_json(VERSION_1).unwrap_err().to_string(), "release.json", "`landfall release`"),
            (Release::load(VERSION_1, &[]).unwrap_err().to_string(), "compiled.json", "`landfall release`"),
        ];
        for (refusal, document, command) in refusals {
            let start = format!("{document} has format version 1, but this Landfall reads version ");
            assert!(refusal.starts_with(&start), "{refusal}");
            assert!(refusal.contains(command), "{refusal}");
        }
    }

    #[test]
    fn a_document_without_a_version_is_unreadable() {
        let error = Plan::from_json(b"{}").unwrap_err().to_string();
        assert!(error.starts_with("plan.json is not valid: missing field `version`"), "{error}");
    }
}
