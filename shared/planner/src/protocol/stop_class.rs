//! Why a task stopped, told apart by what can be done about it.

use serde::{Deserialize, Serialize};

/// Why a task stopped, as far as ECS tells; what dbt did in it is another matter, and result.json's alone to say.
///
/// From the stop code, the reasons and the exit code that AWS documents:
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopClass {
    /// Its program ended by itself, with an exit code. That alone is no success.
    Exited,
    /// It stopped, and ECS gives no exit code: that is no success either.
    NoExitCode,
    /// It wanted more memory than it has.
    OutOfMemory,
    /// Killed by SIGKILL (137) or another deadly signal, and ECS does not say why.
    Killed,
    /// Fargate Spot took the capacity back.
    SpotInterruption,
    /// Somebody called `StopTask`.
    UserInitiated,
    /// AWS retired or lost what it ran on.
    HostLost,
    /// The image is not in the registry.
    ImageMissing,
    /// The registry does not give the image to the task's execution role.
    ImageDenied,
    /// The image is made for another processor.
    ImagePlatform,
    /// The image could not be fetched: the network, the registry's own limits, or anything else about it.
    ImageUnreachable,
    /// A secret could not be read.
    Secrets,
    /// The log group could not be written.
    Logs,
    /// The task got no network, or could not reach what it needs before it starts.
    Network,
    /// AWS had no room.
    Capacity,
    /// It failed to start for another reason.
    StartFailed,
    /// ECS does not know it any more, and nobody was told of its end.
    Gone,
    /// A stop code that is not known here.
    Other,
}

impl StopClass {
    /// Whether the very same attempt may come out better without anybody doing anything.
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

    /// In words.
    pub fn description(self) -> &'static str {
        match self {
            Self::Exited => "its program ended by itself",
            Self::NoExitCode => "it stopped, and ECS gave no exit code",
            Self::OutOfMemory => "it ran out of memory",
            Self::Killed => "it was killed, and ECS does not say why",
            Self::SpotInterruption => "Fargate Spot took its capacity back",
            Self::UserInitiated => "somebody stopped it",
            Self::HostLost => "AWS retired or lost what it ran on",
            Self::ImageMissing => "its image is not in the registry",
            Self::ImageDenied => "the registry does not give it its image",
            Self::ImagePlatform => "its image is made for another processor",
            Self::ImageUnreachable => "its image could not be fetched",
            Self::Secrets => "a secret of it could not be read",
            Self::Logs => "its log group could not be written",
            Self::Network => "it got no network, or could not reach what it needs",
            Self::Capacity => "AWS had no room for it",
            Self::StartFailed => "it failed to start",
            Self::Gone => "ECS does not know it any more, and told nobody of its end",
            Self::Other => "it stopped for a reason that landfall does not know",
        }
    }

    /// What an operator can do about it, where there is something.
    pub fn remedy(self) -> Option<&'static str> {
        match self {
            Self::OutOfMemory | Self::Killed => {
                Some("give it more memory (the stack's parameter TaskMemory), fewer dbt threads, or smaller models")
            }
            Self::SpotInterruption => Some("it is tried again on demand; `runs: { capacity: on_demand }` avoids it"),
            Self::ImageMissing => {
                Some("push the image again and release it (`landfall release --image ...@sha256:...`)")
            }
            Self::ImageDenied => {
                Some("let the task's execution role pull it (the registry's policy, or the role's ecr: permissions)")
            }
            Self::ImagePlatform => Some("build the image for the stack's processor (the parameter Architecture)"),
            Self::ImageUnreachable | Self::Network => Some(
                "check that its subnets reach the registry and AWS: a public address, a NAT gateway or VPC endpoints",
            ),
            Self::Secrets => Some("check that the secret exists and that the task's execution role may read it"),
            Self::Logs => Some("check that the log group exists and that the task's execution role may write it"),
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
