//! The emulated account. Its credentials are the emulator's own: the user's AWS profile, keys and region never reach a local stack or what it starts.

use std::path::Path;

use tokio::process::Command;

/// Where the emulator pretends to be.
pub const REGION: &str = "eu-west-1";
/// Whom the emulator pretends to serve.
pub const ACCOUNT: &str = "111122223333";
/// The emulated root user's key.
pub const ACCESS_KEY: &str = "test";
/// The emulated root user's secret.
pub const SECRET_KEY: &str = "test";

/// Takes everything about the user's own AWS account out of a child's environment.
pub fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("AWS_") || name.starts_with("SAM_CLI_")) {
            command.env_remove(name);
        }
    }
}

/// Makes a child work on the emulated account, as its root user. `nowhere` is a path at which nothing lies.
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
