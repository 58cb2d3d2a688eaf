//! Why a task stopped, from the code and the texts that ECS gives.
//!
//! The stop code says what ended the task, the texts say why. Their wording changes over the years, so each is recognised by a short phrase. A text
//! that is not recognised never leads to a class that ends a run for good.
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>

use landfall_planner::StopClass;

use crate::TaskState;

/// The exit codes of SIGKILL, and of SIGSEGV, SIGBUS and SIGABRT, which end programs that get no memory.
const KILLED: [i32; 4] = [128 + 9, 128 + 11, 128 + 7, 128 + 6];

impl TaskState {
    /// Classifies the stop by what can be done about it.
    pub fn class(&self) -> StopClass {
        let texts = [self.container_reason.as_deref(), self.stopped_reason.as_deref()];
        let text = texts.into_iter().flatten().collect::<Vec<_>>().join("\n").to_lowercase();
        if text.contains("outofmemory") {
            return StopClass::OutOfMemory;
        }
        match self.stop_code.as_deref() {
            Some("SpotInterruption") => StopClass::SpotInterruption,
            Some("TerminationNotice") => StopClass::HostLost,
            Some("UserInitiated" | "ServiceSchedulerInitiated") if !is_start_failure(&text) => {
                // ECS uses the same code for tasks that it ends itself when it loses a host.
                if names_host(&text) { StopClass::HostLost } else { StopClass::UserInitiated }
            }
            Some("TaskFailedToStart") => of_start(&text),
            Some("EssentialContainerExited") => match self.exit_code {
                Some(code) if KILLED.contains(&code) => StopClass::Killed,
                Some(_) => StopClass::Exited,
                None if is_start_failure(&text) => of_start(&text),
                None => StopClass::NoExitCode,
            },
            _ if is_start_failure(&text) => of_start(&text),
            _ if text.contains("spot task was interrupted") || text.contains("spotinterruption") => {
                StopClass::SpotInterruption
            }
            _ if names_host(&text) => StopClass::HostLost,
            None if self.exit_code.is_some_and(|code| KILLED.contains(&code)) => StopClass::Killed,
            None if self.exit_code.is_some() => StopClass::Exited,
            None => StopClass::NoExitCode,
            Some(_) => StopClass::Other,
        }
    }
}

