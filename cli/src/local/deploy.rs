//! `sam build` and `sam deploy` of template.yaml, with the same commands as in a real account.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{FUNCTIONS, LocalError, Packages};
use crate::{emulated_account, process, setup::Venv, terminal::Terminal};

/// The inputs of a deployment.
#[derive(Debug)]
pub(super) struct DeployOptions<'a> {
    /// The checkout, which holds template.yaml and functions/.
    pub home: &'a Path,
    /// The virtual environment of the SAM CLI.
    pub sam: &'a Venv,
    /// The folder with the programs of the functions.
    pub binaries: &'a Path,
    /// What each function's package holds.
    pub packages: Packages,
    /// The folder of the stack, for the build and the logs.
    pub folder: &'a Path,
    /// The address of the emulator.
    pub endpoint: &'a str,
    /// The name of the stack in `CloudFormation`.
    pub stack: &'a str,
    /// The parameters of the template.
    pub parameters: BTreeMap<&'static str, String>,
}

/// Builds the functions' packages and deploys the template.
pub(super) async fn deploy(terminal: &Terminal, options: &DeployOptions<'_>) -> Result<(), LocalError> {
    let build = options.folder.join("sam-build");
    let mut phase = terminal.begin("sam build (the functions are built already)");
    let mut sam = sam(options.sam, options.folder, options.endpoint);
    sam.args(["build", "--template-file"]).arg(options.home.join("template.yaml"));
    sam.arg("--build-dir").arg(&build);
    match options.packages {
        Packages::Programs => sam.env("LANDFALL_BIN_DIR", options.binaries),
        Packages::Launchers => {
            let programs = keep_programs(options)?;
            sam.env("LANDFALL_BIN_DIR", programs).env("LANDFALL_LAUNCHERS", "1")
        }
    };
    let log = options.folder.join("logs/sam-build.log");
    process::run_logged(&mut sam, "sam build", &log, |line| {
        if let Some(rest) = line.split("build-").nth(1).filter(|_| line.contains("Function")) {
            phase.note(rest.split_whitespace().next().unwrap_or_default().to_owned());
        }
    })
    .await?;
    phase.done("");

    let mut phase = terminal.begin("sam deploy template.yaml to the emulator, with IAM enforced");
    let mut sam = self::sam(options.sam, options.folder, options.endpoint);
    sam.args(["deploy", "--stack-name", options.stack, "--resolve-s3", "--template-file"]);
    sam.arg(build.join("template.yaml"));
    sam.args(["--capabilities", "CAPABILITY_IAM", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]);
    sam.args(["--no-progressbar", "--region", emulated_account::REGION]);
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
    // The build holds copies of the deployed functions, a third of the disk space of a local stack.
    std::fs::remove_dir_all(&build).map_err(|source| LocalError::files(&build, source))
}

/// Links the functions' programs into the folder of the stack, so that a later build does not change a running stack.
fn keep_programs(options: &DeployOptions<'_>) -> Result<PathBuf, LocalError> {
    let folder = options.folder.join("functions");
    std::fs::create_dir_all(&folder).map_err(|source| LocalError::files(&folder, source))?;
    for name in FUNCTIONS {
        let (program, kept) = (options.binaries.join(name), folder.join(name));
        match std::fs::remove_file(&kept) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(LocalError::files(&kept, error)),
            _ => {}
        }
        // A link needs one file system.
        std::fs::hard_link(&program, &kept)
            .or_else(|_| std::fs::copy(&program, &kept).map(drop))
            .map_err(|source| LocalError::files(&kept, source))?;
    }
    Ok(folder)
}

/// Deletes the stack and the function packages that `sam deploy` uploaded for it.
pub(super) async fn delete(venv: &Venv, folder: &Path, endpoint: &str, stack: &str) -> Result<(), LocalError> {
    let mut sam = sam(venv, folder, endpoint);
    sam.args(["delete", "--stack-name", stack, "--no-prompts", "--region", emulated_account::REGION]);
    process::run_logged(&mut sam, "sam delete", &folder.join("logs/sam-delete.log"), |_| {}).await?;
    Ok(())
}

fn sam(venv: &Venv, folder: &Path, endpoint: &str) -> tokio::process::Command {
    let mut sam = process::command(venv.program("sam"));
    let nowhere = folder.join("no-aws-profile");
    emulated_account::point_at(&mut sam, endpoint, &nowhere);
    // samconfig.toml of the checkout is for a real account, and the SAM CLI would write a file into the user's home.
    sam.env("PYTHONUNBUFFERED", "1").env("SAM_CLI_POLL_DELAY", "0.3").env("__SAM_CLI_APP_DIR", folder.join("sam-home"));
    sam.current_dir(folder);
    sam
}
