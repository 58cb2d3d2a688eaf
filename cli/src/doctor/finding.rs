//! A finding of the doctor, and the report that collects them.

use std::fmt;

use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use serde::Serialize;

use crate::text::printable;

/// The verdict of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingVerdict {
    /// The check passed.
    Good,
    /// A fact that needs no action, or a check that was not made.
    Note,
    /// The stack works, but may not do what the user expects.
    Warning,
    /// Loads are lost, or no run can start.
    Broken,
}

/// The result of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The verdict of the check.
    pub verdict: FindingVerdict,
    /// The thing that was checked.
    pub about: String,
    /// What the check observed.
    pub says: String,
    /// The fix; every finding that is a warning or broken has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match self.verdict {
            FindingVerdict::Good => "good   ",
            FindingVerdict::Note => "note   ",
            FindingVerdict::Warning => "warning",
            FindingVerdict::Broken => "BROKEN ",
        };
        // Names and error texts of other systems may hold control characters.
        write!(f, "  {mark}  {}: {}", printable(&self.about), printable(&self.says))?;
        match &self.fix {
            Some(fix) => write!(f, "\n             -> {}", printable(fix)),
            None => Ok(()),
        }
    }
}

/// The findings, in the order of the checks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DoctorReport {
    /// The findings, the oldest first.
    pub findings: Vec<Finding>,
}

impl DoctorReport {
    /// The number of findings with this verdict.
    pub fn count(&self, verdict: FindingVerdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }

    pub(crate) fn good(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(FindingVerdict::Good, about, says, None);
    }

    pub(crate) fn note(&mut self, about: impl Into<String>, says: impl Into<String>) {
        self.add(FindingVerdict::Note, about, says, None);
    }

    /// Adds a next step, although nothing is wrong.
    pub(crate) fn next(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(FindingVerdict::Note, about, says, Some(fix.into()));
    }

    pub(crate) fn warning(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(FindingVerdict::Warning, about, says, Some(fix.into()));
    }

    pub(crate) fn broken(&mut self, about: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) {
        self.add(FindingVerdict::Broken, about, says, Some(fix.into()));
    }

    /// Adds a check that could not be made. If the user lacks a permission, that is no problem of the stack.
    pub(crate) fn not_checked<E, R>(&mut self, about: impl Into<String>, action: &str, on: &str, error: &SdkError<E, R>)
    where
        E: std::error::Error + ProvideErrorMetadata + 'static,
        R: fmt::Debug,
    {
        if is_denied(error) {
            let says = format!("not checked, because you may not {action} on {on}");
            self.warning(about, says, format!("add {action} on {on} to your own IAM policy"));
        } else {
            let says = format!("not checked, because {action} on {on} failed: {}", DisplayErrorContext(error));
            self.warning(
                about,
                says,
                "run the command again; if it fails again, try the same request with the AWS CLI",
            );
        }
    }

    fn add(&mut self, verdict: FindingVerdict, about: impl Into<String>, says: impl Into<String>, fix: Option<String>) {
        self.findings.push(Finding { verdict, about: about.into(), says: says.into(), fix });
    }
}

/// Whether AWS denied the request. Services use different codes, and a HEAD request has only the status.
pub(crate) fn is_denied<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    code.starts_with("AccessDenied") || matches!(code, "UnauthorizedOperation" | "Forbidden" | "403")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_printed_with_its_fix_on_the_next_line() {
        let mut report = DoctorReport::default();
        report.broken("landing bucket a", "sends no events\u{1b}", "run it with --fix");
        report.good("state bucket b", "is versioned");
        assert_eq!(
            report.findings[0].to_string(),
            "  BROKEN   landing bucket a: sends no events\\u{1b}\n             -> run it with --fix"
        );
        assert_eq!(report.findings[1].to_string(), "  good     state bucket b: is versioned");
        assert_eq!((report.count(FindingVerdict::Broken), report.count(FindingVerdict::Warning)), (1, 0));
    }
}
