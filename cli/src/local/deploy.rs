//! `sam build` and `sam deploy` of template.yaml, as anybody would do it in an account of their own.

use std::{collections::BTreeMap, path::Path};

use super::{LocalError, aws};
use crate::{process, setup::Venv, terminal::Terminal};

/// What there is to deploy.
#[derive(Debug)]
pub(super) struct DeployOptions<'a> {
    /// The checkout: template.yaml and functions/ lie there.
    pub home: &'a Path,
    /// Holds the SAM CLI.
    pub sam: &'a Venv,
    /// The functions' ready binaries.
    pub binaries: &'a Path,
    /// This stack's folder, for the build and the logs.
    pub folder: &'a Path,
    /// The emulator.
    pub endpoint: &'a str,
    /// `CloudFormation`'s name for the stack.
    pub stack: &'a str,
    /// The template's parameters.
    pub parameters: BTreeMap<&'static str, String>,
}

/// Builds and deploys.
pub(super) async fn deploy(terminal: &Terminal, options: &DeployOptions<'_>) -> Result<(), LocalError> {
    let build = options.folder.join("sam-build");
    let mut phase = terminal.begin("sam build, with the functions' ready binaries");
    let mut sam = sam(options.sam, options.folder, options.endpoint);
    sam.args(["build", "--template-file"]).arg(options.home.join("template.yaml"));
    sam.arg("--build-dir").arg(&build).env("LANDFALL_BIN_DIR", options.binaries);
    let log = options.folder.join("logs/sam-build.log");
    process::run_logged(&mut sam, "sam build", &log, |line| {
        if let Some(rest) = line.split("build-").nth(1).filter(|_| line.contains("Function")) {
            phase.note(rest.split_whitespace().next().unwrap_or_default().to_owned());
        }
    })
    .await?;
    phase.done("");

    let mut phase = terminal.begin("sam deploy template.yaml to the emulator, IAM enforced");
    let mut sam = self::sam(options.sam, options.folder, options.endpoint);
    sam.args(["deploy", "--stack-name", options.stack, "--resolve-s3", "--template-file"]);
    sam.arg(build.join("template.yaml"));
    sam.args(["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]);
    sam.args(["--no-progressbar", "--region", aws::REGION]);
    if !options.parameters.is_empty() {
        sam.arg("--parameter-overrides");
        sam.args(options.parameters.iter().map(|(name, value)| format!("{name}={value}")));
    }
    let log = options.folder.join("logs/sam-deploy.log");
    let mut resources = 0_usize;
    process::run_logged(&mut sam, "sam deploy", &log, |line| {
        if line.contains("CREATE_COMPLETE") || line.contains("UPDATE_COMPLETE") {
            resources += 1;
            let name = line.split_whitespace().nth(2).unwrap_or_default();
            phase.note(format!("{resources} resources, now {name}"));
        }
    })
    .await?;
    phase.done(&format!("stack {}", options.stack));
    // Copies of the functions, deployed now: a third of what a local stack takes on the disk.
    std::fs::remove_dir_all(&build).map_err(|source| LocalError::files(&build, source))
}

/// Deletes the stack, and the zipped functions that `sam deploy` kept for it.
pub(super) async fn delete(venv: &Venv, folder: &Path, endpoint: &str, stack: &str) -> Result<(), LocalError> {
    let mut sam = sam(venv, folder, endpoint);
    sam.args(["delete", "--stack-name", stack, "--no-prompts", "--region", aws::REGION]);
    process::run_logged(&mut sam, "sam delete", &folder.join("logs/sam-delete.log"), |_| {}).await?;
    Ok(())
}

fn sam(venv: &Venv, folder: &Path, endpoint: &str) -> tokio::process::Command {
    let mut sam = process::command(venv.program("sam"));
    let nowhere = folder.join("no-aws-profile");
    aws::point_at(&mut sam, endpoint, &nowhere);
    // Settings of the checkout's samconfig.toml are for a real account; the SAM CLI would also keep a file in the user's home.
    sam.env("PYTHONUNBUFFERED", "1").env("SAM_CLI_POLL_DELAY", "0.3").env("__SAM_CLI_APP_DIR", folder.join("sam-home"));
    sam.current_dir(folder);
    sam
}
