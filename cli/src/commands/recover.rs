//! `landfall recover`: restores an older version of board.json after it was deleted or overwritten.

use landfall_aws::{
    Config, ConfigError,
    engine_ports::{Aws, AwsEngine, EngineError},
    store::Version,
};
use landfall_planner::{BOARD_KEY, BoardError, StoredBoard};

use super::CommandError;
use crate::{
    args::RecoverArgs,
    stack::Stack,
    terminal::Terminal,
    text::{count, printable},
};

/// The number of versions that an error lists.
const MAX_LISTED: usize = 5;

/// Errors of restoring the board.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// No older version can be read.
    #[error(
        "{0} has no older version that can be read, so nothing can be restored. Run `landfall release`, which makes an empty board, then `landfall load DATASET` for each dataset"
    )]
    NoVersion(String),
    /// The board has no such version.
    #[error("{address} has no version {version}; use one of {}", versions.join(", "))]
    NoSuchVersion {
        /// The address of the board.
        address: String,
        /// The version that was asked for.
        version: String,
        /// The newest versions.
        versions: Vec<String>,
    },
    /// The version is not a valid board.
    #[error("version {version} of the board cannot be read: {source}")]
    Unreadable {
        /// The S3 version id.
        version: String,
        /// The error of the parser.
        source: BoardError,
    },
    /// The engine could not write the board.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The outputs of the stack are not a valid configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

pub(super) async fn run(terminal: &Terminal, args: &RecoverArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let state = stack.state()?;
    let address = state.address(BOARD_KEY);
    let stored = state.get(BOARD_KEY).await?;
    let current = stored.as_ref().map(|stored| StoredBoard::from_json(&stored.bytes));
    if let (Some(Ok(board)), None) = (&current, &args.version) {
        let (seq, now) = board.written();
        terminal.print(format!(
            "{address} exists and can be read (number {seq} of {now}), so nothing is lost. To restore an older version anyway, name it with --version."
        ));
        return Ok(());
    }
    let versions = state.versions(BOARD_KEY).await?;
    let older =
        |version: &&Version| stored.as_ref().is_none_or(|stored| stored.version_id.as_ref() != Some(&version.id));
    let mut chosen = None;
    for version in versions.iter().filter(older) {
        if args.version.as_ref().is_some_and(|wanted| *wanted != version.id) {
            continue;
        }
        let bytes = state.get_version(BOARD_KEY, &version.id).await?;
        match (StoredBoard::from_json(&bytes), &args.version) {
            (Ok(board), _) => chosen = Some((version, board)),
            (Err(source), Some(_)) => {
                return Err(RecoverError::Unreadable { version: version.id.clone(), source }.into());
            }
            (Err(_), None) => continue,
        }
        break;
    }
    let Some((version, board)) = chosen else {
        return Err(match &args.version {
            None => RecoverError::NoVersion(address),
            Some(wanted) => RecoverError::NoSuchVersion {
                address,
                version: printable(wanted),
                versions: versions
                    .iter()
                    .filter(older)
                    .take(MAX_LISTED)
                    .map(|v| format!("{} of {}", v.id, v.at))
                    .collect(),
            },
        }
        .into());
    };
    let (seq, now) = board.written();
    let which = format!("version {} of {address} (number {seq} of {now})", version.id);
    if !args.yes {
        terminal.print(format!(
            "This would restore {which}.\n  Attempts that no task has claimed are revoked. Runs that may be live keep their leases until their tasks end.\n  Every dataset becomes pending and runs once more.\nRun `landfall recover --yes` to restore it."
        ));
        return Ok(());
    }
    let config = Config::read(|variable| match variable {
        "LANDFALL_STACK" => Some(stack.name.clone()),
        "LANDFALL_STATE_BUCKET" => Some(state.bucket().to_owned()),
        _ => None,
    })
    .map_err(RecoverError::from)?;
    let engine = AwsEngine::new(Aws::recording(stack.clients().clone(), config));
    let etag = stored.as_ref().map(|stored| &stored.etag);
    let recovered = engine.recover(board, etag).await.map_err(RecoverError::from)?;
    terminal.print(format!("Restored {which} as number {} of epoch {}.", recovered.board.seq, recovered.board.epoch));
    for run in &recovered.adopted {
        terminal.print(format!("  Run {run} may be live. It keeps its leases until its task has stopped."));
    }
    if !recovered.revoked.is_empty() {
        let runs = count(recovered.revoked.len(), "run", "runs");
        terminal.print(format!("  {runs} that no task had claimed cannot start any more."));
    }
    if let Some(release) = recovered.release.filter(|newer| recovered.board.release.as_ref() != Some(newer)) {
        terminal.print(format!("  The lost board had release {release} in place. Run `landfall release` again."));
    }
    terminal.print("The stack continues within 60 s. `landfall status` shows what it does.");
    Ok(())
}
