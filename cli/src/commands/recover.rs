//! `landfall recover`: an older version of board.json takes the place of one that was deleted or spoilt.

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
    terminal::{Terminal, count},
    text::printable,
};

/// How many versions are named.
const NAMED: usize = 5;

/// Why no board was restored.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// Nothing to restore.
    #[error(
        "{0} has no older version that can be read: nothing can be restored. `landfall release` makes a new board, which has pending nothing; then say `landfall load DATASET` for each dataset"
    )]
    NoVersion(String),
    /// Not a version of it.
    #[error("{address} has no version {version}: its newest are {}", named.join(", "))]
    NoSuchVersion {
        /// The board.
        address: String,
        /// What was asked for.
        version: String,
        /// Those that there are.
        named: Vec<String>,
    },
    /// The version is no board.
    #[error("version {version}: {source}")]
    Unreadable {
        /// Which.
        version: String,
        /// Why.
        source: BoardError,
    },
    /// What the loop says.
    #[error(transparent)]
    Conduct(#[from] EngineError),
    /// The stack's outputs make no environment.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

pub(super) async fn run(terminal: &Terminal, args: &RecoverArgs) -> Result<(), CommandError> {
    let stack = Stack::open(&args.stack).await?;
    let state = stack.state()?;
    let address = state.address(BOARD_KEY);
    let there = state.get(BOARD_KEY).await?;
    let current = there.as_ref().map(|there| StoredBoard::from_json(&there.bytes));
    if let (Some(Ok(board)), None) = (&current, &args.version) {
        let (seq, now) = board.written();
        terminal.say(format!(
            "{address} is there and can be read (number {seq} of {now}): nothing is lost. To put an older one in its place all the same, name it by --version"
        ));
        return Ok(());
    }
    let versions = state.versions(BOARD_KEY).await?;
    let older = |version: &&Version| there.as_ref().is_none_or(|there| there.version_id.as_ref() != Some(&version.id));
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
                named: versions.iter().filter(older).take(NAMED).map(|v| format!("{} of {}", v.id, v.at)).collect(),
            },
        }
        .into());
    };
    let (seq, now) = board.written();
    let which = format!("version {} of {address} (number {seq} of {now})", version.id);
    if !args.yes {
        terminal.say(format!(
            "would restore {which}: every attempt that no task has claimed is given up, runs that may live are waited for, and every dataset is pending again, so that each is run once more. `landfall recover --yes` does it"
        ));
        return Ok(());
    }
    let config = Config::read(|variable| match variable {
        "LANDFALL_STACK" => Some(stack.name.clone()),
        "LANDFALL_STATE_BUCKET" => Some(state.bucket().to_owned()),
        _ => None,
    })
    .map_err(RecoverError::from)?;
    let engine = AwsEngine::over(Aws::recording(stack.clients().clone(), config));
    let over = there.as_ref().map(|there| there.etag.as_str());
    let recovered = engine.recover(board, over).await.map_err(RecoverError::from)?;
    terminal.say(format!("restored {which} as number {} of epoch {}", recovered.board.seq, recovered.board.epoch));
    for run in &recovered.adopted {
        terminal.say(format!("  run {run} may live: it holds what it holds until its task is seen stopped"));
    }
    if !recovered.revoked.is_empty() {
        let runs = count(recovered.revoked.len(), "run", "runs");
        terminal.say(format!("  {runs} that no task had claimed can never begin any more"));
    }
    if let Some(release) = recovered.release.filter(|newer| recovered.board.release.as_ref() != Some(newer)) {
        terminal.say(format!("  the lost boards had release {release} in place: run `landfall release` again"));
    }
    terminal.say("the stack goes on by itself within a minute; `landfall status` shows what it does");
    Ok(())
}
