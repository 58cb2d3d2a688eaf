//! The state bucket, which must be private, versioned and support conditional writes; the board and the release in it.

use aws_sdk_s3::{
    error::ProvideErrorMetadata as _,
    types::{BucketVersioningStatus, PublicAccessBlockConfiguration},
};
use landfall_aws::{Etag, Store, StoreError, clock, store::CompareAndSwap, store::PutNew};
use landfall_planner::{Board, Release};

use super::{DoctorError, DoctorReport};
use crate::{
    ledger::{self, StateError},
    stack::Stack,
};

const BUCKET: &str = "state bucket";
const BOARD: &str = "board";
const RELEASE: &str = "release";
/// The next step before the first release.
pub const FIRST_RELEASE: &str = "build the image of your project (container/Dockerfile), push it, and run `landfall release --project DIR --target NAME --stack STACK --image REPOSITORY@sha256:...`";

/// The board and the release of the state bucket.
#[derive(Debug, Default)]
pub struct StateContents {
    /// The board; `None` before the first release.
    pub board: Option<Board>,
    /// The release in place; `None` before the first release.
    pub release: Option<Release>,
}

/// Checks the bucket, and reads the board and the release.
///
/// # Errors
///
/// The stack has no output with the bucket's name.
pub async fn examine(report: &mut DoctorReport, stack: &Stack) -> Result<StateContents, DoctorError> {
    let state = stack.state()?;
    let s3 = stack.s3();
    match s3.get_bucket_versioning().bucket(state.bucket()).send().await {
        Ok(answer) if answer.status() == Some(&BucketVersioningStatus::Enabled) => {
            report.good(BUCKET, format!("{} is versioned", state.bucket()));
        }
        Ok(_) => report.broken(
            BUCKET,
            format!("{} is not versioned, so a deleted board cannot be restored", state.bucket()),
            "switch on versioning in the bucket's properties, or deploy the template again",
        ),
        Err(error) => report.not_checked(BUCKET, "s3:GetBucketVersioning", state.bucket(), &error),
    }
    match s3.get_public_access_block().bucket(state.bucket()).send().await {
        Ok(answer) if answer.public_access_block_configuration().is_some_and(is_private) => {
            report.good(BUCKET, "is private");
        }
        Ok(_) => report.broken(BUCKET, NOT_PRIVATE, BLOCK),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("NoSuchPublicAccessBlockConfiguration") => report.broken(BUCKET, NOT_PRIVATE, BLOCK),
            _ => report.not_checked(BUCKET, "s3:GetBucketPublicAccessBlock", state.bucket(), &error),
        },
    }
    report_conditional_writes(report, &state, try_conditional_writes(&state).await);
    Ok(read(report, stack, &state).await)
}

const NOT_PRIVATE: &str = "could become public, because not all four public access blocks are on";
const BLOCK: &str = "switch on `Block all public access` in the bucket's permissions, or deploy the template again";

fn is_private(block: &PublicAccessBlockConfiguration) -> bool {
    [
        block.block_public_acls(),
        block.block_public_policy(),
        block.ignore_public_acls(),
        block.restrict_public_buckets(),
    ]
    .iter()
    .all(|on| *on == Some(true))
}

/// Writes a new object, writes it again with If-None-Match, compare-and-swaps it with a wrong `ETag`, and deletes it.
/// Returns whether S3 refused the second and the third write; the whole protocol depends on this.
async fn try_conditional_writes(state: &Store) -> Result<bool, StoreError> {
    let key = format!("doctor/{}", clock::nonce().as_str());
    let first = state.put_new(&key, b"1", "text/plain").await?;
    let tried = async {
        let second = state.put_new(&key, b"2", "text/plain").await?;
        let swapped = state.swap(&key, &Etag::new("\"00000000000000000000000000000000\""), b"3").await?;
        Ok(matches!(first, PutNew::Created { .. }) && second == PutNew::Exists && swapped == CompareAndSwap::Conflict)
    }
    .await;
    // An object that cannot be deleted does no harm.
    let _ = state.delete(&key).await;
    tried
}

fn report_conditional_writes(report: &mut DoctorReport, state: &Store, tried: Result<bool, StoreError>) {
    match tried {
        Ok(true) => report.good(BUCKET, "conditional writes work"),
        Ok(false) => report.broken(
            BUCKET,
            format!(
                "{} accepts a conditional write that it should refuse, so two writers could overwrite each other",
                state.bucket()
            ),
            "use Amazon S3, or a store that supports If-None-Match and If-Match",
        ),
        // Most users may only read the state bucket.
        Err(StoreError::Call(error)) if error.fault().is_denied() => {
            report.note(BUCKET, "conditional writes not checked, because you may not write to doctor/; the permission is not needed otherwise");
        }
        Err(error) => {
            report.warning(BUCKET, format!("conditional writes not checked: {error}"), "run the command again");
        }
    }
}

async fn read(report: &mut DoctorReport, stack: &Stack, state: &Store) -> StateContents {
    let next = FIRST_RELEASE.replace("STACK", &stack.name);
    let (board, release) = match ledger::snapshot(state).await {
        Ok(snapshot) => snapshot,
        Err(StateError::NoBoard(address)) => {
            report.next(
                BOARD,
                "missing: nothing was released yet, or the board was deleted",
                format!(
                    "{next}; if the stack had a board before, run `landfall recover` instead, which restores {address}"
                ),
            );
            return StateContents::default();
        }
        Err(error) => {
            let (of, fix) = match &error {
                StateError::Store(_) => {
                    (BOARD, "add s3:GetObject and s3:ListBucket on the state bucket to your own IAM policy")
                }
                StateError::Release { .. } => (RELEASE, "release the project again"),
                _ => (
                    BOARD,
                    "use the same version of the landfall command and the functions; if the versions are the same, run `landfall recover`, which restores an older board",
                ),
            };
            report.broken(of, error.to_string(), fix);
            return StateContents::default();
        }
    };
    report.good(BOARD, format!("version {}, number {} of {}", board.version, board.seq, board.now));
    match (&board.release, &release) {
        (None, _) => report.next(RELEASE, "none is in place yet", next),
        (Some(id), Some(_)) => report.good(RELEASE, format!("{id} is in place")),
        (Some(id), None) => report.broken(
            RELEASE,
            format!("{id} is in place, but its files were deleted"),
            "restore releases/ from the bucket's versions, or release the project again",
        ),
    }
    StateContents { board: Some(board), release }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_private_only_with_all_four_blocks() {
        let all = PublicAccessBlockConfiguration::builder()
            .block_public_acls(true)
            .block_public_policy(true)
            .ignore_public_acls(true)
            .restrict_public_buckets(true);
        assert!(is_private(&all.clone().build()));
        assert!(!is_private(&all.restrict_public_buckets(false).build()));
        assert!(!is_private(&PublicAccessBlockConfiguration::builder().build()));
    }
}
