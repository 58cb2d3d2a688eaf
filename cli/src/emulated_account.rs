//! The emulated AWS account: its credentials, its Region, and how a child process is pointed at it.
//!
//! The credentials are the emulator's own. The user's AWS profile, keys and Region never reach a local stack or a
//! process that it starts.

use std::path::Path;

use tokio::process::Command;

/// The Region of the emulated account.
pub const REGION: &str = "eu-west-1";
/// The id of the emulated account.
pub const ACCOUNT: &str = "111122223333";
/// The access key of the emulated root user.
pub const ACCESS_KEY: &str = "test";
/// The secret key of the emulated root user.
pub const SECRET_KEY: &str = "test";

/// Removes every variable of the user's own AWS account from a child's environment.
pub fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("SAM_CLI_")) {
            command.env_remove(name);
        }
    }
}

/// Makes a child use the emulated account as its root user. `nowhere` is a path without a file: the child's AWS config.
pub fn point_at(command: &mut Command, endpoint: &str, nowhere: &Path) {
    scrub(command);
    command.envs([
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("SAM_CLI_TELEMETRY", "0"),
    ]);
    command.env("AWS_CONFIG_FILE", nowhere).env("AWS_SHARED_CREDENTIALS_FILE", nowhere);
}