fn has(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

fn names_host(text: &str) -> bool {
    has(text, &["host ec2", "host issue", "underlying infrastructure", "underlying hardware", "task retirement"])
}

/// Whether the text names an error after which the container never ran. ECS reports these with several stop codes.
fn is_start_failure(text: &str) -> bool {
    has(
        text,
        &[
            "cannotpullcontainererror",
            "cannotpullimagemanifesterror",
            "resourceinitializationerror",
            "cannotstartcontainererror",
            "cannotcreatecontainererror",
            "cannotcreatevolumeerror",
            "containerruntimetimeouterror",
            "containerruntimeerror",
            "dockertimeouterror",
            "internalerror",
        ],
    )
}

const UNREACHABLE: [&str; 10] = [
    "timeout",
    "timed out",
    "deadline exceeded",
    "connection issue",
    "connection refused",
    "connection reset",
    "dial tcp",
    "no such host",
    "network is unreachable",
    "send request failed",
];
const DENIED: [&str; 8] = [
    "accessdenied",
    "access denied",
    "not authorized",
    "unauthorized",
    "authorization failed",
    "forbidden",
    "no basic auth credentials",
    "unable to assume the role",
];
const ABSENT: [&str; 5] = ["not found", "notfound", "manifest unknown", "does not exist", "can't find the specified"];

/// Classifies a failed start. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-errors.html>
fn of_start(text: &str) -> StopClass {
    if text.contains("cannotpull") {
        return of_pull(text);
    }
    if has(text, &["capacity is unavailable", "insufficient capacity", "no capacity", "empty capacity provider"])
        || text.lines().any(|line| line.starts_with("resource:"))
    {
        return StopClass::Capacity;
    }
    if has(text, &["network interface", "eni ", "eni:", "netplugin", "insufficientfreeaddresses"]) {
        return StopClass::Network;
    }
    if text.contains("resourceinitializationerror") {
        // The same step fetches the secrets and the registry's password. If it cannot reach them, the network is the cause.
        return if has(text, &UNREACHABLE) && !has(text, &DENIED) && !has(text, &ABSENT) {
            StopClass::Network
        } else if has(text, &["logger", "logging driver", "log driver", "log group", "log stream", "cloudwatch"]) {
            StopClass::Logs
        } else if text.contains("registry auth from") || text.contains("ecr registry auth") {
            StopClass::ImageDenied
        } else if has(text, &["secret", "ssm", "parameter", "registry auth", "kms"]) {
            StopClass::Secrets
        } else {
            StopClass::StartFailed
        };
    }
    StopClass::StartFailed
}

/// Classifies a failed pull. <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_cannot_pull_image.html>
fn of_pull(text: &str) -> StopClass {
    // Without permission a registry often reports both "denied" and "does not exist". The permission must be fixed first.
    if has(text, &["toomanyrequests", "too many requests", "no space left", "pull rate limit"]) {
        StopClass::ImageUnreachable
    } else if has(text, &DENIED) {
        StopClass::ImageDenied
    } else if has(text, &["matching platform", "no matching manifest", "exec format"]) {
        StopClass::ImagePlatform
    } else if has(text, &["no such host", "dial tcp"]) || !has(text, &ABSENT) {
        StopClass::ImageUnreachable
    } else {
        StopClass::ImageMissing
    }
}

#[cfg(test)]
mod tests {
    use landfall_planner::TaskArn;

    use super::*;

    fn facts(stop_code: Option<&str>, stopped_reason: &str, reason: Option<&str>, exit_code: Option<i32>) -> TaskState {
        TaskState {
            task_arn: TaskArn::parse("arn:aws:ecs:x:1:task/c/1").unwrap(),
            last_status: "STOPPED".to_owned(),
            desired_status: Some("STOPPED".to_owned()),
            stop_code: stop_code.map(str::to_owned),
            stopped_reason: Some(stopped_reason.to_owned()),
            exit_code,
            container_reason: reason.map(str::to_owned),
            started_by: None,
            attempt: None,
            plan: None,
            created_at: None,
            stopped_at: None,
            version: 1,
        }
    }

    #[test]
    fn each_failure_to_start_has_a_class_of_its_own() {
        for (reason, class) in [
            (
                "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref 1.dkr.ecr.eu-west-1.amazonaws.com/shop@sha256:5f: not found",
                StopClass::ImageMissing,
            ),
            (
                "CannotPullContainerError: pull image manifest has been retried 5 time(s): failed to resolve ref docker.io/acme/dbt:v1: pull access denied, repository does not exist or may require authorization: server message: insufficient_scope: authorization failed",
                StopClass::ImageDenied,
            ),
            (
                "CannotPullContainerError: ref pull has been retried 1 time(s): failed to copy: httpReadSeeker: failed open: unexpected status code https://1.dkr.ecr/v2/x: 403 Forbidden",
                StopClass::ImageDenied,
            ),
            (
                "CannotPullContainerError: ref pull has been retried 5 time(s): failed to copy: httpReadSeeker: failed open: failed to do request: Get https://prod-eu-west-1-starport-layer-bucket.s3: dial tcp 52.218.0.1:443: i/o timeout",
                StopClass::ImageUnreachable,
            ),
            (
                "CannotPullContainerError: inspect image has been retried 5 time(s): httpReaderSeeker: failed open: unexpected status code: 429 Too Many Requests - Server message: toomanyrequests: You have reached your pull rate limit",
                StopClass::ImageUnreachable,
            ),
            (
                "CannotPullContainerError: write /var/lib/containerd: no space left on device",
                StopClass::ImageUnreachable,
            ),
            (
                "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
                StopClass::ImagePlatform,
            ),
            (
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: service call has been retried 1 time(s): failed to fetch secret arn:aws:secretsmanager:eu-west-1:1:secret:x from secrets manager: AccessDeniedException: User is not authorized to perform: secretsmanager:GetSecretValue",
                StopClass::Secrets,
            ),
            (
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find the specified secret.",
                StopClass::Secrets,
            ),
            (
                "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration. RequestError: send request failed caused by: Post \"https://api.ecr.eu-west-1.amazonaws.com/\": dial tcp 10.0.0.1:443: i/o timeout",
                StopClass::Network,
            ),
            (
                "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve ecr registry auth: service call has been retried 1 time(s): AccessDeniedException: not authorized to perform: ecr:GetAuthorizationToken",
                StopClass::ImageDenied,
            ),
            (
                "ResourceInitializationError: failed to validate logger args: create stream has been retried 1 times: failed to create Cloudwatch log stream: ResourceNotFoundException: The specified log group does not exist.: exit status 1",
                StopClass::Logs,
            ),
            (
                "ResourceInitializationError: failed to configure ENI: failed to setup regular eni: netplugin failed",
                StopClass::Network,
            ),
            ("Timeout waiting for network interface provisioning to complete.", StopClass::Network),
            (
                "Unexpected EC2 error while attempting to Create Network Interface with public IP assignment enabled in subnet 'subnet-1': InsufficientFreeAddressesInSubnet",
                StopClass::Network,
            ),
            (
                "Capacity is unavailable at this time. Please try again later or in a different availability zone",
                StopClass::Capacity,
            ),
            ("RESOURCE:ENI", StopClass::Capacity),
            (
                "CannotStartContainerError: ResourceInitializationError: failed to create new container runtime task: exec: \"landfall-task\": executable file not found in $PATH",
                StopClass::StartFailed,
            ),
            (
                "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m0s",
                StopClass::StartFailed,
            ),
            ("a new way to fail", StopClass::StartFailed),
        ] {
            let facts = facts(Some("TaskFailedToStart"), reason, None, None);
            assert_eq!(facts.class(), class, "{reason}");
        }
    }

    #[test]
    fn a_containers_own_reason_counts_where_the_task_says_little() {
        let words = "CannotPullContainerError: failed to resolve ref: not found";
        let told = facts(Some("TaskFailedToStart"), "Task failed to start", Some(words), None);
        assert_eq!(told.class(), StopClass::ImageMissing);
        let exited = "Essential container in task exited";
        let told = facts(Some("EssentialContainerExited"), exited, Some(words), None);
        assert_eq!(told.class(), StopClass::ImageMissing);
    }

    #[test]
    fn an_end_without_an_exit_code_is_never_taken_for_one_with_zero() {
        let code = Some("EssentialContainerExited");
        let exited = "Essential container in task exited";
        assert_eq!(facts(code, exited, None, None).class(), StopClass::NoExitCode);
        assert_eq!(facts(None, "", None, None).class(), StopClass::NoExitCode);
        assert_eq!(facts(code, exited, None, Some(0)).class(), StopClass::Exited);
        assert_eq!(facts(code, exited, None, Some(137)).class(), StopClass::Killed);
        let memory = Some("OutOfMemoryError: Container killed due to memory usage");
        for exit_code in [Some(137), Some(1), None] {
            assert_eq!(facts(code, exited, memory, exit_code).class(), StopClass::OutOfMemory);
        }
    }

    #[test]
    fn stops_by_different_actors_have_different_reasons() {
        for (code, reason, class) in [
            (Some("UserInitiated"), "Task stopped by user", StopClass::UserInitiated),
            (Some("UserInitiated"), "Host EC2 (instance i-0) terminated.", StopClass::HostLost),
            (Some("SpotInterruption"), "Your Spot Task was interrupted.", StopClass::SpotInterruption),
            (None, "Your Spot Task was interrupted.", StopClass::SpotInterruption),
            (
                Some("TerminationNotice"),
                "ECS is performing maintenance on the underlying infrastructure",
                StopClass::HostLost,
            ),
            (Some("NewCode"), "hm", StopClass::Other),
        ] {
            assert_eq!(facts(code, reason, None, Some(143)).class(), class, "{reason}");
        }
    }
}
