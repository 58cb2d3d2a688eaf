//! The errors of calls to AWS, by what the caller can do next.

use std::{error::Error, fmt};

use aws_sdk_s3::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};

/// The error of one call, as AWS or the connection reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The HTTP status; none if no readable answer came.
    pub status: Option<u16>,
    /// The error code, such as `AccessDenied`.
    pub code: Option<String>,
    /// The message of the service.
    pub message: String,
}

impl Fault {
    /// Reads the SDK's error of any service.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        match error {
            SdkError::ServiceError(answer) => Self {
                status: Some(answer.raw().status().as_u16()),
                code: answer.err().code().map(str::to_owned),
                message: answer.err().message().map_or_else(|| chain(answer.err()), str::to_owned),
            },
            SdkError::ResponseError(answer) => {
                Self { status: Some(answer.raw().status().as_u16()), code: None, message: chain(error) }
            }
            _ => Self { status: None, code: None, message: chain(error) },
        }
    }

    /// Whether the role lacks a permission.
    pub fn is_denied(&self) -> bool {
        self.status == Some(403) || self.code.as_deref().is_some_and(|code| code.starts_with("AccessDenied"))
    }

    /// Whether the error code is one for too many calls: the call had no effect, even if the status is 5xx.
    pub fn is_named_throttling(&self) -> bool {
        const CODES: [&str; 8] = [
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "SlowDown",
            "LimitExceededException",
        ];
        self.status == Some(429) || self.code.as_deref().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether the call was throttled and had no effect. ECS and EC2 also report throttling in the message of another error code.
    pub fn is_throttled(&self) -> bool {
        const PHRASES: [&str; 4] = ["rate exceeded", "request limit exceeded", "throttl", "too many requests"];
        let message = self.message.to_lowercase();
        self.is_named_throttling() || (self.status.is_some() && PHRASES.iter().any(|phrase| message.contains(phrase)))
    }

    /// Whether the call may have had its effect: no answer came, the answer was cut short, or the status is 5xx.
    pub fn is_ambiguous(&self) -> bool {
        self.status.is_none_or(|status| status >= 500 || (200..300).contains(&status))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)?;
        match self.status {
            Some(status) => write!(f, " (HTTP {status})"),
            None => f.write_str(" (no answer)"),
        }
    }
}

/// Joins the messages of an error and of its sources, without repetitions.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && messages.last().is_none_or(|last| !last.contains(&text)) {
            messages.push(text);
        }
        next = error.source();
    }
    messages.join(": ")
}

/// A call to AWS failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The role lacks a permission, which an operator must add.
    #[error("{action} on {on} is not allowed: add it to the role, or check that the resource exists ({fault})")]
    PermissionDenied {
        /// The IAM action, such as `ecs:RunTask`.
        action: &'static str,
        /// The resource; an object as `s3://bucket/key`.
        on: String,
        /// The error that AWS reported.
        fault: Fault,
    },
    /// Too many calls. The call had no effect, and may succeed later.
    #[error("{action} on {on} was throttled: call again later ({fault})")]
    Throttled {
        /// The IAM action.
        action: &'static str,
        /// The resource; an object as `s3://bucket/key`.
        on: String,
        /// The error that AWS reported.
        fault: Fault,
    },
    /// The outcome is unknown. Read the state, or repeat a call that may be repeated.
    #[error("the outcome of {action} on {on} is unknown: check it, or call again ({fault})")]
    Unavailable {
        /// The IAM action.
        action: &'static str,
        /// The resource; an object as `s3://bucket/key`.
        on: String,
        /// The error that came instead of an answer.
        fault: Fault,
    },
    /// AWS refuses the call each time. An operator must fix the cause.
    #[error("{action} on {on} was refused: {fault}")]
    Refused {
        /// The IAM action.
        action: &'static str,
        /// The resource; an object as `s3://bucket/key`.
        on: String,
        /// The error that AWS reported.
        fault: Fault,
    },
}

impl CallError {
    /// Classifies a fault by what the caller can do next.
    pub fn new(action: &'static str, on: impl Into<String>, fault: Fault) -> Self {
        let on = on.into();
        if fault.is_throttled() {
            Self::Throttled { action, on, fault }
        } else if fault.is_denied() {
            Self::PermissionDenied { action, on, fault }
        } else if fault.is_ambiguous() {
            Self::Unavailable { action, on, fault }
        } else {
            Self::Refused { action, on, fault }
        }
    }

    /// Classifies the SDK's error of any service.
    pub fn of<E>(action: &'static str, on: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        Self::new(action, on, Fault::of(error))
    }

    /// Whether the same call may succeed later without a change by an operator.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }

    /// Returns the error that AWS reported.
    pub fn fault(&self) -> &Fault {
        match self {
            Self::PermissionDenied { fault, .. }
            | Self::Throttled { fault, .. }
            | Self::Unavailable { fault, .. }
            | Self::Refused { fault, .. } => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(status: Option<u16>, code: Option<&str>, message: &str) -> Fault {
        Fault { status, code: code.map(str::to_owned), message: message.to_owned() }
    }

    #[test]
    fn throttling_is_recognised_in_the_message_of_another_error() {
        let hidden = fault(
            Some(400),
            Some("InvalidParameterException"),
            "Error retrieving subnet information for [subnet-1]: Request limit exceeded. (ErrorCode: RequestLimitExceeded)",
        );
        assert!(matches!(CallError::new("ecs:RunTask", "x", hidden), CallError::Throttled { .. }));
    }

    #[test]
    fn an_error_has_the_next_step_of_its_kind() {
        let lost = CallError::new("s3:PutObject", "s3://b/k", fault(None, None, "timed out"));
        assert!(lost.is_retryable());
        assert_eq!(
            lost.to_string(),
            "the outcome of s3:PutObject on s3://b/k is unknown: check it, or call again (timed out (no answer))"
        );
        let denied = CallError::new("s3:PutObject", "s3://b/k", fault(Some(403), Some("AccessDenied"), "no"));
        assert!(matches!(denied, CallError::PermissionDenied { .. }) && !denied.is_retryable());
        let bad = CallError::new("ecs:RunTask", "c", fault(Some(400), Some("ClientException"), "no such revision"));
        assert!(matches!(bad, CallError::Refused { .. }) && !bad.is_retryable());
    }
}
