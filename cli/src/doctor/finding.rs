//! What is found, each with its fix in a sentence.

use std::fmt;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use serde::Serialize;

use crate::text::printable;

/// How it is with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Good,
    /// Not looked at, or not there yet: nothing to worry about.
    Note,
    /// It works, and will not do what one expects.
    Warning,
    /// Loads are lost, or nothing runs.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it is.
    pub verdict: Verdict,
    /// What was looked at.
    pub about: String,
    /// What was seen.
    pub says: String,
    /// What to do about it; everything that is not good or a mere note has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            Verdict::Good => "good   ",
            Verdict::Note => "note   ",
            Verdict::Warning => "warning",
            Verdict::Broken => "BROKEN ",
        };
        // Bucket policies, reasons and names come from elsewhere.
        write!(f, "  {mark}  {}: {}", printable(&self.about), printable(&self.says))?;
        match &self.fix {
            Some(fix) => write!(f, "\n             -> {}", printable(fix)),
            None => Ok(()),
        }
    }
}

/// All that was found, in the order in which it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Them.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many there are of a kind.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    pub(crate) fn good(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Good, about, says, None);
    }

    pub(crate) fn note(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(Verdict::Note, about, says, None);
    }

    /// Something that is to be done next, though nothing is wrong.
    pub(crate) fn next(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(Verdict::Note, about, says, Some(fix.into()));
    }

    pub(crate) fn warning(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(Verdict::Warning, about, says, Some(fix.into()));
    }

    pub(crate) fn broken(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(Verdict::Broken, about, says, Some(fix.into()));
    }

    /// A call that told nothing. A missing right of the caller's says nothing about the stack.
    pub(crate) fn unseen<E, R>(&mut self, about: impl Into<String>, action: &str, on: &str, error: &SdkError<E, R>)
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: fmt::Debug,
    {
        if is_denied(error) {
            let says = format!("not looked at: you may not {action} on {on}");
            self.warning(
                about,
                says,
                format!("have {action} on {on} added to your own policy, or ask somebody who has it"),
            );
        } else {
            let says = format!("not looked at: {action} on {on} failed: {}", DisplayErrorContext(error));
            self.warning(about, says, "try again; if it goes on, ask AWS the same by its own command line");
        }
    }

    fn add(&mut self, verdict: Verdict, about: impl Into<String>, says: impl Into<String>, fix: Option<String>) {
        self.findings.push(Finding { verdict, about: about.into(), says: says.into(), fix });
    }
}

/// Whether AWS refused the caller, in any service's words. HEAD has no words, only the status.
pub(crate) fn is_denied<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    code.starts_with("AccessDenied") || matches!(code, "UnauthorizedOperation" | "Forbidden" | "403")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_its_fix() {
        let mut report = Report::default();
        report.broken("landing bucket a", "tells nobody\u{1b}", "run it with --fix");
        report.good("state bucket b", "is versioned");
        assert_eq!(
            report.findings[0].to_string(),
            "  BROKEN   landing bucket a: tells nobody\\u{1b}\n             -> run it with --fix"
        );
        assert_eq!(report.findings[1].to_string(), "  good     state bucket b: is versioned");
        assert_eq!((report.count(Verdict::Broken), report.count(Verdict::Warning)), (1, 0));
    }
}
