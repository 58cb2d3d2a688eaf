//! dbt's artifacts on disk, plain or compressed with zstd.

use std::{
    fs::File,
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use landfall_manifest::Index;
use landfall_select::{SelectError, State};

use super::SelectCommandError;

/// The window of archives made with `zstd --long=27`: 128 MiB.
const WINDOW_LOG: u32 = 27;

/// A function that adds an artifact to the state.
type Add = fn(State, &[u8]) -> Result<State, SelectError>;

/// Reads a manifest into an index.
pub(super) fn index(path: &Path) -> Result<Index, SelectCommandError> {
    let reader = open(path)?;
    Index::from_manifest(reader).map_err(|source| SelectCommandError::Manifest { path: path.to_path_buf(), source })
}

/// Reads the artifacts that exist in the state folder and the target folder. Without a state folder there is no
/// state, as in dbt.
pub(super) fn state(folder: Option<&Path>, target: Option<&Path>) -> Result<Option<State>, SelectCommandError> {
    let Some(folder) = folder else { return Ok(None) };
    if !folder.is_dir() {
        let source = io::Error::new(io::ErrorKind::NotADirectory, "the state must be a folder with dbt's artifacts");
        return Err(SelectCommandError::Read { path: folder.to_path_buf(), source });
    }
    let mut state = State::default();
    if let Some(path) = artifact(folder, "manifest.json") {
        state = state.with_manifest(index(&path)?);
    }
    let parts: [(Option<PathBuf>, Add); 3] = [
        (artifact(folder, "run_results.json"), State::with_run_results),
        (artifact(folder, "sources.json"), State::with_sources),
        (target.and_then(|target| artifact(target, "sources.json")), State::with_current_sources),
    ];
    for (path, add) in parts {
        let Some(path) = path else { continue };
        let bytes = bytes(&path)?;
        state = add(state, &bytes).map_err(|source| SelectCommandError::Artifact { path, source })?;
    }
    Ok(Some(state))
}

/// Reads a whole file as text.
pub(super) fn text(path: &Path) -> Result<String, SelectCommandError> {
    let mut all = String::new();
    let read = open(path)?.read_to_string(&mut all);
    read.map(|_| all).map_err(|source| SelectCommandError::Read { path: path.to_path_buf(), source })
}

/// Opens a file. A file that ends in .zst is decompressed while it is read, and `-` is standard input.
pub(super) fn open(path: &Path) -> Result<Box<dyn Read>, SelectCommandError> {
    let failed = |source| SelectCommandError::Read { path: path.to_path_buf(), source };
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path).map_err(failed)?;
    if path.extension().is_some_and(|ending| ending == "zst") {
        let mut decoder = zstd::Decoder::new(BufReader::new(file)).map_err(failed)?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        return Ok(Box::new(decoder));
    }
    Ok(Box::new(file))
}

fn bytes(path: &Path) -> Result<Vec<u8>, SelectCommandError> {
    let mut all = Vec::new();
    let read = open(path)?.read_to_end(&mut all);
    read.map(|_| all).map_err(|source| SelectCommandError::Read { path: path.to_path_buf(), source })
}

/// The artifact with this name in the folder, plain or compressed.
fn artifact(folder: &Path, name: &str) -> Option<PathBuf> {
    [name.to_owned(), format!("{name}.zst")].into_iter().map(|name| folder.join(name)).find(|path| path.is_file())
}
