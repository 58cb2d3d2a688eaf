//! Why a task stopped, in classes by what can be done about it.

use serde::{Deserialize, Serialize};

/// Why a task stopped, as far as ECS states it. What dbt did in the task is in result.json only.
///
/// The class follows from the stop code, the reasons and the exit code that AWS documents:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopClass {
    /// The program ended with an exit code. An exit code alone is not a success.
    Exited,
    /// The task stopped and ECS gives no exit code. That is not a success either.
    NoExitCode,
    /// The task needed more memory than it has.
    OutOfMemory,
    /// SIGKILL (exit code 137) or another signal ended the program, and ECS gives no reason.
    Killed,
    /// Fargate Spot reclaimed the capacity.
    SpotInterruption,
    /// A call of `StopTask` stopped the task.
    UserInitiated,
    /// AWS retired or lost the task's host.
    HostLost,
    /// The image is not in the registry.
    ImageMissing,
    /// The task's execution role may not pull the image.
    ImageDenied,
    /// The image is built for another processor architecture.
    ImagePlatform,
    /// The image could not be pulled for another reason: the network, or a limit of the registry.
    ImageUnreachable,
    /// A secret could not be read.
    Secrets,
    /// The log group could not be written.
    Logs,
    /// The task got no network, or could not reach what it needs to start.
    Network,
    /// AWS had no capacity for the task.
    Capacity,
    /// The task did not start for another reason.
    StartFailed,
    /// ECS has forgotten the task, and its state change event was lost.
    Gone,
    /// The stop code is unknown to this version of Landfall.
    Other,
}

impl StopClass {
    /// Returns whether another attempt may succeed although nothing was changed.
    pub fn is_transient(self) -> bool {
        !matches!(
            self,
            Self::OutOfMemory
                | Self::ImageMissing
                | Self::ImageDenied
                | Self::ImagePlatform
                | Self::Secrets
                | Self::Logs
        )
    }

    /// Returns what happened, as a clause about the task: "it ran out of memory".
    pub fn description(self) -> &'static str {
        match self {
            Self::Exited => "its program ended with an exit code",
            Self::NoExitCode => "it stopped and ECS gave no exit code",
            Self::OutOfMemory => "it ran out of memory",
            Self::Killed => "a signal killed it and ECS gave no reason",
            Self::SpotInterruption => "Fargate Spot reclaimed its capacity",
            Self::UserInitiated => "a StopTask call stopped it",
            Self::HostLost => "AWS retired or lost its host",
            Self::ImageMissing => "its image is not in the registry",
            Self::ImageDenied => "its execution role may not pull the image",
            Self::ImagePlatform => "its image is built for another processor architecture",
            Self::ImageUnreachable => "its image could not be pulled",
            Self::Secrets => "one of its secrets could not be read",
            Self::Logs => "its log group could not be written",
            Self::Network => "it got no network or could not reach what it needs to start",
            Self::Capacity => "AWS had no capacity for it",
            Self::StartFailed => "it did not start",
            Self::Gone => "ECS has forgotten it and its stop event was lost",
            Self::Other => "it stopped with a stop code that Landfall does not know",
        }
    }

    /// Returns what an operator can do about it, as an imperative clause, if anything is to be done.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::OutOfMemory | Self::Killed => Some(
                "give the task more memory (the stack's parameter TaskMemory), use fewer dbt threads, or make the models smaller",
            ),
            Self::SpotInterruption => {
                Some("wait for the next attempt, which runs on demand; `runs: { capacity: on_demand }` avoids Spot")
            }
            Self::ImageMissing => {
                Some("push the image again and release it (`landfall release --image REPOSITORY@sha256:...`)")
            }
            Self::ImageDenied => Some(
                "allow the task's execution role to pull the image (the registry's policy, or the role's ecr: permissions)",
            ),
            Self::ImagePlatform => {
                Some("build the image for the tasks' processor architecture (the stack's parameter TaskArchitecture)")
            }
            Self::ImageUnreachable | Self::Network => Some(
                "check that the task's subnets reach the registry and AWS, by a public address, a NAT gateway or VPC endpoints",
            ),
            Self::Secrets => Some("check that the secret exists and that the task's execution role may read it"),
            Self::Logs => Some("check that the log group exists and that the task's execution role may write to it"),
            Self::Capacity => Some("wait, or give the stack subnets in more availability zones"),
            Self::Exited
            | Self::NoExitCode
            | Self::UserInitiated
            | Self::HostLost
            | Self::StartFailed
            | Self::Gone
            | Self::Other => None,
        }
    }
}
