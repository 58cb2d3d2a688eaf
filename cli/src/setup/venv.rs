//! A virtual environment, installed from a requirements file. A stamp is written when it is complete, so that a
//! complete environment is used again and an interrupted installation is repeated.

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

use super::{Python, SetupError};
use crate::{process, terminal::Terminal, text};

/// The file name of the stamp. It holds the digest of the requirements and the Python version.
const STAMP: &str = "landfall-stamp";

/// A complete virtual environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venv {
    /// The folder of the environment.
    pub folder: PathBuf,
}

impl Venv {
    /// The path of a program in the environment.
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }
}

/// Installs the packages of the requirements file into the environment `folder`, unless they are installed already.
/// `what` names the packages in the progress line.
///
/// # Errors
///
/// A file cannot be read or written, or `python -m venv` or `pip install` fails.
pub async fn install(
    terminal: &Terminal,
    python: &Python,
    requirements: &Path,
    folder: &Path,
    what: &str,
) -> Result<Venv, SetupError> {
    let wanted = std::fs::read_to_string(requirements)
        .map_err(|source| SetupError::Unreadable { file: requirements.to_owned(), source })?;
    let venv = Venv { folder: folder.to_owned() };
    let stamp = format!("{} python {}", text::hex(&Sha256::digest(&wanted)), python.version);
    if is_complete(&venv, &stamp) {
        return Ok(venv);
    }
    let _lock = lock(folder).await?;
    if is_complete(&venv, &stamp) {
        return Ok(venv);
    }
    let packages = wanted.lines().filter(|line| line.contains("==")).count();
    let mut phase = terminal.begin(format!("install {what}, {packages} Python packages"));
    let log = folder.with_extension("log");
    let mut make = process::command(&python.path);
    make.args(["-m", "venv", "--clear"]).arg(folder);
    process::run_logged(&mut make, "python -m venv", &log, |_| {}).await.map_err(SetupError::NoVenv)?;

    let mut pip = process::command(venv.program("python"));
    pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]);
    pip.args(["--requirement"]).arg(requirements);
    let mut collected = 0;
    process::run_logged(&mut pip, "pip install", &log, |line| {
        if let Some(package) = line.strip_prefix("Collecting ") {
            collected += 1;
            let package = package.split(['=', ' ']).next().unwrap_or_default();
            phase.note(format!("{collected} of {packages}: {package}"));
        } else if line.starts_with("Installing collected packages") {
            phase.note(format!("{packages} of {packages}: unpacking"));
        }
    })
    .await
    .map_err(SetupError::Install)?;
    let file = folder.join(STAMP);
    std::fs::write(&file, stamp).map_err(|source| SetupError::Files { path: file, source })?;
    phase.done("");
    Ok(venv)
}

fn is_complete(venv: &Venv, stamp: &str) -> bool {
    // The environment links to its interpreter, which may have been uninstalled since.
    venv.program("python").exists() && std::fs::read_to_string(venv.folder.join(STAMP)).is_ok_and(|text| text == stamp)
}

/// Waits until no other process installs this environment. The lock ends with the returned value or the process.
async fn lock(folder: &Path) -> Result<File, SetupError> {
    let path = folder.with_extension("lock");
    let files = |source| SetupError::Files { path: path.clone(), source };
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(files)?;
    }
    let file = File::create(&path).map_err(files)?;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {}
            Err(std::fs::TryLockError::Error(source)) => return Err(files(source)),
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_environment_is_installed_again_only_if_it_has_no_stamp_or_its_requirements_changed() {
        let folder = tempfile::tempdir().unwrap();
        let requirements = folder.path().join("requirements.txt");
        std::fs::write(&requirements, "# nothing\n").unwrap();
        let place = folder.path().join("venv");
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join("half"), "an interrupted install").unwrap();
        let python = super::super::find_python().await.unwrap();
        let terminal = Terminal::silent();

        let venv = install(&terminal, &python, &requirements, &place, "nothing").await.unwrap();
        assert!(venv.program("python").exists() && !place.join("half").exists());

        std::fs::write(place.join("mark"), "").unwrap();
        install(&terminal, &python, &requirements, &place, "nothing").await.unwrap();
        assert!(place.join("mark").exists(), "installed again although nothing changed");

        std::fs::write(&requirements, "# something else\n").unwrap();
        install(&terminal, &python, &requirements, &place, "nothing").await.unwrap();
        assert!(!place.join("mark").exists(), "not installed again although the requirements changed");
    }
}
