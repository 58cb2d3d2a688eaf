//! The state bucket: private, versioned, with conditional writes; the board and the release that it names.

use aws_sdk_s3::{
    error::ProvideErrorMetadata as _,
    types::{BucketVersioningStatus, PublicAccessBlockConfiguration},
};
use landfall_aws::{Store, StoreError, clock, store::CompareAndSwap, store::PutNew};
use landfall_planner::{Board, Release};

use super::{DoctorError, Report};
use crate::{
    ledger::{self, StateError},
    stack::Stack,
};

const BUCKET: &str = "state bucket";
const BOARD: &str = "board";
const RELEASE: &str = "release";
/// What to do before the first run.
pub const FIRST_RELEASE: &str = "build the image of your project (container/Dockerfile), push it, and run `landfall release --project DIR --target NAME --stack STACK --image REPOSITORY@sha256:...`";

/// What the state bucket holds.
#[derive(Debug, Default)]
pub struct Found {
    /// None before the first release.
    pub board: Option<Board>,
    /// None before the first release.
    pub release: Option<Release>,
}

/// Looks at the bucket, and reads what is there.
pub async fn examine(report: &mut Report, stack: &Stack) -> Result<Found, DoctorError> {
    let state = stack.state()?;
    let s3 = stack.s3();
    match s3.get_bucket_versioning().bucket(state.bucket()).send().await {
        Ok(answer) if answer.status() == Some(&BucketVersioningStatus::Enabled) => {
            report.good(BUCKET, format!("{} is versioned", state.bucket()));
        }
        Ok(_) => report.broken(
            BUCKET,
            format!("{} is not versioned: a board that is lost cannot be restored", state.bucket()),
            "switch versioning on in the bucket's properties, or deploy the template again",
        ),
        Err(error) => report.unseen(BUCKET, "s3:GetBucketVersioning", state.bucket(), &error),
    }
    match s3.get_public_access_block().bucket(state.bucket()).send().await {
        Ok(answer) if answer.public_access_block_configuration().is_some_and(is_private) => {
            report.good(BUCKET, "is private");
        }
        Ok(_) => report.broken(BUCKET, NOT_PRIVATE, BLOCK),
        Err(error) => match error.as_service_error().and_then(|error| error.code()) {
            Some("NoSuchPublicAccessBlockConfiguration") => report.broken(BUCKET, NOT_PRIVATE, BLOCK),
            _ => report.unseen(BUCKET, "s3:GetBucketPublicAccessBlock", state.bucket(), &error),
        },
    }
    judge_conditional_writes(report, &state, try_conditional_writes(&state).await);
    Ok(read(report, stack, &state).await)
}

const NOT_PRIVATE: &str = "could be made public: not all four public access blocks are on";
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

/// Writes an object of its own that must not exist, writes it again, compare-and-swaps it on a wrong mark, and takes it away. Everything rests on the second
/// and the third being refused.
async fn try_conditional_writes(state: &Store) -> Result<bool, StoreError> {
    let key = format!("doctor/{}", clock::nonce().as_str());
    let first = state.put_new(&key, b"1", "text/plain").await?;
    let tried = async {
        let second = state.put_new(&key, b"2", "text/plain").await?;
        let swapped = state.swap(&key, "\"00000000000000000000000000000000\"", b"3").await?;
        Ok(matches!(first, PutNew::Created { .. }) && second == PutNew::Exists && swapped == CompareAndSwap::Conflict)
    }
    .await;
    // A stray would be in nobody's way; what was tried counts.
    let _ = state.delete(&key).await;
    tried
}

fn judge_conditional_writes(report: &mut Report, state: &Store, tried: Result<bool, StoreError>) {
    match tried {
        Ok(true) => report.good(BUCKET, "conditional writes work"),
        Ok(false) => report.broken(
            BUCKET,
            format!("{} takes a conditional write that it should refuse: two writers could both win", state.bucket()),
            "use S3 itself, or a store that has If-None-Match and If-Match",
        ),
        // Reading is all that most people's policies allow here.
        Err(StoreError::Call(error)) if error.fault().is_denied() => {
            report.note(BUCKET, "conditional writes not tried: you may not write to doctor/ there, nor need to");
        }
        Err(error) => report.warning(BUCKET, format!("conditional writes not tried: {error}"), "try again"),
    }
}

async fn read(report: &mut Report, stack: &Stack, state: &Store) -> Found {
    let next = FIRST_RELEASE.replace("STACK", &stack.name);
    let (board, release) = match ledger::snapshot(state).await {
        Ok(snapshot) => snapshot,
        Err(StateError::NoBoard(address)) => {
            report.next(
                BOARD,
                "there is none: nothing was released yet, or it was lost",
                format!("{next}; if there was a board before, `landfall recover` restores {address} instead"),
            );
            return Found::default();
        }
        Err(error) => {
            let (of, fix) = match &error {
                StateError::Store(_) => {
                    (BOARD, "have s3:GetObject and s3:ListBucket on the state bucket added to your own policy")
                }
                StateError::Release { .. } => (RELEASE, "release the project again"),
                _ => (
                    BOARD,
                    "use the landfall command and the functions of one version; else `landfall recover` takes an older one",
                ),
            };
            report.broken(of, error.to_string(), fix);
            return Found::default();
        }
    };
    report.good(BOARD, format!("version {}, number {} of {}", board.version, board.seq, board.now));
    match (&board.release, &release) {
        (None, _) => report.next(RELEASE, "none is in place yet", next),
        (Some(id), Some(_)) => report.good(RELEASE, format!("{id} is in place")),
        (Some(id), None) => report.broken(
            RELEASE,
            format!("the files of {id}, which is in place, are gone"),
            "restore releases/ from the bucket's versions, or release the project again",
        ),
    }
    Found { board: Some(board), release }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_means_all_four() {
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
